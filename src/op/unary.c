/* unary.c -- functions of one variable, each with its gradient, which reads x or y. Written in ops, the gradient can be
 * differentiated again; the kernels that compute it otherwise are in maps.def. */
#include "op/unary.h"

#define X WK_READS_IN(0)
#define Y WK_READS_OUT(0)

static wk_tensor *one_plus(wk_tensor *x) { return wk_add_scalar(x, 1); }
static wk_tensor *one_minus(wk_tensor *x) { return wk_add_scalar(wk_neg(x), 1); }

/* ------------------------------------------------------------------------------------------ powers, logarithms --- */

WK_UNARY(exp, AS_FLOAT, Y, wk_mul(g, y))
WK_UNARY(expm1, AS_FLOAT, Y, wk_mul(g, one_plus(y)))
WK_UNARY(log, AS_FLOAT, X, wk_div(g, x))
WK_UNARY(log1p, AS_FLOAT, X, wk_div(g, one_plus(x)))
WK_UNARY(sqrt, AS_FLOAT, Y, wk_mul_scalar(wk_div(g, y), 0.5))
WK_UNARY(rsqrt, AS_FLOAT, Y, wk_mul_scalar(wk_mul(g, wk_mul(wk_square(y), y)), -0.5))
WK_UNARY(square, TRUTHS_AS_I64, X, wk_mul(g, wk_mul_scalar(x, 2)))
WK_UNARY(reciprocal, AS_FLOAT, Y, wk_neg(wk_mul(g, wk_square(y))))

WK_UNARY_S(rdiv_scalar, AS_FLOAT, wk__unary_shape, s, 1, WK_A_TENSOR, X,
           wk_neg(wk_mul(g, wk_rdiv_scalar(wk_square(x), attrs->s))))

/* Whole numbers to powers that keep them whole. */
static bool pow_scalar_shape(wk_call *c) {
    const double exponent = ((const wk_map_attrs *)c->attrs)->s;
    if (!wk__unary_shape(c) || wk__dtype_is_floating(c->in[0]->a.dtype)) return c->out[0] != NULL;
    if (!wk__check_number(c, exponent)) return false;
    return exponent >= 0 || wk__refuse(c, WK_EDTYPE, "x has type %s, which does not hold its power %g: wk_cast it to a "
                                       "floating one", wk_dtype_name(c->in[0]->a.dtype), exponent);
}

/* x^s;  at s = 0 a constant, whatever x */
WK_UNARY_S(pow_scalar, TRUTHS_AS_I64, pow_scalar_shape, exponent, 1, WK_A_TENSOR, X,
           attrs->s == 0 ? NULL : wk_mul(g, wk_mul_scalar(wk_pow_scalar(x, attrs->s - 1), attrs->s)))

/* ------------------------------------------------------------------------------------------------------- angles --- */

WK_UNARY(sin, AS_FLOAT, X, wk_mul(g, wk_cos(x)))
WK_UNARY(cos, AS_FLOAT, X, wk_neg(wk_mul(g, wk_sin(x))))
WK_UNARY(tan, AS_FLOAT, Y, wk_mul(g, one_plus(wk_square(y))))
WK_UNARY(asin, AS_FLOAT, X, wk_mul(g, wk_rsqrt(wk_mul(one_minus(x), one_plus(x)))))
WK_UNARY(acos, AS_FLOAT, X, wk_neg(wk_mul(g, wk_rsqrt(wk_mul(one_minus(x), one_plus(x))))))
WK_UNARY(atan, AS_FLOAT, X, wk_div(g, one_plus(wk_square(x))))
WK_UNARY(sinh, AS_FLOAT, X, wk_mul(g, wk_cosh(x)))
WK_UNARY(cosh, AS_FLOAT, X, wk_mul(g, wk_sinh(x)))

/* ---------------------------------------------------------------------------------------------- steps and bends --- */

WK_UNARY(abs, WHOLE, X, wk_mul(g, wk_sign(x)))
WK_UNARY(erf, AS_FLOAT, X, /* 2 / sqrt(pi) e^(-x^2) */
         wk_mul_scalar(wk_mul(g, wk_exp(wk_neg(wk_square(x)))), 1.12837916709551257390))
WK_UNARY_STEP(sign, TRUTHS, wk__map_forward)

/* Whole numbers are what they are. */
static void whole_forward(wk_call *c, wk_map_loop *const *kernel) {
    const wk_array *y = &c->out[0]->a, *x = &c->in[0]->a;
    if (wk__dtype_is_floating(x->dtype))
        wk__map_forward(c, kernel);
    else
        wk__unary_alike(c->alike, wk__kernels->copy[x->dtype], y, x);
}

WK_UNARY_STEP(round, WHOLE, whole_forward)
WK_UNARY_STEP(floor, WHOLE, whole_forward)
WK_UNARY_STEP(ceil, WHOLE, whole_forward)
WK_UNARY_STEP(trunc, WHOLE, whole_forward)

wk_tensor *wk__zero_where(wk_tensor *condition, wk_tensor *g) {
    return wk_where(condition, wk_scalar(0, wk_dtype_of(g)), g);
}

/* A bound that does not bound is no number of a whole type. */
static bool clamp_shape(wk_call *c) {
    const wk_map_attrs *bounds = c->attrs;
    return wk__check_float(c) && (bounds->s == -INFINITY || wk__check_number(c, bounds->s)) &&
           (bounds->t == INFINITY || wk__check_number(c, bounds->t)) && wk__unary_shape(c);
}

/* 1 within the bounds and on them; 0 at NaN */
WK_UNARY_ST(clamp, TRUTHS_AS_I64, clamp_shape, min, -INFINITY, max, INFINITY, WK_BOUNDS, X,
            wk_where(wk_logical_and(wk_ge_scalar(x, attrs->s), wk_le_scalar(x, attrs->t)), g,
                     wk_scalar(0, wk_dtype_of(g))))

/* -------------------------------------------------------------------------------------- how the rows are called --- */

static const wk_map_attrs none = {0};

void wk__map_forward(wk_call *c, wk_map_loop *const *kernel) {
    const wk_array *y = &c->out[0]->a, *x = &c->in[0]->a;
    const wk_map_attrs *attrs = c->attrs != NULL ? c->attrs : &none;
    wk_rows rows;
    const wk_array *const arrays[] = {y, x};
    if (wk_likely(c->alike & WK__FLAT)) {
        kernel[y->dtype](y->numel, y->data, 1, x->data, 1, attrs->s, attrs->t);
        return;
    }
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows))
        kernel[y->dtype](rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], attrs->s, attrs->t);
}

bool wk__map_grad(wk_backprop *b, wk_map_grad_loop *const *kernel) {
    const wk_node *node = b->node;
    const wk_array *g = &b->gy[0]->a, *xy = node->in[0].saved != NULL ? wk__saved_in(b, 0) : wk__saved_out(b, 0);
    const wk_map_attrs *attrs = node->op->attrs_nbytes > 0 ? node->attrs : &none;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot_in_gy(b, 0, &room, &add);
    if (gx == NULL) return true;
    if (wk_likely(wk__slot_alike(b, gx, &room) & WK__FLAT)) {
        kernel[g->dtype](g->numel, gx->data, 1, g->data, 1, xy->data, 1, attrs->s, attrs->t, add);
        return true;
    }
    wk_rows rows;
    const wk_array *const arrays[] = {gx, g, xy};
    for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
        kernel[g->dtype](rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], rows.data[2],
                         rows.stride[2], attrs->s, attrs->t, add);
    return true;
}
