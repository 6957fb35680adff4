/* rnn.c -- the RNN, of any number of layers in one direction or both, and its cell. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "nn/layer.h"

typedef struct weights { wk_tensor *w_ih, *w_hh, *b_ih, *b_hh; } weights;

typedef struct rnn {
    wk_rnn_options options;
    int64_t input_size, hidden_size;
    int32_t directions;
    weights *each; /* of layer l in direction d: number l directions + d */
} rnn;

static int32_t state_count(const rnn *self) { return self->options.num_layers * self->directions; }

static void release(wk_module *m) { free(((rnn *)wk_module_self(m))->each); }

/* ------------------------------------------------------------------------------------------------------ as text --- */

/* As in PyTorch, what is so by default is not said; nor is the nonlinearity, but of cells. */
static void describe(const wk_module *m, char *text, size_t nbytes) {
    const rnn *self = wk_module_self(m);
    const wk_rnn_options *o = &self->options;
    char layers[32] = "", dropout[48] = "";
    wk_number_text p;
    if (o->num_layers != 1) snprintf(layers, sizeof layers, ", num_layers=%d", (int)o->num_layers);
    if (o->dropout != 0) snprintf(dropout, sizeof dropout, ", dropout=%s", wk__number_text(&p, o->dropout));
    snprintf(text, nbytes, "%lld, %lld%s%s%s%s%s", (long long)self->input_size, (long long)self->hidden_size, layers,
             o->bias ? "" : ", bias=False", o->batch_first ? ", batch_first=True" : "", dropout,
             o->bidirectional ? ", bidirectional=True" : "");
}

static void describe_cell(const wk_module *m, char *text, size_t nbytes) {
    const rnn *self = wk_module_self(m);
    snprintf(text, nbytes, "%lld, %lld%s%s", (long long)self->input_size, (long long)self->hidden_size,
             self->options.bias ? "" : ", bias=False",
             self->options.nonlinearity == WK_RNN_RELU ? ", nonlinearity=relu" : "");
}

static wk_tensor *cell_forward(wk_module *m, wk_tensor *x) { return wk_rnn_cell_forward(m, x, NULL); }

static const wk_module_class rnn_class = {
    .size = sizeof(wk_module_class), .name = "RNN", .self_nbytes = sizeof(rnn), .free = release, .describe = describe,
};
static const wk_module_class cell_class = {
    .size = sizeof(wk_module_class), .name = "RNNCell", .self_nbytes = sizeof(rnn), .forward = cell_forward,
    .free = release, .describe = describe_cell,
};

/* ------------------------------------------------------------------------------------------------------- making --- */

/* All parameters are uniform within 1 / sqrt(H). */
static wk_tensor *parameter(wk_module *m, const char *name, const char *suffix, int32_t ndim, const int64_t *dims) {
    const rnn *self = wk_module_self(m);
    char full[48];
    snprintf(full, sizeof full, "%s%s", name, suffix);
    return wk__uniform_parameter(m, full, 1 / sqrt((double)self->hidden_size), ndim, dims, self->options.dtype);
}

/* In the order in which PyTorch draws them. */
static weights weights_new(wk_module *m, int64_t input_size, const char *suffix) {
    const rnn *self = wk_module_self(m);
    const int64_t h = self->hidden_size;
    weights w = {0};
    w.w_ih = parameter(m, "weight_ih", suffix, WK_SHAPE(h, input_size));
    w.w_hh = parameter(m, "weight_hh", suffix, WK_SHAPE(h, h));
    if (self->options.bias) w.b_ih = parameter(m, "bias_ih", suffix, WK_SHAPE(h));
    if (self->options.bias) w.b_hh = parameter(m, "bias_hh", suffix, WK_SHAPE(h));
    return w;
}

static bool check(const wk_rnn_options *o, const wk_module_class *cls, int64_t input_size, int64_t hidden_size,
                  const char *function) {
    if (!wk__layer_size(input_size, "input_size", function) || !wk__layer_size(hidden_size, "hidden_size", function) ||
        !wk__layer_size(o->num_layers, "num_layers", function) ||
        !wk__layer_probability(o->dropout, "dropout", function))
        return false;
    if (o->nonlinearity != WK_RNN_TANH && o->nonlinearity != WK_RNN_RELU)
        wk__fail(wk__ctx(), WK_EINVAL, function, "nonlinearity is %d, neither WK_RNN_TANH nor WK_RNN_RELU",
                 (int)o->nonlinearity);
    if (cls == &cell_class && (o->num_layers != 1 || o->bidirectional))
        wk__fail(wk__ctx(), WK_EINVAL, function, "a cell has one layer in one direction");
    if (cls == &cell_class && o->dropout != 0)
        wk__fail(wk__ctx(), WK_EINVAL, function, "dropout is %g, but a cell has no layers to drop between", o->dropout);
    return wk_ok();
}

/* The module, without its parameters. */
static wk_module *recurrent_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                                const wk_rnn_options *options, const wk_module_class *cls, const char *function) {
    wk_rnn_options o;
    const wk_rnn_options defaults = WK_RNN_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, function) ||
        !check(&o, cls, input_size, hidden_size, function))
        return NULL;
    wk_module *m = wk_module_new_of(parent, name, cls);
    rnn *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self = (rnn){.options = o, .input_size = input_size, .hidden_size = hidden_size,
                  .directions = o.bidirectional ? 2 : 1};
    self->each = calloc((size_t)o.num_layers, (size_t)self->directions * sizeof *self->each);
    if (self->each == NULL) wk__fail(wk__ctx(), WK_ENOMEM, function, "out of memory");
    return wk__layer_made(m, parent);
}

wk_module *wk_rnn_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                      const wk_rnn_options *options) {
    wk_module *m = recurrent_new(parent, name, input_size, hidden_size, options, &rnn_class, "rnn_new");
    const rnn *self = wk_module_self(m);
    if (self == NULL) return NULL;
    for (int32_t k = 0; k < state_count(self) && wk_ok(); k++) {
        const int32_t layer = k / self->directions;
        char suffix[32];
        snprintf(suffix, sizeof suffix, "_l%d%s", (int)layer, k % self->directions == 0 ? "" : "_reverse");
        self->each[k] = weights_new(m, layer == 0 ? input_size : self->directions * hidden_size, suffix);
    }
    return wk__layer_made(m, parent);
}

wk_module *wk_rnn_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                           const wk_rnn_options *options) {
    wk_module *m = recurrent_new(parent, name, input_size, hidden_size, options, &cell_class, "rnn_cell_new");
    const rnn *self = wk_module_self(m);
    if (self == NULL) return NULL;
    self->each[0] = weights_new(m, input_size, "");
    return wk__layer_made(m, parent);
}

/* ------------------------------------------------------------------------------------------------------ running --- */

static wk_tensor *run(const rnn *self, int32_t k, wk_tensor *x, wk_tensor *h0, wk_tensor **hn) {
    const weights *w = &self->each[k];
    return wk_rnn(x, h0, w->w_ih, w->w_hh, w->b_ih, w->b_hh, self->options.nonlinearity == WK_RNN_RELU,
                  k % self->directions == 1, hn);
}

/* One layer: what its directions make of x, side by side. Their last states join the list. */
static wk_tensor *run_layer(const rnn *self, int32_t layer, wk_tensor *x, wk_tensor *h0, wk_list *last) {
    wk_list *sides = wk_list_new();
    for (int32_t k = layer * self->directions; k < (layer + 1) * self->directions; k++) {
        wk_tensor *hn;
        wk_list_push(sides, run(self, k, x, h0 != NULL ? wk_narrow(h0, 0, k, 1) : NULL, &hn));
        wk_list_push(last, hn);
    }
    return self->directions == 1 ? wk_list_at(sides, 0) : wk_cat(sides, 2);
}

/* Drawn step by step, as PyTorch does. x (N,T,*) */
static wk_tensor *drop(wk_tensor *x, double p) {
    return wk_transpose(wk_dropout(wk_transpose(x, 0, 1), p, true), 0, 1);
}

/* dropout: the probability in this call, which is 0 in evaluation. */
static wk_tensor *run_layers(const rnn *self, double dropout, wk_tensor *x, wk_tensor *h0, wk_tensor **hn) {
    const int32_t count = state_count(self);
    if (count == 1) return run(self, 0, x, h0, hn);
    if (h0 != NULL && (wk_ndim(h0) != 3 || wk_dim(h0, 0) != count)) {
        wk_shape_text is;
        wk__fail(wk__ctx(), WK_ESHAPE, "rnn_forward", "h0 is %s and must have %d states, one for each %s",
                 wk__shape_text(&is, wk_ndim(h0), wk_dims(h0)), (int)count, "layer and direction");
        return NULL;
    }
    wk_list *last = wk_list_new();
    for (int32_t layer = 0; layer < self->options.num_layers; layer++) {
        if (layer > 0 && dropout > 0) x = drop(x, dropout);
        x = run_layer(self, layer, x, h0, last);
    }
    if (hn != NULL) *hn = wk_cat(last, 0);
    return x;
}

/* The op has the batch first; the other order is a view of it. */
wk_tensor *wk_rnn_forward(wk_module *m, wk_tensor *x, wk_tensor *h0, wk_tensor **hn) {
    if (hn != NULL) *hn = NULL;
    const rnn *self = wk__layer_self(m, &rnn_class, "rnn_forward");
    if (self == NULL) return NULL;
    if (wk_dims(x) != NULL && wk_ndim(x) != 3) {
        wk_shape_text is;
        wk__fail(wk__ctx(), WK_ESHAPE, "rnn_forward", "x is %s and must be %s with %lld features",
                 wk__shape_text(&is, wk_ndim(x), wk_dims(x)), self->options.batch_first ? "(N,T,F)" : "(T,N,F)",
                 (long long)self->input_size);
        return NULL;
    }
    const double dropout = wk_module_training(m) ? self->options.dropout : 0;
    if (self->options.batch_first) return run_layers(self, dropout, x, h0, hn);
    return wk_transpose(run_layers(self, dropout, wk_transpose(x, 0, 1), h0, hn), 0, 1);
}

wk_tensor *wk_rnn_cell_forward(wk_module *m, wk_tensor *x, wk_tensor *h) {
    const rnn *self = wk__layer_self(m, &cell_class, "rnn_cell_forward");
    if (self == NULL) return NULL;
    const weights *w = self->each;
    wk_tensor *from_x = wk_linear(x, w->w_ih, w->b_ih);
    if (h == NULL) h = wk_zeros(WK_SHAPE(wk_dim(x, 0), self->hidden_size), wk_dtype_of(x));
    wk_tensor *sum = wk_add(from_x, wk_linear(h, w->w_hh, w->b_hh));
    return self->options.nonlinearity == WK_RNN_RELU ? wk_relu(sum) : wk_tanh(sum);
}
