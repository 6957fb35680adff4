/* test_chains.c -- element-wise calls in a row, which plans run a block of elements at a time, or as one kernel. */
#include "each_table.h"

static bool chain(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_mul(wk_tanh(wk_add(wk_mul(in[0], in[1]), in[2])), in[3]);
    return true;
}

/* Results that are read twice, by links that are not the next, and after others that fused kernels do not do. */
static bool net_of_links(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *s = wk_mul(in[0], in[1]), *t = wk_add(s, in[2]), *u = wk_tanh(t), *v = wk_sub(wk_mul(u, t), s);
    wk_tensor *w = wk_gelu(wk_mul_scalar(v, 0.5), false);
    out[0] = wk_div(wk_add(w, in[3]), wk_add_scalar(wk_square(u), 1));
    out[1] = wk_relu(wk_sub(w, t));
    return true;
}

static void nets_of_links(void **state) {
    (void)state;
    static const wk_dtype dtypes[] = {WK_F32, WK_F64};
    static const int64_t sizes[] = {1, 5, 1024, 1025, 20000};
    for (int i = 0; i < 10; i++) {
        WK_SCOPE;
        wk_plan *plan = wk_plan_new(net_of_links, NULL, 4, 2, NULL);
        wk_tensor *in[4], *by_plan[2], *eager[2];
        wk_manual_seed(3);
        for (int k = 0; k < 4; k++) in[k] = wk_randn(WK_SHAPE(k == 3 ? 1 : sizes[i / 2]), dtypes[i % 2]);
        net_of_links(NULL, in, eager);
        for (int run = 0; run < 2; run++) wk_plan_run(plan, in, by_plan);
        assert_ok();
        const size_t nbytes = (size_t)sizes[i / 2] * wk_dtype_nbytes(dtypes[i % 2]);
        for (int k = 0; k < 2; k++) assert_memory_equal(wk_data(eager[k]), wk_data(by_plan[k]), nbytes);
        wk_plan_free(plan);
    }
}

/* Four calls, which run block by block; whatever lies between them is a block long. */
static void chains(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 1023, 1024, 1025, 100000};
    for (int i = 0; i < 5; i++) {
        WK_SCOPE;
        wk_plan *plan = wk_plan_new(chain, NULL, 4, 1, NULL);
        wk_tensor *in[4], *by_plan, *eager;
        wk_manual_seed(3);
        for (int k = 0; k < 4; k++) in[k] = wk_randn(WK_SHAPE(sizes[i]), WK_F32);
        chain(NULL, in, &eager);
        wk_plan_run(plan, in, &by_plan);
        assert_ok();
        assert_memory_equal(wk_data(eager), wk_data(by_plan), (size_t)sizes[i] * sizeof(float));
        char text[1024];
        wk_plan_text(plan, text, sizeof text);
        assert_int_equal(strncmp(text, "/ mul/mul  ", 11), 0);
        assert_non_null(strstr(text, "\n| add/add  "));
        assert_non_null(strstr(text, "\n| tanh/tanh  "));
        wk_plan_stats stats = WK_PLAN_STATS;
        wk_plan_stats_of(plan, &stats);
        assert_true(stats.buffer_nbytes < 10000);
        wk_plan_free(plan);
    }
}

/* Activations with affine steps around them; of the first, results lie where what they came from did. */
static bool around_tanh(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *x = wk_sub(in[3], wk_mul(in[0], in[1]));
    out[0] = wk_rsub_scalar(wk_add(in[2], wk_mul_(wk_tanh_(wk_add_(x, in[2])), in[0])), 0.25);
    return true;
}

static bool around_sigmoid(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *x = wk_sub(wk_mul_scalar(in[1], 2), in[3]);
    out[0] = wk_neg(wk_mul(wk_sigmoid(x), in[0]));
    return true;
}

static void same_by_plan(wk_function *step, int64_t n, wk_dtype dtype) {
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(step, NULL, 4, 1, NULL);
    wk_tensor *in[4], *by_plan, *eager;
    wk_manual_seed(3);
    for (int k = 0; k < 4; k++) in[k] = wk_randn(WK_SHAPE(k == 3 ? 1 : n), dtype);
    step(NULL, in, &eager);
    wk_plan_run(plan, in, &by_plan);
    assert_ok();
    assert_memory_equal(wk_data(eager), wk_data(by_plan), (size_t)n * wk_dtype_nbytes(dtype));
    wk_plan_free(plan);
}

static void all_lengths(wk_dtype dtype) {
    for (int64_t n = 0; n <= 600; n += n < 250 || n > 500 ? 1 : 50) {
        same_by_plan(around_tanh, n, dtype);
        same_by_plan(around_sigmoid, n, dtype);
    }
}

WITH_EACH_TABLE(all_lengths)

WK_TEST_MAIN("chains", cmocka_unit_test(chains), cmocka_unit_test(nets_of_links), TESTS_WITH_EACH_TABLE)
