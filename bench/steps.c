/* steps.c -- what a training step costs: the tutorial's network in three spellings, beside variations of each.
 *
 *     tutorial_ops          every op per time step: select, linear, linear, add, tanh, linear; stack
 *     tutorial_as_written   as the tutorial writes it: the fused RNN, then select and linear per time step; stack
 *     tutorial_fused        the fused RNN and one linear over all time steps
 *
 * A step is: forward, loss, zero_grad, backward, Adam, carry the state, with data made beforehand. Times are the mean
 * over the listed numbers of time steps T. Each block trains a fresh network, as a user's program does: a network
 * that was trained for long on few data ends in gradients too small for normal floats, which processors are slow at. */
#include <string.h>

#include "rows.h"

enum { OPS, AS_WRITTEN, FUSED };
enum { STEPS_PER_BLOCK = 240, MAX_T = 30, MAX_BATCH = 3 };

typedef struct setup {
    int spelling, hidden, batch;
    int T[3];
    bool by_hand; /* OPS: the cell from plain ops, not from the RNNCell module */
} setup;

typedef struct network {
    wk_module *net, *rnn, *cell, *out;
    wk_optim *adam;
    wk_tensor *state, *x[3], *y[3];
} network;

static void network_make(network *n, const setup *s) {
    memset(n, 0, sizeof *n);
    wk_manual_seed(4);
    n->net = wk_module_new(NULL, "net");
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    if (s->spelling == OPS) n->cell = wk_rnn_cell_new(n->net, "cell", 1, s->hidden, NULL);
    else n->rnn = wk_rnn_new(n->net, "rnn", 1, s->hidden, &options);
    n->out = wk_linear_new(n->net, "out", s->hidden, 1, NULL);
    n->adam = wk_adam_new(n->net, 0.02, NULL);
}

/* x = sin, y = cos, over as many half waves as there are tens of steps; every row of the batch a little later. */
static void data_make(network *n, const setup *s) {
    float x[MAX_BATCH * MAX_T], y[MAX_BATCH * MAX_T];
    for (int k = 0; k < 3; k++) {
        const int T = s->T[k];
        for (int i = 0; i < s->batch * T; i++) {
            const double at = 3.14159265358979 * (i % T) / 10 + 0.3 * (i / T);
            x[i] = (float)sin(at);
            y[i] = (float)cos(at);
        }
        n->x[k] = wk_from_data(x, WK_SHAPE(s->batch, T, 1), WK_F32);
        n->y[k] = wk_from_data(y, WK_SHAPE(s->batch, T, 1), WK_F32);
    }
}

static void network_free(network *n) {
    wk_release(&n->state);
    wk_optim_free(n->adam);
    wk_module_free(n->net);
}

/* ---------------------------------------------------------------------------------------------------- spellings --- */

static wk_tensor *predict_fused(network *n, wk_tensor *x, wk_tensor **state) {
    return wk_linear_forward(n->out, wk_rnn_forward(n->rnn, x, n->state, state));
}

static wk_tensor *predict_as_written(network *n, wk_tensor *x, wk_tensor **state) {
    wk_tensor *r = wk_rnn_forward(n->rnn, x, n->state, state);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(r, 1); t++) wk_list_push(ys, wk_linear_forward(n->out, wk_select(r, 1, t)));
    return wk_stack(ys, 1);
}

/* h' = tanh(W_ih x + b_ih + W_hh h + b_hh) as a user without the module would write it. */
static wk_tensor *cell_by_hand(const network *n, wk_tensor *x, wk_tensor *h) {
    wk_tensor *a = wk_linear(x, wk_module_parameter(n->cell, "weight_ih"), wk_module_parameter(n->cell, "bias_ih"));
    if (h != NULL)
        a = wk_add(a, wk_linear(h, wk_module_parameter(n->cell, "weight_hh"), wk_module_parameter(n->cell, "bias_hh")));
    return wk_tanh(a);
}

static wk_tensor *predict_ops(network *n, const setup *s, wk_tensor *x, wk_tensor **state) {
    wk_tensor *h = n->state;
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(x, 1); t++) {
        wk_tensor *x_t = wk_select(x, 1, t);
        h = s->by_hand ? cell_by_hand(n, x_t, h) : wk_rnn_cell_forward(n->cell, x_t, h);
        wk_list_push(ys, wk_linear_forward(n->out, h));
    }
    *state = h;
    return wk_stack(ys, 1);
}

static void step(network *n, const setup *s, int k) {
    WK_SCOPE;
    wk_tensor *state = NULL, *prediction;
    if (s->spelling == FUSED) prediction = predict_fused(n, n->x[k], &state);
    else if (s->spelling == AS_WRITTEN) prediction = predict_as_written(n, n->x[k], &state);
    else prediction = predict_ops(n, s, n->x[k], &state);
    wk_tensor *loss = wk_mse_loss(prediction, n->y[k]);
    wk_optim_zero_grad(n->adam);
    wk_backward(loss);
    wk_optim_step(n->adam);
    wk_keep(&n->state, wk_detach(state));
}

static double block(void *user) {
    const setup *s = user;
    network n;
    WK_SCOPE;
    network_make(&n, s);
    data_make(&n, s);
    for (int i = 0; i < 3; i++) step(&n, s, i);
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < STEPS_PER_BLOCK; i++) step(&n, s, i % 3);
    const double time = seconds(CLOCK_MONOTONIC) - begin;
    network_free(&n);
    return time / STEPS_PER_BLOCK;
}

static void row(FILE *csv, const char *name, setup s, const char *goal) {
    report(csv, name, measure(block, &s), 1e6, "us", goal);
}

/* ------------------------------------------------------------------------------------------------------- one op --- */

enum { CHAIN = 2000, CHAINS_PER_BLOCK = 20 };

/* A chain of scalar ops: forward, backward, building and freeing. `size`: elements of each tensor. */
static double chain_block(void *user) {
    const int64_t size = *(const int64_t *)user;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_full(size == 1 ? 0 : 1, &size, 0.5, WK_F32), true);
    wk_tensor *a = wk_full(wk_ndim(x), &size, 1.0001, WK_F32), *b = wk_full(wk_ndim(x), &size, 0.1, WK_F32);
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int k = 0; k < CHAINS_PER_BLOCK; k++) {
        WK_SCOPE;
        wk_tensor *y = x;
        for (int i = 0; i < CHAIN / 2; i++) y = wk_add(wk_mul(y, a), b);
        wk_backward(size == 1 ? y : wk_sum(y));
        wk_zero_grad(x);
    }
    return (seconds(CLOCK_MONOTONIC) - begin) / CHAIN / CHAINS_PER_BLOCK;
}

static void chain_row(FILE *csv, const char *name, int64_t size, const char *goal) {
    report(csv, name, measure(chain_block, &size), 1e9, "ns", goal);
}

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    printf("One op: forward + backward + building + freeing, chain of %d   (kernels: %s)\n", CHAIN, wk_isa());
    chain_row(csv, "op", 1, "goal 45, stretch 25");
    chain_row(csv, "op (32 elements)", 32, "");
    printf("One training step, mean over T\n");
    row(csv, "tutorial_ops", (setup){OPS, 32, 1, {10, 20, 30}, false}, "goal 12");
    row(csv, "tutorial_ops (cell by hand)", (setup){OPS, 32, 1, {10, 20, 30}, true}, "");
    row(csv, "tutorial_ops (H 33)", (setup){OPS, 33, 1, {10, 20, 30}, false}, "");
    row(csv, "tutorial_ops (H 128)", (setup){OPS, 128, 1, {10, 20, 30}, false}, "");
    row(csv, "tutorial_as_written", (setup){AS_WRITTEN, 32, 1, {10, 20, 30}, false}, "goal 5");
    row(csv, "tutorial_as_written (T 7 13 29)", (setup){AS_WRITTEN, 32, 1, {7, 13, 29}, false}, "");
    row(csv, "tutorial_as_written (H 33)", (setup){AS_WRITTEN, 33, 1, {10, 20, 30}, false}, "");
    row(csv, "tutorial_fused", (setup){FUSED, 32, 1, {10, 20, 30}, false}, "goal 3");
    row(csv, "tutorial_fused (H 33)", (setup){FUSED, 33, 1, {10, 20, 30}, false}, "");
    row(csv, "tutorial_fused (batch 3)", (setup){FUSED, 32, 3, {10, 20, 30}, false}, "");
    row(csv, "tutorial_fused (T 7 13 29)", (setup){FUSED, 32, 1, {7, 13, 29}, false}, "");
    return rows_end(csv);
}
