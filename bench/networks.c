/* networks.c -- training steps of small networks: forward, loss, zero_grad, backward, and a step of the optimiser, all
 * data made beforehand. Beside each stands one of other sizes.
 *
 *     regression        (100,1) -> Linear 10 -> ReLU -> Linear 1, mean squared error, SGD
 *     classification    (200,2) -> Linear 10 -> ReLU -> Linear 2, cross entropy, SGD
 *     optimiser NAME    (32,1) -> Linear 20 -> ReLU -> Linear 1, mean squared error
 *     q_learning        two networks (32,4) -> Linear 50 -> ReLU -> Linear 2: the targets of one are made by the other,
 *                       the actions' values are gathered; mean squared error, Adam */
#include <string.h>

#include "rows.h"

enum { STEPS_PER_BLOCK = 200 };

typedef struct setup {
    const char *name, *goal;
    int64_t batch, in, hidden, out;
    const char *optimiser;
} setup;

typedef struct network {
    wk_module *net, *target_net;
    wk_optim *optim;
    wk_tensor *x, *y, *next, *action, *reward;
} network;

static wk_module *layers_make(const char *name, const setup *s) {
    wk_module *net = wk_sequential_new(NULL, name);
    wk_linear_new(net, "0", s->in, s->hidden, NULL);
    wk_relu_new(net, "1");
    wk_linear_new(net, "2", s->hidden, s->out, NULL);
    return net;
}

static wk_optim *optim_make(wk_module *net, const char *kind) {
    wk_sgd_options momentum = WK_SGD_OPTIONS;
    wk_rmsprop_options slow = WK_RMSPROP_OPTIONS;
    momentum.momentum = 0.8;
    slow.alpha = 0.9;
    if (strcmp(kind, "adam") == 0) return wk_adam_new(net, 0.01, NULL);
    if (strcmp(kind, "rmsprop") == 0) return wk_rmsprop_new(net, 0.01, &slow);
    return wk_sgd_new(net, 0.01, strcmp(kind, "momentum") == 0 ? &momentum : NULL);
}

static bool is(const setup *s, const char *name) { return strncmp(s->name, name, strlen(name)) == 0; }

static void network_make(network *n, const setup *s) {
    wk_manual_seed(1);
    *n = (network){.net = layers_make("net", s), .target_net = layers_make("target", s)};
    n->optim = optim_make(n->net, s->optimiser);
    n->x = wk_randn(WK_SHAPE(s->batch, s->in), WK_F32);
    n->next = wk_randn(WK_SHAPE(s->batch, s->in), WK_F32);
    n->action = wk_randint_tensor(0, s->out, WK_SHAPE(s->batch, 1));
    n->reward = wk_randn(WK_SHAPE(s->batch, 1), WK_F32);
    n->y = is(s, "classification") ? wk_randint_tensor(0, s->out, WK_SHAPE(s->batch))
                                   : wk_square(wk_narrow(n->x, 1, 0, 1));
}

static void network_free(network *n) {
    wk_optim_free(n->optim);
    wk_module_free(n->net);
    wk_module_free(n->target_net);
}

static wk_tensor *q_learning_loss(const network *n) {
    wk_tensor *q = wk_gather(wk_forward(n->net, n->x), 1, n->action), *best, *index;
    {
        WK_NO_GRAD;
        best = wk_max_dim(wk_forward(n->target_net, n->next), 1, true, &index);
        best = wk_add(n->reward, wk_mul_scalar(best, 0.9));
    }
    return wk_mse_loss(q, best);
}

static void step(network *n, const setup *s) {
    WK_SCOPE;
    wk_tensor *loss;
    if (is(s, "q_learning")) loss = q_learning_loss(n);
    else if (is(s, "classification")) loss = wk_cross_entropy(wk_forward(n->net, n->x), n->y);
    else loss = wk_mse_loss(wk_forward(n->net, n->x), n->y);
    wk_optim_zero_grad(n->optim);
    wk_backward(loss);
    wk_optim_step(n->optim);
}

static double block(void *user) {
    const setup *s = user;
    network n;
    WK_SCOPE;
    network_make(&n, s);
    for (int i = 0; i < 3; i++) step(&n, s);
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < STEPS_PER_BLOCK; i++) step(&n, s);
    const double time = seconds(CLOCK_MONOTONIC) - begin;
    network_free(&n);
    return time / STEPS_PER_BLOCK;
}

int main(int argc, char **argv) {
    static const char goal[] = "goal 1/20 of PyTorch";
    static setup setups[] = {
        {"regression", goal, 100, 1, 10, 1, "sgd"},
        {"regression (H 13; batch 77)", "", 77, 1, 13, 1, "sgd"},
        {"classification", goal, 200, 2, 10, 2, "sgd"},
        {"classification (H 13; 3 classes)", "", 170, 2, 13, 3, "sgd"},
        {"optimiser sgd", goal, 32, 1, 20, 1, "sgd"},
        {"optimiser momentum", goal, 32, 1, 20, 1, "momentum"},
        {"optimiser rmsprop", goal, 32, 1, 20, 1, "rmsprop"},
        {"optimiser adam", goal, 32, 1, 20, 1, "adam"},
        {"optimiser adam (H 23; batch 29)", "", 29, 1, 23, 1, "adam"},
        {"q_learning", goal, 32, 4, 50, 2, "adam"},
        {"q_learning (H 47; 3 actions)", "", 33, 5, 47, 3, "adam"},
    };
    FILE *csv = rows_begin(argc, argv);
    printf("One training step of a small network   (kernels: %s)\n", wk_isa());
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++)
        report(csv, setups[i].name, measure(block, &setups[i]), 1e6, "us", setups[i].goal);
    return rows_end(csv);
}
