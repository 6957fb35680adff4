/* view.c -- select, reshape, transpose, expand, detach: other looks at the same elements; and select_backward.
 *
 * A view is one function from array to array. It shapes the output, and on the way back it finds the place of the
 * output's gradient in the gradient of x (NOTE [Slots]). Only expand needs more: there many elements share a place,
 * and are summed. */
#include "op/elementwise.h"
#include "op/rows.h"

#include "wick/grad.h"

static void copy_dims(wk_array *y, const wk_array *x) {
    y->data = x->data;
    y->numel = x->numel;
    y->dtype = x->dtype;
    y->ndim = x->ndim;
    for (int32_t d = 0; d < x->ndim; d++) y->dims[d] = x->dims[d], y->strides[d] = x->strides[d];
}

static bool refuse_dim(wk_call *c, int64_t dim) {
    wk_shape_text text;
    return wk__refuse(c, WK_EINDEX, "x %s has no dimension %lld", wk__dims_text(&text, c->in[0]), (long long)dim);
}

/* The shape of input 0's history, as arguments for a public op. */
static wk_tensor *reshaped_like_input(const wk_backprop *b, wk_tensor *g) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    return wk_reshape(g, ndim, dims);
}

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

/* Counts dim and index from the front, in place. */
static bool check_select(wk_call *c, select_attrs *s, int32_t ndim, const int64_t *dims) {
    const int32_t dim = wk__wrap_dim(s->dim, ndim);
    if (dim < 0) return refuse_dim(c, s->dim);
    const int64_t index = s->index < 0 ? s->index + dims[dim] : s->index;
    wk_shape_text text;
    if (index < 0 || index >= dims[dim])
        return wk__refuse(c, WK_EINDEX, "index %lld is out of range for dimension %d of %s", (long long)s->index,
                          (int)dim, wk__shape_text(&text, ndim, dims));
    *s = (select_attrs){dim, index};
    return true;
}

static bool select_shape(wk_call *c) {
    bool declared;
    return check_select(c, c->attrs, c->in[0]->a.ndim, c->in[0]->a.dims) && wk__declare_view(c, &declared);
}

static void select_vjp(const wk_backprop *b, wk_tensor **gx) {
    const select_attrs *s = b->node->attrs;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &ndim);
    gx[0] = wk_select_backward(b->gy[0], ndim, dims, (int32_t)s->dim, s->index);
}

const wk_op wk__op_select = {
    WK_ROW(select), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(select_attrs, select_fields),
    .shape = select_shape, .view = select_view, .vjp = select_vjp,
};

wk_tensor *wk_select(wk_tensor *x, int32_t dim, int64_t index) {
    return wk__apply1(&wk__op_select, x, &(select_attrs){dim, index});
}

/* ---------------------------------------------------------------------------------------------- select_backward --- */

typedef struct select_backward_attrs {
    select_attrs at;
    wk_dims_attr to;
} select_backward_attrs;

static const wk_attr_field select_backward_fields[] = {
    {"dims", 'd', offsetof(select_backward_attrs, to), 0},
    {"dim", 'i', offsetof(select_backward_attrs, at.dim), 0},
    {"index", 'i', offsetof(select_backward_attrs, at.index), 0},
};

static bool select_backward_shape(wk_call *c) {
    select_backward_attrs *s = c->attrs;
    const wk_tensor *x = c->in[0];
    wk_array whole = {.dtype = x->a.dtype}, slice;
    if (!wk__check_float(c) || !wk__check_shape(c->ctx, c->op->name, s->to.ndim, s->to.dims, x->a.dtype)) return false;
    if (!check_select(c, &s->at, s->to.ndim, s->to.dims)) return false;
    wk__array_set_dims(&whole, s->to.ndim, s->to.dims);
    select_view(&s->at, &whole, &slice);
    if (wk__same_dims(&slice, &x->a)) return wk__declare(c, 0, x->a.dtype, s->to.ndim, s->to.dims);
    wk_shape_text tx, ts;
    return wk__refuse(c, WK_ESHAPE, "x %s is not a slice, which would be %s", wk__dims_text(&tx, x),
                      wk__shape_text(&ts, slice.ndim, slice.dims));
}

static void select_backward_forward(wk_call *c) {
    const select_backward_attrs *s = c->attrs;
    const wk_array *y = &c->out[0]->a;
    wk_array slice;
    wk__zero(y);
    select_view(&s->at, y, &slice);
    wk__unary_rows(wk__kernels->copy[y->dtype], &slice, &c->in[0]->a);
}

static void select_backward_vjp(const wk_backprop *b, wk_tensor **gx) {
    const select_backward_attrs *s = b->node->attrs;
    gx[0] = wk_select(b->gy[0], (int32_t)s->at.dim, s->at.index);
}

const wk_op wk__op_select_backward = {
    WK_ROW(select_backward), .in_count = 1, .out_count = 1, .in_names = "x",
    WK_ATTRS(select_backward_attrs, select_backward_fields),
    .types = WK__EVERY_TYPE,
    .shape = select_backward_shape, .forward = select_backward_forward, .vjp = select_backward_vjp,
};

wk_tensor *wk_select_backward(wk_tensor *x, int32_t ndim, const int64_t *dims, int32_t dim, int64_t index) {
    select_backward_attrs attrs = {.at = {dim, index}};
    if (!wk__dims_attr_set(&attrs.to, ndim, dims, "select_backward")) return NULL;
    return wk__apply1(&wk__op_select_backward, x, &attrs);
}

/* ------------------------------------------------------------------------------------------------------ reshape --- */

/* Contiguous elements take any shape; others keep theirs only when nothing changes but sizes of 1. */
static bool reshape_view(const void *attrs, const wk_array *x, wk_array *y) {
    const wk_dims_attr *to = attrs;
    if (!wk__array_is_contiguous(x)) return false;
    y->data = x->data;
    y->dtype = x->dtype;
    return wk__array_set_dims(y, to->ndim, to->dims);
}

/* Works out a size of -1, in place. */
static bool complete_dims(wk_call *c, wk_dims_attr *to) {
    const wk_tensor *x = c->in[0];
    int64_t known = 1;
    int32_t open = -1, opens = 0;
    bool fits = true; /* the product of the sizes stays in range */
    for (int32_t d = 0; d < to->ndim; d++) {
        if (to->dims[d] == -1) open = d, opens++;
        else fits &= to->dims[d] >= 0 && !__builtin_mul_overflow(known, to->dims[d], &known);
    }
    wk_shape_text tx, tt;
    if (opens == 1 && fits && known > 0 && x->a.numel % known == 0)
        to->dims[open] = x->a.numel / known, known = x->a.numel, opens = 0;
    if (opens == 0 && fits && known == x->a.numel)
        return wk__check_shape(c->ctx, c->op->name, to->ndim, to->dims, x->a.dtype);
    return wk__refuse(c, WK_ESHAPE, "x %s has %lld elements and does not fit %s", wk__dims_text(&tx, x),
                      (long long)x->a.numel, wk__shape_text(&tt, to->ndim, to->dims));
}

static bool reshape_shape(wk_call *c) {
    wk_dims_attr *to = c->attrs;
    bool declared;
    if (!complete_dims(c, to) || !wk__declare_view(c, &declared)) return false;
    return declared || wk__declare(c, 0, c->in[0]->a.dtype, to->ndim, to->dims);
}

/* Only when it is no view: a copy in row-major order. */
static void reshape_forward(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    wk_array y = *x;
    y.data = c->out[0]->a.data;
    wk__array_set_dims(&y, x->ndim, x->dims);
    wk__unary_rows(wk__kernels->copy[y.dtype], &y, x);
}

static void reshape_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = reshaped_like_input(b, b->gy[0]); }

const wk_op wk__op_reshape = {
    WK_ROW(reshape), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(wk_dims_attr, wk__dims_fields),
    .shape = reshape_shape, .view = reshape_view, .forward = reshape_forward, .vjp = reshape_vjp,
};

wk_tensor *wk_reshape(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "reshape") ? wk__apply1(&wk__op_reshape, x, &attrs) : NULL;
}

/* ---------------------------------------------------------------------------------------------------- transpose --- */

typedef struct transpose_attrs { int64_t dim0, dim1; } transpose_attrs;

static const wk_attr_field transpose_fields[] = {
    {"dim0", 'i', offsetof(transpose_attrs, dim0), 0},
    {"dim1", 'i', offsetof(transpose_attrs, dim1), 1},
};

static bool transpose_view(const void *attrs, const wk_array *x, wk_array *y) {
    const transpose_attrs *t = attrs;
    copy_dims(y, x);
    y->dims[t->dim0] = x->dims[t->dim1], y->strides[t->dim0] = x->strides[t->dim1];
    y->dims[t->dim1] = x->dims[t->dim0], y->strides[t->dim1] = x->strides[t->dim0];
    return true;
}

static bool transpose_shape(wk_call *c) {
    transpose_attrs *t = c->attrs;
    const int32_t ndim = c->in[0]->a.ndim, dim0 = wk__wrap_dim(t->dim0, ndim), dim1 = wk__wrap_dim(t->dim1, ndim);
    if (dim0 < 0 || dim1 < 0) return refuse_dim(c, dim0 < 0 ? t->dim0 : t->dim1);
    *t = (transpose_attrs){dim0, dim1};
    bool declared;
    return wk__declare_view(c, &declared);
}

static void transpose_vjp(const wk_backprop *b, wk_tensor **gx) {
    const transpose_attrs *t = b->node->attrs;
    gx[0] = wk_transpose(b->gy[0], (int32_t)t->dim0, (int32_t)t->dim1);
}

const wk_op wk__op_transpose = {
    WK_ROW(transpose), .in_count = 1, .out_count = 1, .in_names = "x", WK_ATTRS(transpose_attrs, transpose_fields),
    .shape = transpose_shape, .view = transpose_view, .vjp = transpose_vjp,
};

wk_tensor *wk_transpose(wk_tensor *x, int32_t dim0, int32_t dim1) {
    return wk__apply1(&wk__op_transpose, x, &(transpose_attrs){dim0, dim1});
}

/* ------------------------------------------------------------------------------------------------------- expand --- */

static bool expand_view(const void *attrs, const wk_array *x, wk_array *y) {
    const wk_dims_attr *to = attrs;
    return wk__array_expand(x, to->ndim, to->dims, y);
}

static bool expand_shape(wk_call *c) {
    const wk_dims_attr *to = c->attrs;
    const wk_tensor *x = c->in[0];
    bool declared;
    if (!wk__check_shape(c->ctx, c->op->name, to->ndim, to->dims, x->a.dtype) || !wk__declare_view(c, &declared))
        return false;
    if (declared) return true;
    wk_shape_text tx, tt;
    return wk__refuse(c, WK_ESHAPE, "x %s does not stretch to %s", wk__dims_text(&tx, x),
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
    .shape = expand_shape, .view = expand_view, .grad = expand_grad, .vjp = expand_vjp,
};

wk_tensor *wk_expand(wk_tensor *x, int32_t ndim, const int64_t *dims) {
    wk_dims_attr attrs;
    return wk__dims_attr_set(&attrs, ndim, dims, "expand") ? wk__apply1(&wk__op_expand, x, &attrs) : NULL;
}

/* ------------------------------------------------------------------------------------------------------- detach --- */

static bool detach_view(const void *attrs, const wk_array *x, wk_array *y) {
    (void)attrs;
    copy_dims(y, x);
    return true;
}

static bool detach_shape(wk_call *c) {
    bool declared;
    if (!wk__declare_view(c, &declared)) return false;
    c->out[0]->flags |= WK__DETACHED;
    return true;
}

const wk_op wk__op_detach = {
    WK_ROW(detach), .in_count = 1, .out_count = 1, .in_names = "x", .flags = WK__OP_NO_GRAD,
    .shape = detach_shape, .view = detach_view,
};

wk_tensor *wk_detach(wk_tensor *x) { return wk__apply1(&wk__op_detach, x, NULL); }
