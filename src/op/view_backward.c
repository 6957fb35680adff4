/* view_backward.c -- y = 0, view(y) += x: the gradient of every view (NOTE [Gradients of views] in view.h). */
#include "op/elementwise.h"
#include "op/view.h"

typedef struct view_backward_attrs {
    const wk_op *view;
    int64_t attrs[WK__VIEW_ATTRS]; /* of the view */
    wk_dims_attr to;
} view_backward_attrs;

static const wk_attr_field fields[] = {{"dims", 'd', offsetof(view_backward_attrs, to), 0}};

/* The view's elements of y (+)= x; all others are 0, or stay as they are. */
static void add_to_view(const wk_op *view, const void *attrs, const wk_array *y, const wk_array *x, bool add) {
    wk_array part;
    if (!add) wk__zero(y);
    wk__view_of(view, attrs, y, &part);
    wk__set_or_add(&part, x, add || !wk__array_is_injective(&part));
}

static bool shape(wk_call *c) {
    const wk_dims_attr *to = &((const view_backward_attrs *)c->attrs)->to;
    return wk__declare(c, 0, c->in[0]->a.dtype, to->ndim, to->dims);
}

static void forward(wk_call *c) {
    const view_backward_attrs *v = c->attrs;
    add_to_view(v->view, v->attrs, &c->out[0]->a, &c->in[0]->a, false);
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    view_backward_attrs v = *(const view_backward_attrs *)b->node->attrs;
    gx[0] = wk__apply1(v.view, b->gy[0], v.attrs);
}

/* No row of ops.def: only gradients ask for it. */
static const wk_op view_backward = {
    WK_INNER_ROW(view_backward), .in_count = 1, .out_count = 1, .in_names = "x",
    WK_ATTRS(view_backward_attrs, fields), .shape = shape, .forward = forward, .vjp = vjp,
};

bool wk__view_grad(wk_backprop *b) {
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot(b, 0, &room, &add);
    if (gx != NULL) add_to_view(b->node->op, b->node->attrs, gx, &b->gy[0]->a, add);
    return true;
}

void wk__view_vjp(const wk_backprop *b, wk_tensor **gx) {
    view_backward_attrs v = {.view = b->node->op};
    const int64_t *dims = wk__edge_dims(&b->node->in[0], &v.to.ndim), *words = b->node->attrs;
    for (size_t i = 0; i < v.view->attrs_nbytes / sizeof *words; i++) v.attrs[i] = words[i];
    for (int32_t d = 0; d < v.to.ndim; d++) v.to.dims[d] = dims[d];
    gx[0] = wk__apply1(&view_backward, b->gy[0], &v);
}

WK_NOINLINE bool wk__check_dim_slow(wk_call *c, int64_t *dim) {
    const int32_t from_front = wk__wrap_dim(*dim, c->in[0]->a.ndim);
    wk_shape_text text;
    if (from_front < 0)
        return wk__refuse(c, WK_EINDEX, "x %s has no dimension %lld", wk__dims_text(&text, c->in[0]), (long long)*dim);
    *dim = from_front;
    return true;
}
