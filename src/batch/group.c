/* group.c -- groups, their levels and columns. */
#include <string.h>

#include "batch/deferral.h"

enum { EXPECTED = 16 }; /* runs, where there are more than one */

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

/* Is there room for levels up to this one? */
static bool levels_reach(wk_batch *b, int32_t level) {
    while (b->level_capacity < level)
        if (!levels_grow(b)) return false;
    return true;
}

/* Behind the others of its level. */
static void enter_level(wk_batch *b, wk_group *g) {
    wk_level *level = &b->levels[g->level - 1];
    while (b->level_count < g->level) b->levels[b->level_count++] = (wk_level){NULL, NULL};
    if (level->last != NULL)
        level->last->next = g;
    else
        level->first = g;
    level->last = g;
    g->next = NULL;
}

bool wk__levels_settle(wk_batch *b) {
    wk_group *all = NULL, **end = &all;
    int32_t highest = 0;
    if (!b->some_moved) return true;
    for (int32_t l = 0; l < b->level_count; l++) {
        if (b->levels[l].first == NULL) continue;
        *end = b->levels[l].first;
        end = &b->levels[l].last->next;
    }
    for (const wk_group *g = all; g != NULL; g = g->next) highest = g->level > highest ? g->level : highest;
    if (!levels_reach(b, highest)) return false;
    b->level_count = 0;
    for (wk_group *g = all, *next; g != NULL; g = next) {
        next = g->next;
        enter_level(b, g);
    }
    return !(b->some_moved = false);
}

/* An empty column, with room for some runs where the one that it is like has more than one. */
static void column_begin(wk_batch *b, wk_column *column, const wk_column *like) {
    wk_run *runs = like != NULL && like->capacity > 1 ? wk__batch_alloc(b, EXPECTED * sizeof *runs) : NULL;
    column->source = 0;
    column->next = -2; /* no row, and not that of an absent operand */
    column->count = 0;
    column->capacity = runs != NULL ? EXPECTED : 1;
    column->is_ordered = false;
    column->runs = runs != NULL ? runs : &column->first;
}

wk_group *wk__group_new(wk_batch *b, wk_kind *kind, int32_t level) {
    if (!levels_reach(b, level)) return NULL;
    wk_group *g = wk__batch_alloc(b, sizeof *g + (size_t)kind->in_count * sizeof(wk_column));
    if (g == NULL) return NULL;
    wk_group *like = kind->newest;
    *g = (wk_group){.kind = kind, .like = like, .level = level, .is_open = true, .first_use = INT32_MAX, .place = -1};
    for (int32_t i = 0; i < kind->in_count; i++)
        column_begin(b, &g->columns[i], like != NULL ? &like->columns[i] : NULL);
    if (kind->first == NULL) kind->first = g;
    kind->newest = g;
    kind->group_count++;
    enter_level(b, g);
    g->older = b->groups;
    b->groups = g;
    return g;
}

/* What is pending has no elements yet. A promise without a source was broken by its batch; one of another context's
 * batch is refused later on. */
wk_group *wk__latest_pending(const wk_call *c) {
    wk_group *latest = NULL;
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL || x->live != WK__PROMISED || x->storage == NULL || x->ctx != c->ctx) continue;
        wk_group *g = wk__source_group((wk_source)x->storage);
        if (g->is_open && (latest == NULL || g->level > latest->level)) latest = g;
    }
    return latest;
}

/* The old runs stay where they are, in the arena. */
bool wk__column_grow(wk_batch *b, wk_column *column) {
    const int32_t capacity = 4 * column->capacity < EXPECTED ? EXPECTED : 4 * column->capacity;
    wk_run *runs = wk__batch_alloc(b, (size_t)capacity * sizeof *runs);
    if (runs == NULL) return false;
    memcpy(runs, column->runs, (size_t)column->count * sizeof *runs);
    column->runs = runs;
    column->capacity = capacity;
    return true;
}
