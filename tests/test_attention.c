/* test_attention.c -- attention and MultiheadAttention: what they refuse, whom a step may look at, how the layer
 * begins. Their numbers are held to PyTorch's by test_ops.c and test_layers.c. And first values, and lists in an
 * expression. */
#include <math.h>

#include "support.h"

static void what_attention_refuses(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *q = wk_ones(WK_SHAPE(3, 2), WK_F32), *k = wk_ones(WK_SHAPE(4, 2), WK_F32);
    wk_tensor *bools = wk_ones(WK_SHAPE(3, 4), WK_BOOL);
    assert_null(wk_scaled_dot_product_attention(q, k, q, NULL, 0, false));
    assert_fails(WK_ESHAPE, "scaled_dot_product_attention: q (3,2), k (4,2) and v (3,2) are not (..,L,E), (..,S,E) and "
                            "(..,S,D)");
    assert_null(wk_scaled_dot_product_attention(q, k, k, wk_ones(WK_SHAPE(3, 4), WK_I64), 0, false));
    assert_fails(WK_EDTYPE,
                 "scaled_dot_product_attention: mask is i64: it is bool, or floating and added to the scores");
    assert_null(wk_scaled_dot_product_attention(q, k, k, bools, 0, true));
    assert_fails(WK_EINVAL, "scaled_dot_product_attention: is_causal is a mask of its own: give one of the two");
    assert_null(wk_scaled_dot_product_attention(q, k, k, NULL, 1.5, false));
    assert_fails(WK_EINVAL, "scaled_dot_product_attention: dropout_p is 1.5, not a probability from 0 to 1");
    assert_null(wk_multihead_attention_new(NULL, NULL, 5, 2, NULL));
    assert_fails(WK_EINVAL, "multihead_attention_new: embed_dim 5 is not 2 heads of one size");
    wk_module *m = wk_multihead_attention_new(NULL, NULL, 4, 2, NULL);
    assert_null(wk_forward(m, q));
    assert_fails(WK_ESHAPE, "multihead_attention_forward: query is (3,2) and must be (T,N,4)");
    wk_module_free(m);
    assert_ok();
}

/* What comes later does not matter to a step, whichever way it is said. */
static void no_step_looks_ahead(void **state) {
    (void)state;
    WK_SCOPE;
    wk_multihead_attention_options o = WK_MULTIHEAD_ATTENTION_OPTIONS;
    o.batch_first = 1;
    wk_module *m = wk_multihead_attention_new(NULL, NULL, 4, 2, &o);
    wk_tensor *x = wk_randn(WK_SHAPE(1, 5, 4), WK_F32), *early = wk_narrow(x, 1, 0, 3);
    wk_tensor *all = wk_multihead_attention_forward(m, x, x, x, NULL, true);
    wk_tensor *first = wk_multihead_attention_forward(m, early, early, early, NULL, true);
    assert_true(wk_allclose(wk_narrow(all, 1, 0, 3), first, 1e-5, 1e-6, false));
    wk_tensor *mask = wk_triu(wk_ones(WK_SHAPE(5, 5), WK_BOOL), 1); /* true: not to be looked at */
    assert_true(wk_equal(all, wk_multihead_attention_forward(m, x, x, x, mask, false)));
    assert_false(wk_allclose(all, wk_forward(m, x), 1e-3, 1e-3, false));
    wk_module_free(m);
    assert_ok();
}

/* Weights are left out in training alone, and the others grow. */
static void dropout_of_weights(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *q = wk_zeros(WK_SHAPE(64, 2), WK_F32), *v = wk_ones(WK_SHAPE(64, 1), WK_F32);
    wk_tensor *y = wk_scaled_dot_product_attention(q, q, v, NULL, 0.5, false);
    assert_float_equal(wk_item(wk_mean(y)), 1, 0.1); /* 4096 coins: a deviation of 1/64 */
    assert_true(wk_item(wk_std(y, WK_SCALAR, 1, false)) > 0.05);
    wk_multihead_attention_options o = WK_MULTIHEAD_ATTENTION_OPTIONS;
    o.dropout = 0.5;
    wk_module *m = wk_multihead_attention_new(NULL, NULL, 2, 1, &o);
    wk_tensor *x = wk_randn(WK_SHAPE(8, 1, 2), WK_F32);
    assert_false(wk_equal(wk_forward(m, x), wk_forward(m, x)));
    wk_module_train(m, false);
    assert_true(wk_equal(wk_forward(m, x), wk_forward(m, x)));
    wk_module_free(m);
    assert_ok();
}

/* torch.manual_seed(13); MultiheadAttention(2, 1) */
static void the_layer_begins_as_pytorchs(void **state) {
    (void)state;
    static const float in[] = {-0x1.dbb15ap-2f, 0x1.422b66p-1f,  0x1.aee31ep-1f,  -0x1.0c414cp-1f,
                               -0x1.71cb5cp-1f, -0x1.08cf10p-3f, 0x1.6fe94cp-1f,  -0x1.1d3fb2p-5f,
                               0x1.ed9500p-5f,  -0x1.98e182p-2f, -0x1.b60de6p-2f, -0x1.1d8c34p-2f};
    static const float out[] = {-0x1.278e58p-1f, -0x1.ddc2d8p-6f, 0x1.c1b9eep-2f, -0x1.5f1994p-1f};
    wk_manual_seed(13);
    wk_module *m = wk_multihead_attention_new(NULL, NULL, 2, 1, NULL);
    assert_memory_equal(wk_data(wk_module_parameter(m, "in_proj_weight")), in, sizeof in);
    assert_memory_equal(wk_data(wk_module_parameter(m, "out_proj.weight")), out, sizeof out);
    assert_float_equal(wk_item(wk_sum(wk_abs(wk_module_parameter(m, "in_proj_bias")))), 0, 0);
    assert_float_equal(wk_item(wk_sum(wk_abs(wk_module_parameter(m, "out_proj.bias")))), 0, 0);
    assert_module_text(m, "MultiheadAttention(\n  (out_proj): Linear(in_features=2, out_features=2, bias=True)\n)");
    assert_ok();
}

/* The first three of 12 numbers that torch.nn.init gives after torch.manual_seed(5), for t (3,2,2). */
static void assert_starts(wk_tensor *t, double a, double b, double c) {
    const float *values = wk_data(t);
    assert_float_equal(values[0], a, 1e-6);
    assert_float_equal(values[1], b, 1e-6);
    assert_float_equal(values[2], c, 1e-6);
    wk_manual_seed(5);
}

static void first_values_are_pytorchs(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *t = wk_requires_grad_(wk_empty(WK_SHAPE(3, 2, 2), WK_F32), true);
    wk_manual_seed(5);
    wk_init_uniform_(t, -1, 2);
    assert_starts(t, 1.4907556, -0.6216673, 1.722409);
    wk_init_normal_(t, 1, 0.5);
    assert_starts(t, 0.7566096, 0.6980892, 0.7209519);
    wk_init_xavier_uniform_(t, 2);
    assert_starts(t, 1.0232481, -1.158453, 1.2624987);
    wk_init_xavier_normal_(t, 1);
    assert_starts(t, -0.217695, -0.2700372, -0.2495882);
    wk_init_kaiming_uniform_(t, 0.5);
    assert_starts(t, 0.7235456, -0.81915, 0.8927214);
    wk_init_kaiming_normal_(t, 0);
    assert_starts(t, -0.344206, -0.4269663, -0.3946336);
    wk_init_constant_(t, 3);
    assert_starts(t, 3, 3, 3);
    assert_true(wk_grad_enabled());
    wk_init_xavier_normal_(wk_ones(WK_SHAPE(3), WK_F32), 1);
    assert_fails(WK_ESHAPE, "init_xavier_normal_: t (3) has no outputs and inputs: two dimensions at least");
    wk_init_normal_(NULL, 0, 1);
    assert_fails(WK_EINVAL, "init_normal_: t is NULL");
    assert_ok();
}

static void lists_in_an_expression(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_ones(WK_SHAPE(2, 1), WK_F32), *b = wk_zeros(WK_SHAPE(2, 2), WK_F32);
    assert_int_equal(wk_dim(wk_cat(WK_LIST(a, b, a), 1), 1), 4);
    assert_int_equal(wk_list_length(WK_LIST(a)), 1);
    assert_int_equal(wk_list_length(wk_list_of(0, NULL)), 0);
    assert_null(WK_LIST(a, NULL));
    assert_fails(WK_EINVAL, "list_of: t is NULL");
    assert_null(wk_list_of(-1, &a));
    assert_fails(WK_EINVAL, "list_of: count is negative");
    assert_ok();
}

WK_TEST_MAIN("attention", cmocka_unit_test(what_attention_refuses), cmocka_unit_test(no_step_looks_ahead),
             cmocka_unit_test(dropout_of_weights), cmocka_unit_test(the_layer_begins_as_pytorchs),
             cmocka_unit_test(first_values_are_pytorchs), cmocka_unit_test(lists_in_an_expression))
