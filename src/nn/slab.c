/* slab.c -- places for parameters (NOTE [Slabs] in module.h). */
#include "nn/slab.h"

#include <stdlib.h>

enum {
    FIRST_ELEMENTS = 2048,
    MOST_ELEMENTS = 256 * 1024,
    ALONE_ELEMENTS = 64 * 1024, /* a parameter from here on has a slab of its own: nothing is left over */
};

static wk_tensor *zeroed(wk_ctx *ctx, wk_dtype dtype, int64_t count) {
    wk_tensor *t = wk__tensor_make(ctx, dtype, 1, &count);
    if (t != NULL) wk__tensor_zero(t);
    return t;
}

void wk__slab_free(wk_slab *slab) {
    wk__unref(slab->values);
    wk__unref(slab->grads);
    free(slab);
}

static wk_slab *slab_new(wk_ctx *ctx, wk_dtype dtype, int64_t capacity, wk_slab *older) {
    wk_slab *slab = calloc(1, sizeof *slab);
    if (slab == NULL) return NULL;
    *slab = (wk_slab){.older = older, .capacity = capacity};
    slab->values = zeroed(ctx, dtype, capacity);
    slab->grads = zeroed(ctx, dtype, capacity);
    if (slab->values != NULL && slab->grads != NULL) return slab;
    wk__slab_free(slab);
    return NULL;
}

/* A tensor on a piece of a slab's array. */
static wk_tensor *piece(wk_tensor *whole, int64_t begin, int32_t ndim, const int64_t *dims, const char *name) {
    return wk__tensor_piece(whole, wk__array_at(&whole->a, begin), ndim, dims, name);
}

/* The slab with room for count elements of this type: the newest of its type, or a new one twice as large, up to a
 * size at which the end that stays free no longer counts. One for a large parameter alone goes behind the newest, which
 * has room left for small ones. */
static wk_slab *slab_for(wk_module *root, wk_dtype dtype, int64_t count) {
    int64_t capacity = FIRST_ELEMENTS;
    wk_slab *newest = root->slabs;
    while (newest != NULL && newest->values->a.dtype != dtype) newest = newest->older;
    if (newest != NULL && newest->capacity - newest->used >= count) return newest;
    if (newest != NULL) capacity = 2 * newest->capacity;
    if (capacity > MOST_ELEMENTS) capacity = MOST_ELEMENTS;
    const bool alone = newest != NULL && count >= ALONE_ELEMENTS;
    wk_slab **place = alone ? &newest->older : &root->slabs;
    wk_slab *slab = slab_new(root->ctx, dtype, capacity > count && !alone ? capacity : count, *place);
    if (slab != NULL) *place = slab;
    return slab;
}

bool wk__slab_place(wk_module *root, wk_dtype dtype, int32_t ndim, const int64_t *dims, wk_parameter *p) {
    wk_array shape = {.dtype = dtype};
    wk__array_set_dims(&shape, ndim, dims);
    const int64_t line = WK__LINE / wk__dtype_nbytes[dtype];
    const int64_t count = (shape.numel + line - 1) / line * line;
    wk_slab *slab = slab_for(root, dtype, count);
    if (slab == NULL) return false;
    *p = (wk_parameter){.slab = slab, .begin = slab->used, .end = slab->used + count};
    p->tensor = piece(slab->values, p->begin, ndim, dims, NULL);
    wk_meta *meta = p->tensor != NULL ? wk__tensor_meta(p->tensor) : NULL;
    if (meta != NULL) meta->grad = piece(slab->grads, p->begin, ndim, dims, meta->name);
    if (meta != NULL) wk__storage_piece(p->tensor->storage)->name = meta->name;
    if (meta == NULL || meta->grad == NULL) {
        wk__unref(p->tensor);
        return false;
    }
    slab->used += count;
    return true;
}
