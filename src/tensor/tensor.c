/* tensor.c -- handles and storage: making, sharing, releasing. */
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(wk_storage) <= WK__STORAGE_NBYTES, "elements begin one cache line after the header");

static const size_t tensor_nbytes = sizeof(wk_tensor);

wk_tensor *wk__tensor_new(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    wk_tensor *t = wk__heap_alloc(&ctx->heap, wk__heap_class(tensor_nbytes));
    if (wk_unlikely(t == NULL)) return NULL;
    t->live = WK__LIVE;
    t->refs = 1;
    t->ctx = ctx;
    t->storage = NULL;
    t->node = NULL;
    t->meta = NULL;
    t->handle = WK__NO_HANDLE;
    t->depth = 0;
    t->epoch = 0;
    t->flags = WK__CONTIGUOUS;
    t->output = 0;
    t->a.data = NULL;
    t->a.dtype = dtype;
    wk__array_set_dims(&t->a, ndim, dims);
    return t;
}

wk_storage *wk__storage_new(wk_ctx *ctx, size_t nbytes) {
    const int32_t size_class = wk__heap_class(WK__STORAGE_NBYTES + nbytes);
    if (wk_unlikely(size_class >= WK__HEAP_CLASSES)) return NULL;
    wk_storage *s = wk__heap_alloc(&ctx->heap, size_class);
    if (wk_unlikely(s == NULL)) return NULL;
    s->data = (char *)s + WK__STORAGE_NBYTES;
    s->ctx = ctx;
    s->owner = NULL;
    s->writer = NULL;
    s->name = NULL;
    s->refs = 1;
    s->version = 0;
    s->epoch = 0;
    s->size_class = size_class;
    return s;
}

wk_storage *wk__storage_piece(wk_storage *owner, void *data) {
    wk_storage *s = wk__storage_new(owner->ctx, 0);
    if (s == NULL) return NULL;
    s->data = data;
    s->owner = owner;
    owner->refs++;
    return s;
}

bool wk__tensor_allocate(wk_tensor *t) {
    t->storage = wk__storage_new(t->ctx, (size_t)t->a.numel * wk__dtype_nbytes[t->a.dtype]);
    if (wk_unlikely(t->storage == NULL)) return false;
    t->a.data = t->storage->data;
    return true;
}

wk_tensor *wk__tensor_make(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    wk_tensor *t = wk__tensor_new(ctx, dtype, ndim, dims);
    if (t == NULL || wk__tensor_allocate(t)) return t;
    wk__unref(t);
    return NULL;
}

wk_tensor *wk__tensor_view(wk_tensor *of, const wk_array *array) {
    wk_tensor *t = wk__tensor_new(of->ctx, array->dtype, array->ndim, array->dims);
    if (t == NULL) return NULL;
    t->a.data = array->data;
    for (int32_t d = 0; d < array->ndim; d++) t->a.strides[d] = array->strides[d];
    t->storage = of->storage;
    t->storage->refs++;
    t->epoch = of->epoch;
    t->flags = (uint8_t)(WK__VIEW | (wk__array_is_contiguous(&t->a) ? WK__CONTIGUOUS : 0));
    return t;
}

/* A piece goes with the hold on its owner; owners are not pieces themselves, so this ends. */
void wk__storage_destroy(wk_storage *s) {
    wk_storage *owner = s->owner;
    wk__heap_free(&s->ctx->heap, s, s->size_class);
    if (owner != NULL && --owner->refs == 0) wk__storage_destroy(owner);
}

void wk__tensor_destroy(wk_tensor *t) {
    wk_ctx *ctx = t->ctx;
    if (t->handle != WK__NO_HANDLE) ctx->handles[t->handle] = NULL;
    if (t->storage != NULL && --t->storage->refs == 0) wk__storage_destroy(t->storage);
    if (wk_unlikely(t->meta != NULL)) {
        wk__unref(t->meta->grad);
        wk__heap_free(&ctx->heap, t->meta, wk__heap_class(sizeof *t->meta));
    }
    t->live = 0;
    wk__heap_free(&ctx->heap, t, wk__heap_class(tensor_nbytes));
}

wk_meta *wk__tensor_meta(wk_tensor *t) {
    if (t->meta != NULL) return t->meta;
    wk_meta *meta = wk__heap_alloc(&t->ctx->heap, wk__heap_class(sizeof *meta));
    if (meta != NULL) memset(meta, 0, sizeof *meta);
    return t->meta = meta;
}

bool wk__handles_grow(wk_ctx *ctx) {
    const int64_t capacity = ctx->handle_capacity > 0 ? 2 * ctx->handle_capacity : 256;
    wk_tensor **handles = realloc(ctx->handles, (size_t)capacity * sizeof *handles);
    if (handles == NULL) return false;
    ctx->handles = handles;
    ctx->handle_capacity = capacity;
    return true;
}

wk_tensor *wk__give_to_scope(wk_tensor *t) {
    wk_ctx *ctx = t->ctx;
    if (wk_unlikely(ctx->handle_count == ctx->handle_capacity) && !wk__handles_grow(ctx)) {
        wk__unref(t);
        return NULL;
    }
    t->handle = ctx->handle_count;
    t->depth = ctx->depth;
    t->flags |= WK__OWNED;
    ctx->handles[ctx->handle_count++] = t;
    return t;
}
