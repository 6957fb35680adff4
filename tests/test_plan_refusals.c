/* test_plan_refusals.c -- what belongs before the run of a plan and not into its step; what a plan has to tell before
 * its first run, and learns in it. */
#include "support.h"

static bool makes_module(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_module *m = wk_linear_new(NULL, "m", 3, 3, NULL);
    out[0] = wk_linear_forward(m, in[0]);
    wk_module_free(m);
    return true;
}

static bool makes_buffer(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_add(in[0], wk_module_add_buffer(user, "late", in[0]));
    return true;
}

static bool makes_optimiser(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_neg(in[0]);
    wk_optim_free(wk_adam_new(user, 0.1, NULL));
    return true;
}

static bool makes_snapshot(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_neg(in[0]);
    wk_snapshot_free(wk_snapshot_new(user));
    return true;
}

static void refused(wk_function *f, wk_module *m, const char *message) {
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(f, m, 1, 1, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
    wk_plan_run(plan, &x, &out);
    assert_null(out);
    assert_fails(WK_ESTATE, message);
    wk_plan_free(plan);
}

static void what_belongs_before_the_run(void **state) {
    (void)state;
    wk_module *m = wk_linear_new(NULL, "m", 3, 3, NULL);
    refused(makes_module, NULL, "module_add_parameter: not inside a plan's step: make modules before the run");
    refused(makes_buffer, m, "module_add_buffer: not inside a plan's step: make modules before the run");
    refused(makes_optimiser, m, "adam_new: not inside a plan's step: make optimisers before the run");
    refused(makes_snapshot, m, "snapshot_new: not inside a plan's step: make snapshots before the run");
    wk_module_free(m);
}

static bool negates(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_neg(in[0]);
    return true;
}

static void nothing_to_tell(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trip_count = 1;
    refuses(wk_plan_new(negates, NULL, 1, 1, &o));
    wk_plan *plan = wk_plan_new(negates, NULL, 1, 1, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
    wk_plan_run(plan, &x, &out);
    wk_plan_stats s = {.size = sizeof s, .hits = 7, .nbytes = 7};
    wk_plan_stats_of(NULL, &s);
    assert_int_equal(s.hits + s.nbytes, 0);
    wk_plan_stats_of(plan, NULL);
    assert_true(wk_plan_text(plan, NULL, 100) > 0);
    assert_int_equal(wk_plan_text(NULL, NULL, 100), 0);
    wk_plan_free(plan);
    assert_ok();
}

/* The first run meets a leaf that never had a gradient, and makes room for one. */
static bool differentiates(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_tensor *w = user;
    wk_zero_grad(w);
    out[0] = wk_sum(wk_mul(in[0], w));
    wk_backward(out[0]);
    return true;
}

static void a_leaf_without_a_gradient(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = wk_requires_grad_(wk_ones(WK_SHAPE(3), WK_F32), true), *out;
    wk_plan *plan = wk_plan_new(differentiates, w, 1, 1, NULL);
    for (int i = 1; i < 4; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_full(WK_SHAPE(3), i, WK_F32);
        assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
        assert_close(wk_item(wk_sum(wk_grad_of(w))), 3 * i, 0, "gradient");
    }
    wk_plan_free(plan);
    assert_ok();
}

/* Nothing to compute: inputs handed on, and tensors of no elements. */
static bool hands_on(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = in[0];
    return true;
}

static void steps_that_do_nothing(void **state) {
    (void)state;
    WK_SCOPE;
    wk_function *const steps[] = {negates, hands_on, hands_on};
    for (int i = 0; i < 3; i++) {
        wk_plan *plan = wk_plan_new(steps[i], NULL, 1, 1, NULL);
        for (int run = 0; run < 3; run++) {
            wk_tensor *x = i < 2 ? wk_zeros(WK_SHAPE(0, 3), WK_F32) : wk_ones(WK_SHAPE(2, 3), WK_F32), *out;
            assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
            assert_int_equal(wk_numel(out), wk_numel(x));
        }
        wk_plan_free(plan);
    }
    assert_ok();
}

/* The step writes its first input, or the user's tensor. */
static bool adds_to_first(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_add_(user != NULL ? user : in[0], in[1]);
    out[0] = wk_neg(in[1]);
    return true;
}

static void memory_that_is_shared(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *t = wk_arange(0, 6, 1, WK_F32), *out;
    wk_tensor *head = wk_narrow(t, 0, 0, 3), *middle = wk_narrow(t, 0, 1, 3), *tail = wk_narrow(t, 0, 3, 3);
    wk_plan *plan = wk_plan_new(adds_to_first, NULL, 2, 1, NULL);
    assert_int_equal(wk_plan_run(plan, (wk_tensor *[]){head, tail}, &out), WK_OK);
    assert_close(wk_get_f64(head, (const int64_t[]){2}), 2 + 5, 0, "apart");
    wk_plan_run(plan, (wk_tensor *[]){head, middle}, &out);
    assert_fails(WK_ESTATE, "plan_run: the step writes input 0, whose memory input 1 shares: give it a wk_clone");
    assert_close(wk_get_f64(head, (const int64_t[]){2}), 2 + 5, 0, "unchanged");
    wk_plan_free(plan);
    plan = wk_plan_new(adds_to_first, head, 2, 1, NULL);
    assert_int_equal(wk_plan_run(plan, (wk_tensor *[]){tail, tail}, &out), WK_OK);
    wk_plan_run(plan, (wk_tensor *[]){tail, middle}, &out);
    assert_fails(WK_ESTATE,
                 "plan_run: the step writes what is outside, whose memory input 1 shares: give it a wk_clone");
    wk_plan_free(plan);
    assert_ok();
}

/* An operation that is pure, as far as the plan knows, and runs the plan that runs it. */
static wk_plan *own;

static bool shape(wk_call *call) { return wk_call_declare_like(call, 0, wk_call_input(call, 0)); }

static void runs_its_plan(wk_call *call) {
    wk_tensor *x = wk_call_input(call, 0), *out;
    wk_copy_(wk_call_output(call, 0), x);
    wk_plan_run(own, &x, &out);
}

static bool calls_op(void *user, wk_tensor *const *in, wk_tensor **out) {
    return wk_op_call(user, NULL, 0, in, 1, out) == WK_OK;
}

static void a_plan_in_itself(void **state) {
    (void)state;
    WK_SCOPE;
    wk_custom_op custom = WK_CUSTOM_OP;
    custom.name = "again", custom.shape = shape, custom.forward = runs_its_plan, custom.pure = 1;
    const wk_op *op = wk_op_register(&custom);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
    own = wk_plan_new(calls_op, (void *)(uintptr_t)op, 1, 1, NULL);
    wk_plan_run(own, &x, &out);
    assert_fails(WK_ESTATE, "plan_run: the plan is running: an operation in it runs it again");
    wk_plan_free(own);
    assert_int_equal(wk_op_unregister(op), WK_OK);
}

WK_TEST_MAIN("plans and refusals", cmocka_unit_test(what_belongs_before_the_run), cmocka_unit_test(nothing_to_tell),
             cmocka_unit_test(a_leaf_without_a_gradient), cmocka_unit_test(a_plan_in_itself),
             cmocka_unit_test(steps_that_do_nothing), cmocka_unit_test(memory_that_is_shared))
