/* unary.h -- rows y = f(x) that maps.def gives kernels to, each from a few words.
 *
 *     WK_UNARY(sin, AS_FLOAT, WK_READS_IN(0), wk_mul(g, wk_cos(x)))
 *
 * makes wk_sin with its row and, in place, wk_sin_. It takes whole numbers, as f32: the words for that are WK_TAKES_...
 * in rows.h. The gradient is written in public ops over g, the gradient of y, and x or y, whichever the row reads; the
 * same gradient stands in maps.def as a formula for kernels. */
#ifndef WK_OP_UNARY_H
#define WK_OP_UNARY_H

#include <math.h>

#include "op/elementwise.h"
#include "op/rows.h"

/* The numbers s and t of maps.def; the row gives them names. */
typedef struct wk_map_attrs {
    double s, t;
} wk_map_attrs;

/* A gradient with zeros where the condition holds. */
wk_tensor *wk__zero_where(wk_tensor *condition, wk_tensor *g);

void wk__map_forward(wk_call *c, wk_map_loop *const *kernel);
bool wk__map_grad(wk_backprop *b, wk_map_grad_loop *const *kernel);

#define WK_UNARY(name, takes, reads_, gradient)                                        \
    WK_UNARY_ROWS(name, takes, wk__unary_shape, reads_, gradient, WK_UNARY_NO_ATTRS)   \
    wk_tensor *wk_##name(wk_tensor *x) { return wk__apply1(&wk__op_##name, x, NULL); } \
    wk_tensor *wk_##name##_(wk_tensor *x) { return wk__apply1(&wk__op_##name##_, x, NULL); }

/* With attributes: the fields of wk_map_attrs by the names they have in ops.def; there, s and t are their values. What
 * takes tensors in place of them is told by instead_ (op.h), or NULL. */
#define WK_UNARY_S(name, takes, shape_rule, parameter, fallback, instead_, reads_, gradient)                      \
    static const wk_attr_field name##_fields[] = {{#parameter, 'f', offsetof(wk_map_attrs, s), fallback}};        \
    WK_UNARY_ROWS(name, takes, shape_rule, reads_, gradient, WK_ATTRS(wk_map_attrs, name##_fields),               \
                  .instead = (instead_))                                                                          \
    wk_tensor *wk_##name(wk_tensor *x, double s) { return wk__apply1(&wk__op_##name, x, &(wk_map_attrs){s, 0}); } \
    wk_tensor *wk_##name##_(wk_tensor *x, double s) { return wk__apply1(&wk__op_##name##_, x, &(wk_map_attrs){s, 0}); }

#define WK_UNARY_ST(name, takes, shape_rule, first, first_fallback, second, second_fallback, instead_, reads_, \
                    gradient)                                                                                  \
    static const wk_attr_field name##_fields[] = {{#first, 'f', offsetof(wk_map_attrs, s), first_fallback},    \
                                                  {#second, 'f', offsetof(wk_map_attrs, t), second_fallback}}; \
    WK_UNARY_ROWS(name, takes, shape_rule, reads_, gradient, WK_ATTRS(wk_map_attrs, name##_fields),            \
                  .instead = (instead_))                                                                       \
    wk_tensor *wk_##name(wk_tensor *x, double s, double t) {                                                   \
        return wk__apply1(&wk__op_##name, x, &(wk_map_attrs){s, t});                                           \
    }                                                                                                          \
    wk_tensor *wk_##name##_(wk_tensor *x, double s, double t) {                                                \
        return wk__apply1(&wk__op_##name##_, x, &(wk_map_attrs){s, t});                                        \
    }

/* A step has gradient zero: nothing is passed on. */
#define WK_UNARY_STEP(name, takes, forward_)                                                                           \
    static void name##_forward(wk_call *c) { forward_(c, wk__kernels->name); }                                         \
    static void name##_vjp(const wk_backprop *b, wk_tensor **gx) { (void)b, (void)gx; }                                \
    WK_ROW_AND_IN_PLACE(name, WK_FLAGS_OF(WK_TAKES_##takes), .in_count = 1, .out_count = 1, .in_names = "x",           \
                        .types = WK_TYPES_OF(WK_TAKES_##takes), .batch = WK__BATCH_ELEMENTS, .shape = wk__unary_shape, \
                        .forward = name##_forward, .vjp = name##_vjp);                                                 \
    wk_tensor *wk_##name(wk_tensor *x) { return wk__apply1(&wk__op_##name, x, NULL); }                                 \
    wk_tensor *wk_##name##_(wk_tensor *x) { return wk__apply1(&wk__op_##name##_, x, NULL); }

#define WK_UNARY_NO_ATTRS .attrs_nbytes = 0

#define WK_UNARY_ROWS(name, takes, shape_rule, reads_, gradient, ...)                                        \
    static void name##_forward(wk_call *c) { wk__map_forward(c, wk__kernels->name); }                        \
    static bool name##_grad(wk_backprop *b) { return wk__map_grad(b, wk__kernels->name##_grad); }            \
    static void name##_vjp(const wk_backprop *b, wk_tensor **gx) {                                           \
        wk_tensor *g = b->gy[0], *x = b->node->in[0].saved, *y = b->node->out[0].saved;                      \
        const wk_map_attrs *attrs = b->node->attrs;                                                          \
        (void)x, (void)y, (void)attrs;                                                                       \
        gx[0] = gradient;                                                                                    \
    }                                                                                                        \
    WK_ROW_AND_IN_PLACE(name, WK_FLAGS_OF(WK_TAKES_##takes), .in_count = 1, .out_count = 1, .in_names = "x", \
                        .types = WK_TYPES_OF(WK_TAKES_##takes), .reads = {reads_}, __VA_ARGS__,              \
                        .batch = WK__BATCH_ELEMENTS, .shape = shape_rule, .forward = name##_forward,         \
                        .grad = name##_grad, .vjp = name##_vjp);

#endif
