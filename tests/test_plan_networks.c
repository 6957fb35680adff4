/* test_plan_networks.c -- networks of many kinds, trained side by side by a function and by a plan of it: the same bits
 * in every output and every parameter. */
#include "same_bits.h"

enum { MOST_LAYERS = 6, OUTPUTS = 2 };

/* A network and how it is trained. x (B,T,I), y (B,T,O), h (B,H). */
typedef struct model {
    wk_module *root, *layers[MOST_LAYERS];
    wk_optim *optim;
    wk_tensor *buffer; /* an average that the step keeps */
    int64_t batch, in, hidden, out;
    bool accumulates; /* clears gradients only at the first step */
    int steps;
} model;

typedef struct kind {
    const char *name;
    void (*build)(model *m);
    wk_function *step;
    bool trips; /* T goes round, and one recording is to serve all */
} kind;

/* ------------------------------------------------------------------------------------------------------- pieces --- */

static wk_tensor *layer(model *m, int i, wk_tensor *x) { return wk_forward(m->layers[i], x); }

static void finish(model *m, wk_tensor *loss) {
    wk_optim_zero_grad(m->optim);
    wk_backward(loss);
    wk_optim_step(m->optim);
}

/* The last step of the sequence against the last target. */
static wk_tensor *last(wk_tensor *y) { return wk_select(y, 1, -1); }

/* ---------------------------------------------------------------------------------------- feed-forward networks --- */

static void build_mlp(model *m) {
    m->layers[0] = wk_linear_new(m->root, "a", m->in, m->hidden, NULL);
    m->layers[1] = wk_linear_new(m->root, "b", m->hidden, m->hidden, NULL);
    m->layers[2] = wk_linear_new(m->root, "c", m->hidden, m->out, NULL);
    wk_adamw_options o = WK_ADAMW_OPTIONS;
    o.weight_decay = 0.1;
    m->optim = wk_adamw_new(m->root, 0.01, &o);
}

static bool step_mlp(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *x = wk_relu(layer(m, 0, last(in[0])));
    x = wk_gelu(layer(m, 1, x), false);
    out[0] = wk_mse_loss(layer(m, 2, x), last(in[1]));
    finish(m, out[0]);
    out[1] = wk_detach(wk_mean(x));
    return true;
}

static void build_dropout(model *m) {
    build_mlp(m);
    m->layers[3] = wk_layer_norm_new(m->root, "norm", 1, &m->hidden, NULL);
    wk_optim_free(m->optim);
    wk_sgd_options o = WK_SGD_OPTIONS;
    o.momentum = 0.9;
    o.nesterov = 1;
    m->optim = wk_sgd_new(m->root, 0.01, &o);
}

static bool step_dropout(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *x = wk_dropout(wk_tanh(layer(m, 0, in[0])), 0.3, true);
    x = wk_add(x, wk_dropout(layer(m, 1, layer(m, 3, x)), 0.1, true));
    wk_tensor *noise = wk_mul_scalar(wk_randn(3, wk_dims(x), WK_F32), 0.01);
    wk_tensor *p = wk_softmax(layer(m, 2, wk_add(x, noise)), -1);
    out[0] = wk_mean(wk_square(wk_sub(p, in[1])));
    finish(m, out[0]);
    out[1] = wk_detach(p);
    return true;
}

/* ------------------------------------------------------------------------------------------- recurrent networks --- */

static void build_cell(model *m) {
    m->layers[0] = wk_linear_new(m->root, "x", m->in, 4 * m->hidden, NULL);
    m->layers[1] = wk_linear_new(m->root, "h", m->hidden, 4 * m->hidden, NULL);
    m->layers[2] = wk_linear_new(m->root, "out", m->hidden, m->out, NULL);
    m->optim = wk_adam_new(m->root, 0.01, NULL);
}

/* h' = tanh(W x + U h), and an output in each step. */
static bool step_cell(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *h = in[2];
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++) {
        wk_tensor *both = wk_add(layer(m, 0, wk_select(in[0], 1, t)), layer(m, 1, h));
        h = wk_tanh(wk_narrow(both, 1, 0, m->hidden));
        wk_list_push(ys, layer(m, 2, h));
    }
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[1]);
    finish(m, out[0]);
    out[1] = wk_detach(h);
    return true;
}

/* An LSTM from small operations. */
static bool step_lstm(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    const int64_t H = m->hidden;
    wk_tensor *h = in[2], *c = wk_zeros_like(in[2]);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++) {
        wk_tensor *a = wk_add(layer(m, 0, wk_select(in[0], 1, t)), layer(m, 1, h));
        wk_tensor *i = wk_sigmoid(wk_narrow(a, 1, 0, H)), *f = wk_sigmoid(wk_narrow(a, 1, H, H));
        wk_tensor *g = wk_tanh(wk_narrow(a, 1, 2 * H, H)), *o = wk_sigmoid(wk_narrow(a, 1, 3 * H, H));
        c = wk_add(wk_mul(f, c), wk_mul(i, g));
        h = wk_mul(o, wk_tanh(c));
        wk_list_push(ys, h);
    }
    out[0] = wk_mse_loss(layer(m, 2, wk_stack(ys, 1)), in[1]);
    finish(m, out[0]);
    out[1] = wk_detach(h);
    return true;
}

static void build_rnn(model *m) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.batch_first = 1;
    o.num_layers = 2;
    o.bidirectional = 1;
    m->layers[0] = wk_rnn_new(m->root, "rnn", m->in, m->hidden, &o);
    m->layers[1] = wk_linear_new(m->root, "out", 2 * m->hidden, m->out, NULL);
    m->optim = wk_rmsprop_new(m->root, 0.01, NULL);
}

/* Two layers in two directions; a weight for each step of time that is a number made of T. */
static bool step_rnn(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *r = wk_rnn_forward(m->layers[0], in[0], NULL, NULL);
    wk_tensor *error = wk_sum(wk_square(wk_sub(layer(m, 1, r), in[1])));
    out[0] = wk_mul_scalar(error, 1.0 / (double)wk_dim(in[0], 1));
    finish(m, out[0]);
    out[1] = wk_detach(wk_select(r, 1, 0));
    return true;
}

static void build_gru(model *m) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.batch_first = 1;
    m->layers[0] = wk_gru_new(m->root, "gru", m->in, m->hidden, &o);
    m->layers[1] = wk_lstm_new(m->root, "lstm", m->hidden, m->hidden, &o);
    m->layers[2] = wk_linear_new(m->root, "out", m->hidden, m->out, NULL);
    m->optim = wk_sgd_new(m->root, 0.1, NULL);
}

/* Layers that go by stretches, of which long sequences have several. */
static bool step_gru(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *h0 = wk_unsqueeze(in[2], 0), *r = wk_gru_forward(m->layers[0], in[0], h0, NULL);
    r = wk_lstm_forward(m->layers[1], r, NULL, NULL, NULL, NULL);
    out[0] = wk_mse_loss(layer(m, 2, r), in[1]);
    finish(m, out[0]);
    out[1] = wk_detach(wk_select(r, 1, 0));
    return true;
}

/* No gradients: a running average of the outputs, in a buffer of the network. */
static bool step_inference(void *user, wk_tensor *const *in, wk_tensor **out) {
    WK_NO_GRAD;
    model *m = user;
    wk_tensor *h = in[2];
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++)
        h = wk_tanh(wk_narrow(wk_add(layer(m, 0, wk_select(in[0], 1, t)), layer(m, 1, h)), 1, 0, m->hidden));
    out[0] = layer(m, 2, h);
    wk_copy_(m->buffer, wk_add(wk_mul_scalar(m->buffer, 0.9), wk_mul_scalar(wk_mean(h), 0.1)));
    out[1] = h;
    return true;
}

/* Gradients that gather over steps, and a penalty on the gradient with respect to the input. */
static bool step_penalty(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *x = wk_requires_grad_(wk_clone(wk_detach(last(in[0]))), true), *g;
    wk_tensor *y = layer(m, 2, wk_tanh(layer(m, 1, wk_tanh(layer(m, 0, x)))));
    wk_grad(wk_sum(y), &x, 1, &g, WK_CREATE_GRAPH);
    out[0] = wk_add(wk_mse_loss(y, last(in[1])), wk_mean(wk_square(g)));
    wk_backward(out[0]);
    wk_optim_step(m->optim);
    out[1] = wk_detach(g);
    return true;
}

/* ------------------------------------------------------------------------------------------------- side by side --- */

static model model_new(const kind *k, int64_t batch, int64_t in, int64_t hidden, int64_t out) {
    model m = {.root = wk_module_new(NULL, "net"), .batch = batch, .in = in, .hidden = hidden, .out = out};
    wk_manual_seed(7);
    k->build(&m);
    wk_keep(&m.buffer, wk_zeros(0, NULL, WK_F32));
    return m;
}

static void model_free(model *m) {
    wk_release(&m->buffer);
    wk_optim_free(m->optim);
    wk_module_free(m->root);
}

static void assert_same(const char *what, int step, wk_tensor *a, wk_tensor *b) {
    WK_SCOPE;
    if (a == NULL || b == NULL) fail_msg("%s: step %d: no output", what, step);
    if (!same_bits(a, b))
        fail_msg("%s: step %d: %.9g, by the plan %.9g", what, step, wk_item(wk_mean(a)), wk_item(wk_mean(b)));
}

static void no_failure(const char *what, int step) {
    wk_error e;
    if (wk_check(&e) != WK_OK) fail_msg("%s, step %d: %s", what, step, e.message);
}

static void compare_parameters(const char *what, const model *a, const model *b) {
    for (int64_t i = 0; i < wk_module_parameter_count(a->root); i++)
        assert_same(what, -1, wk_module_parameter_at(a->root, i), wk_module_parameter_at(b->root, i));
    assert_same(what, -2, a->buffer, b->buffer);
}

static wk_plan_stats train(const kind *k, int steps, int64_t batch, int64_t in, int64_t hidden, int64_t out) {
    model a = model_new(k, batch, in, hidden, out), b = model_new(k, batch, in, hidden, out);
    const wk_plan_dim trips[] = {{0, 1}, {1, 1}};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = trips;
    o.trip_count = k->trips ? 2 : 0;
    wk_plan *plan = wk_plan_new(k->step, &b, 3, OUTPUTS, &o);
    for (int i = 0; i < steps && wk_ok(); i++) {
        WK_SCOPE;
        const int64_t T = 1 + (i * 37 + 11) % (k->trips ? 61 : 3);
        wk_manual_seed((uint64_t)i);
        wk_tensor *inputs[] = {wk_randn(WK_SHAPE(batch, T, in), WK_F32), wk_randn(WK_SHAPE(batch, T, out), WK_F32),
                               wk_randn(WK_SHAPE(batch, hidden), WK_F32)};
        wk_tensor *of_a[OUTPUTS], *of_b[OUTPUTS];
        wk_manual_seed((uint64_t)i + 1000);
        k->step(&a, inputs, of_a);
        const double drawn = wk_item(wk_rand(0, NULL, WK_F32));
        wk_manual_seed((uint64_t)i + 1000);
        wk_plan_run(plan, inputs, of_b);
        no_failure(k->name, i);
        assert_true(drawn == wk_item(wk_rand(0, NULL, WK_F32))); /* the generator stands where it would */
        for (int j = 0; j < OUTPUTS; j++) assert_same(k->name, i, of_a[j], of_b[j]);
    }
    compare_parameters(k->name, &a, &b);
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &stats);
    wk_plan_free(plan);
    model_free(&a);
    model_free(&b);
    return stats;
}

static const kind kinds[] = {
    {"mlp", build_mlp, step_mlp, false},    {"dropout", build_dropout, step_dropout, false},
    {"cell", build_cell, step_cell, false}, {"lstm", build_cell, step_lstm, false},
    {"rnn", build_rnn, step_rnn, false},    {"inference", build_cell, step_inference, false},
    {"gru", build_gru, step_gru, false},    {"penalty", build_mlp, step_penalty, false},
};

static void every_shape(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        train(&kinds[i], 12, 1, 1, 8, 1);
        train(&kinds[i], 12, 4, 3, 33, 5);
        train(&kinds[i], 4, 70, 40, 130, 20); /* large products */
    }
}

/* One recording: no other T costs another. */
static void every_length(void **state) {
    (void)state;
    static const size_t which[] = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        kind k = kinds[which[i]];
        k.trips = true;
        for (int64_t batch = 1; batch <= 5; batch += 2) {
            const wk_plan_stats s = train(&k, 60, batch, batch, 12, batch);
            if (s.captures != 1 || s.unfolded != 0)
                fail_msg("%s, batch %d: %d captures, %d unfolded", k.name, (int)batch, (int)s.captures,
                         (int)s.unfolded);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ whole numbers --- */

static void build_words(model *m) {
    m->layers[0] = wk_embedding_new(m->root, "words", 50, m->hidden, NULL);
    m->layers[1] = wk_linear_new(m->root, "out", m->hidden, 5, NULL);
    m->optim = wk_adam_new(m->root, 0.01, NULL);
}

/* in: words (B,T), classes (B). */
static bool step_words(void *user, wk_tensor *const *in, wk_tensor **out) {
    model *m = user;
    wk_tensor *sum = NULL;
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++) {
        wk_tensor *x = layer(m, 0, wk_contiguous(wk_select(in[0], 1, t)));
        sum = sum == NULL ? x : wk_add(sum, x);
    }
    out[0] = wk_cross_entropy(layer(m, 1, wk_tanh(sum)), in[1]);
    finish(m, out[0]);
    out[1] = wk_detach(sum);
    return true;
}

static void run_words(model *a, wk_plan *plan, int i, int64_t T) {
    WK_SCOPE;
    wk_tensor *in[] = {wk_randint_tensor(0, 50, WK_SHAPE(4, T)), wk_randint_tensor(0, 5, WK_SHAPE(4))};
    wk_tensor *of_a[OUTPUTS], *of_b[OUTPUTS];
    step_words(a, in, of_a);
    wk_plan_run(plan, in, of_b);
    no_failure("words", i);
    for (int j = 0; j < OUTPUTS; j++) assert_same("words", i, of_a[j], of_b[j]);
}

/* Indices are looked up, and looked at, in each run. */
static void indices(void **state) {
    (void)state;
    WK_SCOPE;
    const kind k = {"words", build_words, step_words, true};
    model a = model_new(&k, 4, 1, 9, 5), b = model_new(&k, 4, 1, 9, 5);
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = (const wk_plan_dim[]){{0, 1}};
    o.trip_count = 1;
    wk_plan *plan = wk_plan_new(step_words, &b, 2, OUTPUTS, &o);
    for (int i = 0; i < 20; i++) run_words(&a, plan, i, 1 + i * 7 % 20);
    compare_parameters("words", &a, &b);
    wk_tensor *in[] = {wk_full(WK_SHAPE(4, 12), 50, WK_I64), wk_zeros(WK_SHAPE(4), WK_I64)}, *out[OUTPUTS];
    assert_int_equal(wk_plan_run(plan, in, out), WK_EINDEX);
    wk_error e;
    wk_check(&e);
    assert_non_null(strstr(e.message, "embedding: index 50 is out of range for dimension 0 of (50,9)"));
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &stats);
    assert_int_equal(stats.captures, 1);
    wk_plan_free(plan);
    model_free(&a);
    model_free(&b);
}

WK_TEST_MAIN("plans of networks", cmocka_unit_test(indices), cmocka_unit_test(every_shape),
             cmocka_unit_test(every_length))
