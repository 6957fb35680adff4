/* test_plan.c -- plans: the bits of the function, whatever it does; refusals by name; one recording for every T. */
#include <pthread.h>
#include <stdatomic.h>

#include "injection.h"

/* --------------------------------------------------------------------------------------- the tutorial's network --- */

typedef struct net {
    wk_module *module, *rnn, *out;
    wk_optim *optim;
} net;

static net net_new(void) {
    net n = {.module = wk_module_new(NULL, "net")};
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    wk_manual_seed(4);
    n.rnn = wk_rnn_new(n.module, "rnn", 1, 32, &options);
    n.out = wk_linear_new(n.module, "out", 32, 1, NULL);
    n.optim = wk_adam_new(n.module, 0.02, NULL);
    return n;
}

static void net_free(net *n) {
    wk_optim_free(n->optim);
    wk_module_free(n->module);
}

/* in: x, y (1,T,1), h (1,1,32) or NULL; out: the loss, the next h. */
static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    net *n = user;
    wk_tensor *hn;
    wk_tensor *r = wk_rnn_forward(n->rnn, in[0], in[2], &hn);
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(r, 1); t++) wk_list_push(ys, wk_linear_forward(n->out, wk_select(r, 1, t)));
    out[0] = wk_mse_loss(wk_stack(ys, 1), in[1]);
    wk_optim_zero_grad(n->optim);
    wk_backward(out[0]);
    wk_optim_step(n->optim);
    out[1] = wk_detach(hn);
    return true;
}

static void data(int i, int64_t T, wk_tensor **x, wk_tensor **y) {
    float xs[1024], ys[1024];
    for (int64_t t = 0; t < T; t++) {
        xs[t] = sinf(0.31F * (float)t + (float)i);
        ys[t] = cosf(0.31F * (float)t + (float)i);
    }
    *x = wk_from_data(xs, WK_SHAPE(1, T, 1), WK_F32);
    *y = wk_from_data(ys, WK_SHAPE(1, T, 1), WK_F32);
}

/* Two trainings side by side, one of them by a plan. */
static wk_plan_stats compare(int steps, const wk_plan_options *options, int64_t (*length)(int i)) {
    net a = net_new(), b = net_new();
    wk_plan *plan = wk_plan_new(step, &b, 3, 2, options);
    wk_tensor *ha = NULL, *hb = NULL;
    for (int i = 0; i < steps && wk_ok(); i++) {
        WK_SCOPE;
        wk_tensor *x, *y, *out_a[2], *out_b[2];
        data(i, length(i), &x, &y);
        step(&a, (wk_tensor *[]){x, y, ha}, out_a);
        wk_plan_run(plan, (wk_tensor *[]){x, y, hb}, out_b);
        if (!wk_ok()) break;
        const float la = (float)wk_item(out_a[0]), lb = (float)wk_item(out_b[0]);
        if (la != lb) fail_msg("step %d, T %d: loss %.9g, by the plan %.9g", i, (int)length(i), la, lb);
        wk_keep(&ha, out_a[1]);
        wk_keep(&hb, out_b[1]);
    }
    wk_error e;
    if (wk_check(&e) != WK_OK) fail_msg("%s", e.message);
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &stats);
    wk_release(&ha);
    wk_release(&hb);
    wk_plan_free(plan);
    net_free(&a);
    net_free(&b);
    return stats;
}

static int64_t three(int i) { return 10 * (i % 3 + 1); }
static int64_t any(int i) { return 1 + i * 7919 % 1000; }

/* A recording for each length, and one more for the first step, which has no state. */
static void every_length_its_own(void **state) {
    (void)state;
    const wk_plan_stats s = compare(60, NULL, three);
    assert_int_equal(s.captures, 4);
    assert_int_equal(s.hits, 56);
    assert_int_equal(s.entries, 4);
}

static void one_for_every_length(void **state) {
    (void)state;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = (const wk_plan_dim[]){{0, 1}, {1, 1}};
    o.trip_count = 2;
    const wk_plan_stats s = compare(200, &o, any);
    assert_int_equal(s.captures, 2);
    assert_int_equal(s.unfolded, 0);
    assert_true(s.kernels < 40);
}

static void least_recently_used_goes(void **state) {
    (void)state;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.capacity = 2;
    const wk_plan_stats s = compare(12, &o, three);
    assert_int_equal(s.captures, 12);
    assert_int_equal(s.evictions, 10);
    assert_int_equal(s.entries, 2);
}

/* ----------------------------------------------------------------------------------------------------- refusals --- */

static double scale = 0.5;
static wk_tensor *outside;

static bool reads(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    if (wk_item(wk_sum(in[0])) > 0) return false;
    out[0] = wk_neg(in[0]);
    return true;
}

static bool scales(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_mul_scalar(in[0], scale);
    scale /= 2;
    return true;
}

static bool adds_outside(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_add(in[0], outside);
    return true;
}

static bool keeps(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_neg(in[0]);
    wk_keep(&outside, out[0]);
    return true;
}

static bool makes(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user, (void)in;
    out[0] = wk_from_data(&(float){1}, 0, NULL, WK_F32);
    return true;
}

static bool finds(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_nonzero(in[0]);
    return true;
}

static bool schedules(void *user, wk_tensor *const *in, wk_tensor **out) {
    net *n = user;
    wk_optim_set_lr(n->optim, 0.1);
    out[0] = wk_neg(in[0]);
    return true;
}

static void refused(const char *message) {
    wk_error e;
    wk_check(&e);
    if (strstr(e.message, message) == NULL) fail_msg("got: %s\nexpected: %s", e.message, message);
}

static void run_refused(wk_function *f, void *user, const char *message) {
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(f, user, 1, 1, NULL);
    wk_tensor *out;
    wk_plan_run(plan, (wk_tensor *[]){wk_ones(WK_SHAPE(3), WK_F32)}, &out);
    assert_null(out);
    refused(message);
    wk_plan_free(plan);
}

static void what_a_plan_cannot(void **state) {
    (void)state;
    run_refused(reads, NULL, "item: not inside a plan's step: elements have no values yet");
    run_refused(scales, NULL, "mul_scalar: s was 0.5, then 0.25: a plan would go on with the first; pass a 0-d tensor");
    run_refused(keeps, NULL, "keep: not inside a plan's step: make it an output");
    run_refused(makes, NULL, "from_data: not inside a plan's step: make it before");
    run_refused(finds, NULL,
                "count_nonzero: not inside a plan's step: what it finds would decide how the step goes on");
    net n = net_new();
    run_refused(schedules, &n, "optim_set_lr: not inside a plan's step: set it before the run");
    net_free(&n);
}

/* The second run records again and sees that the tensor is another one. */
static void tensors_from_outside(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(adds_outside, NULL, 1, 1, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(3), WK_F32), *out;
    wk_keep(&outside, wk_full(WK_SHAPE(3), 2, WK_F32));
    wk_plan_run(plan, &x, &out);
    assert_close(wk_get_f64(out, (const int64_t[]){2}), 3, 0, "1 + 2");
    wk_keep(&outside, wk_full(WK_SHAPE(3), 5, WK_F32));
    wk_plan_run(plan, &x, &out);
    refused("add: it read one tensor from outside the step, then another in its place: give it as an input");
    wk_release(&outside);
    wk_plan_free(plan);
}

static bool negates(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_neg(in[0]);
    return true;
}

static void frozen(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.frozen = 1;
    wk_plan *plan = wk_plan_new(negates, NULL, 1, 1, &o);
    wk_tensor *x = wk_ones(WK_SHAPE(5, 3), WK_F32), *out;
    wk_plan_run(plan, &x, &out);
    x = wk_ones(WK_SHAPE(4, 3), WK_F32);
    assert_int_equal(wk_plan_run(plan, &x, &out), WK_ESHAPE);
    refused("plan_run: input 0 is f32 (4,3), and the plan was made for f32 (5,3)");
    wk_plan_free(plan);
}

/* ---------------------------------------------------------------------------------------------- text and memory --- */

/* The weight is cast and made contiguous once, and again when it has changed. */
static bool constants_step(void *user, wk_tensor *const *in, wk_tensor **out) {
    WK_NO_GRAD;
    wk_tensor *w = wk_contiguous(wk_transpose(wk_cast(user, WK_F32), 0, 1));
    wk_tensor *zeros = wk_zeros_like(w);
    out[0] = wk_add(wk_linear(in[0], wk_exp(w), NULL), wk_sum(zeros));
    return true;
}

static void constants(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = wk_cast(wk_randn(WK_SHAPE(5, 7), WK_F32), WK_F16), *x = wk_randn(WK_SHAPE(3, 5), WK_F32);
    wk_plan *plan = wk_plan_new(constants_step, w, 1, 1, NULL);
    for (int i = 0; i < 6; i++) {
        wk_tensor *eager, *by_plan;
        if (i == 3) wk_copy_(w, wk_cast(wk_randn(WK_SHAPE(5, 7), WK_F32), WK_F16));
        if (i == 4) x = wk_randn(WK_SHAPE(3, 5), WK_F32);
        constants_step(w, &x, &eager);
        wk_plan_run(plan, &x, &by_plan);
        assert_ok();
        assert_memory_equal(wk_data(eager), wk_data(by_plan), 3 * 7 * sizeof(float));
    }
    char text[4096];
    wk_plan_text(plan, text, sizeof text);
    assert_non_null(strstr(text, "once: cast/convert"));
    assert_non_null(strstr(text, "once: exp/exp"));
    assert_null(strstr(text, "once: linear/gemm"));
    wk_plan_free(plan);
}

/* A plan's buffers take no more than the step took at its peak. */
static void memory(void **state) {
    (void)state;
    net a = net_new();
    wk_plan *plan = wk_plan_new(step, &a, 3, 2, NULL);
    wk_tensor *x, *y, *out[2];
    WK_SCOPE;
    data(0, 300, &x, &y);
    wk_memory before, after;
    for (int i = 0; i < 2; i++) {
        WK_SCOPE;
        wk_memory_reset_peak();
        wk_memory_stats(&before);
        step(&a, (wk_tensor *[]){x, y, NULL}, out);
        wk_memory_stats(&after);
    }
    wk_plan_run(plan, (wk_tensor *[]){x, y, NULL}, out);
    assert_ok();
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &stats);
    assert_true(stats.buffer_nbytes <= after.peak_nbytes - before.nbytes);
    wk_plan_free(plan);
    net_free(&a);
}

static void make_and_run(int unused) {
    (void)unused;
    WK_SCOPE;
    net a = net_new();
    wk_tensor *x, *y, *out[2];
    data(0, 4, &x, &y);
    wk_plan *plan = wk_plan_new(step, &a, 3, 2, NULL);
    wk_plan_run(plan, (wk_tensor *[]){x, y, NULL}, out);
    wk_plan_free(plan);
    net_free(&a);
}

static void memory_runs_out(void **state) {
    (void)state;
    run_out(make_and_run, 0, "a plan");
}

/* ------------------------------------------------------------------------------------------------------ threads --- */

static atomic_int stop;

/* Records again and again, in a context of its own. */
static void *record_always(void *user) {
    (void)user;
    while (!stop) {
        net a = net_new();
        wk_plan *plan = wk_plan_new(step, &a, 3, 2, NULL);
        for (int i = 0; i < 3; i++) {
            WK_SCOPE;
            wk_tensor *x, *y, *out[2];
            data(i, 3 + i, &x, &y);
            wk_plan_run(plan, (wk_tensor *[]){x, y, NULL}, out);
        }
        wk_plan_free(plan);
        net_free(&a);
    }
    return (void *)(intptr_t)wk_check(NULL);
}

/* A capture in one thread does not disturb what others compute. */
static void beside_other_threads(void **state) {
    (void)state;
    pthread_t thread;
    void *status;
    stop = 0;
    assert_int_equal(pthread_create(&thread, NULL, record_always, NULL), 0);
    compare(200, NULL, three);
    stop = 1;
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, WK_OK);
}

WK_TEST_MAIN("plans", cmocka_unit_test(constants),
             cmocka_unit_test(memory), cmocka_unit_test(memory_runs_out), cmocka_unit_test(beside_other_threads),
             cmocka_unit_test(every_length_its_own), cmocka_unit_test(one_for_every_length),
             cmocka_unit_test(least_recently_used_goes), cmocka_unit_test(what_a_plan_cannot),
             cmocka_unit_test(tensors_from_outside), cmocka_unit_test(frozen))
