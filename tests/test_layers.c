/* test_layers.c -- every case of modules.txt, which tools/torch_modules.py made: layers with all their options, on
 * PyTorch's weights: what they compute, and the gradients of inputs and parameters, in f32 and in f64 with each kernel
 * table. And what the layers refuse. */
#include "each_table.h"
#include "layer_makers.h"
#include "ops_file.h"
#include "support.h"

enum { DRAWS = 5 }; /* the seed of what a case draws, as in torch_modules.py */

static char doing[256]; /* for messages: the case and what of it */

/* ---------------------------------------------------------------------------------------------------- comparing --- */

/* As in test_ops.c; what is added up here goes through up to three layers, whose errors grow by some ten. */
static double tolerance(wk_dtype dtype, const ops_array *expected) {
    double most = 1;
    for (int64_t i = 0; i < expected->numel; i++) most = fmax(most, fabs(expected->values[i]));
    return (dtype == WK_F32 ? 1e-5 : 1e-13) * most;
}

/* NULL stands for a gradient that is absent: zeros. */
static void compare(wk_tensor *t, const ops_array *expected, wk_dtype dtype, const char *what, int number) {
    char where[400];
    double values[4096] = {0};
    snprintf(where, sizeof where, "%s: %s %d", doing, what, number);
    assert_true(expected->numel <= 4096);
    assert_true(t == NULL || wk_numel(t) == expected->numel);
    if (t != NULL) ops_values(t, values);
    for (int64_t i = 0; i < expected->numel; i++)
        assert_close(values[i], expected->values[i], tolerance(dtype, expected), where);
}

static void run_case(const ops_case *c, void *user) {
    WK_SCOPE;
    const wk_dtype dtype = *(const wk_dtype *)user;
    snprintf(doing, sizeof doing, "%s %s, %s, %s", c->op, c->label, wk_dtype_name(dtype), wk_isa());
    int kind = 0;
    while (kind < LAYERS && strcmp(layers[kind].name, c->op) != 0) kind++;
    assert_true(kind < LAYERS);
    const int inputs = layers[kind].input_count;
    wk_tensor *in[OPS_MAX_INPUTS] = {NULL}, *out[OPS_MAX_OUTPUTS] = {NULL}, *loss = wk_scalar(0, dtype);
    wk_module *m = layers[kind].make(c, dtype);
    assert_int_equal(wk_module_parameter_count(m), c->input_count - inputs);
    for (int i = 0; i < inputs; i++) {
        if (c->input[i].values != NULL) in[i] = ops_tensor(&c->input[i], dtype);
        if (in[i] != NULL && ops_is_floating(&c->input[i])) wk_requires_grad_(in[i], true);
    }
    for (int i = inputs; i < c->input_count; i++) {
        WK_NO_GRAD;
        in[i] = wk_module_parameter_at(m, i - inputs);
        wk_copy_(in[i], ops_tensor(&c->input[i], dtype));
    }
    wk_manual_seed(DRAWS);
    layers[kind].forward(m, in, out);
    for (int k = 0; k < c->output_count; k++)
        loss = wk_add(loss, wk_sum(wk_mul(out[k], ops_tensor(&c->cotangent[k], dtype))));
    wk_backward(loss);
    for (int k = 0; k < c->output_count; k++) compare(out[k], &c->output[k], dtype, "output", k);
    for (int i = 0; i < c->input_count; i++)
        if (c->gradient[i].values != NULL) compare(wk_grad_of(in[i]), &c->gradient[i], dtype, "gradient", i);
    wk_module_free(m);
    assert_ok();
}

static void all_cases(wk_dtype dtype) {
    assert_true(ops_each_case(wk_test_data, "modules.txt", run_case, &dtype) >= 120);
}

WITH_EACH_TABLE(all_cases)

/* ------------------------------------------------------------------------------------------------------ refusal --- */

static void what_an_rnn_refuses(void **state) {
    (void)state;
    WK_SCOPE;
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.num_layers = 0;
    assert_null(wk_rnn_new(NULL, NULL, 2, 3, &o));
    assert_fails(WK_EINVAL, "rnn_new: num_layers is 0 and must be positive");
    o.num_layers = 2;
    o.dropout = -0.5;
    assert_null(wk_rnn_new(NULL, NULL, 2, 3, &o));
    assert_fails(WK_EINVAL, "rnn_new: dropout is -0.5, not a probability from 0 to 1");
    o.dropout = 0;
    assert_null(wk_rnn_cell_new(NULL, NULL, 2, 3, &o));
    assert_fails(WK_EINVAL, "rnn_cell_new: a cell has one layer in one direction");
    o.nonlinearity = 2;
    assert_null(wk_rnn_new(NULL, NULL, 2, 3, &o));
    assert_fails(WK_EINVAL, "rnn_new: nonlinearity is 2, neither WK_RNN_TANH nor WK_RNN_RELU");
    o.nonlinearity = WK_RNN_RELU;
    wk_module *rnn = wk_rnn_new(NULL, NULL, 2, 3, &o);
    wk_tensor *x = wk_ones(WK_SHAPE(4, 5, 2), WK_F32), *hn = x;
    assert_null(wk_rnn_forward(rnn, x, wk_ones(WK_SHAPE(1, 5, 3), WK_F32), &hn));
    assert_null(hn);
    assert_fails(WK_ESHAPE, "rnn_forward: h0 is (1,5,3) and must be (2,5,3): layers times directions, N, H");
    assert_null(wk_rnn_forward(rnn, x, wk_ones(WK_SHAPE(2, 4, 3), WK_F32), NULL));
    assert_fails(WK_ESHAPE, "rnn_forward: h0 is (2,4,3) and must be (2,5,3): layers times directions, N, H");
    wk_module_free(rnn);
}

static void what_others_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32);
    assert_null(wk_layer_norm_new(NULL, NULL, WK_SCALAR, NULL));
    assert_fails(WK_EINVAL, "layer_norm_new: 0 dimensions are not from 1 to 8");
    assert_null(wk_layer_norm_new(NULL, NULL, WK_SHAPE(3, 0), NULL));
    assert_fails(WK_EINVAL, "layer_norm_new: a dimension is 0 and must be positive");
    wk_module *norm = wk_layer_norm_new(NULL, NULL, WK_SHAPE(2), NULL);
    assert_null(wk_forward(norm, x));
    assert_fails(WK_ESHAPE, "layer_norm_forward: x is (2,3) and must end in (2)");
    wk_module_free(norm);
    assert_null(wk_layer_norm(x, WK_SHAPE(3), x, NULL, 1e-5));
    assert_fails(WK_ESHAPE, "layer_norm: weight is (2,3) and must be (3)");
    assert_null(wk_layer_norm(x, WK_SCALAR, NULL, NULL, 1e-5));
    assert_fails(WK_EINVAL, "layer_norm: dims are none: at least the last dimension is normalized");
    assert_null(wk_embedding_new(NULL, NULL, 0, 3, NULL));
    assert_fails(WK_EINVAL, "embedding_new: num_embeddings is 0 and must be positive");
}

/* What torch.manual_seed(13); F.dropout(torch.ones(2, 6), 0.25) has, and nothing happens in evaluation. */
static void dropout_draws_pytorchs_numbers(void **state) {
    (void)state;
    WK_SCOPE;
    const float kept = 0x1.555556p+0f;
    const float expected[12] = {kept, kept, kept, 0, 0, kept, kept, kept, kept, kept, 0, kept};
    wk_module *m = wk_dropout_new(NULL, NULL, 0.25);
    wk_tensor *x = wk_ones(WK_SHAPE(2, 6), WK_F32);
    wk_manual_seed(13);
    assert_memory_equal(wk_data(wk_forward(m, x)), expected, sizeof expected);
    wk_module_train(m, false);
    assert_memory_equal(wk_data(wk_forward(m, x)), wk_data(x), sizeof expected);
    wk_module_free(m);
    assert_null(wk_dropout_new(NULL, NULL, 1.5));
    assert_fails(WK_EINVAL, "dropout_new: p is 1.5, not a probability from 0 to 1");
}

/* The row of the padding is zero at first, and no gradient reaches it, nor takes away what lies there. */
static void padding_stays(void **state) {
    (void)state;
    WK_SCOPE;
    wk_embedding_options o = WK_EMBEDDING_OPTIONS;
    o.padding_idx = 1;
    wk_module *m = wk_embedding_new(NULL, NULL, 3, 2, &o);
    wk_tensor *w = wk_module_parameter(m, "weight"), *input = wk_zeros(WK_SHAPE(2), WK_I64);
    wk_put_f64(input, (const int64_t[]){0}, 1);
    assert_close(wk_get_f64(w, (const int64_t[]){1, 0}), 0, 0, "zero");
    assert_close(wk_get_f64(w, (const int64_t[]){1, 1}), 0, 0, "zero");
    wk_backward(wk_sum(w));
    wk_backward(wk_sum(wk_forward(m, input)));
    static const double expected[] = {2, 1, 1};
    for (int64_t i = 0; i < 3; i++)
        assert_close(wk_get_f64(wk_grad_of(w), (const int64_t[]){i, 1}), expected[i], 0, "gradient");
    o.padding_idx = 3;
    assert_null(wk_embedding_new(NULL, NULL, 3, 2, &o));
    assert_fails(WK_EINVAL, "embedding_new: padding_idx is 3 and must be -1, or one of 3 rows");
    wk_module_free(m);
}

/* What torch.manual_seed(13); torch.nn.Embedding(2, 3) has. */
static void first_weights_of_an_embedding(void **state) {
    (void)state;
    static const float expected[] = {-0x1.c95b5p-4f, -0x1.2546aep+0f, 0x1.690a7ap+0f,
                                     0x1.5d8a9p+0f,  0x1.1eddcep+0f,  -0x1.ecaa3ap-1f};
    wk_manual_seed(13);
    wk_module *m = wk_embedding_new(NULL, NULL, 2, 3, NULL);
    assert_memory_equal(wk_data(wk_module_parameter(m, "weight")), expected, sizeof expected);
    wk_module_free(m);
    assert_ok();
}

static void printed_as_pytorch_prints_them(void **state) {
    (void)state;
    wk_rnn_options o = WK_RNN_OPTIONS;
    wk_embedding_options e = WK_EMBEDDING_OPTIONS;
    o.nonlinearity = WK_RNN_RELU;
    assert_module_text(wk_rnn_cell_new(NULL, NULL, 2, 3, &o), "RNNCell(2, 3, nonlinearity=relu)");
    o.num_layers = 2;
    o.bidirectional = 1;
    o.bias = 0;
    o.batch_first = 1;
    o.dropout = 0.25;
    assert_module_text(wk_rnn_new(NULL, NULL, 2, 3, &o),
                       "RNN(2, 3, num_layers=2, bias=False, batch_first=True, dropout=0.25, bidirectional=True)");
    assert_module_text(wk_embedding_new(NULL, NULL, 5, 3, NULL), "Embedding(5, 3)");
    assert_module_text(wk_layer_norm_new(NULL, NULL, WK_SHAPE(3), NULL),
                       "LayerNorm((3,), eps=1e-05, elementwise_affine=True)");
    assert_module_text(wk_layer_norm_new(NULL, NULL, WK_SHAPE(3, 5), NULL),
                       "LayerNorm((3, 5), eps=1e-05, elementwise_affine=True)");
    e.padding_idx = 4;
    assert_module_text(wk_embedding_new(NULL, NULL, 5, 3, &e), "Embedding(5, 3, padding_idx=4)");
    assert_module_text(wk_dropout_new(NULL, NULL, 0.5), "Dropout(p=0.5, inplace=False)");
    assert_module_text(wk_dropout_new(NULL, NULL, 0.1 + 0.2), "Dropout(p=0.30000000000000004, inplace=False)");
    assert_module_text(wk_elu_new(NULL, NULL, 1e20), "ELU(alpha=1e+20)");
    assert_module_text(wk_elu_new(NULL, NULL, 123456789), "ELU(alpha=123456789.0)");
    assert_module_text(wk_elu_new(NULL, NULL, 0.0001), "ELU(alpha=0.0001)");
    assert_module_text(wk_elu_new(NULL, NULL, 0), "ELU(alpha=0.0)");
    assert_module_text(wk_relu_new(NULL, NULL), "ReLU()");
    assert_module_text(wk_leaky_relu_new(NULL, NULL, 0.25), "LeakyReLU(negative_slope=0.25)");
    assert_module_text(wk_elu_new(NULL, NULL, 1), "ELU(alpha=1.0)");
    assert_module_text(wk_gelu_new(NULL, NULL, true), "GELU(approximate='tanh')");
    assert_ok();
}

WK_TEST_MAIN("layers", TESTS_WITH_EACH_TABLE cmocka_unit_test(what_an_rnn_refuses),
             cmocka_unit_test(what_others_refuse), cmocka_unit_test(first_weights_of_an_embedding),
             cmocka_unit_test(dropout_draws_pytorchs_numbers), cmocka_unit_test(padding_stays),
             cmocka_unit_test(printed_as_pytorch_prints_them))
