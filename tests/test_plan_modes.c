/* test_plan_modes.c -- a plan that was recorded in training does not go on dropping in evaluation, nor with the
 * gradient of a parameter that was frozen since, nor for good with a number that is another by now. */
#include "support.h"

typedef struct two {
    wk_module *net, *below, *dropout, *above;
    wk_plan *plan;
} two;

static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    const two *n = user;
    out[0] = wk_sum(wk_forward(n->above, wk_forward(n->dropout, wk_forward(n->below, in[0]))));
    wk_zero_grad(wk_module_parameter(n->below, "weight"));
    wk_zero_grad(wk_module_parameter(n->above, "weight"));
    wk_backward(out[0]);
    return true;
}

static int setup(void **state) {
    static two n;
    wk_linear_options o = WK_LINEAR_OPTIONS;
    o.bias = 0;
    n.net = wk_module_new(NULL, "net");
    n.below = wk_linear_new(n.net, "below", 3, 3, &o);
    n.dropout = wk_dropout_new(n.net, "dropout", 0.5);
    n.above = wk_linear_new(n.net, "above", 3, 3, &o);
    n.plan = wk_plan_new(step, &n, 1, 1, NULL);
    *state = &n;
    return 0;
}

static int teardown(void **state) {
    two *n = *state;
    wk_plan_free(n->plan);
    wk_module_free(n->net);
    return 0;
}

static wk_tensor *run(const two *n) {
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *out;
    wk_plan_run(n->plan, &x, &out);
    return out;
}

static void runs(const two *n) {
    for (int i = 0; i < 3; i++) assert_non_null(run(n));
    assert_ok();
}

/* Which call differs first, the message says in its own words. */
static void is_refused(const two *n) {
    wk_error e;
    assert_null(run(n));
    assert_int_equal(wk_check(&e), WK_ESTATE);
    assert_non_null(strstr(e.message, "the step does not do the same each time"));
    assert_non_null(strstr(e.message, "a module was put into another mode, or a parameter frozen or thawed, since"));
}

/* What a function such as wk_module_train switches off and on again. */
static void is_refused_while_off(const two *n, void (*turn)(wk_module *m, bool on), wk_module *m) {
    WK_SCOPE;
    runs(n);
    turn(m, false);
    is_refused(n);
    is_refused(n);
    turn(m, true);
    runs(n);
}

static void training_and_evaluation(void **state) {
    const two *n = *state;
    is_refused_while_off(n, wk_module_train, n->net);
}

static void frozen_and_thawed(void **state) {
    const two *n = *state;
    is_refused_while_off(n, wk_module_requires_grad_, n->below);
}

/* Looked at once more, and not recorded anew. */
static void a_mode_that_does_not_matter(void **state) {
    const two *n = *state;
    WK_SCOPE;
    wk_plan_stats s = WK_PLAN_STATS;
    runs(n);
    wk_module_train(n->above, false);
    runs(n);
    wk_plan_stats_of(n->plan, &s);
    assert_int_equal(s.captures, 1);
    assert_int_equal(s.hits, 5);
}

/* A factor that is annealed from the fifth run on: the tenth looks again, and each one after it that was refused. */
static bool anneals(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_mul_scalar(in[0], *(const double *)user);
    return true;
}

static int first_refusal(int32_t checks, int runs) {
    WK_SCOPE;
    double factor = 1;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.checks = checks;
    wk_plan *plan = wk_plan_new(anneals, &factor, 1, 1, &o);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *y;
    int i = 1;
    for (; i <= runs; i++) {
        if (i >= 5) factor = 0.5;
        if (wk_plan_run(plan, &x, &y) == WK_OK) continue;
        assert_fails(WK_ESTATE, "mul_scalar: s was 1, then 0.5: a plan would go on with the first; pass a 0-d tensor "
                                "that is an input, to the row for two tensors");
        break;
    }
    assert_int_equal(wk_plan_run(plan, &x, &y), checks > 0 ? WK_ESTATE : WK_OK);
    wk_check(NULL);
    wk_plan_free(plan);
    return i;
}

static void what_changes_later(void **state) {
    (void)state;
    assert_int_equal(first_refusal(1, 100), 11); /* the first run records; ten others */
    assert_int_equal(first_refusal(6, 100), 5);
    assert_int_equal(first_refusal(0, 100), 101);
}

/* A number that stands for something else is told as what it stands for. */
static bool loses(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_mse_loss_options(in[0], in[1], user);
    return true;
}

static void a_change_is_told_in_words(void **state) {
    (void)state;
    WK_SCOPE;
    wk_loss_options o = WK_LOSS_OPTIONS;
    wk_plan *plan = wk_plan_new(loses, &o, 2, 1, NULL);
    wk_tensor *in[] = {wk_ones(WK_SHAPE(3), WK_F32), wk_zeros(WK_SHAPE(3), WK_F32)}, *y;
    wk_plan_run(plan, in, &y);
    o.reduction = WK_REDUCTION_SUM;
    wk_plan_run(plan, in, &y);
    assert_fails(WK_ESTATE,
                 "mse_loss: reduction was mean, then sum: a plan would go on with the first; have a plan for "
                 "each");
    wk_plan_free(plan);
}

WK_TEST_MAIN("plans and modes", cmocka_unit_test_setup_teardown(training_and_evaluation, setup, teardown),
             cmocka_unit_test_setup_teardown(frozen_and_thawed, setup, teardown),
             cmocka_unit_test_setup_teardown(a_mode_that_does_not_matter, setup, teardown),
             cmocka_unit_test(what_changes_later), cmocka_unit_test(a_change_is_told_in_words))
