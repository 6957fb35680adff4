/* conv.c -- convolutions with weights to learn. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "nn/layer.h"

enum { MAX_WALKED = 3 };

typedef wk_tensor *convolution(wk_tensor *x, wk_tensor *w, wk_tensor *b, const wk_conv_options *options);

/* What the classes differ in. */
typedef struct kind {
    const char *function;
    convolution *op;
    int32_t n; /* dimensions that are walked */
    bool transposed;
} kind;

typedef struct conv {
    const kind *kind;
    int64_t in, out;
    int64_t kernel[MAX_WALKED], stride[MAX_WALKED], padding[MAX_WALKED], dilation[MAX_WALKED], more[MAX_WALKED];
    wk_conv_options options; /* whose arrays are the above */
    wk_tensor *weight, *bias;
} conv;

/* ------------------------------------------------------------------------------------------------------ as text --- */

/* Adds ", name=(2, 2)", or with one number "(2,)". */
static void add_tuple(char *text, size_t nbytes, const char *name, const int64_t *numbers, int32_t n) {
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, nbytes - used, ", %s=(", name);
    for (int32_t i = 0; i < n && used < nbytes; i++)
        used += (size_t)snprintf(text + used, nbytes - used, "%s%lld", i > 0 ? ", " : "", (long long)numbers[i]);
    if (used < nbytes) snprintf(text + used, nbytes - used, n == 1 ? ",)" : ")");
}

static bool all_are(const int64_t *numbers, int32_t n, int64_t value) {
    for (int32_t i = 0; i < n; i++)
        if (numbers[i] != value) return false;
    return true;
}

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const conv *self = wk_module_self(m);
    const int32_t n = self->kind->n;
    char all[512];
    snprintf(all, sizeof all, "%lld, %lld", (long long)self->in, (long long)self->out);
    add_tuple(all, sizeof all, "kernel_size", self->kernel, n);
    add_tuple(all, sizeof all, "stride", self->stride, n);
    if (!all_are(self->padding, n, 0)) add_tuple(all, sizeof all, "padding", self->padding, n);
    if (!all_are(self->dilation, n, 1)) add_tuple(all, sizeof all, "dilation", self->dilation, n);
    if (!all_are(self->more, n, 0)) add_tuple(all, sizeof all, "output_padding", self->more, n);
    const size_t used = strlen(all);
    if (self->options.groups != 1)
        snprintf(all + used, sizeof all - used, ", groups=%lld", (long long)self->options.groups);
    snprintf(text, nbytes, "%s%s", all, self->bias != NULL ? "" : ", bias=False");
}

/* ------------------------------------------------------------------------------------------------------- making --- */

static bool check(const kind *k, const wk_conv_options *o, int64_t in, int64_t out) {
    if (!wk__layer_size(in, "in", k->function) || !wk__layer_size(out, "out", k->function) ||
        !wk__layer_size(o->groups, "groups", k->function))
        return false;
    if (in % o->groups != 0 || out % o->groups != 0)
        wk__fail(wk__ctx(), WK_EINVAL, k->function, "%lld channels to %lld are not %lld groups of one size",
                 (long long)in, (long long)out, (long long)o->groups);
    return wk_ok();
}

/* One number for all dimensions, or the caller's for each; false, recorded, when one is below `least`. */
static bool numbers(const kind *k, const char *what, int64_t all, const int64_t *each, int64_t least, int64_t *to) {
    for (int32_t i = 0; i < k->n; i++) {
        to[i] = each != NULL ? each[i] : all;
        if (to[i] >= least) continue;
        wk__fail(wk__ctx(), WK_EINVAL, k->function, "%s is %lld and must be %s", what, (long long)to[i],
                 least > 0 ? "positive" : "0 or more");
        return false;
    }
    return true;
}

/* Fills in the numbers; the options then point to them. */
static bool settle(conv *self, const wk_conv_options *o, int64_t kernel_size) {
    const kind *k = self->kind;
    if (!numbers(k, "kernel_size", kernel_size, o->kernel_sizes, 1, self->kernel) ||
        !numbers(k, "stride", o->stride, o->strides, 1, self->stride) ||
        !numbers(k, "padding", o->padding, o->paddings, 0, self->padding) ||
        !numbers(k, "dilation", o->dilation, o->dilations, 1, self->dilation) ||
        !numbers(k, "output_padding", o->output_padding, o->output_paddings, 0, self->more))
        return false;
    self->options = *o;
    self->options.strides = self->stride, self->options.paddings = self->padding;
    self->options.dilations = self->dilation, self->options.output_paddings = self->more;
    return true;
}

/* weight (out, in / groups, K..), or of transposed ones (in, out / groups, K..). Each output sees as many inputs as
 * there are behind the first dimension: so PyTorch counts them for transposed ones, too. */
static void parameters(wk_module *m, conv *self) {
    const kind *k = self->kind;
    const int64_t groups = self->options.groups;
    int64_t dims[2 + MAX_WALKED] = {k->transposed ? self->in : self->out,
                                    (k->transposed ? self->out : self->in) / groups},
                     inputs = dims[1];
    for (int32_t i = 0; i < k->n; i++) dims[2 + i] = self->kernel[i], inputs *= self->kernel[i];
    self->weight = wk__uniform_parameter(m, "weight", wk__weight_bound(inputs), 2 + k->n, dims, self->options.dtype);
    if (self->options.bias)
        self->bias =
            wk__uniform_parameter(m, "bias", 1 / sqrt((double)inputs), WK_SHAPE(self->out), self->options.dtype);
}

static wk_module *make(wk_module *parent, const char *name, const wk_module_class *cls, const kind *k, int64_t in,
                       int64_t out, int64_t kernel_size, const wk_conv_options *options) {
    wk_conv_options o;
    const wk_conv_options defaults = WK_CONV_OPTIONS;
    conv made = {.kind = k, .in = in, .out = out};
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, k->function) || !check(k, &o, in, out) ||
        !settle(&made, &o, kernel_size) || !wk__layer_dtype(o.dtype, k->function))
        return NULL;
    wk_module *m = wk__module_new(parent, name, cls, k->function);
    conv *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self = made;
    settle(self, &o, kernel_size);
    parameters(m, self);
    return wk__layer_made(m, k->function);
}

static wk_tensor *forward(wk_module *m, wk_tensor *x) {
    const conv *self = wk_module_self(m);
    return self->kind->op(x, self->weight, self->bias, &self->options);
}

#define CONV(layer, title, n, transposed)                                                                          \
    static const kind layer##_kind = {#layer "_new", wk_##layer, n, transposed};                                   \
    static const wk_module_class layer##_class = {                                                                 \
        .size = sizeof(wk_module_class),                                                                           \
        .name = (title),                                                                                           \
        .self_nbytes = sizeof(conv),                                                                               \
        .forward = forward,                                                                                        \
        .describe = describe,                                                                                      \
    };                                                                                                             \
    wk_module *wk_##layer##_new(wk_module *parent, const char *name, int64_t in, int64_t out, int64_t kernel_size, \
                                const wk_conv_options *options) {                                                  \
        return make(parent, name, &layer##_class, &layer##_kind, in, out, kernel_size, options);                   \
    }
CONV(conv1d, "Conv1d", 1, false)
CONV(conv2d, "Conv2d", 2, false)
CONV(conv3d, "Conv3d", 3, false)
CONV(conv_transpose1d, "ConvTranspose1d", 1, true)
CONV(conv_transpose2d, "ConvTranspose2d", 2, true)
CONV(conv_transpose3d, "ConvTranspose3d", 3, true)
