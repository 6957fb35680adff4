/* test_draws.c -- random numbers come in the order of the program: called one by one, in a batch, in a checkpoint that
 * draws them twice, in a plan. Which numbers these are is for test_rng and test_ops. */
#include "support.h"

enum { ROUNDS = 3, NUMBERS = 12 };
typedef enum way { EAGER, BATCH, CHECKPOINT, CHECKPOINT_IN_BATCH, PLAN } way;

/* Of two masks of one shape, which a batch runs as one call, and one of another. x is 1: y is 2 m1 + 20 m2, and so is
 * its gradient. */
static bool masks(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *a = wk_dropout(in[0], 0.5, true), *other = wk_dropout(wk_ones(WK_SHAPE(NUMBERS), WK_F64), 0.5, true);
    out[0] = wk_add(a, wk_mul_scalar(wk_dropout(in[0], 0.5, true), 10));
    wk_tensor *p = wk_exponential(2, WK_SHAPE(3, 6), WK_F64);
    wk_tensor *drawn = wk_add(wk_multinomial(p, 4, false), wk_mul_scalar(wk_multinomial(p, 4, true), 10));
    out[1] = wk_mul(wk_reshape(other, WK_SHAPE(3, 4)), wk_rand(WK_SHAPE(3, 4), WK_F64));
    out[1] = wk_add(out[1], drawn);
    return true;
}

static void draw(way w, wk_plan *plan, wk_tensor *x, wk_tensor **out) {
    if (w == PLAN)
        wk_plan_run(plan, &x, out);
    else if (w == CHECKPOINT || w == CHECKPOINT_IN_BATCH)
        wk_checkpoint(masks, NULL, &x, 1, out, 2);
    else
        masks(NULL, &x, out);
}

/* dy/dx = y / x, and x is 1. */
static void check_gradients(wk_tensor *(*out)[2], wk_tensor *const *x) {
    wk_list *all = wk_list_new();
    for (int i = 0; i < ROUNDS; i++) wk_list_push(all, out[i][0]);
    wk_backward(wk_sum(wk_stack(all, 0)));
    for (int i = 0; i < ROUNDS; i++)
        for (int64_t n = 0; n < NUMBERS; n++) {
            const int64_t at[] = {n / 4, n % 4};
            assert_close(wk_get_f64(wk_grad_of(x[i]), at), wk_get_f64(out[i][0], at), 0, "the masks of backward");
        }
}

static void drawn(way w, double (*values)[2][NUMBERS], double *after) {
    wk_plan *plan = wk_plan_new(masks, NULL, 1, 2, NULL);
    const wk_scope scope = w == BATCH || w == CHECKPOINT_IN_BATCH ? wk_batch_open() : wk_scope_open();
    wk_tensor *x[ROUNDS], *out[ROUNDS][2];
    wk_manual_seed(5);
    for (int i = 0; i < ROUNDS; i++) {
        x[i] = wk_requires_grad_(wk_ones(WK_SHAPE(3, 4), WK_F64), w != PLAN);
        draw(w, plan, x[i], out[i]);
    }
    *after = wk_item(wk_rand(WK_SCALAR, WK_F64));
    for (int i = 0; i < ROUNDS; i++)
        for (int k = 0; k < 2; k++) wk_read(out[i][k], values[i][k], sizeof values[i][k]);
    if (w != PLAN) check_gradients(out, x);
    wk_scope_close(scope);
    wk_plan_free(plan);
    assert_ok();
}

static void every_way_draws_the_same_numbers(void **state) {
    (void)state;
    double expected[ROUNDS][2][NUMBERS], found[ROUNDS][2][NUMBERS], after, after_too;
    drawn(EAGER, expected, &after);
    for (way w = BATCH; w <= PLAN; w++) {
        drawn(w, found, &after_too);
        for (int i = 0; i < ROUNDS; i++)
            for (int n = 0; n < NUMBERS; n++) {
                assert_close(found[i][0][n], expected[i][0][n], 0, "two masks of one shape");
                assert_close(found[i][1][n], expected[i][1][n], 0, "another, and uniform numbers");
            }
        assert_close(after_too, after, 0, "the stream goes on where it did");
    }
}

static void assert_draws(wk_tensor *y, const int64_t *expected) {
    for (int64_t i = 0; i < wk_numel(y); i++)
        assert_int_equal(wk_get_f64(wk_reshape(y, WK_SHAPE(-1)), &i), expected[i]);
}

/* torch.manual_seed(4); torch.multinomial(p, ...); an index with no chance does not come. */
static void multinomial_as_pytorch(void **state) {
    (void)state;
    WK_SCOPE;
    const float chances[] = {.1f, 0, .4f, .2f, .3f, 5, 1, 1, 1, 2};
    wk_tensor *p = wk_from_data(chances, WK_SHAPE(2, 5), WK_F32);
    wk_manual_seed(4);
    assert_draws(wk_multinomial(p, 1, false), (const int64_t[]){2, 3});
    wk_manual_seed(4);
    assert_draws(wk_multinomial(p, 3, false), (const int64_t[]){2, 0, 4, 3, 0, 4});
    wk_manual_seed(4);
    assert_draws(wk_multinomial(p, 6, true), (const int64_t[]){2, 4, 0, 4, 4, 3, 0, 3, 0, 0, 0, 4});
    assert_ok();
    wk_multinomial(wk_select(p, 0, 0), 5, false);
    assert_fails(WK_EINVAL, "multinomial: a row of p has 4 positive elements, and 5 are to be drawn");
    wk_multinomial(wk_neg(p), 1, false);
    assert_fails(WK_EINVAL, "multinomial: p has -0.1, element 0 of a row: no chance");
    wk_multinomial(p, 6, false);
    assert_fails(WK_EINVAL, "multinomial: 6 samples cannot be drawn of 5 without replacement");
    wk_multinomial(wk_zeros(WK_SHAPE(2, 0), WK_F32), 1, true);
    assert_fails(WK_ESHAPE, "multinomial: p is (2,0) and must be (V) or (N,V)");
    wk_exponential(0, WK_SHAPE(2), WK_F32);
    assert_fails(WK_EINVAL, "exponential: rate is 0, not above 0");
}

/* Contexts that were given no seed draw different numbers. */
static void no_two_streams_are_alike(void **state) {
    (void)state;
    wk_ctx *ctx[2] = {wk_ctx_new(), wk_ctx_new()}, *before = wk_ctx_use(ctx[0]);
    const uint64_t seed = wk_initial_seed();
    const int64_t first = wk_randint(0, INT64_C(1) << 40);
    wk_ctx_use(ctx[1]);
    assert_true(wk_initial_seed() != seed);
    assert_true(wk_randint(0, INT64_C(1) << 40) != first);
    wk_manual_seed(seed);
    assert_true(wk_randint(0, INT64_C(1) << 40) == first);
    wk_ctx_use(before);
    for (int i = 0; i < 2; i++) wk_ctx_free(ctx[i]);
    assert_ok();
}

WK_TEST_MAIN("draws", cmocka_unit_test(every_way_draws_the_same_numbers), cmocka_unit_test(multinomial_as_pytorch),
             cmocka_unit_test(no_two_streams_are_alike))
