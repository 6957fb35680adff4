/* rnn.c -- RNN and RNNCell. */
#include "nn/recurrent.h"

static wk_tensor *cell_forward(wk_module *m, wk_tensor *x) { return wk_rnn_cell_forward(m, x, NULL); }

static wk_tensor *run(const wk_recurrent_module *self, const wk_layer_weights *w, wk_tensor *x, wk_tensor *lengths,
                      wk_layer_states first, bool reverse, wk_layer_states *last) {
    return wk_rnn(x, lengths, first.h, w->w_ih, w->w_hh, w->b_ih, w->b_hh, self->options.nonlinearity == WK_RNN_RELU,
                  reverse, &last->h);
}

static const wk_recurrent_kind kind = {
    .layers = WK_RECURRENT_LAYERS("RNN"),
    .cell = WK_RECURRENT_CELL("RNNCell", cell_forward),
    .gates = 1,
    .has_nonlinearity = true,
    .run = run,
};

WK_RECURRENT_NEW(rnn, &kind)
WK_RECURRENT_FORWARD(rnn, &kind)

wk_tensor *wk_rnn_cell_forward(wk_module *m, wk_tensor *x, wk_tensor *h) {
    const wk_recurrent_module *self = wk__layer_self(m, &kind.cell, "rnn_cell_forward");
    const wk_layer_states before = {h, NULL};
    if (self == NULL || !wk__recurrent_check_step(self, x, before, "rnn_cell_forward")) return NULL;
    const wk_layer_weights *w = self->each;
    wk_tensor *from_x = wk_linear(x, w->w_ih, w->b_ih);
    if (h == NULL) h = wk_zeros(WK_SHAPE(wk_dim(x, 0), self->hidden_size), wk_dtype_of(x));
    wk_tensor *sum = wk_add(from_x, wk_linear(h, w->w_hh, w->b_hh));
    wk_tensor *next = self->options.nonlinearity == WK_RNN_RELU ? wk_relu(sum) : wk_tanh(sum);
    return wk__layer_gives(next, "rnn_cell_forward");
}
