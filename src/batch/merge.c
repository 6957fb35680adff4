/* merge.c -- groups that can wait.
 *
 * NOTE [Waiting]. A level has what can run by then; but what nobody needs before a later level may wait for it, and be
 * run with its like there: the losses of trees of all heights, which a program asks for at the end. Levels are gone
 * through from the last to the first, so when a group's turn comes, all who use it have found their level:
 *
 *     level  3  4  5  6          3  4  5  6
 *            a  a' .  .    ->    .  .  .  aa'a"      (first used at 7)
 *            .  .  .  a"
 */
#include <string.h>

#include "batch/deferral.h"

enum { BUCKETS = 64 };

/* Of the groups passed so far, the one at the earliest level of each kind comes first. */
typedef struct kinds {
    wk_group *of[BUCKETS];
} kinds;

static uint64_t bucket_of(const wk_group *g) {
    uint64_t hash = (uint64_t)(uintptr_t)g->op;
    for (int32_t i = 0; i < g->in_count && i < 32; i++)
        if (g->shared >> i & 1) hash ^= *wk__entry_in(g->first, i);
    return (hash * UINT64_C(0x9e3779b97f4a7c15)) >> 58;
}

static bool same_operands(wk_operand a, wk_operand b, bool shared) {
    if (shared || a == 0 || b == 0) return a == b;
    const wk_array *x = wk__operand_array(a), *y = wk__operand_array(b);
    return x->dtype == y->dtype && wk__same_dims(x, y);
}

static bool same_kind(const wk_group *a, const wk_group *b) {
    if (a->op != b->op || a->shared != b->shared || a->records != b->records || a->needs_grad != b->needs_grad ||
        a->in_count != b->in_count || memcmp(a->raw, b->raw, a->op->attrs_nbytes) != 0)
        return false;
    bool same = true;
    for (int32_t i = 0; same && i < a->in_count; i++)
        same =
            same_operands(*wk__entry_in(a->first, i), *wk__entry_in(b->first, i), wk__is_shared_operand(a->shared, i));
    return same;
}

/* The group that g can wait for, or NULL. */
static wk_group *company_of(const kinds *k, const wk_group *g) {
    for (wk_group *other = k->of[bucket_of(g)]; other != NULL; other = other->next_kind)
        if (same_kind(other, g)) return other->level < g->first_use ? other : NULL;
    return NULL;
}

/* The entries of g become the last ones of to. */
static void join(wk_group *to, wk_group *g) {
    for (wk_batch_entry *e = g->first; e != NULL; e = e->next) {
        e->group = to;
        e->place = to->count++;
    }
    to->last->next = g->first;
    to->last = g->last;
    to->holds += g->holds;
    g->first = g->last = NULL;
    g->count = g->holds = 0;
}

/* Those whose outputs the entries from e on have as operands are used at this level. */
static void note_uses(wk_batch_entry *e, int32_t in_count, int32_t level) {
    for (; e != NULL; e = e->next)
        for (int32_t i = 0; i < in_count; i++) {
            const wk_batch_entry *of = wk__operand_entry(*wk__entry_in(e, i));
            if (of != NULL && level < of->group->first_use) of->group->first_use = level;
        }
}

static void pass_level(kinds *k, wk_level *level) {
    wk_group *last = NULL;
    for (wk_group **at = &level->first, *g = *at; g != NULL; g = *at) {
        wk_group *company = company_of(k, g);
        wk_batch_entry *first = g->first;
        if (company != NULL) {
            *at = g->next;
            join(company, g);
            note_uses(first, company->in_count, company->level);
            continue;
        }
        note_uses(first, g->in_count, g->level);
        wk_group **bucket = &k->of[bucket_of(g)];
        g->next_kind = *bucket;
        *bucket = last = g;
        at = &g->next;
    }
    level->last = last;
}

void wk__groups_merge(wk_batch *b) {
    kinds k = {{NULL}};
    for (int32_t l = b->level_count - 1; l >= 0; l--) pass_level(&k, &b->levels[l]);
}
