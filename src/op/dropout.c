/* dropout.c -- y = x m with m = 0 where a coin of probability p says so, else 1 / (1 - p);  gx += g m. */
#include "op/ragged.h"
#include "op/rows.h"

typedef struct dropout_attrs {
    double p;
    int64_t training;
} dropout_attrs;

static const wk_attr_field fields[] = {
    {"p", 'f', offsetof(dropout_attrs, p), 0.5},
    {"training", 'b', offsetof(dropout_attrs, training), 1},
};

static bool shape(wk_call *c) {
    const double p = ((const dropout_attrs *)c->attrs)->p;
    if (!wk__check_float(c)) return false;
    return p >= 0 && p <= 1 ? true : wk__refuse(c, WK_EINVAL, "p is %g, not a probability from 0 to 1", p);
}

/* 1 / (1 - p) as PyTorch rounds it: the divisor first, then the quotient, in x's type. */
static double kept_scale(double p, wk_dtype dtype) {
    return dtype == WK_F32 ? (double)(1.0f / (float)(1 - p)) : 1 / (1 - p);
}

/* x m / (1 - p), m being made by `mask` where something is at stake: in training, for p other than 0 and 1, and where
 * there are elements. */
static wk_tensor *drop(wk_call *c, wk_tensor *(*mask)(const wk_call *c, double kept)) {
    const dropout_attrs *a = c->attrs;
    wk_tensor *x = c->in[0];
    if (!a->training || a->p == 0 || wk_numel(x) == 0) return wk_expand(x, wk_ndim(x), wk_dims(x));
    if (a->p == 1) return wk_mul_scalar(x, 0);
    return wk_mul(x, wk_mul_scalar(mask(c, 1 - a->p), kept_scale(a->p, wk_dtype_of(x))));
}

static wk_tensor *mask_of_all(const wk_call *c, double kept) {
    const wk_tensor *x = c->in[0];
    return wk_bernoulli(kept, wk_ndim(x), wk_dims(x), wk_dtype_of(x));
}

static void compose(wk_call *c) { c->out[0] = drop(c, mask_of_all); }

const wk_op wk__op_dropout = {
    WK_ROW(dropout), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(dropout_attrs, fields),
    .shape = shape, .compose = compose,
};

wk_tensor *wk_dropout(wk_tensor *x, double p, bool training) {
    return wk__compose(&wk__op_dropout, &x, 1, &(dropout_attrs){p, training}, NULL);
}

/* ------------------------------------------------------------------------------------ rows of several lengths --- */

static wk_tensor *mask_of_rows(const wk_call *c, double kept) {
    const wk_tensor *x = c->in[0];
    return wk__bernoulli_ragged(kept, c->in[1], wk_dim(x, 1), wk_dim(x, 2), wk_dtype_of(x));
}

static bool ragged_shape(wk_call *c) { return wk__check_index_type(c, 1) && shape(c); }

static void compose_ragged(wk_call *c) { c->out[0] = drop(c, mask_of_rows); }

static const wk_op ragged_op = {
    WK_INNER_ROW(dropout),
    .in_count = 2,
    .out_count = 1,
    .in_names = "x lengths",
    .indices = 1 << 1,
    .shape = ragged_shape,
    .compose = compose_ragged,
    WK_ATTRS(dropout_attrs, fields),
};

wk_tensor *wk__dropout_ragged(wk_tensor *x, wk_tensor *lengths, double p) {
    return wk__compose(&ragged_op, (wk_tensor *const[]){x, lengths}, 2, &(dropout_attrs){p, true}, NULL);
}
