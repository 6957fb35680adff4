/* pool.c -- the largest, or the mean, of what each window holds (windows.h):
 *
 *     max_pool      gx += g where the first largest of a window stands, which is kept
 *     avg_pool      gx += g / (places of the window), or / (those of them that are not padding)
 *
 * The mean, and gradients of gradients, are compositions of views. */
#include <math.h>

#include "base/options.h"
#include "grad/apply.h"
#include "op/elementwise.h"
#include "op/packed.h"
#include "op/windows.h"

typedef struct pool_attrs {
    wk_window_attrs window;
    int64_t count_include_pad;
} pool_attrs;

static const wk_attr_field max_fields[] = {
    {"kernel_size", 'd', offsetof(pool_attrs, window.size), 0},
    {"stride", 'd', offsetof(pool_attrs, window.stride), 0}, /* none: as kernel_size */
    {"padding", 'd', offsetof(pool_attrs, window.padding), 0},
    {"dilation", 'd', offsetof(pool_attrs, window.dilation), 0},
};
static const wk_attr_field avg_fields[] = {
    {"kernel_size", 'd', offsetof(pool_attrs, window.size), 0},
    {"stride", 'd', offsetof(pool_attrs, window.stride), 0},
    {"padding", 'd', offsetof(pool_attrs, window.padding), 0},
    {"count_include_pad", 'b', offsetof(pool_attrs, count_include_pad), 1},
};

/* A window lies in x with half of it at least. */
static bool check_padding(wk_call *c, const wk_window *w) {
    for (int32_t i = 0; i < w->n; i++)
        if (2 * w->padding[i] > w->size[i])
            return wk__refuse(c, WK_EINVAL, "padding is %lld: at most half of kernel_size, %lld",
                              (long long)w->padding[i], (long long)w->size[i]);
    return true;
}

static bool window_of(wk_call *c, wk_window *w) {
    const wk_window_attrs *a = &((const pool_attrs *)c->attrs)->window;
    const int32_t n = w->n = *(const int32_t *)c->op->variant;
    if (!wk__numbers_of(c, "kernel_size", &a->size, n, 0, 1, w->size)) return false;
    const wk_dims_attr none = wk__for_each_dim(n, 0, w->size), *stride = a->stride.ndim > 0 ? &a->stride : &none;
    return wk__numbers_of(c, "stride", stride, n, 1, 1, w->stride) &&
           wk__numbers_of(c, "padding", &a->padding, n, 0, 0, w->padding) &&
           wk__numbers_of(c, "dilation", &a->dilation, n, 1, 1, w->dilation) && check_padding(c, w) &&
           wk__count_windows(c, w);
}

static bool shape(wk_call *c) {
    wk_window w;
    return wk__check_float(c) && wk__check_walked(c, *(const int32_t *)c->op->variant) && window_of(c, &w);
}

/* ----------------------------------------------------------------------------------------------- the largest --- */

static bool max_shape(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    int64_t dims[WK_MAX_DIMS];
    wk_window w;
    if (!shape(c) || !window_of(c, &w)) return false;
    for (int32_t d = 0; d < x->ndim; d++) dims[d] = d < x->ndim - w.n ? x->dims[d] : w.count[d - (x->ndim - w.n)];
    return wk__declare(c, 0, x->dtype, x->ndim, dims);
}

/* Room for the places of the largest, kept if there will be a gradient that reads them; else the caller lets it go.
 * NULL when memory is out. */
static wk_tensor *places_for(wk_call *c) {
    const int64_t count = c->out[0]->a.numel;
    wk_tensor *places = wk__tensor_make(c->ctx, WK_I64, 1, &count);
    if (places != NULL && wk__call_records(c)) c->kept = places;
    return places;
}

static void max_forward(wk_call *c) {
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    wk_packed pack;
    wk_window w;
    int64_t planes = 1;
    if (!window_of(c, &w)) return;
    for (int32_t d = 0; d < x->ndim - w.n; d++) planes *= x->dims[d];
    const bool packed = wk__pack(c->ctx, x, wk__array_is_contiguous(x), &pack);
    wk_tensor *places = packed ? places_for(c) : NULL;
    if (places == NULL) wk__refuse_no_memory(c);
    else
        wk__kernels->max_windows[x->dtype](
            &(wk_windows){wk__geometry_of(&w, planes, x), wk__packed_data(&pack), y->data, places->a.data});
    if (c->kept == NULL) wk__unref(places);
    wk__packed_end(&pack);
}

static bool is_contiguous(const wk_array *x, int32_t i) { return (void)i, wk__array_is_contiguous(x); }

static bool max_grad(wk_backprop *b) {
    const wk_array *g = &b->gy[0]->a;
    wk_packed_slot t[1];
    if (wk__packed_slot_begin(b, 0, t, is_contiguous)) {
        if (!wk__packed_slot_add(t)) wk__zero(wk__packed_slot_array(t));
        wk__kernels->max_windows_add[g->dtype](&(wk_windows_back){{.planes = g->numel, .count = {1, 1, 1}},
                                                                  wk__packed_slot_data(t),
                                                                  g->data,
                                                                  (*wk__node_kept(b->node))->a.data});
    }
    wk__packed_slot_end(t);
    return true;
}

static void max_compose(wk_call *c) {
    wk_window w;
    if (!window_of(c, &w)) return;
    wk_tensor *windows = wk__windows(wk__with_batch(c->in[0], w.n), &w, -INFINITY);
    wk_tensor *y = wk_max_dim(wk_flatten(windows, -w.n, -1), -1, false, NULL);
    c->out[0] = wk__without_batch(y, c->in[0], w.n);
}

/* -------------------------------------------------------------------------------------------------- the mean --- */

/* Sums over the windows of x, (N,C,count..). */
static wk_tensor *sums(wk_tensor *x, const wk_window *w) {
    int64_t dims[WK__MAX_WALKED];
    for (int32_t i = 0; i < w->n; i++) dims[i] = -w->n + i;
    return wk_sum_dims(wk__windows(x, w, 0), w->n, dims, false);
}

/* How many places of each window are in x, (1,1,count..). */
static wk_tensor *counts(const wk_tensor *x, const wk_window *w) {
    int64_t dims[WK_MAX_DIMS] = {1, 1};
    for (int32_t i = 0; i < w->n; i++) dims[2 + i] = wk_dim(x, 2 + i);
    return sums(wk_ones(w->n + 2, dims, wk_dtype_of(x)), w);
}

static void avg_compose(wk_call *c) {
    wk_window w;
    if (!window_of(c, &w)) return;
    wk_tensor *x = wk__with_batch(c->in[0], w.n), *y = sums(x, &w);
    double places = 1;
    for (int32_t i = 0; i < w.n; i++) places *= (double)w.size[i];
    if (((const pool_attrs *)c->attrs)->count_include_pad) y = wk_div_scalar(y, places);
    else y = wk_div(y, counts(x, &w));
    c->out[0] = wk__without_batch(y, c->in[0], w.n);
}

/* --------------------------------------------------------------------------------------------------------- rows --- */

static wk_tensor *with_options(const wk_op *op, wk_tensor *x, int64_t kernel_size, const wk_pool_options *options) {
    wk_pool_options o;
    if (!wk__options(&o, &(wk_pool_options)WK_POOL_OPTIONS, options, sizeof o, op->name)) return NULL;
    const int32_t n = *(const int32_t *)op->variant;
    pool_attrs attrs = {
        .window = {.size = wk__for_each_dim(n, kernel_size, o.kernel_sizes),
                   .stride = wk__for_each_dim(o.stride != 0 || o.strides != NULL ? n : 0, o.stride, o.strides),
                   .padding = wk__for_each_dim(n, o.padding, o.paddings),
                   .dilation = wk__for_each_dim(n, o.dilation, o.dilations)},
        .count_include_pad = o.count_include_pad,
    };
    return (wk__is_composed(op) ? wk__compose : wk__apply)(op, &x, 1, &attrs, NULL);
}

#define LARGEST                                                                                              \
    WK_ATTRS(pool_attrs, max_fields), .reads = {WK_READS_IN(0)}, .shape = max_shape, .forward = max_forward, \
                                      .grad = max_grad, .compose = max_compose
#define MEAN WK_ATTRS(pool_attrs, avg_fields), .shape = shape, .compose = avg_compose
#define POOL(op, n, ...)                                                                      \
    const wk_op wk__op_##op = {WK_ROW_OF_X(op), .variant = &(const int32_t){n}, __VA_ARGS__}; \
    wk_tensor *wk_##op(wk_tensor *x, int64_t kernel_size, const wk_pool_options *options) {   \
        return with_options(&wk__op_##op, x, kernel_size, options);                           \
    }
POOL(max_pool1d, 1, LARGEST)
POOL(max_pool2d, 2, LARGEST)
POOL(max_pool3d, 3, LARGEST)
POOL(avg_pool1d, 1, MEAN)
POOL(avg_pool2d, 2, MEAN)
POOL(avg_pool3d, 3, MEAN)
