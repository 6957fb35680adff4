/* test_recompute.c -- functions that are run again instead of remembered, and that have a gradient of their own. */
#include "injection.h"

typedef struct block {
    wk_tensor *w;
    int runs;
    bool noisy, grows;
    struct block *inside; /* runs after this one, in a checkpoint in this one's */
} block;

static wk_tensor *layer(block *b, wk_tensor *x) {
    wk_tensor *y = wk_tanh(wk_matmul(x, b->w));
    if (b->noisy) y = wk_mul(y, wk_rand(wk_ndim(y), wk_dims(y), wk_dtype_of(y)));
    return y;
}

static bool apply(void *user, wk_tensor *const *in, wk_tensor **out) {
    block *b = user;
    b->runs++;
    out[0] = layer(b, in[0]);
    wk_tensor *x = out[0];
    if (b->inside != NULL) return wk_checkpoint(apply, b->inside, &x, 1, out, 1) == WK_OK;
    if (b->grows && b->runs > 1) out[0] = wk_sum(out[0]);
    return true;
}

static wk_tensor *values(int64_t n, double scale) {
    wk_tensor *t = wk_empty(WK_SHAPE(n, n), WK_F64);
    double *data = wk_data_mut(t);
    for (int64_t e = 0; e < n * n; e++) data[e] = scale * cos(1.3 * (double)e);
    return wk_requires_grad_(t, true);
}

static void assert_same(wk_tensor *a, wk_tensor *b, const char *what) {
    for (int64_t i = 0; i < wk_dim(a, 0); i++)
        for (int64_t j = 0; j < wk_dim(a, 1); j++)
            assert_close(wk_get_f64(a, (const int64_t[]){i, j}), wk_get_f64(b, (const int64_t[]){i, j}), 0, what);
}

/* Gradients of x and w by wk_grad, of sum(block(x)^2), remembered or run again. */
static void gradients(block *b, wk_tensor *x, bool again, wk_tensor **g) {
    wk_tensor *y, *xs[] = {x, b->w};
    wk_manual_seed(7);
    if (again) wk_checkpoint(apply, b, &x, 1, &y, 1);
    else apply(b, &x, &y);
    wk_grad(wk_sum(wk_mul(y, y)), xs, 2, g, 0);
    assert_ok();
}

static void as_if_remembered(void **state) {
    (void)state;
    for (int inner = 0; inner < 3; inner++) {
        WK_SCOPE;
        wk_tensor *w = values(3, 0.7);
        block c = {.w = w, .noisy = true}, b = {.w = w, .inside = &c}, a = {.w = w, .noisy = true, .inside = &b};
        block *const outermost[] = {&c, &b, &a};
        wk_tensor *x = values(3, 0.4), *plain[2], *again[2];
        gradients(outermost[inner], x, false, plain);
        const double next = wk_item(wk_rand(WK_SCALAR, WK_F64));
        gradients(outermost[inner], x, true, again);
        assert_close(wk_item(wk_rand(WK_SCALAR, WK_F64)), next, 0, "the stream goes on where it did");
        assert_same(plain[0], again[0], "x");
        assert_same(plain[1], again[1], "w, which is not among the inputs");
        assert_ok();
    }
}

static bool checkpointed(void *user, wk_tensor *const *in, wk_tensor **out) {
    block *b = user;
    b->w = b->inside->w = in[1];
    return wk_checkpoint(apply, user, in, 1, out, 1) == WK_OK;
}

static void differences_agree(void **state) {
    (void)state;
    WK_SCOPE;
    block inside = {.noisy = true}, b = {.noisy = true, .inside = &inside};
    wk_tensor *in[] = {values(2, 0.4), values(2, 0.7)};
    wk_gradcheck(checkpointed, &b, in, 2, 1, NULL);
    assert_ok();
    wk_gradgradcheck(checkpointed, &b, in, 2, 1, NULL);
    assert_ok();
}

/* Bytes at most for 64 layers, 8 to a checkpoint or none. */
static bool eight(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = in[0];
    for (int i = 0; i < 8; i++) out[0] = layer(user, out[0]);
    return true;
}

static int64_t peak(block *b, wk_tensor *x, bool again) {
    WK_SCOPE;
    wk_memory before, after;
    wk_tensor *y = x;
    wk_memory_reset_peak();
    wk_memory_stats(&before);
    for (int i = 0; i < 8; i++) {
        WK_SCOPE;
        wk_tensor *in = y;
        if (again) wk_checkpoint(eight, b, &in, 1, &y, 1);
        else eight(b, &in, &y);
        wk_yield(y);
    }
    wk_backward(wk_sum(y));
    wk_memory_stats(&after);
    assert_ok();
    return after.peak_nbytes - before.nbytes;
}

static void memory_is_less(void **state) {
    (void)state;
    WK_SCOPE;
    block b = {.w = values(64, 0.1)};
    wk_tensor *x = values(64, 0.5);
    const int64_t remembered = peak(&b, x, false);
    wk_tensor *gx = wk_add(wk_grad_of(x), wk_zeros(WK_SHAPE(64, 64), WK_F64));
    wk_zero_grad(x), wk_zero_grad(b.w);
    const int64_t again = peak(&b, x, true);
    assert_same(gx, wk_grad_of(x), "gradient");
    print_message("# peak %lld KB remembered, %lld KB run again\n", (long long)remembered / 1024,
                  (long long)again / 1024);
    assert_true(again < remembered / 2);
}

static bool gives_up(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = in[0];
    return ++((block *)user)->runs == 1;
}

static void what_goes_wrong(void **state) {
    (void)state;
    WK_SCOPE;
    block b = {.w = values(2, 0.7), .grows = true}, quits = {.runs = 0};
    wk_tensor *x = values(2, 0.4), *none = NULL, *y;
    wk_checkpoint(apply, &b, &x, 1, &y, 1);
    wk_backward(wk_sum(y));
    assert_fails(WK_ESTATE, "backward: checkpoint: output 0 was (2,2) the first time and is () the second");
    b.grows = false;
    wk_checkpoint(apply, &b, &x, 1, &y, 1);
    {
        WK_NO_GRAD;
        wk_copy_(b.w, x);
    }
    wk_backward(wk_sum(y));
    assert_fails(WK_EVERSION, "backward: checkpoint needs a tensor (2,2) as it was, but copy_ changed it in place: "
                              "take the gradients before the change, or change a copy");
    wk_checkpoint(gives_up, &quits, &x, 1, &y, 1);
    wk_backward(wk_sum(y));
    assert_fails(WK_EINVAL, "checkpoint: the function returned false");
    wk_checkpoint(apply, &b, &none, 1, &y, 1);
    assert_fails(WK_EINVAL, "checkpoint: an input is NULL");
    wk_checkpoint(apply, &b, &x, 1, (wk_tensor *[4]){NULL}, 4);
    assert_fails(WK_EINVAL, "checkpoint: a function, inputs or outputs is NULL, or there are not 1 to 3 outputs");
    WK_NO_GRAD;
    assert_int_equal(wk_checkpoint(apply, &b, &x, 1, &y, 1), WK_OK);
    assert_false(wk_requires_grad(y));
    assert_ok();
}

/* ----------------------------------------------------------------------------------- with a gradient of its own --- */

/* y = exp x and s = sum y, by the C library: nothing of it is recorded. */
static bool exponential(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_empty(wk_ndim(in[0]), wk_dims(in[0]), WK_F64);
    const double *x = wk_data(in[0]);
    double *y = wk_data_mut(out[0]);
    for (int64_t e = 0; e < wk_numel(in[0]); e++) y[e] = exp(x[e]);
    out[1] = wk_sum(out[0]);
    return true;
}

static bool its_gradient(void *user, wk_tensor *const *in, wk_tensor *const *out, wk_tensor *const *gy,
                         wk_tensor **gx) {
    wk_tensor *gs = gy[1] != NULL ? wk_expand(gy[1], wk_ndim(in[0]), wk_dims(in[0])) : NULL;
    wk_tensor *g = gy[0] == NULL ? gs : gs == NULL ? gy[0] : wk_add(gy[0], gs);
    gx[0] = user == NULL ? wk_mul(g, out[0]) : wk_sum(g);
    return true;
}

static bool use_exponential(void *user, wk_tensor *const *in, wk_tensor **out) {
    return wk_function_apply(exponential, its_gradient, user, in, 1, out, 2) == WK_OK;
}

static void a_gradient_of_its_own(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = values(2, 0.4), *out[2];
    wk_gradcheck(use_exponential, NULL, &x, 1, 2, NULL);
    assert_ok();
    wk_gradgradcheck(use_exponential, NULL, &x, 1, 2, NULL);
    assert_ok();
    use_exponential(x, &x, out);
    wk_backward(out[1]);
    assert_fails(WK_ESHAPE, "function_apply: backward gives input 0 (2,2) of type f64 a gradient () of type f64");
    wk_function_apply(exponential, NULL, NULL, &x, 1, out, 2);
    assert_fails(WK_EINVAL, "function_apply: a function, inputs or outputs is NULL, or there are not 1 to 3 outputs");
    wk_function_apply(gives_up, its_gradient, &(block){.runs = 1}, &x, 1, out, 1);
    assert_fails(WK_EINVAL, "function_apply: the function returned false");
}

static void step(block *b, wk_tensor *x) {
    WK_SCOPE;
    wk_tensor *y = NULL;
    wk_checkpoint(apply, b, &x, 1, &y, 1);
    wk_backward(wk_sum(y));
}

static void recomputed(int unused) {
    (void)unused;
    WK_SCOPE;
    wk_tensor *w = wk_requires_grad_(wk_full(WK_SHAPE(2, 2), 0.7, WK_F64), true);
    block c = {.w = w, .noisy = true}, b = {.w = w, .inside = &c};
    step(&b, wk_requires_grad_(wk_full(WK_SHAPE(2, 2), 0.4, WK_F64), true));
}

static void memory_runs_out_at_every_block(void **state) {
    (void)state;
    run_out(recomputed, 0, "recomputation");
}

WK_TEST_MAIN("recompute", cmocka_unit_test(as_if_remembered), cmocka_unit_test(differences_agree),
             cmocka_unit_test(memory_is_less), cmocka_unit_test(what_goes_wrong),
             cmocka_unit_test(a_gradient_of_its_own),
             cmocka_unit_test(memory_runs_out_at_every_block))
