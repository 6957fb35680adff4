/* batch_norm.c -- batch normalization with a weight and a bias to learn, and moments that are kept for evaluation. */
#include <stdio.h>

#include "base/context.h"
#include "nn/layer.h"
#include "op/batch_norm.h"
#include "wick/grad.h"

/* x of BatchNorm1d has 2 or 3 dimensions, that of the others 4 or 5. */
typedef struct kind {
    const char *op, *function;
    int32_t least, most;
} kind;

typedef struct batch_norm {
    const kind *kind;
    wk_batch_norm_options options;
    int64_t num_features;
    wk_tensor *weight, *bias, *mean, *var, *batches; /* NULL without them */
} batch_norm;

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const batch_norm *self = wk_module_self(m);
    wk_number_text eps, momentum;
    snprintf(text, nbytes, "%lld, eps=%s, momentum=%s, affine=%s, track_running_stats=%s",
             (long long)self->num_features, wk__number_text(&eps, self->options.eps),
             wk__number_text(&momentum, self->options.momentum), self->options.affine ? "True" : "False",
             self->options.track_running_stats ? "True" : "False");
}

/* ------------------------------------------------------------------------------------------------------ forward --- */

/* kept = (1 - momentum) kept + momentum now */
static void move_towards(wk_tensor *kept, wk_tensor *now, double momentum) {
    wk_copy_(kept, wk_add(wk_mul_scalar(kept, 1 - momentum), wk_mul_scalar(now, momentum)));
}

/* Moves the buffers towards the moments of a batch of which each channel has n elements. */
static void keep_moments(const batch_norm *self, wk_tensor *mean, wk_tensor *var, double n) {
    WK_SCOPE;
    WK_NO_GRAD;
    move_towards(self->mean, mean, self->options.momentum);
    move_towards(self->var, wk_mul_scalar(var, n / (n - 1)), self->options.momentum);
    wk_add_scalar_(self->batches, 1);
}

static bool check_x(const batch_norm *self, const wk_tensor *x, bool own_moments) {
    const int32_t ndim = wk_ndim(x), least = self->kind->least, most = self->kind->most;
    const char *op = self->kind->op;
    wk_shape_text buffer;
    const char *text = wk__shape_text(&buffer, ndim, wk_dims(x));
    if (ndim < least || ndim > most)
        wk__fail(wk__ctx(), WK_ESHAPE, op, "x %s must have %d%s dimensions", text, (int)least,
                 least < most ? " or 3" : "");
    else if (wk_dim(x, 1) != self->num_features)
        wk__fail(wk__ctx(), WK_ESHAPE, op, "x %s has %lld channels, the layer %lld", text, (long long)wk_dim(x, 1),
                 (long long)self->num_features);
    else if (own_moments && wk_numel(x) <= self->num_features)
        wk__fail(wk__ctx(), WK_ESHAPE, op,
                 "x %s has not two elements for each channel: give more than one example, or "
                 "evaluate (wk_module_train)",
                 text);
    return wk_ok();
}

static wk_tensor *forward(wk_module *m, wk_tensor *x) {
    const batch_norm *self = wk_module_self(m);
    const bool own_moments = wk_module_training(m) || self->mean == NULL;
    wk_tensor *mean = self->mean, *var = self->var;
    if (x != NULL && !check_x(self, x, own_moments)) return NULL;
    if (own_moments && x != NULL) wk__channel_moments(x, &mean, &var);
    wk_tensor *y = wk_batch_norm(x, mean, var, self->weight, self->bias, self->options.eps);
    if (own_moments && self->mean != NULL) keep_moments(self, mean, var, (double)(wk_numel(x) / self->num_features));
    return wk__layer_gives(y, self->kind->op);
}

/* ------------------------------------------------------------------------------------------------------- making --- */

static void tensors(wk_module *m, batch_norm *self) {
    WK_SCOPE;
    const wk_dtype dtype = self->options.dtype;
    wk_tensor *ones = wk_ones(WK_SHAPE(self->num_features), dtype), *zeros = wk_zeros_like(ones);
    if (self->options.affine) self->weight = wk_module_add_parameter(m, "weight", ones);
    if (self->options.affine) self->bias = wk_module_add_parameter(m, "bias", zeros);
    if (!self->options.track_running_stats) return;
    self->mean = wk_module_add_buffer(m, "running_mean", zeros);
    self->var = wk_module_add_buffer(m, "running_var", ones);
    self->batches = wk_module_add_buffer(m, "num_batches_tracked", wk_scalar(0, WK_I64));
}

static bool check(const wk_batch_norm_options *o, int64_t num_features, const char *function) {
    if (!wk__layer_size(num_features, "num_features", function) || !wk__layer_dtype(o->dtype, function)) return false;
    return wk__layer_probability(o->momentum, "momentum", function);
}

static wk_module *make(wk_module *parent, const char *name, const wk_module_class *cls, const kind *k,
                       int64_t num_features, const wk_batch_norm_options *options) {
    wk_batch_norm_options o;
    const wk_batch_norm_options defaults = WK_BATCH_NORM_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, k->function) ||
        !check(&o, num_features, k->function))
        return NULL;
    wk_module *m = wk__module_new(parent, name, cls, k->function);
    batch_norm *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self = (batch_norm){.kind = k, .options = o, .num_features = num_features};
    tensors(m, self);
    return wk__layer_made(m, k->function);
}

#define BATCH_NORM(n, least, most)                                                                \
    static const kind kind_##n = {"batch_norm" #n "d", "batch_norm" #n "d_new", least, most};     \
    static const wk_module_class class_##n = {                                                    \
        .size = sizeof(wk_module_class),                                                          \
        .name = "BatchNorm" #n "d",                                                               \
        .self_nbytes = sizeof(batch_norm),                                                        \
        .forward = forward,                                                                       \
        .describe = describe,                                                                     \
    };                                                                                            \
    wk_module *wk_batch_norm##n##d_new(wk_module *parent, const char *name, int64_t num_features, \
                                       const wk_batch_norm_options *options) {                    \
        return make(parent, name, &class_##n, &kind_##n, num_features, options);                  \
    }
BATCH_NORM(1, 2, 3)
BATCH_NORM(2, 4, 4)
BATCH_NORM(3, 5, 5)
