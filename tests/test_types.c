/* test_types.c -- element types: every pair of them in every row that promotes, and casts, against PyTorch's; gradients
 * through casts; what is refused. */
#include "ops_file.h"
#include "support.h"

#include <stdlib.h>

/* ------------------------------------------------------------------------------------------- PyTorch's results --- */

static wk_dtype dtype_named(const char *name) {
    for (wk_dtype d = 0; d < WK_DTYPE_COUNT; d++)
        if (strcmp(wk_dtype_name(d), name) == 0) return d;
    return -1;
}

static double next_value(void) { return strtod(strtok(NULL, " \n"), NULL); }

/* TYPE NDIM VALUE*; the type's name has been read. */
static wk_tensor *next_tensor(const char *type) {
    const int64_t dims[1] = {3}, ndim = atoi(strtok(NULL, " \n"));
    wk_tensor *t = wk_empty((int32_t)ndim, dims, dtype_named(type));
    for (int64_t i = 0; i < wk_numel(t); i++) wk_put_f64(t, &i, next_value());
    return t;
}

/* s: the number among the arguments, or NULL. */
static wk_tensor *called(const char *op, const char *s, wk_tensor *a, wk_tensor *b, const char *type) {
    if (strcmp(op, "cast") == 0) return wk_cast(a, dtype_named(type));
    const uint8_t truths[] = {1, 0, 1};
    const bool chooses = strcmp(op, "where") == 0;
    wk_tensor *const in[] = {wk_from_data(truths, WK_SHAPE(3), WK_BOOL), a, b};
    wk_tensor *out[2];
    const wk_op *row = wk_op_find(op);
    const wk_attr number = {.name = wk_op_attr_name(row, 0, NULL), .f = s != NULL ? atof(s) : 0};
    wk_op_call(row, &number, s != NULL, chooses ? in : in + 1, (b != NULL ? 2 : 1) + chooses, out);
    return out[0];
}

/* Functions of f32 have 4 units in the last place, sums may be added in another order, torch takes s / x for s (1 / x).
 * The rest is exact. */
static double tolerance(const char *op, double expected) {
    static const char inexact[] = " exp log rsqrt sin atan erf tanh sigmoid mean sum prod cumsum cumprod pow_scalar "
                                  "rdiv_scalar ";
    char word[32];
    snprintf(word, sizeof word, " %s ", op);
    return strstr(inexact, word) == NULL ? 0 : 5e-7 * fabs(expected);
}

static void check_result(const char *line, const char *op, wk_tensor *y, const char *type) {
    wk_error e;
    const bool by_zero = strcmp(type, "by_zero") == 0;
    if (by_zero || strcmp(type, "refused") == 0) {
        const wk_status expected = by_zero ? WK_EINVAL : WK_EDTYPE;
        if (wk_check(&e) != expected) print_message("# not refused: %s\n", line);
        assert_int_equal(e.status, expected);
        return;
    }
    if (wk_check(&e)) print_message("# %s\n# %s\n", e.message, line);
    assert_int_equal(e.status, WK_OK);
    if (strcmp(wk_dtype_name(wk_dtype_of(y)), type) != 0)
        print_message("# %s: is %s\n", line, wk_dtype_name(wk_dtype_of(y)));
    assert_string_equal(wk_dtype_name(wk_dtype_of(y)), type);
    assert_int_equal(wk_ndim(y), atoi(strtok(NULL, " \n")));
    wk_tensor *flat = wk_reshape(y, WK_SHAPE(-1));
    for (int64_t i = 0; i < wk_numel(flat); i++) {
        const double actual = wk_get_f64(flat, &i), expected = next_value();
        if (isnan(actual) && isnan(expected)) continue;
        if (isinf(expected) && actual == expected) continue;
        assert_close(actual, expected, tolerance(op, expected), line);
        assert_int_equal(signbit(actual) != 0, signbit(expected) != 0);
    }
}

static void as_pytorch(void **state) {
    (void)state;
    char path[512], line[512], words[512];
    snprintf(path, sizeof path, "%s/types.txt", wk_test_data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int calls = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#') continue;
        WK_SCOPE;
        strcpy(words, line);
        char *op = strtok(words, " ");
        wk_tensor *a = next_tensor(strtok(NULL, " ")), *b = NULL;
        const char *word = strtok(NULL, " ");
        if (strcmp(word, "=") != 0) b = next_tensor(word), strtok(NULL, " ");
        const char *type = strtok(NULL, " \n");
        char *s = strchr(op, ':');
        if (s != NULL) *s++ = '\0';
        check_result(line, op, called(op, s, a, b, type), type);
        calls++;
    }
    fclose(file);
    assert_true(calls > 800);
}

/* -------------------------------------------------------------------------------------------------- gradients --- */

static wk_tensor *leaf(double value, wk_dtype dtype) {
    return wk_requires_grad_(wk_full(WK_SHAPE(70), value, dtype), true);
}

static double grad_at(wk_tensor *t) { return wk_get_f64(wk_grad_of(t), (const int64_t[]){69}); }

/* Each leaf gets a gradient of its own type, whatever the others are; twice used, twice as much. */
static void gradients_come_back(void **state) {
    (void)state;
    WK_SCOPE;
    const wk_dtype types[] = {WK_F32, WK_F64, WK_F16, WK_BF16};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            wk_tensor *a = leaf(2, types[i]), *b = leaf(0.5, types[j]), *whole = wk_full(WK_SHAPE(70), 3, WK_I32);
            wk_backward(wk_sum(wk_add(wk_mul(wk_mul(a, b), whole), wk_mul(a, b))));
            assert_ok();
            assert_int_equal(wk_dtype_of(wk_grad_of(a)), types[i]);
            assert_int_equal(wk_dtype_of(wk_grad_of(b)), types[j]);
            assert_close(grad_at(a), 2, 0, "4 b, exact in every type");
            assert_close(grad_at(b), 8, 0, "4 a, exact in every type");
        }
}

/* A list of more tensors than other rows have inputs, of several types, joined in their common one. */
static void lists_are_joined(void **state) {
    (void)state;
    WK_SCOPE;
    const wk_dtype types[] = {WK_F32, WK_I64, WK_F16, WK_BOOL, WK_F64};
    wk_list *list = wk_list_new();
    for (int i = 0; i < 20; i++) {
        wk_tensor *x = wk_full(WK_SHAPE(3), i, types[i % 5]);
        wk_list_push(list, wk_dtype_of(x) == WK_I64 || wk_dtype_of(x) == WK_BOOL ? x : wk_requires_grad_(x, true));
    }
    for (int stacked = 0; stacked < 2; stacked++) {
        wk_tensor *y = wk_reshape(stacked ? wk_stack(list, 0) : wk_cat(list, 0), WK_SHAPE(60));
        assert_int_equal(wk_dtype_of(y), WK_F64);
        assert_close(wk_get_f64(y, (const int64_t[]){3 * 7 + 2}), 7, 0, "a half");
        assert_close(wk_get_f64(y, (const int64_t[]){3 * 8}), 1, 0, "a bool");
        wk_backward(wk_sum(wk_mul(y, wk_arange(0, 60, 1, WK_F64))));
    }
    assert_ok();
    assert_close(wk_get_f64(wk_grad_of(wk_list_at(list, 7)), (const int64_t[]){2}), 2 * 23, 0, "of the half, twice");
    assert_int_equal(wk_dtype_of(wk_grad_of(wk_list_at(list, 7))), WK_F16);
}

/* Written as another type, through a view; the gradient comes back in x's. */
static void written_as_another_type(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_full(WK_SHAPE(2), 1 / 3.0, WK_F64), true),
              *y = wk_zeros(WK_SHAPE(3, 2), WK_F32);
    wk_copy_(wk_select(y, 0, 1), x);
    wk_backward(wk_sum(wk_mul_scalar(y, 3)));
    assert_close(wk_get_f64(y, (const int64_t[]){1, 1}), (double)(1 / 3.0f), 0, "rounded");
    assert_int_equal(wk_dtype_of(wk_grad_of(x)), WK_F64);
    assert_close(wk_item(wk_sum(wk_grad_of(x))), 6, 0, "3, of each");
    wk_tensor *whole = wk_zeros(WK_SHAPE(2), WK_I32);
    wk_copy_(whole, wk_mul_scalar(x, -7));
    assert_close(wk_get_f64(whole, (const int64_t[]){0}), -2, 0, "without its fraction");
    assert_false(wk_requires_grad(whole));
    assert_ok();
}

/* Through a cast by recorded ops: d/dx (dy/dx)^2 of y = x^2 is 8 x. */
static void gradients_of_gradients(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_scalar(1.5, WK_F16), true), *gx, *second;
    wk_tensor *wide = wk_cast(x, WK_F64);
    wk_grad(wk_mul(wide, wide), &x, 1, &gx, WK_CREATE_GRAPH);
    wk_grad(wk_mul(gx, gx), &x, 1, &second, 0);
    assert_ok();
    assert_int_equal(wk_dtype_of(second), WK_F16);
    assert_close(wk_item(second), 12, 0, "8 * 1.5");
}

/* A product of halves, as any row without kernels for them, is computed in f32. */
static void halves_by_way_of_f32(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *a = wk_requires_grad_(wk_full(WK_SHAPE(2, 3), 1 / 3.0, WK_BF16), true);
    wk_tensor *b = wk_full(WK_SHAPE(3, 2), 1, WK_BF16), *y = wk_matmul(a, b);
    assert_int_equal(wk_dtype_of(y), WK_BF16);
    assert_close(wk_get_f64(y, (const int64_t[]){1, 1}), 1, 0, "3 * 0.333984375 rounded to bf16");
    wk_backward(wk_mse_loss(y, wk_full(WK_SHAPE(2, 2), 0, WK_BF16)));
    assert_ok();
    assert_int_equal(wk_dtype_of(wk_grad_of(a)), WK_BF16);
    assert_close(wk_get_f64(wk_grad_of(a), (const int64_t[]){0, 0}), 1, 0, "2 columns of 2 y / 4");
    wk_tensor *wide = wk_expand(wk_requires_grad_(wk_scalar(1, WK_F16), true), WK_SHAPE(2, 3));
    assert_close(wk_item(wk_sum(wide)), 6, 0, "small whole numbers");
}

/* Rows made of others take halves like those; of what comes out only numbers are halves, not indices. */
static void halves_in_and_out(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_full(WK_SHAPE(2, 3), 0.5, WK_F16), true), *indices;
    wk_tensor *loss = wk_l1_loss(x, wk_zeros(WK_SHAPE(2, 3), WK_F16)), *largest = wk_max_dim(x, 1, false, &indices);
    wk_backward(loss);
    assert_ok();
    assert_int_equal(wk_dtype_of(loss), WK_F16);
    assert_close(wk_item(loss), 0.5, 0, "the mean of halves");
    assert_int_equal(wk_dtype_of(wk_grad_of(x)), WK_F16);
    assert_int_equal(wk_dtype_of(largest), WK_F16);
    assert_int_equal(wk_dtype_of(indices), WK_I64);
}

/* ------------------------------------------------------------------------------------- what rows say they take --- */

static void call_of_each_type(const ops_case *c, void *user) {
    const bool is_einsum = strcmp(c->op, "einsum") == 0; /* takes bools where its equation sums no products */
    if (c->input_count == 0 || c->refused[0] != '\0') return;
    for (wk_dtype d = 0; d < WK_DTYPE_COUNT; d++) {
        WK_SCOPE;
        wk_tensor *in[OPS_MAX_INPUTS] = {NULL}, *out[OPS_MAX_OUTPUTS];
        ops_case whole = *c;
        bool floating = false;
        for (int i = 0; i < c->input_count; i++)
            if (c->input[i].values != NULL)
                in[i] = ops_tensor(&c->input[i], d), floating |= ops_is_floating(&c->input[i]);
        if (!floating || (is_einsum && d == WK_BOOL)) continue;
        for (int a = 0; a < c->attr_count; a++) whole.attrs[a].f = 1; /* which every type holds */
        assert_ok();
        wk_error e;
        ops_call(&whole, in, out);
        wk_check(&e);
        if ((e.status == WK_EDTYPE) == wk_op_takes(wk_op_find(c->op), d))
            fail_msg("%s of %s: %s", c->label, wk_dtype_name(d), e.status != WK_OK ? e.message : "not refused");
        ++*(int *)user;
    }
}

static void rows_take_what_they_say(void **state) {
    (void)state;
    int calls = 0;
    ops_each_case(wk_test_data, "ops", call_of_each_type, &calls);
    assert_true(calls > 8000);
    assert_false(wk_op_takes(NULL, WK_F32));
    assert_false(wk_op_takes(wk_op_find("add"), WK_DTYPE_COUNT));
    assert_false(wk_op_takes(wk_op_find("rand"), WK_F32));
    assert_true(wk_op_takes(wk_op_find("one_hot"), WK_U8) && !wk_op_takes(wk_op_find("one_hot"), WK_F32));
    assert_true(wk_op_takes(wk_op_find("exp"), WK_I64) && !wk_op_takes(wk_op_find("exp_"), WK_I64));
}

/* --------------------------------------------------------------------------------------------------- the rest --- */

static void cast_keeps_or_ends(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_scalar(2.5, WK_F32), true);
    assert_ptr_equal(wk_cast(x, WK_F32), x);
    assert_true(wk_requires_grad(wk_cast(x, WK_F16)));
    assert_false(wk_requires_grad(wk_cast(x, WK_I64)));
    assert_false(wk_requires_grad(wk_cast(wk_cast(x, WK_BOOL), WK_F32)));
    assert_close(wk_item(wk_cast(x, WK_I32)), 2, 0, "the fraction is dropped");
    assert_null(wk_requires_grad_(wk_scalar(1, WK_I32), true));
    assert_fails(WK_EDTYPE, "requires_grad_: t has type i32, not a floating one: wk_cast it");
    wk_cast(x, WK_DTYPE_COUNT);
    assert_fails(WK_EDTYPE, "cast: there is no element type 8");
}

static void what_is_refused(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *i = wk_ones(WK_SHAPE(2, 2), WK_I64), *b = wk_ones(WK_SHAPE(2, 2), WK_BOOL);
    wk_tensor *f = wk_ones(WK_SHAPE(2, 2), WK_F32), *d = wk_ones(WK_SHAPE(2, 2), WK_F64);
    wk_pow_scalar(i, -2);
    assert_fails(WK_EDTYPE, "pow_scalar: x has type i64, which does not hold its power -2: wk_cast it to a floating "
                            "one");
    wk_clamp(i, -0.5, 2);
    assert_fails(WK_EDTYPE, "clamp: x has type i64, which does not hold -0.5: wk_cast x to a floating type");
    wk_silu(i);
    assert_fails(WK_EDTYPE, "silu: x has type i64, not a floating one: wk_cast it");
    wk_exp_(i);
    assert_fails(WK_EDTYPE, "exp_: the result is f32 and does not fit into i64, in place: wk_cast that first");
    wk_mul_scalar(i, 0.5);
    assert_fails(WK_EDTYPE, "mul_scalar: x has type i64, which does not hold 0.5: wk_cast x to a floating type");
    wk_mul_scalar(i, 1e30);
    assert_fails(WK_EDTYPE, "mul_scalar: x has type i64, which does not hold 1e+30: wk_cast x to a floating type");
    wk_remainder(i, wk_from_data((const int64_t[]){2, 0}, WK_SHAPE(2), WK_I64));
    assert_fails(WK_EINVAL, "remainder: b has a 0, and whole numbers cannot be divided by that");
    wk_floor_divide_(i, wk_zeros(WK_SHAPE(2), WK_I64));
    assert_fails(WK_EINVAL, "floor_divide_: b has a 0, and whole numbers cannot be divided by that");
    assert_close(wk_item(wk_sum(i)), 4, 0, "refused before it was written");
    wk_fmod_scalar(b, 0);
    assert_fails(WK_EINVAL, "fmod_scalar: s is 0, and whole numbers cannot be divided by that");
    wk_tensor *three = wk_mul_scalar(b, 3);
    assert_int_equal(wk_dtype_of(three), WK_I64);
    assert_close(wk_item(wk_sum(three)), 12, 0, "4 * 3");
    wk_neg(b);
    assert_fails(WK_EDTYPE, "neg: x cannot have type bool: wk_cast it");
    wk_mean(i);
    assert_fails(WK_EDTYPE, "mean: x has type i64, not a floating one: wk_cast it");
    wk_matmul(f, d);
    assert_fails(WK_EDTYPE, "matmul: a has type f32 and b has f64: wk_cast one of them");
    wk_mse_loss(i, i);
    assert_fails(WK_EDTYPE, "mse_loss: x has type i64, not a floating one: wk_cast it");
    wk_mse_loss(f, wk_cast(f, WK_F16));
    assert_fails(WK_EDTYPE, "mse_loss: x has type f32 and target has f16: wk_cast one of them");
    wk_add(i, wk_ones(WK_SHAPE(3), WK_F32));
    assert_fails(WK_ESHAPE, "add: shapes a (2,2) and b (3) do not broadcast");
}

WK_TEST_MAIN("types", cmocka_unit_test(as_pytorch), cmocka_unit_test(rows_take_what_they_say),
             cmocka_unit_test(gradients_come_back), cmocka_unit_test(lists_are_joined),
             cmocka_unit_test(written_as_another_type), cmocka_unit_test(gradients_of_gradients),
             cmocka_unit_test(halves_by_way_of_f32), cmocka_unit_test(halves_in_and_out),
             cmocka_unit_test(cast_keeps_or_ends), cmocka_unit_test(what_is_refused))
