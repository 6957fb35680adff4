/* mse_loss.c -- y = s sum (x - t)^2, with s = 1/N for the mean of N elements;  gx += 2 s g (x - t),  gt -= the same.
 * Without a reduction, s is 1 and there is no sum. */
#include "base/options.h"
#include "op/elementwise.h"
#include "op/losses.h"

typedef struct mse_attrs {
    int64_t reduction;
} mse_attrs;

static const wk_attr_field fields[] = {{"reduction", 'r', offsetof(mse_attrs, reduction), WK_REDUCTION_MEAN}};

static int64_t reduction_of(const void *attrs) { return ((const mse_attrs *)attrs)->reduction; }

static int64_t divisor_of(const void *attrs, int64_t count) {
    return reduction_of(attrs) == WK_REDUCTION_MEAN ? count : 1;
}

static bool shape(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    const int64_t reduction = reduction_of(c->attrs);
    if (!wk__check_reduction(c, reduction) || !wk__check_pair(c)) return false;
    return wk__declare(c, 0, x->dtype, reduction == WK_REDUCTION_NONE ? x->ndim : 0, x->dims);
}

/* y = sum (x - t)^2, row by row. */
WK_NOINLINE static void sum_rows(wk_call *c, wk_reduce2_loop *kernel, const wk_array *x, const wk_array *t) {
    const wk_array *y = &c->out[0]->a, *const arrays[] = {x, t};
    wk_rows rows;
    wk__zero(y);
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows)) {
        kernel(rows.n, &c->ctx->cell, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1]);
        wk__kernels->accumulate[y->dtype](1, y->data, 1, &c->ctx->cell, 1);
    }
}

static void forward(wk_call *c) {
    const wk_array *x = &c->in[0]->a, *t = &c->in[1]->a, *y = &c->out[0]->a;
    wk_reduce2_loop *kernel = wk__kernels->square_diff_sum[y->dtype];
    if (reduction_of(c->attrs) == WK_REDUCTION_NONE) {
        wk__binary_rows(wk__kernels->sub[y->dtype], y, x, t);
        wk__binary_rows(wk__kernels->mul[y->dtype], y, y, y);
        return;
    }
    if (wk_likely(wk__flat(x, t)))
        kernel(x->numel, y->data, x->data, 1, t->data, 1);
    else
        sum_rows(c, kernel, x, t);
    wk__kernels->scale[y->dtype](1, y->data, 1, y->data, 1, 1 / (double)divisor_of(c->attrs, x->numel));
}

/* gx (+)= (2 g / N) (a - b), with beta 1 to add and 0 to set. */
WK_NOINLINE static void difference_rows(const wk_array *gx, const wk_array *a, const wk_array *b, const wk_array *g,
                                        int64_t divisor, double beta) {
    const wk_array *const arrays[] = {gx, a, b};
    wk_rows rows;
    for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
        wk__kernels->scaled_diff[g->dtype](rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1],
                                           rows.data[2], rows.stride[2], g->data, 2, divisor, beta);
}

static void scaled_difference(wk_backprop *b, int32_t i, const wk_array *minuend, const wk_array *subtrahend) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, i, &room, &add);
    if (gx == NULL) return;
    const int64_t divisor = divisor_of(b->node->attrs, gx->numel);
    if (wk_likely(wk__flat(gx, minuend) && wk__flat(gx, subtrahend)))
        wk__kernels->scaled_diff[g->dtype](gx->numel, gx->data, 1, minuend->data, 1, subtrahend->data, 1, g->data, 2,
                                           divisor, add ? 1 : 0);
    else
        difference_rows(gx, minuend, subtrahend, g, divisor, add ? 1 : 0);
}

static bool grad(wk_backprop *b) {
    const wk_array *x = wk__saved_in(b, 0), *t = wk__saved_in(b, 1);
    if (reduction_of(b->node->attrs) == WK_REDUCTION_NONE) return false;
    if (wk__wants(b, 0)) scaled_difference(b, 0, x, t);
    if (wk__wants(b, 1)) scaled_difference(b, 1, t, x);
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *x = b->node->in[0].saved, *t = b->node->in[1].saved;
    wk_tensor *gx0 =
        wk_mul(wk_mul_scalar(wk_sub(x, t), 2.0 / (double)divisor_of(b->node->attrs, wk_numel(x))), b->gy[0]);
    if (wk__wants(b, 0)) gx[0] = gx0;
    if (wk__wants(b, 1)) gx[1] = wk_neg(gx0);
}

/* Of pairs side by side: the squares, or their sum or mean for each. */
static void batched(wk_call *c) {
    const int64_t reduction = ((const mse_attrs *)c->attrs)->reduction, dim = 1;
    const int64_t count = wk_dim(c->in[0], 0), each = wk_numel(c->in[0]) / count;
    wk_tensor *d = wk_sub(c->in[0], c->in[1]), *squares = wk_mul(d, d);
    if (reduction == WK_REDUCTION_NONE)
        c->out[0] = squares;
    else
        c->out[0] = (reduction == WK_REDUCTION_SUM ? wk_sum_dims : wk_mean_dims)(
            wk_reshape(squares, WK_SHAPE(count, each)), 1, &dim, false);
}

#define BOTH (WK_READS_IN(0) | WK_READS_IN(1))

const wk_op wk__op_mse_loss = {
    WK_ROW(mse_loss),        .in_count = 2,         .out_count = 1,
    .in_names = "x target",  .reads = {BOTH, BOTH}, WK_ATTRS(mse_attrs, fields),
    .batch = WK__BATCH_ROWS, .batched = batched,    .shape = shape,
    .forward = forward,      .grad = grad,          .vjp = vjp,
};

wk_tensor *wk_mse_loss(wk_tensor *x, wk_tensor *target) {
    return wk__apply2(&wk__op_mse_loss, x, target, &(mse_attrs){WK_REDUCTION_MEAN});
}

wk_tensor *wk_mse_loss_options(wk_tensor *x, wk_tensor *target, const wk_loss_options *options) {
    wk_loss_options o;
    if (!wk__options(&o, &(wk_loss_options)WK_LOSS_OPTIONS, options, sizeof o, "mse_loss")) return NULL;
    return wk__apply2(&wk__op_mse_loss, x, target, &(mse_attrs){o.reduction});
}
