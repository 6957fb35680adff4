/* wrap.c -- a tensor on memory of the caller's. */
#include "tensor/tensor.h"

static bool check_memory(wk_ctx *ctx, const void *data, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    wk_array a = {0};
    if (!wk__check_shape(ctx, "wrap", ndim, dims, dtype)) return false;
    wk__array_set_dims(&a, ndim, dims);
    if (data == NULL && a.numel > 0) return wk__fail(ctx, WK_EINVAL, "wrap", "data is NULL"), false;
    if ((uintptr_t)data % wk__dtype_nbytes[dtype] == 0) return true;
    return wk__fail(ctx, WK_EINVAL, "wrap", "data is not aligned for elements of type %s", wk_dtype_name(dtype)), false;
}

wk_tensor *wk_wrap(void *data, int32_t ndim, const int64_t *dims, wk_dtype dtype,
                   void (*release)(void *data, void *user), void *user) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, "wrap", "make it before, and give it as an input")) return NULL;
    if (!check_memory(ctx, data, ndim, dims, dtype)) return NULL;
    wk_tensor *t = wk__handle_new(ctx, wk__heap_class(sizeof *t + sizeof(wk_storage_wrap)));
    if (t != NULL) {
        t->a.dtype = dtype;
        wk__array_set_dims(&t->a, ndim, dims);
        wk__use_own_storage(t, data);
        t->own.bytes_of = WK__OF_CALLER;
        *wk__storage_wrap(&t->own) = (wk_storage_wrap){NULL, NULL};
        t = wk__give_to_scope(t);
    }
    if (t == NULL) return wk__out_of_memory(ctx, "wrap"), NULL;
    *wk__storage_wrap(&t->own) = (wk_storage_wrap){release, user}; /* only now: a call that fails releases nothing */
    return t;
}
