/* mse_loss.c -- y = sum (x - t)^2 / N over N elements;  gx += 2 g (x - t) / N,  gt -= the same. */
#include "op/elementwise.h"
#include "op/rows.h"

static bool shape(wk_call *c) {
    const wk_tensor *x = c->in[0], *t = c->in[1];
    wk_shape_text tx, tt;
    if (!wk__check_float(c)) return false;
    if (wk_likely(wk__same_dims(&x->a, &t->a))) return wk__declare(c, 0, x->a.dtype, 0, NULL);
    return wk__refuse(c, WK_ESHAPE, "x %s and target %s differ: give both one shape", wk__dims_text(&tx, x),
                      wk__dims_text(&tt, t));
}

static void forward(wk_call *c) {
    const wk_tensor *x = c->in[0], *t = c->in[1];
    const wk_array *y = &c->out[0]->a;
    const wk_array *const arrays[] = {&x->a, &t->a};
    wk__zero(y);
    wk_rows rows;
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows)) {
        double row_sum; /* room for one element of any float type */
        wk__kernels->square_diff_sum[y->dtype](rows.n, &row_sum, rows.data[0], rows.stride[0], rows.data[1],
                                               rows.stride[1]);
        wk__kernels->accumulate[y->dtype](1, y->data, 1, &row_sum, 1);
    }
    wk__kernels->scale[y->dtype](1, y->data, 1, y->data, 1, 1.0 / (double)x->a.numel);
}

/* gx (+)= s (a - b) */
static void scaled_difference(wk_backprop *b, int32_t i, const wk_array *minuend, const wk_array *subtrahend) {
    const wk_array *g = &b->gy[0]->a;
    const double gy = g->dtype == WK_F32 ? *(const float *)g->data : *(const double *)g->data;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, i, &room, &add);
    if (gx == NULL) return;
    const wk_array *const arrays[] = {gx, minuend, subtrahend};
    const double s = 2 * gy / (double)gx->numel;
    wk_rows rows;
    for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
        wk__kernels->scaled_diff[g->dtype](rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1],
                                           rows.data[2], rows.stride[2], s, add ? 1 : 0);
}

static bool grad(wk_backprop *b) {
    const wk_array *x = wk__saved_in(b, 0), *t = wk__saved_in(b, 1);
    if (wk__wants(b, 0)) scaled_difference(b, 0, x, t);
    if (wk__wants(b, 1)) scaled_difference(b, 1, t, x);
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *x = b->node->in[0].saved, *t = b->node->in[1].saved;
    wk_tensor *gx0 = wk_mul(wk_mul_scalar(wk_sub(x, t), 2.0 / (double)wk_numel(x)), b->gy[0]);
    if (wk__wants(b, 0)) gx[0] = gx0;
    if (wk__wants(b, 1)) gx[1] = wk_neg(gx0);
}

#define BOTH (WK_READS_IN(0) | WK_READS_IN(1))

const wk_op wk__op_mse_loss = {
    WK_ROW(mse_loss), .in_count = 2, .out_count = 1, .in_names = "x target", .reads = {BOTH, BOTH},
    .shape = shape, .forward = forward, .grad = grad, .vjp = vjp,
};

wk_tensor *wk_mse_loss(wk_tensor *x, wk_tensor *target) { return wk__apply2(&wk__op_mse_loss, x, target, NULL); }
