/* lstm.c -- an LSTM layer over sequences, in one direction, as one op. With s(x) = 1 / (1 + e^-x):
 *
 *     (i, f, g, o)_t = w_ih x_t + b_ih + w_hh h_(t-1) + b_hh
 *     c_t = s(f) c_(t-1) + s(i) tanh(g)        h_t = s(o) tanh(c_t)
 *
 * ref_recurrent.inc has the gradient of a step; it reads the values of the gates and of c, which are kept. */
#include "op/recurrent.h"

static wk_step_kernel *step(wk_dtype dtype) { return wk__kernels->lstm_step[dtype]; }
static wk_step_grad_kernel *step_grad(wk_dtype dtype) { return wk__kernels->lstm_step_grad[dtype]; }

static wk_tensor *gate(wk_tensor *gates, int64_t k) { return wk__gate(gates, 4, k); }

static wk_states of_gates(wk_tensor *from_x, wk_tensor *from_h, wk_states before) {
    wk_tensor *gates = wk_add(from_x, from_h), *i = wk_sigmoid(gate(gates, 0)), *f = wk_sigmoid(gate(gates, 1));
    wk_tensor *g = wk_tanh(gate(gates, 2)), *o = wk_sigmoid(gate(gates, 3));
    wk_tensor *c = wk_add(wk_mul(f, before.c), wk_mul(i, g));
    return (wk_states){wk_mul(o, wk_tanh(c)), c};
}

static const wk_recurrent kind = {
    .gates = 4,
    .columns = 4,
    .has_c = true,
    .keeps_gates = true,
    .step = step,
    .step_grad = step_grad,
    .compose = of_gates,
};

static const wk_attr_field fields[] = {{"reverse", 'b', offsetof(wk_recurrent_attrs, reverse), 0}};

const wk_op wk__op_lstm = {
    WK_ROW(lstm),
    .variant = &kind,
    WK_RECURRENT_OF_H_AND_C,
    WK_ATTRS(wk_recurrent_attrs, fields),
};

wk_tensor *wk_lstm(wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor *c0, wk_tensor *w_ih, wk_tensor *w_hh,
                   wk_tensor *b_ih, wk_tensor *b_hh, bool reverse, wk_tensor **hn, wk_tensor **cn) {
    wk_tensor *const in[] = {x, lengths, h0, c0, w_ih, w_hh, b_ih, b_hh};
    return wk__recurrent_apply(&wk__op_lstm, in, (wk_recurrent_attrs){.reverse = reverse}, hn, cn);
}

static const wk_op cell_op = {
    WK_INNER_ROW(lstm_cell),
    .variant = &wk__op_lstm,
    .in_count = 7,
    .out_count = 2,
    .optional = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6,
    .in_names = "x h c w_ih w_hh b_ih b_hh",
    .batch_shared = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
    WK_CELL_FUNCTIONS,
};

void wk__lstm_cell(wk_tensor *const *in, wk_tensor **out) { wk__cell(&cell_op, in, out); }
