/* order.c -- in which order the rows of a result lie.
 *
 * NOTE [Orders]. The rows of a group's result may lie in any order, as a promise knows its call, and the group which
 * row that is. Groups that use the result want theirs next to each other, in an order of their own; then they need no
 * copy:
 *
 *     linear, of the words of two sentences        a1 a2 a3 b1 b2
 *     step 1 adds a1 and b1, step 2 a2 and b2, step 3 a3
 *     so the result of linear is to be             a1 b1 a2 b2 a3
 *
 * Groups are gone through from the last level to the first, so when a group's turn comes, all that use it have their
 * order, and it takes the one that pays most. Its own operands are then wanted in that order. A whole chain of calls on
 * the same rows has one order, which is compared by its address; what is one run of such a group stays one. Other
 * columns are put into the order of the rows right away. */
#include <string.h>

#include "batch/deferral.h"

/* Rows that calls of some kind want next to each other: those of `runs` one after the other; where that is one run, it
 * is in `order`. The first that wants all rows, and those that agree with it, are the group's whole_order instead. */
typedef struct wk_use {
    struct wk_use *next;
    const wk_kind *kind;
    const wk_order *order;
    const wk_run *runs;
    int32_t run_count, count;
    int64_t nbytes;
} wk_use;

static int64_t row_nbytes(wk_source s) { return wk__array_nbytes(wk__source_array(s)); }

static bool is_as_called(const wk_use *use) { return use->run_count == 1 && use->order == NULL; }

/* The calls whose rows are wanted, one after the other. */
static void list_calls(const wk_use *use, int32_t *calls) {
    for (int32_t r = 0; r < use->run_count; r++) {
        const wk_run *run = &use->runs[r];
        const int32_t first = wk__member_at(run->source, run->row).call;
        for (int32_t i = 0; i < run->count; i++) *calls++ = first + (use->order != NULL ? use->order->calls[i] : i);
    }
}

/* ------------------------------------------------------------------------------------------------- a new order --- */

/* An order on its way: the calls that have a row, and of the others row -1. */
typedef struct ordering {
    int32_t *calls, *rows, *wanted; /* wanted: room for those of one use */
    int32_t placed;
} ordering;

/* The next row, if it has none yet. */
static void give_row(ordering *o, int32_t call) {
    if (o->rows[call] >= 0) return;
    o->rows[call] = o->placed;
    o->calls[o->placed++] = call;
}

/* Those of a use get the next rows if none has one yet. It may want a row twice, which it cannot have. */
static void place(ordering *o, const wk_group *g, const wk_use *use) {
    if (use->count > g->count) return;
    list_calls(use, o->wanted);
    for (int32_t i = 0; i < use->count; i++)
        if (o->rows[o->wanted[i]] >= 0) return;
    for (int32_t i = 0; i < use->count; i++) give_row(o, o->wanted[i]);
}

/* Those of one kind first, as two kinds that want the same rows otherwise would break each other's. */
static void place_all(ordering *o, const wk_group *g) {
    const wk_use *first = g->uses;
    while (is_as_called(first)) first = first->next;
    for (int32_t i = 0; i < g->count; i++) o->rows[i] = -1;
    for (const wk_use *use = first; use != NULL; use = use->next)
        if (use->kind == first->kind) place(o, g, use);
    for (const wk_use *use = g->uses; use != NULL; use = use->next) place(o, g, use);
    for (int32_t i = 0; i < g->count; i++) give_row(o, i);
}

/* NULL when memory is out. */
static const wk_order *order_new(wk_batch *b, const wk_group *g) {
    const size_t count = (size_t)g->count;
    wk_order *order = wk__batch_alloc(b, sizeof *order + (3 * count + (count & 1)) * sizeof(int32_t));
    if (order == NULL) return NULL;
    int32_t *room = (int32_t *)(void *)(order + 1);
    ordering o = {room, room + count, room + 2 * count, 0};
    place_all(&o, g);
    *order = (wk_order){o.calls, o.rows};
    return order;
}

/* ---------------------------------------------------------------------------------------------- what it brings --- */

/* Would the rows of this use be next to each other? */
static bool suits(const wk_use *use, const wk_order *order) {
    if (use->run_count == 1 && use->order == order) return true;
    int32_t next = -1;
    for (int32_t r = 0; r < use->run_count; r++) {
        const wk_run *run = &use->runs[r];
        const int32_t first = wk__member_at(run->source, run->row).call;
        for (int32_t i = 0; i < run->count; i++) {
            const int32_t row = order->rows[first + (use->order != NULL ? use->order->calls[i] : i)];
            if (next >= 0 && row != next) return false;
            next = row + 1;
        }
    }
    return true;
}

/* Bytes that need not be copied any more, less those that now have to be. */
static int64_t saved_nbytes(const wk_group *g, const wk_order *order) {
    int64_t nbytes = g->whole_nbytes;
    for (const wk_use *use = g->uses; use != NULL; use = use->next)
        nbytes += ((int64_t)suits(use, order) - is_as_called(use)) * use->nbytes;
    return nbytes;
}

/* Can this group not have that order any more? */
static bool is_bound(const wk_group *g, const wk_order *order) {
    return g->has_run || (g->whole_nbytes > 0 && g->whole_order != order);
}

/* Bytes of operands that are one run, and would have to be copied. */
static int64_t lost_nbytes(const wk_group *g, const wk_order *order) {
    int64_t nbytes = 0;
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        const wk_run *run = &g->columns[i].runs[0];
        if (wk__is_shared_operand(g->kind->shared, i) || g->columns[i].count > 1) continue;
        if (is_bound(wk__member_at(run->source, run->row).group, order)) nbytes += g->count * row_nbytes(run->source);
    }
    return nbytes;
}

/* The order that this group is to have. */
static const wk_order *chosen(wk_batch *b, const wk_group *g) {
    const wk_use *use = g->uses;
    while (use != NULL && is_as_called(use)) use = use->next;
    const bool is_whole = g->whole_nbytes > 0;
    const wk_order *order = is_whole ? g->whole_order : use != NULL ? order_new(b, g) : NULL;
    return order != NULL && saved_nbytes(g, order) > lost_nbytes(g, order) ? order : NULL;
}

/* ----------------------------------------------------------------------------------------------------- columns --- */

/* Where the output of each call comes from. */
static void list_runs(const wk_column *column, wk_run *each) {
    for (int32_t r = 0; r < column->count; r++)
        for (int32_t i = 0; i < column->runs[r].count; i++)
            *each++ = (wk_run){column->runs[r].source, column->runs[r].row + i, 1};
}

/* Behind the others, or more of the last. */
static void add_run(wk_column *column, wk_run run) {
    wk_run *last = column->count > 0 ? &column->runs[column->count - 1] : NULL;
    if (last != NULL && last->source == run.source && last->row + last->count == run.row) {
        last->count++;
        return;
    }
    column->runs[column->count++] = run;
    wk__source_retain(run.source);
}

/* There is room for its runs twice. */
static void column_order(wk_column *column, int32_t count, const wk_order *order, wk_run *room) {
    const wk_column old = *column;
    list_runs(column, room);
    *column = (wk_column){.capacity = count, .is_ordered = true, .runs = room + count};
    for (int32_t i = 0; i < count; i++) add_run(column, room[order->calls[i]]);
    for (int32_t r = 0; r < old.count; r++) wk__source_release(old.runs[r].source);
}

static bool is_one_run(const wk_group *g, int32_t i) {
    return wk__is_shared_operand(g->kind->shared, i) || g->columns[i].count == 1;
}

/* The group takes that order, or stays as it is where memory is out. */
static void take(wk_batch *b, wk_group *g, const wk_order *order) {
    size_t columns = 0;
    for (int32_t i = 0; i < g->kind->in_count; i++) columns += !is_one_run(g, i);
    wk_run *room = wk__batch_alloc(b, columns * 2 * (size_t)g->count * sizeof *room);
    if (room == NULL) return;
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        if (is_one_run(g, i)) continue;
        column_order(&g->columns[i], g->count, order, room);
        room += 2 * g->count;
    }
    g->order = order;
}

/* -------------------------------------------------------------------------------------------------------- uses --- */

/* How many runs from this one on are of one group, and of how many rows. */
static int32_t of_one_group(const wk_column *column, int32_t first, int32_t *count) {
    const wk_source source = column->runs[first].source;
    int32_t r = first;
    *count = 0;
    for (; r < column->count && column->runs[r].source == source; r++) *count += column->runs[r].count;
    return r - first;
}

static void note_use(wk_batch *b, const wk_group *g, const wk_use *use) {
    wk_group *from = wk__group_that_runs(wk__source_group(use->runs->source));
    if (from->has_run || use->count == 1) return;
    const int64_t nbytes = use->count * row_nbytes(use->runs->source);
    const bool is_whole = use->run_count == 1 && use->count == from->count;
    if (is_whole && (from->whole_nbytes == 0 || from->whole_order == use->order)) {
        from->whole_order = use->order;
        from->whole_nbytes += nbytes;
        return;
    }
    wk_use *noted = wk__batch_alloc(b, sizeof *noted);
    if (noted == NULL) return;
    *noted = *use;
    noted->next = from->uses;
    noted->kind = g->kind;
    noted->nbytes = nbytes;
    from->uses = noted;
}

static void note_uses(wk_batch *b, const wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        if (wk__is_shared_operand(g->kind->shared, i)) continue;
        const wk_column *column = &g->columns[i];
        wk_use use = {.order = column->is_ordered ? NULL : g->order};
        for (int32_t r = 0; r < column->count; r += use.run_count) {
            use.runs = &column->runs[r];
            use.run_count = 1;
            if (wk__source_group(use.runs->source) == NULL) continue;
            use.run_count = of_one_group(column, r, &use.count);
            note_use(b, g, &use);
        }
    }
}

/* What has been merged since may be one run. */
static void resolve_columns(const wk_batch *b, wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++)
        if (!is_one_run(g, i)) wk__column_resolve(b, &g->columns[i], 0);
}

void wk__groups_order(wk_batch *b) {
    for (int32_t l = b->level_count - 1; l >= 0; l--)
        for (wk_group *g = b->levels[l].first; g != NULL; g = g->next) {
            if (g->count == 1) continue;
            resolve_columns(b, g);
            const wk_order *order = chosen(b, g);
            if (order != NULL) take(b, g, order);
            note_uses(b, g);
        }
}
