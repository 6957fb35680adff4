/* test_create.c -- ranges against PyTorch's, to the bit; tensors like others; memory of the caller's; whole numbers. */
#include "support.h"

#include <stdlib.h>

static wk_dtype dtype_named(const char *name) {
    for (wk_dtype d = 0; d < WK_DTYPE_COUNT; d++)
        if (strcmp(wk_dtype_name(d), name) == 0) return d;
    return -1;
}

static double read_number(FILE *file) {
    char word[64];
    return fscanf(file, "%63s", word) == 1 ? strtod(word, NULL) : (double)NAN;
}

static wk_tensor *made(const char *name, double a, double b, double c, wk_dtype dtype) {
    if (strcmp(name, "arange") == 0) return wk_arange(a, b, c, dtype);
    if (strcmp(name, "linspace") == 0) return wk_linspace(a, b, (int64_t)c, dtype);
    return wk_logspace(a, b, (int64_t)c, 10, dtype);
}

static void ranges_as_pytorch(void **state) {
    (void)state;
    char path[512], name[32], type[8];
    snprintf(path, sizeof path, "%s/ranges.txt", wk_test_data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*[^\n]"), 0);
    int lines = 0;
    for (; fscanf(file, "%31s %7s", name, type) == 2; lines++) {
        WK_SCOPE;
        const double a = read_number(file), b = read_number(file), c = read_number(file);
        wk_tensor *t = made(name, a, b, c, dtype_named(type));
        assert_ok();
        assert_int_equal(wk_numel(t), (int64_t)read_number(file));
        /* its powers come from another library's pow, in the element type */
        const double close = strcmp(name, "logspace") != 0 ? 0 : strcmp(type, "f32") == 0 ? 1e-6 : 1e-14;
        for (int64_t i = 0; i < wk_numel(t); i++) {
            const double expected = read_number(file);
            assert_close(wk_get_f64(t, &i), expected, close * fabs(expected), name);
        }
    }
    fclose(file);
    assert_int_equal(lines, 41);
}

static void ranges_refused(void **state) {
    (void)state;
    wk_arange(0, 5, -1, WK_F32);
    assert_fails(WK_EINVAL, "arange: steps of -1 do not lead from 0 to 5");
    wk_arange(0, 5, 0, WK_F32);
    assert_fails(WK_EINVAL, "arange: steps of 0 do not lead from 0 to 5");
    wk_arange(0, 5, 0.5, WK_I64);
    assert_fails(WK_EINVAL, "arange: start 0, end 5 and step 0.5 of type i64 must be whole, and below 2^53");
    wk_arange(0, 5, 1, WK_F16);
    assert_fails(WK_EDTYPE, "arange: the element type is f16: wk_cast a range of another type");
    wk_arange(0, 5, 1, 99);
    assert_fails(WK_EDTYPE, "arange: there is no element type 99");
    wk_arange(0, 1e300, 1e-3, WK_F32);
    assert_fails(WK_ENOMEM, "arange: shape (9223372036854775807) has too many elements");
    wk_linspace(0, 1, -1, WK_F32);
    assert_fails(WK_EINVAL, "linspace: steps is -1");
    wk_logspace(0, 1, 3, 10, WK_I64);
    assert_fails(WK_EDTYPE, "logspace: the element type must be f32 or f64");
    wk_eye(-1, 2, WK_F32);
    assert_fails(WK_ESHAPE, "eye: shape (-1,2) has a negative size");
}

static void like_others(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *t = wk_transpose(wk_full(WK_SHAPE(2, 3), 7, WK_U8), 0, 1);
    wk_tensor *const same[] = {wk_zeros_like(t), wk_ones_like(t), wk_full_like(t, 5), wk_empty_like(t)};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(wk_dtype_of(same[i]), WK_U8);
        assert_int_equal(wk_dim(same[i], 0), 3);
        assert_true(wk_is_contiguous(same[i]));
    }
    assert_close(wk_item(wk_sum(same[0])) + wk_item(wk_sum(same[1])) + wk_item(wk_sum(same[2])), 36, 0, "6 * (0+1+5)");
    wk_tensor *eye = wk_eye(2, 4, WK_BOOL);
    uint8_t bytes[8];
    assert_int_equal(wk_read(eye, bytes, sizeof bytes), WK_OK);
    assert_memory_equal(bytes, ((const uint8_t[]){1, 0, 0, 0, 0, 1, 0, 0}), 8);
    wk_zeros_like(NULL);
    assert_fails(WK_EINVAL, "zeros_like: t is NULL");
}

static int releases;
static void count_release(void *data, void *user) {
    (void)data;
    releases += *(const int *)user;
}

/* The memory goes back with the last tensor that looks at it, once. */
static void wrapped_memory(void **state) {
    (void)state;
    float data[6] = {1, 2, 3, 4, 5, 6};
    int one = 1;
    releases = 0;
    wk_tensor *kept = NULL;
    {
        WK_SCOPE;
        wk_tensor *t = wk_wrap(data, WK_SHAPE(2, 3), WK_F32, count_release, &one);
        assert_ok();
        assert_ptr_equal(wk_data(t), data);
        wk_keep(&kept, wk_select(t, 0, 1));
        WK_NO_GRAD;
        wk_copy_(t, wk_mul_scalar(t, 2));
    }
    assert_int_equal(releases, 0);
    assert_close((double)data[5], 12, 0, "written where it lies");
    assert_close(wk_get_f64(kept, (const int64_t[]){0}), 8, 0, "seen through the view");
    wk_release(&kept);
    assert_int_equal(releases, 1);
    wk_wrap(NULL, WK_SHAPE(2), WK_F32, count_release, &one);
    assert_fails(WK_EINVAL, "wrap: data is NULL");
    wk_wrap((char *)data + 1, WK_SHAPE(1), WK_F32, count_release, &one);
    assert_fails(WK_EINVAL, "wrap: data is not aligned for elements of type f32");
    assert_int_equal(releases, 1);
    wk_ctx *other = wk_ctx_new(), *was = wk_ctx_use(other);
    wk_wrap(data, WK_SHAPE(6), WK_F32, count_release, &one);
    wk_wrap(data, WK_SHAPE(6), WK_F32, NULL, NULL);
    wk_ctx_use(was);
    wk_ctx_free(other);
    assert_int_equal(releases, 2);
}

static void whole_numbers_and_bytes(void **state) {
    (void)state;
    WK_SCOPE;
    const int64_t big = INT64_MAX - 1, at[1] = {1}, three[3] = {1, 2, 3};
    wk_tensor *t = wk_zeros(WK_SHAPE(3), WK_I64);
    wk_put_i64(t, at, big);
    assert_true(wk_get_i64(t, at) == big);
    assert_true(wk_get_i64(wk_full(WK_SHAPE(2), -1.9, WK_F32), at) == -1);
    wk_tensor *m = wk_transpose(wk_zeros(WK_SHAPE(1, 3), WK_I64), 0, 1);
    assert_int_equal(wk_write(m, three, sizeof three), WK_OK);
    assert_int_equal(wk_get_i64(m, (const int64_t[]){2, 0}), 3);
    wk_write(m, three, 8);
    assert_fails(WK_EINVAL, "write: data has 8 bytes, but t (3,1) of i64 has 24");
    wk_write(wk_expand(t, WK_SHAPE(2, 3)), (const int64_t[6]){0}, 48);
    assert_fails(WK_EINVAL, "write: elements of t overlap: wk_clone it first");
    assert_int_equal(wk_get_i64(t, (const int64_t[]){3}), 0);
    assert_fails(WK_EINDEX, "get_i64: index 3 of dimension 0 is out of range for t (3)");
}

static wk_device device_inside(void) {
    WK_DEVICE(WK_CPU);
    WK_SCOPE;
    return wk_device_of(wk_zeros(WK_SHAPE(2), WK_F32));
}

static void devices(void **state) {
    (void)state;
    WK_SCOPE;
    assert_string_equal(wk_device_name(WK_CPU), "cpu");
    assert_null(wk_device_name(1));
    assert_int_equal(device_inside(), WK_CPU);
    wk_tensor *x = wk_requires_grad_(wk_ones(WK_SHAPE(2), WK_F32), true);
    wk_tensor *moved = wk_to_device(x, WK_CPU);
    wk_backward(wk_sum(moved));
    assert_close(wk_item(wk_sum(wk_grad_of(x))), 2, 0, "moving hands the gradient back");
    assert_ok();
    assert_null(wk_to_device(x, 7));
    assert_fails(WK_EDEVICE, "to_device: there is no device 7: this build has WK_CPU, which is 0");
    {
        WK_DEVICE(-2);
        assert_fails(WK_EDEVICE, "set_device: there is no device -2: this build has WK_CPU, which is 0");
    }
    assert_int_equal(wk_current_device(), WK_CPU);
    assert_ok();
}

static wk_device seen[4]; /* the current device, when tensors were made */

static wk_tensor *made_on(int i) {
    seen[i] = wk_current_device();
    return wk_ones(WK_SHAPE(2), WK_F32);
}

static bool made_in_a_plan(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_add(in[0], WK_ON(WK_CPU, wk_ones(WK_SHAPE(2), WK_F32)));
    return true;
}

/* One call on a device: its value is that of the expression, whatever it is. There being one device, what is put back
 * is seen by what a failure leaves. */
static void devices_of_one_call(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *y = WK_ON(WK_CPU, wk_add(made_on(0), WK_ON(WK_CPU, made_on(1))));
    assert_close(wk_item(wk_sum(y)), 4, 0, "one inside another");
    assert_true(seen[0] == WK_CPU && seen[1] == WK_CPU);
    wk_module *layer = WK_ON(WK_CPU, wk_linear_new(NULL, "layer", 2, 1, NULL));
    wk_plan *plan = WK_ON(WK_CPU, wk_plan_new(made_in_a_plan, NULL, 1, 1, NULL));
    for (int run = 0; run < 3; run++) {
        wk_tensor *sum;
        assert_int_equal(wk_plan_run(plan, &y, &sum), WK_OK);
        assert_close(wk_item(wk_sum(sum)), 6, 0, "in a plan");
    }
    {
        WK_BATCH;
        y = wk_linear_forward(layer, wk_reshape(WK_ON(WK_CPU, wk_tanh(made_on(0))), WK_SHAPE(1, 2)));
        assert_int_equal(wk_numel(wk_contiguous(y)), 1);
    }
    wk_plan_free(plan);
    wk_module_free(layer);
    assert_ok();
}

static void devices_that_are_not_there(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *y = WK_ON(WK_CPU, wk_add(made_on(0), WK_ON(5, made_on(1))));
    assert_null(y);
    assert_fails(WK_EDEVICE, "set_device: there is no device 5: this build has WK_CPU, which is 0");
    assert_null(WK_ON(-1, wk_linear_new(NULL, "layer", 2, 1, NULL)));
    assert_fails(WK_EDEVICE, "set_device: there is no device -1: this build has WK_CPU, which is 0");
    assert_int_equal(wk_current_device(), WK_CPU);
    assert_null(WK_ON(WK_CPU, wk_zeros(WK_SHAPE(-1), WK_F32)));
    assert_fails(WK_ESHAPE, "zeros: shape (-1) has a negative size");
    wk_ctx *other = wk_ctx_new(), *was = wk_ctx_use(other);
    assert_null(WK_ON(9, made_on(2)));
    wk_ctx_use(was);
    assert_ok();
    assert_non_null(WK_ON(WK_CPU, made_on(3)));
    wk_ctx_free(other);
}

/* ------------------------------------------------------------------------------------------------- huge shapes --- */

/* What has no elements still has strides, which would not fit a word: no row makes such a thing. Pads and copies of
 * nothing are nothing, however many. */
static void huge_shapes_without_elements(void **state) {
    (void)state;
    WK_SCOPE;
    const int64_t huge = INT64_C(1) << 40, most[] = {INT64_MAX, 1};
    wk_tensor *tall = wk_zeros(WK_SHAPE(0, huge, 1), WK_F32), *wide = wk_zeros(WK_SHAPE(1, 1, huge), WK_F32);
    assert_null(wide);
    wk_check(NULL);
    wide = wk_zeros(WK_SHAPE(0, 1, huge), WK_F32);
    assert_null(wk_add(tall, wide));
    assert_fails(WK_ENOMEM, "add: out of memory");
    wk_tensor *x = wk_requires_grad_(wk_zeros(WK_SHAPE(0, 2), WK_F32), true), *y = wk_repeat(x, 2, most);
    assert_int_equal(wk_dim(y, 0), 0);
    assert_int_equal(wk_backward(wk_sum(y)), WK_OK);
    assert_int_equal(wk_numel(wk_grad_of(x)), 0);
    assert_int_equal(wk_dim(wk_pad(wk_zeros(WK_SHAPE(4), WK_F32), WK_SHAPE(-huge, huge), 0), 0), 4);
    wk_pad(wk_zeros(WK_SHAPE(4), WK_F32), WK_SHAPE(INT64_MIN, INT64_MAX), 0);
    assert_fails(WK_ENOMEM, "pad: a pad of -9223372036854775808 is more than there can be elements");
    wk_tensor *w = wk_zeros(WK_SHAPE(0, huge, 3), WK_F32);
    wk_conv_options o = WK_CONV_OPTIONS;
    o.groups = huge;
    wk_conv_transpose1d(wk_zeros(WK_SHAPE(2, 3, 4), WK_F32), w, NULL, &o);
    assert_fails(WK_ENOMEM, "conv_transpose1d: out of memory");
}

WK_TEST_MAIN("create", cmocka_unit_test(huge_shapes_without_elements), cmocka_unit_test(devices_of_one_call),
             cmocka_unit_test(devices_that_are_not_there), cmocka_unit_test(devices),
             cmocka_unit_test(ranges_as_pytorch), cmocka_unit_test(ranges_refused), cmocka_unit_test(like_others),
             cmocka_unit_test(wrapped_memory), cmocka_unit_test(whole_numbers_and_bytes))
