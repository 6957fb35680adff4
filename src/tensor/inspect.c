/* inspect.c -- asking a tensor about itself, and reaching its elements. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/capture.h"
#include "kernel/convert.h"
#include "tensor/iterate.h"
#include "tensor/tensor.h"

/* Strides of a promise are known when it is kept. */
static bool laid_out(const wk_tensor *t, const char *op) {
    if (!wk__live(t, op) || t->live != WK__PROMISED) return wk__live(t, op);
    return t->ctx->failure.status == WK_OK && wk__promise_kept((wk_tensor *)(uintptr_t)t, op, "t");
}

int32_t wk_ndim(const wk_tensor *t) { return wk__live(t, "ndim") ? t->a.ndim : 0; }
int64_t wk_numel(const wk_tensor *t) { return wk__live(t, "numel") ? t->a.numel : 0; }
const int64_t *wk_dims(const wk_tensor *t) { return wk__live(t, "dims") ? t->a.dims : NULL; }
const int64_t *wk_strides(const wk_tensor *t) { return laid_out(t, "strides") ? t->a.strides : NULL; }
wk_dtype wk_dtype_of(const wk_tensor *t) { return wk__live(t, "dtype_of") ? t->a.dtype : -1; }
bool wk_is_contiguous(const wk_tensor *t) { return laid_out(t, "is_contiguous") && (t->flags & WK__CONTIGUOUS) != 0; }
const char *wk_name(const wk_tensor *t) { return wk__live(t, "name") && t->meta != NULL ? t->meta->name : ""; }

int64_t wk_dim(const wk_tensor *t, int32_t dim) {
    const int32_t d = wk__live(t, "dim") ? wk__wrap_dim(dim, t->a.ndim) : -1;
    return d >= 0 ? t->a.dims[d] : 0;
}

void wk_set_name(wk_tensor *t, const char *name) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__known(ctx, t, "set_name", "t")) return;
    if ((t->flags & WK__SHARED) && !wk__writable(ctx, t, "set_name", "t")) return;
    wk_meta *meta = wk__tensor_meta(t);
    if (meta == NULL) wk__out_of_memory(ctx, "set_name");
    else wk__print(meta->name, sizeof meta->name, "%s", name != NULL ? name : "");
}

/* Inside a plan's step. */
WK_NOINLINE static wk_ctx *refuse_captured(wk_ctx *ctx, const char *op) {
    char within[128];
    if (ctx->capture->within != NULL)
        snprintf(within, sizeof within,
                 "elements have no values yet; if forward of %s depends on its inputs alone, "
                 "say so: wk_custom_op.pure",
                 ctx->capture->within);
    wk__capture_refuse(
        ctx, op, ctx->capture->within != NULL ? within : "elements have no values yet; make it an output of the step");
    return NULL;
}

/* The common beginning of the calls that reach elements. */
static wk_ctx *reach(const wk_tensor *t, const char *op) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (wk_unlikely(ctx->capture != NULL)) return refuse_captured(ctx, op);
    return wk__usable(ctx, t, op, "t") ? ctx : NULL;
}

const void *wk_data(const wk_tensor *t) { return reach(t, "data") != NULL && t->a.numel > 0 ? t->a.data : NULL; }

/* The elements of t, to be written by op for the user. */
static void *reach_to_write(wk_tensor *t, const char *op) {
    wk_ctx *ctx = reach(t, op);
    if (ctx == NULL || !wk__writable(ctx, t, op, "t") || t->a.numel == 0) return NULL;
    if (!wk__array_is_injective(&t->a)) {
        wk__fail(ctx, WK_EINVAL, op, "elements of t overlap: wk_clone it first");
        return NULL;
    }
    wk__storage_written(t->storage, NULL);
    return t->a.data;
}

void *wk_data_mut(wk_tensor *t) { return reach_to_write(t, "data_mut"); }

static double element_at(const wk_tensor *t, int64_t offset) {
    return wk__get_number(t->a.dtype, wk__array_at(&t->a, offset));
}

double wk_item(const wk_tensor *t) {
    wk_ctx *ctx = reach(t, "item");
    if (ctx == NULL) return NAN;
    if (t->a.numel == 1) return element_at(t, 0);
    wk_shape_text text;
    wk__fail(ctx, WK_ESHAPE, "item", "t %s has %" PRId64 " elements, not one: wk_get_f64 reads one of them",
             wk__dims_text(&text, t), t->a.numel);
    return NAN;
}

/* The offset of an element, or -1 after recording why there is none. */
static int64_t offset_of(wk_ctx *ctx, const wk_tensor *t, const int64_t *index, const char *op) {
    int64_t offset = 0;
    if (index == NULL && t->a.ndim > 0) return wk__fail(ctx, WK_EINVAL, op, "index is NULL"), -1;
    for (int32_t d = 0; d < t->a.ndim; d++) {
        const int64_t i = index[d] < 0 ? index[d] + t->a.dims[d] : index[d];
        if (i < 0 || i >= t->a.dims[d]) {
            wk_shape_text text;
            wk__fail(ctx, WK_EINDEX, op, "index %" PRId64 " of dimension %" PRId32 " is out of range for t %s",
                     index[d], d, wk__dims_text(&text, t));
            return -1;
        }
        offset += i * t->a.strides[d];
    }
    return offset;
}

/* The element at index as an element of type `as`, at to. */
static void get(const wk_tensor *t, const int64_t *index, const char *op, wk_dtype as, void *to) {
    wk_ctx *ctx = reach(t, op);
    const int64_t offset = ctx != NULL ? offset_of(ctx, t, index, op) : -1;
    if (offset >= 0) wk__convert[t->a.dtype][as](1, to, 1, wk__array_at(&t->a, offset), 1);
}

static void put(wk_tensor *t, const int64_t *index, const char *op, wk_dtype as, const void *from) {
    wk_ctx *ctx = reach(t, op);
    const int64_t offset = ctx != NULL ? offset_of(ctx, t, index, op) : -1;
    if (offset < 0 || reach_to_write(t, op) == NULL) return;
    wk__convert[as][t->a.dtype](1, wk__array_at(&t->a, offset), 1, from, 1);
}

double wk_get_f64(const wk_tensor *t, const int64_t *index) {
    double value = NAN;
    get(t, index, "get_f64", WK_F64, &value);
    return value;
}

int64_t wk_get_i64(const wk_tensor *t, const int64_t *index) {
    int64_t value = 0;
    get(t, index, "get_i64", WK_I64, &value);
    return value;
}

void wk_put_f64(wk_tensor *t, const int64_t *index, double value) { put(t, index, "put_f64", WK_F64, &value); }
void wk_put_i64(wk_tensor *t, const int64_t *index, int64_t value) { put(t, index, "put_i64", WK_I64, &value); }

/* The caller's memory as an array of t's shape and type, for t's elements in row-major order. */
static bool outside(wk_ctx *ctx, const wk_tensor *t, const void *data, size_t nbytes, const char *op, wk_array *a) {
    const size_t needed = (size_t)wk__array_nbytes(&t->a);
    *a = (wk_array){.data = (void *)(uintptr_t)data, .dtype = t->a.dtype};
    wk__array_set_dims(a, t->a.ndim, t->a.dims);
    if (nbytes == needed && (data != NULL || needed == 0)) return true;
    wk_shape_text text;
    if (data == NULL)
        wk__fail(ctx, WK_EINVAL, op, "data is NULL");
    else
        wk__fail(ctx, WK_EINVAL, op, "data has %zu bytes, but t %s of %s has %zu", nbytes, wk__dims_text(&text, t),
                 wk_dtype_name(t->a.dtype), needed);
    return false;
}

wk_status wk_read(const wk_tensor *t, void *data, size_t nbytes) {
    wk_ctx *ctx = reach(t, "read");
    wk_array to;
    if (ctx == NULL || !outside(ctx, t, data, nbytes, "read", &to)) return wk__status(wk__ctx());
    wk__unary_rows(wk__kernels->copy[t->a.dtype], &to, &t->a);
    return WK_OK;
}

wk_status wk_write(wk_tensor *t, const void *data, size_t nbytes) {
    wk_ctx *ctx = reach(t, "write");
    wk_array from;
    if (ctx == NULL || !outside(ctx, t, data, nbytes, "write", &from)) return wk__status(wk__ctx());
    if (t->a.numel > 0 && reach_to_write(t, "write") == NULL) return wk__status(ctx);
    wk__unary_rows(wk__kernels->copy[t->a.dtype], &t->a, &from);
    return WK_OK;
}
