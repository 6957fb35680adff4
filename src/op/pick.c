/* pick.c -- one element of every fibre, by index: y(j) = x(j, index(j)), and y(j, index(j)) = x(j), zero elsewhere.
 * Each is the gradient of the other. */
#include "op/elementwise.h"
#include "op/reduction.h"

static const wk_attr_field place_fields[] = {
    {"dim", 'i', offsetof(wk_reduction, dim), 0},
    {"dims", 'd', offsetof(wk_reduction, dims), 0},
};

static bool pick_shape(wk_call *c) {
    const wk_array *index = &c->in[1]->a;
    return wk__reduced_dim(c) && wk__declare(c, 0, c->in[0]->a.dtype, index->ndim, index->dims);
}

static void pick_forward(wk_call *c) {
    const wk_reduction *r = c->attrs;
    const wk_array *x = &c->in[0]->a;
    wk__fibres(wk__kernels->pick[x->dtype], &c->out[0]->a, x, &c->in[1]->a, r->reduced, 0, false);
}

static void pick_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_reduction *r = b->node->attrs;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    gx[0] = wk__place(b->gy[0], b->node->in[1].saved, r->dim, ndim, dims);
}

static bool place_shape(wk_call *c) {
    wk_reduction *r = c->attrs;
    const int32_t dim = wk__wrap_dim(r->dim, r->dims.ndim);
    r->reduced = dim < 0 ? 0 : (int64_t)1 << dim;
    return wk__declare(c, 0, c->in[0]->a.dtype, r->dims.ndim, r->dims.dims);
}

static void place_forward(wk_call *c) {
    const wk_reduction *r = c->attrs;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    wk__fibres_over(wk__kernels->place[x->dtype], y, y, x, &c->in[1]->a, r->reduced, 0, false);
}

static void place_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_reduction *r = b->node->attrs;
    gx[0] = wk__pick(b->gy[0], b->node->in[1].saved, r->dim);
}

#define INNER_ROW(op, list)                                                                            \
    static const wk_op op##_op = {                                                                     \
        WK_INNER_ROW(op), .in_count = 2, .out_count = 1,                                               \
        .in_names = "x index", .reads = {WK_READS_IN(1)}, WK_ATTRS(wk_reduction, list),                \
        .shape = op##_shape, .forward = op##_forward, .vjp = op##_vjp,                                 \
    };
INNER_ROW(pick, wk__along_fields)
INNER_ROW(place, place_fields)

wk_tensor *wk__pick(wk_tensor *x, wk_tensor *index, int64_t dim) {
    return wk__apply2(&pick_op, x, index, &(wk_reduction){.dim = dim});
}

wk_tensor *wk__place(wk_tensor *x, wk_tensor *index, int64_t dim, int32_t ndim, const int64_t *dims) {
    wk_reduction attrs = {.dim = dim};
    if (!wk__dims_attr_set(&attrs.dims, ndim, dims, "place")) return NULL;
    return wk__apply2(&place_op, x, index, &attrs);
}
