/* powers.c -- see powers.h.
 *
 *     y = |x|^p              gx += g p |x|^(p-1) sign x
 *     y = |x|^p sign x       gx += g p |x|^(p-1), 0 where p < 0 and x is 0
 *     y = max(log x, -100)   gx += g / x, 0 where x is 0 */
#include "op/powers.h"

#include <math.h>

#include "op/elementwise.h"

/* ------------------------------------------------------------------------------------------------------- powers --- */

typedef struct power_attrs { double p; } power_attrs;

static const wk_attr_field power_fields[] = {{"p", 'f', offsetof(power_attrs, p), 1}};

static double power_of(const wk_backprop *b) { return ((const power_attrs *)b->node->attrs)->p; }

static void power_forward(wk_call *c, wk_scale_loop *kernel) {
    wk__scale_rows(kernel, &c->out[0]->a, &c->in[0]->a, ((const power_attrs *)c->attrs)->p);
}

static void abs_power_forward(wk_call *c) { power_forward(c, wk__kernels->abs_power[c->in[0]->a.dtype]); }
static void signed_power_forward(wk_call *c) { power_forward(c, wk__kernels->signed_power[c->in[0]->a.dtype]); }

/* The sign and |x|^0 are constants. */
static void abs_power_vjp(const wk_backprop *b, wk_tensor **gx) {
    const double p = power_of(b);
    if (p != 0) gx[0] = wk_mul(b->gy[0], wk_mul_scalar(wk__signed_power(b->node->in[0].saved, p - 1), p));
}

/* Where 0 stands for a power that is infinite, it is a constant. */
static void signed_power_vjp(const wk_backprop *b, wk_tensor **gx) {
    const double p = power_of(b);
    wk_tensor *x = b->node->in[0].saved;
    if (p == 0) return;
    wk_tensor *lower = p < 0 ? wk__signed_power(wk_abs(x), p - 1) : wk__abs_power(x, p - 1);
    gx[0] = wk_mul(b->gy[0], wk_mul_scalar(lower, p));
}

/* Rows outside ops.def, of one output with the shape of x or of both inputs. */
#define INNER_ROW(op, inputs, names, shape_rule, ...) \
    static const wk_op op##_op = {                    \
        WK_INNER_ROW(op),                             \
        .in_count = (inputs),                         \
        .out_count = 1,                               \
        .in_names = (names),                          \
        .batch = WK__BATCH_ELEMENTS,                  \
        .shape = (shape_rule),                        \
        .forward = op##_forward,                      \
        __VA_ARGS__,                                  \
    };
INNER_ROW(abs_power, 1, "x", wk__unary_shape, .reads = {WK_READS_IN(0)}, WK_ATTRS(power_attrs, power_fields),
          .vjp = abs_power_vjp)
INNER_ROW(signed_power, 1, "x", wk__unary_shape, .reads = {WK_READS_IN(0)}, WK_ATTRS(power_attrs, power_fields),
          .vjp = signed_power_vjp)

wk_tensor *wk__abs_power(wk_tensor *x, double p) { return wk__apply1(&abs_power_op, x, &(power_attrs){p}); }
wk_tensor *wk__signed_power(wk_tensor *x, double p) { return wk__apply1(&signed_power_op, x, &(power_attrs){p}); }

/* ------------------------------------------------------------------------------------------------------ others --- */

static void log_clamped_forward(wk_call *c) {
    wk__unary_rows(wk__kernels->log_clamped[c->in[0]->a.dtype], &c->out[0]->a, &c->in[0]->a);
}

/* 1 / x, but no more than PyTorch has for binary_cross_entropy: a probability of 0 that should be 1 is driven out. */
static void log_clamped_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[0] = wk_div(b->gy[0], wk_clamp(b->node->in[0].saved, 1e-12, INFINITY));
}

static void weigh_forward(wk_call *c) {
    wk__binary_rows(wk__kernels->weigh[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a, &c->in[1]->a);
}

static void weigh_vjp(const wk_backprop *b, wk_tensor **gx) {
    for (int32_t i = 0; i < 2; i++)
        if (wk__wants(b, i)) gx[i] = wk__unstretched(b, i, wk_mul(b->gy[0], b->node->in[1 - i].saved));
}

static void per_share_forward(wk_call *c) {
    wk__binary_rows(wk__kernels->div[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a, &c->in[1]->a);
}

/* The shares that are none count as 1: losses that do not count take the gradient times 0. */
static void per_share_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *shares = b->node->in[1].saved, *zero = wk_scalar(0, wk_dtype_of(shares));
    wk_tensor *g = wk_div(b->gy[0], wk_add(shares, wk__equal(shares, zero)));
    if (wk__wants(b, 0)) gx[0] = wk__unstretched(b, 0, g);
    if (wk__wants(b, 1)) gx[1] = wk__unstretched(b, 1, wk_neg(wk_mul(g, b->node->out[0].saved)));
}

static void equal_forward(wk_call *c) {
    const wk_array *y = &c->out[0]->a;
    wk__binary_rows(wk__kernels->same[y->dtype], y, &c->in[0]->a, &c->in[1]->a);
}

INNER_ROW(log_clamped, 1, "x", wk__unary_shape, .reads = {WK_READS_IN(0)}, .vjp = log_clamped_vjp)
INNER_ROW(weigh, 2, "a share", wk__binary_shape, .reads = {WK_READS_IN(1), WK_READS_IN(0)}, .vjp = weigh_vjp)
INNER_ROW(per_share, 2, "sum shares", wk__binary_shape, .reads = {WK_READS_IN(1), WK_READS_IN(1) | WK_READS_OUT(0)},
          .vjp = per_share_vjp)
INNER_ROW(equal, 2, "a b", wk__binary_shape, .flags = WK__OP_NO_GRAD)

wk_tensor *wk__log_clamped(wk_tensor *x) { return wk__apply1(&log_clamped_op, x, NULL); }
wk_tensor *wk__weigh(wk_tensor *a, wk_tensor *share) { return wk__apply2(&weigh_op, a, share, NULL); }
wk_tensor *wk__per_share(wk_tensor *sum, wk_tensor *shares) { return wk__apply2(&per_share_op, sum, shares, NULL); }
wk_tensor *wk__equal(wk_tensor *a, wk_tensor *b) { return wk__apply2(&equal_op, a, b, NULL); }
