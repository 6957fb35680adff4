/* packed.c -- see packed.h. */
#include "op/packed.h"

#include "op/elementwise.h"

bool wk__pack_copy(wk_ctx *ctx, const wk_array *x, wk_packed *p) {
    p->copy = wk__tensor_make(ctx, x->dtype, x->ndim, x->dims);
    if (p->copy == NULL) return false;
    wk__unary_rows(wk__kernels->copy[x->dtype], &p->copy->a, x);
    p->array = &p->copy->a;
    return true;
}

/* The address of the last element. A slot that some tensor describes has no gaps. */
static const char *last_element(const wk_packed_slot *t) {
    const wk_array *a = t->slot;
    int64_t offset = 0;
    if (a != &t->room) return (const char *)a->data + (a->numel - 1) * wk__dtype_nbytes[a->dtype];
    for (int32_t d = 0; d < a->ndim; d++) offset += (a->dims[d] - 1) * a->strides[d];
    return wk__array_at(a, offset);
}

/* Does slot i share no memory with the slots before it? It does when two inputs are one tensor, or one a view of the
 * other; the kernel may then set what it has already added to. */
static bool apart(wk_packed_slot *t, int32_t i) {
    const char *first = t[i].slot->data, *last = t[i].slot->numel > 0 ? last_element(&t[i]) : NULL;
    t[i].last = last;
    bool fine = true;
    for (int32_t j = 0; j < i; j++)
        if (t[j].slot != NULL && first <= t[j].last && last >= (const char *)t[j].slot->data) fine = false;
    return fine;
}

bool wk__packed_slot_begin(wk_backprop *b, int32_t i, wk_packed_slot *all, wk_fine_for_kernel *fine) {
    wk_packed_slot *t = &all[i];
    t->slot = NULL;
    t->temporary = NULL;
    t->collects = NULL;
    t->add = false;
    if (!wk__wants(b, i)) return true;
    t->slot = wk__slot(b, i, &t->room, &t->add);
    if (t->slot == NULL) return false;
    const bool alone = apart(all, i);
    if (wk_likely(alone && fine(t->slot, i))) return true;
    t->temporary = wk__temporary(b->ctx, b->node->op, t->slot->dtype, t->slot);
    return t->temporary != NULL;
}

void wk__packed_slot_end(wk_packed_slot *t) {
    if (t->temporary == NULL) return;
    wk__set_or_add(t->slot, &t->temporary->a, t->add);
    wk__unref(t->temporary);
}

bool wk__packed_slot_collect(wk_packed_slot *all, int32_t i, const void *g, const void *x) {
    wk_packed_slot *t = &all[i];
    if (wk__collects_outer(t->collects, i, g, x)) return true;
    t->slot = wk__slot(t->collects, i, &t->room, &t->add);
    t->collects = NULL;
    return t->slot == NULL; /* then the walk has failed */
}
