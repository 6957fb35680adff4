/* tanh.c -- y = tanh x;  gx += g (1 - y^2). Only y is kept. */
#include "op/elementwise.h"
#include "op/rows.h"

static void forward(wk_call *c) {
    wk__unary_alike(c->alike, wk__kernels->tanh[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a);
}

static bool grad(wk_backprop *b) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot_in_gy(b, 0, &room, &add);
    if (gx == NULL) return true;
    wk_binary_loop *kernel = add ? wk__kernels->tanh_grad_add[g->dtype] : wk__kernels->tanh_grad[g->dtype];
    wk__binary_alike(wk__slot_alike(b, gx, &room), kernel, gx, g, wk__saved_out(b, 0));
    return true;
}

/* g - g y y */
static void vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *g = b->gy[0], *y = b->node->out[0].saved;
    gx[0] = wk_sub(g, wk_mul(wk_mul(g, y), y));
}

WK_ROW_AND_IN_PLACE(tanh, WK__OP_TO_FLOAT, .in_count = 1, .out_count = 1, .in_names = "x", .reads = {WK_READS_OUT(0)},
                    .batch = WK__BATCH_ELEMENTS, .shape = wk__unary_shape, .forward = forward, .grad = grad,
                    .vjp = vjp);

wk_tensor *wk_tanh(wk_tensor *x) { return wk__apply1(&wk__op_tanh, x, NULL); }
wk_tensor *wk_tanh_(wk_tensor *x) { return wk__apply1(&wk__op_tanh_, x, NULL); }
