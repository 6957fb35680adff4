/* binary.c -- div, pow, maximum, minimum and their gradients, summed where broadcasting stretched an input.
 *
 *     y = a / b         ga += g / b               gb -= g y / b
 *     y = a^b           ga += g b a^(b-1)         gb += g y log a        0 where b = 0, and where a = 0
 *     y = max(a, b)     ga += g where a > b, gb += g where a < b, half of it each where they are equal */
#include "op/elementwise.h"
#include "op/rows.h"

/* The row `name`, in place too, from the gradients of a and b in ops and what they read. */
#define BINARY(name, takes, reads_a, ga, reads_b, gb)                                                                 \
    static void name##_forward(wk_call *c) {                                                                          \
        wk__binary_alike(c->alike, wk__kernels->name[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a, &c->in[1]->a); \
    }                                                                                                                 \
    static void name##_vjp(const wk_backprop *back, wk_tensor **gx) {                                                 \
        wk_tensor *g = back->gy[0], *a = back->node->in[0].saved, *b = back->node->in[1].saved;                       \
        wk_tensor *y = back->node->out[0].saved;                                                                      \
        (void)a, (void)b, (void)y;                                                                                    \
        if (wk__wants(back, 0)) gx[0] = wk__unstretched(back, 0, ga);                                                 \
        if (wk__wants(back, 1)) gx[1] = wk__unstretched(back, 1, gb);                                                 \
    }                                                                                                                 \
    WK_ROW_AND_IN_PLACE(name, WK__OP_PROMOTE | WK_FLAGS_OF(WK_TAKES_##takes), .in_count = 2, .out_count = 1,          \
                        .in_names = "a b", .types = WK_TYPES_OF(WK_TAKES_##takes), .reads = {reads_a, reads_b},       \
                        .batch = WK__BATCH_ELEMENTS, .shape = wk__binary_shape, .forward = name##_forward,            \
                        .vjp = name##_vjp);                                                                           \
    wk_tensor *wk_##name(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_##name, a, b, NULL); }               \
    wk_tensor *wk_##name##_(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_##name##_, a, b, NULL); }

#define A WK_READS_IN(0)
#define B WK_READS_IN(1)
#define Y WK_READS_OUT(0)

/* -------------------------------------------------------------------------------------------------- div and pow --- */

BINARY(div, AS_FLOAT, B, wk_div(g, b), B | Y, wk_neg(wk_div(wk_mul(g, y), b)))

/* 1 where x = 0, else 0 */
static wk_tensor *is_zero(wk_tensor *x) { return wk_cast(wk_eq_scalar(x, 0), x->a.dtype); }

/* b a^(b-1), but a^b where b is 0: then 0^0, not 1/0, meets the factor b */
static wk_tensor *pow_slope(wk_tensor *a, wk_tensor *b) {
    return wk_mul(b, wk_pow(a, wk_sub(b, wk_abs(wk_sign(b)))));
}

BINARY(pow, WHOLE, A | B, wk_mul(g, pow_slope(a, b)), A | Y, wk_mul(g, wk_mul(y, wk_log(wk_add(a, is_zero(a))))))

/* ------------------------------------------------------------------------------------------ maximum and minimum --- */

/* 1 where a > b, 1/2 where they are equal, else 0 (NaN: 1); a step, so never recorded. */
static void share_forward(wk_call *c) {
    wk__binary_rows(wk__kernels->share[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a, &c->in[1]->a);
}

static const wk_op share_row = {
    WK_INNER_ROW(share),
    .in_count = 2,
    .out_count = 1,
    .in_names = "a b",
    .flags = WK__OP_NO_GRAD,
    .batch = WK__BATCH_ELEMENTS,
    .shape = wk__binary_shape,
    .forward = share_forward,
};

static wk_tensor *share(wk_tensor *a, wk_tensor *b) { return wk__apply2(&share_row, a, b, NULL); }

BINARY(maximum, TRUTHS, A | B, wk_mul(g, share(a, b)), A | B, wk_mul(g, share(b, a)))
BINARY(minimum, TRUTHS, A | B, wk_mul(g, share(b, a)), A | B, wk_mul(g, share(a, b)))
