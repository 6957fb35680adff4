/* index.c -- index_select, index_add, embedding, and index and index_put of one index: whole slices by index.
 *
 *     y = index_select x, embedding, index     y[.., i, ..] = x[.., index[i], ..]     gx = 0, gx[index[i]] += g[i]
 *     y = index_add x                          y = x, y[index[i]] += source[i]        gx += g;  gsource += g[index]
 *     y = index_put x                          y = x, y[index[i]] = values[i]         gx = g, gx[index] = 0
 *                                                                                     gvalues += g[index], summed
 *
 * The gradients of the first three are sums in the order of the indices. */
#include "op/elementwise.h"
#include "op/indexing.h"
#include "op/rows.h"

typedef struct slices_attrs { int64_t dim; } slices_attrs;

static const wk_attr_field dim_fields[] = {{"dim", 'i', offsetof(slices_attrs, dim), 0}};

enum { X, INDEX, VALUES };

/* x's shape with dimension dim replaced by index's dimensions; false when they are too many. */
static bool slices_dims(const wk_array *x, int64_t dim, const wk_array *index, wk_dims_attr *to) {
    to->ndim = 0;
    if (x->ndim - 1 + index->ndim > WK_MAX_DIMS) return false;
    for (int64_t d = 0; d < dim; d++) to->dims[to->ndim++] = x->dims[d];
    for (int32_t d = 0; d < index->ndim && x->ndim > 0; d++) to->dims[to->ndim++] = index->dims[d];
    for (int64_t d = dim + 1; d < x->ndim; d++) to->dims[to->ndim++] = x->dims[d];
    return true;
}

/* Declares the slices of x, whose attributes and types are fine. */
static bool declare_slices(wk_call *c, int64_t dim, const wk_tensor *x, const wk_tensor *index) {
    wk_dims_attr to;
    wk_shape_text tx, ti;
    if (!slices_dims(&x->a, dim, &index->a, &to))
        return wk__refuse(c, WK_ESHAPE, "x %s with index %s in place of dimension %d has too many dimensions",
                          wk__dims_text(&tx, x), wk__dims_text(&ti, index), (int)dim);
    return wk__check_shape(c->ctx, c->op->name, to.ndim, to.dims, x->a.dtype) &&
           wk__declare(c, 0, x->a.dtype, to.ndim, to.dims);
}

static void forward_slices(wk_call *c, const wk_tensor *x, const wk_tensor *index, int64_t dim, bool from_end) {
    wk_pick p;
    if (!wk__check_indices(c, &index->a, x, dim, from_end)) return;
    wk__pick_slices(&x->a, dim, &index->a, &c->out[0]->a, &p);
    if (!from_end) p.size = 0;
    wk__pick_read(&p);
}

/* The gradient of the slices that were read from input x. */
static bool add_slices(wk_backprop *b, int32_t x, int32_t index, int64_t dim) {
    wk_array room;
    bool add;
    wk_pick p;
    const wk_array *gx = wk__slot(b, x, &room, &add);
    if (gx == NULL) return true;
    if (!add) wk__zero(gx);
    wk__pick_slices(gx, dim, wk__saved_in(b, index), &b->gy[0]->a, &p);
    wk__pick_write(&p, true);
    return true;
}

/* Zeros of the shape of input i, for what is put or added into them. */
static wk_tensor *nothing_like(const wk_backprop *b, int32_t i) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[i], &ndim);
    return wk_zeros(ndim, dims, b->gy[0]->a.dtype);
}

/* ------------------------------------------------------------------------------------- index_select, index_add --- */

/* dim, and an index of one dimension (or none) that holds whole numbers. */
static bool check_select(wk_call *c) {
    const wk_tensor *index = c->in[INDEX];
    wk_shape_text text;
    if (!wk__check_index_type(c, INDEX) || !wk__check_dim_or_scalar(c, &((slices_attrs *)c->attrs)->dim))
        return false;
    if (index->a.ndim == 1 && (c->in[X]->a.ndim > 0 || index->a.numel == 1)) return true;
    return wk__refuse(c, WK_ESHAPE, "index %s must have one dimension, of one element for a 0-d x",
                      wk__dims_text(&text, index));
}

static int64_t dim_of(const void *attrs) { return ((const slices_attrs *)attrs)->dim; }

static bool select_shape(wk_call *c) {
    return check_select(c) && declare_slices(c, dim_of(c->attrs), c->in[X], c->in[INDEX]);
}

static void select_forward(wk_call *c) { forward_slices(c, c->in[X], c->in[INDEX], dim_of(c->attrs), false); }

static bool select_grad(wk_backprop *b) { return add_slices(b, X, INDEX, dim_of(b->node->attrs)); }

static void select_vjp(const wk_backprop *b, wk_tensor **gx) {
    const int32_t dim = (int32_t)dim_of(b->node->attrs);
    gx[X] = wk_index_add(nothing_like(b, X), dim, b->node->in[INDEX].saved, b->gy[0]);
}

const wk_op wk__op_index_select = {
    WK_ROW(index_select), WK_INDICES(INDEX), .in_count = 2, .out_count = 1, .in_names = "x index",
    WK_ATTRS(slices_attrs, dim_fields), .reads = {WK_READS_IN(INDEX)},
    .shape = select_shape, .forward = select_forward, .grad = select_grad, .vjp = select_vjp,
};

wk_tensor *wk_index_select(wk_tensor *x, int32_t dim, wk_tensor *index) {
    return wk__apply2(&wk__op_index_select, x, index, &(slices_attrs){dim});
}

static bool index_add_shape(wk_call *c) {
    const wk_tensor *x = c->in[X], *source = c->in[VALUES];
    wk_dims_attr to;
    if (!check_select(c)) return false;
    if (source->a.dtype != x->a.dtype)
        return wk__refuse(c, WK_EDTYPE, "x has type %s and source has %s", wk_dtype_name(x->a.dtype),
                          wk_dtype_name(source->a.dtype));
    wk_array slices = {.dtype = x->a.dtype};
    slices_dims(&x->a, dim_of(c->attrs), &c->in[INDEX]->a, &to);
    wk_shape_text ts, tt;
    if (wk__array_set_dims(&slices, to.ndim, to.dims) && wk__same_dims(&source->a, &slices))
        return wk__declare_like(c, 0, x);
    return wk__refuse(c, WK_ESHAPE, "source is %s and must be %s", wk__dims_text(&ts, source),
                      wk__shape_text(&tt, to.ndim, to.dims));
}

/* y = x, y[index] (+)= values, whose indices have been checked. */
static void write_slices(wk_call *c, int64_t dim, const wk_array *values, bool add, bool from_end) {
    const wk_array *y = &c->out[0]->a;
    wk_pick p;
    wk__set_or_add(y, &c->in[X]->a, false);
    wk__pick_slices(y, dim, &c->in[INDEX]->a, values, &p);
    if (!from_end) p.size = 0;
    wk__pick_write(&p, add);
}

static void index_add_forward(wk_call *c) {
    const int64_t dim = dim_of(c->attrs);
    if (!wk__check_indices(c, &c->in[INDEX]->a, c->in[X], dim, false)) return;
    write_slices(c, dim, &c->in[VALUES]->a, true, false);
}

static void index_add_vjp(const wk_backprop *b, wk_tensor **gx) {
    if (wk__wants(b, X)) gx[X] = b->gy[0];
    if (wk__wants(b, VALUES))
        gx[VALUES] = wk_index_select(b->gy[0], (int32_t)dim_of(b->node->attrs), b->node->in[INDEX].saved);
}

const wk_op wk__op_index_add = {
    WK_ROW(index_add), WK_INDICES(INDEX), .in_count = 3, .out_count = 1, .in_names = "x index source",
    WK_ATTRS(slices_attrs, dim_fields), .reads = {[VALUES] = WK_READS_IN(INDEX)},
    .shape = index_add_shape, .forward = index_add_forward, .vjp = index_add_vjp,
};

wk_tensor *wk_index_add(wk_tensor *x, int32_t dim, wk_tensor *index, wk_tensor *source) {
    return wk__apply3(&wk__op_index_add, x, index, source, &(slices_attrs){dim});
}

/* ---------------------------------------------------------------------------------------------------- embedding --- */

enum { INPUT, WEIGHT };

typedef struct embedding_attrs {
    int64_t padding_idx;
} embedding_attrs;

static const wk_attr_field embedding_fields[] = {{"padding_idx", 'i', offsetof(embedding_attrs, padding_idx), -1}};

static int64_t padding_of(const void *attrs) { return ((const embedding_attrs *)attrs)->padding_idx; }

static bool embedding_shape(wk_call *c) {
    const wk_tensor *weight = c->in[WEIGHT];
    const int64_t padding = padding_of(c->attrs);
    wk_shape_text text;
    if (!wk__check_index_type(c, INPUT)) return false;
    if (weight->a.ndim != 2)
        return wk__refuse(c, WK_ESHAPE, "weight is %s and must be (V,D)", wk__dims_text(&text, weight));
    if (padding < -1 || padding >= weight->a.dims[0])
        return wk__refuse(c, WK_EINVAL, "padding_idx is %lld and must be -1, or a row of weight %s", (long long)padding,
                          wk__dims_text(&text, weight));
    return declare_slices(c, 0, weight, c->in[INPUT]);
}

static void embedding_forward(wk_call *c) { forward_slices(c, c->in[WEIGHT], c->in[INPUT], 0, false); }

/* What lies in the row of the padding stays there: vjp. */
static bool embedding_grad(wk_backprop *b) { return padding_of(b->node->attrs) < 0 && add_slices(b, WEIGHT, INPUT, 0); }

static wk_tensor *sum_of_slices(const wk_backprop *b, int32_t x, wk_tensor *index) {
    return wk__put_slices(nothing_like(b, x), index, b->gy[0], true);
}

static void embedding_vjp(const wk_backprop *b, wk_tensor **gx) {
    const int64_t padding = padding_of(b->node->attrs);
    gx[WEIGHT] = sum_of_slices(b, WEIGHT, b->node->in[INPUT].saved);
    if (padding < 0) return;
    wk_tensor *row = wk_full(WK_SHAPE(1), (double)padding, WK_I64);
    wk_tensor *nothing = wk_zeros(WK_SHAPE(1, wk_dim(gx[WEIGHT], 1)), b->gy[0]->a.dtype);
    gx[WEIGHT] = wk__put_slices(gx[WEIGHT], row, nothing, false);
}

const wk_op wk__op_embedding = {
    WK_ROW(embedding),
    WK_INDICES(INPUT),
    .in_count = 2,
    .out_count = 1,
    .in_names = "input weight",
    WK_ATTRS(embedding_attrs, embedding_fields),
    .reads = {[WEIGHT] = WK_READS_IN(INPUT)},
    .batch = WK__BATCH_ROWS,
    .batch_shared = 1 << WEIGHT,
    .shape = embedding_shape,
    .forward = embedding_forward,
    .grad = embedding_grad,
    .vjp = embedding_vjp,
};

wk_tensor *wk_embedding(wk_tensor *input, wk_tensor *weight, int64_t padding_idx) {
    return wk__apply2(&wk__op_embedding, input, weight, &(embedding_attrs){padding_idx});
}

/* ---------------------------------------------------------------------------- index and index_put of one index --- */

/* Rows outside ops.def: those in index_list.c are made of them. */

static bool check_first_dim(wk_call *c) {
    return wk__check_index_type(c, INDEX) &&
           (c->in[X]->a.ndim > 0 || wk__refuse(c, WK_ESHAPE, "x has no dimension to index"));
}

static bool index_shape(wk_call *c) { return check_first_dim(c) && declare_slices(c, 0, c->in[X], c->in[INDEX]); }

static void index_forward(wk_call *c) { forward_slices(c, c->in[X], c->in[INDEX], 0, true); }

static bool index_grad(wk_backprop *b) { return add_slices(b, X, INDEX, 0); }

static void index_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[X] = sum_of_slices(b, X, b->node->in[INDEX].saved);
}

static const wk_op index_op = {
    WK_INNER_ROW(index),  WK_INDICES(INDEX),        .in_count = 2,
    .out_count = 1,       .in_names = "x index",    .reads = {WK_READS_IN(INDEX)},
    .shape = index_shape, .forward = index_forward, .grad = index_grad,
    .vjp = index_vjp,
};

wk_tensor *wk__read_slices(wk_tensor *x, wk_tensor *index) { return wk__apply2(&index_op, x, index, NULL); }

typedef struct put_attrs { int64_t accumulate; } put_attrs;

static const wk_attr_field put_fields[] = {{"accumulate", 'b', offsetof(put_attrs, accumulate), 0}};

/* The values stretched over the slices that they are put into; false when they do not broadcast to them. */
static bool stretch_values(const wk_call *c, wk_dims_attr *to, wk_array *values) {
    return slices_dims(&c->in[X]->a, 0, &c->in[INDEX]->a, to) &&
           wk__array_expand(&c->in[VALUES]->a, to->ndim, to->dims, values);
}

static bool put_shape(wk_call *c) {
    const wk_tensor *x = c->in[X], *values = c->in[VALUES];
    wk_dims_attr to;
    wk_array stretched;
    wk_shape_text tv, tt;
    if (!check_first_dim(c)) return false;
    if (values->a.dtype != x->a.dtype)
        return wk__refuse(c, WK_EDTYPE, "x has type %s and values has %s", wk_dtype_name(x->a.dtype),
                          wk_dtype_name(values->a.dtype));
    if (stretch_values(c, &to, &stretched)) return wk__declare_like(c, 0, x);
    return wk__refuse(c, WK_ESHAPE, "values %s do not broadcast to %s", wk__dims_text(&tv, values),
                      wk__shape_text(&tt, to.ndim, to.dims));
}

static void put_forward(wk_call *c) {
    wk_dims_attr to;
    wk_array values;
    if (!wk__check_indices(c, &c->in[INDEX]->a, c->in[X], 0, true) || !stretch_values(c, &to, &values)) return;
    write_slices(c, 0, &values, ((const put_attrs *)c->attrs)->accumulate != 0, true);
}

static void put_vjp(const wk_backprop *b, wk_tensor **gx) {
    const bool accumulate = ((const put_attrs *)b->node->attrs)->accumulate != 0;
    wk_tensor *g = b->gy[0], *index = b->node->in[INDEX].saved;
    if (wk__wants(b, X)) gx[X] = accumulate ? g : wk__put_slices(g, index, wk_scalar(0, g->a.dtype), false);
    if (!wk__wants(b, VALUES)) return;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[VALUES], &ndim);
    gx[VALUES] = wk_sum_to_size(wk__read_slices(g, index), ndim, dims);
}

static const wk_op index_put_op = {
    WK_INNER_ROW(index_put),
    WK_INDICES(INDEX),
    .in_count = 3,
    .out_count = 1,
    .in_names = "x index values",
    WK_ATTRS(put_attrs, put_fields),
    .reads = {[X] = WK_READS_IN(INDEX), [VALUES] = WK_READS_IN(INDEX)},
    .shape = put_shape,
    .forward = put_forward,
    .vjp = put_vjp,
};

wk_tensor *wk__put_slices(wk_tensor *x, wk_tensor *index, wk_tensor *values, bool accumulate) {
    wk_tensor *const in[] = {x, index, values};
    return wk__apply(&index_put_op, in, 3, &(put_attrs){accumulate}, NULL);
}
