/* batch_norm.c -- y = (x - mean) / sqrt(var + eps) weight + bias for each channel, the second dimension of x, as a
 * composition. mean and var are given, or x's own; then they are differentiated, too. */
#include "op/batch_norm.h"

enum { X, MEAN, VAR, WEIGHT, BIAS, INPUTS };

typedef struct norm_attrs {
    double eps;
} norm_attrs;

static const wk_attr_field fields[] = {{"eps", 'f', offsetof(norm_attrs, eps), 1e-5}};

static bool shape(wk_call *c) {
    static const char *const names[] = {"x", "mean", "var", "weight", "bias"};
    const wk_tensor *x = c->in[X];
    wk_shape_text tx, t;
    if (!wk__check_float(c)) return false;
    if (x->a.ndim < 2)
        return wk__refuse(c, WK_ESHAPE, "x %s has no second dimension, of channels", wk__dims_text(&tx, x));
    if ((c->in[MEAN] == NULL) != (c->in[VAR] == NULL))
        return wk__refuse(c, WK_EINVAL, "mean and var come together, or not at all");
    for (int32_t i = MEAN; i < INPUTS; i++)
        if (c->in[i] != NULL && (c->in[i]->a.ndim != 1 || c->in[i]->a.dims[0] != x->a.dims[1]))
            return wk__refuse(c, WK_ESHAPE, "%s is %s and must be (%lld), as x %s has so many channels", names[i],
                              wk__dims_text(&t, c->in[i]), (long long)x->a.dims[1], wk__dims_text(&tx, x));
    return true;
}

/* All dimensions but that of channels. */
static int32_t dims_between(const wk_tensor *x, int64_t *dims) {
    int32_t count = 0;
    for (int32_t d = 0; d < wk_ndim(x); d++)
        if (d != 1) dims[count++] = d;
    return count;
}

/* The mean of each channel, as an array that stretches to x. */
static wk_tensor *mean_of(wk_tensor *x) {
    int64_t dims[WK_MAX_DIMS];
    const int32_t count = dims_between(x, dims);
    return wk_mean_dims(x, count, dims, true);
}

/* A number for each channel (C), as an array that stretches to x. */
static wk_tensor *for_channels(wk_tensor *t, const wk_tensor *x) {
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < wk_ndim(x); d++) dims[d] = d == 1 ? wk_dim(x, 1) : 1;
    return wk_reshape(t, wk_ndim(x), dims);
}

void wk__channel_moments(wk_tensor *x, wk_tensor **mean, wk_tensor **var) {
    wk_tensor *center = mean_of(x);
    *var = wk_reshape(mean_of(wk_square(wk_sub(x, center))), WK_SHAPE(-1));
    *mean = wk_reshape(center, WK_SHAPE(-1));
}

static void compose(wk_call *c) {
    wk_tensor *const *in = c->in, *x = in[X], *mean = in[MEAN], *var = in[VAR];
    if (mean == NULL) wk__channel_moments(x, &mean, &var);
    wk_tensor *scale = wk_rsqrt(wk_add_scalar(var, ((const norm_attrs *)c->attrs)->eps));
    if (in[WEIGHT] != NULL) scale = wk_mul(scale, in[WEIGHT]);
    wk_tensor *y = wk_mul(wk_sub(x, for_channels(mean, x)), for_channels(scale, x));
    c->out[0] = in[BIAS] != NULL ? wk_add(y, for_channels(in[BIAS], x)) : y;
}

const wk_op wk__op_batch_norm = {
    WK_ROW(batch_norm),
    .in_count = INPUTS,
    .out_count = 1,
    .optional = 1 << MEAN | 1 << VAR | 1 << WEIGHT | 1 << BIAS,
    .in_names = "x mean var weight bias",
    .flags = WK__OP_PROMOTE,
    WK_ATTRS(norm_attrs, fields),
    .shape = shape,
    .compose = compose,
};

wk_tensor *wk_batch_norm(wk_tensor *x, wk_tensor *mean, wk_tensor *var, wk_tensor *weight, wk_tensor *bias,
                         double eps) {
    return wk__compose(&wk__op_batch_norm, (wk_tensor *const[]){x, mean, var, weight, bias}, INPUTS, &(norm_attrs){eps},
                       NULL);
}
