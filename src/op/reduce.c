/* reduce.c -- sum, mean, sum_to_size. g is the gradient of y; N the number of elements.
 *
 *     y = sum x            gx += g, stretched
 *     y = sum x / N        gx += g / N, stretched
 *     y = sum_to_size x    gx += g, stretched */
#include "op/elementwise.h"
#include "op/rows.h"

#include "wick/grad.h"

/* gx (+)= s g, with g stretched over gx. */
static bool stretch_grad(wk_backprop *b, double s) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) wk__scale_rows(add ? wk__kernels->scale_add[g->dtype] : wk__kernels->scale[g->dtype], gx, g, s);
    return true;
}

/* g stretched to the shape of input 0. */
static wk_tensor *stretched(const wk_backprop *b) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    return wk_expand(b->gy[0], ndim, dims);
}

static bool scalar_shape(wk_call *c) { return wk__check_float(c) && wk__declare(c, 0, c->in[0]->a.dtype, 0, NULL); }

/* ---------------------------------------------------------------------------------------------------- sum, mean --- */

/* Strided inputs are summed row by row, contiguous ones in one call. */
static void sum_forward(wk_call *c) { wk__sum_to(&c->out[0]->a, &c->in[0]->a, false); }

static bool sum_grad(wk_backprop *b) { return stretch_grad(b, 1); }

static void sum_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = stretched(b); }

/* Of tensors side by side, each by itself: over all dimensions but the new one. */
static void each_reduced(wk_call *c) {
    static const int64_t dims[] = {1, 2, 3, 4, 5, 6, 7};
    wk_tensor *x = c->in[0];
    const int32_t ndim = wk_ndim(x) - 1;
    c->out[0] = ndim == 0 ? x : (c->op == &wk__op_sum ? wk_sum_dims : wk_mean_dims)(x, ndim, dims, false);
}

const wk_op wk__op_sum = {
    WK_ROW(sum),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_IN_I64,
    .batch = WK__BATCH_ROWS,
    .batched = each_reduced,
    .shape = scalar_shape,
    .forward = sum_forward,
    .grad = sum_grad,
    .vjp = sum_vjp,
};

wk_tensor *wk_sum(wk_tensor *x) { return wk__apply1(&wk__op_sum, x, NULL); }

static void mean_forward(wk_call *c) {
    const wk_array *y = &c->out[0]->a;
    sum_forward(c);
    wk__kernels->scale[y->dtype](1, y->data, 1, y->data, 1, 1.0 / (double)c->in[0]->a.numel);
}

static double one_over_count(const wk_backprop *b) { return 1.0 / (double)wk__edge_numel(&b->node->in[0]); }

static bool mean_grad(wk_backprop *b) { return stretch_grad(b, one_over_count(b)); }

static void mean_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = wk_mul_scalar(stretched(b), one_over_count(b)); }

const wk_op wk__op_mean = {
    WK_ROW(mean),          .in_count = 1,           .out_count = 1,
    .in_names = "x",       .batch = WK__BATCH_ROWS, .batched = each_reduced,
    .shape = scalar_shape, .forward = mean_forward, .grad = mean_grad,
    .vjp = mean_vjp,
};

wk_tensor *wk_mean(wk_tensor *x) { return wk__apply1(&wk__op_mean, x, NULL); }

/* -------------------------------------------------------------------------------------------------- sum_to_size --- */

static bool sum_to_size_shape(wk_call *c) {
    const wk_dims_attr *to = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_array small = {.dtype = x->a.dtype}, large;
    if (!wk__check_float(c) || !wk__check_shape(c->ctx, c->op->name, to->ndim, to->dims, x->a.dtype)) return false;
    wk__array_set_dims(&small, to->ndim, to->dims);
    if (wk__array_expand(&small, x->a.ndim, x->a.dims, &large))
        return wk__declare(c, 0, x->a.dtype, to->ndim, to->dims);
    wk_shape_text tx, ts;
    return wk__refuse(c, WK_ESHAPE, "%s does not broadcast to x %s", wk__shape_text(&ts, to->ndim, to->dims),
                      wk__dims_text(&tx, x));
}

const wk_op wk__op_sum_to_size = {
    WK_ROW(sum_to_size), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(wk_dims_attr, wk__dims_fields),
    WK_IN_I64,
    .shape = sum_to_size_shape, .forward = sum_forward, .grad = sum_grad, .vjp = sum_vjp,
};

wk_tensor *wk_sum_to_size(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "sum_to_size") ? wk__apply1(&wk__op_sum_to_size, x, &attrs) : NULL;
}
