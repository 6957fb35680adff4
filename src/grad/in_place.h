/* in_place.h -- rows that write their first input.
 *
 * NOTE [Writes through views]. The natural way in C to collect results is to write them into a tensor that is there:
 *
 *     wk_tensor *out = wk_zeros(...);
 *     for (int t = 0; t < T; t++) wk_copy_(wk_select(out, 0, t), h_t);
 *
 * The write is recorded on the view, whose new value has the history of h_t; and a second node makes the whole what it
 * is now: the old whole with the view's region replaced. It becomes the history of the base, the tensor that owns the
 * storage:
 *
 *     h_t ---> copy_ ----------+
 *                              v
 *     out before ---> as_strided_scatter ---> out
 *
 * Views taken before the write do not know of it, and are stale (NOTE [Stale views]); the one that was written may be
 * used on. */
#ifndef WK_GRAD_IN_PLACE_H
#define WK_GRAD_IN_PLACE_H

#include "grad/op.h"

/* Elements of a contiguous tensor: the attributes of as_strided and as_strided_scatter. */
typedef struct wk_region {
    wk_dims_attr dims, strides;
    int64_t offset;
} wk_region;

/* What the engine needs of the ops, without naming one: y = x with a region replaced by src; its attributes are a
 * wk_region. The op layer defines it. */
extern const wk_op *const wk__region_write;

/* The rest of wk__apply for such a row, whose inputs have been checked. */
wk_tensor *wk__apply_in_place(wk_call *c);

/* Is any input a view that a recorded write has made stale? Then false, recorded. Part of every call where there have
 * been such writes. */
bool wk__no_stale_view(wk_call *c);

#endif
