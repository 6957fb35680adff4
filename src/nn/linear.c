/* linear.c -- the layer y = x W^T + b. */
#include <math.h>
#include <stdio.h>

#include "nn/layer.h"

typedef struct linear { wk_tensor *weight, *bias; } linear;

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const linear *self = wk_module_self(m);
    snprintf(text, nbytes, "in_features=%lld, out_features=%lld, bias=%s", (long long)wk_dim(self->weight, 1),
             (long long)wk_dim(self->weight, 0), self->bias != NULL ? "True" : "False");
}

static const wk_module_class linear_class = {
    .size = sizeof(wk_module_class), .name = "Linear", .self_nbytes = sizeof(linear), .forward = wk_linear_forward,
    .describe = describe,
};

/* The weight given in the options, which must fit, or a new one. */
static wk_tensor *weight_of(wk_module *m, const wk_linear_options *o, int64_t in_features, int64_t out_features) {
    if (o->weight == NULL)
        return wk__uniform_parameter(m, "weight", wk__weight_bound(in_features), WK_SHAPE(out_features, in_features),
                                     o->dtype);
    if (!wk__layer_shape(o->weight, "weight", WK_SHAPE(out_features, in_features), "linear_new")) return NULL;
    return wk_module_share_parameter(m, "weight", o->weight);
}

wk_module *wk_linear_new(wk_module *parent, const char *name, int64_t in_features, int64_t out_features,
                         const wk_linear_options *options) {
    wk_linear_options o;
    const wk_linear_options defaults = WK_LINEAR_OPTIONS;
    if (!wk__options(&o, &defaults, options, sizeof o, "linear_new") ||
        !wk__layer_size(in_features, "in_features", "linear_new") ||
        !wk__layer_size(out_features, "out_features", "linear_new") || !wk__layer_dtype(o.dtype, "linear_new"))
        return NULL;
    wk_module *m = wk__module_new(parent, name, &linear_class, "linear_new");
    linear *self = wk_module_self(m);
    if (self == NULL) return NULL;
    self->weight = weight_of(m, &o, in_features, out_features);
    if (o.bias) self->bias = wk__uniform_parameter(m, "bias", 1 / sqrt((double)in_features), WK_SHAPE(out_features),
                                                 o.dtype);
    return wk__layer_made(m, "linear_new");
}

wk_tensor *wk_linear_forward(wk_module *m, wk_tensor *x) {
    const linear *self = wk__layer_self(m, &linear_class, "linear_forward");
    return self != NULL ? wk__layer_gives(wk_linear(x, self->weight, self->bias), "linear_forward") : NULL;
}
