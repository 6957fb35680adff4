/* dropout.c -- dropout as a module: while it is trained, elements are zero by chance. */
#include <stdio.h>

#include "nn/layer.h"

typedef struct dropout {
    double p;
} dropout;

static void describe(const wk_module *m, char *text, size_t nbytes) {
    const dropout *self = wk_module_self(m);
    wk_number_text p;
    snprintf(text, nbytes, "p=%s, inplace=False", wk__number_text(&p, self->p));
}

static wk_tensor *forward(wk_module *m, wk_tensor *x) {
    const dropout *self = wk_module_self(m);
    return wk_dropout(x, self->p, wk_module_training(m));
}

static const wk_module_class dropout_class = {
    .size = sizeof(wk_module_class),
    .name = "Dropout",
    .self_nbytes = sizeof(dropout),
    .forward = forward,
    .describe = describe,
};

wk_module *wk_dropout_new(wk_module *parent, const char *name, double p) {
    if (!wk_ok() || !wk__layer_probability(p, "p", "dropout_new")) return NULL;
    wk_module *m = wk__module_new(parent, name, &dropout_class, "dropout_new");
    if (m != NULL) *(dropout *)wk_module_self(m) = (dropout){p};
    return m;
}
