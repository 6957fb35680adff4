/* batch.h -- calls that are put off, and those of one kind run as one.
 *
 * NOTE [Batches]. Inside a batch a call of a row that allows it (wk_op.batch) only makes promises (NOTE [Promises]):
 *
 *     group    calls of one signature and level: they do not depend on one another and differ in values only
 *     result   what a group was run to: one tensor, a row of which is the output of each call, in program order
 *     wave     what runs when somebody looks at elements: the pending groups, level after level
 *
 *     tanh(a)  tanh(b)  tanh(c)   -->   group, 3 calls   -->   tanh of (3, dims of a)
 *                                                              row 0 -> first promise, 1 -> second, 2 -> third
 *
 * The level of a call is one more than the highest among its operands that are pending. Calls are of one kind when they
 * have the same row, attributes, shapes of what is put side by side, and the same tensors for the rest
 * (wk_op.batch_shared: the weight of linear). A group has calls of one kind whose operands come from the same groups;
 * when the wave runs, groups of one kind become one where that pays (merge.c).
 *
 * NOTE [Columns]. A call has no record of its own. Its promises know their group and row; and of its operands the group
 * has a column each, in which rows that follow one another are a run. What a program calls again and again for one
 * example after the other mostly makes the last run longer by one:
 *
 *     a group     x: rows 0..15 of group 7        b: rows 3..9 of group 8, rows 20..28 of group 8
 *
 * and a column that is one run needs no copy when the group runs.
 *
 * Rows of a result are in the order of the calls, or in another in which others look at them (NOTE [Orders] in
 * order.c).
 *
 * What runs is recorded, and nothing else: a gather of what was not side by side already, the row on the whole group.
 * So gradients need nothing new. An output that is used outside of groups becomes a view of its row, recorded as one.
 * A group does not hold its promises, so scopes inside the batch let go of handles as ever; it counts who may still ask
 * for its result. Everything lies in one arena, which goes when the batch closes. */
#ifndef WK_BATCH_BATCH_H
#define WK_BATCH_BATCH_H

#include "grad/op.h"

struct wk_group;

/* Where an operand comes from: a tensor, which is held; or output k of a group, as the group's address + 1 + k. */
typedef uintptr_t wk_source;

/* Operands one after the other: rows `row` to `row + count - 1` of a group's output; a tensor, for which row is 0 and
 * count is 1; source 0, row -1: none. */
typedef struct wk_run {
    wk_source source;
    int32_t row, count;
} wk_run;

/* NOTE [Columns]. The last run is growing: its count is set when another begins, or when the group is to run. What is
 * the same for all calls of a group stands there once, and does not grow. */
typedef struct wk_column {
    wk_source source; /* of the last run */
    int32_t next;     /* the row that makes it longer by one; the row itself, where it is shared */
    int32_t count, capacity;
    bool is_ordered; /* the runs are in the order of the group's rows: NOTE [Orders]; else in that of its calls */
    wk_run *runs;    /* &first, or in the arena */
    wk_run first;
} wk_column;

/* NOTE [Orders] in order.c. The one is the inverse of the other. */
typedef struct wk_order {
    const int32_t *calls; /* of each row of the result, whose it is */
    const int32_t *rows;  /* of each call, where its output is */
} wk_order;

/* NOTE [Paths] in defer.c. */
typedef struct wk_path {
    struct wk_path *next;
    struct wk_group *to;
} wk_path;

enum { WK__MODEL_NBYTES = 2 * WK__LINE, WK__MODEL_DIMS = 5 }; /* a handle's own words, and so many of its dims */

/* What groups of one kind have in common. */
typedef struct wk_kind {
    const wk_op *op;
    const void *raw; /* attributes as they were given */
    char *models;    /* a promise for each output, of which others are copies (NOTE [Models] in usual.c) */
    uint32_t shared; /* bit i: operand i is the same in all calls */
    int32_t in_count, out_count;
    bool needs_grad, records, may_record;
    bool grad_enabled;                 /* at its first call */
    bool has_models;                   /* and few inputs */
    bool is_late;                      /* NOTE [Late kinds] in late.c */
    int32_t group_count, joined_count; /* groups that are to run, and of these that became part of another */
    void *attrs;    /* as the shape rule left them */
    wk_array *like; /* the outputs of a call: shape and type */
    uint64_t hash;
    struct wk_group *first, *newest; /* of the wave */
    struct wk_group *ready;          /* the newest of those whose operands are all there */
    struct wk_group *company;        /* while groups are merged */
} wk_kind;

typedef struct wk_group {
    wk_kind *kind;
    struct wk_group *after[2]; /* where the calls went that came next, the last times (NOTE [Paths]) */
    struct wk_group *firm_after; /* and the next that was not late, the last time */
    int32_t count;             /* calls */
    bool is_open;              /* a group of the wave, to which calls may still be added */
    bool has_run, has_failed;
    bool alone;     /* its one call was run as it stands: the result has no rows */
    bool is_pinned; /* while it is pending: something depends on it that does not move (NOTE [Late kinds]) */
    int64_t holds;  /* runs of pending groups, less promises that have gone: wk__group_is_wanted */
    wk_path *paths; /* to groups that have this one's outputs as operands */
    struct wk_group *like; /* NOTE [Steps] in usual.c */
    int32_t level;
    int32_t offset;                     /* of its first row in `joined` */
    struct wk_group *joined;            /* the group with which it runs (merge.c), or NULL */
    wk_tensor *result[WK__MAX_OUTPUTS]; /* held */
    struct wk_group *older;             /* of the batch */
    struct wk_group *next;              /* of its level */
    int32_t first_use;                  /* while groups are merged: the first level that has an output as operand */
    int32_t place;                      /* while operands are gathered: its number among the sources */
    const wk_order *order;              /* of its rows; NULL: as the calls */
    const wk_order *whole_order;        /* while orders are chosen: in which all rows are wanted, */
    int64_t whole_nbytes;               /* and how many bytes that are; 0: they are not */
    struct wk_use *uses;                /* and how else its outputs are wanted */
    wk_column columns[];
} wk_group;

typedef struct wk_level {
    wk_group *first, *last;
} wk_level;

typedef struct wk_arena_chunk {
    struct wk_arena_chunk *previous;
    int32_t size_class;
} wk_arena_chunk;

typedef struct wk_batch {
    wk_ctx *ctx;
    char *top, *end; /* of the arena */
    int64_t pending; /* calls of the wave */
    int32_t depth;   /* of the scope that is the batch */
    int32_t level_count, level_capacity;
    int64_t call_count, group_count; /* that have run */
    wk_habit *habit;                 /* of batches that begin as this one did; NULL: it has not begun */
    bool at_once;                    /* nothing is put off in this one */
    bool some_joined;                /* groups are one with others; else the runs of columns are as they were added */
    bool some_moved;                 /* to another level, in whose list they are not yet */
    bool some_gone;                  /* there may be calls of the wave whose results nobody can ask for any more */
    wk_level *levels;                /* of the wave: levels[0] is level 1 */
    wk_kind **table;                 /* of the wave, by hash; its size is a power of two, at most half are in use */
    int32_t table_size, table_used;
    wk_group *groups; /* newest first */
    wk_group *last;   /* the group of the last call; NULL: none */
    wk_group *last_firm; /* and of the last call of a kind that is not late */
    wk_arena_chunk *chunk;
} wk_batch;

/* At the first call of a batch, and at its end. */
bool wk__habit_begin(wk_batch *b, const wk_call *c); /* false: nothing is to be put off */
void wk__habit_end(wk_batch *b);

/* Room in the arena; NULL when memory is out. */
void *wk__batch_grow(wk_batch *b, size_t nbytes);
static inline void *wk__batch_alloc(wk_batch *b, size_t nbytes) {
    if (wk_unlikely((size_t)(b->end - b->top) < nbytes)) return wk__batch_grow(b, nbytes);
    void *at = b->top;
    b->top += nbytes;
    return at;
}

/* Is t an output of the open batch? */
static inline bool wk__is_batched(const wk_tensor *t) { return (t->flags & WK__ENTRY) != 0; }

/* Which: the source and the row there. A promise has them in place of a storage and of its epoch, a view in its own
 * storage, which it does not use. */
static inline wk_source wk__source_of(const wk_tensor *t, int32_t *row) {
    const bool promised = t->live == WK__PROMISED;
    *row = (int32_t)(promised ? t->epoch : t->own.version);
    return promised ? (wk_source)t->storage : (wk_source)t->own.data;
}

/* The group of a source that is one, or NULL; and which output. */
static inline wk_group *wk__source_group(wk_source s) { return s & 3 ? (wk_group *)(s & ~(wk_source)3) : NULL; }
static inline int32_t wk__source_output(wk_source s) { return (int32_t)(s & 3) - 1; }

static inline const wk_array *wk__source_array(wk_source s) {
    const wk_group *g = wk__source_group(s);
    return g != NULL ? &g->kind->like[wk__source_output(s)] : &((wk_tensor *)s)->a;
}

/* Does somebody have a promise of it, or a run of it as an operand? */
static inline bool wk__group_is_wanted(const wk_group *g) {
    return g->holds + (int64_t)g->count * g->kind->out_count > 0;
}

/* The group that runs for g. */
static inline wk_group *wk__group_that_runs(wk_group *g) {
    while (g->joined != NULL) g = g->joined;
    return g;
}

/* A call of a group that runs, and an output. */
typedef struct wk_member {
    wk_group *group;
    int32_t call, output;
} wk_member;

static inline wk_member wk__member_at(wk_source s, int32_t row) {
    wk_group *g = wk__source_group(s);
    for (; g->joined != NULL; g = g->joined) row += g->offset;
    return (wk_member){g, row, wk__source_output(s)};
}

static inline wk_member wk__member_of(const wk_tensor *t) {
    int32_t row;
    const wk_source s = wk__source_of(t, &row);
    return wk__member_at(s, row);
}

/* The row of the group's result that a call's output is. */
static inline int32_t wk__row_of_call(const wk_group *g, int32_t call) {
    return g->order != NULL ? g->order->rows[call] : call;
}

enum { WK__FEW_NBYTES_COPIED = 4096 }; /* of operands, in less time than a call takes */

/* merge.c: the runs of a column from number r on, by the groups that will run for them. Neighbours become one. */
void wk__runs_resolve(wk_column *column, int32_t r);
static inline void wk__column_resolve(const wk_batch *b, wk_column *column, int32_t r) {
    const wk_group *g = wk__source_group(column->runs[0].source);
    const bool is_resolved = !b->some_joined || (column->count == 1 && (g == NULL || g->joined == NULL));
    if (!is_resolved) wk__runs_resolve(column, r);
}

/* Makes one of groups of a kind, where that pays. */
void wk__groups_merge(wk_batch *b);

/* group.c: puts groups that have moved into the lists of their levels. False when memory is out. */
bool wk__levels_settle(wk_batch *b);

/* late.c: remembers which kinds became one group. */
void wk__late_kinds_note(wk_batch *b);

/* order.c: chooses in which order the rows of each group's result lie. */
void wk__groups_order(wk_batch *b);

/* Runs what is pending. False when that fails (recorded); then nothing is pending any more either. */
bool wk__batch_wave(wk_batch *b);

/* Lets go of what the wave does not need any more, newest first, and begins another. What has not run never will. */
void wk__batch_discard(wk_batch *b);

/* Gives a promise whose group has run its elements: a view of its row. False when memory is out (recorded). */
bool wk__batch_fulfil(wk_tensor *t);

/* What is in the columns, whose groups have run and which are of one shape, one below the other, in that order (NULL:
 * as the calls): a result itself where it is its rows, a view where they are neighbours, else a copy. Of the innermost
 * scope, or held by its group. NULL: failed (recorded). */
wk_tensor *wk__batch_gather(wk_ctx *ctx, int32_t count, const wk_column *columns, const wk_order *order);

/* Records that t is row `place` of y. False when memory is out (recorded). */
bool wk__batch_record_row(wk_tensor *t, wk_tensor *y, int64_t place);

#endif
