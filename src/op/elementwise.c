/* elementwise.c -- see elementwise.h. */
#include "op/elementwise.h"

void wk__unary_rows(wk_unary_loop *kernel, const wk_array *y, const wk_array *x) {
    wk_rows rows;
    const wk_array *const arrays[] = {y, x};
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows))
        kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1]);
}

void wk__binary_rows(wk_binary_loop *kernel, const wk_array *y, const wk_array *a, const wk_array *b) {
    wk_rows rows;
    const wk_array *const arrays[] = {y, a, b};
    for (bool more = wk__rows_begin(&rows, 3, arrays); more; more = wk__rows_next(&rows))
        kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], rows.data[2], rows.stride[2]);
}

void wk__scale_rows(wk_scale_loop *kernel, const wk_array *y, const wk_array *x, double s) {
    wk_rows rows;
    const wk_array *const arrays[] = {y, x};
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows))
        kernel(rows.n, rows.data[0], rows.stride[0], rows.data[1], rows.stride[1], s);
}

/* Walks x's shape with y stretched over it. Along a row y either moves with x, and the row is added element by element, or
 * stays where it is, and the row is summed first. */
void wk__sum_to(const wk_array *y, const wk_array *x, bool add) {
    const wk_dtype dtype = y->dtype;
    const double nothing = 0; /* all bits zero in every type */
    if (!add) {
        wk_rows cleared;
        for (bool more = wk__rows_begin(&cleared, 1, &y); more; more = wk__rows_next(&cleared))
            wk__kernels->fill[dtype](cleared.n, cleared.data[0], cleared.stride[0], &nothing);
    }
    wk_rows rows;
    const wk_array *const arrays[] = {x, y};
    for (bool more = wk__rows_begin(&rows, 2, arrays); more; more = wk__rows_next(&rows)) {
        double row_sum; /* room for one element of any float type */
        if (rows.stride[1] != 0) {
            wk__kernels->accumulate[dtype](rows.n, rows.data[1], rows.stride[1], rows.data[0], rows.stride[0]);
            continue;
        }
        wk__kernels->sum[dtype](rows.n, &row_sum, rows.data[0], rows.stride[0]);
        wk__kernels->accumulate[dtype](1, rows.data[1], 1, &row_sum, 1);
    }
}

bool wk__unary_shape(wk_call *c) { return wk__check_float(c) && wk__declare_like(c, 0, c->in[0]); }

bool wk__binary_shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    if (!wk__check_float(c)) return false;
    if (wk_likely(wk__same_dims(&a->a, &b->a))) return wk__declare_like(c, 0, a);
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
    if (wk__broadcast_dims(&a->a, &b->a, &ndim, dims)) return wk__declare(c, 0, a->a.dtype, ndim, dims);
    wk_shape_text ta, tb;
    return wk__refuse(c, WK_ESHAPE, "shapes a %s and b %s do not broadcast", wk__dims_text(&ta, a), wk__dims_text(&tb, b));
}
