/* test_moving.c -- what moves elements, beyond the cases of ops.txt: functions made of several rows, other element
 * types, views in views on the way back, and the messages of wrong calls. */
#include "support.h"

static wk_tensor *whole(int32_t ndim, const int64_t *dims, const int64_t *values) {
    return wk_from_data(values, ndim, dims, WK_I64);
}

#define WHOLE(...) whole(WK_SHAPE(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

/* The numbers 0, 1, 2 .. under a shape. */
static wk_tensor *count_up(int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    wk_tensor *t = wk_empty(ndim, dims, dtype);
    wk_tensor *flat = wk_reshape(t, WK_SHAPE(-1));
    for (int64_t i = 0; i < wk_numel(t); i++) wk_put_f64(flat, &i, (double)i);
    return t;
}

/* t has these elements, in row-major order. */
static void assert_elements(wk_tensor *t, int64_t count, const double *expected) {
    assert_ok();
    assert_int_equal(wk_numel(t), count);
    wk_tensor *flat = wk_reshape(t, WK_SHAPE(-1));
    for (int64_t i = 0; i < count; i++) assert_close(wk_get_f64(flat, &i), expected[i], 0, "an element");
}

#define assert_holds(t, ...) \
    assert_elements(t, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})

/* ---------------------------------------------------------------------------------------------- several rows --- */

static void parts_of_a_tensor(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(count_up(WK_SHAPE(2, 5), WK_F32), true);
    wk_list *parts = wk_split(x, 2, -1), *halves = wk_chunk(x, 2, 1);
    assert_int_equal(wk_list_length(parts), 3);
    assert_holds(wk_list_at(parts, 1), 2, 3, 7, 8);
    assert_holds(wk_list_at(parts, 2), 4, 9);
    assert_int_equal(wk_list_length(halves), 2);
    assert_holds(wk_list_at(halves, 1), 3, 4, 8, 9);
    assert_int_equal(wk_list_length(wk_chunk(x, 7, 0)), 2);
    assert_int_equal(wk_list_length(wk_split(wk_zeros(WK_SHAPE(0), WK_F32), 0, 0)), 1);
    assert_holds(wk_cat(parts, 1), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    wk_backward(wk_sum(wk_mul(wk_list_at(parts, 1), wk_list_at(parts, 1))));
    assert_holds(wk_grad_of(x), 0, 0, 4, 6, 0, 0, 0, 14, 16, 0);
    assert_holds(wk_roll(count_up(WK_SHAPE(2, 2), WK_I64), WK_SHAPE(1), 0, NULL), 3, 0, 1, 2);
}

static void masks(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(count_up(WK_SHAPE(2, 3), WK_F64), true), *mask = WHOLE(1, 0, 1);
    wk_tensor *kept = wk_masked_select(x, mask), *filled = wk_masked_fill(x, mask, -1);
    assert_holds(kept, 0, 2, 3, 5);
    assert_holds(filled, -1, 1, -1, -1, 4, -1);
    wk_backward(wk_add(wk_sum(wk_mul(kept, kept)), wk_sum(wk_mul(filled, filled))));
    assert_holds(wk_grad_of(x), 0, 2, 4, 6, 8, 10);
    assert_int_equal(wk_numel(wk_masked_select(x, wk_zeros(WK_SCALAR, WK_F32))), 0);
    assert_holds(wk_masked_fill(WHOLE(7, 8), wk_reshape(WHOLE(1, 0), WK_SHAPE(2, 1)), 9.9), 9, 9, 7, 8);
    assert_holds(wk_nonzero(wk_transpose(wk_reshape(WHOLE(0, 4, 0, 5, 0, 6), WK_SHAPE(3, 2)), 0, 1)), 1, 0, 1, 1, 1, 2);
}

static void sorting(void **state) {
    (void)state;
    WK_SCOPE;
    const double values[] = {3, 1, (double)NAN, 2, 1, 5};
    wk_tensor *x = wk_requires_grad_(wk_from_data(values, WK_SHAPE(6), WK_F64), true), *order;
    wk_tensor *rising = wk_sort(x, 0, false, &order);
    assert_holds(order, 1, 4, 3, 0, 5, 2);
    assert_holds(wk_narrow(rising, 0, 0, 5), 1, 1, 2, 3, 5);
    wk_tensor *top = wk_topk(x, 2, -1, false, &order);
    assert_holds(top, 1, 1);
    assert_holds(order, 1, 4);
    wk_backward(wk_sum(wk_mul(wk_topk(x, 3, 0, false, NULL), count_up(WK_SHAPE(3), WK_F64))));
    assert_holds(wk_grad_of(x), 0, 0, 0, 2, 1, 0);
    wk_topk(wk_transpose(count_up(WK_SHAPE(2, 3), WK_I64), 0, 1), 1, 0, true, &order);
    assert_holds(order, 2, 2);
    assert_holds(wk_topk(wk_scalar(4, WK_F32), 1, 0, true, NULL), 4);
    wk_topk(x, 7, 0, true, &order);
    assert_null(order);
    assert_fails(WK_EINDEX, "topk: k is 7 and x (6) has 6 elements along dimension 0");
}

static wk_list *list_of(wk_tensor *a, wk_tensor *b) {
    wk_list *list = wk_list_new();
    wk_list_push(list, a);
    wk_list_push(list, b);
    return list;
}

static wk_list *only(wk_tensor *a) {
    wk_list *list = wk_list_new();
    wk_list_push(list, a);
    return list;
}

static void several_indices(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(count_up(WK_SHAPE(2, 3, 2), WK_F64), true);
    wk_list *at = list_of(wk_reshape(WHOLE(-1, 0), WK_SHAPE(2, 1)), WHOLE(2, -3));
    wk_tensor *y = wk_index(x, at);
    assert_holds(y, 10, 11, 6, 7, 4, 5, 0, 1);
    assert_int_equal(wk_ndim(y), 3);
    wk_backward(wk_sum(wk_mul(y, y)));
    assert_holds(wk_grad_of(x), 0, 2, 0, 0, 8, 10, 12, 14, 0, 0, 20, 22);
    wk_zero_grad(x);
    wk_tensor *v = wk_requires_grad_(wk_full(WK_SHAPE(2), 3, WK_F64), true);
    y = wk_index_put(x, list_of(WHOLE(0, 0), WHOLE(1, 1)), v, true);
    assert_holds(y, 0, 1, 8, 9, 4, 5, 6, 7, 8, 9, 10, 11);
    wk_backward(wk_sum(wk_mul(y, y)));
    assert_holds(wk_grad_of(v), 32, 36);
    wk_index_put(WHOLE(5, 6, 7), list_of(WHOLE(-1), WHOLE(0)), WHOLE(9), false);
    assert_fails(WK_EINDEX, "index_put: index (1) is one too many for x (3)");
}

static wk_tensor *mask_of(wk_tensor *x, double above) { return wk_gt_scalar(x, above); }

/* A mask is the indices at which it holds, alone or beside others. */
static void masks_as_indices(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_reshape(wk_arange(0, 12, 1, WK_F64), WK_SHAPE(2, 3, 2)), true);
    wk_tensor *rows = mask_of(WHOLE(0, 1), 0), *both = mask_of(wk_reshape(WHOLE(0, 3, 0, 0, 0, 4), WK_SHAPE(2, 3)), 0);
    wk_tensor *y = wk_index(x, only(both));
    assert_holds(y, 2, 3, 10, 11);
    wk_backward(wk_sum(wk_mul(y, y)));
    assert_holds(wk_grad_of(x), 0, 0, 4, 6, 0, 0, 0, 0, 0, 0, 20, 22);
    assert_holds(wk_index(x, list_of(rows, WHOLE(2))), 10, 11);
    assert_holds(wk_index(x, list_of(wk_cast(WHOLE(1), WK_I32), mask_of(WHOLE(0, 1, 1), 0))), 8, 9, 10, 11);
    assert_holds(wk_index_put(x, only(both), wk_scalar(-1, WK_F64), false), 0, 1, -1, -1, 4, 5, 6, 7, 8, 9, -1, -1);
    assert_int_equal(wk_dim(wk_index(x, only(mask_of(WHOLE(0, 0), 0))), 0), 0);
    assert_ok();
    wk_index(x, only(mask_of(WHOLE(0, 0, 1), 0)));
    assert_fails(WK_EINDEX, "index: mask (3) does not fit the dimensions of x (2,3,2)");
    wk_index(x, only(wk_cast(WHOLE(0, 1), WK_U8)));
    assert_fails(WK_EDTYPE, "index: index (2) of x (2,3,2) has type u8: wk_cast a mask to bool, indices to i64");
}

/* Narrower whole numbers are indices, too; the gradient finds the same ones. */
static void narrow_indices(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_cast(wk_arange(0, 4, 1, WK_F64), WK_F16), true);
    wk_tensor *i = wk_cast(WHOLE(3, 1, 3), WK_I32), *u = wk_cast(i, WK_U8);
    wk_tensor *table = wk_requires_grad_(wk_ones(WK_SHAPE(4, 1), WK_F64), true);
    assert_holds(wk_cast(wk_index_select(x, 0, i), WK_F64), 3, 1, 3);
    assert_holds(wk_cast(wk_gather(x, 0, u), WK_F64), 3, 1, 3);
    assert_holds(wk_cast(wk_scatter_add(x, 0, i, wk_ones(WK_SHAPE(3), WK_F16)), WK_F64), 0, 2, 2, 5);
    assert_holds(wk_one_hot(u, 4), 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1);
    wk_backward(wk_sum(wk_embedding(i, table, -1)));
    assert_holds(wk_grad_of(table), 0, 1, 0, 2);
    wk_backward(wk_sum(wk_index_select(x, 0, u)));
    assert_holds(wk_cast(wk_grad_of(x), WK_F64), 0, 1, 0, 2);
    assert_ok();
}

static void along_a_dimension(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(count_up(WK_SHAPE(1, 3), WK_F64), true);
    wk_tensor *y = wk_take_along_dim(x, wk_reshape(WHOLE(2, 0, 1, 1), WK_SHAPE(2, 2)), 1);
    assert_holds(y, 2, 0, 1, 1);
    wk_backward(wk_sum(wk_mul(y, y)));
    assert_holds(wk_grad_of(x), 0, 4, 4);
}

static wk_tensor *of_type(wk_dtype dtype, const double *values) {
    wk_tensor *t = wk_empty(WK_SHAPE(2, 3), dtype);
    for (int64_t i = 0; i < 6; i++) wk_put_f64(t, (const int64_t[]){i / 3, i % 3}, values[i]);
    return t;
}

/* Elements of every type are moved, and counted where that is a sum. */
static void every_type(void **state) {
    (void)state;
    WK_SCOPE;
    for (wk_dtype dtype = 0; dtype < WK_DTYPE_COUNT; dtype++) {
        WK_SCOPE;
        wk_tensor *x = of_type(dtype, (const double[]){1, 0, 1, 0, 0, 1});
        assert_int_equal(wk_dtype_of(wk_unfold(x, 1, 2, 1)), dtype);
        assert_holds(wk_flip(x, WK_SHAPE(1)), 1, 0, 1, 1, 0, 0);
        assert_holds(wk_roll(x, WK_SHAPE(1), WK_SHAPE(0)), 0, 0, 1, 1, 0, 1);
        assert_holds(wk_repeat(wk_select(x, 0, 1), WK_SHAPE(2)), 0, 0, 1, 0, 0, 1);
        assert_holds(wk_triu(x, 1), 0, 0, 1, 0, 0, 1);
        assert_holds(wk_index_select(x, 1, WHOLE(2, 2)), 1, 1, 1, 1);
        assert_holds(wk_argsort(x, 1, false), 1, 0, 2, 0, 1, 2);
        assert_holds(wk_masked_select(wk_contiguous(wk_transpose(x, 0, 1)), wk_transpose(x, 0, 1)), 1, 1, 1);
        wk_tensor *counts = wk_zeros(WK_SHAPE(2), dtype), *ones = wk_ones(WK_SHAPE(3), dtype);
        const double twice = dtype == WK_BOOL ? 1 : 2; /* true + true is true */
        assert_holds(wk_scatter_add(counts, 0, WHOLE(1, 0, 1), ones), 1, twice);
        assert_holds(wk_index_add(counts, 0, WHOLE(1, 0, 1), ones), 1, twice);
        wk_list *at = wk_list_new();
        wk_list_push(at, WHOLE(1, 1));
        assert_holds(wk_index_put(counts, at, wk_ones(WK_SCALAR, dtype), true), 0, twice);
    }
    assert_holds(wk_argsort(WHOLE(-1, 3, INT64_MIN), 0, false), 2, 0, 1);
}

/* Copies of transposes, of matrices in a stack too, with sizes that fill no block. */
static void transposes_are_copied(void **state) {
    (void)state;
    for (wk_dtype dtype = 0; dtype < WK_DTYPE_COUNT; dtype++) {
        WK_SCOPE;
        wk_tensor *x = wk_cast(
            wk_reshape(wk_remainder_scalar(wk_arange(0, 3 * 19 * 21, 1, WK_I64), 101), WK_SHAPE(3, 19, 21)), dtype);
        wk_tensor *y = wk_contiguous(wk_transpose(x, 1, 2));
        assert_true(wk_is_contiguous(y));
        assert_true(wk_equal(wk_transpose(y, 1, 2), x));
        for (int64_t i = 0; i < 21; i++) assert_true(wk_equal(wk_select(y, 1, i), wk_select(x, 2, i)));
        assert_true(wk_equal(wk_contiguous(wk_permute(x, WK_SHAPE(2, 1, 0))), wk_permute(x, WK_SHAPE(2, 1, 0))));
    }
}

/* ------------------------------------------------------------------------------------------------------- views --- */

static void windows_overlap(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(count_up(WK_SHAPE(6), WK_F32), true), *y = wk_tanh(x);
    wk_tensor *overlapping = wk_unfold(y, 0, 3, 1), *apart = wk_unfold(y, 0, 3, 3);
    wk_backward(wk_sum(wk_mul_scalar(wk_add(wk_sum(overlapping), wk_sum(apart)), 0)));
    assert_holds(wk_grad_of(x), 0, 0, 0, 0, 0, 0);
    wk_zero_grad(x);
    wk_backward(wk_sum(wk_select(wk_unfold(x, 0, 3, 1), 1, 1)));
    assert_holds(wk_grad_of(x), 0, 1, 1, 1, 1, 0);
    WK_NO_GRAD;
    wk_tensor *z = count_up(WK_SHAPE(6), WK_F32);
    wk_copy_(wk_unfold(z, 0, 2, 3), wk_zeros(WK_SCALAR, WK_F32));
    assert_holds(z, 0, 0, 2, 0, 0, 5);
    wk_copy_(wk_unfold(z, 0, 3, 2), wk_zeros(WK_SCALAR, WK_F32));
    assert_fails(WK_EINVAL, "copy_: elements of the tensor overlap and cannot be written in place: wk_clone it");
}

static void shapes_that_stay_views(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = count_up(WK_SHAPE(4, 6), WK_F32), *columns = wk_narrow(x, 1, 2, 2), *turned = wk_transpose(x, 0, 1);
    assert_ptr_equal(wk_data(wk_reshape(columns, WK_SHAPE(2, 2, 2, 1))), wk_data(columns));
    assert_ptr_equal(wk_data(wk_unsqueeze(turned, 1)), wk_data(x));
    assert_ptr_equal(wk_data(wk_unflatten(turned, 0, WK_SHAPE(2, 3))), wk_data(x));
    assert_ptr_equal(wk_data(wk_contiguous(x)), wk_data(x));
    assert_ptr_not_equal(wk_data(wk_flatten(turned, 0, 1)), wk_data(x));
    assert_ptr_not_equal(wk_data(wk_contiguous(turned)), wk_data(x));
    assert_ptr_not_equal(wk_data(wk_clone(x)), wk_data(x));
    assert_holds(wk_flatten(columns, 0, 1), 2, 3, 8, 9, 14, 15, 20, 21);
    assert_ok();
}

/* ---------------------------------------------------------------------------------------------------- mistakes --- */

static void views_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_zeros(WK_SHAPE(2, 3), WK_F32);
    wk_narrow(x, 1, 2, 2);
    assert_fails(WK_EINDEX, "narrow: start 2 and length 2 are out of range for dimension 1 of (2,3)");
    wk_slice(x, 0, 0, 2, 0);
    assert_fails(WK_EINVAL, "slice: step is 0 and must be positive");
    wk_permute(x, WK_SHAPE(0, 0));
    assert_fails(WK_EINVAL, "permute: (0,0) does not name each dimension of x (2,3) once");
    wk_permute(x, WK_SHAPE(0, 2));
    assert_fails(WK_EINDEX, "permute: x (2,3) has no dimension 2");
    wk_diagonal(x, 0, 1, -1);
    assert_fails(WK_EINVAL, "diagonal: dim1 and dim2 are both dimension 1");
    wk_unfold(x, 1, 4, 1);
    assert_fails(WK_EINVAL, "unfold: windows of size 4 do not fit dimension 1 of x (2,3)");
    wk_unfold(x, 1, 2, 0);
    assert_fails(WK_EINVAL, "unfold: step is 0 and must be positive");
    wk_flatten(x, 1, 0);
    assert_fails(WK_EINVAL, "flatten: start_dim 1 comes after end_dim 0");
    wk_unflatten(x, 1, WK_SHAPE(2, -1));
    assert_fails(WK_ESHAPE, "unflatten: dimension 1 of x (2,3) does not fit (2,-1)");
    wk_squeeze(x, 2);
    assert_fails(WK_EINDEX, "squeeze: x (2,3) has no dimension 2");
    wk_unsqueeze(x, 3);
    assert_fails(WK_EINDEX, "unsqueeze: x (2,3) has no place for a dimension 3");
    wk_split(x, 0, 1);
    assert_fails(WK_EINVAL, "split: split_size is 0 and must be positive");
    wk_chunk(x, 2, 5);
    assert_fails(WK_EINDEX, "chunk: x (2,3) has no dimension 5");
}

static void moves_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_zeros(WK_SHAPE(2, 3), WK_F32);
    wk_cat(wk_list_new(), 0);
    assert_fails(WK_EINVAL, "cat: the list is empty");
    wk_cat(list_of(x, wk_zeros(WK_SHAPE(3, 2), WK_F32)), 0);
    assert_fails(WK_ESHAPE, "cat: tensor 0 is (2,3) and tensor 1 is (3,2): they may differ in dimension 0 only");
    wk_cat(list_of(wk_zeros(WK_SCALAR, WK_F32), x), 0);
    assert_fails(WK_ESHAPE, "cat: tensor 0 is 0-d: use wk_stack");
    wk_cat(list_of(x, x), 2);
    assert_fails(WK_EINDEX, "cat: tensors (2,3) have no dimension 2");
    wk_flip(x, WK_SHAPE(1, -1));
    assert_fails(WK_EINVAL, "flip: dimension 1 is named twice");
    wk_roll(x, WK_SHAPE(1, 2), WK_SHAPE(0));
    assert_fails(WK_EINVAL, "roll: 2 shifts for 1 dimensions");
    wk_repeat(x, WK_SHAPE(2));
    assert_fails(WK_EINVAL, "repeat: repeats (2) are not a number of times for each dimension of x (2,3)");
    wk_repeat(x, WK_SHAPE(1, INT64_MAX));
    assert_fails(WK_ENOMEM, "repeat: x (2,3) repeated (1,9223372036854775807) times has too many elements");
    wk_tril(wk_select(x, 0, 0), 0);
    assert_fails(WK_ESHAPE, "tril: x (3) is no matrix");
    wk_as_strided(x, WK_SHAPE(0), (const int64_t[]){1}, INT64_MAX);
    assert_fails(WK_EINDEX,
                 "as_strided: dims (0), strides (1) and offset 9223372036854775807 reach outside of x (2,3)");
}

/* As many rows as there can be, of nothing each: there is nothing to do. */
static void rows_of_nothing(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_zeros(WK_SHAPE(INT64_C(1) << 40, 0), WK_F32), true);
    wk_backward(wk_sum(wk_add(wk_tril(x, 0), wk_triu(x, 1))));
    assert_ok();
}

static void indices_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_zeros(WK_SHAPE(2, 3), WK_F32), *one = wk_reshape(WHOLE(2), WK_SHAPE(1, 1));
    wk_index_select(x, 0, WHOLE(0, 2));
    assert_fails(WK_EINDEX, "index_select: index 2 is out of range for dimension 0 of (2,3)");
    wk_index_select(x, 1, WHOLE(-1));
    assert_fails(WK_EINDEX, "index_select: index -1 is out of range for dimension 1 of (2,3)");
    wk_index_select(x, 0, x);
    assert_fails(WK_EDTYPE, "index_select: index has type f32, not i64: wk_cast it");
    wk_index_select(x, 0, one);
    assert_fails(WK_ESHAPE, "index_select: index (1,1) must have one dimension, of one element for a 0-d x");
    wk_index_add(x, 0, WHOLE(0), x);
    assert_fails(WK_ESHAPE, "index_add: source is (2,3) and must be (1,3)");
    wk_gather(x, 0, one);
    assert_fails(WK_EINDEX, "gather: index 2 is out of range for dimension 0 of (2,3)");
    wk_gather(x, 0, WHOLE(0));
    assert_fails(WK_ESHAPE, "gather: index (1) does not fit x (2,3) beside dimension 0");
    wk_scatter(x, 1, one, x);
    assert_fails(WK_ESHAPE, "scatter: src (2,3) and index (1,1) differ");
    wk_scatter_add(x, 1, one, one);
    assert_fails(WK_EDTYPE, "scatter_add: x has type f32 and src has i64");
    wk_take_along_dim(x, WHOLE(0), 0);
    assert_fails(WK_ESHAPE, "take_along_dim: x (2,3) and index (1) do not broadcast beside dimension 0");
    wk_embedding(WHOLE(5), x, -1);
    assert_fails(WK_EINDEX, "embedding: index 5 is out of range for dimension 0 of (2,3)");
    wk_embedding(WHOLE(1), x, 2);
    assert_fails(WK_EINVAL, "embedding: padding_idx is 2 and must be -1, or a row of weight (2,3)");
    wk_embedding(WHOLE(1), WHOLE(1), -1);
    assert_fails(WK_ESHAPE, "embedding: weight is (1) and must be (V,D)");
    wk_index(x, list_of(WHOLE(0, 1), WHOLE(1, -4)));
    assert_fails(WK_EINDEX, "index: index -4 is out of range for dimension 1 of (2,3)");
    wk_index(x, list_of(WHOLE(0, 1), WHOLE(0, 0, 0)));
    assert_fails(WK_ESHAPE, "index: indices (2) and (3) do not broadcast");
    wk_index_put(x, list_of(WHOLE(0), WHOLE(1)), wk_zeros(WK_SHAPE(2), WK_F32), false);
    assert_fails(WK_ESHAPE, "index_put: values (2) do not broadcast to (1)");
    wk_one_hot(WHOLE(0, 3), 3);
    assert_fails(WK_EINDEX, "one_hot: index 3 is out of range for dimension 1 of (2,3)");
    wk_one_hot(WHOLE(0), 0);
    assert_fails(WK_EINVAL, "one_hot: num_classes is 0 and must be positive");
    wk_masked_fill(x, WHOLE(1, 0), 0);
    assert_fails(WK_ESHAPE, "masked_fill: shapes x (2,3) and mask (2) do not broadcast");
    wk_argsort(x, 2, false);
    assert_fails(WK_EINDEX, "argsort: x (2,3) has no dimension 2");
}

WK_TEST_MAIN("moving", cmocka_unit_test(parts_of_a_tensor), cmocka_unit_test(masks), cmocka_unit_test(sorting),
             cmocka_unit_test(transposes_are_copied), cmocka_unit_test(several_indices),
             cmocka_unit_test(masks_as_indices), cmocka_unit_test(narrow_indices), cmocka_unit_test(along_a_dimension),
             cmocka_unit_test(every_type), cmocka_unit_test(windows_overlap), cmocka_unit_test(shapes_that_stay_views),
             cmocka_unit_test(views_refuse), cmocka_unit_test(moves_refuse), cmocka_unit_test(rows_of_nothing),
             cmocka_unit_test(indices_refuse))
