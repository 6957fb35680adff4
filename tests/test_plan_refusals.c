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

static bool asks_rate(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_mul_scalar(in[0], wk_optim_lr(user));
    return true;
}

static bool prints(void *user, wk_tensor *const *in, wk_tensor **out) {
    char text[64];
    wk_to_text(out[0] = wk_neg(in[0]), text, sizeof text, user);
    return true;
}

static void refused(wk_function *f, void *user, const char *message) {
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(f, user, 1, 1, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
    wk_plan_run(plan, &x, &out);
    assert_null(out);
    assert_fails(WK_ESTATE, message);
    wk_plan_free(plan);
}

static void what_belongs_before_the_run(void **state) {
    (void)state;
    wk_module *m = wk_linear_new(NULL, "m", 3, 3, NULL);
    refused(makes_module, NULL, "linear_new: not inside a plan's step: make modules before the run");
    refused(makes_buffer, m, "module_add_buffer: not inside a plan's step: make modules before the run");
    refused(makes_optimiser, m, "adam_new: not inside a plan's step: make optimisers before the run");
    wk_optim *adam = wk_adam_new(m, 0.1, NULL);
    refused(asks_rate, adam, "optim_lr: not inside a plan's step: give the rate as an input");
    wk_optim_free(adam);
    refused(prints, NULL, "to_text: not inside a plan's step: elements have no values yet");
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

/* The step writes its input before it reads the user's tensor, which may be the same. */
static bool halves_and_reads(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_mul_scalar_(in[0], 0.5);
    out[0] = wk_neg(user);
    return true;
}

static void memory_that_is_read(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *t = wk_ones(WK_SHAPE(6), WK_F32), *head = wk_narrow(t, 0, 0, 4), *tail = wk_narrow(t, 0, 3, 3), *out;
    wk_tensor *apart = wk_ones(WK_SHAPE(3), WK_F32);
    wk_plan *plan = wk_plan_new(halves_and_reads, head, 1, 1, NULL);
    assert_int_equal(wk_plan_run(plan, &apart, &out), WK_OK);
    wk_plan_run(plan, &tail, &out);
    assert_fails(WK_ESTATE,
                 "plan_run: the step writes input 0, whose memory a tensor from outside shares, which it uses "
                 "too: give a wk_clone");
    wk_set_name(head, "head");
    wk_plan_run(plan, &tail, &out);
    assert_fails(WK_ESTATE,
                 "plan_run: the step writes input 0, whose memory head shares, which it uses too: give a wk_clone");
    assert_close(wk_item(wk_sum(t)), 6, 0, "unchanged");
    wk_plan_free(plan);
    assert_ok();
}

/* Memory that other threads may read is not written, whoever would write it. */
static void inputs_that_are_shared(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *t = wk_arange(0, 3, 1, WK_F32), *shared = wk_share(wk_arange(0, 3, 1, WK_F32)), *out;
    wk_plan *plan = wk_plan_new(adds_to_first, NULL, 2, 1, NULL);
    assert_int_equal(wk_plan_run(plan, (wk_tensor *[]){t, shared}, &out), WK_OK);
    wk_plan_run(plan, (wk_tensor *[]){shared, t}, &out);
    assert_fails(WK_ESTATE, "plan_run: input 0 is shared with other threads and cannot be changed: change a copy");
    assert_close(wk_item(wk_sum(shared)), 3, 0, "unchanged");
    wk_release(&shared);
    wk_plan_free(plan);
}

static bool takes_log(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_log(in[0]);
    return wk_numel(in[0]) > 0;
}

/* In anomaly mode the function is called as it stands. */
static void anomalies(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(takes_log, NULL, 1, 1, NULL);
    wk_tensor *x = wk_full(WK_SHAPE(3), -1, WK_F32), *out;
    assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
    wk_set_anomaly(true);
    wk_plan_run(plan, &x, &out);
    assert_null(out);
    assert_fails(WK_ENAN, "log: output (3) has NaN at [0]; x (3) is finite");
    wk_tensor *one = wk_ones(WK_SHAPE(2), WK_F32), *none = wk_ones(WK_SHAPE(0), WK_F32);
    assert_int_equal(wk_plan_run(plan, &one, &out), WK_OK);
    assert_close(wk_get_f64(out, (const int64_t[]){1}), 0, 0, "log 1");
    wk_plan_run(plan, &none, &out);
    assert_fails(WK_EINVAL, "plan_run: the step returned false");
    wk_set_anomaly(false);
    wk_plan_free(plan);
}

static void reads_all(void *user, const wk_op_event *event) {
    ++*(int *)user;
    for (int32_t i = 0; i < event->output_count; i++) wk_item(event->outputs[i]);
}

/* A hook sees elements, which a recording has not: it is not called. */
static void hooks_of_operations(void **state) {
    (void)state;
    WK_SCOPE;
    int calls = 0;
    wk_plan *plan = wk_plan_new(negates, NULL, 1, 1, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(1), WK_F32), *out;
    wk_set_op_hook(reads_all, &calls);
    for (int i = 0; i < 3; i++) assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
    assert_int_equal(calls, 0);
    wk_neg(x);
    assert_int_equal(calls, 2);
    wk_set_op_hook(NULL, NULL);
    wk_plan_free(plan);
    assert_ok();
}

/* What a step does is another thing from run to run: refused until it is what it was. */
typedef struct whims {
    int count, which;
    double factor;
    wk_optim *optim;
} whims;

static bool has_whims(void *user, wk_tensor *const *in, wk_tensor **out) {
    const whims *w = user;
    out[0] = wk_mul_scalar(in[0], w->factor);
    for (int i = 0; i < w->count; i++) out[0] = w->which == 0 ? wk_neg(out[0]) : wk_tanh(out[0]);
    wk_optim_step(w->optim);
    return true;
}

static void whims_are_refused(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *m = wk_linear_new(NULL, "m", 3, 3, NULL);
    wk_optim *one = wk_adam_new(m, 0.1, NULL), *other = wk_adam_new(m, 0.1, NULL);
    static const char same[] = "plan_run: the step does not do the same each time: ";
    const struct {
        whims changed;
        const char *begin, *message;
    } cases[] = {
        {{2, 0, 0.5, one},
         same,
         "it made 2 calls, then 3, from neg on; what decides how many has to be the shape of "
         "an input, or have a plan for each"},
        {{1, 1, 0.5, one},
         same,
         "it called neg, then tanh in its place; what chooses has to be an input (wk_where), or "
         "have a plan for each"},
        {{1, 0, 0.1, one},
         "mul_scalar: ",
         "s was 0.5, then 0.1: a plan would go on with the first; pass a 0-d tensor "
         "that is an input, to the row for two tensors"},
        {{1, 0, 0.5, other}, "optim_step: ", "it was of one optimiser, then of another: have a plan for each"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[256];
        whims w = {1, 0, 0.5, one};
        wk_plan *plan = wk_plan_new(has_whims, &w, 1, 1, NULL);
        wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
        assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
        snprintf(message, sizeof message, "%s%s", cases[i].begin, cases[i].message);
        w = cases[i].changed;
        for (int run = 0; run < 3; run++) {
            wk_plan_run(plan, &x, &out);
            assert_fails(WK_ESTATE, message);
        }
        w = (whims){1, 0, 0.5, one};
        for (int run = 0; run < 3; run++) assert_int_equal(wk_plan_run(plan, &x, &out), WK_OK);
        wk_plan_free(plan);
    }
    wk_optim_free(one);
    wk_optim_free(other);
    wk_module_free(m);
}

/* A refusal that the step puts aside is one all the same: what it read was no number. */
static bool puts_it_aside(void *user, wk_tensor *const *in, wk_tensor **out) {
    const double first = wk_item(wk_sum(in[0]));
    (void)user;
    wk_check(NULL);
    out[0] = wk_mul_scalar(in[0], first);
    return true;
}

/* What looks at the elements of each operation, where there are none. */
static bool looks_on(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_set_op_hook(reads_all, user);
    out[0] = wk_neg(in[0]);
    wk_set_op_hook(NULL, NULL);
    return true;
}

static bool looks_for_nan(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    const bool was = wk_set_anomaly(true);
    out[0] = wk_neg(in[0]);
    wk_set_anomaly(was);
    return true;
}

static void what_is_refused_whatever_follows(void **state) {
    (void)state;
    refused(puts_it_aside, NULL,
            "item: not inside a plan's step: elements have no values yet; make it an output of "
            "the step");
    refused(looks_on, NULL,
            "set_op_hook: not inside a plan's step: elements have no values yet; set it before the run");
    refused(looks_for_nan, NULL,
            "set_anomaly: not inside a plan's step: elements have no values yet; set it before the run");
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
             cmocka_unit_test(what_is_refused_whatever_follows), cmocka_unit_test(steps_that_do_nothing),
             cmocka_unit_test(memory_that_is_shared), cmocka_unit_test(memory_that_is_read),
             cmocka_unit_test(inputs_that_are_shared), cmocka_unit_test(anomalies),
             cmocka_unit_test(hooks_of_operations), cmocka_unit_test(whims_are_refused))
