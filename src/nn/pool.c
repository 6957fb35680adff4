/* pool.c -- pools as modules without parameters, for Sequential. */
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "nn/layer.h"

enum { MAX_WALKED = 3 };

typedef wk_tensor *pooling(wk_tensor *x, int64_t kernel_size, const wk_pool_options *options);

typedef struct pool {
    pooling *op;
    int32_t n; /* dimensions that are walked */
    bool max;
    int64_t kernel[MAX_WALKED], stride[MAX_WALKED], padding[MAX_WALKED], dilation[MAX_WALKED];
    wk_pool_options options; /* whose arrays are the above */
} pool;

static wk_tensor *forward(wk_module *m, wk_tensor *x) {
    const pool *self = wk_module_self(m);
    return self->op(x, 0, &self->options);
}

/* "2", or where dimensions differ "(3, 2)"; PyTorch's AvgPool1d has "(2,)". */
static void add_numbers(char *text, size_t nbytes, const char *name, const pool *self, const int64_t *numbers) {
    bool tuple = self->n == 1 && !self->max;
    size_t used = strlen(text);
    for (int32_t i = 1; i < self->n; i++) tuple |= numbers[i] != numbers[0];
    used += (size_t)snprintf(text + used, nbytes - used, "%s%s=%s", used > 0 ? ", " : "", name, tuple ? "(" : "");
    for (int32_t i = 0; i < (tuple ? self->n : 1) && used < nbytes; i++)
        used += (size_t)snprintf(text + used, nbytes - used, "%s%lld", i > 0 ? ", " : "", (long long)numbers[i]);
    if (tuple && used < nbytes) snprintf(text + used, nbytes - used, self->n == 1 ? ",)" : ")");
}

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const pool *self = wk_module_self(m);
    char all[512] = "";
    add_numbers(all, sizeof all, "kernel_size", self, self->kernel);
    add_numbers(all, sizeof all, "stride", self, self->stride);
    add_numbers(all, sizeof all, "padding", self, self->padding);
    if (self->max) add_numbers(all, sizeof all, "dilation", self, self->dilation);
    snprintf(text, nbytes, "%s%s", all, self->max ? ", ceil_mode=False" : "");
}

/* One number for all dimensions, or the caller's for each. */
static void numbers(const pool *self, int64_t all, const int64_t *each, int64_t *to) {
    for (int32_t i = 0; i < self->n; i++) to[i] = each != NULL ? each[i] : all;
}

static void settle(pool *self, const wk_pool_options *o, int64_t kernel_size) {
    numbers(self, kernel_size, o->kernel_sizes, self->kernel);
    numbers(self, o->stride, o->stride == 0 && o->strides == NULL ? self->kernel : o->strides, self->stride);
    numbers(self, o->padding, o->paddings, self->padding);
    numbers(self, o->dilation, o->dilations, self->dilation);
    self->options = *o;
    self->options.kernel_sizes = self->kernel, self->options.strides = self->stride;
    self->options.paddings = self->padding, self->options.dilations = self->dilation;
}

static wk_module *make(wk_module *parent, const char *name, const wk_module_class *cls, pool made, int64_t kernel_size,
                       const wk_pool_options *options, const char *function) {
    wk_pool_options o;
    const wk_pool_options defaults = WK_POOL_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, function)) return NULL;
    settle(&made, &o, kernel_size);
    for (int32_t i = 0; i < made.n; i++)
        if (!wk__layer_size(made.kernel[i], "kernel_size", function)) return NULL;
    wk_module *m = wk__module_new(parent, name, cls, function);
    pool *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self = made;
    settle(self, &o, kernel_size);
    return m;
}

#define POOL(layer, title, n, max)                                                                                  \
    static const wk_module_class layer##_class = {                                                                  \
        .size = sizeof(wk_module_class),                                                                            \
        .name = (title),                                                                                            \
        .self_nbytes = sizeof(pool),                                                                                \
        .forward = forward,                                                                                         \
        .describe = describe,                                                                                       \
    };                                                                                                              \
    wk_module *wk_##layer##_new(wk_module *parent, const char *name, int64_t kernel_size,                           \
                                const wk_pool_options *options) {                                                   \
        return make(parent, name, &layer##_class, (pool){wk_##layer, n, max, {0}, {0}, {0}, {0}, {0}}, kernel_size, \
                    options, #layer "_new");                                                                        \
    }
POOL(max_pool1d, "MaxPool1d", 1, true)
POOL(max_pool2d, "MaxPool2d", 2, true)
POOL(max_pool3d, "MaxPool3d", 3, true)
POOL(avg_pool1d, "AvgPool1d", 1, false)
POOL(avg_pool2d, "AvgPool2d", 2, false)
POOL(avg_pool3d, "AvgPool3d", 3, false)
