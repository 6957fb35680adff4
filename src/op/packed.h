/* packed.h -- inputs and slots laid out as the kernel of a fused row wants them. What lies otherwise is copied. */
#ifndef WK_OP_PACKED_H
#define WK_OP_PACKED_H

#include "grad/backprop.h"

/* An input, or a copy of it. */
typedef struct wk_packed {
    const wk_array *array; /* NULL: an absent input */
    wk_tensor *copy;       /* held, or NULL when the array was fine */
} wk_packed;

/* False when memory is out (not recorded). */
bool wk__pack_copy(wk_ctx *ctx, const wk_array *x, wk_packed *p);
static inline bool wk__pack(wk_ctx *ctx, const wk_array *x, bool fine, wk_packed *p) {
    *p = (wk_packed){x, NULL};
    return wk_likely(fine) || wk__pack_copy(ctx, x, p);
}

static inline void wk__packed_end(wk_packed *p) { wk__unref(p->copy); }
static inline const void *wk__packed_data(const wk_packed *p) { return p->array != NULL ? p->array->data : NULL; }

/* The slot of an input. When it lies otherwise, or shares memory with one before it, the kernel sets a temporary, which
 * is added to the slot afterwards. */
typedef struct wk_packed_slot {
    wk_array room;
    const wk_array *slot; /* NULL: not wanted */
    const char *last;     /* where its last element lies; NULL: it has none */
    wk_tensor *temporary;
    wk_backprop *collects; /* not NULL: an outer product that is collected has no slot (wk__packed_slot_collect) */
    bool add;
} wk_packed_slot;

/* Is input i, or its slot, as the kernel wants it? */
typedef bool wk_fine_for_kernel(const wk_array *x, int32_t i);

/* Begins all[i], after those before it. False when the walk has failed (recorded). All that were begun, are ended. */
bool wk__packed_slot_begin(wk_backprop *b, int32_t i, wk_packed_slot *all, wk_fine_for_kernel *fine);
void wk__packed_slot_end(wk_packed_slot *t);

/* A slot for the outer product of a single row, where that may be collected (NOTE [Outer products] in grad/outers.h);
 * else nothing is begun. */
static inline bool wk__packed_slot_collects(wk_backprop *b, int32_t i, wk_packed_slot *all) {
    if (!wk__wants(b, i) || !wk__may_collect_outer(b, i)) return false;
    all[i] = (wk_packed_slot){.collects = b};
    return true;
}

/* The product of such a slot. False, and it is a slot as others, when there is no memory to collect in. */
bool wk__packed_slot_collect(wk_packed_slot *all, int32_t i, const void *g, const void *x);

/* Where the kernel writes, or NULL; and does it add? */
static inline const wk_array *wk__packed_slot_array(const wk_packed_slot *t) {
    return t->temporary != NULL ? &t->temporary->a : t->slot;
}
static inline void *wk__packed_slot_data(const wk_packed_slot *t) {
    return t->slot != NULL ? wk__packed_slot_array(t)->data : NULL;
}
static inline bool wk__packed_slot_add(const wk_packed_slot *t) { return t->add && t->temporary == NULL; }

#endif
