/* tensor.c -- handles and storage: making, sharing, releasing. */
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

wk_tensor *wk__tensor_promise(wk_ctx *ctx, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    wk_tensor *t = wk__handle_new(ctx, WK__PROMISE_CLASS);
    if (t == NULL) return NULL;
    t->a.data = NULL;
    t->a.dtype = dtype;
    t->storage = NULL;
    t->live = WK__PROMISED;
    if (wk__array_set_dims(&t->a, ndim, dims)) return t;
    wk__unref(t);
    return NULL;
}

wk_tensor *wk__tensor_piece(wk_tensor *owner, void *data, int32_t ndim, const int64_t *dims, const char *name) {
    wk_tensor *t = wk__handle_new(owner->ctx, wk__heap_class(sizeof *t + sizeof(wk_storage_piece)));
    if (t == NULL) return NULL;
    t->a.dtype = owner->a.dtype;
    wk__array_set_dims(&t->a, ndim, dims);
    wk__use_own_storage(t, data);
    t->own.bytes_of = WK__OF_SLAB;
    *wk__storage_piece(&t->own) = (wk_storage_piece){.owner = owner->storage, .name = name};
    owner->storage->refs++;
    return t;
}

void wk__tensor_zero(wk_tensor *t) {
    const double nothing = 0; /* all bits zero in every type */
    wk__kernels->fill[t->a.dtype](t->a.numel, t->a.data, 1, &nothing);
}

wk_tensor *wk__tensor_view(wk_tensor *of, const wk_array *array) {
    wk_tensor *t = wk__view_new(of->ctx);
    if (t == NULL) return NULL;
    t->a = *array;
    wk__tensor_share(t, of);
    return t;
}

/* The caller's function may call wick, so it is called while the block still stands. */
WK_NOINLINE static void give_back(const wk_storage *s) {
    const wk_storage_wrap *wrap = wk__storage_wrap(s);
    if (wrap->release != NULL) wrap->release(s->data, wrap->user);
}

/* The last holder of a storage has gone, so its block goes. A piece goes with its hold on the slab's storage, which is
 * no piece itself, so this ends. */
static void storage_destroy(wk_storage *s) {
    wk_storage *owner = s->bytes_of == WK__OF_SLAB ? wk__storage_piece(s)->owner : NULL;
    wk_tensor *home = wk__storage_home(s);
    if (s->bytes_of == WK__OF_CALLER) give_back(s);
    if (wk_unlikely(s->epoch > 0) && --home->ctx->rewritten == 0) home->ctx->watch &= (uint8_t)~WK__WATCH_REWRITES;
    if (wk_likely(home->size_class != WK__NO_CLASS)) wk__heap_free(&home->ctx->heap, home, home->size_class);
    else free(home);
    if (wk_unlikely(owner != NULL) && --owner->refs == 0) storage_destroy(owner);
}

static void hooks_forget(wk_tensor *leaf) {
    for (wk_hook **at = &leaf->ctx->hooks; *at != NULL;) {
        if ((*at)->leaf == leaf) wk__hook_remove(leaf->ctx, at);
        else at = &(*at)->next;
    }
}

WK_NOINLINE static void meta_destroy(wk_tensor *t) {
    if (t->meta->hooked) hooks_forget(t);
    wk__unref(t->meta->grad);
    wk__unref(t->meta->row_of);
    wk__heap_free(&t->ctx->heap, t->meta, wk__heap_class(sizeof *t->meta));
}

void wk__tensor_destroy_in_parts(wk_tensor *t) {
    wk_storage *storage = t->storage;
    const uint8_t flags = t->flags;
    if (wk_unlikely(flags & WK__ENTRY)) wk__promise_gone(t);
    if (t->handle != WK__NO_HANDLE) t->ctx->handles[t->handle] = NULL;
    if (wk_unlikely(t->meta != NULL)) meta_destroy(t);
    if (wk_unlikely(t->live == WK__PROMISED)) {
        wk__promise_destroy(t);
        return;
    }
    t->live = 0;
    if (storage != &t->own) wk__heap_free(&t->ctx->heap, t, t->size_class);
    if (wk__count_down(&storage->refs, flags)) storage_destroy(storage);
}

void wk__tensor_destroy(wk_tensor *t) { wk__tensor_destroy_here(t); }

wk_meta *wk__tensor_meta(wk_tensor *t) {
    if (t->meta != NULL) return t->meta;
    wk_meta *meta = wk__heap_alloc(&t->ctx->heap, wk__heap_class(sizeof *meta));
    if (meta == NULL) return NULL;
    memset(meta, 0, sizeof *meta);
    t->flags &= (uint8_t)~WK__ONE_BLOCK;
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
