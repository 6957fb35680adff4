/* test_scopes.c -- who owns values and how long history lasts: scopes, yields, lists, slots, and programs that would
 * break a simpler design, each with its exact gradient or its exact message. */
#include "tensors.h"

static int64_t bytes_now(void) {
    wk_memory m;
    wk_memory_stats(&m);
    return m.nbytes;
}

/* ---------------------------------------------------------------------------------------------- leaving a block --- */

static int leave_by_return(wk_tensor *x) {
    WK_SCOPE;
    if (wk_item(wk_mul(x, x)) > 0) return 1;
    return 0;
}

static void every_road_out_closes_the_scope(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_scalar(2, WK_F64);
    const int64_t before = bytes_now();
    int rounds = 0;
    for (int i = 0; i < 10; i++) {
        WK_SCOPE;
        wk_mul(x, x);
        rounds++;
        if (i == 2) continue;
        if (i == 5) break;
    }
    assert_int_equal(rounds, 6); /* break leaves the loop, not only the scope */
    assert_int_equal(leave_by_return(x), 1);
    {
        WK_SCOPE;
        wk_mul(x, x);
        goto out;
    }
out:
    assert_int_equal(bytes_now(), before);
    assert_ok();
}

static void a_forgotten_scope_heals(void **state) {
    (void)state;
    const wk_scope outer = wk_scope_open(), inner = wk_scope_open();
    wk_scope_open(); /* never closed by its own mark, as after a longjmp */
    wk_scope_close(outer);
    assert_ok();
    wk_scope_close(inner);
    wk_error e;
    assert_int_equal(wk_check(&e), WK_ESTATE);
}

static void scopes_nest_without_bound(void **state) {
    (void)state;
    const wk_scope outer = wk_scope_open();
    for (int i = 0; i < 100000; i++) wk_scope_open();
    wk_tensor *x = wk_scalar(1, WK_F64);
    assert_close(wk_item(x), 1, 0, "deep inside");
    wk_scope_close(outer);
    assert_ok();
}

/* ------------------------------------------------------------------------------------- history and inner scopes --- */

static wk_tensor *block(wk_tensor *x) {
    WK_SCOPE;
    return wk_yield(wk_tanh(wk_mul(x, x)));
}

static void a_helper_with_a_scope_keeps_the_gradient(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = leaf(0.5, "x");
    wk_backward(block(block(x)));
    const double u = tanh(0.25), expected = (1 - tanh(u * u) * tanh(u * u)) * 2 * u * (1 - u * u);
    assert_close(grad(x), expected, 1e-15, "d block(block(x)) / dx");
    assert_ok();
}

/* A tree by recursion: each node a scope. f(n) = tanh(f(n-1) + f(n-2) * w). */
static wk_tensor *tree(int depth, wk_tensor *w) {
    WK_SCOPE;
    if (depth < 2) return wk_yield(wk_mul(w, w));
    wk_tensor *a = tree(depth - 1, w), *b = tree(depth - 2, w);
    return wk_yield(wk_tanh(wk_add(a, wk_mul(b, w))));
}

static double tree_value(int depth, double w) {
    return depth < 2 ? w * w : tanh(tree_value(depth - 1, w) + tree_value(depth - 2, w) * w);
}

static void recursion_over_a_tree(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(0.3, "w");
    wk_tensor *y = tree(8, w);
    assert_close(wk_item(y), tree_value(8, 0.3), 1e-14, "value");
    wk_backward(y);
    const double h = 1e-6, slope = (tree_value(8, 0.3 + h) - tree_value(8, 0.3 - h)) / (2 * h);
    assert_close(grad(w), slope, 1e-8, "gradient, central difference");
    assert_ok();
}

static void a_list_outlives_the_scopes_that_push(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "w");
    wk_list *ys = wk_list_new();
    for (int t = 1; t <= 40; t++) {
        WK_SCOPE;
        wk_list_push(ys, wk_mul_scalar(wk_mul(w, w), t));
    }
    assert_int_equal(wk_list_length(ys), 40);
    wk_backward(wk_sum(wk_stack(ys, 0)));
    assert_close(grad(w), 820 * 2 * 2, 0, "sum of 1..40 times 2w");
    assert_ok();
}

static void a_kept_value_has_lost_its_history(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(3, "w"), *h = NULL;
    {
        WK_SCOPE;
        wk_tensor *t = wk_mul(w, w);
        wk_set_name(t, "h");
        wk_keep(&h, t);
    }
    assert_close(wk_item(h), 9, 0, "the value lives");
    wk_backward(wk_mul(h, w));
    assert_fails(WK_ECUT, "backward: h () comes from a scope that has closed: wk_detach it when you keep it");
    wk_keep(&h, wk_detach(h));
    wk_backward(wk_mul(h, w));
    assert_close(grad(w), 9, 0, "detached: a constant");
    wk_release(&h);
    assert_ok();
}

static void backward_from_an_inner_scope_reaches_outer_nodes(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "w"), *y = wk_mul(w, w);
    {
        WK_SCOPE;
        wk_backward(wk_mul(y, w));
    }
    assert_close(grad(w), 12, 0, "d w^3");
    assert_ok();
}

static void a_write_in_an_inner_scope_belongs_to_the_outer_one(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(2, "w"), *y = wk_scalar(0, WK_F64);
    {
        WK_SCOPE;
        wk_copy_(y, wk_mul(w, w));
    }
    wk_backward(y);
    assert_close(grad(w), 4, 0, "d w^2");
    assert_ok();
}

/* ---------------------------------------------------------------------------------------------- use after close --- */

static void a_tensor_after_its_scope(void **state) {
    (void)state;
    wk_tensor *gone;
    {
        WK_SCOPE;
        gone = wk_scalar(1, WK_F64);
    }
    WK_SCOPE;
    wk_neg(gone);
    assert_fails(WK_ECLOSED, "neg: x is used after its scope closed: wk_yield or wk_keep it");
    assert_int_equal(wk_ndim(gone), 0);
    assert_null(wk_dims(gone));
}

static void dropping_gives_memory_back_early(void **state) {
    (void)state;
    WK_SCOPE;
    const int64_t before = bytes_now();
    wk_tensor *t = wk_zeros(WK_SHAPE(1000), WK_F32);
    assert_true(bytes_now() > before + 3999);
    wk_drop(t);
    assert_int_equal(bytes_now(), before);
    assert_ok();
}

/* ----------------------------------------------------------------------------------------------------- contexts --- */

static void contexts_do_not_meet(void **state) {
    (void)state;
    wk_ctx *other = wk_ctx_new();
    wk_tensor *mine = wk_scalar(1, WK_F64);
    wk_ctx *before = wk_ctx_use(other);
    wk_neg(mine);
    assert_fails(WK_ECONTEXT, "neg: x belongs to another context than the current one: "
                              "wk_ctx_use that, or wk_share or wk_send x there");
    wk_matmul(NULL, NULL); /* fails here, in the other context only */
    wk_ctx_use(before);
    assert_true(wk_ok());
    wk_ctx_free(other);
    wk_drop(mine);
    assert_ok();
}

/* --------------------------------------------------------------------------------------------------- a long run --- */

/* Bytes of the process that are in memory now; 0 where the system does not tell. */
static int64_t resident_nbytes(void) {
    long long whole, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lld %lld", &whole, &resident) != 2) resident = 0;
    if (file != NULL) fclose(file);
    return resident * 4096;
}

static void a_million_steps_stay_flat(void **state) {
    (void)state;
    int64_t resident = 0;
    WK_SCOPE;
    wk_manual_seed(1);
    wk_tensor *w = leaf(0.9, "w"), *h = NULL;
    wk_memory early, late;
    for (int i = 0; i < 1000000 && wk_ok(); i++) {
        WK_SCOPE;
        wk_tensor *y = h != NULL ? h : w;
        for (int64_t t = wk_randint(1, 4); t > 0; t--) y = wk_tanh(wk_mul(y, w));
        wk_backward(y);
        wk_zero_grad(w);
        wk_keep(&h, wk_detach(y));
        if (i == 1000) wk_memory_stats(&early), resident = resident_nbytes();
    }
    wk_memory_stats(&late);
    assert_int_equal(late.system_calls, early.system_calls);
    assert_int_equal(late.peak_nbytes, early.peak_nbytes);
    assert_true(resident_nbytes() - resident < 256 * 1024); /* a byte for each step would be four times that */
    wk_release(&h);
    assert_ok();
}

WK_TEST_MAIN("scopes", cmocka_unit_test(every_road_out_closes_the_scope), cmocka_unit_test(a_forgotten_scope_heals),
             cmocka_unit_test(scopes_nest_without_bound), cmocka_unit_test(a_helper_with_a_scope_keeps_the_gradient),
             cmocka_unit_test(recursion_over_a_tree), cmocka_unit_test(a_list_outlives_the_scopes_that_push),
             cmocka_unit_test(a_kept_value_has_lost_its_history),
             cmocka_unit_test(backward_from_an_inner_scope_reaches_outer_nodes),
             cmocka_unit_test(a_write_in_an_inner_scope_belongs_to_the_outer_one),
             cmocka_unit_test(a_tensor_after_its_scope), cmocka_unit_test(dropping_gives_memory_back_early),
             cmocka_unit_test(contexts_do_not_meet), cmocka_unit_test(a_million_steps_stay_flat))
