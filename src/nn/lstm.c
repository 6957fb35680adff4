/* lstm.c -- LSTM and LSTMCell. */
#include "nn/recurrent.h"

#include "op/recurrent.h"

static wk_tensor *run(const wk_recurrent_module *self, const wk_layer_weights *w, wk_tensor *x, wk_tensor *lengths,
                      wk_layer_states first, bool reverse, wk_layer_states *last) {
    (void)self;
    return wk_lstm(x, lengths, first.h, first.c, w->w_ih, w->w_hh, w->b_ih, w->b_hh, reverse, &last->h, &last->c);
}

static const wk_recurrent_kind kind = {
    .layers = WK_RECURRENT_LAYERS("LSTM"),
    .cell = WK_RECURRENT_CELL("LSTMCell", NULL),
    .gates = 4,
    .has_c = true,
    .run = run,
    .step = wk__lstm_cell,
};

WK_RECURRENT_NEW(lstm, &kind)

wk_tensor *wk_lstm_forward(wk_module *m, wk_tensor *x, wk_tensor *h0, wk_tensor *c0, wk_tensor **hn, wk_tensor **cn) {
    return wk__recurrent_forward_all(m, &kind, x, NULL, (wk_layer_states){h0, c0}, hn, cn, "lstm_forward");
}

wk_tensor *wk_lstm_forward_ragged(wk_module *m, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor *c0,
                                  wk_tensor **hn, wk_tensor **cn) {
    const wk_layer_states first = {h0, c0};
    return wk__recurrent_forward_all(m, &kind, x, lengths, first, hn, cn, "lstm_forward_ragged");
}

wk_tensor *wk_lstm_cell_forward(wk_module *m, wk_tensor *x, wk_tensor *h, wk_tensor *c, wk_tensor **c_after) {
    const wk_layer_states after = wk__recurrent_step(m, &kind, x, (wk_layer_states){h, c}, "lstm_cell_forward");
    if (c_after != NULL) *c_after = after.c;
    return after.h;
}
