/* deferral.h -- a call on its way to its group. */
#ifndef WK_BATCH_DEFERRAL_H
#define WK_BATCH_DEFERRAL_H

#include "batch/batch.h"

/* What is known of a call before its group. */
typedef struct wk_deferral {
    wk_call *c;
    wk_group *from; /* of the first operand that is pending, or NULL */
    uint64_t hash;
    int32_t level;
    uint32_t shared; /* bit i: input i is the same tensor in all calls */
    bool needs_grad, records;
    bool by_path; /* keys and operands are set: there are at most three inputs */
    wk_operand operands[3];
    uintptr_t keys[3]; /* of an operand that was put off: the group and which output; of another: 0 */
} wk_deferral;

static inline wk_operand wk__operand_of(const wk_tensor *x) {
    const wk_batch_entry *e = x != NULL ? wk__entry_of(x) : NULL;
    return e != NULL ? (wk_operand)e + 1 + (wk_operand)wk__entry_output(e, x) : (wk_operand)x;
}

/* Is operand i the same tensor in all calls? */
static inline bool wk__is_shared_operand(uint32_t shared, int32_t i) { return i < 32 && (shared >> i & 1); }

/* group.c: fills level, shared, hash, and what is recorded. */
void wk__deferral_describe(wk_deferral *d);

/* The place in the table where the group of this signature is, or belongs. */
wk_group **wk__group_find(wk_batch *b, const wk_deferral *d);

/* Room for another group of this level; false when memory is out. */
bool wk__group_room(wk_batch *b, int32_t level);

/* A group for this call, whose outputs have been declared and whose attributes were `raw`. NULL when memory is out. */
wk_group *wk__group_new(wk_batch *b, const wk_deferral *d, const void *raw);

/* Puts a new group in its place in the table, and behind the others of its level. */
void wk__group_enter(wk_batch *b, wk_group *g, wk_group **slot);

/* Are these the attributes that the group was called with? */
static inline bool wk__same_attrs(const wk_group *g, const wk_call *c) {
    const uint64_t *a = g->raw, *b = c->attrs;
    for (size_t at = 0; at < c->op->attrs_nbytes / sizeof *a; at++)
        if (a[at] != b[at]) return false;
    return true;
}

#endif
