/* matrix.h -- arrays seen as matrices, for the rows that multiply them. */
#ifndef WK_OP_MATRIX_H
#define WK_OP_MATRIX_H

#include "grad/backprop.h"
#include "kernel/gemm_work.h"
#include "kernel/kernel.h"

typedef struct wk_mat {
    void *data;
    wk_dtype dtype;
    int64_t rows, cols, row, col; /* sizes; strides of a row and of a column */
} wk_mat;

/* A 2-d array as it is. */
static inline wk_mat wk__matrix_of(const wk_array *a) {
    return (wk_mat){a->data, a->dtype, a->dims[0], a->dims[1], a->strides[0], a->strides[1]};
}

static inline wk_mat wk__transposed(const wk_mat *m) {
    return (wk_mat){m->data, m->dtype, m->cols, m->rows, m->col, m->row};
}

/* c (+)= a b from packed copies, k terms, in scratch memory of `work` elements from the heap. False when memory is out:
 * the other way gives the same bits, so nobody need know. (c by value, so that wk__gemm may have it in registers.) */
bool wk__gemm_packed(wk_ctx *ctx, const wk_matrix *a, const wk_matrix *b, wk_mat c, int64_t k, bool add, int64_t work);

/* c (+)= a b */
static inline void wk__gemm(wk_ctx *ctx, const wk_mat *a, const wk_mat *b, const wk_mat *c, bool add) {
    const wk_matrix ka = {a->data, a->row, a->col}, kb = {b->data, b->row, b->col};
    const int64_t work = wk__gemm_work(c->dtype, c->rows, c->cols, a->cols);
    if (wk_unlikely(work > 0) && wk__gemm_packed(ctx, &ka, &kb, *c, a->cols, add, work)) return;
    wk__kernels->gemm[c->dtype](c->rows, c->cols, a->cols, &ka, &kb, add ? 1 : 0, c->data, c->row, c->col);
}

#endif
