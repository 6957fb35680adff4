/* iterate.c -- see iterate.h. */
#include "tensor/iterate.h"

/* Along the dimension that is so many from the end; 0 where x is stretched. */
static inline int64_t stride_from_end(const wk_array *x, int32_t from_end) {
    const int32_t d = x->ndim - from_end;
    return d >= 0 && x->dims[d] != 1 ? x->strides[d] : 0;
}

static bool stretches_to(const wk_array *x, const wk_array *y) {
    const int32_t shift = y->ndim - x->ndim; /* dimensions at the front that x does not have */
    bool fits = shift >= 0;
    for (int32_t d = 0; fits && d < x->ndim; d++) fits = x->dims[d] == y->dims[d + shift] || x->dims[d] == 1;
    return fits;
}

/* Can a dimension of this size be walked as the continuation of the one kept last, in every array? */
static inline bool continues(const wk_rows *rows, int32_t kept, const int64_t *strides, int64_t size) {
    bool all = kept >= 0;
    for (int32_t a = 0; all && a < rows->count; a++) all = rows->strides[a][kept] == strides[a] * size;
    return all;
}

/* Fills dims and strides, outermost first, without sizes of 1 and with neighbours merged. */
static inline void merge_dims(wk_rows *rows, const wk_array *const *arrays) {
    const wk_array *y = arrays[0];
    int64_t strides[WK__ROWS_ARRAYS];
    int32_t kept = -1;
    for (int32_t d = 0; d < y->ndim; d++) {
        if (y->dims[d] == 1) continue;
        for (int32_t a = 0; a < rows->count; a++) strides[a] = stride_from_end(arrays[a], y->ndim - d);
        if (!continues(rows, kept, strides, y->dims[d])) rows->dims[++kept] = 1;
        rows->dims[kept] *= y->dims[d];
        for (int32_t a = 0; a < rows->count; a++) rows->strides[a][kept] = strides[a];
    }
    rows->ndim = kept; /* the innermost one is the row */
}

static inline void step_along(wk_rows *rows, int32_t d) {
    for (int32_t a = 0; a < rows->count; a++) rows->step_nbytes[a] = d >= 0 ? rows->strides[a][d] * rows->nbytes[a] : 0;
}

WK_APART bool begin_walk(wk_rows *rows, int32_t count, const wk_array *const *arrays) {
    rows->count = count;
    for (int32_t a = 0; a < count; a++) {
        if (a > 0 && !stretches_to(arrays[a], arrays[0])) return false;
        rows->nbytes[a] = wk__dtype_nbytes[arrays[a]->dtype];
        rows->data[a] = arrays[a]->data;
    }
    merge_dims(rows, arrays);
    rows->n = rows->ndim >= 0 ? rows->dims[rows->ndim] : 1;
    for (int32_t a = 0; a < count; a++) rows->stride[a] = rows->ndim >= 0 ? rows->strides[a][rows->ndim] : 1;
    for (int32_t d = 0; d < rows->ndim; d++) rows->index[d] = 0;
    step_along(rows, rows->ndim - 1);
    return true;
}

/* Contiguous arrays of one shape are a single row, whatever that shape is. */
static bool begin_single_row(wk_rows *rows, int32_t count, const wk_array *const *arrays) {
    bool flat = wk__array_is_contiguous(arrays[0]);
    for (int32_t a = 1; flat && a < count; a++)
        flat = wk__same_dims(arrays[0], arrays[a]) && wk__array_is_contiguous(arrays[a]);
    if (!flat) return false;
    rows->count = count;
    rows->ndim = 0;
    rows->n = arrays[0]->numel;
    for (int32_t a = 0; a < count; a++) {
        rows->data[a] = arrays[a]->data;
        rows->stride[a] = 1;
        rows->nbytes[a] = wk__dtype_nbytes[arrays[a]->dtype];
    }
    return true;
}

bool wk__rows_begin(wk_rows *rows, int32_t count, const wk_array *const *arrays) {
    if (arrays[0]->numel == 0) return false;
    return begin_single_row(rows, count, arrays) || begin_walk(rows, count, arrays);
}

bool wk__rows_wrap(wk_rows *rows) {
    int32_t d = rows->ndim - 1;
    for (; d >= 0 && rows->index[d] + 1 == rows->dims[d]; d--) rows->index[d] = 0;
    if (d < 0) return false;
    rows->index[d]++;
    for (int32_t a = 0; a < rows->count; a++) {
        int64_t elements = rows->strides[a][d];
        for (int32_t e = d + 1; e < rows->ndim; e++) elements -= (rows->dims[e] - 1) * rows->strides[a][e];
        rows->data[a] = (char *)rows->data[a] + elements * rows->nbytes[a];
    }
    return true;
}

/* Is what is copied, but for dimensions around, the transpose of a matrix? */
static bool is_transpose(const wk_rows *r, wk_unary_loop *kernel, wk_dtype dtype) {
    if (kernel != wk__kernels->copy[dtype] || !wk__dtype_is_float[dtype] || r->ndim < 1) return false;
    const int32_t rows = r->ndim - 1;
    return r->stride[0] == 1 && r->strides[0][rows] == r->n && r->strides[1][rows] == 1 && r->stride[1] > 1;
}

static void copy_transposes(wk_rows *r, wk_dtype dtype) {
    const int64_t cols = r->dims[--r->ndim]; /* what is left is the dimensions around */
    step_along(r, r->ndim - 1);
    do wk__kernels->transpose[dtype](r->n, cols, r->data[1], r->stride[1], r->data[0]);
    while (wk__rows_next(r));
}

WK_APART void unary_walk(wk_unary_loop *kernel, const wk_array *y, const wk_array *x) {
    wk_rows rows;
    const wk_array *const arrays[] = {y, x};
    if (!wk__rows_begin(&rows, 2, arrays)) return;
    if (x->dtype == y->dtype && is_transpose(&rows, kernel, x->dtype)) {
        copy_transposes(&rows, x->dtype);
        return;
    }
    do kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1]);
    while (wk__rows_next(&rows));
}

void wk__unary_rows(wk_unary_loop *kernel, const wk_array *y, const wk_array *x) {
    if (wk_likely(wk__flat(y, x))) kernel(y->numel, y->data, 1, x->data, 1);
    else unary_walk(kernel, y, x);
}
