/* test_injection_plans.c -- memory runs out, block by block (injection.h), in the steps of examples/why_dynamic.c:
 * eager, while a plan is recorded, and while it is run at lengths that it has not met; and in a plan that
 * differentiates rows of several lengths twice. */
#include "injection.h"

#define main why_dynamic_main
#include "../examples/why_dynamic.c"
#undef main

static void three_steps(int w) {
    WK_SCOPE; /* of the first state */
    int T[3];
    double loss[3], time[3];
    run r = {.T = T, .loss = loss, .time = time};
    train((way)w, w != FROZEN, &r, 3);
}

static void each_way(void **state) {
    (void)state;
    for (int w = EAGER; w < WAYS; w++) run_out(three_steps, w, way_names[w]);
}

/* What a frozen plan refuses is not a failure of the program, so this looks at the step without another T. */
static void frozen_steps(int unused) {
    (void)unused;
    WK_SCOPE;
    int T[2] = {FIXED_T, FIXED_T};
    double loss[2], time[2];
    run r = {.T = T, .loss = loss, .time = time};
    network n;
    network_make(&n);
    wk_plan *plan = plan_make(FROZEN, &n);
    wk_tensor *state = NULL;
    wk_keep(&state, wk_zeros(WK_SHAPE(1, 1, HIDDEN), WK_F32));
    for (int i = 0; i < 2; i++) step(&n, plan, &r, i, 0, &state);
    wk_plan_free(plan);
    wk_release(&state);
    network_free(&n);
}

static void frozen(void **state) {
    (void)state;
    run_out(frozen_steps, 0, way_names[FROZEN]);
}

static bool penalty(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_tensor *x = wk_requires_grad_(wk_clone(in[0]), true), *g = NULL;
    wk_grad(wk_sum(wk_rnn_forward_ragged(user, x, in[1], NULL, NULL)), &x, 1, &g, WK_CREATE_GRAPH);
    out[0] = wk_sum(wk_square(g));
    wk_backward(out[0]);
    return wk_ok();
}

static void two_penalties(int unused) {
    (void)unused;
    WK_SCOPE;
    wk_module *rnn = wk_rnn_new(NULL, "rnn", 2, 2, NULL);
    wk_plan *plan = wk_plan_new(penalty, rnn, 2, 1, NULL);
    for (int i = 0; i < 2 && wk_ok(); i++) {
        WK_SCOPE;
        wk_tensor *lengths = wk_arange(i, i + 2, 1, WK_I64), *loss;
        wk_plan_run(plan, (wk_tensor *[]){wk_ones(WK_SHAPE(2, 2, 2), WK_F32), lengths}, &loss);
    }
    wk_plan_free(plan);
    wk_module_free(rnn);
}

static void penalties(void **state) {
    (void)state;
    run_out(two_penalties, 0, "penalties");
}

WK_TEST_MAIN("memory that runs out in plans", cmocka_unit_test(each_way), cmocka_unit_test(frozen),
             cmocka_unit_test(penalties))
