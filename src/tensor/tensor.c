/* tensor.c -- handles and storage: making, sharing, releasing. */
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(wk_storage_piece) <= WK__LINE, "a piece is one cache line");

wk_storage *wk__storage_piece_new(wk_storage *owner, void *data, const char *name) {
    wk_storage_piece *s = (wk_storage_piece *)(void *)wk__storage_new(owner->ctx, 0);
    if (s == NULL) return NULL;
    s->header.data = data;
    s->header.is_piece = true;
    s->owner = owner;
    s->name = name;
    owner->refs++;
    return &s->header;
}

wk_tensor *wk__tensor_make(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    wk_tensor *t = wk__tensor_new(ctx, dtype, ndim, dims);
    if (t == NULL || wk__tensor_allocate(t)) return t;
    wk__unref(t);
    return NULL;
}

void wk__tensor_zero(wk_tensor *t) { memset(t->a.data, 0, (size_t)t->a.numel * wk__dtype_nbytes[t->a.dtype]); }

wk_tensor *wk__tensor_view(wk_tensor *of, const wk_array *array) {
    wk_tensor *t = wk__tensor_new(of->ctx, array->dtype, 0, NULL);
    if (t == NULL) return NULL;
    t->a = *array;
    wk__tensor_share(t, of);
    return t;
}

/* A piece goes with the hold on its owner; owners are not pieces themselves, so this ends. */
void wk__storage_destroy(wk_storage *s) {
    wk_storage *owner = s->is_piece ? ((wk_storage_piece *)(void *)s)->owner : NULL;
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
    wk__heap_free(&ctx->heap, t, wk__heap_class(sizeof *t));
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
