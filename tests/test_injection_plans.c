/* test_injection_plans.c -- memory runs out, block by block (injection.h), in the steps of examples/why_dynamic.c:
 * eager, while a plan is recorded, and while it is run at lengths that it has not met. */
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

WK_TEST_MAIN("memory that runs out in plans", cmocka_unit_test(each_way), cmocka_unit_test(frozen))
