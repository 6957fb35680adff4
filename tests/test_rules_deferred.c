/* test_rules_deferred.c -- what the engine promises, where calls run later than the program made them, or once more: in
 * batches, plans and checkpoints. Each program here gives wrong numbers without a word, or loses state, in an engine
 * that breaks the promise. That ordinary programs give the same numbers is for test_batch_fuzz and test_plan. */
#include <stdlib.h>
#include <unistd.h>

#include "tensors.h"

static wk_tensor *numbers(double first) {
    return wk_from_data((const double[]){first, first + 1, first + 2, first + 3}, WK_SHAPE(2, 2), WK_F64);
}

static double first_of(const wk_tensor *t) { return wk_get_f64(t, (const int64_t[]){0, 0}); }

/* ------------------------------------------------------------------------ who writes, waits for those who read --- */

/* A parameter, and everything that may write it or its gradient. */
typedef struct writers {
    wk_module *net;
    wk_tensor *w;
    wk_optim *sgd;
    wk_snapshot *snapshot;
    wk_plan *plan;
} writers;

static char path[] = "/tmp/wick-rules-XXXXXX"; /* a name of its own in each run of the program */

static bool copies_and_steps(void *user, wk_tensor *const *in, wk_tensor **out) {
    const writers *u = user;
    out[0] = wk_sum(wk_mul(u->w, in[0]));
    wk_backward(out[0]);
    WK_NO_GRAD;
    wk_copy_(u->w, in[0]);
    return true;
}

static void run_plan(writers *u) {
    wk_tensor *x = numbers(5), *out;
    wk_plan_run(u->plan, &x, &out);
}

static void step(writers *u) { wk_optim_step(u->sgd); }
static void exchange(writers *u) { wk_snapshot_exchange(u->snapshot); }
static void load(writers *u) { wk_load(path, u->net, 0, NULL); }
static void put(writers *u) { wk_put_f64(u->w, (const int64_t[]){0, 0}, 7); }
static void by_pointer(writers *u) { *(double *)wk_data_mut(u->w) = 7; }
static void overwrite(writers *u) { wk_write(u->w, (const double[]){7, 7, 7, 7}, 4 * sizeof(double)); }
static void clip(writers *u) { wk_clip_grad_norm(u->net, 0.5); }
static void backward(writers *u) { wk_backward(wk_sum(u->w)); }
static void backward_anew(writers *u) { wk_optim_zero_grad(u->sgd), backward(u); }

static void through_a_view(writers *u) {
    WK_NO_GRAD;
    wk_copy_(wk_select(u->w, 0, 0), wk_zeros(WK_SHAPE(2), WK_F64));
}

static const struct {
    const char *name;
    void (*write)(writers *u);
    bool gradient; /* writes the gradient of w, not w */
} ways[] = {{"optim_step", step, false},
            {"plan_run", run_plan, false},
            {"snapshot_exchange", exchange, false},
            {"load", load, false},
            {"put_f64", put, false},
            {"data_mut", by_pointer, false},
            {"write", overwrite, false},
            {"copy_ to a view", through_a_view, false},
            {"clip_grad_norm", clip, true},
            {"backward", backward, true},
            {"zero_grad, backward", backward_anew, true},
            {"plan_run", run_plan, true}};

/* w is 2 3 4 5 and its gradient 4 6 8 10 when the program is asked to write; file, snapshot and plan have others. */
static void writers_open(writers *u) {
    *u = (writers){.net = wk_module_new(NULL, "net")};
    u->w = wk_module_add_parameter(u->net, "w", numbers(1));
    u->sgd = wk_sgd_new(u->net, 1, NULL);
    u->snapshot = wk_snapshot_new(u->net);
    u->plan = wk_plan_new(copies_and_steps, u, 1, 1, NULL);
    if (strstr(path, "XXXXXX") != NULL) close(mkstemp(path));
    wk_save(path, u->net, NULL);
    for (int i = 0; i < 3; i++) run_plan(u); /* recorded, and checked */
    wk_write(u->w, (const double[]){2, 3, 4, 5}, 4 * sizeof(double));
    wk_optim_zero_grad(u->sgd);
    wk_backward(wk_sum(wk_square(u->w)));
}

static void writers_close(writers *u) {
    wk_snapshot_free(u->snapshot);
    wk_plan_free(u->plan);
    wk_optim_free(u->sgd);
    wk_module_free(u->net);
    remove(path);
}

static void a_call_reads_what_was_there_when_it_was_made(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        WK_SCOPE;
        writers u;
        wk_tensor *read = NULL;
        writers_open(&u);
        const double was = ways[i].gradient ? 4 : 2;
        {
            WK_BATCH;
            wk_tensor *written = ways[i].gradient ? wk_grad_of(u.w) : u.w, *y = wk_mul_scalar(written, 10);
            ways[i].write(&u);
            wk_keep(&read, wk_detach(y));
        }
        assert_ok();
        assert_close(first_of(read), 10 * was, 0, ways[i].name);
        assert_true(first_of(ways[i].gradient ? wk_grad_of(u.w) : u.w) != was);
        wk_release(&read);
        writers_close(&u);
    }
    assert_ok();
}

/* A recording must not take down what happens to be pending, nor leave it without elements. */
static void what_is_pending_runs_before_a_plan(void **state) {
    (void)state;
    WK_BATCH;
    writers u;
    writers_open(&u);
    wk_plan_free(u.plan);
    u.plan = wk_plan_new(copies_and_steps, &u, 1, 1, NULL);
    for (int i = 1; i <= 4; i++) {
        wk_tensor *before = wk_mul_scalar(u.w, 10), *x = numbers(2 * i), *loss;
        if (i % 2 == 0) x = wk_mul_scalar(numbers(i), 2);
        const double was = first_of(u.w);
        wk_plan_run(u.plan, &x, &loss);
        assert_ok();
        assert_close(first_of(before), 10 * was, 0, "put off before the plan");
        assert_close(first_of(u.w), 2 * i, 0, "whether the input was pending, too, or not");
    }
    writers_close(&u);
    assert_ok();
}

/* One buffer for all examples, filled again and again: wk_from_data copies when it is called. */
static void a_buffer_filled_again(void **state) {
    (void)state;
    WK_BATCH;
    double buffer[2];
    wk_tensor *w = leaf(3, "w");
    wk_list *losses = wk_list_new();
    for (int i = 1; i <= 3; i++) {
        buffer[0] = i, buffer[1] = 10 * i;
        wk_list_push(losses, wk_sum(wk_square(wk_mul(w, wk_from_data(buffer, WK_SHAPE(2), WK_F64)))));
    }
    wk_backward(wk_sum(wk_stack(losses, 0)));
    assert_close(grad(w), 2 * 3 * (1 + 4 + 9) * 101, 0, "2 w sum of squares");
    assert_ok();
}

/* ------------------------------------------------------------------------------------ numbers baked into a plan --- */

static int64_t row;

static bool selects(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_select(in[0], 0, row);
    return true;
}

static void an_index_that_changes_is_refused(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(selects, NULL, 1, 1, NULL);
    wk_tensor *x = numbers(1), *y;
    row = 0;
    wk_plan_run(plan, &x, &y);
    row = 1;
    wk_plan_run(plan, &x, &y);
    assert_null(y);
    assert_fails(WK_ESTATE, "select: index was 0, then 1: a plan would go on with the first; "
                            "wk_index_select takes an index that is an input");
    wk_plan_free(plan);
}

/* sum over t of x_t s / (1 + t): a number of its own in each trip. */
static bool weighs(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_zeros(WK_SCALAR, WK_F64);
    for (int64_t t = 0; t < wk_dim(in[0], 0); t++)
        out[0] = wk_add(out[0], wk_mul(wk_mul_scalar(wk_select(in[0], 0, t), 1.0 / (double)(1 + t)), in[1]));
    return true;
}

static void numbers_that_change_from_trip_to_trip(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = &(wk_plan_dim){0, 0};
    o.trip_count = 1;
    wk_plan *plan = wk_plan_new(weighs, NULL, 2, 1, &o);
    for (int64_t T = 1; T <= 12; T++) {
        wk_tensor *in[] = {wk_arange(1, (double)T + 1, 1, WK_F64), wk_scalar((double)T, WK_F64)}, *planned, *eager;
        wk_plan_run(plan, in, &planned);
        weighs(NULL, in, &eager);
        assert_ok();
        assert_close(wk_item(planned), wk_item(eager), 0, "1/(1+t), and a 0-d tensor for what changes from run to run");
        assert_close(wk_item(planned), (double)(T * T), 1e-12, "t/t, T times, T");
    }
    wk_plan_free(plan);
    assert_ok();
}

static bool trains(void *user, wk_tensor *const *in, wk_tensor **out) {
    const writers *u = user;
    out[0] = wk_sum(wk_mul(wk_square(u->w), in[0]));
    wk_optim_zero_grad(u->sgd);
    wk_backward(out[0]);
    wk_optim_step(u->sgd);
    return true;
}

static void a_rate_may_change(void **state) {
    (void)state;
    WK_SCOPE;
    writers u;
    writers_open(&u);
    wk_plan *plan = wk_plan_new(trains, &u, 1, 1, NULL);
    wk_tensor *one = wk_ones(WK_SHAPE(2, 2), WK_F64), *loss;
    for (int i = 1; i <= 5; i++) {
        wk_write(u.w, (const double[]){1, 1, 1, 1}, 4 * sizeof(double));
        wk_optim_set_lr(u.sgd, 0.125 * i);
        wk_plan_run(plan, &one, &loss);
        assert_close(first_of(u.w), 1 - 0.25 * i, 0, "1 - 2 lr");
    }
    wk_plan_free(plan);
    writers_close(&u);
    assert_ok();
}

/* ------------------------------------------------------------------------------------------- one reverse walk --- */

/* Twice the mistakes of wk_backward in batches, and their cures. */
static void used_twice_in_a_batch(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w = leaf(3, "w"), *shared = wk_square(w), *first = wk_mul_scalar(shared, 2);
    wk_tensor *second = wk_mul(shared, w);
    wk_backward(first);
    assert_close(grad(w), 12, 0, "4 w");
    wk_backward(second);
    assert_fails(WK_ECONSUMED, "backward: an earlier wk_backward used this part (square) already: add the losses, or "
                               "use WK_RETAIN_GRAPH");
    wk_zero_grad(w);
    shared = wk_square(w);
    first = wk_mul_scalar(shared, 2);
    wk_backward_flags(first, WK_RETAIN_GRAPH);
    wk_backward(wk_mul(shared, w)); /* called after the first walk, on what it retained */
    assert_close(grad(w), 12 + 27, 0, "4 w + 3 w^2");
    assert_ok();
}

/* Two losses that share nothing have run together, and are one part of the graph; each has a backward of its own. */
static void losses_side_by_side_in_a_batch(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *w[2] = {leaf(3, "w"), leaf(5, "v")}, *loss[2];
    for (int i = 0; i < 2; i++) loss[i] = wk_mul_scalar(wk_square(w[i]), 2);
    wk_backward(loss[0]);
    assert_close(grad(w[0]), 12, 0, "4 w");
    wk_backward(loss[1]);
    assert_close(grad(w[0]), 12, 0, "nothing of the other loss");
    assert_close(grad(w[1]), 20, 0, "4 v");
    for (int i = 0; i < 2; i++) loss[i] = wk_mul_scalar(wk_square(w[i]), 3);
    wk_backward(wk_add(loss[0], loss[1]));
    assert_close(grad(w[0]), 12 + 18, 0, "10 w");
    assert_close(grad(w[1]), 20 + 30, 0, "10 v");
    assert_ok();
}

static void kept_from_batch_to_batch(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(3, "w"), *h = NULL;
    for (int i = 0; i < 2; i++) {
        WK_BATCH;
        wk_tensor *y = h != NULL ? wk_mul(h, w) : wk_mul(w, w);
        wk_set_name(y, "h");
        wk_keep(&h, y);
        if (i == 1) wk_backward(y);
    }
    assert_fails(WK_ECUT, "backward: h () comes from a scope that has closed: wk_detach it when you keep it");
    wk_release(&h);
}

static void gradients_of_gradients_in_a_batch(void **state) {
    (void)state;
    WK_BATCH;
    wk_tensor *a = leaf(0.5, "a"), *x[2] = {leaf(3, "x"), leaf(1, "z")}, *g[2], *d[2];
    for (int i = 0; i < 2; i++) d[i] = wk_mul(a, wk_square(x[i]));
    wk_grad(wk_add(d[0], d[1]), x, 2, g, WK_CREATE_GRAPH); /* 2 a x */
    assert_null(wk_grad_of(a));
    assert_null(wk_grad_of(x[0]));
    wk_backward(wk_add(wk_square(g[0]), wk_square(g[1]))); /* 4 a^2 (x^2 + z^2) */
    assert_close(grad(a), 8 * 0.5 * 10, 0, "8 a (x^2 + z^2)");
    assert_close(grad(x[0]), 8 * 0.25 * 3, 0, "8 a^2 x");
    assert_ok();
}

/* ----------------------------------------------------------------------------------------------- two contexts --- */

static void a_batch_and_a_plan_interleaved(void **state) {
    (void)state;
    wk_ctx *other = wk_ctx_new(), *mine = wk_ctx_use(other);
    writers u;
    writers_open(&u);
    wk_manual_seed(8);
    wk_plan *plan = wk_plan_new(trains, &u, 1, 1, NULL);
    wk_ctx_use(mine);
    {
        WK_BATCH;
        wk_tensor *w = leaf(1, "w"), *sum = wk_zeros(WK_SCALAR, WK_F64);
        wk_manual_seed(8);
        for (int i = 1; i <= 4; i++) {
            sum = wk_add(sum, wk_mul_scalar(wk_square(w), i)); /* pending while the other context works */
            wk_ctx_use(other);
            {
                WK_SCOPE;
                wk_tensor *one = wk_ones(WK_SHAPE(2, 2), WK_F64), *loss;
                wk_optim_set_lr(u.sgd, 0.25);
                wk_plan_run(plan, &one, &loss);
                assert_close(first_of(u.w), 2 / pow(2, i), 0, "halved");
                wk_neg(NULL);
            }
            wk_ctx_use(mine);
            assert_true(wk_ok());
            wk_ctx_use(other);
            assert_fails(WK_EINVAL, "neg: x is NULL");
            wk_ctx_use(mine);
        }
        wk_backward(sum);
        assert_close(grad(w), 20, 0, "2 (1 + 2 + 3 + 4)");
        const double here = wk_item(wk_rand(WK_SCALAR, WK_F64));
        wk_ctx_use(other);
        assert_close(wk_item(wk_rand(WK_SCALAR, WK_F64)), here, 0, "each stream its own");
        wk_ctx_use(mine);
    }
    wk_ctx_use(other);
    wk_plan_free(plan);
    writers_close(&u);
    wk_ctx_use(mine);
    wk_ctx_free(other);
    assert_ok();
}

/* A step may work in another context on the way: that is not recorded, and runs. */
static bool works_elsewhere(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_mul_scalar(in[0], 2);
    wk_ctx *mine = wk_ctx_use(user);
    {
        WK_SCOPE;
        wk_tensor *w = leaf(3, "w");
        wk_backward(wk_mul(w, w));
        assert_close(grad(w), 6, 0, "in the other context");
    }
    wk_ctx_use(mine);
    out[0] = wk_add(out[0], in[0]);
    return true;
}

static void a_step_that_works_in_another_context(void **state) {
    (void)state;
    WK_SCOPE;
    wk_ctx *other = wk_ctx_new();
    wk_plan *plan = wk_plan_new(works_elsewhere, other, 1, 1, NULL);
    for (int i = 1; i <= 3; i++) {
        wk_tensor *x = numbers(i), *y;
        wk_plan_run(plan, &x, &y);
        assert_ok();
        assert_close(first_of(y), 3 * i, 0, "2 x + x");
    }
    wk_plan_free(plan);
    wk_ctx_free(other);
    assert_ok();
}

WK_TEST_MAIN("rules_deferred", cmocka_unit_test(a_call_reads_what_was_there_when_it_was_made),
             cmocka_unit_test(what_is_pending_runs_before_a_plan), cmocka_unit_test(a_buffer_filled_again),
             cmocka_unit_test(an_index_that_changes_is_refused),
             cmocka_unit_test(numbers_that_change_from_trip_to_trip), cmocka_unit_test(a_rate_may_change),
             cmocka_unit_test(used_twice_in_a_batch), cmocka_unit_test(losses_side_by_side_in_a_batch),
             cmocka_unit_test(kept_from_batch_to_batch), cmocka_unit_test(gradients_of_gradients_in_a_batch),
             cmocka_unit_test(a_batch_and_a_plan_interleaved), cmocka_unit_test(a_step_that_works_in_another_context))
