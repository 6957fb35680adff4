/* activation.c -- operations of one input as modules without parameters, for Sequential. */
#include <stdio.h>

#include "nn/layer.h"

#define ACTIVATION(op, title)                                          \
    static wk_tensor *op##_layer_forward(wk_module *m, wk_tensor *x) { \
        (void)m;                                                       \
        return wk_##op(x);                                             \
    }                                                                  \
    static const wk_module_class op##_class = {                        \
        .size = sizeof(wk_module_class),                               \
        .name = (title),                                               \
        .forward = op##_layer_forward,                                 \
    };                                                                 \
    wk_module *wk_##op##_new(wk_module *parent, const char *name) {    \
        return wk__module_new(parent, name, &op##_class, #op "_new");  \
    }

ACTIVATION(tanh, "Tanh")
ACTIVATION(sigmoid, "Sigmoid")
ACTIVATION(relu, "ReLU")
ACTIVATION(silu, "SiLU")

static wk_tensor *flatten_forward(wk_module *m, wk_tensor *x) { return (void)m, wk_flatten(x, 1, -1); }

static void flatten_describe(const wk_module *m, char *text, size_t nbytes) {
    (void)m;
    snprintf(text, nbytes, "start_dim=1, end_dim=-1");
}

static const wk_module_class flatten_class = {
    .size = sizeof(wk_module_class),
    .name = "Flatten",
    .forward = flatten_forward,
    .describe = flatten_describe,
};

wk_module *wk_flatten_new(wk_module *parent, const char *name) {
    return wk__module_new(parent, name, &flatten_class, "flatten_new");
}

/* Those with a number of their own, which PyTorch calls so. */
#define ACTIVATION_WITH(op, title, number)                                                                  \
    static wk_tensor *op##_layer_forward(wk_module *m, wk_tensor *x) {                                      \
        return wk_##op(x, *(const double *)wk_module_self(m));                                              \
    }                                                                                                       \
    static void op##_describe(const wk_module *m, char *text, size_t nbytes) {                              \
        wk_number_text value;                                                                               \
        snprintf(text, nbytes, #number "=%s", wk__number_text(&value, *(const double *)wk_module_self(m))); \
    }                                                                                                       \
    static const wk_module_class op##_class = {                                                             \
        .size = sizeof(wk_module_class),                                                                    \
        .name = (title),                                                                                    \
        .self_nbytes = sizeof(double),                                                                      \
        .forward = op##_layer_forward,                                                                      \
        .describe = op##_describe,                                                                          \
    };                                                                                                      \
    wk_module *wk_##op##_new(wk_module *parent, const char *name, double number) {                          \
        wk_module *m = wk__module_new(parent, name, &op##_class, #op "_new");                               \
        if (m != NULL) *(double *)wk_module_self(m) = number;                                               \
        return m;                                                                                           \
    }

ACTIVATION_WITH(leaky_relu, "LeakyReLU", negative_slope)
ACTIVATION_WITH(elu, "ELU", alpha)

/* ---- gelu, of two kinds ---- */

static wk_tensor *gelu_layer_forward(wk_module *m, wk_tensor *x) {
    return wk_gelu(x, *(const bool *)wk_module_self(m));
}

static void gelu_describe(const wk_module *m, char *text, size_t nbytes) {
    snprintf(text, nbytes, "approximate='%s'", *(const bool *)wk_module_self(m) ? "tanh" : "none");
}

static const wk_module_class gelu_class = {
    .size = sizeof(wk_module_class), .name = "GELU", .self_nbytes = sizeof(bool), .forward = gelu_layer_forward,
    .describe = gelu_describe,
};

wk_module *wk_gelu_new(wk_module *parent, const char *name, bool tanh) {
    wk_module *m = wk__module_new(parent, name, &gelu_class, "gelu_new");
    if (m != NULL) *(bool *)wk_module_self(m) = tanh;
    return m;
}
