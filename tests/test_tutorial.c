/* test_tutorial.c -- the tutorial's network, trained: the weights it starts from and its 60 losses for seeds 0 to 40,
 * with every kernel table of this machine, against PyTorch's. tools/torch_tutorial.py and torch_random.py wrote the
 * files. */
#include <stdlib.h>

#include "kernel/kernel.h"
#include "support.h"

enum { SEEDS = 41, ITERATIONS = 60, HIDDEN = 32, MAX_T = 30 };

/* -------------------------------------------------------------------------------------------------- the program --- */

typedef struct net {
    wk_module *root, *rnn, *out;
    wk_optim *adam;
    wk_tensor *state; /* a slot: carried from iteration to iteration */
    int64_t begin;    /* half waves seen so far */
} net;

static net net_new(uint64_t seed) {
    wk_manual_seed(seed);
    net n = {.root = wk_module_new(NULL, "net")};
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    n.rnn = wk_rnn_new(n.root, "rnn", 1, HIDDEN, &options);
    n.out = wk_linear_new(n.root, "out", HIDDEN, 1, NULL);
    n.adam = wk_adam_new(n.root, 0.02, NULL);
    return n;
}

static void net_free(net *n) {
    wk_release(&n->state);
    wk_optim_free(n->adam);
    wk_module_free(n->root);
}

/* sin and cos over the next `span` half waves, as NumPy's linspace lays out the points: in double, by a step, the
 * last one exact; then rounded. */
static void data_set(int64_t begin, int64_t span, float *x, float *y) {
    const double pi = 3.141592653589793, start = (double)begin * pi, stop = (double)(begin + span) * pi;
    const int64_t count = 10 * span;
    const double step = (stop - start) / (double)(count - 1);
    for (int64_t i = 0; i < count; i++) {
        const float at = (float)(i == count - 1 ? stop : (double)i * step + start);
        x[i] = (float)sin((double)at);
        y[i] = (float)cos((double)at);
    }
}

static wk_tensor *predict(net *n, wk_tensor *x, wk_tensor **last_state) {
    wk_tensor *r = wk_rnn_forward(n->rnn, x, n->state, last_state);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(r, 1); t++) wk_list_push(ys, wk_linear_forward(n->out, wk_select(r, 1, t)));
    return wk_stack(ys, 1);
}

/* One iteration; returns its loss. */
static double iterate(net *n, int64_t *T, int64_t *nodes) {
    WK_SCOPE;
    float x[MAX_T], y[MAX_T];
    const int64_t span = wk_randint(1, 4);
    *T = 10 * span;
    data_set(n->begin, span, x, y);
    n->begin += span;
    wk_tensor *last_state;
    wk_tensor *prediction = predict(n, wk_from_data(x, WK_SHAPE(1, *T, 1), WK_F32), &last_state);
    wk_tensor *loss = wk_mse_loss(prediction, wk_from_data(y, WK_SHAPE(1, *T, 1), WK_F32));
    *nodes = wk_graph_size();
    wk_optim_zero_grad(n->adam);
    wk_backward(loss);
    wk_optim_step(n->adam);
    wk_keep(&n->state, wk_detach(last_state));
    return wk_item(loss);
}

/* ------------------------------------------------------------------------------------------------------- losses --- */

typedef struct expected {
    int64_t T;
    double loss, spread;
} expected;

static expected table[SEEDS][ITERATIONS];

static FILE *open_data(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", wk_test_data, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("%s cannot be read", path);
    return file;
}

static void read_losses(void) {
    FILE *file = open_data("tutorial_losses.txt");
    char line[256];
    int64_t rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        int seed, iteration;
        long long T;
        expected e;
        if (line[0] == '#') continue;
        assert_int_equal(sscanf(line, "%d %d %lld %lf %lf", &seed, &iteration, &T, &e.loss, &e.spread), 5);
        assert_true(seed >= 0 && seed < SEEDS && iteration >= 0 && iteration < ITERATIONS);
        e.T = T;
        table[seed][iteration] = e;
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, SEEDS * ITERATIONS);
}

/* Greatest use that was made of the tolerance, to be told. */
static double most_used;

static void train_and_compare(int seed) {
    net n = net_new((uint64_t)seed);
    for (int i = 0; i < ITERATIONS; i++) {
        const expected *e = &table[seed][i];
        /* What PyTorch's losses differ among themselves, four times, and 2e-6 for roundings where that happens to be
         * 0. */
        const double tolerance = (2e-6 + 4 * e->spread) * fabs(e->loss);
        char where[64];
        int64_t T, nodes;
        const double loss = iterate(&n, &T, &nodes);
        snprintf(where, sizeof where, "%s, seed %d, iteration %d", wk_isa(), seed, i);
        assert_close(loss, e->loss, tolerance, where);
        assert_int_equal(T, e->T);
        assert_int_equal(nodes, 2 * T + 3); /* rnn, select and linear for each step, stack, mse_loss */
        most_used = fmax(most_used, fabs(loss - e->loss) / tolerance);
    }
    net_free(&n);
    assert_ok();
}

static void losses_with(const char *isa) {
    if (!wk__kernels_select(isa)) skip_test("this machine lacks the instruction set");
    read_losses();
    most_used = 0;
    for (int seed = 0; seed < SEEDS; seed++) train_and_compare(seed);
    print_message("# %s: at most %.2f of the tolerance used\n", isa, most_used);
    wk__kernels_select(NULL);
}

#define LOSSES(isa) \
    static void losses_##isa(void **state) { (void)state, losses_with(#isa); }
WK_KERNEL_TABLES(LOSSES)

/* ------------------------------------------------------------------------------------------------ first weights --- */

/* The rest of a line "parameter NAME BOUND NDIM DIMS... VALUES...": all values must be those of t, to the bit. */
static void compare_parameter(FILE *file, const wk_tensor *t, const char *name) {
    char word[64];
    assert_int_equal(fscanf(file, "%63s", word), 1); /* the bound */
    int ndim;
    assert_int_equal(fscanf(file, "%d", &ndim), 1);
    assert_int_equal(ndim, wk_ndim(t));
    for (int d = 0; d < ndim; d++) {
        long long dim;
        assert_int_equal(fscanf(file, "%lld", &dim), 1);
        assert_int_equal(dim, wk_dim(t, d));
    }
    const float *values = wk_data(t);
    for (int64_t i = 0; i < wk_numel(t); i++) {
        assert_int_equal(fscanf(file, "%63s", word), 1);
        assert_close((double)values[i], (double)strtof(word, NULL), 0, name);
    }
}

static wk_module *module_for(const char *kind, uint64_t seed) {
    if (strcmp(kind, "tutorial") == 0) {
        net n = net_new(seed);
        wk_optim_free(n.adam);
        return n.root;
    }
    wk_rnn_options two = WK_RNN_OPTIONS;
    two.num_layers = 2;
    two.bidirectional = 1;
    wk_manual_seed(seed);
    wk_module *root = wk_module_new(NULL, "net");
    if (strcmp(kind, "linear") == 0) wk_linear_new(root, "linear", 7, 5, NULL);
    else if (strcmp(kind, "rnn") == 0) wk_rnn_new(root, "rnn", 3, 5, NULL);
    else if (strcmp(kind, "rnn_of_two") == 0) wk_rnn_new(root, "rnn", 3, 5, &two);
    else fail_msg("init.txt has a net \"%s\"", kind);
    return root;
}

static void first_weights(void **state) {
    (void)state;
    FILE *file = open_data("init.txt");
    char kind[32], name[64];
    long long seed, count;
    int nets = 0;
    assert_int_equal(fscanf(file, "%*[^\n]"), 0); /* the comment */
    for (; fscanf(file, " net %31s %lld %lld", kind, &seed, &count) == 3; nets++) {
        wk_module *root = module_for(kind, (uint64_t)seed);
        assert_int_equal(wk_module_parameter_count(root), count);
        for (int64_t i = 0; i < count; i++) {
            assert_int_equal(fscanf(file, " parameter %63s", name), 1);
            wk_tensor *t = wk_module_parameter(root, name);
            assert_non_null(t);
            assert_ptr_equal(t, wk_module_parameter_at(root, i));
            assert_string_equal(wk_name(t), name);
            compare_parameter(file, t, name);
        }
        wk_module_free(root);
    }
    assert_true(feof(file));
    fclose(file);
    assert_int_equal(nets, 6);
    assert_ok();
}

#define LOSSES_ROW(isa) cmocka_unit_test(losses_##isa),
WK_TEST_MAIN("tutorial", cmocka_unit_test(first_weights), WK_KERNEL_TABLES(LOSSES_ROW))
