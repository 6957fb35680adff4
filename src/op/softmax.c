/* softmax.c -- softmax and log_softmax along one dimension, from which the largest element is taken off first.
 *
 *     y_i = e^(x_i) / sum_j e^(x_j)            gx_i += y_i (g_i - sum_j g_j y_j)
 *     y_i = x_i - log sum_j e^(x_j)            gx_i += g_i - e^(y_i) sum_j g_j */
#include "op/elementwise.h"
#include "op/reduction.h"

static bool grad_by(wk_backprop *b, wk_fibre_kernel *kernel) {
    const wk_reduction *r = b->node->attrs;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) wk__fibres(kernel, gx, &b->gy[0]->a, wk__saved_out(b, 0), r->reduced, 0, add);
    return true;
}

/* The sum of t along the dimension, which stays as a size of 1. */
static wk_tensor *sum_along(const wk_backprop *b, wk_tensor *t) {
    const wk_reduction *r = b->node->attrs;
    return r->reduced == 0 ? t : wk_sum_dims(t, 1, &r->dim, true);
}

static void softmax_forward(wk_call *c) { wk__fold(c, wk__kernels->softmax[c->in[0]->a.dtype]); }
static void log_softmax_forward(wk_call *c) { wk__fold(c, wk__kernels->log_softmax[c->in[0]->a.dtype]); }
static bool softmax_grad(wk_backprop *b) { return grad_by(b, wk__kernels->softmax_grad[b->gy[0]->a.dtype]); }
static bool log_softmax_grad(wk_backprop *b) { return grad_by(b, wk__kernels->log_softmax_grad[b->gy[0]->a.dtype]); }

static void softmax_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *g = b->gy[0], *y = b->node->out[0].saved;
    gx[0] = wk_mul(y, wk_sub(g, sum_along(b, wk_mul(g, y))));
}

/* e^y is the softmax of x, and that of y, since the e^(y_i) add up to 1. */
static void log_softmax_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_reduction *r = b->node->attrs;
    wk_tensor *g = b->gy[0];
    gx[0] = wk_sub(g, wk_mul(wk_softmax(b->node->out[0].saved, (int32_t)r->dim), sum_along(b, g)));
}

#define SOFTMAX_ROW(row)                          \
    const wk_op wk__op_##row = {                  \
        WK_ROW(row),                              \
        .in_count = 1,                            \
        .out_count = 1,                           \
        .in_names = "x",                          \
        .reads = {WK_READS_OUT(0)},               \
        WK_ATTRS(wk_reduction, wk__along_fields), \
        .batch = WK__BATCH_ROWS,                  \
        .batch_dims = 1,                          \
        .shape = wk__along_shape,                 \
        .forward = row##_forward,                 \
        .grad = row##_grad,                       \
        .vjp = row##_vjp,                         \
    };
SOFTMAX_ROW(softmax)
SOFTMAX_ROW(log_softmax)

wk_tensor *wk_softmax(wk_tensor *x, int32_t dim) { return wk__apply1(&wk__op_softmax, x, &(wk_reduction){.dim = dim}); }

wk_tensor *wk_log_softmax(wk_tensor *x, int32_t dim) {
    return wk__apply1(&wk__op_log_softmax, x, &(wk_reduction){.dim = dim});
}
