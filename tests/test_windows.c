/* test_windows.c -- convolutions, pools and batch normalization as layers: what they refuse, how they are printed,
 * which weights they begin with, and what they keep. Their numbers are held to PyTorch's by test_ops.c and
 * test_layers.c. */
#include <math.h>

#include "support.h"

static void what_convolutions_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3, 5, 5), WK_F32), *w = wk_ones(WK_SHAPE(4, 3, 3, 3), WK_F32);
    wk_conv_options o = WK_CONV_OPTIONS;
    assert_null(wk_conv2d(wk_ones(WK_SHAPE(5, 5), WK_F32), w, NULL, NULL));
    assert_fails(WK_ESHAPE, "conv2d: x (5,5) has 2 dimensions: 2 are walked, before them are N and C, or C alone");
    assert_null(wk_conv2d(x, wk_ones(WK_SHAPE(4, 3, 3), WK_F32), NULL, NULL));
    assert_fails(WK_ESHAPE, "conv2d: w (4,3,3): two numbers of channels are followed by 2 sizes of the window");
    assert_null(wk_conv2d(x, wk_ones(WK_SHAPE(4, 2, 3, 3), WK_F32), NULL, NULL));
    assert_fails(WK_ESHAPE, "conv2d: x (2,3,5,5) and w (4,2,3,3): x has 3 channels, w takes 2");
    assert_null(wk_conv2d(x, w, wk_ones(WK_SHAPE(3), WK_F32), NULL));
    assert_fails(WK_ESHAPE, "conv2d: w (4,3,3,3) and b (3): b must be (4)");
    assert_null(wk_conv2d(x, wk_ones(WK_SHAPE(4, 3, 3, 6), WK_F32), NULL, NULL));
    assert_fails(WK_ESHAPE, "conv2d: a window of 6 does not fit dimension 3 of x (2,3,5,5), padded to 5");
    o.stride = 0;
    assert_null(wk_conv2d(x, w, NULL, &o));
    assert_fails(WK_EINVAL, "conv2d: stride is 0 and must be positive");
    o.stride = 1, o.groups = 3;
    assert_null(wk_conv2d(x, wk_ones(WK_SHAPE(4, 1, 3, 3), WK_F32), NULL, &o));
    assert_fails(WK_ESHAPE, "conv2d: w (4,1,3,3): 4 channels are not 3 groups of one size");
    o.groups = 1, o.padding = 4;
    assert_null(wk_conv_transpose2d(x, wk_ones(WK_SHAPE(3, 1, 2, 2), WK_F32), NULL, &o));
    assert_fails(WK_ESHAPE, "conv_transpose2d: padding 4 leaves nothing of dimension 2 of x (2,3,5,5)");
    o.padding = 0, o.output_padding = 1;
    assert_null(wk_conv_transpose2d(x, wk_ones(WK_SHAPE(3, 1, 2, 2), WK_F32), NULL, &o));
    assert_fails(WK_EINVAL, "conv_transpose2d: output_padding is 1 and must be below stride or dilation");
    assert_ok();
}

static void what_pools_and_pads_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3, 5, 5), WK_F32);
    wk_pool_options o = WK_POOL_OPTIONS;
    assert_null(wk_max_pool2d(x, 0, NULL));
    assert_fails(WK_EINVAL, "max_pool2d: kernel_size is 0 and must be positive");
    assert_null(wk_max_pool2d(x, 6, NULL));
    assert_fails(WK_ESHAPE, "max_pool2d: a window of 6 does not fit dimension 2 of x (2,3,5,5), padded to 5");
    o.padding = 2;
    assert_null(wk_avg_pool2d(x, 3, &o));
    assert_fails(WK_EINVAL, "avg_pool2d: padding is 2: at most half of kernel_size, 3");
    assert_null(wk_pad(x, 1, (const int64_t[]){1}, 0));
    assert_fails(WK_EINVAL, "pad: 1 pads for x (2,3,5,5): two for each dimension, the last one's first");
    assert_null(wk_pad(x, WK_SHAPE(-3, -3), 0));
    assert_fails(WK_ESHAPE, "pad: pads -3 and -3 leave nothing of dimension 3 of x (2,3,5,5)");
    assert_null(wk_pad(wk_ones(WK_SHAPE(2), WK_I64), WK_SHAPE(1, 1), 0.5));
    assert_fails(WK_EDTYPE, "pad: x has type i64, which does not hold 0.5: wk_cast x to a floating type");
    assert_ok();
}

static void what_layers_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_conv_options o = WK_CONV_OPTIONS;
    assert_null(wk_conv2d_new(NULL, NULL, 0, 2, 3, NULL));
    assert_fails(WK_EINVAL, "conv2d_new: in is 0 and must be positive");
    assert_null(wk_conv2d_new(NULL, NULL, 1, 2, 0, NULL));
    assert_fails(WK_EINVAL, "conv2d_new: kernel_size is 0 and must be positive");
    o.groups = 2;
    assert_null(wk_conv2d_new(NULL, NULL, 4, 3, 3, &o));
    assert_fails(WK_EINVAL, "conv2d_new: 4 channels to 3 are not 2 groups of one size");
    assert_null(wk_max_pool1d_new(NULL, NULL, -1, NULL));
    assert_fails(WK_EINVAL, "max_pool1d_new: kernel_size is -1 and must be positive");
    wk_module *norm = wk_batch_norm2d_new(NULL, NULL, 3, NULL);
    assert_null(wk_forward(norm, wk_ones(WK_SHAPE(2, 3), WK_F32)));
    assert_fails(WK_ESHAPE, "batch_norm2d: x (2,3) must have 4 dimensions");
    assert_null(wk_forward(norm, wk_ones(WK_SHAPE(2, 4, 2, 2), WK_F32)));
    assert_fails(WK_ESHAPE, "batch_norm2d: x (2,4,2,2) has 4 channels, the layer 3");
    assert_null(wk_forward(norm, wk_ones(WK_SHAPE(1, 3, 1, 1), WK_F32)));
    assert_fails(WK_ESHAPE, "batch_norm2d: x (1,3,1,1) has not two elements for each channel: give more than one "
                            "example, or evaluate (wk_module_train)");
    assert_null(wk_batch_norm(wk_ones(WK_SHAPE(2, 3), WK_F32), wk_ones(WK_SHAPE(3), WK_F32), NULL, NULL, NULL, 0));
    assert_fails(WK_EINVAL, "batch_norm: mean and var come together, or not at all");
    wk_module_free(norm);
    assert_ok();
}

static void assert_begins(wk_module *m, const float *weight, size_t weight_nbytes, const float *bias,
                          size_t bias_nbytes) {
    assert_memory_equal(wk_data(wk_module_parameter(m, "weight")), weight, weight_nbytes);
    assert_memory_equal(wk_data(wk_module_parameter(m, "bias")), bias, bias_nbytes);
    wk_module_free(m);
}

/* torch.manual_seed(13); Conv2d(2, 2, 2, groups=2), ConvTranspose1d(1, 3, 2) */
static void first_weights_are_pytorchs(void **state) {
    (void)state;
    static const float conv_weight[] = {-0x1.a1fab8p-2f, -0x1.51d4p-6f,  0x1.3e0128p-2f,  -0x1.f087cp-2f,
                                        -0x1.f05468p-2f, 0x1.a83620p-4f, -0x1.12a430p-2f, 0x1.740264p-2f};
    static const float conv_bias[] = {0x1.f18bb0p-2f, -0x1.35c118p-2f};
    static const float transposed_weight[] = {-0x1.55475cp-2f, -0x1.13d5e4p-6f, 0x1.03a64cp-2f,
                                              -0x1.956a5p-2f,  -0x1.954064p-2f, 0x1.5a5ep-4f};
    static const float transposed_bias[] = {-0x1.c07cccp-3f, 0x1.2fbe8ep-2f, 0x1.963e8ep-2f};
    wk_conv_options o = WK_CONV_OPTIONS;
    o.groups = 2;
    wk_manual_seed(13);
    assert_begins(wk_conv2d_new(NULL, NULL, 2, 2, 2, &o), conv_weight, sizeof conv_weight, conv_bias, sizeof conv_bias);
    wk_manual_seed(13);
    assert_begins(wk_conv_transpose1d_new(NULL, NULL, 1, 3, 2, NULL), transposed_weight, sizeof transposed_weight,
                  transposed_bias, sizeof transposed_bias);
    assert_ok();
}

static void printed_as_pytorch_prints_them(void **state) {
    (void)state;
    wk_conv_options o = WK_CONV_OPTIONS;
    wk_pool_options p = WK_POOL_OPTIONS;
    wk_batch_norm_options b = WK_BATCH_NORM_OPTIONS;
    o.padding = 2;
    assert_module_text(wk_conv2d_new(NULL, NULL, 1, 16, 5, &o),
                       "Conv2d(1, 16, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))");
    o.padding = 0, o.groups = 2, o.bias = 0, o.dilation = 2;
    assert_module_text(wk_conv1d_new(NULL, NULL, 4, 2, 3, &o),
                       "Conv1d(4, 2, kernel_size=(3,), stride=(1,), dilation=(2,), groups=2, bias=False)");
    o = (wk_conv_options)WK_CONV_OPTIONS;
    o.kernel_sizes = (const int64_t[]){3, 2}, o.strides = (const int64_t[]){2, 1};
    o.output_paddings = (const int64_t[]){1, 0};
    assert_module_text(wk_conv_transpose2d_new(NULL, NULL, 4, 2, 0, &o),
                       "ConvTranspose2d(4, 2, kernel_size=(3, 2), stride=(2, 1), output_padding=(1, 0))");
    assert_module_text(wk_max_pool2d_new(NULL, NULL, 2, NULL),
                       "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)");
    assert_module_text(wk_avg_pool1d_new(NULL, NULL, 3, NULL),
                       "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))");
    p.kernel_sizes = (const int64_t[]){3, 2};
    assert_module_text(wk_avg_pool2d_new(NULL, NULL, 0, &p), "AvgPool2d(kernel_size=(3, 2), stride=(3, 2), padding=0)");
    b.momentum = 0.5;
    assert_module_text(wk_batch_norm2d_new(NULL, NULL, 16, &b),
                       "BatchNorm2d(16, eps=1e-05, momentum=0.5, affine=True, track_running_stats=True)");
    assert_module_text(wk_flatten_new(NULL, NULL), "Flatten(start_dim=1, end_dim=-1)");
    assert_ok();
}

static double at(wk_tensor *t, int64_t index) { return wk_get_f64(t, &index); }

/* Each training forward moves the buffers, by the variance that is divided by n - 1; evaluation reads them. */
static void batch_norm_keeps_moments(void **state) {
    (void)state;
    WK_SCOPE;
    wk_batch_norm_options o = WK_BATCH_NORM_OPTIONS;
    o.momentum = 0.25, o.dtype = WK_F64;
    wk_module *norm = wk_batch_norm1d_new(NULL, NULL, 2, &o);
    const double values[] = {1, 2, 3, 6}; /* channels 1 3 and 2 6: means 2 and 4, variances 2 and 8 */
    wk_tensor *x = wk_from_data(values, WK_SHAPE(2, 2), WK_F64), *mean = wk_module_buffer(norm, "running_mean");
    wk_tensor *var = wk_module_buffer(norm, "running_var");
    wk_forward(norm, x);
    assert_float_equal(at(mean, 0), 0.5, 0);
    assert_float_equal(at(mean, 1), 1, 0);
    assert_float_equal(at(var, 0), 0.75 + 0.5, 0);
    assert_float_equal(at(var, 1), 0.75 + 2, 0);
    assert_float_equal(wk_item(wk_module_buffer(norm, "num_batches_tracked")), 1, 0);
    wk_module_train(norm, false);
    wk_tensor *y = wk_forward(norm, x);
    assert_float_equal(at(wk_select(y, 0, 1), 1), (6 - 1) / sqrt(2.75 + 1e-5), 1e-15);
    assert_float_equal(at(mean, 0), 0.5, 0);
    assert_float_equal(wk_item(wk_module_buffer(norm, "num_batches_tracked")), 1, 0);
    wk_module_free(norm);
    assert_ok();
}

/* A plan of a training step moves them in each run, as the program does. */
static bool normalize(void *user, wk_tensor *const *in, wk_tensor **out) {
    out[0] = wk_forward(user, in[0]);
    return true;
}

static void batch_norm_in_a_plan(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *eager = wk_batch_norm1d_new(NULL, NULL, 3, NULL), *planned = wk_batch_norm1d_new(NULL, NULL, 3, NULL);
    wk_plan *plan = wk_plan_new(normalize, planned, 1, 1, NULL);
    for (int i = 0; i < 5; i++) {
        wk_tensor *x = wk_randn(WK_SHAPE(4, 3), WK_F32), *y;
        wk_plan_run(plan, &x, &y);
        assert_true(wk_equal(y, wk_forward(eager, x)));
        assert_true(wk_equal(wk_module_buffer(eager, "running_var"), wk_module_buffer(planned, "running_var")));
        assert_float_equal(wk_item(wk_module_buffer(planned, "num_batches_tracked")), i + 1, 0);
    }
    wk_plan_free(plan);
    wk_module_free(eager);
    wk_module_free(planned);
    assert_ok();
}

/* The tutorial's network, as a Sequential. */
static wk_module *network_new(void) {
    wk_conv_options o = WK_CONV_OPTIONS;
    o.padding = 2;
    wk_manual_seed(1);
    wk_module *net = wk_sequential_new(NULL, "net");
    wk_conv2d_new(net, NULL, 1, 4, 5, &o);
    wk_batch_norm2d_new(net, NULL, 4, NULL);
    wk_relu_new(net, NULL);
    wk_max_pool2d_new(net, NULL, 2, NULL);
    wk_conv2d_new(net, NULL, 4, 3, 1, NULL);
    wk_flatten_new(net, NULL);
    wk_linear_new(net, NULL, 3 * 4 * 4, 3, NULL);
    return net;
}

static void a_convolutional_network(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = network_new();
    wk_tensor *y = wk_forward(net, wk_randn(WK_SHAPE(2, 1, 8, 8), WK_F32));
    assert_int_equal(wk_ndim(y), 2);
    assert_int_equal(wk_dim(y, 1), 3);
    wk_backward(wk_cross_entropy(y, wk_zeros(WK_SHAPE(2), WK_I64)));
    for (int64_t i = 0; i < wk_module_parameter_count(net); i++)
        assert_non_null(wk_grad_of(wk_module_parameter_at(net, i)));
    wk_module_free(net);
    assert_ok();
}

/* A plan of its training step gives the same bits. */
typedef struct training {
    wk_module *net;
    wk_optim *adam;
} training;

static bool train(void *user, wk_tensor *const *in, wk_tensor **out) {
    const training *t = user;
    out[0] = wk_cross_entropy(wk_forward(t->net, in[0]), in[1]);
    wk_optim_zero_grad(t->adam);
    wk_backward(out[0]);
    wk_optim_step(t->adam);
    return true;
}

static void a_network_in_a_plan(void **state) {
    (void)state;
    WK_SCOPE;
    training t[2];
    for (int i = 0; i < 2; i++) t[i].net = network_new(), t[i].adam = wk_adam_new(t[i].net, 0.01, NULL);
    wk_plan *plan = wk_plan_new(train, &t[1], 2, 1, NULL);
    for (int i = 0; i < 4; i++) {
        wk_tensor *in[] = {wk_randn(WK_SHAPE(3, 1, 8, 8), WK_F32), wk_randint_tensor(0, 3, WK_SHAPE(3))}, *loss,
                  *planned;
        train(&t[0], in, &loss);
        wk_plan_run(plan, in, &planned);
        assert_true(wk_equal(loss, planned));
    }
    wk_plan_free(plan);
    for (int i = 0; i < 2; i++) wk_optim_free(t[i].adam), wk_module_free(t[i].net);
    assert_ok();
}

/* What lies otherwise than kernels want it gives what a copy gives, and so do its gradients. */
static void strided_inputs(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_randn(WK_SHAPE(2, 5, 5, 3), WK_F64), true), *w, *gx[2], *gw[2], *y[2];
    w = wk_requires_grad_(wk_randn(WK_SHAPE(2, 2, 3, 4), WK_F64), true);
    for (int i = 0; i < 2; i++) {
        wk_tensor *images = wk_permute(x, WK_SHAPE(0, 3, 1, 2)), *weights = wk_permute(w, WK_SHAPE(3, 2, 0, 1));
        if (i == 1) images = wk_clone(images), weights = wk_clone(weights);
        y[i] = wk_max_pool2d(wk_transpose(wk_conv2d(images, weights, NULL, NULL), 2, 3), 2, NULL);
        wk_tensor *const from[] = {x, w};
        wk_tensor *to[2];
        wk_grad(wk_sum(wk_square(y[i])), from, 2, to, 0);
        gx[i] = to[0], gw[i] = to[1];
    }
    assert_true(wk_equal(y[0], y[1]));
    assert_true(wk_equal(gx[0], gx[1]));
    assert_true(wk_equal(gw[0], gw[1]));
    assert_ok();
}

/* The gradient of x (..,2,6) behind a change in place of what a pool and a transposed convolution give. */
static void assert_changes_in_place(wk_tensor *x) {
    wk_tensor *w = wk_ones(WK_SHAPE(2, 3, 1), WK_F64);
    wk_requires_grad_(x, true);
    wk_tensor *pooled = wk_mul_scalar_(wk_avg_pool1d(x, 2, NULL), 3);
    wk_tensor *spread = wk_mul_scalar_(wk_conv_transpose1d(x, w, NULL, NULL), 5);
    wk_backward(wk_add(wk_sum(pooled), wk_sum(spread)));
    assert_true(wk_allclose(wk_grad_of(x), wk_full_like(x, 3 / 2.0 + 5 * 3), 1e-12, 0, false));
}

static void results_change_in_place(void **state) {
    (void)state;
    WK_SCOPE;
    assert_changes_in_place(wk_ones(WK_SHAPE(1, 2, 6), WK_F64));
    assert_changes_in_place(wk_ones(WK_SHAPE(2, 6), WK_F64));
    assert_ok();
}

WK_TEST_MAIN("windows", cmocka_unit_test(what_convolutions_refuse), cmocka_unit_test(what_pools_and_pads_refuse),
             cmocka_unit_test(what_layers_refuse), cmocka_unit_test(first_weights_are_pytorchs),
             cmocka_unit_test(printed_as_pytorch_prints_them), cmocka_unit_test(batch_norm_keeps_moments),
             cmocka_unit_test(batch_norm_in_a_plan), cmocka_unit_test(a_convolutional_network),
             cmocka_unit_test(a_network_in_a_plan), cmocka_unit_test(strided_inputs),
             cmocka_unit_test(results_change_in_place))
