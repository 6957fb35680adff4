/* layer_norm.c -- layer normalization with a weight and a bias to learn. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "nn/layer.h"

typedef struct layer_norm {
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
    double eps;
    wk_tensor *weight, *bias;
} layer_norm;

/* Python writes a tuple of one with a comma. */
static void describe(const wk_module *m, char *text, size_t nbytes) {
    const layer_norm *self = wk_module_self(m);
    wk_number_text eps;
    char dims[WK_MAX_DIMS * 22] = "";
    for (int32_t d = 0; d < self->ndim; d++)
        snprintf(dims + strlen(dims), sizeof dims - strlen(dims), "%s%" PRId64, d > 0 ? ", " : "", self->dims[d]);
    snprintf(text, nbytes, "(%s%s), eps=%s, elementwise_affine=%s", dims, self->ndim == 1 ? "," : "",
             wk__number_text(&eps, self->eps), self->weight != NULL ? "True" : "False");
}

static const wk_module_class layer_norm_class = {
    .size = sizeof(wk_module_class), .name = "LayerNorm", .self_nbytes = sizeof(layer_norm),
    .forward = wk_layer_norm_forward, .describe = describe,
};

static bool check(int32_t ndim, const int64_t *dims) {
    if (ndim < 1 || ndim > WK_MAX_DIMS || dims == NULL)
        wk__fail(wk__ctx(), WK_EINVAL, "layer_norm_new", "%d dimensions are not from 1 to %d", (int)ndim, WK_MAX_DIMS);
    for (int32_t d = 0; d < ndim && wk_ok(); d++) wk__layer_size(dims[d], "a dimension", "layer_norm_new");
    return wk_ok();
}

wk_module *wk_layer_norm_new(wk_module *parent, const char *name, int32_t ndim, const int64_t *dims,
                             const wk_layer_norm_options *options) {
    wk_layer_norm_options o;
    const wk_layer_norm_options defaults = WK_LAYER_NORM_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, "layer_norm_new") || !check(ndim, dims) ||
        !wk__layer_dtype(o.dtype, "layer_norm_new"))
        return NULL;
    wk_module *m = wk__module_new(parent, name, &layer_norm_class, "layer_norm_new");
    layer_norm *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self = (layer_norm){.ndim = ndim, .eps = o.eps};
    memcpy(self->dims, dims, (size_t)ndim * sizeof *dims);
    const wk_scope scope = wk_scope_open();
    if (o.elementwise_affine) self->weight = wk_module_add_parameter(m, "weight", wk_ones(ndim, dims, o.dtype));
    if (o.elementwise_affine) self->bias = wk_module_add_parameter(m, "bias", wk_zeros(ndim, dims, o.dtype));
    wk_scope_close(scope);
    return wk__layer_made(m, "layer_norm_new");
}

wk_tensor *wk_layer_norm_forward(wk_module *m, wk_tensor *x) {
    const layer_norm *self = wk__layer_self(m, &layer_norm_class, "layer_norm_forward");
    if (self == NULL) return NULL;
    wk_tensor *y = wk_layer_norm(x, self->ndim, self->dims, self->weight, self->bias, self->eps);
    return wk__layer_gives(y, "layer_norm_forward");
}
