/* stack.c -- y[.., i, ..] = x_i along a new dimension;  gx_i += g[.., i, ..]. */
#include "grad/scope.h"
#include "op/elementwise.h"
#include "op/rows.h"

typedef struct stack_attrs { int64_t dim; } stack_attrs;

static const wk_attr_field fields[] = {{"dim", 'i', offsetof(stack_attrs, dim), 0}};

static bool shape(wk_call *c) {
    stack_attrs *s = c->attrs;
    if (c->in_count == 0) return wk__refuse(c, WK_EINVAL, "the list is empty");
    const wk_tensor *first = c->in[0];
    const int32_t dim = wk__wrap_dim(s->dim, first->a.ndim + 1);
    wk_shape_text tf, ti;
    if (dim < 0 || first->a.ndim == WK_MAX_DIMS)
        return wk__refuse(c, WK_EINDEX, "tensors %s have no place for a dimension %lld", wk__dims_text(&tf, first),
                          (long long)s->dim);
    for (int32_t i = 1; i < c->in_count; i++)
        if (!wk__same_dims(&c->in[i]->a, &first->a))
            return wk__refuse(c, WK_ESHAPE, "tensor 0 is %s and tensor %d is %s: all must be alike",
                              wk__dims_text(&tf, first), (int)i, wk__dims_text(&ti, c->in[i]));
    if (!wk__check_float(c)) return false;
    int64_t dims[WK_MAX_DIMS];
    for (int32_t d = 0; d < first->a.ndim; d++) dims[d + (d >= dim)] = first->a.dims[d];
    dims[dim] = c->in_count;
    s->dim = dim;
    return wk__declare(c, 0, first->a.dtype, first->a.ndim + 1, dims);
}

/* The slice of y, or of its gradient, at i. Single elements need no shape. */
static void slice_at(const wk_array *y, int64_t dim, int64_t i, bool single, wk_array *slice) {
    if (single) slice->data = wk__array_at(y, i * y->strides[dim]);
    else wk__array_select(y, dim, i, slice);
}

static void copy_slice(wk_unary_loop *kernel, const wk_array *y, const wk_array *x, bool single) {
    if (single) kernel(1, y->data, 1, x->data, 1);
    else wk__unary_rows(kernel, y, x);
}

static void forward(wk_call *c) {
    const stack_attrs *s = c->attrs;
    const wk_array *y = &c->out[0]->a;
    const bool single = y->numel == c->in_count;
    wk_array slice;
    for (int32_t i = 0; i < c->in_count; i++) {
        slice_at(y, s->dim, i, single, &slice);
        copy_slice(wk__kernels->copy[y->dtype], &slice, &c->in[i]->a, single);
    }
}

static bool grad(wk_backprop *b) {
    const stack_attrs *s = b->node->attrs;
    const wk_array *g = &b->gy[0]->a;
    const bool single = g->numel == b->node->in_count;
    wk_array slice, room;
    bool add;
    for (int32_t i = 0; i < b->node->in_count; i++) {
        if (!wk__wants(b, i)) continue;
        const wk_array *gx = wk__slot(b, i, &room, &add);
        if (gx == NULL) return true;
        slice_at(g, s->dim, i, single, &slice);
        copy_slice((add ? wk__kernels->accumulate : wk__kernels->copy)[g->dtype], gx, &slice, single);
    }
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const stack_attrs *s = b->node->attrs;
    for (int32_t i = 0; i < b->node->in_count; i++)
        if (wk__wants(b, i)) gx[i] = wk_select(b->gy[0], (int32_t)s->dim, i);
}

const wk_op wk__op_stack = {
    WK_ROW(stack),
    .in_count = WK__ANY_NUMBER,
    .out_count = 1,
    .in_names = "xs",
    .flags = WK__OP_PROMOTE,
    .types = WK__EVERY_TYPE,
    WK_ATTRS(stack_attrs, fields),
    .batch = WK__BATCH_ROWS,
    .batch_dims = 1,
    .shape = shape,
    .forward = forward,
    .grad = grad,
    .vjp = vjp,
};

wk_tensor *wk__apply_to_list(const wk_op *op, const wk_list *xs, void *attrs) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__list_usable(ctx, xs, op->name, "xs")) return NULL;
    return wk__apply(op, wk__list_items(xs), (int32_t)wk_list_length(xs), attrs, NULL);
}

wk_tensor *wk_stack(const wk_list *xs, int32_t dim) {
    return wk__apply_to_list(&wk__op_stack, xs, &(stack_attrs){dim});
}
