/* recurrent.c -- layers over sequences, of any number, in one direction or both, and cells: see recurrent.h. */
#include "nn/recurrent.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/context.h"
#include "op/ragged.h"

static int32_t state_count(const wk_recurrent_module *self) { return self->options.num_layers * self->directions; }

void wk__recurrent_free(wk_module *m) { free(((wk_recurrent_module *)wk_module_self(m))->each); }

/* ------------------------------------------------------------------------------------------------------ as text --- */

/* As in PyTorch, what is so by default is not said; nor is the nonlinearity, but of cells. */
void wk__recurrent_describe(const wk_module *m, char *text, size_t nbytes) {
    const wk_recurrent_module *self = wk_module_self(m);
    const wk_rnn_options *o = &self->options;
    char layers[32] = "", dropout[48] = "";
    wk_number_text p;
    if (o->num_layers != 1) snprintf(layers, sizeof layers, ", num_layers=%d", (int)o->num_layers);
    if (o->dropout != 0) snprintf(dropout, sizeof dropout, ", dropout=%s", wk__number_text(&p, o->dropout));
    snprintf(text, nbytes, "%lld, %lld%s%s%s%s%s", (long long)self->input_size, (long long)self->hidden_size, layers,
             o->bias ? "" : ", bias=False", o->batch_first ? ", batch_first=True" : "", dropout,
             o->bidirectional ? ", bidirectional=True" : "");
}

void wk__recurrent_describe_cell(const wk_module *m, char *text, size_t nbytes) {
    const wk_recurrent_module *self = wk_module_self(m);
    snprintf(text, nbytes, "%lld, %lld%s%s", (long long)self->input_size, (long long)self->hidden_size,
             self->options.bias ? "" : ", bias=False",
             self->options.nonlinearity == WK_RNN_RELU ? ", nonlinearity=relu" : "");
}

/* ------------------------------------------------------------------------------------------------------- making --- */

/* All parameters are uniform within 1 / sqrt(H). */
static wk_tensor *parameter(wk_module *m, const char *name, const char *suffix, int32_t ndim, const int64_t *dims) {
    const wk_recurrent_module *self = wk_module_self(m);
    char full[48];
    snprintf(full, sizeof full, "%s%s", name, suffix);
    return wk__uniform_parameter(m, full, 1 / sqrt((double)self->hidden_size), ndim, dims, self->options.dtype);
}

/* In the order in which PyTorch draws them. */
static wk_layer_weights weights_new(wk_module *m, int64_t input_size, const char *suffix) {
    const wk_recurrent_module *self = wk_module_self(m);
    const int64_t h = self->hidden_size, rows = self->kind->gates * h;
    wk_layer_weights w = {0};
    w.w_ih = parameter(m, "weight_ih", suffix, WK_SHAPE(rows, input_size));
    w.w_hh = parameter(m, "weight_hh", suffix, WK_SHAPE(rows, h));
    if (self->options.bias) w.b_ih = parameter(m, "bias_ih", suffix, WK_SHAPE(rows));
    if (self->options.bias) w.b_hh = parameter(m, "bias_hh", suffix, WK_SHAPE(rows));
    return w;
}

static bool check_cell(const wk_rnn_options *o, const char *function) {
    if (o->num_layers != 1 || o->bidirectional)
        wk__fail(wk__ctx(), WK_EINVAL, function, "a cell has one layer in one direction");
    if (o->dropout != 0)
        wk__fail(wk__ctx(), WK_EINVAL, function, "dropout is %g, but a cell has no layers to drop between", o->dropout);
    return wk_ok();
}

static bool check(const wk_rnn_options *o, const wk_recurrent_kind *kind, int64_t input_size, int64_t hidden_size,
                  const char *function) {
    if (!wk__layer_size(input_size, "input_size", function) || !wk__layer_size(hidden_size, "hidden_size", function) ||
        !wk__layer_size(o->num_layers, "num_layers", function) ||
        !wk__layer_probability(o->dropout, "dropout", function) || !wk__layer_dtype(o->dtype, function))
        return false;
    if (hidden_size > INT64_MAX / 8) /* 4 gates, or 2 directions of states, have a size too */
        wk__fail(wk__ctx(), WK_ENOMEM, function, "hidden_size is %lld: too many elements", (long long)hidden_size);
    if (o->nonlinearity != WK_RNN_TANH && o->nonlinearity != WK_RNN_RELU)
        wk__fail(wk__ctx(), WK_EINVAL, function, "nonlinearity is %d, neither WK_RNN_TANH nor WK_RNN_RELU",
                 (int)o->nonlinearity);
    if (o->nonlinearity != WK_RNN_TANH && !kind->has_nonlinearity)
        wk__fail(wk__ctx(), WK_EINVAL, function, "only RNN and RNNCell have another nonlinearity than tanh");
    return wk_ok();
}

static void make_parameters(wk_module *m, bool is_cell) {
    const wk_recurrent_module *self = wk_module_self(m);
    for (int32_t k = 0; k < state_count(self) && wk_ok(); k++) {
        const int32_t layer = k / self->directions;
        char suffix[32] = "";
        if (!is_cell)
            snprintf(suffix, sizeof suffix, "_l%d%s", (int)layer, k % self->directions == 0 ? "" : "_reverse");
        self->each[k] = weights_new(m, layer == 0 ? self->input_size : self->directions * self->hidden_size, suffix);
    }
}

wk_module *wk__recurrent_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                             const wk_rnn_options *options, const wk_recurrent_kind *kind, bool is_cell,
                             const char *function) {
    wk_rnn_options o;
    const wk_rnn_options defaults = WK_RNN_OPTIONS;
    if (!wk_ok() || !wk__options(&o, &defaults, options, sizeof o, function) ||
        !check(&o, kind, input_size, hidden_size, function) || (is_cell && !check_cell(&o, function)))
        return NULL;
    wk_module *m = wk__module_new(parent, name, is_cell ? &kind->cell : &kind->layers, function);
    wk_recurrent_module *self = wk_module_self(m);
    if (self == NULL) return NULL;
    *self = (wk_recurrent_module){.kind = kind,
                                  .options = o,
                                  .input_size = input_size,
                                  .hidden_size = hidden_size,
                                  .directions = o.bidirectional ? 2 : 1};
    self->each = calloc((size_t)o.num_layers, (size_t)self->directions * sizeof *self->each);
    if (self->each == NULL) wk__out_of_memory(wk__ctx(), function);
    else make_parameters(m, is_cell);
    return wk__layer_made(m, function);
}

/* ------------------------------------------------------------------------------------------------------ running --- */

/* One run through all layers. */
typedef struct stack {
    const wk_recurrent_module *self;
    wk_tensor *lengths;
    wk_layer_states first;
    wk_list *h, *c; /* last states, in the order of the parameters */
    double dropout; /* in this run: 0 in evaluation */
} stack;

static wk_tensor *part(wk_tensor *states, int32_t k) { return states != NULL ? wk_narrow(states, 0, k, 1) : NULL; }

/* One layer: what its directions make of x, side by side. */
static wk_tensor *run_layer(const stack *s, int32_t layer, wk_tensor *x) {
    const wk_recurrent_module *self = s->self;
    wk_list *sides = wk_list_new();
    for (int32_t k = layer * self->directions; k < (layer + 1) * self->directions; k++) {
        wk_layer_states last = {NULL, NULL};
        const wk_layer_states first = {part(s->first.h, k), part(s->first.c, k)};
        const bool reverse = k % self->directions == 1;
        wk_list_push(sides, self->kind->run(self, &self->each[k], x, s->lengths, first, reverse, &last));
        wk_list_push(s->h, last.h);
        if (self->kind->has_c) wk_list_push(s->c, last.c);
    }
    return self->directions == 1 ? wk_list_at(sides, 0) : wk_cat(sides, 2);
}

/* Drawn step by step, for the rows that are alive, as PyTorch does. x (N,T,F) */
static wk_tensor *drop(wk_tensor *x, wk_tensor *lengths, double p) {
    if (lengths != NULL) return wk__dropout_ragged(x, lengths, p);
    return wk_transpose(wk_dropout(wk_transpose(x, 0, 1), p, true), 0, 1);
}

static wk_tensor *run_stack(const stack *s, wk_tensor *x, wk_layer_states *last) {
    for (int32_t layer = 0; layer < s->self->options.num_layers; layer++) {
        if (layer > 0 && s->dropout > 0) x = drop(x, s->lengths, s->dropout);
        x = run_layer(s, layer, x);
    }
    last->h = wk_cat(s->h, 0);
    last->c = s->self->kind->has_c ? wk_cat(s->c, 0) : NULL;
    return x;
}

static wk_tensor *run(const wk_module *m, wk_tensor *x, wk_tensor *lengths, wk_layer_states first,
                      wk_layer_states *last) {
    const wk_recurrent_module *self = m->self;
    if (state_count(self) == 1) return self->kind->run(self, self->each, x, lengths, first, false, last);
    const stack s = {self,          lengths,       first,
                     wk_list_new(), wk_list_new(), wk_module_training(m) ? self->options.dropout : 0};
    return run_stack(&s, x, last);
}

/* What a forward looks at before it runs, on the path of each step. A tensor that is not there, or gone, is for the
 * operations to refuse. */
static inline bool is_gone(const wk_tensor *t) { return t == NULL || !wk__is_there(t); }

WK_NOINLINE static bool refuse_x(const wk_array *x, const char *leading, int64_t features, const char *function) {
    wk_shape_text is;
    wk__fail(wk__ctx(), WK_ESHAPE, function, "x is %s and must be (%s,%lld)", wk__shape_text(&is, x->ndim, x->dims),
             leading, (long long)features);
    return false;
}

static inline bool check_x(const wk_array *x, int32_t ndim, const char *leading, int64_t features,
                           const char *function) {
    return wk_likely(x->ndim == ndim && x->dims[ndim - 1] == features) || refuse_x(x, leading, features, function);
}

WK_NOINLINE static bool refuse_state(const wk_array *state, const char *name, int32_t ndim, const int64_t *dims,
                                     const char *function) {
    wk_shape_text is, expected;
    wk__fail(wk__ctx(), WK_ESHAPE, function, "%s is %s and must be %s%s", name,
             wk__shape_text(&is, state->ndim, state->dims), wk__shape_text(&expected, ndim, dims),
             ndim == 3 ? ": layers times directions, N, H" : "");
    return false;
}

static inline bool check_state(const wk_tensor *state, const char *name, int32_t ndim, const int64_t *dims,
                               const char *function) {
    if (is_gone(state) || wk__has_dims(&state->a, ndim, dims)) return true;
    return refuse_state(&state->a, name, ndim, dims, function);
}

static bool check_all(const wk_recurrent_module *self, wk_tensor *x, wk_layer_states first, const char *function) {
    const bool batch_first = self->options.batch_first;
    if (is_gone(x)) return true;
    if (!check_x(&x->a, 3, batch_first ? "N,T" : "T,N", self->input_size, function)) return false;
    const int64_t dims[] = {state_count(self), x->a.dims[batch_first ? 0 : 1], self->hidden_size};
    return check_state(first.h, "h0", 3, dims, function) && check_state(first.c, "c0", 3, dims, function);
}

bool wk__recurrent_check_step(const wk_recurrent_module *self, wk_tensor *x, wk_layer_states before,
                              const char *function) {
    if (is_gone(x)) return true;
    if (!check_x(&x->a, 2, "N", self->input_size, function)) return false;
    const int64_t dims[] = {x->a.dims[0], self->hidden_size};
    if (self->kind->has_c && (before.h == NULL) != (before.c == NULL))
        return wk__fail(wk__ctx(), WK_EINVAL, function, "h and c come together or not at all"), false;
    return check_state(before.h, "h", 2, dims, function) && check_state(before.c, "c", 2, dims, function);
}

/* The op has the batch first; the other order is a view of it. */
wk_tensor *wk__recurrent_forward_all(wk_module *m, const wk_recurrent_kind *kind, wk_tensor *x, wk_tensor *lengths,
                                     wk_layer_states first, wk_tensor **hn, wk_tensor **cn, const char *function) {
    const wk_recurrent_module *self = wk__layer_self(m, &kind->layers, function);
    wk_layer_states last = {NULL, NULL};
    wk_tensor *y = NULL;
    const bool fine = self != NULL && check_all(self, x, first, function),
               batch_first = fine && self->options.batch_first;
    if (fine) y = run(m, batch_first ? x : wk_transpose(x, 0, 1), lengths, first, &last);
    if (hn != NULL) *hn = last.h;
    if (cn != NULL) *cn = last.c;
    if (!fine) return NULL;
    return wk__layer_gives(batch_first ? y : wk_transpose(y, 0, 1), function);
}

wk_layer_states wk__recurrent_step(wk_module *m, const wk_recurrent_kind *kind, wk_tensor *x, wk_layer_states before,
                                   const char *function) {
    const wk_recurrent_module *self = wk__layer_self(m, &kind->cell, function);
    wk_tensor *out[2] = {NULL, NULL};
    if (self == NULL || !wk__recurrent_check_step(self, x, before, function)) return (wk_layer_states){NULL, NULL};
    const wk_layer_weights *w = self->each;
    if (kind->has_c)
        kind->step((wk_tensor *const[]){x, before.h, before.c, w->w_ih, w->w_hh, w->b_ih, w->b_hh}, out);
    else
        kind->step((wk_tensor *const[]){x, before.h, w->w_ih, w->w_hh, w->b_ih, w->b_hh}, out);
    return (wk_layer_states){wk__layer_gives(out[0], function), out[1]};
}
