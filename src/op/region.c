/* region.c -- as_strided, as_strided_scatter: a region of x's elements, and x with a region replaced.
 *
 *     x (2,4) = | 0 1 2 3 |      dims (2), strides (4), offset 1:  the region is (1, 5)
 *               | 4 5 6 7 |
 *
 *     y = as_strided(x)              gx = 0, its region = g
 *     y = as_strided_scatter(x, src) gx = g, its region = 0;  gsrc = the region of g
 *
 * A recorded write into a view is this scatter (NOTE [Writes through views] in grad/in_place.h). */
#include "grad/in_place.h"
#include "op/elementwise.h"
#include "op/rows.h"

#define REGION_FIELD(name, kind, member) {name, kind, offsetof(wk_region, member), 0}

static const wk_attr_field fields[] = {
    REGION_FIELD("dims", 'd', dims),
    REGION_FIELD("strides", 'd', strides),
    REGION_FIELD("offset", 'i', offset),
};

/* The region of a contiguous array. */
static void region_of(const wk_region *r, const wk_array *x, wk_array *y) {
    y->data = wk__array_at(x, r->offset);
    y->dtype = x->dtype;
    y->ndim = r->dims.ndim;
    y->numel = 1;
    for (int32_t d = 0; d < y->ndim; d++) {
        y->dims[d] = r->dims.dims[d];
        y->strides[d] = r->strides.dims[d];
        y->numel *= y->dims[d];
    }
}

/* How far the region reaches: one more than its last element's place. -1: further than any tensor. */
static int64_t reach(const wk_region *r) {
    int64_t last = r->offset, step;
    for (int32_t d = 0; d < r->dims.ndim; d++) {
        if (r->dims.dims[d] == 0) return 0;
        if (__builtin_mul_overflow(r->dims.dims[d] - 1, r->strides.dims[d], &step) ||
            __builtin_add_overflow(last, step, &last))
            return -1;
    }
    return last < INT64_MAX ? last + 1 : -1;
}

/* Is this a region of x, whose elements count in row-major order? */
static bool check_region(wk_call *c) {
    const wk_region *r = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_shape_text td, ts, tx;
    if (r->strides.ndim != r->dims.ndim)
        return wk__refuse(c, WK_EINVAL, "%d dims and %d strides", (int)r->dims.ndim, (int)r->strides.ndim);
    if (!wk__check_shape(c->ctx, c->op->name, r->dims.ndim, r->dims.dims, x->a.dtype)) return false;
    const int64_t end = reach(r);
    bool inside = r->offset >= 0 && r->offset <= x->a.numel && end >= 0 && end <= x->a.numel;
    for (int32_t d = 0; d < r->dims.ndim; d++) inside &= r->strides.dims[d] >= 0;
    if (!inside)
        return wk__refuse(c, WK_EINDEX, "dims %s, strides %s and offset %lld reach outside of x %s",
                          wk__shape_text(&td, r->dims.ndim, r->dims.dims),
                          wk__shape_text(&ts, r->strides.ndim, r->strides.dims), (long long)r->offset,
                          wk__dims_text(&tx, x));
    wk_array region;
    region_of(r, &x->a, &region);
    return wk__array_is_injective(&region) ||
           wk__refuse(c, WK_EINVAL, "elements of the region with dims %s and strides %s overlap",
                      wk__shape_text(&td, r->dims.ndim, r->dims.dims),
                      wk__shape_text(&ts, r->strides.ndim, r->strides.dims));
}

static bool region_set(wk_region *r, int32_t ndim, const int64_t *dims, const int64_t *strides, int64_t offset,
                       const char *op) {
    r->offset = offset;
    return wk__dims_attr_set(&r->dims, ndim, dims, op) && wk__dims_attr_set(&r->strides, ndim, strides, op);
}

static wk_tensor *as_strided_of(const wk_region *r, wk_tensor *x) {
    return wk_as_strided(x, r->dims.ndim, r->dims.dims, r->strides.dims, r->offset);
}

static wk_tensor *scatter_of(const wk_region *r, wk_tensor *x, wk_tensor *src) {
    return wk_as_strided_scatter(x, src, r->dims.ndim, r->dims.dims, r->strides.dims, r->offset);
}

/* --------------------------------------------------------------------------------------------------- as_strided --- */

static bool strided_view(const void *attrs, const wk_array *x, wk_array *y) {
    if (!wk__array_is_contiguous(x)) return false;
    region_of(attrs, x, y);
    return true;
}

static bool strided_shape(wk_call *c) {
    const wk_region *r = c->attrs;
    bool declared;
    if (!check_region(c) || !wk__declare_view(c, &declared)) return false;
    return declared || wk__declare(c, 0, c->in[0]->a.dtype, r->dims.ndim, r->dims.dims);
}

/* Only when it is no view: x is not contiguous, and is laid out first. */
static void strided_forward(wk_call *c) {
    wk_tensor *whole = wk__temporary_copy(c->ctx, c->op, &c->in[0]->a);
    wk_array region;
    if (whole == NULL) return;
    region_of(c->attrs, &whole->a, &region);
    wk__set_or_add(&c->out[0]->a, &region, false);
    wk__unref(whole);
}

static void strided_vjp(const wk_backprop *b, wk_tensor **gx) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    gx[0] = scatter_of(b->node->attrs, wk_zeros(ndim, dims, b->gy[0]->a.dtype), b->gy[0]);
}

const wk_op wk__op_as_strided = {
    WK_ROW(as_strided), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(wk_region, fields),
    .shape = strided_shape, .view = strided_view, .forward = strided_forward, .vjp = strided_vjp,
};

wk_tensor *wk_as_strided(wk_tensor *x, int32_t ndim, const int64_t *dims, const int64_t *strides, int64_t offset) {
    wk_region r;
    return region_set(&r, ndim, dims, strides, offset, "as_strided") ? wk__apply1(&wk__op_as_strided, x, &r) : NULL;
}

/* ------------------------------------------------------------------------------------------- as_strided_scatter --- */

enum { X, SRC };

static bool scatter_shape(wk_call *c) {
    const wk_region *r = c->attrs;
    const wk_tensor *src = c->in[SRC];
    wk_shape_text td, ts;
    if (!check_region(c)) return false;
    if (wk__has_dims(&src->a, r->dims.ndim, r->dims.dims) && src->a.dtype == c->in[X]->a.dtype)
        return wk__declare_like(c, 0, c->in[X]);
    return wk__refuse(c, WK_ESHAPE, "src is %s %s and the region of x is %s %s", wk_dtype_name(src->a.dtype),
                      wk__dims_text(&td, src), wk_dtype_name(c->in[X]->a.dtype),
                      wk__shape_text(&ts, r->dims.ndim, r->dims.dims));
}

static void scatter_forward(wk_call *c) {
    const wk_array *y = &c->out[0]->a;
    wk_unary_loop *copy = wk__kernels->copy[y->dtype];
    wk_array region;
    wk__unary_rows(copy, y, &c->in[X]->a);
    region_of(c->attrs, y, &region);
    wk__unary_rows(copy, &region, &c->in[SRC]->a);
}

/* g without its region goes on to x: in place when nobody else holds g, so that T writes into one tensor do not copy
 * its whole gradient T times. */
static void pass_rest(wk_backprop *b) {
    wk_tensor *g = b->gy[0], *rest = wk__is_held_alone(g) ? g : wk__temporary_copy(b->ctx, b->node->op, &g->a);
    wk_array region;
    if (rest == NULL) return;
    region_of(b->node->attrs, &rest->a, &region);
    wk__zero(&region);
    wk__pass(b, X, rest);
    if (rest != g) wk__unref(rest);
}

static bool scatter_grad(wk_backprop *b) {
    const wk_array *g = &b->gy[0]->a;
    if (wk__wants(b, SRC)) {
        wk_array region, room;
        bool add;
        const wk_array *slot = wk__slot(b, SRC, &room, &add);
        if (slot == NULL) return true;
        region_of(b->node->attrs, g, &region);
        wk__unary_rows((add ? wk__kernels->accumulate : wk__kernels->copy)[g->dtype], slot, &region);
    }
    if (wk__wants(b, X)) pass_rest(b);
    return true;
}

static void scatter_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_region *r = b->node->attrs;
    wk_tensor *g = b->gy[0];
    if (wk__wants(b, X)) gx[X] = scatter_of(r, g, wk_zeros(r->dims.ndim, r->dims.dims, g->a.dtype));
    if (wk__wants(b, SRC)) gx[SRC] = as_strided_of(r, g);
}

const wk_op wk__op_as_strided_scatter = {
    WK_ROW(as_strided_scatter),  .in_count = 2,           .out_count = 1,         .in_names = "x src",
    WK_ATTRS(wk_region, fields), .types = WK__EVERY_TYPE, .shape = scatter_shape, .forward = scatter_forward,
    .grad = scatter_grad,        .vjp = scatter_vjp,
};

const wk_op *const wk__region_write = &wk__op_as_strided_scatter;

wk_tensor *wk_as_strided_scatter(wk_tensor *x, wk_tensor *src, int32_t ndim, const int64_t *dims,
                                 const int64_t *strides, int64_t offset) {
    wk_region r;
    return region_set(&r, ndim, dims, strides, offset, "as_strided_scatter")
               ? wk__apply2(&wk__op_as_strided_scatter, x, src, &r)
               : NULL;
}
