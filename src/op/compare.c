/* compare.c -- relations of two tensors, or of a tensor and a number, and properties of one: results that are true or
 * false, of the formulas in truths.def. They have no gradient. */
#include <math.h>

#include "kernel/convert.h"
#include "op/elementwise.h"
#include "op/rows.h"

/* ---------------------------------------------------------------------------------------------- of two tensors --- */

#define RELATION(name)                                                                                              \
    static void name##_forward(wk_call *c) {                                                                        \
        wk__binary_rows(wk__kernels->name[c->in[0]->a.dtype], &c->out[0]->a, &c->in[0]->a, &c->in[1]->a);           \
    }                                                                                                               \
    const wk_op wk__op_##name = {                                                                                   \
        WK_ROW(name), .in_count = 2, .out_count = 1, .in_names = "a b", .types = WK__EVERY_TYPE,                    \
        .flags = WK__OP_PROMOTE | WK__OP_NO_GRAD, .shape = wk__relation_shape, .forward = name##_forward,           \
    };                                                                                                              \
    wk_tensor *wk_##name(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_##name, a, b, NULL); }

RELATION(logical_and)
RELATION(logical_or)
RELATION(logical_xor)

/* ------------------------------------------------------------------------------------ of a tensor and a number --- */

typedef struct number_attrs { double s; } number_attrs;

static const wk_attr_field number_fields[] = {{"s", 'f', offsetof(number_attrs, s), 0}};

static bool truth_shape(wk_call *c) {
    const wk_array *x = &c->in[0]->a;
    return wk__declare(c, 0, WK_BOOL, x->ndim, x->dims);
}

/* Is s one of the numbers of a whole type? The largest i64 is not a double, but the one above it is. */
static bool is_whole(double s, wk_dtype dtype) {
    const wk_element as_element = wk__element_of(s, dtype);
    return s < 0x1p63 && wk__get_number(dtype, &as_element) == s;
}

static void compare(wk_ctx *ctx, wk_binary_loop *const *kernel, const wk_array *y, const wk_array *x, double s) {
    const wk_element element = wk__element_of(s, x->dtype);
    const wk_array number = {.data = &ctx->cell, .dtype = x->dtype, .numel = 1};
    wk__kernels->fill[x->dtype](1, number.data, 1, &element);
    wk__binary_rows(kernel[x->dtype], y, x, &number);
}

/* Whole numbers beside one that is none of theirs, 2 < 2.5, are compared as f64. To round those from 2^53 up is to keep
 * their order: between them there is no s with a fraction. What is above all of them is above their roundings, too. */
static void number_forward(wk_call *c, wk_binary_loop *const *kernel) {
    const double s = ((const number_attrs *)c->attrs)->s;
    const wk_array *x = &c->in[0]->a, *y = &c->out[0]->a;
    if (wk__dtype_is_floating(x->dtype) || is_whole(s, x->dtype)) {
        compare(c->ctx, kernel, y, x, s);
        return;
    }
    wk_tensor *wide = wk__temporary(c->ctx, c->op, WK_F64, x);
    if (wide == NULL) return;
    wk__convert_rows(&wide->a, x);
    compare(c->ctx, kernel, y, &wide->a, s >= 0x1p63 ? (double)INFINITY : s);
    wk__unref(wide);
}

#define RELATIONS(name)                                                                     \
    RELATION(name)                                                                          \
    static void name##_scalar_forward(wk_call *c) { number_forward(c, wk__kernels->name); } \
    const wk_op wk__op_##name##_scalar = {                                                  \
        WK_ROW(name##_scalar),                                                              \
        .in_count = 1,                                                                      \
        .out_count = 1,                                                                     \
        .in_names = "x",                                                                    \
        .types = WK__EVERY_TYPE,                                                            \
        .flags = WK__OP_NO_GRAD,                                                            \
        WK_ATTRS(number_attrs, number_fields),                                              \
        .shape = truth_shape,                                                               \
        .forward = name##_scalar_forward,                                                   \
        .instead = WK_A_TENSOR,                                                             \
    };                                                                                      \
    wk_tensor *wk_##name##_scalar(wk_tensor *x, double s) {                                 \
        return wk__apply1(&wk__op_##name##_scalar, x, &(number_attrs){s});                  \
    }

RELATIONS(eq)
RELATIONS(ne)
RELATIONS(lt)
RELATIONS(le)
RELATIONS(gt)
RELATIONS(ge)

/* ----------------------------------------------------------------------------------------------- of one tensor --- */

#define PROPERTY(name)                                                                                              \
    static void name##_forward(wk_call *c) {                                                                        \
        wk__unary_rows(wk__kernels->name[c->in[0]->a.dtype], &c->out[0]->a, &c->in[0]->a);                          \
    }                                                                                                               \
    const wk_op wk__op_##name = {                                                                                   \
        WK_ROW(name), .in_count = 1, .out_count = 1, .in_names = "x", .types = WK__EVERY_TYPE,                      \
        .flags = WK__OP_NO_GRAD, .shape = truth_shape, .forward = name##_forward,                                   \
    };                                                                                                              \
    wk_tensor *wk_##name(wk_tensor *x) { return wk__apply1(&wk__op_##name, x, NULL); }

PROPERTY(logical_not)
PROPERTY(isnan)
PROPERTY(isinf)
PROPERTY(isfinite)
