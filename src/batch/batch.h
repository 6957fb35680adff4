/* batch.h -- calls that are put off, and those of one kind run as one.
 *
 * NOTE [Batches]. Inside a batch a call of a row that allows it (wk_op.batch) only makes promises (NOTE [Promises]):
 *
 *     entry    one call that was put off: its operands, and its promised outputs as long as somebody has them
 *     group    entries of one signature and level: they do not depend on one another and differ in values only
 *     result   what a group was run to: one tensor, a row of which is the output of each entry, in program order
 *     wave     what runs when somebody looks at elements: the pending groups, level after level
 *
 *     tanh(a)  tanh(b)  tanh(c)   -->   group, 3 entries   -->   tanh of (3, dims of a)
 *                                                               row 0 -> first promise, 1 -> second, 2 -> third
 *
 * The level of an entry is one more than the highest among its operands that are pending. The signature is the row, its
 * attributes, the shapes of the operands that are put side by side, and which tensors the others are
 * (wk_op.batch_shared: the weight of linear).
 *
 * What runs is recorded, and nothing else: a gather of what was not side by side already, the row on the whole group.
 * So gradients need nothing new. An output that is used outside of groups becomes a view of its row, recorded as one.
 * An entry does not hold its outputs, so scopes inside the batch let go of handles as ever; a group counts who may
 * still ask for its result. Everything lies in one arena, which goes when the batch closes. */
#ifndef WK_BATCH_BATCH_H
#define WK_BATCH_BATCH_H

#include "grad/op.h"

struct wk_group;

/* An operand: a tensor, which is held; or output k of an entry, as the entry's address + 1 + k. */
typedef uintptr_t wk_operand;

typedef struct wk_batch_entry {
    struct wk_batch_entry *next; /* in its group, in program order */
    struct wk_group *group;
    int64_t place;      /* in the group */
    wk_operand slots[]; /* promises (op->out_count; 0: nobody has it any more) | operands */
} wk_batch_entry;

/* How a group was found from another one, the first of its operands that was pending (NOTE [Paths] in defer.c). */
typedef struct wk_path {
    struct wk_path *next;
    struct wk_group *to;
    uintptr_t keys[3];
} wk_path;

typedef struct wk_group {
    const wk_op *op;
    wk_batch_entry *last, *first;
    int64_t count;
    wk_path *paths; /* to groups that have this one's outputs as operands */
    int64_t holds;  /* promises that somebody has, and operands of pending entries */
    int32_t level, in_count;
    uint32_t shared; /* bit i: operand i is the same in all entries */
    bool needs_grad, records;
    bool has_run;
    bool alone;      /* its one entry was run as it stands: the result has no rows */
    const void *raw; /* attributes as they were given */
    void *attrs;     /* and as the shape rule left them */
    uint64_t hash;
    wk_array *like;                     /* the outputs of an entry: shape and type */
    wk_tensor *result[WK__MAX_OUTPUTS]; /* held */
    struct wk_group *next_kind;         /* while groups are merged (NOTE [Waiting] in merge.c) */
    int32_t first_use;                  /* and the first level that has an output as operand */
    struct wk_group *older;             /* of the batch */
    struct wk_group *next;              /* of its level */
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
    char *top, *end; /* of the arena */
    int64_t pending; /* entries of the wave */
    int32_t depth;   /* of the scope that is the batch */
    int32_t level_count, level_capacity;
    int64_t call_count, group_count; /* of all waves */
    wk_habit *habit;                 /* of batches that begin as this one did; NULL: it has not begun */
    bool at_once;                    /* nothing is put off in this one */
    wk_level *levels;                /* of the wave: levels[0] is level 1 */
    wk_group **table; /* of the wave, by hash; its size is a power of two, at most half are in use */
    int32_t table_size, table_used;
    wk_group *groups; /* newest first */
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

/* The entry that t is an output of, while its batch is open; else NULL. A promise has it in place of a storage. */
static inline wk_batch_entry *wk__entry_of(const wk_tensor *t) {
    if (!(t->flags & WK__ENTRY)) return NULL;
    return t->live == WK__PROMISED ? (wk_batch_entry *)(void *)t->storage : (wk_batch_entry *)t->own.data;
}

static inline wk_operand *wk__entry_in(wk_batch_entry *e, int32_t i) { return &e->slots[e->group->op->out_count + i]; }
static inline wk_tensor *wk__entry_out(const wk_batch_entry *e, int32_t k) { return (wk_tensor *)e->slots[k]; }

/* Which output of its entry t is. */
static inline int32_t wk__entry_output(const wk_batch_entry *e, const wk_tensor *t) {
    return e->slots[0] == (wk_operand)t ? 0 : 1;
}

/* The entry of an operand that is an output of one, or NULL; and which output. */
static inline wk_batch_entry *wk__operand_entry(wk_operand x) {
    return x & 3 ? (wk_batch_entry *)(x & ~(wk_operand)3) : NULL;
}
static inline int32_t wk__operand_output(wk_operand x) { return (int32_t)(x & 3) - 1; }

static inline const wk_array *wk__operand_array(wk_operand x) {
    const wk_batch_entry *e = wk__operand_entry(x);
    return e != NULL ? &e->group->like[wk__operand_output(x)] : &((wk_tensor *)x)->a;
}

/* merge.c: lets groups of the wave wait for others of their kind. */
void wk__groups_merge(wk_batch *b);

/* Runs what is pending. False when that fails (recorded); then nothing is pending any more either. */
bool wk__batch_wave(wk_batch *b);

/* Lets go of what the wave does not need any more, newest first, and begins another. What has not run never will. */
void wk__batch_discard(wk_batch *b);

/* One less may ask for the result of a group, which goes with the last. */
void wk__group_release(wk_group *g);

/* Gives a promise whose group has run its elements: a view of its row. False when memory is out (recorded). */
bool wk__batch_fulfil(wk_tensor *t);

/* Operands of one shape, whose groups have run, one below the other: a result itself where they are its rows, a view
 * where they are neighbours, else a copy. Of the innermost scope, or held by its group. NULL: failed (recorded). */
wk_tensor *wk__batch_gather(wk_ctx *ctx, int64_t count, const wk_operand *items);

/* Records that t is row `place` of y. False when memory is out (recorded). */
bool wk__batch_record_row(wk_tensor *t, wk_tensor *y, int64_t place);

#endif
