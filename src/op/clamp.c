/* clamp.c -- clamp_tensor: bounds that are tensors.
 *
 *     y = min(max(x, min), max)       gx += g where min <= x <= max
 *                                     gmin += g where x < min <= max,  gmax += g where x > max or max < min */
#include "op/elementwise.h"
#include "op/rows.h"

enum { X, MIN, MAX };

static bool shape(wk_call *c) {
    wk_array all = c->in[X]->a;
    int64_t dims[WK_MAX_DIMS];
    wk_shape_text ta, tb;
    if (c->in[MIN] == NULL && c->in[MAX] == NULL) return wk__refuse(c, WK_EINVAL, "there is neither min nor max");
    if (!wk__check_float(c)) return false;
    for (int32_t i = MIN; i <= MAX; i++) {
        if (c->in[i] == NULL) continue;
        if (!wk__broadcast_dims(&all, &c->in[i]->a, &all.ndim, dims))
            return wk__refuse(c, WK_ESHAPE, "shapes %s and %s %s do not broadcast",
                              wk__shape_text(&ta, all.ndim, all.dims), i == MIN ? "min" : "max",
                              wk__dims_text(&tb, c->in[i]));
        for (int32_t d = 0; d < all.ndim; d++) all.dims[d] = dims[d];
    }
    return wk__declare(c, 0, c->in[X]->a.dtype, all.ndim, all.dims);
}

static void forward(wk_call *c) {
    const wk_array *y = &c->out[0]->a, *x = &c->in[X]->a;
    if (c->in[MIN] != NULL) wk__binary_rows(wk__kernels->maximum[y->dtype], y, x, &c->in[MIN]->a);
    if (c->in[MAX] != NULL)
        wk__binary_rows(wk__kernels->minimum[y->dtype], y, c->in[MIN] != NULL ? y : x, &c->in[MAX]->a);
}

/* Both conditions, or the one that is there. */
static wk_tensor *both(wk_tensor *a, wk_tensor *b) {
    if (a == NULL || b == NULL) return a != NULL ? a : b;
    return wk_logical_and(a, b);
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *x = b->node->in[X].saved, *min = b->node->in[MIN].saved, *max = b->node->in[MAX].saved;
    wk_tensor *g = b->gy[0], *zero = wk_scalar(0, wk_dtype_of(g));
    const bool crossing = min != NULL && max != NULL;
    if (wk__wants(b, X)) {
        wk_tensor *inside = both(min != NULL ? wk_ge(x, min) : NULL, max != NULL ? wk_le(x, max) : NULL);
        gx[X] = wk__unstretched(b, X, wk_where(inside, g, zero));
    }
    if (min != NULL && wk__wants(b, MIN)) {
        wk_tensor *below = both(wk_lt(x, min), crossing ? wk_le(min, max) : NULL);
        gx[MIN] = wk__unstretched(b, MIN, wk_where(below, g, zero));
    }
    if (max != NULL && wk__wants(b, MAX)) {
        wk_tensor *above = crossing ? wk_logical_or(wk_gt(x, max), wk_lt(max, min)) : wk_gt(x, max);
        gx[MAX] = wk__unstretched(b, MAX, wk_where(above, g, zero));
    }
}

#define ALL (WK_READS_IN(X) | WK_READS_IN(MIN) | WK_READS_IN(MAX))
const wk_op wk__op_clamp_tensor = {
    WK_ROW(clamp_tensor),
    .in_count = 3,
    .out_count = 1,
    .in_names = "x min max",
    .optional = 1 << MIN | 1 << MAX,
    .types = WK__WHOLE_NUMBERS | WK__TYPE(BOOL),
    .flags = WK__OP_PROMOTE,
    .reads = {ALL, ALL, ALL},
    .shape = shape,
    .forward = forward,
    .vjp = vjp,
};

wk_tensor *wk_clamp_tensor(wk_tensor *x, wk_tensor *min, wk_tensor *max) {
    return wk__apply3(&wk__op_clamp_tensor, x, min, max, NULL);
}
