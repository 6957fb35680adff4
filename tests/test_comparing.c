/* test_comparing.c -- what ops.txt cannot say of comparisons: whole numbers beside any number, the larger functions
 * made of them, conditions, masks, and what is refused. */
#include "support.h"

static wk_tensor *whole(wk_dtype dtype) { return wk_cast(wk_arange(-1, 4, 1, WK_I64), dtype); }

/* The bools of t, as digits. */
static const char *digits(wk_tensor *t, char text[16]) {
    assert_ok();
    assert_int_equal(wk_dtype_of(t), WK_BOOL);
    for (int64_t i = 0; i < wk_numel(t); i++) text[i] = (char)('0' + (wk_get_f64(t, &i) != 0));
    text[wk_numel(t)] = '\0';
    return text;
}

static void whole_numbers_beside_others(void **state) {
    (void)state;
    WK_SCOPE;
    char text[16];
    wk_tensor *x = whole(WK_I64), *bytes = whole(WK_U8), *truth = whole(WK_BOOL); /* -1 0 1 2 3; 255 for -1 */
    assert_string_equal(digits(wk_lt_scalar(x, 1.5), text), "11100");
    assert_string_equal(digits(wk_ge_scalar(x, 1.5), text), "00011");
    assert_string_equal(digits(wk_eq_scalar(x, 0.5), text), "00000");
    assert_string_equal(digits(wk_ne_scalar(x, 2), text), "11101");
    assert_string_equal(digits(wk_gt_scalar(x, (double)-INFINITY), text), "11111");
    assert_string_equal(digits(wk_le_scalar(x, (double)NAN), text), "00000");
    assert_string_equal(digits(wk_lt_scalar(bytes, 256), text), "11111");
    assert_string_equal(digits(wk_eq_scalar(bytes, -1), text), "00000");
    assert_string_equal(digits(wk_lt_scalar(truth, 2), text), "11111");
    assert_string_equal(digits(wk_eq_scalar(truth, 1), text), "10111");
    const int64_t large[] = {INT64_MAX, INT64_MAX - 1, (INT64_C(1) << 53) + 1};
    wk_tensor *most = wk_from_data(large, WK_SHAPE(3), WK_I64);
    assert_string_equal(digits(wk_lt_scalar(most, 0x1p63), text), "111");
    assert_string_equal(digits(wk_eq_scalar(most, 0x1p53), text), "000");
    assert_string_equal(digits(wk_eq_scalar(wk_scalar(0.1, WK_F32), 0.1), text), "1"); /* s is rounded */
}

static void as_a_whole(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_full(WK_SHAPE(2, 3), 1, WK_F32), *b = wk_full(WK_SHAPE(2, 3), 1.001, WK_F64);
    assert_true(wk_equal(a, wk_ones(WK_SHAPE(2, 3), WK_I32)));
    assert_false(wk_equal(a, b));
    assert_false(wk_equal(a, wk_ones(WK_SHAPE(3), WK_F32)));
    assert_true(wk_equal(wk_zeros(WK_SHAPE(0), WK_F32), wk_zeros(WK_SHAPE(0), WK_F32)));
    assert_true(wk_allclose(a, b, 0.01, 0, false));
    assert_false(wk_allclose(a, b, 0, 1e-4, false));
    wk_tensor *nan = wk_scalar((double)NAN, WK_F32);
    assert_false(wk_allclose(nan, nan, 0, 0, false));
    assert_true(wk_allclose(nan, nan, 0, 0, true));
    assert_true(wk_allclose(wk_scalar(1000, WK_I64), wk_scalar(1001, WK_I64), 1e-3, 0, false));
    assert_ok();
    assert_false(wk_allclose(a, a, -1, 0, false));
    assert_fails(WK_EINVAL, "allclose: rtol is -1, below 0");
    assert_false(wk_equal(a, NULL));
    assert_fails(WK_EINVAL, "equal: b is NULL");
}

/* A gradient goes only where the value came from: through 1/x and log x at 0, too. */
static void gradients_of_what_was_chosen(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_arange(0, 3, 1, WK_F32), true);
    wk_tensor *one = wk_scalar(1, WK_F32), *inside = wk_gt_scalar(x, 0);
    wk_tensor *y = wk_where(inside, wk_log(wk_where(inside, x, one)), wk_cast(one, WK_F64));
    wk_backward(wk_sum(y));
    assert_ok();
    const float want[] = {0, 1, 0.5f};
    assert_all_close((const float *)wk_data(wk_grad_of(x)), want, 3, 0, "1/x but at 0");
    assert_false(wk_requires_grad(inside));
}

static void masks(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_full(WK_SHAPE(2, 2), 3, WK_F16), true);
    wk_tensor *mask = wk_from_data((const int64_t[]){0, 7}, WK_SHAPE(2), WK_I64);
    wk_tensor *y = wk_masked_fill(x, mask, (double)-INFINITY);
    wk_backward(wk_sum(wk_cast(wk_where(wk_isfinite(y), y, wk_scalar(0, WK_F16)), WK_F32)));
    assert_ok();
    assert_int_equal(wk_dtype_of(y), WK_F16);
    assert_close(wk_get_f64(y, (const int64_t[]){1, 0}), 3, 0, "kept");
    assert_close(wk_get_f64(y, (const int64_t[]){1, 1}), (double)-INFINITY, 0, "filled");
    assert_close(wk_get_f64(wk_grad_of(x), (const int64_t[]){1, 0}), 1, 0, "gradient of what was kept");
    assert_close(wk_get_f64(wk_grad_of(x), (const int64_t[]){1, 1}), 0, 0, "gradient of what was filled");
}

/* Rows of numbers, conditions and indices as one recorded step. */
static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    WK_NO_GRAD;
    wk_tensor *x = in[0], *above = wk_gt_scalar(x, 0.5), *either = wk_logical_or(above, wk_lt(x, wk_square(x)));
    out[0] = wk_where(above, wk_div_scalar(x, 2), wk_rsub_scalar(x, 1));
    out[1] = wk_cast(wk_all_dims(either, WK_SHAPE(0), false), WK_F32);
    out[2] = wk_einsum("ij,kj->ik", 2, (wk_tensor *const[]){x, wk_masked_fill(x, above, -1)});
    return true;
}

static void in_a_plan(void **state) {
    (void)state;
    wk_plan *plan = wk_plan_new(step, NULL, 1, 3, NULL);
    for (int run = 0; run < 4; run++) {
        WK_SCOPE;
        wk_tensor *x = wk_rand(WK_SHAPE(3, 4), WK_F32), *planned[3], *eager[3];
        wk_plan_run(plan, &x, planned);
        step(NULL, &x, eager);
        for (int i = 0; i < 3; i++) assert_true(wk_equal(planned[i], eager[i]));
        assert_ok();
    }
    wk_plan_free(plan);
}

static void what_is_refused(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_ones(WK_SHAPE(2, 3), WK_F32), *b = wk_ones(WK_SHAPE(4), WK_F32);
    wk_lt(a, b);
    assert_fails(WK_ESHAPE, "lt: shapes a (2,3) and b (4) do not broadcast");
    wk_where(a, a, a);
    assert_fails(WK_EDTYPE, "where: condition has type f32, not bool: compare it with something");
    wk_where(wk_eq(b, b), a, a);
    assert_fails(WK_ESHAPE, "where: shapes condition (4), a (2,3) and b (2,3) do not broadcast");
    wk_where(wk_eq(a, a), a, NULL);
    assert_fails(WK_EINVAL, "where: b is NULL");
    wk_any_dims(a, WK_SHAPE(1, -1), false);
    assert_fails(WK_EINVAL, "any_dims: dimension -1 is named twice");
    wk_all_dims(a, WK_SHAPE(2), false);
    assert_fails(WK_EINDEX, "all_dims: x (2,3) has no dimension 2");
    wk_isclose(a, b, 0, 0, false);
    assert_fails(WK_ESHAPE, "isclose: shapes a (2,3) and b (4) do not broadcast");
}

WK_TEST_MAIN("comparing", cmocka_unit_test(whole_numbers_beside_others), cmocka_unit_test(as_a_whole),
             cmocka_unit_test(gradients_of_what_was_chosen), cmocka_unit_test(masks), cmocka_unit_test(in_a_plan),
             cmocka_unit_test(what_is_refused))
