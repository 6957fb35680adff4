/* test_checkpoint.c -- a training that stops and goes on from a file computes what it would have without stopping, bit
 * for bit: with each optimiser, on the tutorial's network, whose sequences, noise and state all have to go on. */
#include <stdlib.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "support.h"

enum { ITERATIONS = 60, HIDDEN = 32, MAX_T = 30, KINDS = 5 };

static char path[64]; /* a file for each test */

/* -------------------------------------------------------------------------------------------------- the program --- */

typedef struct net {
    wk_module *root, *rnn, *out;
    wk_tensor *state, *begin; /* buffers: of the network, and half waves seen so far */
    wk_optim *optim;
} net;

static wk_optim *optim_new(wk_module *m, int kind) {
    wk_sgd_options sgd = WK_SGD_OPTIONS;
    wk_rmsprop_options rmsprop = WK_RMSPROP_OPTIONS;
    sgd.momentum = 0.9, sgd.nesterov = 1;
    rmsprop.momentum = 0.5, rmsprop.centered = 1;
    switch (kind) {
    case 0: return wk_adam_new(m, 0.02, NULL);
    case 1: return wk_adamw_new(m, 0.02, NULL);
    case 2: return wk_sgd_new(m, 0.01, &sgd);
    case 3: return wk_sgd_new(m, 0.01, NULL);
    default: return wk_rmsprop_new(m, 0.001, &rmsprop);
    }
}

static net net_new(uint64_t seed, int kind) {
    WK_SCOPE;
    wk_manual_seed(seed);
    net n = {.root = wk_module_new(NULL, "net")};
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    n.rnn = wk_rnn_new(n.root, "rnn", 1, HIDDEN, &options);
    n.out = wk_linear_new(n.root, "out", HIDDEN, 1, NULL);
    n.state = wk_module_add_buffer(n.root, "state", wk_zeros(WK_SHAPE(1, 1, HIDDEN), WK_F32));
    n.begin = wk_module_add_buffer(n.root, "begin", wk_scalar(0, WK_I64));
    n.optim = optim_new(n.root, kind);
    return n;
}

static void net_free(net *n) {
    wk_optim_free(n->optim);
    wk_module_free(n->root);
}

/* sin and cos over the next `span` half waves. */
static void data_set(double begin, int64_t span, float *x, float *y) {
    for (int64_t i = 0; i < 10 * span; i++) {
        const double at = (begin + (double)i / 10) * 3.141592653589793;
        x[i] = (float)sin(at), y[i] = (float)cos(at);
    }
}

/* One iteration; returns its loss. In some, out takes no part, and its count of steps falls behind. A single normal
 * number leaves a second one waiting in the generator. */
static double iterate(net *n) {
    WK_SCOPE;
    float x[MAX_T], y[MAX_T];
    const int64_t span = wk_randint(1, 4), T = 10 * span;
    data_set(wk_item(n->begin), span, x, y);
    wk_tensor *last, *noise = wk_mul_scalar(wk_randn(WK_SHAPE(1), WK_F32), 0.01);
    wk_tensor *input = wk_add(wk_from_data(x, WK_SHAPE(1, T, 1), WK_F32), noise);
    wk_tensor *r = wk_rnn_forward(n->rnn, input, n->state, &last);
    wk_tensor *target = wk_from_data(y, WK_SHAPE(1, T, 1), WK_F32);
    wk_tensor *prediction = wk_randint(0, 4) > 0 ? wk_linear_forward(n->out, r) : NULL;
    wk_tensor *loss = prediction != NULL ? wk_mse_loss(prediction, target) : wk_mean(wk_mul(r, r));
    wk_optim_zero_grad(n->optim);
    wk_backward(loss);
    wk_optim_step(n->optim);
    wk_optim_set_lr(n->optim, wk_optim_lr(n->optim) * 0.99);
    wk_copy_(n->state, wk_detach(last));
    wk_copy_(n->begin, wk_scalar(wk_item(n->begin) + (double)span, WK_I64));
    return wk_item(loss);
}

/* ----------------------------------------------------------------------------------------------------- resuming --- */

/* Losses of `stop` iterations, then of the others in a new network that knows the file alone. */
static void train(int kind, int stop, double *losses) {
    net n = net_new(7, kind);
    for (int i = 0; i < stop; i++) losses[i] = iterate(&n);
    if (stop < ITERATIONS) {
        assert_int_equal(wk_checkpoint_save(path, n.root, &n.optim, 1, NULL), WK_OK);
        net_free(&n);
        n = net_new(99, kind);
        iterate(&n);
        assert_int_equal(wk_checkpoint_load(path, n.root, &n.optim, 1, NULL), WK_OK);
        for (int i = stop; i < ITERATIONS; i++) losses[i] = iterate(&n);
    }
    net_free(&n);
    assert_ok();
}

static void going_on_as_if_never_stopped(void **state) {
    (void)state;
    static const int stops[] = {30, 1, 17};
    for (int kind = 0; kind < KINDS; kind++) {
        double whole[ITERATIONS], parts[ITERATIONS];
        train(kind, ITERATIONS, whole);
        assert_true(whole[ITERATIONS - 1] != whole[0]);
        for (int s = 0; s < 3; s++) {
            train(kind, stops[s], parts);
            assert_memory_equal(parts, whole, sizeof whole);
        }
    }
}

/* Two optimisers over parts of one network; the file says what it holds. */
static void two_optimisers(void **state) {
    (void)state;
    net n = net_new(1, 0);
    wk_optim *both[] = {wk_adam_new(n.rnn, 0.5, NULL), wk_sgd_new(n.out, 0.25, NULL)};
    assert_int_equal(wk_checkpoint_save(path, n.root, both, 2, NULL), WK_OK);
    wk_safetensors *file = wk_safetensors_open(path, NULL);
    assert_string_equal(wk_safetensors_metadata(file, "optimizer.0"), "Adam");
    assert_string_equal(wk_safetensors_metadata(file, "optimizer.1"), "SGD");
    int32_t found = 0;
    for (int64_t i = 0; i < wk_safetensors_count(file); i++) {
        const char *name = wk_safetensors_name(file, i);
        found += strcmp(name, "model.rnn.weight_hh_l0") == 0 || strcmp(name, "optimizer.1.step.weight") == 0 ||
                 strcmp(name, "optimizer.0.exp_avg_sq.bias_ih_l0") == 0 || strcmp(name, "optimizer.0.beta2") == 0;
    }
    assert_int_equal(found, 4);
    wk_safetensors_close(file);
    wk_optim_set_lr(both[1], 3);
    assert_int_equal(wk_checkpoint_load(path, n.root, both, 2, NULL), WK_OK);
    assert_close(wk_optim_lr(both[1]), 0.25, 0, "lr");
    wk_optim *const exchanged[] = {both[1], both[0]};
    wk_error e;
    assert_int_equal(wk_checkpoint_load(path, n.root, exchanged, 2, &e), WK_EINVAL);
    char expected[128];
    snprintf(expected, sizeof expected, "checkpoint_load: %s: optimizer.0 is Adam in the file, not SGD", path);
    assert_string_equal(e.message, expected);
    assert_int_equal(wk_checkpoint_load(path, n.root, both, 1, NULL), WK_EINVAL); /* the other is unexpected */
    wk_optim_free(both[0]);
    wk_optim_free(both[1]);
    net_free(&n);
    assert_ok();
}

/* What was trained, without what trained it. */
static void without_optimisers(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *trained = wk_linear_new(NULL, "m", 2, 2, NULL), *used = wk_linear_new(NULL, "m", 2, 2, NULL);
    wk_optim *adam = wk_adam_new(trained, 0.5, NULL);
    wk_error e;
    char expected[256];
    assert_int_equal(wk_checkpoint_save(path, trained, &adam, 1, NULL), WK_OK);
    for (uint32_t flags = 0; flags <= WK_LOAD_PARTIAL; flags++) {
        assert_int_equal(wk_load(path, used, flags, &e), WK_EINVAL);
        snprintf(expected, sizeof expected,
                 "load: %s is a checkpoint: wk_checkpoint_load it, without optimisers if need be", path);
        assert_string_equal(e.message, expected);
    }
    assert_int_equal(wk_checkpoint_load(path, used, NULL, 0, NULL), WK_OK);
    for (int i = 0; i < 2; i++)
        assert_true(wk_equal(wk_module_parameter_at(trained, i), wk_module_parameter_at(used, i)));
    wk_module_add_buffer(used, "late", wk_ones(WK_SHAPE(1), WK_F32));
    assert_int_equal(wk_checkpoint_load(path, used, NULL, 0, &e), WK_EINVAL);
    assert_non_null(strstr(e.message, "model.late is missing"));
    wk_optim_free(adam);
    wk_module_free(trained);
    wk_module_free(used);
    assert_ok();
}

/* ------------------------------------------------------------------------------------------------------ forging --- */

/* A checkpoint, of no optimiser or of one SGD, with one of its tensors replaced. */
static void forge(const char *name, wk_tensor *value) {
    wk_named items[64];
    const wk_pair kind = {"optimizer.0", "SGD"};
    wk_safetensors *file = wk_safetensors_open(path, NULL);
    const int64_t count = wk_safetensors_count(file);
    int64_t replaced = 0;
    for (int64_t i = 0; i < count; i++) {
        items[i].name = (char *)wk_safetensors_name(file, i);
        const bool this_one = strcmp(items[i].name, name) == 0;
        items[i].tensor = value;
        if (!this_one) assert_int_equal(wk_safetensors_read(file, items[i].name, &items[i].tensor, NULL), WK_OK);
        replaced += this_one;
    }
    assert_int_equal(replaced, 1);
    assert_true(wk__safetensors_write(path, items, count, &kind, 1));
    wk_safetensors_close(file);
}

/* Loading fails so, and the network and the random stream stay as they are. */
static void assert_refused(net *n, const char *ending) {
    WK_SCOPE;
    wk_tensor *w = wk_module_parameter(n->root, "out.weight");
    const double before = wk_get_f64(w, (const int64_t[]){0, 0});
    wk_error e;
    wk_manual_seed(5);
    const int64_t drawn = wk_randint(0, INT64_C(1) << 31);
    wk_manual_seed(5);
    assert_true(wk_checkpoint_load(path, n->root, NULL, 0, &e) < 0);
    assert_non_null(strstr(e.message, ending));
    assert_int_equal(wk_randint(0, INT64_C(1) << 31), drawn);
    assert_close(wk_get_f64(w, (const int64_t[]){0, 0}), before, 0, "unchanged");
}

static void states_that_cannot_be(void **state) {
    (void)state;
    WK_SCOPE;
    enum { LENGTH = 627, POSITION = 624, HAS_SPARE = 626 };
    net n = net_new(1, 0), other = net_new(2, 0);
    wk_checkpoint_save(path, n.root, NULL, 0, NULL);
    wk_safetensors *file = wk_safetensors_open(path, NULL);
    wk_tensor *fine;
    wk_safetensors_read(file, "generator.state", &fine, NULL);
    wk_safetensors_close(file);
    static const struct { int64_t index; double value; } forgeries[] = {
        {POSITION, 625}, {POSITION, -1}, {HAS_SPARE, 2}, {HAS_SPARE, -1}, {3, -1}, {3, 4294967296.0},
    };
    for (int i = 0; i < 6; i++) {
        wk_tensor *forged = wk_empty(WK_SHAPE(LENGTH), WK_I64);
        wk_copy_(forged, fine);
        wk_put_f64(forged, &forgeries[i].index, forgeries[i].value);
        forge("generator.state", forged);
        assert_refused(&other, "generator.state is none of a generator");
    }
    forge("generator.state", fine);
    forge("model.out.weight", wk_zeros(WK_SHAPE(2, 2), WK_F32));
    assert_refused(&other, "model.out.weight is (2,2), not (1,32)");
    net_free(&n);
    net_free(&other);
    assert_ok();
}

/* Counts of steps and options: each of these is refused, and the optimiser stays as it is. */
static void numbers_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double value;
    } forgeries[] = {
        {"optimizer.0.step.w", -1},    {"optimizer.0.step.w", NAN},        {"optimizer.0.step.w", 1e300},
        {"optimizer.0.lr", -0.5},      {"optimizer.0.momentum", INFINITY}, {"optimizer.0.nesterov", 7},
        {"optimizer.0.lr", INFINITY},  {"optimizer.0.momentum", -0.5},     {"optimizer.0.step.w", 0.5},
        {"optimizer.0.nesterov", 0.5},
    };
    wk_sgd_options o = WK_SGD_OPTIONS;
    o.momentum = 0.5;
    WK_SCOPE;
    wk_module *m = wk_module_new(NULL, "m");
    wk_tensor *w = wk_module_add_parameter(m, "w", wk_scalar(1, WK_F32));
    wk_optim *sgd = wk_sgd_new(m, 0.5, &o);
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        wk_error e;
        wk_checkpoint_save(path, m, &sgd, 1, NULL);
        forge("model.w", wk_scalar(3, WK_F32));
        assert_int_equal(wk_checkpoint_load(path, m, &sgd, 1, NULL), WK_OK); /* fine so far */
        assert_close(wk_item(w), 3, 0, "loaded");
        forge("model.w", wk_scalar(4, WK_F32));
        forge(forgeries[i].name, wk_scalar(forgeries[i].value, WK_F64));
        assert_int_equal(wk_checkpoint_load(path, m, &sgd, 1, &e), WK_EFORMAT);
        assert_non_null(strstr(e.message, forgeries[i].name));
        assert_close(wk_item(w), 3, 0, "unchanged");
        assert_close(wk_optim_lr(sgd), 0.5, 0, "unchanged");
    }
    wk_optim_free(sgd);
    wk_module_free(m);
    assert_ok();
}

/* Options each of which may be: they need what the optimiser does without, or do not go together. */
static void options_of_another_optimiser(void **state) {
    (void)state;
    static const struct {
        double momentum, dampening; /* of the optimiser */
        const char *name;
        double value;
        const char *refusal;
    } forgeries[] = {
        {0, 0, "optimizer.0.momentum", 0.5, "the options of optimizer.0 need other arrays than there are"},
        {0.5, 0, "optimizer.0.momentum", 0, "the options of optimizer.0 need other arrays than there are"},
        {0.5, 0.5, "optimizer.0.nesterov", 1,
         "nesterov needs a momentum above 0 and a dampening of 0, not 0.5 and 0.5"},
    };
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        WK_SCOPE;
        wk_sgd_options o = WK_SGD_OPTIONS;
        o.momentum = forgeries[i].momentum, o.dampening = forgeries[i].dampening;
        wk_module *m = wk_linear_new(NULL, "m", 2, 2, NULL);
        wk_optim *sgd = wk_sgd_new(m, 0.5, &o);
        wk_error e;
        wk_checkpoint_save(path, m, &sgd, 1, NULL);
        forge(forgeries[i].name, wk_scalar(forgeries[i].value, WK_F64));
        assert_int_not_equal(wk_checkpoint_load(path, m, &sgd, 1, &e), WK_OK);
        assert_non_null(strstr(e.message, forgeries[i].refusal));
        wk_optim_free(sgd);
        wk_module_free(m);
    }
    assert_ok();
}

static int make_file(void **state) {
    (void)state;
    strcpy(path, "/tmp/wick-checkpoint-XXXXXX");
    const int file = mkstemp(path);
    return file < 0 || close(file) != 0;
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)
WK_TEST_MAIN("checkpoint", WITH_FILE(going_on_as_if_never_stopped), WITH_FILE(two_optimisers),
             WITH_FILE(without_optimisers), WITH_FILE(states_that_cannot_be), WITH_FILE(numbers_that_cannot_be),
             WITH_FILE(options_of_another_optimiser))
