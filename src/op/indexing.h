/* indexing.h -- elements of an array picked by an index tensor: how they lie, and moving them.
 *
 * Both ways to pick are one walk over three arrays of one shape: the picked elements, the index of each, and the base,
 * which is the array they are picked from as it lies at index 0, with a stride of 0 where the index moves:
 *
 *     index_select: x (3,4), dim 0, index (2)          gather: x (3,4), dim 0, index (2,4)
 *
 *     values (2,4)   strides (4,1)                     values (2,4)   strides (4,1)
 *     index  (2,4)   strides (1,0)                     index  (2,4)   strides (4,1)
 *     base   (2,4)   strides (0,1), step 4             base   (2,4)   strides (0,1), step 4
 *
 * Where the index stays the same along a row, the row is copied, or added, as a whole. Sums go in the order of the
 * indices. */
#ifndef WK_OP_INDEXING_H
#define WK_OP_INDEXING_H

#include "grad/op.h"

/* The fields for a row that moves elements of any type, and whose input i holds indices. */
#define WK_INDICES(i) .types = WK__EVERY_TYPE, .indices = 1 << (i)

typedef struct wk_pick {
    wk_array values, index, base;
    int64_t step, size; /* of the dimension that is indexed; size: what negative indices count from, 0: none is */
} wk_pick;

/* The elements of x along dim, at the indices, none of them negative, of a tensor that has a place for each of values:
 * gather. */
void wk__pick_each(const wk_array *x, int64_t dim, const wk_array *index, const wk_array *values, wk_pick *p);

/* Whole slices of x: values has x's shape with dim replaced by index's dimensions. */
void wk__pick_slices(const wk_array *x, int64_t dim, const wk_array *index, const wk_array *values, wk_pick *p);

/* values = base[index] */
void wk__pick_read(const wk_pick *p);

/* base[index] (+)= values */
void wk__pick_write(const wk_pick *p, bool add);

/* The same for forward, which checks the index of each piece just before, while it is in the cache. What was written up
 * to an index out of range is not a result. EINDEX. */
enum { WK__PICK_READ, WK__PICK_WRITE, WK__PICK_ADD };
void wk__pick_checked(wk_call *c, const wk_pick *p, const wk_array *index, int64_t dim, int32_t what);

/* For forward, before anything is written: every index is one of dimension dim of x, counted from the end (if that is
 * allowed here) when negative. EINDEX. */
bool wk__check_indices(wk_call *c, const wk_array *index, const wk_tensor *x, int64_t dim, bool from_end);

/* For shape rules: counts *dim from the front; a 0-d x has one dimension of one element here. EINDEX. */
bool wk__check_dim_or_scalar(wk_call *c, int64_t *dim);

/* x[index] and x with x[index] replaced or added to, for one index tensor of the first dimension: the rows index and
 * index_put, which take a list where users call them. */
wk_tensor *wk__read_slices(wk_tensor *x, wk_tensor *index);
wk_tensor *wk__put_slices(wk_tensor *x, wk_tensor *index, wk_tensor *values, bool accumulate);

#endif
