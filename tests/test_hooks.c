/* test_hooks.c -- functions that see gradients, functions that see ops, and anomaly mode. */
#include "injection.h"
#include "tensors.h"

/* What a hook saw, and what it is to do. */
typedef struct seen {
    int calls;
    double last, factor; /* factor 0: leave the gradient */
    wk_tensor *other, *x; /* what is differentiated in the hook */
    const char *name;
    char *order;
} seen;

static wk_tensor *look(void *user, wk_tensor *g) {
    seen *s = user;
    s->calls++;
    s->last = wk_item(wk_sum(g));
    if (s->order != NULL) strcat(s->order, s->name);
    return s->factor != 0 ? wk_mul_scalar(g, s->factor) : NULL;
}

static double grad_of(const wk_tensor *t) { return wk_grad_of(t) != NULL ? wk_item(wk_grad_of(t)) : (double)NAN; }

/* ---------------------------------------------------------------------------------------------------- gradients --- */

static void the_whole_gradient_once(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(3, "x"), *y = wk_mul(x, x);
    seen on_x = {0}, on_y = {.factor = 10};
    assert_true(wk_register_hook(x, look, &on_x) > 0);
    wk_tensor *loss = wk_add(wk_mul(y, y), wk_add(y, x)); /* y^2 + y + x, y = x^2 */
    assert_true(wk_register_hook(y, look, &on_y) > 0);    /* after it was used: all the same */
    wk_backward_flags(loss, WK_RETAIN_GRAPH);
    assert_int_equal(on_y.calls, 1);
    assert_close(on_y.last, 2 * 9 + 1, 0, "2y + 1");
    assert_int_equal(on_x.calls, 1);
    assert_close(on_x.last, 10 * 19 * 6 + 1, 0, "(10 (2y + 1)) 2x + 1");
    assert_close(grad_of(x), 1141, 0, "gradient");
    wk_backward(loss);
    assert_close(on_x.last, 1141, 0, "what this walk brings, not the sum");
    assert_close(grad_of(x), 2282, 0, "sum of two");
    assert_ok();
}

static void in_the_order_of_registering_until_removed(void **state) {
    (void)state;
    WK_SCOPE;
    char order[16] = "";
    wk_tensor *x = leaf(3, "x");
    seen a = {.name = "a", .order = order, .factor = 2}, b = {.name = "b", .order = order};
    const int64_t first = wk_register_hook(x, look, &a), second = wk_register_hook(x, look, &b);
    wk_backward(wk_mul(x, x));
    assert_string_equal(order, "ab");
    assert_close(b.last, 12, 0, "b sees what a made of it");
    wk_remove_hook(first);
    wk_remove_hook(first);
    wk_zero_grad(x);
    wk_backward(wk_mul(x, x));
    assert_string_equal(order, "abb");
    assert_close(grad_of(x), 6, 0, "a has gone");
    wk_remove_hook(second);
    assert_ok();
}

/* engine rule 10: the hook of a leaf is called when the walk passes the leaf's first user. */
static void a_leafs_hook_comes_at_its_first_user(void **state) {
    (void)state;
    WK_SCOPE;
    char order[16] = "";
    wk_tensor *x = leaf(3, "x"), *late = leaf(2, "late"), *early = wk_mul(x, x), *y = wk_mul(early, late);
    seen on_late = {.name = "l", .order = order}, on_early = {.name = "e", .order = order};
    seen on_x = {.name = "x", .order = order};
    wk_register_hook(x, look, &on_x);
    wk_register_hook(early, look, &on_early);
    wk_register_hook(late, look, &on_late);
    wk_backward(wk_mul(y, late));
    assert_string_equal(order, "lex");
    assert_close(on_late.last, 2 * 9 * 2, 0, "both uses: 2 x^2 late");
    assert_ok();
}

/* The slot of a view is a region of its base's; with a hook it gathers by itself. */
static void of_a_view(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = wk_requires_grad_(wk_ones(WK_SHAPE(3, 2), WK_F64), true), *m = wk_mul(w, w);
    wk_tensor *row = wk_select(m, 0, 1);
    seen s = {.factor = 0.5};
    wk_register_hook(row, look, &s);
    wk_backward(wk_add(wk_sum(row), wk_add(wk_sum(wk_mul(row, row)), wk_sum(m))));
    assert_close(s.last, 2 * 3, 0, "1 + 2 row, but for what comes by m");
    assert_close(wk_get_f64(wk_grad_of(w), (const int64_t[]){1, 0}), 2 * (1.5 + 1), 0, "replaced");
    assert_close(wk_get_f64(wk_grad_of(w), (const int64_t[]){2, 1}), 2, 0, "beside it");
    assert_ok();
}

static void with_wk_grad(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(3, "x"), *y = wk_mul(x, x), *xs[] = {x, y}, *g[2], *second;
    seen on_x = {.factor = 2}, on_y = {.factor = 3};
    wk_register_hook(x, look, &on_x);
    wk_register_hook(y, look, &on_y);
    wk_grad(wk_mul(y, y), xs, 2, g, WK_CREATE_GRAPH);
    assert_int_equal(on_x.calls + on_y.calls, 2);
    assert_close(wk_item(g[1]), 3 * 2 * 9, 0, "3 (2y)");
    assert_close(wk_item(g[0]), 2 * 3 * 2 * 9 * 6, 0, "2 (3 (2y)) 2x");
    wk_grad(g[1], xs, 1, &second, 0); /* 6 x^2: 12 x; y's and x's hooks come by again */
    assert_close(wk_item(second), 2 * 3 * 12 * 3, 0, "a replacement with a history of its own");
    assert_null(wk_grad_of(x));
    assert_ok();
}

static wk_tensor *differentiates(void *user, wk_tensor *g) {
    seen *s = user;
    if (s->calls++ > 0) return NULL; /* the walk below comes by here too */
    wk_set_grad_enabled(true);
    wk_tensor *z = leaf(5, "z"), *p;
    wk_backward(wk_mul(z, z));
    s->last = grad_of(z);
    wk_grad(wk_mul(g, s->other), &s->x, 1, &p, WK_RETAIN_GRAPH); /* through what the outer walk is walking */
    return wk_add(g, p);
}

/* In the middle of the walk over (x^2 + x) x^2, the hook of y = x^2 adds d(g y)/dx to y's gradient. */
static void a_backward_in_a_hook(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(3, "x"), *y = wk_mul(x, x), *loss = wk_mul(wk_add(y, x), y);
    seen s = {.other = y, .x = x};
    wk_register_hook(y, differentiates, &s);
    wk_backward(loss);
    assert_int_equal(s.calls, 2);
    assert_close(s.last, 10, 0, "2z");
    /* g = 2y + x = 21, and d(g y)/dx = g 2x */
    assert_close(grad_of(x), 9 + (21 + 21 * 6) * 6, 0, "pending gradients of both walks are kept apart");
    assert_true(wk_grad_enabled());
    wk_grad(y, &x, 1, &loss, 0);
    assert_fails(WK_ECONSUMED, "grad: an earlier wk_backward used this part (mul) already: add the losses, or use "
                               "WK_RETAIN_GRAPH");
}

static wk_tensor *of_another_shape(void *user, wk_tensor *g) {
    (void)user, (void)g;
    return wk_zeros(WK_SHAPE(2), WK_F64);
}

static wk_tensor *writes(void *user, wk_tensor *g) {
    *(double *)wk_data_mut(g) = *(double *)user;
    return NULL;
}

static wk_tensor *fails(void *user, wk_tensor *g) {
    (void)user;
    return wk_select(g, 0, 0);
}

static void what_hooks_may_not_do(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(3, "x"), *plain = wk_scalar(1, WK_F64);
    double zero = 0;
    int64_t hook = wk_register_hook(x, of_another_shape, NULL);
    wk_backward(wk_mul(x, x));
    assert_fails(WK_ESHAPE, "hook: a hook replaced a gradient () of type f64 by (2) of type f64");
    wk_remove_hook(hook);
    hook = wk_register_hook(x, writes, &zero);
    wk_backward(wk_mul(x, x));
    assert_fails(WK_EVERSION, "hook: a hook wrote the gradient it was given: return another tensor");
    wk_remove_hook(hook);
    hook = wk_register_hook(x, fails, NULL);
    wk_backward(wk_mul(x, x));
    assert_fails(WK_EINDEX, "select: x () has no dimension 0");
    wk_remove_hook(hook);
    assert_int_equal(wk_register_hook(plain, fails, NULL), 0);
    assert_fails(WK_EGRAD, "register_hook: t does not require a gradient, or its history is cut");
    assert_int_equal(wk_register_hook(x, NULL, NULL), 0);
    assert_fails(WK_EINVAL, "register_hook: hook is NULL");
    wk_zero_grad(x);
    wk_backward(wk_mul(x, x));
    assert_close(grad_of(x), 6, 0, "all is well again");
    assert_ok();
}

static void hooks_go_with_what_they_are_for(void **state) {
    (void)state;
    wk_memory before, after;
    seen s = {0};
    wk_memory_stats(&before);
    {
        WK_SCOPE;
        wk_tensor *x = leaf(3, "x"), *y = wk_mul(x, x);
        wk_register_hook(x, look, &s);
        wk_register_hook(y, look, &s);
    }
    wk_memory_stats(&after);
    assert_int_equal(after.nbytes, before.nbytes);
    assert_null(wk__ctx()->hooks);
}

/* ------------------------------------------------------------------------------------------------------- events --- */

static void note(void *user, const wk_op_event *event) {
    static const char *const kinds[] = {"<", ">", "d<", "d>"};
    char *text = user;
    snprintf(text + strlen(text), 256 - strlen(text), "%s%s%d%d ", kinds[event->kind], event->op,
             (int)event->input_count, (int)event->output_count);
    wk_item(wk_sum(wk_ones(WK_SHAPE(2), WK_F32))); /* not reported */
}

static void ops_are_reported(void **state) {
    (void)state;
    WK_SCOPE;
    char text[256] = "";
    wk_tensor *x = leaf(3, "x");
    wk_set_op_hook(note, text);
    wk_tensor *y = wk_mul(x, x);
    wk_matmul(y, y);
    assert_int_equal(wk_check(NULL), WK_ESHAPE);
    wk_backward(y);
    wk_set_op_hook(NULL, NULL);
    wk_mul(x, x);
    assert_string_equal(text, "<mul20 >mul21 <matmul20 >matmul20 d<mul01 d>mul01 ");
    assert_ok();
}

/* ------------------------------------------------------------------------------------------------------ anomaly --- */

static void the_first_number_that_is_not_finite(void **state) {
    (void)state;
    WK_SCOPE;
    const float big[] = {1, 3e38f, 0, 0};
    wk_tensor *x = wk_from_data(big, WK_SHAPE(2, 2), WK_F32), *nan = wk_full(WK_SHAPE(2), (double)NAN, WK_F64);
    wk_tensor *a = leaf(1e200, "a"), *b = leaf(1e-200, "b"), *loss;
    wk_add(x, x);
    assert_false(wk_set_anomaly(true));
    assert_null(wk_mul_scalar(wk_tanh(wk_add(x, x)), 2));
    assert_fails(WK_ENAN, "add: output (2,2) has inf at [0,1]; a (2,2) is finite, b (2,2) is finite");
    wk_neg(nan);
    assert_fails(WK_ENAN, "neg: output (2) has NaN at [0]; x (2) has NaN");
    loss = wk_mul(wk_mul(wk_mul(a, b), b), wk_scalar(1e250, WK_F64));
    wk_backward(loss);
    assert_ok();
    loss = wk_mul(wk_mul(wk_mul(b, a), b), wk_scalar(1e250, WK_F64));
    wk_backward(wk_mul_scalar(loss, 1e100));
    assert_fails(WK_ENAN, "backward: the gradient of mul with respect to a () has inf at []");
    assert_true(wk_set_anomaly(false));
    wk_neg(nan);
    assert_ok();
}

static void hooked_step(int unused) {
    (void)unused;
    assert_true(wk_grad_enabled());
    WK_SCOPE;
    wk_tensor *x = leaf(3, "x"), *y = wk_mul(x, x), *loss = wk_mul(wk_add(y, x), y);
    seen on_x = {.factor = 2}, on_y = {.other = y, .x = x};
    wk_register_hook(x, look, &on_x);
    wk_register_hook(y, differentiates, &on_y);
    wk_backward(loss);
}

static void memory_runs_out_at_every_block(void **state) {
    (void)state;
    run_out(hooked_step, 0, "hooks");
}

WK_TEST_MAIN("hooks", cmocka_unit_test(the_whole_gradient_once),
             cmocka_unit_test(in_the_order_of_registering_until_removed),
             cmocka_unit_test(a_leafs_hook_comes_at_its_first_user), cmocka_unit_test(of_a_view),
             cmocka_unit_test(with_wk_grad), cmocka_unit_test(a_backward_in_a_hook),
             cmocka_unit_test(what_hooks_may_not_do), cmocka_unit_test(hooks_go_with_what_they_are_for),
             cmocka_unit_test(ops_are_reported), cmocka_unit_test(the_first_number_that_is_not_finite),
             cmocka_unit_test(memory_runs_out_at_every_block))
