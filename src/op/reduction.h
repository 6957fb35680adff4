/* reduction.h -- what rows share that fold some dimensions of x, or go along one.
 *
 * NOTE [Fibres]. Every such row is a kernel over fibres (kernel/kernel.h). The walk sorts the dimensions into those
 * that are kept and those that are reduced, each from the widest stride to the narrowest, merges neighbours that lie on
 * from one another, and hands the innermost of both to the kernel; so a sum over rows or columns of a contiguous array
 * is one call. The order in which elements meet depends on shape and layout alone. */
#ifndef WK_OP_REDUCTION_H
#define WK_OP_REDUCTION_H

#include "grad/backprop.h"
#include "kernel/kernel.h"
#include "op/rows.h"

/* The attributes of a reduction. A row describes those that it has; the shape rule works out `reduced`. */
typedef struct wk_reduction {
    wk_dims_attr dims; /* several dimensions; none: all of them */
    int64_t dim;       /* one dimension */
    int64_t keepdim;   /* leave sizes of 1 where dimensions were */
    int64_t number;    /* correction of a variance */
    double s;          /* exponent of a norm */
    int64_t reduced;   /* bit d: dimension d goes */
} wk_reduction;

#define WK_KEEPDIM_FIELD \
    { "keepdim", 'b', offsetof(wk_reduction, keepdim), 0 }
#define WK_DIMS_FIELDS {"dims", 'd', offsetof(wk_reduction, dims), 0}, WK_KEEPDIM_FIELD
#define WK_DIM_FIELDS {"dim", 'i', offsetof(wk_reduction, dim), 0}, WK_KEEPDIM_FIELD
extern const wk_attr_field wk__reduce_dims_fields[2], wk__reduce_dim_fields[2], wk__along_fields[1];

/* Shape rules: find what is reduced, and declare output 0 in x's type. Of all dimensions, of `dims`, of `dim`; and of
 * rows that go along `dim` and keep the shape. EINDEX: no such dimension; EINVAL: one is named twice. */
bool wk__reduce_all_shape(wk_call *c);
bool wk__reduce_dims_shape(wk_call *c);
bool wk__reduce_dim_shape(wk_call *c);
bool wk__along_shape(wk_call *c);

/* For those rules: finds what is reduced only; and declares output k without it. A 0-d x has a dimension 0 and -1,
 * which is no dimension at all: nothing is reduced then. */
bool wk__reduced_dims(wk_call *c);
bool wk__reduced_dim(wk_call *c);
bool wk__declare_reduced(wk_call *c, int32_t k, wk_dtype dtype);

/* How many elements of x go into one of y. */
int64_t wk__reduced_count(const wk_array *x, int64_t reduced);

/* Runs the kernel over the fibres of x. y and b have x's dims, or those of x without what is reduced (kept as sizes of
 * 1 or gone); b may be NULL. */
void wk__fibres(wk_fibre_kernel *kernel, const wk_array *y, const wk_array *x, const wk_array *b, int64_t reduced,
                double s, bool add);

/* Forward of a row that is one kernel: y = kernel(x). */
void wk__fold(const wk_call *c, wk_fibre_kernel *kernel);

/* In vjp: t, which has the shape of the output, over the shape of input 0. `kept` has sizes of 1 in place of what is
 * reduced. */
wk_tensor *wk__kept(const wk_backprop *b, wk_tensor *t);
wk_tensor *wk__spread(const wk_backprop *b, wk_tensor *t);

/* In grad: t, which has the shape of the output, stretched over gx, which has that of input 0. */
wk_array wk__stretched(const wk_backprop *b, const wk_array *t, const wk_array *gx);

/* Calls of rows with these attributes. */
wk_tensor *wk__reduce_dims(const wk_op *op, wk_tensor *x, int32_t ndim, const int64_t *dims, wk_reduction attrs);

#endif
