/* merge.c -- groups of one kind that become one.
 *
 * NOTE [Merging]. Calls of one kind and level are several groups when their operands come from different ones. As one
 * group they cost one call, and one on the way back; but operands that lay side by side no longer do, and have to be
 * copied. So groups are merged where nothing has to be copied that was not before, and where it is little. Levels are
 * gone through from the first on, as what follows merged groups can be merged with them for nothing:
 *
 *     a: rows 0..7 of g     a': rows 0..7 of h     g and h merged     ->     a, a': rows 0..15 of that
 *
 * NOTE [Waiting]. A level has what can run by then; but what nobody needs before a later level may wait for it, and be
 * run with its like there: the losses of trees of all heights, which a program asks for at the end. For that, levels
 * are gone through from the last to the first, so when a group's turn comes, all who use it have found their level:
 *
 *     level  3  4  5  6          3  4  5  6
 *            a  a' .  .    ->    .  .  .  aa'a"      (first used at 7)
 *            .  .  .  a"
 */
#include <string.h>

#include "batch/deferral.h"

enum { MANY_CALLS = 64 }; /* so many rows make a product as fast per row as more would */

/* ------------------------------------------------------------------------------------------------------ columns --- */

/* Is b what follows a in the same result? */
static bool are_one(const wk_run *a, const wk_run *b) {
    return a->source == b->source && a->row + a->count == b->row;
}

/* By the group that will run for it. */
static wk_run resolved(wk_run run) {
    const wk_member m = wk__member_at(run.source, run.row);
    return (wk_run){(wk_source)m.group + 1 + (wk_source)m.output, m.call, run.count};
}

void wk__runs_resolve(wk_column *column, int32_t r) {
    wk_run *runs = column->runs;
    int32_t kept = r;
    for (; r < column->count; r++) {
        runs[kept] = runs[r];
        if (wk__source_group(runs[r].source) != NULL) {
            runs[kept] = resolved(runs[r]);
            if (kept > 0 && are_one(&runs[kept - 1], &runs[kept])) {
                runs[kept - 1].count += runs[kept].count;
                wk__source_release(runs[kept].source);
                continue;
            }
        }
        kept++;
    }
    column->count = kept;
}

/* Would the two, one behind the other, be one run? */
static bool are_neighbours(const wk_column *a, const wk_column *b) {
    if (a->count != 1 || b->count != 1 || wk__source_group(a->runs[0].source) == NULL) return false;
    return are_one(&a->runs[0], &b->runs[0]);
}

/* Bytes of operand i that would have to be copied, and are not if g does not join. */
static int64_t copied_nbytes(const wk_group *to, const wk_group *g, int32_t i) {
    const wk_column *a = &to->columns[i], *b = &g->columns[i];
    if (wk__is_shared_operand(g->kind->shared, i) || are_neighbours(a, b)) return 0;
    const wk_array *like = wk__source_array(b->runs[0].source);
    const int64_t calls = (a->count == 1 ? to->count : 0) + (b->count == 1 ? g->count : 0);
    return calls * like->numel * wk__dtype_nbytes[like->dtype];
}

static bool is_worth_it(const wk_group *to, const wk_group *g) {
    int64_t nbytes = 0;
    for (int32_t i = 0; i < g->kind->in_count; i++) nbytes += copied_nbytes(to, g, i);
    if (nbytes <= WK__FEW_NBYTES_COPIED) return true;
    return g->kind->shared != 0 && (to->count < MANY_CALLS || g->count < MANY_CALLS);
}

/* ------------------------------------------------------------------------------------------------------- groups --- */

/* The calls of g become the last ones of to. False when memory is out, and nothing has changed. */
static bool join(wk_batch *b, wk_group *to, wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++)
        while (to->columns[i].capacity < to->columns[i].count + g->columns[i].count)
            if (!wk__column_grow(b, &to->columns[i])) return false;
    b->some_joined = true;
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        wk_column *column = &to->columns[i];
        if (wk__is_shared_operand(g->kind->shared, i)) {
            wk__source_release(g->columns[i].runs[0].source);
            continue;
        }
        memcpy(column->runs + column->count, g->columns[i].runs, (size_t)g->columns[i].count * sizeof(wk_run));
        const int32_t first = column->count;
        column->count += g->columns[i].count;
        wk__column_resolve(b, column, first);
    }
    g->joined = to;
    g->kind->joined_count++;
    g->offset = to->count;
    g->is_open = false;
    to->count += g->count;
    to->holds += g->holds;
    return true;
}

/* All calls have been made: the last run of each column is as long as it gets. */
static void settle(const wk_batch *b, wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        if (!wk__is_shared_operand(g->kind->shared, i)) wk__column_settle(&g->columns[i]);
        wk__column_resolve(b, &g->columns[i], 0);
    }
}

/* Those of one level with one another. */
static void merge_level(wk_batch *b, wk_level *level) {
    wk_group *last = NULL;
    for (wk_group **at = &level->first, *g = *at; g != NULL; g = *at) {
        settle(b, g);
        wk_group **company = &g->kind->company, *to = *company;
        if (to != NULL && to->level == g->level && is_worth_it(to, g) && join(b, to, g)) {
            *at = g->next;
            continue;
        }
        if (to == NULL || to->level != g->level || g->count < to->count) *company = g;
        last = g;
        at = &g->next;
    }
    level->last = last;
}

/* The groups whose outputs these calls have as operands are used at this level. */
static void note_uses(const wk_group *of, int32_t level) {
    for (int32_t i = 0; i < of->kind->in_count; i++)
        for (int32_t r = 0; r < of->columns[i].count; r++) {
            wk_group *g = wk__source_group(of->columns[i].runs[r].source);
            if (g == NULL) continue;
            g = wk__group_that_runs(g);
            if (level < g->first_use) g->first_use = level;
        }
}

/* Those that can wait, with one of a later level. */
static void wait_level(wk_batch *b, wk_level *level) {
    wk_group *last = NULL;
    for (wk_group **at = &level->first, *g = *at; g != NULL; g = *at) {
        wk_group **company = &g->kind->company, *to = *company;
        if (to != NULL && to->level > g->level && to->level < g->first_use && is_worth_it(to, g) && join(b, to, g)) {
            *at = g->next;
            note_uses(g, to->level);
            continue;
        }
        note_uses(g, g->level);
        *company = last = g;
        at = &g->next;
    }
    level->last = last;
}

void wk__groups_merge(wk_batch *b) {
    for (int32_t l = 0; l < b->level_count; l++) merge_level(b, &b->levels[l]);
    for (int32_t l = b->level_count - 1; l >= 0; l--) wait_level(b, &b->levels[l]);
    wk__late_kinds_note(b);
}
