/* view.c -- select, narrow, slice, transpose, permute, diagonal, unfold, expand, detach: other looks at the same
 * elements (view.h). Most have the gradient that serves all views; those that only change the order of dimensions have
 * it as a view of g, and expand, where many elements share a place, as a sum. */
#include "op/elementwise.h"
#include "op/view.h"

#include "wick/grad.h"

/* ------------------------------------------------------------------------------------------------------- select --- */

typedef struct select_attrs { int64_t dim, index; } select_attrs;

static const wk_attr_field select_fields[] = {
    {"dim", 'i', offsetof(select_attrs, dim), 0},
    {"index", 'i', offsetof(select_attrs, index), 0},
};

static bool select_view(const void *attrs, const wk_array *x, wk_array *y) {
    const select_attrs *s = attrs;
    wk__array_select(x, s->dim, s->index, y);
    return true;
}

static bool select_shape(wk_call *c) {
    select_attrs *s = c->attrs;
    const wk_tensor *x = c->in[0];
    if (!wk__check_dim(c, &s->dim)) return false;
    const int64_t size = x->a.dims[s->dim], index = s->index < 0 ? s->index + size : s->index;
    wk_shape_text text;
    if (index < 0 || index >= size)
        return wk__refuse(c, WK_EINDEX, "index %lld is out of range for dimension %d of %s", (long long)s->index,
                          (int)s->dim, wk__dims_text(&text, x));
    s->index = index;
    return wk__view_shape(c);
}

#define AN_INDEX "wk_index_select takes an index that is an input"

const wk_op wk__op_select = {
    WK_ROW_OF_X(select), WK_ATTRS(select_attrs, select_fields),
    WK_BATCH_DIMS(1),    .shape = select_shape,
    .view = select_view, WK_VIEW_GRADIENT,
    .instead = AN_INDEX,
};

wk_tensor *wk_select(wk_tensor *x, int32_t dim, int64_t index) {
    return wk__apply1(&wk__op_select, x, &(select_attrs){dim, index});
}

/* ------------------------------------------------------------------------------------------------ narrow, slice --- */

/* narrow is given start and length, slice start, end and step; the shape rule works out the rest. */
typedef struct range_attrs { int64_t dim, start, length, end, step; } range_attrs;

_Static_assert(sizeof(range_attrs) <= WK__VIEW_ATTRS * sizeof(int64_t), "the most attributes of a view");

static const wk_attr_field narrow_fields[] = {
    {"dim", 'i', offsetof(range_attrs, dim), 0},
    {"start", 'i', offsetof(range_attrs, start), 0},
    {"length", 'i', offsetof(range_attrs, length), 0},
};
static const wk_attr_field slice_fields[] = {
    {"dim", 'i', offsetof(range_attrs, dim), 0},
    {"start", 'i', offsetof(range_attrs, start), 0},
    {"end", 'i', offsetof(range_attrs, end), 0x1p62},
    {"step", 'i', offsetof(range_attrs, step), 1},
};

static bool range_view(const void *attrs, const wk_array *x, wk_array *y) {
    const range_attrs *r = attrs;
    wk__array_narrow(x, r->dim, r->start, r->length, r->step, y);
    return true;
}

static bool narrow_shape(wk_call *c) {
    range_attrs *r = c->attrs;
    const wk_tensor *x = c->in[0];
    if (!wk__check_dim(c, &r->dim)) return false;
    const int64_t size = x->a.dims[r->dim], start = r->start < 0 ? r->start + size : r->start;
    wk_shape_text text;
    if (start < 0 || start > size || r->length < 0 || r->length > size - start)
        return wk__refuse(c, WK_EINDEX, "start %lld and length %lld are out of range for dimension %d of %s",
                          (long long)r->start, (long long)r->length, (int)r->dim, wk__dims_text(&text, x));
    *r = (range_attrs){r->dim, start, r->length, start + r->length, 1};
    return wk__view_shape(c);
}

/* A bound as Python's slices take it: counted from the end when negative, and never outside. */
static int64_t clamped(int64_t bound, int64_t size) {
    if (bound < 0) bound += size;
    return bound < 0 ? 0 : bound > size ? size : bound;
}

static bool slice_shape(wk_call *c) {
    range_attrs *r = c->attrs;
    if (!wk__check_dim(c, &r->dim)) return false;
    if (r->step <= 0) return wk__refuse(c, WK_EINVAL, "step is %lld and must be positive", (long long)r->step);
    const int64_t size = c->in[0]->a.dims[r->dim];
    r->start = clamped(r->start, size);
    r->end = clamped(r->end, size);
    r->length = r->end > r->start ? (r->end - r->start - 1) / r->step + 1 : 0;
    if (r->length <= 1) r->end = r->start + r->length, r->step = 1; /* a step that is not taken may be any number */
    return wk__view_shape(c);
}

const wk_op wk__op_narrow = {
    WK_ROW_OF_X(narrow), WK_ATTRS(range_attrs, narrow_fields),
    WK_BATCH_DIMS(1),    .shape = narrow_shape,
    .view = range_view,  WK_VIEW_GRADIENT,
    .instead = AN_INDEX,
};
const wk_op wk__op_slice = {
    WK_ROW_OF_X(slice),  WK_ATTRS(range_attrs, slice_fields),
    WK_BATCH_DIMS(1),    .shape = slice_shape,
    .view = range_view,  WK_VIEW_GRADIENT,
    .instead = AN_INDEX,
};

wk_tensor *wk_narrow(wk_tensor *x, int32_t dim, int64_t start, int64_t length) {
    return wk__apply1(&wk__op_narrow, x, &(range_attrs){.dim = dim, .start = start, .length = length});
}

wk_tensor *wk_slice(wk_tensor *x, int32_t dim, int64_t start, int64_t end, int64_t step) {
    return wk__apply1(&wk__op_slice, x, &(range_attrs){.dim = dim, .start = start, .end = end, .step = step});
}

/* ------------------------------------------------------------------------------------------- transpose, permute --- */

typedef struct transpose_attrs { int64_t dim0, dim1; } transpose_attrs;

static const wk_attr_field transpose_fields[] = {
    {"dim0", 'i', offsetof(transpose_attrs, dim0), 0},
    {"dim1", 'i', offsetof(transpose_attrs, dim1), 1},
};

static bool transpose_view(const void *attrs, const wk_array *x, wk_array *y) {
    const transpose_attrs *t = attrs;
    wk__array_alias(y, x);
    y->dims[t->dim0] = x->dims[t->dim1], y->strides[t->dim0] = x->strides[t->dim1];
    y->dims[t->dim1] = x->dims[t->dim0], y->strides[t->dim1] = x->strides[t->dim0];
    return true;
}

static bool transpose_shape(wk_call *c) {
    transpose_attrs *t = c->attrs;
    return wk__check_dim(c, &t->dim0) && wk__check_dim(c, &t->dim1) && wk__view_shape(c);
}

static void transpose_vjp(const wk_backprop *b, wk_tensor **gx) {
    const transpose_attrs *t = b->node->attrs;
    gx[0] = wk_transpose(b->gy[0], (int32_t)t->dim0, (int32_t)t->dim1);
}

const wk_op wk__op_transpose = {
    WK_ROW_OF_X(transpose), WK_ATTRS(transpose_attrs, transpose_fields),
    WK_BATCH_DIMS(3),       .shape = transpose_shape,
    .view = transpose_view, .vjp = transpose_vjp,
};

wk_tensor *wk_transpose(wk_tensor *x, int32_t dim0, int32_t dim1) {
    return wk__apply1(&wk__op_transpose, x, &(transpose_attrs){dim0, dim1});
}

static bool permute_view(const void *attrs, const wk_array *x, wk_array *y) {
    const wk_dims_attr *from = attrs;
    wk__array_alias(y, x);
    for (int32_t d = 0; d < x->ndim; d++)
        y->dims[d] = x->dims[from->dims[d]], y->strides[d] = x->strides[from->dims[d]];
    return true;
}

static bool permute_shape(wk_call *c) {
    wk_dims_attr *from = c->attrs;
    const wk_tensor *x = c->in[0];
    uint32_t seen = 0;
    for (int32_t d = 0; d < from->ndim; d++) {
        if (!wk__check_dim(c, &from->dims[d])) return false;
        seen |= 1u << from->dims[d];
    }
    wk_shape_text tx, tf;
    if (from->ndim == x->a.ndim && seen == (1u << x->a.ndim) - 1) return wk__view_shape(c);
    return wk__refuse(c, WK_EINVAL, "%s does not name each dimension of x %s once",
                      wk__shape_text(&tf, from->ndim, from->dims), wk__dims_text(&tx, x));
}

static void permute_vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_dims_attr *from = b->node->attrs;
    int64_t back[WK_MAX_DIMS];
    for (int32_t d = 0; d < from->ndim; d++) back[from->dims[d]] = d;
    gx[0] = wk_permute(b->gy[0], from->ndim, back);
}

const wk_op wk__op_permute = {
    WK_ROW(permute), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(wk_dims_attr, wk__dims_fields),
    .shape = permute_shape, .view = permute_view, .vjp = permute_vjp,
};

wk_tensor *wk_permute(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "permute") ? wk__apply1(&wk__op_permute, x, &attrs) : NULL;
}

/* ----------------------------------------------------------------------------------------------------- diagonal --- */

typedef struct diagonal_attrs { int64_t offset, dim1, dim2; } diagonal_attrs;

static const wk_attr_field diagonal_fields[] = {
    {"offset", 'i', offsetof(diagonal_attrs, offset), 0},
    {"dim1", 'i', offsetof(diagonal_attrs, dim1), 0},
    {"dim2", 'i', offsetof(diagonal_attrs, dim2), 1},
};

/* A step along the diagonal is one along both dimensions. */
static bool diagonal_view(const void *attrs, const wk_array *x, wk_array *y) {
    const diagonal_attrs *a = attrs;
    const int64_t right = a->offset > 0 ? a->offset : 0, down = a->offset < 0 ? -a->offset : 0;
    const int64_t rows = x->dims[a->dim1] - down, cols = x->dims[a->dim2] - right;
    const int64_t both = rows < cols ? rows : cols, length = both > 0 ? both : 0;
    wk__array_alias(y, x);
    if (length > 0) y->data = wk__array_at(x, down * x->strides[a->dim1] + right * x->strides[a->dim2]);
    y->ndim = 0;
    y->numel = length;
    for (int32_t d = 0; d < x->ndim; d++) {
        if (d == a->dim1 || d == a->dim2) continue;
        y->numel *= x->dims[d];
        y->dims[y->ndim] = x->dims[d], y->strides[y->ndim++] = x->strides[d];
    }
    y->dims[y->ndim] = length, y->strides[y->ndim++] = x->strides[a->dim1] + x->strides[a->dim2];
    return true;
}

static bool diagonal_shape(wk_call *c) {
    diagonal_attrs *a = c->attrs;
    if (!wk__check_dim(c, &a->dim1) || !wk__check_dim(c, &a->dim2)) return false;
    if (a->dim1 == a->dim2) return wk__refuse(c, WK_EINVAL, "dim1 and dim2 are both dimension %d", (int)a->dim1);
    const int64_t rows = c->in[0]->a.dims[a->dim1], cols = c->in[0]->a.dims[a->dim2];
    a->offset = a->offset < -rows ? -rows : a->offset > cols ? cols : a->offset; /* beyond, all are empty */
    return wk__view_shape(c);
}

const wk_op wk__op_diagonal = {
    WK_ROW(diagonal), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(diagonal_attrs, diagonal_fields),
    .shape = diagonal_shape, .view = diagonal_view, WK_VIEW_GRADIENT,
};

wk_tensor *wk_diagonal(wk_tensor *x, int64_t offset, int32_t dim1, int32_t dim2) {
    return wk__apply1(&wk__op_diagonal, x, &(diagonal_attrs){offset, dim1, dim2});
}

/* ------------------------------------------------------------------------------------------------------- unfold --- */

typedef struct unfold_attrs { int64_t dim, size, step; } unfold_attrs;

static const wk_attr_field unfold_fields[] = {
    {"dim", 'i', offsetof(unfold_attrs, dim), 0},
    {"size", 'i', offsetof(unfold_attrs, size), 1},
    {"step", 'i', offsetof(unfold_attrs, step), 1},
};

/* A 0-d x is one element in a dimension that is not seen: its window has no place among others. */
static int64_t unfolded_size(const wk_array *x, const unfold_attrs *u) { return x->ndim > 0 ? x->dims[u->dim] : 1; }

static void unfolded_dims(const wk_array *x, const unfold_attrs *u, int64_t *dims) {
    for (int32_t d = 0; d < x->ndim; d++) dims[d] = x->dims[d];
    if (x->ndim > 0) dims[u->dim] = (x->dims[u->dim] - u->size) / u->step + 1;
    dims[x->ndim] = u->size;
}

/* From window to window it is `step` elements; within one they lie as in x. */
static bool unfold_view(const void *attrs, const wk_array *x, wk_array *y) {
    const unfold_attrs *u = attrs;
    wk__array_alias(y, x);
    y->ndim = x->ndim + 1;
    unfolded_dims(x, u, y->dims);
    y->strides[x->ndim] = x->ndim > 0 ? x->strides[u->dim] : 1;
    if (x->ndim > 0) y->strides[u->dim] *= u->step;
    y->numel = 1;
    for (int32_t d = 0; d < y->ndim; d++) y->numel *= y->dims[d];
    return true;
}

/* Windows that overlap can have more elements than fit a number, though x has not. */
static bool check_unfolded(wk_call *c, const unfold_attrs *u) {
    const wk_array *x = &c->in[0]->a;
    int64_t dims[WK_MAX_DIMS];
    unfolded_dims(x, u, dims);
    return wk__check_shape(c->ctx, c->op->name, x->ndim + 1, dims, x->dtype);
}

static bool unfold_shape(wk_call *c) {
    unfold_attrs *u = c->attrs;
    const wk_tensor *x = c->in[0];
    const bool is_0d = x->a.ndim == 0;
    wk_shape_text text;
    if (is_0d && (u->dim == 0 || u->dim == -1))
        u->dim = 0;
    else if (!wk__check_dim(c, &u->dim))
        return false;
    const int64_t length = unfolded_size(&x->a, u);
    if (x->a.ndim == WK_MAX_DIMS)
        return wk__refuse(c, WK_ESHAPE, "x %s has no room for another dimension", wk__dims_text(&text, x));
    if (u->step <= 0) return wk__refuse(c, WK_EINVAL, "step is %lld and must be positive", (long long)u->step);
    if (u->size < 0 || u->size > length)
        return wk__refuse(c, WK_EINVAL, "windows of size %lld do not fit dimension %d of x %s", (long long)u->size,
                          (int)u->dim, wk__dims_text(&text, x));
    const int64_t farthest = length - u->size;
    if (u->step > farthest) u->step = farthest + 1; /* a single window */
    return check_unfolded(c, u) && wk__view_shape(c);
}

/* A number is unfolded like a row of one, which it would not be with a dimension more. */
static bool can_batch_unfolded(const wk_call *c, uint32_t shared) {
    (void)shared;
    return c->in[0]->a.ndim > 0;
}

const wk_op wk__op_unfold = {
    WK_ROW_OF_X(unfold),      WK_ATTRS(unfold_attrs, unfold_fields),
    .flags = WK__OP_OVERLAPS, WK_BATCH_DIMS(1),
    .shape = unfold_shape,    .view = unfold_view,
    WK_VIEW_GRADIENT,         .can_batch = can_batch_unfolded,
};

wk_tensor *wk_unfold(wk_tensor *x, int32_t dim, int64_t size, int64_t step) {
    return wk__apply1(&wk__op_unfold, x, &(unfold_attrs){dim, size, step});
}

/* ------------------------------------------------------------------------------------------------------- expand --- */

static bool expand_view(const void *attrs, const wk_array *x, wk_array *y) {
    const wk_dims_attr *to = attrs;
    return wk__array_expand(x, to->ndim, to->dims, y);
}

static bool expand_shape(wk_call *c) {
    wk_dims_attr *to = c->attrs;
    const wk_tensor *x = c->in[0];
    bool declared;
    for (int32_t d = 0, new = to->ndim - x->a.ndim; d < to->ndim; d++)
        if (to->dims[d] == -1 && d >= new) to->dims[d] = x->a.dims[d - new];
    if (!wk__check_shape(c->ctx, c->op->name, to->ndim, to->dims, x->a.dtype) || !wk__declare_view(c, &declared))
        return false;
    if (declared) return true;
    wk_shape_text tx, tt;
    return wk__refuse(c, WK_ESHAPE, "x %s does not stretch to %s: only sizes of 1 do", wk__dims_text(&tx, x),
                      wk__shape_text(&tt, to->ndim, to->dims));
}

static bool expand_grad(wk_backprop *b) {
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) wk__sum_to(gx, &b->gy[0]->a, add);
    return true;
}

static void expand_vjp(const wk_backprop *b, wk_tensor **gx) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    gx[0] = wk_sum_to_size(b->gy[0], ndim, dims);
}

const wk_op wk__op_expand = {
    WK_ROW(expand), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(wk_dims_attr, wk__dims_fields),
    .flags = WK__OP_OVERLAPS,
    .shape = expand_shape, .view = expand_view, .grad = expand_grad, .vjp = expand_vjp,
};

wk_tensor *wk_expand(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "expand") ? wk__apply1(&wk__op_expand, x, &attrs) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- detach --- */

static bool detach_view(const void *attrs, const wk_array *x, wk_array *y) {
    (void)attrs;
    wk__array_alias(y, x);
    return true;
}

static bool detach_shape(wk_call *c) {
    if (!wk__view_shape(c)) return false;
    c->out[0]->flags |= WK__DETACHED;
    return true;
}

const wk_op wk__op_detach = {
    WK_ROW(detach),        .in_count = 1,           .out_count = 1,
    .in_names = "x",       .flags = WK__OP_NO_GRAD, .batch = WK__BATCH_ELEMENTS,
    .shape = detach_shape, .view = detach_view,
};

wk_tensor *wk_detach(wk_tensor *x) { return wk__apply1(&wk__op_detach, x, NULL); }
