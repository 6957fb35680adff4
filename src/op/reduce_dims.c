/* reduce_dims.c -- sums over chosen dimensions and what is made of them. N: elements that go into one of y.
 *
 *     sum_dims     y = sum x                          gx += g
 *     mean_dims    y = sum x / N                      gx += g / N
 *     var          y = sum (x - mean)^2 / (N - c)     gx += 2 g (x - mean) / (N - c)
 *     std          y = sqrt(var)                      gx += g (x - mean) / (y (N - c)), 0 where y is 0
 *     norm         y = (sum |x|^p)^(1/p)              gx += g sign(x) (|x| / y)^(p-1), 0 where y is 0
 *     logsumexp    y = log sum e^x                    gx += g e^(x - y)                                              */
#include <math.h>

#include "op/elementwise.h"
#include "op/powers.h"
#include "op/reduction.h"

static double count_of(const wk_backprop *b) {
    return (double)wk__edge_numel(&b->node->in[0]) / (double)wk_numel(b->gy[0]);
}

/* y = s y, by a kernel. */
static void scale_all(const wk_array *y, double s) {
    wk__kernels->scale[y->dtype](y->numel, y->data, 1, y->data, 1, s);
}

/* y = y^p, where y is not negative. */
static void power_all(const wk_array *y, double p) {
    wk__kernels->abs_power[y->dtype](y->numel, y->data, 1, y->data, 1, p);
}

/* gx (+)= s g, with g stretched over gx. */
static bool stretch_grad(wk_backprop *b, double s) {
    const wk_dtype dtype = b->gy[0]->a.dtype;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx == NULL) return true;
    const wk_array g = wk__stretched(b, &b->gy[0]->a, gx);
    wk__scale_rows((add ? wk__kernels->scale_add : wk__kernels->scale)[dtype], gx, &g, s);
    return true;
}

/* ---------------------------------------------------------------------------------------------------- sum, mean --- */

static void sum_forward(wk_call *c) { wk__fold(c, wk__kernels->fold_sum[c->in[0]->a.dtype]); }
static bool sum_grad(wk_backprop *b) { return stretch_grad(b, 1); }
static void sum_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = wk__spread(b, b->gy[0]); }

static void mean_forward(wk_call *c) {
    const wk_reduction *r = c->attrs;
    sum_forward(c);
    scale_all(&c->out[0]->a, 1.0 / (double)wk__reduced_count(&c->in[0]->a, r->reduced));
}

static bool mean_grad(wk_backprop *b) { return stretch_grad(b, 1 / count_of(b)); }

static void mean_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[0] = wk__spread(b, wk_mul_scalar(b->gy[0], 1 / count_of(b)));
}

/* Of tensors side by side: the same dimensions, one further on. */
static void each_reduced(wk_call *c) {
    const wk_reduction *r = c->attrs;
    wk_tensor *x = c->in[0];
    int64_t dims[WK_MAX_DIMS];
    int32_t ndim = 0;
    for (int32_t d = 0; d + 1 < wk_ndim(x); d++)
        if (r->reduced >> d & 1) dims[ndim++] = d + 1;
    c->out[0] =
        ndim == 0 ? x : (c->op == &wk__op_sum_dims ? wk_sum_dims : wk_mean_dims)(x, ndim, dims, r->keepdim != 0);
}

const wk_op wk__op_sum_dims = {
    WK_ROW(sum_dims),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_IN_I64,
    WK_ATTRS(wk_reduction, wk__reduce_dims_fields),
    .batch = WK__BATCH_ROWS,
    .batched = each_reduced,
    .shape = wk__reduce_dims_shape,
    .forward = sum_forward,
    .grad = sum_grad,
    .vjp = sum_vjp,
};

const wk_op wk__op_mean_dims = {
    WK_ROW(mean_dims),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    WK_ATTRS(wk_reduction, wk__reduce_dims_fields),
    .batch = WK__BATCH_ROWS,
    .batched = each_reduced,
    .shape = wk__reduce_dims_shape,
    .forward = mean_forward,
    .grad = mean_grad,
    .vjp = mean_vjp,
};

wk_tensor *wk_sum_dims(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim) {
    return wk__reduce_dims(&wk__op_sum_dims, x, ndim, dims, (wk_reduction){.keepdim = keepdim});
}

wk_tensor *wk_mean_dims(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim) {
    return wk__reduce_dims(&wk__op_mean_dims, x, ndim, dims, (wk_reduction){.keepdim = keepdim});
}

/* ----------------------------------------------------------------------------------------------------- var, std --- */

static const wk_attr_field var_fields[] = {WK_DIMS_FIELDS, {"correction", 'i', offsetof(wk_reduction, number), 1}};

static double freedom(double count, const wk_reduction *r) { return fmax(count - (double)r->number, 0); }

/* The mean, corrected by that of what differs from it, then the squares of what differs: equal elements have a variance
 * of 0, also where their sum is rounded. y is room for the correction. */
static void var_forward(wk_call *c) {
    const wk_reduction *r = c->attrs;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    wk_tensor *mean = wk__temporary(c->ctx, c->op, x->dtype, y);
    if (mean == NULL) return;
    const double count = (double)wk__reduced_count(x, r->reduced);
    wk__fibres(wk__kernels->fold_sum[x->dtype], &mean->a, x, NULL, r->reduced, 0, false);
    scale_all(&mean->a, 1 / count);
    wk__fibres(wk__kernels->fold_diff[x->dtype], y, x, &mean->a, r->reduced, 0, false);
    scale_all(y, 1 / count);
    wk__set_or_add(&mean->a, y, true);
    wk__fibres(wk__kernels->fold_square_diff[x->dtype], y, x, &mean->a, r->reduced, 0, false);
    scale_all(y, 1 / freedom(count, r));
    wk__unref(mean);
}

static void std_forward(wk_call *c) {
    var_forward(c);
    if (c->ctx->failure.status == WK_OK) power_all(&c->out[0]->a, 0.5);
}

/* x less its mean along the dimensions that the shape does not have. */
static wk_tensor *less_mean(const wk_backprop *b, wk_tensor *x, const wk_tensor *shape) {
    wk_tensor *mean = wk_mul_scalar(wk_sum_to_size(x, wk_ndim(shape), wk_dims(shape)), 1 / count_of(b));
    return wk_sub(x, mean);
}

/* s (x - mean), whose product with g is the gradient; less the mean twice, as forward corrects it. */
static wk_tensor *deviations(const wk_backprop *b, double s) {
    wk_tensor *x = b->node->in[0].saved, *shape = wk__kept(b, b->gy[0]);
    return wk_mul_scalar(less_mean(b, less_mean(b, x, shape), shape), s / freedom(count_of(b), b->node->attrs));
}

static void var_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[0] = wk_mul(deviations(b, 2), wk__kept(b, b->gy[0]));
}

static void std_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *over_y = wk_mul(b->gy[0], wk__signed_power(b->node->out[0].saved, -1));
    gx[0] = wk_mul(deviations(b, 1), wk__kept(b, over_y));
}

#define VAR_ROW(row, what)                                                                                  \
    const wk_op wk__op_##row = {                                                                            \
        WK_ROW(row), .in_count = 1, .out_count = 1, .in_names = "x", .reads = {what},                       \
        WK_ATTRS(wk_reduction, var_fields),                                                                 \
        .shape = wk__reduce_dims_shape, .forward = row##_forward, .vjp = row##_vjp,                         \
    };
VAR_ROW(var, WK_READS_IN(0))
VAR_ROW(std, WK_READS_IN(0) | WK_READS_OUT(0))

wk_tensor *wk_var(wk_tensor *x, int32_t ndim, const int64_t *dims, int64_t correction, bool keepdim) {
    return wk__reduce_dims(&wk__op_var, x, ndim, dims, (wk_reduction){.number = correction, .keepdim = keepdim});
}

wk_tensor *wk_std(wk_tensor *x, int32_t ndim, const int64_t *dims, int64_t correction, bool keepdim) {
    return wk__reduce_dims(&wk__op_std, x, ndim, dims, (wk_reduction){.number = correction, .keepdim = keepdim});
}

/* --------------------------------------------------------------------------------------------------------- norm --- */

static const wk_attr_field norm_fields[] = {{"p", 'f', offsetof(wk_reduction, s), 2}, WK_DIMS_FIELDS};

static wk_fibre_kernel *norm_kernel(double p, wk_dtype dtype) {
    if (p == 2) return wk__kernels->fold_square[dtype];
    if (p == 1) return wk__kernels->fold_abs[dtype];
    if (p == 0) return wk__kernels->fold_nonzero[dtype];
    if (isinf(p)) return (p > 0 ? wk__kernels->fold_max_abs : wk__kernels->fold_min_abs)[dtype];
    return wk__kernels->fold_power[dtype];
}

static bool norm_shape(wk_call *c) {
    const wk_reduction *r = c->attrs;
    if (isnan(r->s)) return wk__refuse(c, WK_EINVAL, "p is NaN");
    if (!wk__reduce_dims_shape(c)) return false;
    wk_shape_text text;
    if (r->s >= 0 || wk__reduced_count(&c->in[0]->a, r->reduced) > 0) return true;
    return wk__refuse(c, WK_ESHAPE, "x %s: a norm of nothing with p %g", wk__dims_text(&text, c->in[0]), r->s);
}

static void norm_forward(wk_call *c) {
    const double p = ((const wk_reduction *)c->attrs)->s;
    wk__fold(c, norm_kernel(p, c->in[0]->a.dtype));
    if (p != 0 && p != 1 && !isinf(p)) power_all(&c->out[0]->a, 1 / p);
}

/* Elements whose size is the norm share its gradient. */
static wk_tensor *infinite_norm_share(const wk_backprop *b, wk_tensor *x) {
    wk_tensor *y = wk__kept(b, b->node->out[0].saved);
    wk_tensor *chosen = wk__equal(wk_abs(x), y);
    wk_tensor *count = wk_sum_to_size(chosen, wk_ndim(y), wk_dims(y));
    wk_tensor *share = wk_mul(wk__kept(b, b->gy[0]), wk__signed_power(count, -1));
    return wk_mul(wk_mul(chosen, wk_sign(x)), share);
}

static void norm_vjp(const wk_backprop *b, wk_tensor **gx) {
    const double p = ((const wk_reduction *)b->node->attrs)->s;
    wk_tensor *x = b->node->in[0].saved, *g = b->gy[0], *y = b->node->out[0].saved;
    if (p == 0) return;
    if (isinf(p)) {
        gx[0] = infinite_norm_share(b, x);
    } else if (p == 1) {
        gx[0] = wk_mul(wk_sign(x), wk__kept(b, g));
    } else if (p == 2) {
        gx[0] = wk_mul(x, wk__kept(b, wk_mul(g, wk__signed_power(y, -1))));
    } else {
        wk_tensor *slope = p == 3 ? wk_mul(x, wk_abs(x)) : wk__signed_power(x, p - 1);
        gx[0] = wk_mul(slope, wk__kept(b, wk_mul(g, wk__signed_power(y, 1 - p))));
    }
}

const wk_op wk__op_norm = {
    WK_ROW(norm), .in_count = 1, .out_count = 1, .in_names = "x", .reads = {WK_READS_IN(0) | WK_READS_OUT(0)},
    WK_ATTRS(wk_reduction, norm_fields), .shape = norm_shape, .forward = norm_forward, .vjp = norm_vjp,
};

wk_tensor *wk_norm(wk_tensor *x, double p, int32_t ndim, const int64_t *dims, bool keepdim) {
    return wk__reduce_dims(&wk__op_norm, x, ndim, dims, (wk_reduction){.s = p, .keepdim = keepdim});
}

/* ---------------------------------------------------------------------------------------------------- logsumexp --- */

static void logsumexp_forward(wk_call *c) {
    const wk_reduction *r = c->attrs;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    wk_tensor *largest = wk__temporary(c->ctx, c->op, x->dtype, y);
    if (largest == NULL) return;
    wk__fibres(wk__kernels->fold_max[x->dtype], &largest->a, x, NULL, r->reduced, 0, false);
    wk__fibres(wk__kernels->fold_exp_diff[x->dtype], y, x, &largest->a, r->reduced, 0, false);
    wk__kernels->log_add[y->dtype](y->numel, y->data, 1, y->data, 1, largest->a.data, 1);
    wk__unref(largest);
}

/* y = e^y */
static void exp_all(const wk_array *y) {
    wk_rows rows;
    for (bool more = wk__rows_begin(&rows, 1, &y); more; more = wk__rows_next(&rows))
        wk__kernels->exp[y->dtype](rows.n, rows.data[0], rows.stride[0], rows.data[0], rows.stride[0], 0, 0);
}

static bool logsumexp_grad(wk_backprop *b) {
    wk_workplace w;
    if (!wk__work_on_slot(b, 0, &w)) return true;
    const wk_array y = wk__stretched(b, wk__saved_out(b, 0), w.at), g = wk__stretched(b, &b->gy[0]->a, w.at);
    wk__binary_rows(wk__kernels->sub[g.dtype], w.at, wk__saved_in(b, 0), &y);
    exp_all(w.at);
    wk__binary_rows(wk__kernels->mul[g.dtype], w.at, w.at, &g);
    wk__worked_out(&w);
    return true;
}

static void logsumexp_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *softmax = wk_exp(wk_sub(b->node->in[0].saved, wk__kept(b, b->node->out[0].saved)));
    gx[0] = wk_mul(softmax, wk__kept(b, b->gy[0]));
}

const wk_op wk__op_logsumexp = {
    WK_ROW(logsumexp),
    .in_count = 1,
    .out_count = 1,
    .in_names = "x",
    .reads = {WK_READS_IN(0) | WK_READS_OUT(0)},
    WK_ATTRS(wk_reduction, wk__reduce_dims_fields),
    .flags = WK__OP_TO_FLOAT,
    .shape = wk__reduce_dims_shape,
    .forward = logsumexp_forward,
    .grad = logsumexp_grad,
    .vjp = logsumexp_vjp,
};

wk_tensor *wk_logsumexp(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim) {
    return wk__reduce_dims(&wk__op_logsumexp, x, ndim, dims, (wk_reduction){.keepdim = keepdim});
}
