/* test_failures.c -- wrong programs: each has its exact message, and everything works again after wk_check. */
#include "support.h"

WK_API void wk__at(const char *file, int line); /* as trace.h declares it */

static wk_tensor *leaf(double value, const char *name) {
    wk_tensor *t = wk_requires_grad_(wk_scalar(value, WK_F32), true);
    wk_set_name(t, name);
    return t;
}

static wk_tensor *zeros(int32_t ndim, const int64_t *dims) { return wk_zeros(ndim, dims, WK_F32); }

static void a_failure_sticks_and_is_taken_once(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = zeros(WK_SHAPE(3, 4)), *b = zeros(WK_SHAPE(5, 6));
    assert_null(wk_tanh(wk_add(wk_matmul(a, b), b)));
    assert_false(wk_ok());
    assert_null(wk_add(a, a)); /* right by itself, but a failure is pending */
    assert_true(isnan(wk_item(wk_sum(a))));
    wk_error e;
    assert_int_equal(wk_check(&e), WK_ESHAPE);
    assert_string_equal(e.message, "matmul: a (3,4) and b (5,6): inner sizes 4 and 5 differ");
    assert_string_equal(e.op, "matmul");
    assert_int_equal(e.skipped, 5); /* add, tanh, add, sum, item */
    assert_int_equal(wk_check(&e), WK_OK);
    assert_non_null(wk_add(a, a));
    assert_ok();
}

static void backward_refuses(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(2, "x"), *y = wk_mul(x, x);
    wk_backward(NULL);
    assert_fails(WK_EINVAL, "backward: loss is NULL");
    wk_backward(wk_expand(y, WK_SHAPE(3)));
    assert_fails(WK_ESHAPE, "backward: loss (3) has 3 elements, not one: sum or average it first");
    wk_backward(wk_scalar(1, WK_F32));
    assert_fails(WK_EGRAD, "backward: loss was not computed from anything that requires a gradient: wk_requires_grad_ "
                           "a leaf, and record outside of WK_NO_GRAD");
    wk_backward(y);
    assert_ok();
    wk_backward(y);
    assert_fails(
        WK_ECONSUMED,
        "backward: an earlier wk_backward used this part (mul) already: add the losses, or use WK_RETAIN_GRAPH");
    wk_requires_grad_(y, false);
    assert_fails(WK_EGRAD, "requires_grad_: t was computed by an op: only a leaf can be asked; wk_detach makes one");
}

static void retain_lets_backward_run_again(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(3, "x"), *y = wk_mul(x, x);
    wk_backward_flags(y, WK_RETAIN_GRAPH);
    wk_backward(y);
    assert_close(wk_item(wk_grad_of(x)), 12, 0, "twice 2x");
    assert_ok();
}

static void a_value_that_backward_needs_was_changed(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "D.2.weight"), *x = wk_scalar(3, WK_F32), *y = wk_mul(w, x);
    {
        WK_NO_GRAD;
        wk_copy_(w, x);
    }
    wk_backward(y); /* the gradient of w reads x, which is as it was */
    assert_close(wk_item(wk_grad_of(w)), 3, 0, "x");
    y = wk_mul(w, w);
    {
        WK_NO_GRAD;
        wk_copy_(w, x);
    }
    wk_backward(y);
    assert_fails(WK_EVERSION, "backward: mul needs D.2.weight () as it was, but copy_ changed it in place: take the "
                              "gradients before the change, or change a copy");
    y = wk_tanh(w);
    *(float *)wk_data_mut(y) = 0;
    wk_backward(y);
    assert_fails(WK_EVERSION,
                 "backward: tanh needs a tensor () as it was, but the user (wk_data_mut) changed it in place: "
                 "take the gradients before the change, or change a copy");
}

static void writing_in_place_refuses_what_would_lose_a_gradient(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "w"), *out = zeros(WK_SHAPE(3)), *v = wk_select(out, 0, 0);
    wk_copy_(w, wk_scalar(1, WK_F32));
    assert_fails(WK_EGRAD, "copy_: w is a leaf that requires a gradient: write it under WK_NO_GRAD");
    wk_copy_(wk_reshape(w, WK_SHAPE(1)), wk_scalar(1, WK_F32));
    assert_fails(WK_EGRAD, "copy_: w is a leaf that requires a gradient: write it under WK_NO_GRAD");
    wk_copy_(wk_select(wk_detach(out), 0, 1), wk_mul(w, w));
    assert_fails(WK_EGRAD,
                 "copy_: a recorded write into a view that was detached would lose its gradient: write into a copy");
    wk_tensor *gone = zeros(WK_SHAPE(3)), *left = wk_select(gone, 0, 1);
    wk_drop(gone);
    wk_copy_(left, wk_mul(w, w));
    assert_fails(WK_EGRAD, "copy_: a recorded write into a view of a tensor that is gone would lose its gradient: "
                           "write into a copy");
    wk_copy_(wk_expand(w, WK_SHAPE(3)), out);
    assert_fails(WK_EINVAL, "copy_: elements of the tensor overlap and cannot be written in place: wk_clone it");
    wk_copy_(out, wk_mul(w, w)); /* the whole: recorded */
    wk_sum(v);
    assert_fails(WK_EVERSION, "sum: x shares memory that copy_ wrote after it was made: take the view again");
    wk_backward(wk_sum(wk_select(out, 0, 0)));
    assert_close(wk_item(wk_grad_of(w)), 4, 0, "one of three copies of w^2");
    assert_ok();
}

/* add hands one buffer to both its inputs; a second contribution to one of them must not reach the other. */
static void gradients_do_not_share_what_they_add_to(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = leaf(2, "a"), *b = leaf(3, "b"), *c = leaf(5, "c");
    wk_tensor *z = wk_add(a, b), *y = wk_mul(z, wk_add(a, c));
    wk_backward(y); /* y = (a+b)(a+c) */
    assert_close(wk_item(wk_grad_of(a)), 7 + 5, 0, "a");
    assert_close(wk_item(wk_grad_of(b)), 7, 0, "b");
    assert_close(wk_item(wk_grad_of(c)), 5, 0, "c");
    assert_ok();
}

static void a_failed_backward_leaves_nothing_behind(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_scalar(2, WK_F32)), *h = NULL;
    wk_optim *sgd = wk_sgd_new(net, 1, NULL);
    {
        WK_SCOPE;
        wk_keep(&h, wk_mul(w, w));
    }
    wk_backward(wk_add(wk_mul(w, w), wk_mul(h, w)));
    wk_error e;
    assert_int_equal(wk_check(&e), WK_ECUT);
    assert_null(wk_grad_of(w));
    wk_optim_step(sgd);
    assert_fails(WK_ESTATE, "optim_step: the gradient of w is invalid, a backward failed: wk_optim_zero_grad first");
    assert_close(wk_item(w), 2, 0, "w has not moved");
    wk_optim_zero_grad(sgd);
    wk_backward(wk_mul(w, w));
    wk_optim_step(sgd);
    assert_close(wk_item(w), -2, 0, "2 - 4");
    wk_release(&h);
    wk_optim_free(sgd);
    wk_module_free(net);
    assert_ok();
}

/* NOTE [Failure sticks]: a loop that fails does not lose its state and does not train on. */
static void a_failing_loop_keeps_its_state(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_scalar(2, WK_F32)), *h = NULL;
    wk_optim *adam = wk_adam_new(net, 0.1, NULL);
    double at_failure = 0;
    for (int i = 0; i < 10; i++) {
        WK_SCOPE;
        wk_tensor *y = wk_mul(w, i == 5 ? wk_matmul(w, w) : w);
        if (i == 5) {
            wk_error unused;
            wk_keep(&h, wk_detach(y));
            wk_optim_step(adam);
            assert_int_equal(wk_check(&unused), WK_ESHAPE);
            at_failure = wk_item(w);
            wk_matmul(w, w); /* fails again and stays so to the end */
            continue;
        }
        wk_optim_zero_grad(adam);
        wk_backward(y);
        wk_optim_step(adam);
        wk_keep(&h, wk_detach(y));
    }
    assert_non_null(h);
    assert_fails(WK_ESHAPE, "matmul: a () and b (): both must have a dimension; wk_mul takes numbers");
    assert_close(wk_item(w), at_failure, 0, "nothing moved after the failure");
    wk_release(&h);
    wk_optim_free(adam);
    wk_module_free(net);
}

/* --------------------------------------------------------------------------------- failing in batches and plans --- */

typedef struct model {
    wk_module *net;
    wk_tensor *w;
    wk_optim *sgd;
} model;

static model model_new(void) {
    model m = {.net = wk_module_new(NULL, "net")};
    m.w = wk_module_add_parameter(m.net, "w", wk_full(WK_SHAPE(2, 1), 64, WK_F32));
    m.sgd = wk_sgd_new(m.net, 0.25, NULL);
    return m;
}

static void model_free(model *m) {
    wk_optim_free(m->sgd);
    wk_module_free(m->net);
}

/* The squares of some rows of w: a step halves them. */
static bool halve(void *user, wk_tensor *const *in, wk_tensor **out) {
    const model *m = user;
    wk_tensor *rows = wk_embedding(in[0], m->w, -1);
    out[0] = wk_sum(wk_square(rows));
    out[1] = wk_dropout(wk_detach(rows), 0.5, true);
    wk_optim_zero_grad(m->sgd);
    wk_backward(out[0]);
    wk_optim_step(m->sgd);
    return wk_ok();
}

static double element(const wk_tensor *t, int64_t row) { return wk_get_f64(t, (const int64_t[]){row, 0}); }

static wk_tensor *whole_numbers(int64_t a, int64_t b) {
    return wk_from_data((const int64_t[]){a, b}, WK_SHAPE(2), WK_I64);
}

/* What a step by plan, and one in a batch, leave behind: parameters, the slot, the stream of random numbers. */
static void a_step(model *m, wk_plan *plan, wk_tensor **h, int i) {
    WK_BATCH;
    wk_tensor *x = wk_add_scalar(*h != NULL ? *h : wk_zeros(WK_SHAPE(1), WK_F32), 1), *out[2];
    if (i == 5) x = wk_matmul(wk_tanh(x), zeros(WK_SHAPE(2, 2)));
    wk_plan_run(plan, (wk_tensor *[]){whole_numbers(0, 1)}, out);
    if (i == 5) assert_true(out[0] == NULL && out[1] == NULL);
    wk_optim_zero_grad(m->sgd);
    wk_backward(wk_sum(wk_square(wk_select(m->w, 0, 0))));
    wk_optim_step(m->sgd);
    wk_rand(WK_SHAPE(3), WK_F32);
    wk_keep(h, wk_detach(x));
}

static void a_loop_that_fails_with_a_plan_in_a_batch(void **state) {
    (void)state;
    WK_SCOPE;
    model m = model_new();
    wk_plan *plan = wk_plan_new(halve, &m, 1, 2, NULL);
    wk_tensor *h = NULL;
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_manual_seed(2);
    for (int i = 0; i < 5; i++) a_step(&m, plan, &h, i);
    assert_ok();
    const double next = wk_item(wk_rand(WK_SCALAR, WK_F64));
    wk_manual_seed(2);
    wk_write(m.w, (const float[]){64, 64}, 2 * sizeof(float));
    wk_release(&h);
    for (int i = 0; i < 10; i++) a_step(&m, plan, &h, i); /* fails at 5, and goes on */
    assert_fails(WK_ESHAPE, "matmul: a (1) and b (2,2): inner sizes 1 and 2 differ");
    assert_close(element(m.w, 0), 64.0 / (1 << 10), 0, "halved twice in each of five steps");
    assert_close(element(m.w, 1), 64.0 / (1 << 5), 0, "by the plan alone");
    assert_close(wk_item(h), 5, 0, "the slot as step 4 left it");
    wk_plan_stats_of(plan, &stats);
    assert_int_equal(stats.captures + stats.hits, 5 + 5);
    assert_close(wk_item(wk_rand(WK_SCALAR, WK_F64)), next, 0, "nothing was drawn");
    a_step(&m, plan, &h, 6);
    assert_close(element(m.w, 0), 64.0 / (1 << 12), 0, "goes on");
    assert_close(wk_item(h), 6, 0, "goes on");
    wk_release(&h);
    wk_plan_free(plan);
    model_free(&m);
    assert_ok();
}

/* An index that is out of range comes to light when the plan runs: before the step of the optimiser. */
static void a_plan_that_fails_as_it_runs(void **state) {
    (void)state;
    WK_SCOPE;
    model m = model_new();
    wk_plan *plan = wk_plan_new(halve, &m, 1, 2, NULL);
    for (int i = 1; i <= 4; i++) {
        wk_tensor *good = whole_numbers(0, 1), *bad = whole_numbers(0, 2), *out[2];
        wk_plan_run(plan, &good, out);
        assert_ok();
        assert_int_equal(wk_plan_run(plan, &bad, out), WK_EINDEX);
        assert_true(out[0] == NULL && out[1] == NULL);
        assert_fails(WK_EINDEX, "embedding: index 2 is out of range for dimension 0 of (2,1)");
        assert_close(element(m.w, 0), 64.0 / (1 << i), 0, "one step for each that worked");
    }
    wk_plan_free(plan);
    model_free(&m);
    assert_ok();
}

static void a_batch_that_fails_as_it_runs(void **state) {
    (void)state;
    WK_SCOPE;
    model m = model_new();
    wk_tensor *h = NULL;
    wk_keep(&h, wk_scalar(7, WK_F32));
    {
        WK_BATCH;
        wk_tensor *loss = wk_sum(wk_square(wk_embedding(whole_numbers(0, 2), m.w, -1)));
        assert_true(wk_ok());
        wk_optim_zero_grad(m.sgd);
        assert_int_equal(wk_backward(loss), WK_EINDEX);
        wk_optim_step(m.sgd);
        wk_keep(&h, wk_detach(loss));
    }
    assert_fails(WK_EINDEX, "embedding: index 2 is out of range for dimension 0 of (2,1)");
    assert_close(element(m.w, 0), 64, 0, "no step");
    assert_close(wk_item(h), 7, 0, "the slot as it was");
    assert_null(wk_grad_of(m.w));
    wk_optim_step(m.sgd);
    assert_close(element(m.w, 0), 64, 0, "nothing to step with");
    wk_release(&h);
    model_free(&m);
    assert_ok();
}

static void calls_by_name(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = zeros(WK_SHAPE(2, 3)), *out[2] = {x, x};
    assert_null(wk_op_find("no_such_op"));
    wk_op_call(wk_op_find("add"), NULL, 0, &x, 1, out);
    assert_null(out[0]);
    assert_fails(WK_EINVAL, "add: it takes 2 inputs (a b), not 1");
    wk_op_call(wk_op_find("select"), &(wk_attr){.name = "axis"}, 1, &x, 1, out);
    assert_fails(WK_EINVAL, "select: there is no attribute \"axis\", but dim, index");
    for (int32_t i = 0; i < wk_op_count(); i++) assert_ptr_equal(wk_op_find(wk_op_name(wk_op_at(i))), wk_op_at(i));
    assert_null(wk_op_at(wk_op_count()));
}

/* 42 characters fill 126 of a name's 127 bytes; in a message the rest is up to what stands before them. */
static void texts_end_with_a_whole_character(void **state) {
    (void)state;
    WK_SCOPE;
    char name[1000] = "";
    for (int i = 0; i < 300; i++) strcat(name, "\xe6\xb1\x82");
    wk_tensor *t = leaf(1, name);
    assert_int_equal(strlen(wk_name(t)), 126);
    wk_set_name(t, "\xe6\xb1\x82");
    assert_string_equal(wk_name(t), "\xe6\xb1\x82");
    wk_module *m = wk_module_new(NULL, NULL), *below = wk_module_new(m, name);
    const char *dotted_name = wk_name(wk_module_add_parameter(below, "p", wk_detach(t)));
    assert_int_equal(strcspn(dotted_name, "."), 126);
    for (int dots = 1; dots <= 3; dots++) { /* a name with a dot is refused, and quoted */
        wk_error e;
        char dotted[1004];
        snprintf(dotted, sizeof dotted, "%.*s%s", dots, "...", name);
        wk_module_new(m, dotted);
        wk_check(&e);
        const char *quoted = strchr(e.message, '"') + 1 + dots;
        assert_in_range(strlen(e.message), sizeof e.message - 3, sizeof e.message - 1);
        assert_int_equal(strlen(quoted) % 3, 0);
    }
    wk_module_free(m);
    assert_ok();
}

/* Under WK_TRACE calls tell where they stand. */
static void long_paths_keep_their_end(void **state) {
    (void)state;
    char path[200] = "/home/somebody";
    for (int i = 0; i < 20; i++) strcat(path, "/below");
    strcat(path, "/train.c");
    wk_error e;
    wk__at(path, 12);
    wk_neg(NULL);
    wk__at(NULL, 0);
    wk_check(&e);
    assert_int_equal(strlen(e.file), sizeof e.file - 1);
    assert_string_equal(e.file + strlen(e.file) - 14, "/below/train.c");
    assert_int_equal(e.line, 12);
}

WK_TEST_MAIN("failures", cmocka_unit_test(a_failure_sticks_and_is_taken_once), cmocka_unit_test(backward_refuses),
             cmocka_unit_test(retain_lets_backward_run_again),
             cmocka_unit_test(a_value_that_backward_needs_was_changed),
             cmocka_unit_test(writing_in_place_refuses_what_would_lose_a_gradient),
             cmocka_unit_test(gradients_do_not_share_what_they_add_to),
             cmocka_unit_test(a_failed_backward_leaves_nothing_behind),
             cmocka_unit_test(a_failing_loop_keeps_its_state),
             cmocka_unit_test(a_loop_that_fails_with_a_plan_in_a_batch), cmocka_unit_test(a_plan_that_fails_as_it_runs),
             cmocka_unit_test(a_batch_that_fails_as_it_runs), cmocka_unit_test(calls_by_name),
             cmocka_unit_test(texts_end_with_a_whole_character), cmocka_unit_test(long_paths_keep_their_end))
