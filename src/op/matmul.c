/* matmul.c -- y = a b for matrices;  ga += g b^T,  gb += a^T g. */
#include "op/matrix.h"
#include "op/rows.h"

static bool shape(wk_call *c) {
    const wk_tensor *a = c->in[0], *b = c->in[1];
    wk_shape_text ta, tb;
    if (!wk__check_float(c)) return false;
    if (a->a.ndim != 2 || b->a.ndim != 2)
        return wk__refuse(c, WK_ESHAPE, "a %s and b %s: both must have two dimensions", wk__dims_text(&ta, a),
                          wk__dims_text(&tb, b));
    if (a->a.dims[1] != b->a.dims[0])
        return wk__refuse(c, WK_ESHAPE, "a %s and b %s: inner sizes %lld and %lld differ", wk__dims_text(&ta, a),
                          wk__dims_text(&tb, b), (long long)a->a.dims[1], (long long)b->a.dims[0]);
    return wk__declare(c, 0, a->a.dtype, 2, (const int64_t[]){a->a.dims[0], b->a.dims[1]});
}

static void forward(wk_call *c) {
    const wk_mat a = wk__matrix_of(&c->in[0]->a), b = wk__matrix_of(&c->in[1]->a), y = wk__matrix_of(&c->out[0]->a);
    wk__gemm(c->ctx, &a, &b, &y, false);
}

static bool grad(wk_backprop *b) {
    const wk_mat g = wk__matrix_of(&b->gy[0]->a);
    wk_array room;
    const wk_array *slot;
    bool add;
    if (wk__wants(b, 0) && (slot = wk__slot(b, 0, &room, &add)) != NULL) {
        const wk_mat other = wk__matrix_of(wk__saved_in(b, 1)), bt = wk__transposed(&other), ga = wk__matrix_of(slot);
        wk__gemm(b->ctx, &g, &bt, &ga, add);
    }
    if (wk__wants(b, 1) && (slot = wk__slot(b, 1, &room, &add)) != NULL) {
        const wk_mat other = wk__matrix_of(wk__saved_in(b, 0)), at = wk__transposed(&other), gb = wk__matrix_of(slot);
        wk__gemm(b->ctx, &at, &g, &gb, add);
    }
    return true;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_edge *in = b->node->in;
    if (wk__wants(b, 0)) gx[0] = wk_matmul(b->gy[0], wk_transpose(in[1].saved, 0, 1));
    if (wk__wants(b, 1)) gx[1] = wk_matmul(wk_transpose(in[0].saved, 0, 1), b->gy[0]);
}

const wk_op wk__op_matmul = {
    WK_ROW(matmul), .in_count = 2, .out_count = 1, .in_names = "a b", .reads = {WK_READS_IN(1), WK_READS_IN(0)},
    .shape = shape, .forward = forward, .grad = grad, .vjp = vjp,
};

wk_tensor *wk_matmul(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_matmul, a, b, NULL); }
