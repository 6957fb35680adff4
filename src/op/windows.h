/* windows.h -- the windows that convolutions and pools look through.
 *
 * x (N,C,S..) has n dimensions to be walked, S.. . A window of `size` places, `dilation` apart, begins at every
 * stride-th place of the padded x:
 *
 *     size 2, dilation 2, stride 3, padding 1        . x0 x1 x2 x3 x4 x5 .
 *                                                    ^-----^
 *                                                             ^-----^          count = 2 */
#ifndef WK_OP_WINDOWS_H
#define WK_OP_WINDOWS_H

#include "kernel/kernel.h"
#include "op/rows.h"

enum { WK__MAX_WALKED = 3 }; /* N, C, and twice so many, are the most that a tensor can have */

/* One number for each walked dimension; what attributes leave out, or say once for all, is filled in. */
typedef struct wk_window {
    int32_t n;
    int64_t size[WK__MAX_WALKED], stride[WK__MAX_WALKED], padding[WK__MAX_WALKED], dilation[WK__MAX_WALKED];
    int64_t count[WK__MAX_WALKED]; /* of windows */
} wk_window;

/* Attributes of a row that has windows, as a caller gives them. */
typedef struct wk_window_attrs {
    wk_dims_attr size, stride, padding, dilation;
} wk_window_attrs;

static inline int64_t wk__product(int32_t n, const int64_t *sizes) {
    int64_t all = 1;
    for (int32_t i = 0; i < n; i++) all *= sizes[i];
    return all;
}

/* An option: one number for all dimensions, or, when `each` is not NULL, one for each of n. */
wk_dims_attr wk__for_each_dim(int32_t n, int64_t all, const int64_t *each);

/* For shape rules: numbers for n dimensions from an attribute, which has none (they are `none` then), one or n; each at
 * least `least`. EINVAL. */
bool wk__numbers_of(wk_call *c, const char *what, const wk_dims_attr *given, int32_t n, int64_t none, int64_t least,
                    int64_t *numbers);

/* Has x the dimensions (N,C,S..), or (C,S..) without N? ESHAPE. */
bool wk__check_walked(wk_call *c, int32_t n);

/* How many windows there are in x, whose last n dimensions are walked. ESHAPE when not even one fits. */
bool wk__count_windows(wk_call *c, wk_window *w);

/* The same for kernels that walk so many planes of x. */
wk_geometry wk__geometry_of(const wk_window *w, int64_t planes, const wk_array *x);

/* x (N,C,S..) -> (N,C,count..,size..), with `value` where x was padded. */
wk_tensor *wk__windows(wk_tensor *x, const wk_window *w, double value);

/* x with a dimension N of 1 if it had none, and the result y without it again. */
wk_tensor *wk__with_batch(wk_tensor *x, int32_t n);
wk_tensor *wk__without_batch(wk_tensor *y, const wk_tensor *x, int32_t n);

#endif
