/* divide.c -- quotients downwards and what they leave, by a tensor or by a number s. g is the gradient of y.
 *
 *     y = floor(a / b)                                                    floor_divide
 *     y = a - b floor(a / b)      ga += g,    gb -= g floor(a / b)        remainder
 *     y = a - b trunc(a / b)      ga += g,    gb -= g trunc(a / b)        fmod
 *
 * Whole numbers are not divided by 0. */
#include "kernel/record.h"
#include "op/binary.h"

#define A WK_READS_IN(0)
#define B WK_READS_IN(1)
#define Y WK_READS_OUT(0)

/* --------------------------------------------------------------------------------------------------- by tensors --- */

/* In a plan the check is made in each run. words: n, b, its stride, the row */
static void check_divisors(wk_any_function *count_nonzero, const wk_word *w) {
    if (((wk_count_loop *)count_nonzero)(w[0].i, w[1].p, w[2].i) < w[0].i)
        wk__fail(wk__ctx(), WK_EINVAL, ((const wk_op *)w[3].p)->name,
                 "b has a 0, and whole numbers cannot be divided by that");
}

/* Of whole numbers, is b nowhere 0? EINVAL. */
static bool whole_divisors(wk_call *c) {
    static const wk_signature signature = {"nrng", check_divisors, NULL};
    const wk_array *b = &c->in[1]->a;
    if (wk__dtype_is_floating(b->dtype)) return true;
    const wk_noted noted = {&signature, (wk_any_function *)wk__kernels_working()->count_nonzero[b->dtype],
                            "check_divisors", b->dtype, true};
    wk_rows r;
    for (bool more = wk__rows_begin(&r, 1, &b); more; more = wk__rows_next(&r)) {
        const wk_word words[] = {{.i = r.n}, {.p = r.data[0]}, {.i = r.stride[0]}, {.p = (void *)(uintptr_t)c->op}};
        if (!wk__note(c->ctx, &noted, words)) check_divisors(noted.function, words);
    }
    return c->ctx->failure.status == WK_OK;
}

static void divide(wk_call *c, wk_binary_loop *const *kernel) {
    if (whole_divisors(c)) wk__binary_forward(c, kernel);
}

WK_BINARY(floor_divide, WHOLE, divide, 0, NULL, 0, NULL)
WK_BINARY(remainder, WHOLE, divide, 0, g, A | B, wk_neg(wk_mul(g, wk_floor_divide(a, b))))
WK_BINARY(fmod, WHOLE, divide, 0, g, A | B, wk_neg(wk_mul(g, wk_trunc(wk_div(a, b)))))

/* -------------------------------------------------------------------------------------------------- by a number --- */

typedef struct number_attrs {
    double s;
} number_attrs;

static const wk_attr_field number_fields[] = {{"s", 'f', offsetof(number_attrs, s), 1}};

static bool number_shape(wk_call *c) {
    const double s = ((const number_attrs *)c->attrs)->s;
    if (!wk__unary_shape(c)) return false;
    if (s == 0 && !wk__dtype_is_floating(c->in[0]->a.dtype))
        return wk__refuse(c, WK_EINVAL, "s is 0, and whole numbers cannot be divided by that");
    return wk__check_number(c, s);
}

/* By the kernel of two tensors, of which the second is the number. */
static void by_number(wk_call *c, wk_binary_loop *const *kernel) {
    const wk_array *y = &c->out[0]->a, s = {.data = &c->ctx->cell, .dtype = y->dtype, .numel = 1};
    const wk_element element = wk__element_of(((const number_attrs *)c->attrs)->s, y->dtype);
    wk__kernels->fill[y->dtype](1, s.data, 1, &element);
    wk__binary_rows(kernel[y->dtype], y, &c->in[0]->a, &s);
}

#define BY_NUMBER(name, kernel, gradient)                                                                          \
    static void name##_forward(wk_call *c) { by_number(c, wk__kernels->kernel); }                                  \
    static void name##_vjp(const wk_backprop *b, wk_tensor **gx) {                                                 \
        wk_tensor *g = b->gy[0];                                                                                   \
        (void)g;                                                                                                   \
        gx[0] = gradient;                                                                                          \
    }                                                                                                              \
    WK_ROW_AND_IN_PLACE(name, WK__OP_TO_I64, .in_count = 1, .out_count = 1, .in_names = "x",                       \
                        WK_ATTRS(number_attrs, number_fields), .types = WK__WHOLE_NUMBERS, .instead = WK_A_TENSOR, \
                        .batch = WK__BATCH_ELEMENTS, .shape = number_shape, .forward = name##_forward,             \
                        .vjp = name##_vjp);                                                                        \
    wk_tensor *wk_##name(wk_tensor *x, double s) { return wk__apply1(&wk__op_##name, x, &(number_attrs){s}); }     \
    wk_tensor *wk_##name##_(wk_tensor *x, double s) { return wk__apply1(&wk__op_##name##_, x, &(number_attrs){s}); }

BY_NUMBER(floor_divide_scalar, floor_divide, NULL)
BY_NUMBER(remainder_scalar, remainder, g)
BY_NUMBER(fmod_scalar, fmod, g)
