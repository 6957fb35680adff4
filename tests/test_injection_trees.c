/* test_injection_trees.c -- memory runs out, block by block (injection.h), in a step of examples/trees.c: as written,
 * and in a batch, where it may run out while calls are put off, while they run together, and on the way back. */
#include "injection.h"

#define main trees_main
#include "../examples/trees.c"
#undef main

static void one_step(int batched) {
    wk_manual_seed(1);
    network n;
    network_make(&n);
    tree *trees[TOGETHER];
    double loss;
    int right;
    if (trees_make(trees)) (batched ? step_batched : step_as_written)(&n, trees, &loss, &right);
    for (int k = 0; k < TOGETHER; k++) tree_free(trees[k]);
    network_free(&n);
}

static void as_written(void **state) {
    (void)state;
    run_out(one_step, false, "trees, as written");
}

static void batched(void **state) {
    (void)state;
    run_out(one_step, true, "trees, batched");
}

WK_TEST_MAIN("memory that runs out in trees", cmocka_unit_test(as_written), cmocka_unit_test(batched))
