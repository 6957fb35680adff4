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
        if (g->shared >> i & 1) hash ^= g->columns[i].first.source;
    return (hash * UINT64_C(0x9e3779b97f4a7c15)) >> 58;
}

static bool same_operands(const wk_group *a, const wk_group *b, int32_t i) {
    const wk_run *s = &a->columns[i].first, *t = &b->columns[i].first;
    if (wk__is_shared_operand(a->shared, i)) return s->source == t->source && s->row == t->row;
    const wk_array *x = wk__source_array(s->source), *y = wk__source_array(t->source);
    return x->dtype == y->dtype && wk__same_dims(x, y);
}

static bool same_kind(const wk_group *a, const wk_group *b) {
    if (a->op != b->op || a->shared != b->shared || a->records != b->records || a->needs_grad != b->needs_grad ||
        a->in_count != b->in_count || memcmp(a->raw, b->raw, a->op->attrs_nbytes) != 0)
        return false;
    bool same = true;
    for (int32_t i = 0; same && i < a->in_count; i++) same = same_operands(a, b, i);
    return same;
}

/* The group that g can wait for, or NULL. */
static wk_group *company_of(const kinds *k, const wk_group *g) {
    for (wk_group *other = k->of[bucket_of(g)]; other != NULL; other = other->next_kind)
        if (same_kind(other, g)) return other->level < g->first_use ? other : NULL;
    return NULL;
}

/* The calls of g become the last ones of to. False when memory is out, and nothing has changed. */
static bool join(wk_batch *b, wk_group *to, wk_group *g) {
    for (int32_t i = 0; i < g->in_count; i++) {
        wk_column *column = &to->columns[i];
        while (column->capacity < column->count + g->columns[i].count)
            if (!wk__column_grow(b, column)) return false;
    }
    for (int32_t i = 0; i < g->in_count; i++) {
        wk_column *column = &to->columns[i];
        if (wk__is_shared_operand(g->shared, i))
            wk__source_release(g->columns[i].first.source);
        else
            for (int32_t r = 0; r < g->columns[i].count; r++) column->runs[column->count++] = g->columns[i].runs[r];
    }
    g->joined = to;
    g->offset = to->count;
    g->is_open = false;
    to->count += g->count;
    to->holds += g->holds;
    return true;
}

/* The groups whose outputs these calls have as operands are used at this level. */
static void note_uses(const wk_group *of, int32_t level) {
    for (int32_t i = 0; i < of->in_count; i++)
        for (int32_t r = 0; r < of->columns[i].count; r++) {
            wk_group *g = wk__source_group(of->columns[i].runs[r].source);
            if (g != NULL && level < g->first_use) g->first_use = level;
        }
}

/* What waits leaves the level. */
static void pass_level(wk_batch *b, kinds *k, wk_level *level) {
    wk_group *last = NULL;
    for (wk_group **at = &level->first, *g = *at; g != NULL; g = *at) {
        wk_group *company = company_of(k, g);
        if (company != NULL && join(b, company, g)) {
            *at = g->next;
            note_uses(g, company->level);
            continue;
        }
        note_uses(g, g->level);
        wk_group **bucket = &k->of[bucket_of(g)];
        g->next_kind = *bucket;
        *bucket = last = g;
        at = &g->next;
    }
    level->last = last;
}

void wk__groups_merge(wk_batch *b) {
    kinds k = {{NULL}};
    for (int32_t l = b->level_count - 1; l >= 0; l--) pass_level(b, &k, &b->levels[l]);
}
