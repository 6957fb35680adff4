/* test_batch_trees.c [FOLDER FIRST_SEED COUNT] -- expressions of random shapes, as in examples/trees.c: a node does one
 * of three things, each with its weight, and its children come from any level below, side by side. Batched, they have
 * the values and the gradients of one call after another. */
#include "support.h"

#include <inttypes.h>

enum { WIDTH = 4, DIGITS = 10, OPS = 3, LEAVES = 2 * OPS + 1 };

typedef struct network {
    wk_tensor *leaves[LEAVES]; /* digits (DIGITS,WIDTH); for each op its weight (WIDTH,2 WIDTH) and bias */
} network;

typedef struct outcome {
    double loss, gradients[LEAVES][DIGITS * WIDTH];
} outcome;

static uint32_t drawn;

static int64_t below(int64_t n) {
    drawn = drawn * 1664525u + 1013904223u;
    return (int64_t)(drawn >> 8) % n;
}

static wk_tensor *leaf(int32_t ndim, const int64_t *dims) {
    return wk_requires_grad_(wk_randn(ndim, dims, WK_F64), true);
}

static network network_of(uint64_t seed) {
    network n;
    wk_manual_seed(seed);
    n.leaves[0] = leaf(WK_SHAPE(DIGITS, WIDTH));
    for (int op = 0; op < OPS; op++) {
        n.leaves[1 + op] = leaf(WK_SHAPE(WIDTH, 2 * WIDTH));
        n.leaves[1 + OPS + op] = leaf(WK_SHAPE(WIDTH));
    }
    return n;
}

static wk_tensor *vector_of(const network *n, int depth) {
    if (depth == 0 || below(4) == 0) return wk_narrow(n->leaves[0], 0, below(DIGITS), 1);
    const int64_t op = below(OPS);
    wk_list *sides = wk_list_new();
    for (int side = 0; side < 2; side++) wk_list_push(sides, vector_of(n, depth - 1));
    return wk_tanh(wk_linear(wk_cat(sides, 1), n->leaves[1 + op], n->leaves[1 + OPS + op]));
}

static void run(const network *n, uint64_t seed, bool batched, outcome *o) {
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    drawn = (uint32_t)seed * 77;
    wk_list *roots = wk_list_new();
    for (uint64_t tree = 0; tree < 1 + seed % 6; tree++) wk_list_push(roots, vector_of(n, 1 + (int)(seed / 6 % 4)));
    wk_tensor *loss = wk_sum(wk_square(wk_cat(roots, 0)));
    o->loss = wk_item(loss);
    for (int i = 0; i < LEAVES; i++) wk_zero_grad(n->leaves[i]);
    wk_backward(loss);
    for (int i = 0; i < LEAVES; i++) {
        wk_tensor *g = wk_grad_of(n->leaves[i]);
        for (int e = 0; e < DIGITS * WIDTH; e++) o->gradients[i][e] = 0;
        if (g != NULL) wk_read(g, o->gradients[i], (size_t)wk_numel(g) * sizeof(double));
    }
    wk_scope_close(scope);
}

static void one_seed(uint64_t seed) {
    static outcome alone, batched;
    char what[40];
    WK_SCOPE;
    const network n = network_of(seed);
    run(&n, seed, false, &alone);
    run(&n, seed, true, &batched);
    assert_ok();
    snprintf(what, sizeof what, "seed %" PRIu64, seed);
    assert_close(batched.loss, alone.loss, 1e-9, what);
    for (int i = 0; i < LEAVES; i++)
        for (int e = 0; e < DIGITS * WIDTH; e++)
            assert_close(batched.gradients[i][e], alone.gradients[i][e], 1e-9, what);
}

static uint64_t first_seed = 1, seed_count = 1500;

static void expressions(void **state) {
    (void)state;
    wk_run_seeds(one_seed, first_seed, seed_count);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(expressions)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("batch_trees", tests, 1);
}
