/* create.c -- tensors from numbers and from the caller's memory. */
#include <string.h>

#include "kernel/convert.h"
#include "tensor/tensor.h"

wk_tensor *wk__create(const char *op, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__check_shape(ctx, op, ndim, dims, dtype)) return NULL;
    wk_tensor *t = wk__tensor_make(ctx, dtype, ndim, dims);
    if (t != NULL) t = wk__give_to_scope(t);
    if (t == NULL) wk__out_of_memory(ctx, op);
    return t;
}

wk_element wk__element_of(double value, wk_dtype dtype) {
    wk_element e;
    wk__put_number(dtype, &e, value);
    return e;
}

static wk_tensor *create_filled(const char *op, int32_t ndim, const int64_t *dims, double value, wk_dtype dtype) {
    wk_tensor *t = wk__create(op, ndim, dims, dtype);
    if (t == NULL) return NULL;
    const wk_element e = wk__element_of(value, dtype);
    wk__kernels->fill[dtype](t->a.numel, t->a.data, 1, &e);
    return t;
}

wk_tensor *wk_empty(int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return wk__create("empty", ndim, dims, dtype);
}

wk_tensor *wk_zeros(int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return create_filled("zeros", ndim, dims, 0, dtype);
}

wk_tensor *wk_ones(int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    return create_filled("ones", ndim, dims, 1, dtype);
}

wk_tensor *wk_full(int32_t ndim, const int64_t *dims, double value, wk_dtype dtype) {
    return create_filled("full", ndim, dims, value, dtype);
}

wk_tensor *wk_scalar(double value, wk_dtype dtype) { return create_filled("scalar", 0, NULL, value, dtype); }

wk_tensor *wk_eye(int64_t rows, int64_t cols, wk_dtype dtype) {
    wk_tensor *t = create_filled("eye", 2, (const int64_t[]){rows, cols}, 0, dtype);
    const wk_element one = wk__element_of(1, dtype);
    if (t != NULL && rows > 0 && cols > 0)
        wk__kernels->fill[dtype](rows < cols ? rows : cols, t->a.data, cols + 1, &one);
    return t;
}

/* The shape and type of t for the function op; false, recorded, when t is not usable. */
static bool like(const wk_tensor *t, const char *op) {
    wk_ctx *ctx = wk__ctx();
    return wk__ready(ctx) && wk__known(ctx, t, op, "t");
}

wk_tensor *wk_full_like(const wk_tensor *t, double value) {
    return like(t, "full_like") ? create_filled("full_like", t->a.ndim, t->a.dims, value, t->a.dtype) : NULL;
}

wk_tensor *wk_zeros_like(const wk_tensor *t) {
    return like(t, "zeros_like") ? create_filled("zeros_like", t->a.ndim, t->a.dims, 0, t->a.dtype) : NULL;
}

wk_tensor *wk_ones_like(const wk_tensor *t) {
    return like(t, "ones_like") ? create_filled("ones_like", t->a.ndim, t->a.dims, 1, t->a.dtype) : NULL;
}

wk_tensor *wk_empty_like(const wk_tensor *t) {
    return like(t, "empty_like") ? wk__create("empty_like", t->a.ndim, t->a.dims, t->a.dtype) : NULL;
}

wk_tensor *wk_from_data(const void *data, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    wk_ctx *ctx = wk__ctx();
    if (ctx != NULL && wk__capture_refuses(ctx, "from_data", "make it before, and give it as an input")) return NULL;
    wk_tensor *t = wk__create("from_data", ndim, dims, dtype);
    if (t == NULL || t->a.numel == 0) return t;
    if (data == NULL) {
        wk__fail(t->ctx, WK_EINVAL, "from_data", "data is NULL");
        return NULL;
    }
    memcpy(t->a.data, data, (size_t)wk__array_nbytes(&t->a));
    return t;
}
