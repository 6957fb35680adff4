/* view.h -- what the rows of views share. A view is one function from array to array: it shapes the output, and on the
 * way back it finds the place of the output's gradient in the gradient of x (NOTE [Slots]).
 *
 * NOTE [Gradients of views]. The gradient of a view of x is zero all over x's shape, but for the view's elements. One
 * function serves all of them, as every view knows its own elements: view_backward is the row "zeros of the shape of x,
 * and x's view of that += g". Its own gradient is the view again. */
#ifndef WK_OP_VIEW_H
#define WK_OP_VIEW_H

#include "grad/backprop.h"
#include "op/rows.h"

enum { WK__VIEW_ATTRS = 5 }; /* words that a row may have whose vjp is wk__view_vjp */

/* `grad` and `vjp` of any view. In `grad` elements that share a place are summed in the order of the view's. */
bool wk__view_grad(wk_backprop *b);
void wk__view_vjp(const wk_backprop *b, wk_tensor **gx);

/* `grad` and `vjp` in the struct of a row. */
#define WK_VIEW_GRADIENT .grad = wk__view_grad, .vjp = wk__view_vjp

/* The shape rule of a view whose attributes are fine. */
static inline bool wk__view_shape(wk_call *c) {
    bool declared;
    return wk__declare_view(c, &declared);
}

/* For view functions: y looks at x as it is. */
static inline void wk__array_alias(wk_array *y, const wk_array *x) {
    y->data = x->data;
    y->numel = x->numel;
    y->dtype = x->dtype;
    y->ndim = x->ndim;
    for (int32_t d = 0; d < x->ndim; d++) y->dims[d] = x->dims[d], y->strides[d] = x->strides[d];
}

/* The part of x from `start` on, `length` elements of one dimension, each `step` after the one before. */
static inline void wk__array_narrow(const wk_array *x, int64_t dim, int64_t start, int64_t length, int64_t step,
                                    wk_array *y) {
    wk__array_alias(y, x);
    y->data = wk__array_at(x, start * x->strides[dim]);
    y->numel = length > 0 ? x->numel / x->dims[dim] * length : 0;
    y->dims[dim] = length;
    y->strides[dim] *= step;
}

/* For shape rules: counts *dim from the front. EINDEX when x has no such dimension. */
bool wk__check_dim_slow(wk_call *c, int64_t *dim);
static inline bool wk__check_dim(wk_call *c, int64_t *dim) {
    return wk_likely(*dim >= 0 && *dim < c->in[0]->a.ndim) || wk__check_dim_slow(c, dim);
}

#endif
