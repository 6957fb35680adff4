/* any.c -- any, all: is one element, are all elements other than 0? Over everything and over dims; no gradient. */
#include "op/reduction.h"

static bool all_shape(wk_call *c) {
    wk_reduction *r = c->attrs;
    r->reduced = ((int64_t)1 << c->in[0]->a.ndim) - 1;
    return wk__declare_reduced(c, 0, WK_BOOL);
}

static bool dims_shape(wk_call *c) { return wk__reduced_dims(c) && wk__declare_reduced(c, 0, WK_BOOL); }

#define TRUTH_FOLD(name)                                                                                            \
    static void name##_forward(wk_call *c) { wk__fold(c, wk__kernels->fold_##name[c->in[0]->a.dtype]); }            \
    const wk_op wk__op_##name = {                                                                                   \
        WK_ROW(name), .in_count = 1, .out_count = 1, .in_names = "x", .types = WK__EVERY_TYPE,                      \
        .flags = WK__OP_NO_GRAD, .attrs_nbytes = sizeof(wk_reduction), .shape = all_shape,                          \
        .forward = name##_forward,                                                                                  \
    };                                                                                                              \
    const wk_op wk__op_##name##_dims = {                                                                            \
        WK_ROW(name##_dims), .in_count = 1, .out_count = 1, .in_names = "x", .types = WK__EVERY_TYPE,               \
        .flags = WK__OP_NO_GRAD, WK_ATTRS(wk_reduction, wk__reduce_dims_fields), .shape = dims_shape,               \
        .forward = name##_forward,                                                                                  \
    };                                                                                                              \
    wk_tensor *wk_##name(wk_tensor *x) { return wk__apply1(&wk__op_##name, x, &(wk_reduction){.dim = 0}); }         \
    wk_tensor *wk_##name##_dims(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim) {                    \
        return wk__reduce_dims(&wk__op_##name##_dims, x, ndim, dims, (wk_reduction){.keepdim = keepdim});           \
    }

TRUTH_FOLD(any)
TRUTH_FOLD(all)
