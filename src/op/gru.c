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

static const wk_attr_field fields[] = {{"reverse", 'b', offsetof(wk_recurrent_attrs, reverse), 0}};

const wk_op wk__op_gru = {
    WK_ROW(gru),
    .variant = &kind,
    WK_RECURRENT_OF_H,
    WK_ATTRS(wk_recurrent_attrs, fields),
};

wk_tensor *wk_gru(wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor *w_ih, wk_tensor *w_hh, wk_tensor *b_ih,
                  wk_tensor *b_hh, bool reverse, wk_tensor **hn) {
    wk_tensor *const in[] = {x, lengths, h0, w_ih, w_hh, b_ih, b_hh};
    return wk__recurrent_apply(&wk__op_gru, in, (wk_recurrent_attrs){.reverse = reverse}, hn, NULL);
}

static const wk_op cell_op = {
    WK_INNER_ROW(gru_cell),
    .variant = &wk__op_gru,
    .in_count = 6,
    .out_count = 1,
    .optional = 1 << 1 | 1 << 4 | 1 << 5,
    .in_names = "x h w_ih w_hh b_ih b_hh",
    .batch_shared = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5,
    WK_CELL_FUNCTIONS,
};

void wk__gru_cell(wk_tensor *const *in, wk_tensor **out) { wk__cell(&cell_op, in, out); }
