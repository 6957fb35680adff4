/* group.c -- groups, their levels and columns. */
#include <string.h>

#include "batch/deferral.h"

static bool levels_grow(wk_batch *b) {
    const int32_t capacity = b->level_capacity > 0 ? 2 * b->level_capacity : 64;
    wk_level *levels = wk__heap_alloc(&b->ctx->heap, wk__heap_class((size_t)capacity * sizeof *levels));
    if (levels == NULL) return false;
    for (int32_t i = 0; i < b->level_count; i++) levels[i] = b->levels[i];
    if (b->levels != NULL)
        wk__heap_free(&b->ctx->heap, b->levels, wk__heap_class((size_t)b->level_capacity * sizeof *levels));
    b->levels = levels;
    b->level_capacity = capacity;
    return true;
}

/* Behind the others of its level. */
static void enter(wk_batch *b, wk_group *g) {
    wk_level *level = &b->levels[g->level - 1];
    while (b->level_count < g->level) b->levels[b->level_count++] = (wk_level){NULL, NULL};
    if (level->last != NULL)
        level->last->next = g;
    else
        level->first = g;
    level->last = g;
    g->older = b->groups;
    b->groups = g;
}

wk_group *wk__group_new(wk_batch *b, wk_kind *kind, int32_t level) {
    wk_group *g = NULL;
    if (level <= b->level_capacity || levels_grow(b))
        g = wk__batch_alloc(b, sizeof *g + (size_t)kind->in_count * sizeof(wk_column));
    if (g == NULL) return NULL;
    *g = (wk_group){.kind = kind, .level = level, .is_open = true, .first_use = INT32_MAX, .place = -1};
    for (int32_t i = 0; i < kind->in_count; i++) {
        g->columns[i].source = 0;
        g->columns[i].next = -2; /* no row, and not that of an absent operand */
        g->columns[i].count = 0;
        g->columns[i].capacity = 1;
        g->columns[i].is_ordered = false;
        g->columns[i].runs = &g->columns[i].first;
    }
    if (kind->first == NULL) kind->first = g;
    enter(b, g);
    return g;
}

/* The old runs stay where they are, in the arena. */
bool wk__column_grow(wk_batch *b, wk_column *column) {
    const int32_t capacity = 4 * column->capacity;
    wk_run *runs = wk__batch_alloc(b, (size_t)capacity * sizeof *runs);
    if (runs == NULL) return false;
    memcpy(runs, column->runs, (size_t)column->count * sizeof *runs);
    column->runs = runs;
    column->capacity = capacity;
    return true;
}
