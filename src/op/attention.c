/* attention.c -- y = softmax(q k^T / sqrt E + mask) v, as a composition. */
#include <math.h>

#include "op/rows.h"

enum { Q, K, V, MASK };

typedef struct attention_attrs {
    double dropout_p;
    int64_t is_causal;
} attention_attrs;

static const wk_attr_field fields[] = {
    {"dropout_p", 'f', offsetof(attention_attrs, dropout_p), 0},
    {"is_causal", 'b', offsetof(attention_attrs, is_causal), 0},
};

static bool shape(wk_call *c) {
    const wk_tensor *q = c->in[Q], *k = c->in[K], *v = c->in[V], *mask = c->in[MASK];
    const attention_attrs *a = c->attrs;
    wk_shape_text tq, tk, tv;
    if (!wk__check_float_of(c, 3)) return false;
    if (mask != NULL && mask->a.dtype != WK_BOOL && !wk__dtype_is_floating(mask->a.dtype))
        return wk__refuse(c, WK_EDTYPE, "mask is %s: it is bool, or floating and added to the scores",
                          wk_dtype_name(mask->a.dtype));
    if (mask != NULL && a->is_causal)
        return wk__refuse(c, WK_EINVAL, "is_causal is a mask of its own: give one of the two");
    if (q->a.ndim < 2 || k->a.ndim < 2 || v->a.ndim < 2 || q->a.dims[q->a.ndim - 1] != k->a.dims[k->a.ndim - 1] ||
        k->a.dims[k->a.ndim - 2] != v->a.dims[v->a.ndim - 2])
        return wk__refuse(c, WK_ESHAPE, "q %s, k %s and v %s are not (..,L,E), (..,S,E) and (..,S,D)",
                          wk__dims_text(&tq, q), wk__dims_text(&tk, k), wk__dims_text(&tv, v));
    return (a->dropout_p >= 0 && a->dropout_p <= 1) ||
           wk__refuse(c, WK_EINVAL, "dropout_p is %g, not a probability from 0 to 1", a->dropout_p);
}

/* Scores that a step may not look at are -infinity. */
static wk_tensor *masked(wk_tensor *scores, wk_tensor *mask, bool causal) {
    const int64_t dims[] = {wk_dim(scores, -2), wk_dim(scores, -1)};
    if (causal) mask = wk_tril(wk_ones(2, dims, WK_BOOL), 0);
    if (mask == NULL) return scores;
    if (wk_dtype_of(mask) != WK_BOOL) return wk_add(scores, wk_cast(mask, wk_dtype_of(scores)));
    return wk_where(mask, scores, wk_scalar(-INFINITY, wk_dtype_of(scores)));
}

/* The scale goes into q, which is smaller than the scores. */
static void compose(wk_call *c) {
    const attention_attrs *a = c->attrs;
    const double scale = 1 / sqrt((double)wk_dim(c->in[Q], -1));
    wk_tensor *scores = wk_matmul(wk_mul_scalar(c->in[Q], scale), wk_transpose(c->in[K], -2, -1));
    wk_tensor *weights = wk_softmax(masked(scores, c->in[MASK], a->is_causal != 0), -1);
    c->out[0] = wk_matmul(wk_dropout(weights, a->dropout_p, a->dropout_p > 0), c->in[V]);
}

const wk_op wk__op_scaled_dot_product_attention = {
    WK_ROW(scaled_dot_product_attention),
    .in_count = 4,
    .out_count = 1,
    .optional = 1 << MASK,
    .own_type = 1 << MASK,
    .in_names = "q k v mask",
    WK_ATTRS(attention_attrs, fields),
    .shape = shape,
    .compose = compose,
};

wk_tensor *wk_scaled_dot_product_attention(wk_tensor *q, wk_tensor *k, wk_tensor *v, wk_tensor *mask, double dropout_p,
                                           bool is_causal) {
    return wk__compose(&wk__op_scaled_dot_product_attention, (wk_tensor *const[]){q, k, v, mask}, 4,
                       &(attention_attrs){dropout_p, is_causal}, NULL);
}
