/* dropout.c -- y = x m with m = 0 where a coin of probability p says so, else 1 / (1 - p);  gx += g m. */
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

/* Nothing is drawn where nothing is at stake: when not training, for p = 0 and p = 1, and for no elements. */
static void compose(wk_call *c) {
    const dropout_attrs *a = c->attrs;
    wk_tensor *x = c->in[0];
    const int32_t ndim = wk_ndim(x);
    const int64_t *dims = wk_dims(x);
    if (!a->training || a->p == 0 || wk_numel(x) == 0) {
        c->out[0] = wk_expand(x, ndim, dims);
        return;
    }
    if (a->p == 1) {
        c->out[0] = wk_mul_scalar(x, 0);
        return;
    }
    wk_tensor *mask = wk_bernoulli(1 - a->p, ndim, dims, wk_dtype_of(x));
    c->out[0] = wk_mul(x, wk_mul_scalar(mask, kept_scale(a->p, wk_dtype_of(x))));
}

const wk_op wk__op_dropout = {
    WK_ROW(dropout), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(dropout_attrs, fields),
    .shape = shape, .compose = compose,
};

wk_tensor *wk_dropout(wk_tensor *x, double p, bool training) {
    return wk__compose(&wk__op_dropout, &x, 1, &(dropout_attrs){p, training}, NULL);
}
