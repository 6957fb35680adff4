/* test_reductions.c -- what ops.txt cannot say of reductions, losses and dropout: empty and wrong arguments, NaN, exact
 * sums, indices of equal elements, options, masks. */
#include "support.h"

static wk_tensor *zeros(int32_t ndim, const int64_t *dims) { return wk_zeros(ndim, dims, WK_F32); }

static wk_tensor *row(const float *values, int64_t n) { return wk_from_data(values, WK_SHAPE(n), WK_F32); }

static void of_nothing(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *none = zeros(WK_SHAPE(0, 3)), *mean = wk_mean_dims(none, WK_SHAPE(0), false);
    assert_int_equal(wk_numel(mean), 3);
    assert_true(isnan(wk_get_f64(mean, (const int64_t[]){2})));
    assert_close(wk_item(wk_prod(none)), 1, 0, "prod");
    assert_close(wk_item(wk_logsumexp(none, 0, NULL, false)), (double)-INFINITY, 0, "logsumexp");
    assert_close(wk_item(wk_norm(none, 2, 0, NULL, false)), 0, 0, "norm");
    assert_ok();
    wk_max(none);
    assert_fails(WK_ESHAPE, "max: x (0,3): there is no element to choose");
    wk_amin(none, WK_SHAPE(0), true);
    assert_fails(WK_ESHAPE, "amin: x (0,3): there is no element to choose");
    wk_argmax_dim(none, 0, false);
    assert_fails(WK_ESHAPE, "argmax_dim: x (0,3): there is no element to choose");
    assert_int_equal(wk_numel(wk_max_dim(none, 1, false, NULL)), 0);
    assert_ok();
}

static void wrong_arguments(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *m = zeros(WK_SHAPE(2, 3)), *i = wk_zeros(WK_SHAPE(2), WK_I64);
    wk_sum_dims(m, WK_SHAPE(1, -1), false);
    assert_fails(WK_EINVAL, "sum_dims: dimension -1 is named twice");
    wk_mean_dims(m, WK_SHAPE(2), false);
    assert_fails(WK_EINDEX, "mean_dims: x (2,3) has no dimension 2");
    wk_softmax(m, -3);
    assert_fails(WK_EINDEX, "softmax: x (2,3) has no dimension -3");
    wk_softmax(i, 0);
    assert_fails(WK_EDTYPE, "softmax: x has type i64, not a floating one: wk_cast it");
    wk_norm(m, (double)NAN, 0, NULL, false);
    assert_fails(WK_EINVAL, "norm: p is NaN");
    wk_dropout(m, 1.5, true);
    assert_fails(WK_EINVAL, "dropout: p is 1.5, not a probability from 0 to 1");
    wk_bmm(m, m);
    assert_fails(WK_ESHAPE, "bmm: a (2,3) and b (2,3): they must be (B,M,K) and (B,K,N)");
    wk_matmul(m, zeros(WK_SHAPE(5, 2, 2)));
    assert_fails(WK_ESHAPE, "matmul: a (2,3) and b (5,2,2): inner sizes 3 and 2 differ");
    wk_matmul(zeros(WK_SHAPE(4, 2, 3)), zeros(WK_SHAPE(5, 3, 2)));
    assert_fails(WK_ESHAPE, "matmul: a (4,2,3) and b (5,3,2): batches do not broadcast");
    wk_l1_loss(zeros(WK_SHAPE(4, 1)), zeros(WK_SHAPE(4)));
    assert_fails(WK_ESHAPE, "l1_loss: x (4,1) and target (4) differ: give both one shape");
}

static void wrong_targets(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *scores = zeros(WK_SHAPE(2, 3));
    const int64_t beyond[] = {1, 3};
    wk_tensor *target = wk_from_data(beyond, WK_SHAPE(2), WK_I64);
    wk_cross_entropy(scores, target);
    assert_fails(WK_EINDEX, "cross_entropy: target 3, element 1, is not one of 3 classes");
    wk_nll_loss(scores, target);
    assert_fails(WK_EINDEX, "nll_loss: target 3, element 1, is not one of 3 classes");
    wk_nll_loss(scores, wk_zeros(WK_SHAPE(3), WK_I64));
    assert_fails(WK_ESHAPE, "nll_loss: scores (2,3) and targets (3): targets have the shape of (N,C,...) without C");
    wk_nll_loss(scores, zeros(WK_SHAPE(2)));
    assert_fails(WK_EDTYPE, "nll_loss: target has type f32, not i64: wk_cast it");
    wk_loss_options o = WK_LOSS_OPTIONS;
    o.label_smoothing = 2;
    wk_cross_entropy_options(scores, target, &o);
    assert_fails(WK_EINVAL, "cross_entropy: label_smoothing is 2, not from 0 to 1");
}

static void options(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = row((const float[]){1, 2, 4}, 3), *t = row((const float[]){0, 0, 1}, 3);
    wk_loss_options o = WK_LOSS_OPTIONS;
    o.reduction = WK_REDUCTION_SUM;
    assert_close(wk_item(wk_mse_loss_options(x, t, &o)), 14, 0, "1 + 4 + 9");
    assert_close(wk_item(wk_l1_loss_options(x, t, &o)), 6, 0, "1 + 2 + 3");
    o.reduction = WK_REDUCTION_NONE;
    assert_int_equal(wk_numel(wk_mse_loss_options(x, t, &o)), 3);
    o.ignore_index = 0;
    o.reduction = WK_REDUCTION_MEAN;
    assert_true(isnan(wk_item(wk_nll_loss_options(zeros(WK_SHAPE(2, 3)), wk_zeros(WK_SHAPE(2), WK_I64), &o))));
    o.size = 1;
    wk_l1_loss_options(x, t, &o);
    assert_fails(WK_EINVAL, "l1_loss: the options have no size: begin them with the WK_..._OPTIONS macro");
}

/* A caller who knows fewer options, and one who knows more. */
static void losses_of_other_versions(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = row((const float[]){1, 2, 4}, 3), *t = row((const float[]){0, 0, 1}, 3);
    struct {
        wk_loss_options known;
        int64_t later;
    } o = {WK_LOSS_OPTIONS, 0};
    o.known.reduction = WK_REDUCTION_SUM;
    o.known.beta = 0.5; /* lies behind the size that follows */
    o.known.size = offsetof(wk_loss_options, beta);
    assert_close(wk_item(wk_smooth_l1_loss_options(x, t, &o.known)), 4.5, 0, "0.5 + 1.5 + 2.5, beta 1");
    o.known.size = sizeof o;
    assert_close(wk_item(wk_smooth_l1_loss_options(x, t, &o.known)), 5.25, 0, "0.75 + 1.75 + 2.75, beta 0.5");
    o.later = 1;
    assert_null(wk_mse_loss_options(x, t, &o.known));
    assert_fails(WK_EINVAL, "mse_loss: the options use a field that this version of wick does not know");
}

static void nan_wins(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = row((const float[]){1, NAN, 3, NAN}, 4), *index;
    assert_true(isnan(wk_item(wk_max(x))) && isnan(wk_item(wk_min(x))));
    assert_true(isnan(wk_item(wk_max_dim(x, 0, false, &index))));
    assert_close(wk_item(index), 1, 0, "the first NaN");
    assert_true(isnan(wk_item(wk_logsumexp(x, 0, NULL, false))) && isnan(wk_item(wk_sum(wk_softmax(x, 0)))));
    assert_close(wk_item(wk_argmax(row((const float[]){2, 5, 5, 1}, 4))), 1, 0, "the first of equals");
    assert_ok();
}

/* In f32 one sum after the other stands still at 2^24 and is wrong by percents long before. */
static void long_sums(void **state) {
    (void)state;
    WK_SCOPE;
    WK_NO_GRAD;
    enum { N = 2000000, COLUMNS = 3 };
    wk_tensor *x = wk_full(WK_SHAPE(N, COLUMNS), 0.1, WK_F32), *columns = wk_sum_dims(x, WK_SHAPE(0), false);
    const double expected = N * (double)0.1f;
    assert_close(wk_item(wk_sum(x)) / (COLUMNS * expected), 1, 2e-6, "of all: 128 additions and then in double");
    for (int64_t c = 0; c < COLUMNS; c++)
        assert_close(wk_get_f64(columns, &c) / expected, 1, 3e-6, "of a column: 32 + 32 + 32 + 61 roundings");
    assert_ok();
}

/* The mask is what torch.manual_seed(0); torch.nn.functional.dropout(torch.ones(8), 0.25) draws. */
static void dropout(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_ones(WK_SHAPE(8), WK_F32), true);
    wk_manual_seed(0);
    wk_tensor *y = wk_dropout(x, 0.25, true);
    wk_backward(wk_sum(y));
    static const float m[8] = {0, 1, 1, 0, 1, 0, 1, 1};
    float values[8], g[8];
    wk_read(y, values, sizeof values), wk_read(wk_grad_of(x), g, sizeof g);
    for (int i = 0; i < 8; i++) {
        assert_true(values[i] == (m[i] == 0 ? 0 : 1 / 0.75f));
        assert_true(g[i] == values[i]);
    }
    assert_close(wk_item(wk_sum(wk_dropout(x, 0.25, false))), 8, 0, "not training");
    assert_close(wk_item(wk_sum(wk_dropout(x, 1, true))), 0, 0, "nothing stays");
    assert_ok();
}

/* A probability that is as wrong as can be is driven out, as hard as PyTorch does it: by 1e12. */
static void wrong_certainty(void **state) {
    (void)state;
    WK_SCOPE;
    const double x[] = {0, 1, 0.5}, t[] = {1, 0, 1}, g[] = {-1e12, 1e12, -2};
    wk_tensor *leaf = wk_requires_grad_(wk_from_data(x, WK_SHAPE(3), WK_F64), true);
    wk_backward(wk_mul_scalar(wk_binary_cross_entropy(leaf, wk_from_data(t, WK_SHAPE(3), WK_F64)), 3));
    for (int64_t i = 0; i < 3; i++) assert_close(wk_get_f64(wk_grad_of(leaf), &i), g[i], 1e-9 * fabs(g[i]), "gradient");
    assert_ok();
}

WK_TEST_MAIN("reductions", cmocka_unit_test(of_nothing), cmocka_unit_test(wrong_arguments),
             cmocka_unit_test(wrong_targets), cmocka_unit_test(options), cmocka_unit_test(losses_of_other_versions),
             cmocka_unit_test(nan_wins), cmocka_unit_test(long_sums), cmocka_unit_test(dropout),
             cmocka_unit_test(wrong_certainty))
