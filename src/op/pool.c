/* pool.c -- the largest, or the mean, of what each window holds:
 *
 *     max_pool      gx += g where the first largest of a window stands
 *     avg_pool      gx += g / (places of the window), or / (those of them that are not padding)
 *
 * as compositions over the windows of x (windows.h). */
#include <math.h>

#include "base/options.h"
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

static void max_compose(wk_call *c) {
    wk_window w;
    if (!window_of(c, &w)) return;
    wk_tensor *windows = wk__windows(wk__with_batch(c->in[0], w.n), &w, -INFINITY);
    wk_tensor *y = wk_max_dim(wk_flatten(windows, -w.n, -1), -1, false, NULL);
    c->out[0] = wk__without_batch(y, c->in[0], w.n);
}

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
    return wk__compose(op, &x, 1, &attrs, NULL);
}

#define POOL(op, n, kind)                                                                     \
    const wk_op wk__op_##op = {                                                               \
        WK_ROW_OF_X(op), WK_ATTRS(pool_attrs, kind##_fields), .variant = &(const int32_t){n}, \
        .shape = shape,  .compose = kind##_compose,                                           \
    };                                                                                        \
    wk_tensor *wk_##op(wk_tensor *x, int64_t kernel_size, const wk_pool_options *options) {   \
        return with_options(&wk__op_##op, x, kernel_size, options);                           \
    }
POOL(max_pool1d, 1, max)
POOL(max_pool2d, 2, max)
POOL(max_pool3d, 3, max)
POOL(avg_pool1d, 1, avg)
POOL(avg_pool2d, 2, avg)
POOL(avg_pool3d, 3, avg)
