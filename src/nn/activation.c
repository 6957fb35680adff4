/* activation.c -- operations of one input as modules without parameters, for Sequential. */
#include "nn/layer.h"

#define ACTIVATION(op, title)                                                   \
    static wk_tensor *op##_forward(wk_module *m, wk_tensor *x) {                \
        (void)m;                                                                \
        return wk_##op(x);                                                      \
    }                                                                           \
    static const wk_module_class op##_class = {                                 \
        .size = sizeof(wk_module_class), .name = (title), .forward = op##_forward, \
    };                                                                          \
    wk_module *wk_##op##_new(wk_module *parent, const char *name) {             \
        return wk_module_new_of(parent, name, &op##_class);                     \
    }

ACTIVATION(tanh, "Tanh")
