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

WK_RECURRENT_NEW(gru, &kind)
WK_RECURRENT_FORWARD(gru, &kind)

wk_tensor *wk_gru_cell_forward(wk_module *m, wk_tensor *x, wk_tensor *h) {
    return wk__recurrent_step(m, &kind, x, (wk_layer_states){h, NULL}, "gru_cell_forward").h;
}
