/* test_contexts.c [FOLDER FIRST_SEED COUNT] -- several contexts in one thread: batches that are open at once do not
 * meet, and weights that are shared go into those of every context as they go into their own. test_threads.c has the
 * same with threads. */
#include "tensors.h"

#include <inttypes.h>

/* ------------------------------------------------------------------------------------------ promises of another --- */

static uint32_t drawn;

static uint32_t below(uint32_t n) {
    drawn = drawn * 1664525u + 1013904223u;
    return (drawn >> 8) % n;
}

enum { ROOTS = 6 };

/* A tree of random shape on a leaf. */
static wk_tensor *tree(wk_tensor *w, wk_tensor *x, uint32_t depth) {
    if (depth == 0) return wk_square(x);
    wk_tensor *left = tree(w, x, below(depth)), *right = tree(w, x, below(depth));
    return wk_tanh(wk_linear(wk_add(left, right), w, NULL));
}

static void trees(wk_tensor **roots) {
    wk_tensor *w = matrix_leaf(4, 4, -1), *x = matrix(1, 4, 0.5);
    for (int i = 0; i < ROOTS; i++) roots[i] = tree(w, x, 1 + below(4));
}

/* One call of one of several rows, on one operand or two. */
static void one_call(wk_tensor *x, wk_tensor *y) {
    wk_tensor *w = matrix(4, 4, 0);
    switch (below(4)) {
    case 0: wk_add(y, x); break;
    case 1: wk_tanh(x); break;
    case 2: wk_linear(x, w, NULL); break;
    case 3: tree(w, wk_add(x, y), 3); break;
    }
}

/* What a batch of another context promises is refused, wherever it comes, and neither batch has anything of it. */
static void one_seed(uint64_t seed) {
    wk_ctx *contexts[2] = {wk_ctx_new(), wk_ctx_new()}, *own = wk_ctx_use(contexts[0]);
    wk_scope scopes[2];
    wk_tensor *roots[2][ROOTS];
    wk_error e;
    char what[40];
    snprintf(what, sizeof what, "seed %" PRIu64, seed);
    drawn = (uint32_t)seed;
    for (int c = 0; c < 2; c++) {
        wk_ctx_use(contexts[c]);
        scopes[c] = wk_batch_open();
        trees(roots[c]);
    }
    for (int i = 0; i < 8; i++) {
        one_call(roots[0][below(ROOTS)], roots[1][below(ROOTS)]);
        if (wk_check(&e) != WK_ECONTEXT) fail_msg("%s: %s", what, e.message);
        tree(matrix(4, 4, 0), roots[1][below(ROOTS)], 2);
    }
    for (int c = 1; c >= 0; c--) {
        wk_ctx_use(contexts[c]);
        for (int i = 0; i < ROOTS; i++) wk_item(wk_sum(roots[c][i]));
        wk_scope_close(scopes[c]);
        assert_ok();
    }
    wk_ctx_use(own);
    for (int c = 0; c < 2; c++) wk_ctx_free(contexts[c]);
}

static uint64_t first_seed = 1, seed_count = 200;

static void promises_of_another_context(void **state) {
    (void)state;
    wk_run_seeds(one_seed, first_seed, seed_count);
}

/* ------------------------------------------------------------------------------------------ weights of another --- */

/* How many operations `calls` calls with these weights came to in a batch. */
static int64_t operations(wk_tensor *w, wk_tensor *b, int calls) {
    WK_SCOPE;
    wk_tensor *x = matrix_leaf(1, 4, 0), *y = NULL;
    WK_BATCH;
    for (int i = 0; i < calls; i++) y = wk_tanh(wk_linear(wk_mul_scalar(x, i), w, b));
    wk_item(wk_sum(y));
    return wk_graph_size();
}

/* Calls with a weight that is shared become one call, as those with a weight of one's own do. */
static void shared_weights_in_a_batch(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = matrix(3, 4, 0.1), *b = wk_full(WK_SHAPE(3), 0.2, WK_F64);
    wk_tensor *shared_w = wk_share(w), *shared_b = wk_share(b);
    const int64_t own = operations(w, b, 50);
    assert_true(own < 60); /* 50 numbers, and a call of each row */
    assert_int_equal(operations(shared_w, shared_b, 50), own);
    wk_release(&shared_w);
    wk_release(&shared_b);
    assert_ok();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(promises_of_another_context),
                                       cmocka_unit_test(shared_weights_in_a_batch)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("contexts", tests, sizeof tests / sizeof *tests);
}
