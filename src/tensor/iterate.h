/* iterate.h -- one walk over up to four arrays of one shape, for every element-wise kernel.
 *
 * The walk hands out rows: runs along the innermost dimension, with a stride for each array. Neighbouring dimensions
 * that lie on from one another in all arrays are merged first, so contiguous arrays of any shape are a single row.
 *
 *     wk_rows rows;
 *     for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
 *         kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], ...); */
#ifndef WK_TENSOR_ITERATE_H
#define WK_TENSOR_ITERATE_H

#include "kernel/kernel.h"
#include "tensor/array.h"

enum { WK__ROWS_ARRAYS = 4 };

typedef struct wk_rows {
    int64_t n;                        /* elements in this row */
    void *data[WK__ROWS_ARRAYS];      /* first element of the row in each array */
    int64_t stride[WK__ROWS_ARRAYS];  /* along the row, in elements */

    int32_t count, ndim;              /* arrays; dimensions outside the row */
    uint8_t nbytes[WK__ROWS_ARRAYS];  /* element sizes */
    int64_t step_nbytes[WK__ROWS_ARRAYS]; /* from a row to the next, along the innermost dimension outside */
    int64_t index[WK_MAX_DIMS], dims[WK_MAX_DIMS];
    int64_t strides[WK__ROWS_ARRAYS][WK_MAX_DIMS];
} wk_rows;

/* arrays[0] gives the shape; the others broadcast to it. False when there are no elements (or a shape does not fit:
 * callers have checked). */
bool wk__rows_begin(wk_rows *rows, int32_t count, const wk_array *const *arrays);

/* The next row; false: there is none. */
bool wk__rows_wrap(wk_rows *rows); /* where the innermost dimension outside ends */
static inline bool wk__rows_next(wk_rows *rows) {
    const int32_t d = rows->ndim - 1;
    if (d < 0 || rows->index[d] + 1 == rows->dims[d]) return d >= 0 && wk__rows_wrap(rows);
    rows->index[d]++;
    for (int32_t a = 0; a < rows->count; a++) rows->data[a] = (char *)rows->data[a] + rows->step_nbytes[a];
    return true;
}

/* Most arrays are contiguous and of one shape: a single row, for which no walk is needed. The walks stand apart, so
 * that the common way does not pay for their stack. */
static inline bool wk__flat(const wk_array *y, const wk_array *x) {
    if (y->ndim == 0 && x->ndim == 0) return true;
    return wk__same_dims(y, x) && wk__array_is_contiguous(y) && wk__array_is_contiguous(x);
}

/* y = kernel(x), where x broadcasts to y and either may have any layout. */
void wk__unary_rows(wk_unary_loop *kernel, const wk_array *y, const wk_array *x);

#endif
