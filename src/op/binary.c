/* binary.c -- div, pow, maximum, minimum and their gradients, summed where broadcasting stretched an input.
 *
 *     y = a / b         ga += g / b               gb -= g y / b
 *     y = a^b           ga += g b a^(b-1)         gb += g y log a        0 where b = 0, where a = 0 <= b
 *     y = max(a, b)     ga += g where a > b, gb += g where a < b, half of it each where they are equal */
#include "op/binary.h"
#include "op/powers.h"

#define A WK_READS_IN(0)
#define B WK_READS_IN(1)
#define Y WK_READS_OUT(0)

/* -------------------------------------------------------------------------------------------------- div and pow --- */

WK_BINARY(div, AS_FLOAT, wk__binary_forward, B, wk_div(g, b), B | Y, wk_neg(wk_div(wk_mul(g, y), b)))

/* log a, but 0 where a = 0 and a^b is finite: 0 where b is 0 or more, which takes away from what is 0 */
static wk_tensor *pow_log(wk_tensor *a, wk_tensor *y) {
    wk_tensor *flat = wk_logical_and(wk_eq_scalar(a, 0), wk_le_scalar(y, 1));
    return wk_log(wk_where(flat, wk_scalar(1, wk_dtype_of(a)), a));
}

/* b a^(b-1), and 0 where b is 0, whatever a is; but b a^b where both are 0, which can be differentiated further */
static wk_tensor *pow_slope(wk_tensor *a, wk_tensor *b) {
    wk_tensor *one = wk_sign(wk_add(wk_abs(a), wk_abs(b)));
    return wk__weigh(wk_pow(a, wk_sub(b, one)), b);
}

WK_BINARY(pow, WHOLE, wk__binary_forward, A | B, wk_mul(g, pow_slope(a, b)), A | Y, wk_mul(g, wk_mul(y, pow_log(a, y))))

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

WK_BINARY(maximum, TRUTHS, wk__binary_forward, A | B, wk_mul(g, share(a, b)), A | B, wk_mul(g, share(b, a)))
WK_BINARY(minimum, TRUTHS, wk__binary_forward, A | B, wk_mul(g, share(b, a)), A | B, wk_mul(g, share(a, b)))
