/* cat.c -- cat: the x_i one after another along a dimension;  gx_i += its part of g. And split and chunk, the other way
 * round. */
#include "grad/scope.h"
#include "op/elementwise.h"
#include "op/view.h"

typedef struct cat_attrs { int64_t dim; } cat_attrs;

static const wk_attr_field fields[] = {{"dim", 'i', offsetof(cat_attrs, dim), 0}};

/* An empty 1-d tensor stands for nothing, whatever the shape of the others, as in PyTorch. */
static bool stands_for_nothing(int32_t ndim, const int64_t *dims) { return ndim == 1 && dims[0] == 0; }

static bool skipped(const wk_tensor *x) { return stands_for_nothing(x->a.ndim, x->a.dims); }

/* The first tensor that is not skipped, which gives the others' shape; if all are, the first. */
static int32_t first_of(const wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++)
        if (!skipped(c->in[i])) return i;
    return 0;
}

/* Do x and first differ along dim at most? */
static bool fits(const wk_tensor *x, const wk_tensor *first, int64_t dim) {
    bool same = x->a.ndim == first->a.ndim;
    for (int32_t d = 0; same && d < x->a.ndim; d++) same = d == dim || x->a.dims[d] == first->a.dims[d];
    return same;
}

static bool check_others(wk_call *c, int32_t first, int64_t dim) {
    const wk_tensor *x = c->in[first];
    wk_shape_text tx, ti;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (!skipped(c->in[i]) && !fits(c->in[i], x, dim))
            return wk__refuse(c, WK_ESHAPE, "tensor %d is %s and tensor %d is %s: they may differ in dimension %d only",
                              (int)first, wk__dims_text(&tx, x), (int)i, wk__dims_text(&ti, c->in[i]), (int)dim);
    }
    return true;
}

static bool shape(wk_call *c) {
    cat_attrs *s = c->attrs;
    if (c->in_count == 0) return wk__refuse(c, WK_EINVAL, "the list is empty");
    const int32_t first = first_of(c);
    const wk_tensor *x = c->in[first];
    const int32_t dim = wk__wrap_dim(s->dim, x->a.ndim);
    wk_shape_text text;
    if (x->a.ndim == 0) return wk__refuse(c, WK_ESHAPE, "tensor %d is 0-d: use wk_stack", (int)first);
    if (dim < 0)
        return wk__refuse(c, WK_EINDEX, "tensors %s have no dimension %lld", wk__dims_text(&text, x),
                          (long long)s->dim);
    if (!check_others(c, first, dim) || !wk__check_float(c)) return false;
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < x->a.ndim; d++) dims[d] = x->a.dims[d];
    dims[dim] = 0;
    for (int32_t i = 0; i < c->in_count; i++)
        if (!skipped(c->in[i])) dims[dim] += c->in[i]->a.dims[dim];
    s->dim = dim;
    return wk__check_shape(c->ctx, c->op->name, x->a.ndim, dims, x->a.dtype) &&
           wk__declare(c, 0, x->a.dtype, x->a.ndim, dims);
}

static void forward(wk_call *c) {
    const int64_t dim = ((const cat_attrs *)c->attrs)->dim;
    const wk_array *y = &c->out[0]->a;
    wk_array part;
    for (int64_t i = 0, at = 0; i < c->in_count; i++) {
        const wk_array *x = &c->in[i]->a;
        if (skipped(c->in[i])) continue;
        wk__array_narrow(y, dim, at, x->dims[dim], 1, &part);
        wk__set_or_add(&part, x, false);
        at += x->dims[dim];
    }
}

/* How long input i's part of the output is along dim. Of an input without gradient the node knows only the number of
 * elements: `slice` for each step along dim. */
static int64_t length_of(const wk_edge *edge, int64_t dim, int64_t slice) {
    if (edge->way.kind == WK__TO_NONE) return slice > 0 ? wk__edge_numel(edge) / slice : 0;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(edge, &ndim);
    return stands_for_nothing(ndim, dims) ? 0 : dims[dim];
}

/* Elements of y for each step along dim. */
static int64_t slice_numel(const wk_array *y, int64_t dim) { return y->dims[dim] > 0 ? y->numel / y->dims[dim] : 0; }

static bool grad(wk_backprop *b) {
    const int64_t dim = ((const cat_attrs *)b->node->attrs)->dim;
    const wk_array *g = &b->gy[0]->a;
    wk_array part, room;
    bool add;
    for (int64_t i = 0, at = 0, length; i < b->node->in_count; i++, at += length) {
        length = length_of(&b->node->in[i], dim, slice_numel(g, dim));
        if (!wk__wants(b, (int32_t)i) || length == 0) continue;
        const wk_array *gx = wk__slot(b, (int32_t)i, &room, &add);
        if (gx == NULL) return true;
        wk__array_narrow(g, dim, at, length, 1, &part);
        wk__set_or_add(gx, &part, add);
    }
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const int64_t dim = ((const cat_attrs *)b->node->attrs)->dim, slice = slice_numel(&b->gy[0]->a, dim);
    for (int64_t i = 0, at = 0, length; i < b->node->in_count; i++, at += length) {
        const wk_edge *edge = &b->node->in[i];
        length = length_of(edge, dim, slice);
        if (!wk__wants(b, (int32_t)i)) continue;
        int32_t ndim;
        const int64_t *dims = wk__edge_dims(edge, &ndim);
        gx[i] = wk_narrow(b->gy[0], (int32_t)dim, at, length);
        if (stands_for_nothing(ndim, dims)) gx[i] = wk_reshape(gx[i], ndim, dims);
    }
}

/* An input that stands for nothing would not, with a dimension more. */
static bool can_batch(const wk_call *c, uint32_t shared) {
    bool can = true;
    (void)shared;
    for (int32_t i = 0; i < c->in_count; i++) can &= c->in[i]->a.ndim == c->out[0]->a.ndim;
    return can;
}

const wk_op wk__op_cat = {
    WK_ROW(cat),
    .in_count = WK__ANY_NUMBER,
    .out_count = 1,
    .in_names = "xs",
    .flags = WK__OP_PROMOTE,
    .types = WK__EVERY_TYPE,
    WK_ATTRS(cat_attrs, fields),
    .batch = WK__BATCH_ROWS,
    .batch_dims = 1,
    .can_batch = can_batch,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk_cat(const wk_list *xs, int32_t dim) { return wk__apply_to_list(&wk__op_cat, xs, &(cat_attrs){dim}); }

/* ------------------------------------------------------------------------------------------------- split, chunk --- */

/* The size of the dimension, which *dim then counts from the front; -1, recorded, when x is not usable or lacks it. */
static int64_t size_to_split(wk_ctx *ctx, const wk_tensor *x, int32_t *dim, const char *op) {
    if (!wk__ready(ctx) || !wk__known(ctx, x, op, "x")) return -1;
    const int32_t from_front = wk__wrap_dim(*dim, x->a.ndim);
    wk_shape_text text;
    if (from_front < 0)
        return wk__fail(ctx, WK_EINDEX, op, "x %s has no dimension %d", wk__dims_text(&text, x), (int)*dim), -1;
    *dim = from_front;
    return x->a.dims[from_front];
}

/* Parts of `length` elements, the last one shorter; one part, empty, of nothing. */
static wk_list *parts_of(wk_tensor *x, int32_t dim, int64_t size, int64_t length, const char *op) {
    wk_list *parts = wk_list_new();
    int64_t at = 0;
    do {
        const int64_t rest = size - at, step = length < rest ? length : rest;
        wk_list_push(parts, wk_narrow(x, dim, at, step));
        at += step;
    } while (at < size && wk_ok());
    wk__fail_as(wk__ctx(), op);
    return wk_ok() ? parts : NULL;
}

wk_list *wk_split(wk_tensor *x, int64_t split_size, int32_t dim) {
    wk_ctx *ctx = wk__ctx();
    const int64_t size = size_to_split(ctx, x, &dim, "split");
    if (size < 0) return NULL;
    if (split_size > 0 || (split_size == 0 && size == 0)) return parts_of(x, dim, size, split_size, "split");
    wk__fail(ctx, WK_EINVAL, "split", "split_size is %lld and must be positive", (long long)split_size);
    return NULL;
}

wk_list *wk_chunk(wk_tensor *x, int64_t chunks, int32_t dim) {
    wk_ctx *ctx = wk__ctx();
    const int64_t size = size_to_split(ctx, x, &dim, "chunk");
    if (size < 0) return NULL;
    if (chunks > 0) return parts_of(x, dim, size, size / chunks + (size % chunks != 0), "chunk");
    wk__fail(ctx, WK_EINVAL, "chunk", "chunks is %lld and must be positive", (long long)chunks);
    return NULL;
}
