/* binary.h -- rows y = f(a, b) with broadcasting, each from a few words.
 *
 *     WK_BINARY(mul, WHOLE, wk__binary_forward, B, wk_mul(g, b), A, wk_mul(g, a))
 *
 * makes wk_mul with its row and, in place, wk_mul_. The words for what it takes beside floating numbers are
 * WK_TAKES_... in rows.h. The gradients of a and b are written in public ops over g, the gradient of y, and those of a,
 * b and y that they are said to read. */
#ifndef WK_OP_BINARY_H
#define WK_OP_BINARY_H

#include "op/elementwise.h"
#include "op/rows.h"

static inline void wk__binary_forward(wk_call *c, wk_binary_loop *const *kernel) {
    wk__binary_alike(c->alike, kernel[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a, &c->in[1]->a);
}

#define WK_BINARY(name, takes, forward_, reads_a, ga, reads_b, gb)                                              \
    static void name##_forward(wk_call *c) { forward_(c, wk__kernels->name); }                                  \
    static void name##_vjp(const wk_backprop *back, wk_tensor **gx) {                                           \
        wk_tensor *g = back->gy[0], *a = back->node->in[0].saved, *b = back->node->in[1].saved;                 \
        wk_tensor *y = back->node->out[0].saved;                                                                \
        (void)g, (void)a, (void)b, (void)y;                                                                     \
        if (wk__wants(back, 0)) gx[0] = wk__unstretched(back, 0, ga);                                           \
        if (wk__wants(back, 1)) gx[1] = wk__unstretched(back, 1, gb);                                           \
    }                                                                                                           \
    WK_ROW_AND_IN_PLACE(name, WK__OP_PROMOTE | WK_FLAGS_OF(WK_TAKES_##takes), .in_count = 2, .out_count = 1,    \
                        .in_names = "a b", .types = WK_TYPES_OF(WK_TAKES_##takes), .reads = {reads_a, reads_b}, \
                        .batch = WK__BATCH_ELEMENTS, .shape = wk__binary_shape, .forward = name##_forward,      \
                        .vjp = name##_vjp);                                                                     \
    wk_tensor *wk_##name(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_##name, a, b, NULL); }         \
    wk_tensor *wk_##name##_(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_##name##_, a, b, NULL); }

#endif
