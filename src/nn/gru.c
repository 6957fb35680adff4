/* gru.c -- GRU and GRUCell. */
#include "nn/recurrent.h"

#include "op/recurrent.h"

static wk_tensor *cell_forward(wk_module *m, wk_tensor *x) { return wk_gru_cell_forward(m, x, NULL); }

static wk_tensor *run(const wk_recurrent_module *self, const wk_layer_weights *w, wk_tensor *x, wk_tensor *lengths,
                      wk_layer_states first, bool reverse, wk_layer_states *last) {
    (void)self;
    return wk_gru(x, lengths, first.h, w->w_ih, w->w_hh, w->b_ih, w->b_hh, reverse, &last->h);
}

static const wk_recurrent_kind kind = {
    .layers = WK_RECURRENT_LAYERS("GRU"),
    .cell = WK_RECURRENT_CELL("GRUCell", cell_forward),
    .gates = 3,
    .run = run,
    .step = wk__gru_cell,
};

wk_module *wk_gru_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                      const wk_rnn_options *options) {
    return wk__recurrent_new(parent, name, input_size, hidden_size, options, &kind, false, "gru_new");
}

wk_module *wk_gru_cell_new(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                           const wk_rnn_options *options) {
    return wk__recurrent_new(parent, name, input_size, hidden_size, options, &kind, true, "gru_cell_new");
}

wk_tensor *wk_gru_forward_ragged(wk_module *m, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor **hn) {
    wk_layer_states last;
    wk_tensor *y = wk__recurrent_forward_all(m, &kind, x, lengths, (wk_layer_states){h0, NULL}, &last, "gru_forward");
    if (hn != NULL) *hn = last.h;
    return y;
}

wk_tensor *wk_gru_forward(wk_module *m, wk_tensor *x, wk_tensor *h0, wk_tensor **hn) {
    return wk_gru_forward_ragged(m, x, NULL, h0, hn);
}

wk_tensor *wk_gru_cell_forward(wk_module *m, wk_tensor *x, wk_tensor *h) {
    return wk__recurrent_step(m, &kind, x, (wk_layer_states){h, NULL}, "gru_cell_forward").h;
}
