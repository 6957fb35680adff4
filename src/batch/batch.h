/* batch.h -- calls that are put off, and those of one kind run as one.
 *
 * NOTE [Batches]. Inside a batch a call of a row that allows it (wk_op.batch) only makes promises (NOTE [Promises]):
 *
 *     entry    one call that was put off: its inputs, its promised outputs
 *     group    entries of one signature and level: they do not depend on one another and differ in values only
 *     result   what a group was run to: one tensor, a row of which is the output of each entry, in program order
 *
 *     tanh(a)  tanh(b)  tanh(c)   -->   group, 3 entries   -->   tanh of (3, dims of a)
 *                                                               row 0 -> first promise, 1 -> second, 2 -> third
 *
 * The level of an entry is one more than the highest among its inputs that are in the same wave, so that levels can be
 * run one after the other. The signature is the row, its attributes, the shapes of the inputs that are put side by
 * side, and which tensors the others are (wk_op.batch_shared: the weight of linear).
 *
 * What runs is recorded, and nothing else: a gather of what was not side by side already, the row on the whole group.
 * So gradients need nothing new. An output that is used outside of groups becomes a view of its row, recorded as one.
 * Everything of a batch lies in one arena, which goes when the batch closes. */
#ifndef WK_BATCH_BATCH_H
#define WK_BATCH_BATCH_H

#include "grad/op.h"

struct wk_group;

typedef struct wk_entry {
    struct wk_entry *next; /* in its group, in program order */
    struct wk_group *group;
    int64_t place;                   /* in the group */
    wk_tensor *out[WK__MAX_OUTPUTS]; /* held until the batch closes, or until nobody else does */
    wk_tensor *in[];                 /* held until the group has run */
} wk_entry;

typedef struct wk_group {
    struct wk_group *older; /* of the batch */
    struct wk_group *next;  /* of its level */
    const wk_op *op;
    wk_entry *first, *last;
    int64_t count;
    uint64_t hash;
    int32_t level, in_count;
    uint32_t shared; /* bit i: input i is the same tensor in all entries */
    bool records;
    bool has_run;
    bool alone;                         /* its one entry was run as it stands: the result has no rows */
    const void *raw;                    /* attributes as they were given */
    void *attrs;                        /* and as the shape rule left them */
    wk_tensor *result[WK__MAX_OUTPUTS]; /* held */
    int32_t source;                     /* while operands are gathered: its number among the sources */
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
    int32_t depth;    /* of the scope that is the batch */
    wk_group *groups; /* newest first */
    wk_level *levels; /* of the wave: levels[0] is level 1 */
    int32_t level_count, level_capacity;
    wk_group **table; /* of the wave, by hash; its size is a power of two, at most half are in use */
    int32_t table_size, table_used;
    int64_t pending; /* entries of the wave */
    wk_arena_chunk *chunk;
    char *top, *end;
} wk_batch;

/* Room in the arena; NULL when memory is out. */
void *wk__batch_alloc(wk_batch *b, size_t nbytes);

/* The entry that t is an output of, while its batch is open; else NULL. */
static inline wk_entry *wk__entry_of(const wk_tensor *t) {
    return t->flags & WK__ENTRY ? (wk_entry *)t->own.data : NULL;
}

/* Which output. */
static inline int32_t wk__entry_output(const wk_entry *e, const wk_tensor *t) { return e->out[0] == t ? 0 : 1; }

/* Runs what is pending. False when that fails (recorded); then nothing is pending any more either. */
bool wk__batch_wave(wk_batch *b);

/* Lets go of what the wave does not need any more, newest first, and begins another. What has not run never will. */
void wk__batch_discard(wk_batch *b);

/* Gives a promise whose group has run its elements: a view of its row. False when memory is out (recorded). */
bool wk__batch_fulfil(wk_tensor *t);

/* Tensors of one shape, some of them promises whose groups have run, one below the other: a result itself where they
 * are its rows, a view where they are neighbours, else a copy. Of the innermost scope, or held by its group. NULL:
 * failed (recorded). */
wk_tensor *wk__batch_gather(wk_ctx *ctx, int64_t count, wk_tensor *const *items);

/* Records that t is row `place` of y. False when memory is out (recorded). */
bool wk__batch_record_row(wk_tensor *t, wk_tensor *y, int64_t place);

#endif
