/* test_injection.c -- memory runs out, block by block (injection.h), in each layer with an optimiser, in checkpoints
 * and in the tutorial's own training. The other examples are test_injection_plans.c's and test_injection_trees.c's;
 * what the system refuses is test_no_memory's. */
#include <stdlib.h>
#include <unistd.h>

#include "../examples/dynamic_rnn/train.h"
#include "injection.h"

typedef void build(wk_module *net);
typedef wk_tensor *run(wk_module *net);
typedef wk_optim *optimiser(wk_module *net);

static wk_tensor *child_forward(wk_module *net, wk_tensor *x) { return wk_forward(wk_module_child(net, "m"), x); }
static wk_tensor *ones(int64_t rows, int64_t cols) { return wk_ones(WK_SHAPE(rows, cols), WK_F32); }

/* ------------------------------------------------------------------------------------------------------- layers --- */

static void build_linear(wk_module *net) { wk_linear_new(net, "m", 3, 2, NULL); }
static wk_tensor *run_linear(wk_module *net) { return child_forward(net, ones(2, 3)); }

static void build_rnn(wk_module *net) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.num_layers = 2, o.bidirectional = 1, o.dropout = 0.5;
    wk_rnn_new(net, "m", 3, 2, &o);
}

static wk_tensor *run_rnn(wk_module *net) {
    wk_tensor *hn, *x = wk_ones(WK_SHAPE(3, 2, 3), WK_F32), *h0 = wk_zeros(WK_SHAPE(4, 2, 2), WK_F32);
    wk_tensor *y = wk_rnn_forward(wk_module_child(net, "m"), x, h0, &hn);
    return wk_add(wk_sum(y), wk_sum(hn));
}

static void build_cell(wk_module *net) { wk_rnn_cell_new(net, "m", 3, 2, NULL); }

static wk_tensor *run_cell(wk_module *net) {
    wk_tensor *h = NULL;
    for (int t = 0; t < 2; t++) h = wk_rnn_cell_forward(wk_module_child(net, "m"), ones(2, 3), h);
    return h;
}

/* Rows of several lengths, with dropout between layers and a gradient of a gradient. */
static void build_gru(wk_module *net) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.num_layers = 2, o.dropout = 0.5;
    wk_gru_new(net, "m", 3, 2, &o);
}

static wk_tensor *run_gru(wk_module *net) {
    static const int64_t several[] = {1, 2};
    wk_tensor *x = wk_requires_grad_(wk_ones(WK_SHAPE(2, 2, 3), WK_F32), true), *g = NULL;
    wk_tensor *lengths = wk_from_data(several, WK_SHAPE(2), WK_I64);
    wk_tensor *y = wk_gru_forward_ragged(wk_module_child(net, "m"), x, lengths, NULL, NULL);
    wk_grad(wk_sum(y), &x, 1, &g, WK_CREATE_GRAPH);
    return wk_add(wk_mean(y), wk_sum(wk_square(g)));
}

static void build_embedding(wk_module *net) { wk_embedding_new(net, "m", 5, 3, NULL); }

static wk_tensor *run_embedding(wk_module *net) {
    return wk_embedding_forward(wk_module_child(net, "m"), wk_full(WK_SHAPE(2, 2), 4, WK_I64));
}

static void build_layer_norm(wk_module *net) { wk_layer_norm_new(net, "m", WK_SHAPE(3), NULL); }

static void build_sequential(wk_module *net) {
    wk_module *m = wk_sequential_new(net, "m");
    wk_linear_new(m, NULL, 3, 4, NULL);
    wk_relu_new(m, NULL), wk_sigmoid_new(m, NULL), wk_silu_new(m, NULL), wk_tanh_new(m, NULL);
    wk_leaky_relu_new(m, NULL, 0.1), wk_elu_new(m, NULL, 1), wk_gelu_new(m, NULL, false), wk_dropout_new(m, NULL, 0.5);
    wk_linear_new(m, NULL, 4, 3, NULL);
}

/* Windows: of the second convolution, x and its slot lie otherwise than kernels want them. */
static void build_convolutions(wk_module *net) {
    wk_module *m = wk_sequential_new(net, "m");
    wk_conv2d_new(m, NULL, 1, 2, 2, NULL), wk_batch_norm2d_new(m, NULL, 2, NULL), wk_max_pool2d_new(m, NULL, 2, NULL);
    wk_conv_transpose2d_new(m, NULL, 2, 1, 2, NULL), wk_avg_pool2d_new(m, NULL, 2, NULL), wk_flatten_new(m, NULL);
    wk_conv1d_new(net, "along", 1, 2, 2, NULL);
}

static wk_tensor *run_convolutions(wk_module *net) {
    wk_tensor *y = child_forward(net, wk_ones(WK_SHAPE(2, 1, 9, 9), WK_F32));
    return wk_forward(wk_module_child(net, "along"), wk_transpose(wk_unsqueeze(y, 2), 1, 2));
}

static void build_attention(wk_module *net) {
    wk_init_normal_(wk_module_parameter(wk_multihead_attention_new(net, "m", 4, 2, NULL), "in_proj_weight"), 0, 1);
}

static wk_tensor *run_attention(wk_module *net) {
    wk_tensor *x = wk_ones(WK_SHAPE(3, 1, 4), WK_F32), *both = wk_cat(WK_LIST(x, x), 1);
    return wk_multihead_attention_forward(wk_module_child(net, "m"), both, both, both, NULL, true);
}

static wk_tensor *run_classifier(wk_module *net) {
    return wk_cross_entropy(child_forward(net, ones(2, 3)), wk_zeros(WK_SHAPE(2), WK_I64));
}

/* A gradient of a gradient, a hook, and a list. */
static wk_tensor *halve(void *user, wk_tensor *g) {
    (void)user;
    return wk_mul_scalar(g, 0.5);
}

static wk_tensor *run_penalty(wk_module *net) {
    wk_tensor *x = wk_requires_grad_(ones(2, 3), true), *g = NULL;
    wk_list *ys = wk_list_new();
    for (int i = 0; i < 2; i++) wk_list_push(ys, wk_tanh(child_forward(net, wk_select(x, 0, i))));
    wk_tensor *y = wk_stack(ys, 0);
    wk_register_hook(y, halve, NULL);
    wk_grad(wk_sum(y), &x, 1, &g, WK_CREATE_GRAPH);
    return wk_add(wk_mean(y), wk_sum(wk_square(g)));
}

/* Writes in place: through a view, of several types, and where a gradient reads what is overwritten. */
static wk_tensor *run_written(wk_module *net) {
    wk_tensor *y = wk_mul_scalar(child_forward(net, ones(2, 3)), 2);
    wk_sin_(y);
    wk_mul_(wk_select(y, 0, 1), wk_select(y, 0, 1));
    wk_pow_(y, wk_full(WK_SHAPE(2), 3, WK_I64));
    return wk_copy_(wk_zeros(WK_SHAPE(2, 2), WK_F32), y);
}

/* ----------------------------------------------------------------------------------------------------- programs --- */

static wk_optim *adam(wk_module *net) { return wk_adam_new(net, 0.01, NULL); }
static wk_optim *adamw(wk_module *net) { return wk_adamw_new(net, 0.01, NULL); }

static wk_optim *rmsprop(wk_module *net) {
    wk_rmsprop_options o = WK_RMSPROP_OPTIONS;
    o.momentum = 0.9, o.centered = 1;
    return wk_rmsprop_new(net, 0.01, &o);
}

static wk_optim *sgd(wk_module *net) {
    wk_sgd_options o = WK_SGD_OPTIONS;
    o.momentum = 0.9;
    return wk_sgd_new(net, 0.01, &o);
}

static const struct {
    const char *name;
    build *build;
    run *run;
    optimiser *optimiser;
} programs[] = {
    {"Linear, Adam", build_linear, run_linear, adam},
    {"RNN, AdamW", build_rnn, run_rnn, adamw},
    {"RNNCell, RMSprop", build_cell, run_cell, rmsprop},
    {"penalty on a GRU, SGD", build_gru, run_gru, sgd},
    {"Embedding, SGD", build_embedding, run_embedding, sgd},
    {"LayerNorm, AdamW", build_layer_norm, run_linear, adamw},
    {"Sequential, RMSprop", build_sequential, run_classifier, rmsprop},
    {"Conv2d, BatchNorm2d, MaxPool2d, ConvTranspose2d, AvgPool2d, Conv1d, SGD", build_convolutions, run_convolutions,
     sgd},
    {"MultiheadAttention, Adam", build_attention, run_attention, adam},
    {"gradient penalty, Adam", build_linear, run_penalty, adam},
    {"writes in place, SGD", build_linear, run_written, sgd},
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

static void train_twice(int i) {
    WK_SCOPE;
    wk_manual_seed(1);
    wk_module *net = wk_module_new(NULL, "net");
    programs[i].build(net);
    wk_optim *optim = programs[i].optimiser(net);
    for (int step = 0; step < 2 && wk_ok(); step++) {
        WK_SCOPE;
        wk_tensor *loss = wk_mean(programs[i].run(net));
        wk_optim_zero_grad(optim);
        wk_backward(loss);
        wk_clip_grad_norm(net, 1);
        wk_optim_step(optim);
    }
    wk_optim_free(optim);
    wk_module_free(net);
}

static char path[] = "/tmp/wick-injection-XXXXXX";

static void checkpoint(int i) {
    (void)i;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    build_linear(net);
    wk_optim *optim = adam(net);
    wk_snapshot *snapshot = wk_snapshot_new(net);
    wk_error save = {0}, load = {0};
    if (wk_ok()) wk_checkpoint_save(path, net, &optim, 1, &save);
    if (save.status == WK_OK && wk_ok()) wk_checkpoint_load(path, net, &optim, 1, &load);
    if (wk_ok()) wk_snapshot_restore(snapshot);
    wk_snapshot_free(snapshot);
    wk_optim_free(optim);
    wk_module_free(net);
    if (wk_ok() && (save.status != WK_OK || load.status != WK_OK))
        wk__fail(wk__ctx(), save.status != WK_OK ? save.status : load.status, "checkpoint", "reported");
}

static void tutorial(int i) {
    (void)i;
    history record;
    wk_error error;
    const training how = {.seed = 1, .iterations = 2, .fixed_T = 3};
    assert_true(history_make(&record, how.iterations, longest_T(&how)));
    if (train(&how, &record, NULL, NULL, &error) != WK_OK) wk__fail(wk__ctx(), error.status, "train", "reported");
    history_free(&record);
}

/* ------------------------------------------------------------------------------------------------ running out --- */

static void layers_and_optimisers(void **state) {
    (void)state;
    for (int i = 0; i < PROGRAMS; i++) run_out(train_twice, i, programs[i].name);
}

static void files(void **state) {
    (void)state;
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    run_out(checkpoint, 0, "checkpoint");
    unlink(path);
}

static void the_tutorial(void **state) {
    (void)state;
    run_out(tutorial, 0, "the tutorial");
}

WK_TEST_MAIN("memory that runs out", cmocka_unit_test(layers_and_optimisers), cmocka_unit_test(files),
             cmocka_unit_test(the_tutorial))
