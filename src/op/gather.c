/* gather.c -- gather, scatter, scatter_add: each element has an index of its own along dim. In dimension 0:
 *
 *     y = gather x            y[i,j] = x[index[i,j], j]         gx = 0, gx[index[i,j], j] += g[i,j]
 *     y = scatter x           y = x, y[index[i,j], j] = src     gx = g, gx[index] = 0;   gsrc += gather g
 *     y = scatter_add x       y = x, y[index[i,j], j] += src    gx += g;                 gsrc += gather g */
#include "op/elementwise.h"
#include "op/indexing.h"
#include "op/rows.h"

typedef struct along_attrs { int64_t dim; } along_attrs;

static const wk_attr_field fields[] = {{"dim", 'i', offsetof(along_attrs, dim), 0}};

enum { X, INDEX, SRC };

static int64_t dim_of(const void *attrs) { return ((const along_attrs *)attrs)->dim; }

/* The index has x's dimensions, none larger but dim. */
static bool check_index(wk_call *c) {
    const wk_tensor *x = c->in[X], *index = c->in[INDEX];
    if (!wk__check_index_type(c, INDEX) || !wk__check_dim_or_scalar(c, &((along_attrs *)c->attrs)->dim))
        return false;
    bool fits = index->a.ndim == x->a.ndim;
    for (int32_t d = 0; fits && d < x->a.ndim; d++)
        fits = d == dim_of(c->attrs) || index->a.dims[d] <= x->a.dims[d];
    wk_shape_text ti, tx;
    return fits || wk__refuse(c, WK_ESHAPE, "index %s does not fit x %s beside dimension %d",
                              wk__dims_text(&ti, index), wk__dims_text(&tx, x), (int)dim_of(c->attrs));
}

/* ------------------------------------------------------------------------------------------------------- gather --- */

static bool gather_shape(wk_call *c) {
    const wk_array *index = &c->in[INDEX]->a;
    return check_index(c) && wk__declare(c, 0, c->in[X]->a.dtype, index->ndim, index->dims);
}

static void gather_forward(wk_call *c) {
    const int64_t dim = dim_of(c->attrs);
    wk_pick p;
    wk__pick_each(&c->in[X]->a, dim, &c->in[INDEX]->a, &c->out[0]->a, &p);
    wk__pick_checked(c, &p, &c->in[INDEX]->a, dim, WK__PICK_READ);
}

static bool gather_grad(wk_backprop *b) {
    wk_array room;
    bool add;
    wk_pick p;
    const wk_array *gx = wk__slot(b, X, &room, &add);
    if (gx == NULL) return true;
    if (!add) wk__zero(gx);
    wk__pick_each(gx, dim_of(b->node->attrs), wk__saved_in(b, INDEX), &b->gy[0]->a, &p);
    wk__pick_write(&p, true);
    return true;
}

static void gather_vjp(const wk_backprop *b, wk_tensor **gx) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[X], &ndim);
    wk_tensor *nothing = wk_zeros(ndim, dims, b->gy[0]->a.dtype);
    gx[X] = wk_scatter_add(nothing, (int32_t)dim_of(b->node->attrs), b->node->in[INDEX].saved, b->gy[0]);
}

const wk_op wk__op_gather = {
    WK_ROW(gather),
    WK_INDICES(INDEX),
    .in_count = 2,
    .out_count = 1,
    .in_names = "x index",
    WK_ATTRS(along_attrs, fields),
    .reads = {WK_READS_IN(INDEX)},
    WK_BATCH_DIMS(1),
    .shape = gather_shape,
    .forward = gather_forward,
    .grad = gather_grad,
    .vjp = gather_vjp,
};

wk_tensor *wk_gather(wk_tensor *x, int32_t dim, wk_tensor *index) {
    return wk__apply2(&wk__op_gather, x, index, &(along_attrs){dim});
}

/* The shape of x and index beside dim, where they are stretched to each other's. */
static bool common_dims(const wk_array *x, const wk_array *index, int64_t dim, int64_t *dims) {
    wk_array ax = *x, ai = *index;
    int32_t ndim;
    if (x->ndim == 0 || x->ndim != index->ndim) return false;
    ax.dims[dim] = ai.dims[dim] = 1;
    return wk__broadcast_dims(&ax, &ai, &ndim, dims);
}

static bool take_shape(wk_call *c) {
    const wk_tensor *x = c->in[X], *index = c->in[INDEX];
    int64_t *dim = &((along_attrs *)c->attrs)->dim, dims[WK_MAX_DIMS];
    wk_shape_text tx, ti;
    if (!wk__check_index_type(c, INDEX) || !wk__check_dim_or_scalar(c, dim)) return false;
    if (common_dims(&x->a, &index->a, *dim, dims)) return true;
    return wk__refuse(c, WK_ESHAPE, "x %s and index %s do not broadcast beside dimension %d", wk__dims_text(&tx, x),
                      wk__dims_text(&ti, index), (int)*dim);
}

static void take_compose(wk_call *c) {
    const int32_t dim = (int32_t)dim_of(c->attrs), ndim = wk_ndim(c->in[X]);
    int64_t dims[WK_MAX_DIMS];
    common_dims(&c->in[X]->a, &c->in[INDEX]->a, dim, dims);
    dims[dim] = wk_dim(c->in[X], dim);
    wk_tensor *x = wk_expand(c->in[X], ndim, dims);
    dims[dim] = wk_dim(c->in[INDEX], dim);
    c->out[0] = wk_gather(x, dim, wk_expand(c->in[INDEX], ndim, dims));
}

const wk_op wk__op_take_along_dim = {
    WK_ROW(take_along_dim),        .in_count = 2,           .out_count = 1,      .in_names = "x index",
    WK_ATTRS(along_attrs, fields), .types = WK__EVERY_TYPE, .shape = take_shape, .compose = take_compose,
};

wk_tensor *wk_take_along_dim(wk_tensor *x, wk_tensor *index, int32_t dim) {
    return wk__compose(&wk__op_take_along_dim, (wk_tensor *const[]){x, index}, 2, &(along_attrs){dim}, NULL);
}

/* ----------------------------------------------------------------------------------------- scatter, scatter_add --- */

static bool scatter_shape(wk_call *c) {
    const wk_tensor *x = c->in[X], *index = c->in[INDEX], *src = c->in[SRC];
    wk_shape_text ts, ti;
    if (!check_index(c)) return false;
    if (src->a.dtype != x->a.dtype)
        return wk__refuse(c, WK_EDTYPE, "x has type %s and src has %s", wk_dtype_name(x->a.dtype),
                          wk_dtype_name(src->a.dtype));
    if (wk__same_dims(&src->a, &index->a)) return wk__declare_like(c, 0, x);
    return wk__refuse(c, WK_ESHAPE, "src %s and index %s differ", wk__dims_text(&ts, src), wk__dims_text(&ti, index));
}

static void write_each(wk_call *c, bool add) {
    const int64_t dim = dim_of(c->attrs);
    const wk_array *index = &c->in[INDEX]->a, *y = &c->out[0]->a;
    wk_pick p;
    wk__set_or_add(y, &c->in[X]->a, false);
    wk__pick_each(y, dim, index, &c->in[SRC]->a, &p);
    wk__pick_checked(c, &p, index, dim, add ? WK__PICK_ADD : WK__PICK_WRITE);
}

static void scatter_forward(wk_call *c) { write_each(c, false); }

static void scatter_add_forward(wk_call *c) { write_each(c, true); }

/* What was overwritten gets nothing. */
static void scatter_vjp(const wk_backprop *b, wk_tensor **gx) {
    const int32_t dim = (int32_t)dim_of(b->node->attrs);
    wk_tensor *g = b->gy[0], *index = b->node->in[INDEX].saved;
    if (wk__wants(b, X)) gx[X] = wk_scatter(g, dim, index, wk_zeros(index->a.ndim, index->a.dims, g->a.dtype));
    if (wk__wants(b, SRC)) gx[SRC] = wk_gather(g, dim, index);
}

static void scatter_add_vjp(const wk_backprop *b, wk_tensor **gx) {
    if (wk__wants(b, X)) gx[X] = b->gy[0];
    if (wk__wants(b, SRC))
        gx[SRC] = wk_gather(b->gy[0], (int32_t)dim_of(b->node->attrs), b->node->in[INDEX].saved);
}

const wk_op wk__op_scatter = {
    WK_ROW(scatter), WK_INDICES(INDEX), .in_count = 3, .out_count = 1, .in_names = "x index src",
    WK_ATTRS(along_attrs, fields), .reads = {[X] = WK_READS_IN(INDEX), [SRC] = WK_READS_IN(INDEX)},
    .shape = scatter_shape, .forward = scatter_forward, .vjp = scatter_vjp,
};
const wk_op wk__op_scatter_add = {
    WK_ROW(scatter_add), WK_INDICES(INDEX), .in_count = 3, .out_count = 1, .in_names = "x index src",
    WK_ATTRS(along_attrs, fields), .reads = {[SRC] = WK_READS_IN(INDEX)},
    .shape = scatter_shape, .forward = scatter_add_forward, .vjp = scatter_add_vjp,
};

wk_tensor *wk_scatter(wk_tensor *x, int32_t dim, wk_tensor *index, wk_tensor *src) {
    return wk__apply3(&wk__op_scatter, x, index, src, &(along_attrs){dim});
}

wk_tensor *wk_scatter_add(wk_tensor *x, int32_t dim, wk_tensor *index, wk_tensor *src) {
    return wk__apply3(&wk__op_scatter_add, x, index, src, &(along_attrs){dim});
}
