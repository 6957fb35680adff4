/* tensors.h -- the tensors that tests are made of. */
#ifndef WK_TESTS_TENSORS_H
#define WK_TESTS_TENSORS_H

#include "support.h"

/* () in f64, which requires a gradient. */
static inline wk_tensor *leaf(double value, const char *name) {
    wk_tensor *t = wk_requires_grad_(wk_scalar(value, WK_F64), true);
    wk_set_name(t, name);
    return t;
}

/* What is in the gradient of such a leaf; NaN when it is absent. */
static inline double grad(const wk_tensor *t) { return wk_grad_of(t) != NULL ? wk_item(wk_grad_of(t)) : (double)NAN; }

/* (rows,cols) in f64: first, first + 1/4, first + 2/4, ... */
static inline wk_tensor *matrix(int64_t rows, int64_t cols, double first) {
    wk_tensor *t = wk_empty(WK_SHAPE(rows, cols), WK_F64);
    double *data = wk_data_mut(t);
    for (int64_t i = 0; data != NULL && i < rows * cols; i++) data[i] = first + 0.25 * (double)i;
    return t;
}

static inline wk_tensor *matrix_leaf(int64_t rows, int64_t cols, double first) {
    return wk_requires_grad_(matrix(rows, cols, first), true);
}

#endif
