/* gru.c -- a GRU layer over sequences, in one direction, as one op. With s(x) = 1 / (1 + e^-x):
 *
 *     (r, z, n)_t = w_ih x_t + b_ih            (r', z', m)_t = w_hh h_(t-1) + b_hh
 *     n'_t = tanh(n + s(r + r') m)             h_t = (1 - s(z + z')) n'_t + s(z + z') h_(t-1)
 *
 * ref_recurrent.inc has the gradient of a step; it reads the values of the gates, which are kept. */
#include "op/recurrent.h"

static wk_step_kernel *step(wk_dtype dtype) { return wk__kernels->gru_step[dtype]; }
static wk_step_grad_kernel *step_grad(wk_dtype dtype) { return wk__kernels->gru_step_grad[dtype]; }

static wk_tensor *gate(wk_tensor *gates, int64_t k) { return wk__gate(gates, 3, k); }

static wk_states of_gates(wk_tensor *from_x, wk_tensor *from_h, wk_states before) {
    wk_tensor *r = wk_sigmoid(wk_add(gate(from_x, 0), gate(from_h, 0)));
    wk_tensor *z = wk_sigmoid(wk_add(gate(from_x, 1), gate(from_h, 1)));
    wk_tensor *n = wk_tanh(wk_add(gate(from_x, 2), wk_mul(r, gate(from_h, 2))));
    return (wk_states){.h = wk_add(n, wk_mul(z, wk_sub(before.h, n)))};
}

static const wk_recurrent kind = {
    .gates = 3,
    .columns = 4,
    .is_turned = true,
    .keeps_gates = true,
    .carries = true,
    .step = step,
    .step_grad = step_grad,
    .compose = of_gates,
};

static void compose(const void *attrs, wk_tensor *const *in, wk_tensor **out) {
    wk__recurrent_compose(&wk__op_gru, attrs, in, out);
}

static void batched(const void *attrs, int64_t count, wk_tensor *const *in, wk_tensor **out) {
    wk__recurrent_batched(&wk__op_gru, attrs, count, in, out);
}

static const wk_attr_field fields[] = {{"reverse", 'b', offsetof(wk_recurrent_attrs, reverse), 0}};

const wk_op wk__op_gru = {
    WK_ROW(gru),
    .variant = &kind,
    .in_count = 7,
    .out_count = 2,
    .optional = 1 << 1 | 1 << 2 | 1 << 5 | 1 << 6,
    .indices = 1 << 1,
    .in_names = "x lengths h0 w_ih w_hh b_ih b_hh",
    .reads = WK_RECURRENT_READS_7,
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
    .batched = batched,
    .shape = wk__recurrent_shape,
    .forward = wk__recurrent_forward,
    .grad = wk__recurrent_grad,
    .compose = compose,
    .steps = wk__recurrent_steps,
    WK_ATTRS(wk_recurrent_attrs, fields),
};

wk_tensor *wk_gru(wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor *w_ih, wk_tensor *w_hh, wk_tensor *b_ih,
                  wk_tensor *b_hh, bool reverse, wk_tensor **hn) {
    wk_recurrent_attrs attrs = {.reverse = reverse};
    wk_tensor *outs[2];
    wk__apply(&wk__op_gru, (wk_tensor *const[]){x, lengths, h0, w_ih, w_hh, b_ih, b_hh}, 7, &attrs, outs);
    if (hn != NULL) *hn = outs[1];
    return outs[0];
}

/* --------------------------------------------------------------------------------------------------------- cell --- */

static void cell_compose(const void *attrs, wk_tensor *const *in, wk_tensor **out) {
    (void)attrs;
    wk__cell_compose(&wk__op_gru, in, out);
}

static void cell_batched(const void *attrs, int64_t count, wk_tensor *const *in, wk_tensor **out) {
    (void)attrs, (void)count;
    wk__cell_batched(&wk__op_gru, in, out);
}

static const wk_op cell_op = {
    WK_INNER_ROW(gru_cell),
    .variant = &kind,
    .in_count = 6,
    .out_count = 1,
    .optional = 1 << 1 | 1 << 4 | 1 << 5,
    .in_names = "x h w_ih w_hh b_ih b_hh",
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5,
    .outputs = wk__cell_outputs,
    .batched = cell_batched,
    .shape = wk__cell_shape,
    .compose = cell_compose,
};

void wk__gru_cell(wk_tensor *const *in, wk_tensor **out) { wk__cell(&cell_op, in, out); }
