/* test_kinks.c -- gradients where a formula divides by 0, or where two cases meet: what a convention stands for has
 * gradients in turn, which are those of the convention. */
#include "tensors.h"

static const double nothing[3] = {0, 0, 0};

/* The gradient of the sum of x's gradient, of which y is a function. */
static wk_tensor *second_gradient(wk_tensor *y, wk_tensor *x) {
    wk_tensor *g = NULL, *gg = NULL;
    wk_grad(wk_sum(y), &x, 1, &g, WK_CREATE_GRAPH);
    wk_grad(wk_sum(g), &x, 1, &gg, 0);
    return gg;
}

static void is_zero(wk_tensor *t, const char *what) {
    assert_ok();
    for (int64_t i = 0; i < wk_numel(t); i++) assert_close(wk_get_f64(t, &i), 0, 0, what);
}

/* The gradient of a norm, and of a deviation, is 0 where they are 0; so is the one of that. */
static void gradients_of_nothing(void **state) {
    static const double p[] = {-1, 2, 2.5, 3, 4};
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_from_data(nothing, WK_SHAPE(3), WK_F64), true);
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        is_zero(second_gradient(wk_norm(x, p[i], 0, NULL, false), x), "norm");
    is_zero(second_gradient(wk_std(x, 0, NULL, 1, false), x), "std");
    is_zero(second_gradient(wk_std(x, 0, NULL, 0, true), x), "std");
}

/* d2 a^b / da db = a^(b-1) (1 + b log a) is 1/a where b is 0; the order of the two does not matter. */
static void a_power_of_zero(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = leaf(4, "a"), *b = leaf(0, "b"), *of[] = {a, b}, *g[2], *mixed = NULL;
    wk_grad(wk_pow(a, b), of, 2, g, WK_CREATE_GRAPH);
    assert_close(wk_item(g[0]), 0, 0, "by a");
    assert_close(wk_item(g[1]), log(4), 1e-15, "by b");
    wk_grad(g[0], &b, 1, &mixed, WK_RETAIN_GRAPH);
    assert_close(wk_item(mixed), 0.25, 0, "by a, then b");
    wk_grad(g[1], &a, 1, &mixed, 0);
    assert_close(wk_item(mixed), 0.25, 0, "by b, then a");
    assert_ok();
}

/* In a batch of shapes: the exponent is stretched, and its gradient summed. */
static void a_power_that_is_stretched(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = matrix_leaf(2, 3, 1), *b = leaf(0, "b"), *g = NULL, *mixed = NULL;
    double sum = 0;
    for (int i = 0; i < 6; i++) sum += 1 / (1 + 0.25 * i);
    wk_grad(wk_sum(wk_pow(a, b)), &a, 1, &g, WK_CREATE_GRAPH);
    wk_grad(wk_sum(g), &b, 1, &mixed, 0);
    assert_close(wk_item(mixed), sum, 1e-14, "six of them");
    assert_ok();
}

/* Where both bounds are one number, the gradient goes to the one that x is beyond. */
static void a_bound_that_is_both(void **state) {
    static const double xs[3] = {0, 1, 2}, expected[3][3] = {{0, 1, 0}, {1, 0, 0}, {0, 0, 1}};
    (void)state;
    WK_SCOPE;
    for (int i = 0; i < 3; i++) {
        wk_tensor *x = leaf(xs[i], "x"), *min = leaf(1, "min"), *max = leaf(1, "max"), *of[] = {x, min, max}, *g[3];
        wk_grad(wk_clamp_tensor(x, min, max), of, 3, g, 0);
        for (int k = 0; k < 3; k++) assert_close(wk_item(g[k]), expected[i][k], 0, "a bound");
    }
    assert_ok();
}

WK_TEST_MAIN("kinks", cmocka_unit_test(gradients_of_nothing), cmocka_unit_test(a_power_of_zero),
             cmocka_unit_test(a_power_that_is_stretched), cmocka_unit_test(a_bound_that_is_both))
