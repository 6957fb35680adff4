/* close.c -- comparing as a whole and by nearness: isclose, allclose, equal. Made of the rows of compare.c. */
#include "op/rows.h"

#include "wick/grad.h"

typedef struct close_attrs {
    double rtol, atol;
    int64_t equal_nan;
} close_attrs;

static const wk_attr_field fields[] = {
    {"rtol", 'f', offsetof(close_attrs, rtol), 1e-5},
    {"atol", 'f', offsetof(close_attrs, atol), 1e-8},
    {"equal_nan", 'b', offsetof(close_attrs, equal_nan), 0},
};

static bool shape(wk_call *c) {
    const close_attrs *o = c->attrs;
    if (!(o->rtol >= 0)) return wk__refuse(c, WK_EINVAL, "rtol is %g, below 0", o->rtol);
    if (!(o->atol >= 0)) return wk__refuse(c, WK_EINVAL, "atol is %g, below 0", o->atol);
    return true;
}

/* A floating tensor as it is, whole numbers as f64. */
static wk_tensor *floating(wk_tensor *x) { return wk__dtype_is_floating(wk_dtype_of(x)) ? x : wk_cast(x, WK_F64); }

/* Equal, or with a finite difference that is small; then, if asked for, NaN beside NaN. */
static void compose(wk_call *c) {
    WK_NO_GRAD;
    const close_attrs *o = c->attrs;
    wk_tensor *a = floating(c->in[0]), *b = floating(c->in[1]), *difference = wk_abs(wk_sub(a, b));
    wk_tensor *allowed = wk_add_scalar(wk_mul_scalar(wk_abs(b), o->rtol), o->atol);
    wk_tensor *near = wk_logical_and(wk_isfinite(difference), wk_le(difference, allowed));
    near = wk_logical_or(near, wk_eq(c->in[0], c->in[1]));
    if (o->equal_nan) near = wk_logical_or(near, wk_logical_and(wk_isnan(a), wk_isnan(b)));
    c->out[0] = near;
}

const wk_op wk__op_isclose = {
    WK_ROW(isclose),         .in_count = 2,           .out_count = 1,
    .in_names = "a b",       .flags = WK__OP_NO_GRAD, WK_ATTRS(close_attrs, fields),
    .types = WK__EVERY_TYPE, .shape = shape,          .compose = compose,
};

wk_tensor *wk_isclose(wk_tensor *a, wk_tensor *b, double rtol, double atol, bool equal_nan) {
    close_attrs attrs = {rtol, atol, equal_nan};
    return wk__compose(&wk__op_isclose, (wk_tensor *const[]){a, b}, 2, &attrs, NULL);
}

/* What a function says that looks at every element: of NULL, which comes of a failure, false. */
static bool all_true(wk_tensor *truths, const char *function) {
    wk_tensor *all = truths != NULL ? wk_all(truths) : NULL;
    const bool are = all != NULL && wk_item(all) != 0;
    wk__fail_as(wk__ctx(), function);
    return are;
}

bool wk_allclose(wk_tensor *a, wk_tensor *b, double rtol, double atol, bool equal_nan) {
    if (!wk__ready(wk__ctx())) return false;
    WK_SCOPE;
    return all_true(wk_isclose(a, b, rtol, atol, equal_nan), "allclose");
}

bool wk_equal(wk_tensor *a, wk_tensor *b) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__usable(ctx, a, "equal", "a") || !wk__usable(ctx, b, "equal", "b")) return false;
    if (!wk__same_dims(&a->a, &b->a)) return false;
    WK_SCOPE;
    return all_true(wk_eq(a, b), "equal");
}
