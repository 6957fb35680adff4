/* rnn.c -- an RNN layer over sequences, in one direction, as one op.
 *
 *     h_t = f(a_t),  a_t = w_ih x_t + b_ih + w_hh h_(t-1) + b_hh               t = 0 .. T-1, f = tanh or relu
 *
 * Backward through time, g_t being the gradient of h_t from outside, d_t the whole gradient of a_t:
 *
 *     d_t = (g_t + w_hh^T d_(t+1)) f'(a_t)         f' = 1 - h_t^2, or with relu 1 where h_t > 0
 *     gx_t += w_ih^T d_t        gw_ih += sum d_t x_t^T        gw_hh += sum d_t h_(t-1)^T
 *     gh0 += w_hh^T d_0         gb_ih += sum d_t              gb_hh += sum d_t
 *
 * Only the states are kept: f' needs no a. */
#include "op/recurrent.h"

static wk_step_kernel *tanh_step(wk_dtype dtype) { return wk__kernels->rnn_tanh_step[dtype]; }
static wk_step_kernel *relu_step(wk_dtype dtype) { return wk__kernels->rnn_relu_step[dtype]; }
static wk_step_grad_kernel *tanh_step_grad(wk_dtype dtype) { return wk__kernels->rnn_tanh_step_grad[dtype]; }
static wk_step_grad_kernel *relu_step_grad(wk_dtype dtype) { return wk__kernels->rnn_relu_step_grad[dtype]; }

static wk_states tanh_of(wk_tensor *from_x, wk_tensor *from_h, wk_states before) {
    (void)before;
    return (wk_states){.h = wk_tanh(wk_add(from_x, from_h))};
}

static wk_states relu_of(wk_tensor *from_x, wk_tensor *from_h, wk_states before) {
    (void)before;
    return (wk_states){.h = wk_relu(wk_add(from_x, from_h))};
}

static const wk_recurrent kinds[] = {
    {.gates = 1, .columns = 1, .has_chain = true, .step = tanh_step, .step_grad = tanh_step_grad, .compose = tanh_of},
    {.gates = 1,
     .columns = 1,
     .has_chain = true,
     .step = relu_step,
     .step_grad = relu_step_grad,
     .compose = relu_of,
     .is_relu = true},
};

static const wk_attr_field fields[] = {{"relu", 'b', offsetof(wk_recurrent_attrs, relu), 0},
                                       {"reverse", 'b', offsetof(wk_recurrent_attrs, reverse), 0}};

const wk_op wk__op_rnn = {
    WK_ROW(rnn),
    .variant = kinds,
    WK_RECURRENT_OF_H,
    WK_ATTRS(wk_recurrent_attrs, fields),
};

wk_tensor *wk_rnn(wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, wk_tensor *w_ih, wk_tensor *w_hh, wk_tensor *b_ih,
                  wk_tensor *b_hh, bool relu, bool reverse, wk_tensor **hn) {
    wk_tensor *const in[] = {x, lengths, h0, w_ih, w_hh, b_ih, b_hh};
    return wk__recurrent_apply(&wk__op_rnn, in, (wk_recurrent_attrs){.relu = relu, .reverse = reverse}, hn, NULL);
}
