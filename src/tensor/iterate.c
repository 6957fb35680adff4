/* iterate.c -- see iterate.h. */
#include "tensor/iterate.h"

/* Can dimension d be walked as the continuation of the dimension kept last, in every array? */
static bool continues(const wk_rows *rows, int32_t kept, const wk_array *expanded, int32_t d) {
    for (int32_t a = 0; a < rows->count; a++)
        if (rows->strides[a][kept] != expanded[a].strides[d] * expanded[a].dims[d]) return false;
    return true;
}

static void keep(wk_rows *rows, int32_t kept, const wk_array *expanded, int32_t d) {
    rows->dims[kept] = expanded[0].dims[d];
    for (int32_t a = 0; a < rows->count; a++) rows->strides[a][kept] = expanded[a].strides[d];
}

/* Fills dims and strides, outermost first, without sizes of 1 and with neighbours merged. */
static void merge_dims(wk_rows *rows, const wk_array *expanded) {
    int32_t kept = -1;
    for (int32_t d = 0; d < expanded[0].ndim; d++) {
        if (expanded[0].dims[d] == 1) continue;
        if (kept >= 0 && continues(rows, kept, expanded, d)) {
            const int64_t outer = rows->dims[kept];
            keep(rows, kept, expanded, d);
            rows->dims[kept] *= outer;
        } else {
            keep(rows, ++kept, expanded, d);
        }
    }
    rows->ndim = kept; /* the innermost one is the row */
}

WK_NOINLINE static bool begin_walk(wk_rows *rows, int32_t count, const wk_array *const *arrays) {
    wk_array expanded[WK__ROWS_ARRAYS];
    expanded[0].ndim = 0;
    rows->count = count;
    for (int32_t a = 0; a < count; a++) {
        if (!wk__array_expand(arrays[a], arrays[0]->ndim, arrays[0]->dims, &expanded[a])) return false;
        rows->nbytes[a] = wk__dtype_nbytes[arrays[a]->dtype];
        rows->data[a] = arrays[a]->data;
    }
    merge_dims(rows, expanded);
    rows->n = rows->ndim >= 0 ? rows->dims[rows->ndim] : 1;
    for (int32_t a = 0; a < count; a++) rows->stride[a] = rows->ndim >= 0 ? rows->strides[a][rows->ndim] : 1;
    for (int32_t d = 0; d < rows->ndim; d++) rows->index[d] = 0;
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

bool wk__rows_next(wk_rows *rows) {
    for (int32_t d = rows->ndim - 1; d >= 0; d--) {
        const bool wraps = ++rows->index[d] == rows->dims[d];
        const int64_t steps = wraps ? 1 - rows->dims[d] : 1;
        for (int32_t a = 0; a < rows->count; a++)
            rows->data[a] = (char *)rows->data[a] + steps * rows->strides[a][d] * rows->nbytes[a];
        if (!wraps) return true;
        rows->index[d] = 0;
    }
    return false;
}

/* Is what is copied, but for dimensions around, the transpose of a matrix? */
static bool is_transpose(const wk_rows *r, wk_unary_loop *kernel, wk_dtype dtype) {
    if (kernel != wk__kernels->copy[dtype] || !wk__dtype_is_float[dtype] || r->ndim < 1) return false;
    const int32_t rows = r->ndim - 1;
    return r->stride[0] == 1 && r->strides[0][rows] == r->n && r->strides[1][rows] == 1 && r->stride[1] > 1;
}

static void copy_transposes(wk_rows *r, wk_dtype dtype) {
    const int64_t cols = r->dims[--r->ndim]; /* what is left is the dimensions around */
    do wk__kernels->transpose[dtype](r->n, cols, r->data[1], r->stride[1], r->data[0]);
    while (wk__rows_next(r));
}

WK_NOINLINE static void unary_walk(wk_unary_loop *kernel, const wk_array *y, const wk_array *x) {
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
