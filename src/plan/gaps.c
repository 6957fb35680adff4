/* gaps.c -- see gaps.h: a treap. Gaps are ordered by the call that they begin with, and a node knows how far the
 * farthest of those at and below it goes, so that one that is long enough is found by going down once.
 *
 * Seidel & Aragon 1996, Randomized Search Trees, https://doi.org/10.1007/BF01940876 */
#include "plan/gaps.h"

typedef struct node {
    int32_t from, to, slot, farthest;
    int32_t left, right; /* -1: none */
    uint32_t priority;   /* larger than those below */
} node;

static node *at(const wk_gaps *gaps, int32_t i) { return &WK_ITEMS(node, gaps->nodes)[i]; }

static int32_t farthest(const wk_gaps *gaps, int32_t i) { return i < 0 ? -1 : at(gaps, i)->farthest; }

static void measure(const wk_gaps *gaps, int32_t i) {
    node *n = at(gaps, i);
    const int32_t left = farthest(gaps, n->left), right = farthest(gaps, n->right);
    n->farthest = n->to;
    if (left > n->farthest) n->farthest = left;
    if (right > n->farthest) n->farthest = right;
}

/* All of a begin before all of b, or with them. */
static int32_t joined(const wk_gaps *gaps, int32_t a, int32_t b) {
    if (a < 0 || b < 0) return a < 0 ? b : a;
    const bool above = at(gaps, a)->priority > at(gaps, b)->priority;
    if (above)
        at(gaps, a)->right = joined(gaps, at(gaps, a)->right, b);
    else
        at(gaps, b)->left = joined(gaps, a, at(gaps, b)->left);
    measure(gaps, above ? a : b);
    return above ? a : b;
}

/* Into those that begin with the call or before it, and the others. */
static void split(const wk_gaps *gaps, int32_t i, int32_t from, int32_t *before, int32_t *behind) {
    if (i < 0) {
        *before = *behind = -1;
        return;
    }
    if (at(gaps, i)->from <= from) {
        split(gaps, at(gaps, i)->right, from, &at(gaps, i)->right, behind);
        *before = i;
    } else {
        split(gaps, at(gaps, i)->left, from, before, &at(gaps, i)->left);
        *behind = i;
    }
    measure(gaps, i);
}

/* The tree without the last gap of those that go on to a call, of which there is one. */
static int32_t without(const wk_gaps *gaps, int32_t i, int32_t to, int32_t *found) {
    node *n = at(gaps, i);
    if (farthest(gaps, n->right) >= to) {
        n->right = without(gaps, n->right, to, found);
    } else if (n->to >= to) {
        *found = i;
        return joined(gaps, n->left, n->right);
    } else {
        n->left = without(gaps, n->left, to, found);
    }
    measure(gaps, i);
    return i;
}

static void insert(wk_gaps *gaps, int32_t i) {
    int32_t before, behind;
    split(gaps, gaps->root, at(gaps, i)->from, &before, &behind);
    gaps->root = joined(gaps, joined(gaps, before, i), behind);
}

bool wk__gaps_add(wk_gaps *gaps, int32_t from, int32_t to, int32_t slot) {
    if (from > to) return true;
    node *n = WK_PUSH(node, gaps->nodes);
    if (n == NULL) return false;
    if (gaps->nodes.count == 1) gaps->root = -1;
    const uint32_t random = (uint32_t)gaps->nodes.count * 2654435769u;
    *n = (node){from, to, slot, to, -1, -1, (random ^ random >> 15) * 2246822519u};
    insert(gaps, (int32_t)(gaps->nodes.count - 1));
    return true;
}

int32_t wk__gaps_take(wk_gaps *gaps, int32_t from, int32_t to) {
    int32_t before, behind, found = -1;
    if (gaps->nodes.count == 0) return -1;
    split(gaps, gaps->root, from, &before, &behind);
    if (farthest(gaps, before) >= to) before = without(gaps, before, to, &found);
    gaps->root = joined(gaps, before, behind);
    if (found < 0) return -1;
    const node n = *at(gaps, found);
    return wk__gaps_add(gaps, n.from, from - 1, n.slot) && wk__gaps_add(gaps, to + 1, n.to, n.slot) ? n.slot : -2;
}

void wk__gaps_free(wk_gaps *gaps) { wk__growing_free(&gaps->nodes); }
