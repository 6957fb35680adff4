/* write.c -- copy_: y <- x;  gx += g summed to x's shape; what y was before gets nothing. */
#include "op/elementwise.h"
#include "op/rows.h"

static bool shape(wk_call *c) {
    const wk_tensor *y = c->in[0], *x = c->in[1];
    wk_array stretched;
    wk_shape_text ty, tx;
    if (!wk__array_expand(&x->a, y->a.ndim, y->a.dims, &stretched))
        return wk__refuse(c, WK_ESHAPE, "x %s does not broadcast to y %s", wk__dims_text(&tx, x),
                          wk__dims_text(&ty, y));
    c->retype = x->a.dtype != y->a.dtype;
    return true;
}

/* When both look at the same bytes, x is copied out first: otherwise parts of it could be overwritten before they are
 * read. */
static void forward(wk_call *c) {
    const wk_tensor *y = c->in[0], *x = c->in[1];
    wk_unary_loop *copy = wk__kernels->copy[y->a.dtype];
    if (wk_likely(x->storage != y->storage)) {
        wk__unary_rows(copy, &y->a, &x->a);
        return;
    }
    wk_tensor *aside = wk__temporary_copy(c->ctx, c->op, &x->a);
    if (aside == NULL) return;
    wk__unary_rows(copy, &y->a, &aside->a);
    wk__unref(aside);
}

static bool grad(wk_backprop *b) {
    wk_array room;
    bool add;
    const wk_array *gx = wk__wants(b, 1) ? wk__slot(b, 1, &room, &add) : NULL;
    if (gx != NULL) wk__sum_to(gx, &b->gy[0]->a, add);
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    int32_t ndim;
    if (!wk__wants(b, 1)) return;
    const int64_t *dims = wk__edge_dims(&b->node->in[1], &ndim);
    gx[1] = wk_sum_to_size(b->gy[0], ndim, dims);
}

const wk_op wk__op_copy_ = {
    WK_ROW(copy_), .in_count = 2, .out_count = 1, .in_names = "y x", .flags = WK__OP_IN_PLACE,
    .shape = shape, .forward = forward, .grad = grad, .vjp = vjp,
};

wk_tensor *wk__copy_into(wk_tensor *y, wk_tensor *x) { return wk_copy_(y, x); }

wk_tensor *wk_copy_(wk_tensor *y, wk_tensor *x) { return wk__apply2(&wk__op_copy_, y, x, NULL); }
