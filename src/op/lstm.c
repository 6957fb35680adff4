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

static void compose(const void *attrs, wk_tensor *const *in, wk_tensor **out) {
    wk__recurrent_compose(&wk__op_lstm, attrs, in, out);
}

static void batched(const void *attrs, int64_t count, wk_tensor *const *in, wk_tensor **out) {
    wk__recurrent_batched(&wk__op_lstm, attrs, count, in, out);
}

static const wk_attr_field fields[] = {{"reverse", 'b', offsetof(wk_recurrent_attrs, reverse), 0}};

const wk_op wk__op_lstm = {
    WK_ROW(lstm),
    .variant = &kind,
    .in_count = 8,
    .out_count = 3,
    .optional = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 7,
    .indices = 1 << 1,
    .in_names = "x lengths h0 c0 w_ih w_hh b_ih b_hh",
    .reads = WK_RECURRENT_READS_8,
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7,
    .batched = batched,
    .shape = wk__recurrent_shape,
    .forward = wk__recurrent_forward,
    .grad = wk__recurrent_grad,
    .compose = compose,
    .steps = wk__recurrent_steps,
    WK_ATTRS(wk_recurrent_attrs, fields),
};

wk_tensor *wk_lstm(wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor *c0, wk_tensor *w_ih, wk_tensor *w_hh,
                   wk_tensor *b_ih, wk_tensor *b_hh, bool reverse, wk_tensor **hn, wk_tensor **cn) {
    wk_recurrent_attrs attrs = {.reverse = reverse};
    wk_tensor *outs[3];
    wk__apply(&wk__op_lstm, (wk_tensor *const[]){x, lengths, h0, c0, w_ih, w_hh, b_ih, b_hh}, 8, &attrs, outs);
    if (hn != NULL) *hn = outs[1];
    if (cn != NULL) *cn = outs[2];
    return outs[0];
}

/* --------------------------------------------------------------------------------------------------------- cell --- */

static void cell_compose(const void *attrs, wk_tensor *const *in, wk_tensor **out) {
    (void)attrs;
    wk__cell_compose(&wk__op_lstm, in, out);
}

static void cell_batched(const void *attrs, int64_t count, wk_tensor *const *in, wk_tensor **out) {
    (void)attrs, (void)count;
    wk__cell_batched(&wk__op_lstm, in, out);
}

static const wk_op cell_op = {
    WK_INNER_ROW(lstm_cell),
    .variant = &kind,
    .in_count = 7,
    .out_count = 2,
    .optional = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6,
    .in_names = "x h c w_ih w_hh b_ih b_hh",
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
    .outputs = wk__cell_outputs,
    .batched = cell_batched,
    .shape = wk__cell_shape,
    .compose = cell_compose,
};

void wk__lstm_cell(wk_tensor *const *in, wk_tensor **out) { wk__cell(&cell_op, in, out); }
