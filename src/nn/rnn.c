/* rnn.c -- the tanh RNN layer, and its cell. */
#include <math.h>
#include <stdio.h>

#include "nn/layer.h"

typedef struct rnn {
    wk_tensor *w_ih, *w_hh, *b_ih, *b_hh;
    bool batch_first;
} rnn;

static wk_tensor *cell_forward(wk_module *m, wk_tensor *x) { return wk_rnn_cell_forward(m, x, NULL); }

/* As in PyTorch, what is so by default is not said. */
static void describe(const wk_module *m, char *text, size_t nbytes) {
    const rnn *self = wk_module_self(m);
    snprintf(text, nbytes, "%lld, %lld%s%s", (long long)wk_dim(self->w_ih, 1), (long long)wk_dim(self->w_hh, 0),
             self->b_ih == NULL ? ", bias=False" : "", self->batch_first ? ", batch_first=True" : "");
}

static const wk_module_class rnn_class = {
    .size = sizeof(wk_module_class), .name = "RNN", .self_nbytes = sizeof(rnn), .describe = describe,
};
static const wk_module_class cell_class = {
    .size = sizeof(wk_module_class), .name = "RNNCell", .self_nbytes = sizeof(rnn), .forward = cell_forward,
    .describe = describe,
};

/* PyTorch's names: those of the layer end in the number of the layer, those of the cell do not. */
static const char *const rnn_names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
static const char *const cell_names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};

/* All parameters are uniform within 1 / sqrt(H), drawn in this order. */
static wk_module *recurrent_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                const wk_rnn_options *options, const wk_module_class *cls, const char *const *names,
                                const char *function) {
    wk_rnn_options o;
    const wk_rnn_options defaults = WK_RNN_OPTIONS;
    if (!wk__options(&o, &defaults, options, sizeof o, function) ||
        !wk__layer_size(input_size, "input_size", function) || !wk__layer_size(hidden_size, "hidden_size", function))
        return NULL;
    wk_module *m = wk_module_new_of(parent, name, cls);
    rnn *self = wk_module_self(m);
    if (self == NULL) return NULL;
    const double bound = 1 / sqrt((double)hidden_size);
    self->batch_first = cls == &rnn_class && o.batch_first != 0;
    self->w_ih = wk__uniform_parameter(m, names[0], bound, WK_SHAPE(hidden_size, input_size));
    self->w_hh = wk__uniform_parameter(m, names[1], bound, WK_SHAPE(hidden_size, hidden_size));
    if (o.bias) self->b_ih = wk__uniform_parameter(m, names[2], bound, WK_SHAPE(hidden_size));
    if (o.bias) self->b_hh = wk__uniform_parameter(m, names[3], bound, WK_SHAPE(hidden_size));
    return wk__layer_made(m, parent);
}

wk_module *wk_rnn_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                      const wk_rnn_options *options) {
    return recurrent_new(parent, name, input_size, hidden_size, options, &rnn_class, rnn_names, "rnn_new");
}

wk_module *wk_rnn_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                           const wk_rnn_options *options) {
    return recurrent_new(parent, name, input_size, hidden_size, options, &cell_class, cell_names, "rnn_cell_new");
}

/* The op has the batch first; the other order is a view of it. */
wk_tensor *wk_rnn_forward(wk_module *m, wk_tensor *x, wk_tensor *h0, wk_tensor **hn) {
    if (hn != NULL) *hn = NULL;
    const rnn *self = wk__layer_self(m, &rnn_class, "rnn_forward");
    if (self == NULL) return NULL;
    if (self->batch_first) return wk_rnn(x, h0, self->w_ih, self->w_hh, self->b_ih, self->b_hh, hn);
    return wk_transpose(wk_rnn(wk_transpose(x, 0, 1), h0, self->w_ih, self->w_hh, self->b_ih, self->b_hh, hn), 0, 1);
}

wk_tensor *wk_rnn_cell_forward(wk_module *m, wk_tensor *x, wk_tensor *h) {
    const rnn *self = wk__layer_self(m, &cell_class, "rnn_cell_forward");
    if (self == NULL) return NULL;
    wk_tensor *from_x = wk_linear(x, self->w_ih, self->b_ih);
    if (h == NULL) h = wk_zeros(WK_SHAPE(wk_dim(x, 0), wk_dim(self->w_hh, 0)), wk_dtype_of(x));
    return wk_tanh(wk_add(from_x, wk_linear(h, self->w_hh, self->b_hh)));
}
