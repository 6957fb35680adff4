/* arithmetic.c -- sums, differences and products of two tensors or of a tensor and a number; x / s. g is the gradient
 * of y.
 *
 *     y = a + b      ga += g          gb += g
 *     y = a - b      ga += g          gb -= g
 *     y = a * b      ga += g b        gb += g a
 *     y = -x         gx -= g
 *     y = s x        gx += s g
 *     y = x / s      gx += g / s
 *     y = x + s      gx += g
 *     y = x - s      gx += g
 *     y = s - x      gx -= g
 *
 * A gradient has the shape of its input: where broadcasting stretched the input, it is summed (sum_to_size). The
 * kernels below do the plain case, in which nothing was stretched, and leave the other to vjp. */
#include "op/unary.h"

/* Every wanted gradient without broadcasting? */
static bool plain(const wk_backprop *b) {
    if (wk_likely(b->node->alike != 0)) return true;
    return (!wk__wants(b, 0) || wk__is_unstretched(b, 0)) && (!wk__wants(b, 1) || wk__is_unstretched(b, 1));
}

static void forward(const wk_call *c, wk_binary_loop *kernel) {
    wk__binary_alike(c->alike, kernel, &c->out[0]->a, &c->in[0]->a, &c->in[1]->a);
}

/* gx (+)= s g, which is done with then */
static void scaled(wk_backprop *b, int32_t i, double s) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    bool add;
    const wk_array *gx = wk__slot_in_gy(b, i, &room, &add);
    if (gx != NULL) wk__scale_rows(add ? wk__kernels->scale_add[g->dtype] : wk__kernels->scale[g->dtype], gx, g, s);
}

/* ---------------------------------------------------------------------------------------------------------- add --- */

static void add_forward(wk_call *c) { forward(c, wk__kernels->add[c->out[0]->a.dtype]); }

static bool add_grad(wk_backprop *b) {
    if (!plain(b)) return false;
    const bool both = wk__wants(b, 0) && wk__wants(b, 1);
    if (both) wk__pass(b, 0, b->gy[0]);
    wk__pass_on(b, wk__wants(b, 1) ? 1 : 0);
    return true;
}

static void add_vjp(const wk_backprop *b, wk_tensor **gx) {
    if (wk__wants(b, 0)) gx[0] = wk__unstretched(b, 0, b->gy[0]);
    if (wk__wants(b, 1)) gx[1] = wk__unstretched(b, 1, b->gy[0]);
}

WK_ROW_AND_IN_PLACE(add, WK__OP_PROMOTE, .in_count = 2, .out_count = 1, .in_names = "a b", .types = WK__EVERY_TYPE,
                    .batch = WK__BATCH_ELEMENTS, .shape = wk__binary_shape, .forward = add_forward, .grad = add_grad,
                    .vjp = add_vjp);

wk_tensor *wk_add(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_add, a, b, NULL); }
wk_tensor *wk_add_(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_add_, a, b, NULL); }

wk_tensor *wk__sum_of_gradients(wk_tensor *a, wk_tensor *b) { return wk_add(a, b); }

/* ---------------------------------------------------------------------------------------------------------- sub --- */

static void sub_forward(wk_call *c) { forward(c, wk__kernels->sub[c->out[0]->a.dtype]); }

static bool sub_grad(wk_backprop *b) {
    if (!plain(b)) return false;
    if (wk__wants(b, 0)) wk__pass(b, 0, b->gy[0]);
    if (wk__wants(b, 1)) scaled(b, 1, -1);
    return true;
}

static void sub_vjp(const wk_backprop *b, wk_tensor **gx) {
    if (wk__wants(b, 0)) gx[0] = wk__unstretched(b, 0, b->gy[0]);
    if (wk__wants(b, 1)) gx[1] = wk_neg(wk__unstretched(b, 1, b->gy[0]));
}

WK_ROW_AND_IN_PLACE(sub, WK__OP_PROMOTE, .in_count = 2, .out_count = 1, .in_names = "a b",
                    .types = WK__EVERY_TYPE & ~WK__TYPE(BOOL), .batch = WK__BATCH_ELEMENTS, .shape = wk__binary_shape,
                    .forward = sub_forward, .grad = sub_grad, .vjp = sub_vjp);

wk_tensor *wk_sub(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_sub, a, b, NULL); }
wk_tensor *wk_sub_(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_sub_, a, b, NULL); }

/* ---------------------------------------------------------------------------------------------------------- mul --- */

static void mul_forward(wk_call *c) { forward(c, wk__kernels->mul[c->out[0]->a.dtype]); }

/* gx (+)= g * other, in the slot that slot_of finds */
static void mul_grad_input(wk_backprop *b, int32_t i, const wk_array *other,
                           const wk_array *(*slot_of)(wk_backprop *, int32_t, wk_array *, bool *)) {
    const wk_array *g = &b->gy[0]->a;
    wk_array room;
    bool add;
    const wk_array *gx = slot_of(b, i, &room, &add);
    if (gx == NULL) return;
    wk_binary_loop *kernel = add ? wk__kernels->mul_add[g->dtype] : wk__kernels->mul[g->dtype];
    wk__binary_alike(wk__slot_alike(b, gx, &room), kernel, gx, g, other);
}

static bool mul_grad(wk_backprop *b) {
    if (!plain(b)) return false;
    const bool both = wk__wants(b, 0) && wk__wants(b, 1);
    if (both) mul_grad_input(b, 0, wk__saved_in(b, 1), wk__slot);
    const int32_t last = wk__wants(b, 1) ? 1 : 0;
    mul_grad_input(b, last, wk__saved_in(b, 1 - last), wk__slot_in_gy);
    return true;
}

static void mul_vjp(const wk_backprop *b, wk_tensor **gx) {
    if (wk__wants(b, 0)) gx[0] = wk__unstretched(b, 0, wk_mul(b->gy[0], b->node->in[1].saved));
    if (wk__wants(b, 1)) gx[1] = wk__unstretched(b, 1, wk_mul(b->gy[0], b->node->in[0].saved));
}

WK_ROW_AND_IN_PLACE(mul, WK__OP_PROMOTE, .in_count = 2, .out_count = 1, .in_names = "a b", .types = WK__EVERY_TYPE,
                    .reads = {WK_READS_IN(1), WK_READS_IN(0)}, .batch = WK__BATCH_ELEMENTS, .shape = wk__binary_shape,
                    .forward = mul_forward, .grad = mul_grad, .vjp = mul_vjp);

wk_tensor *wk_mul(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_mul, a, b, NULL); }
wk_tensor *wk_mul_(wk_tensor *a, wk_tensor *b) { return wk__apply2(&wk__op_mul_, a, b, NULL); }

/* ---------------------------------------------------------------------------------------------------------- neg --- */

static void neg_forward(wk_call *c) {
    wk__unary_alike(c->alike, wk__kernels->neg[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a);
}

static bool neg_grad(wk_backprop *b) { return scaled(b, 0, -1), true; }

static void neg_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = wk_neg(b->gy[0]); }

WK_ROW_AND_IN_PLACE(neg, 0, .in_count = 1, .out_count = 1, .in_names = "x", .types = WK__EVERY_TYPE & ~WK__TYPE(BOOL),
                    .batch = WK__BATCH_ELEMENTS, .shape = wk__unary_shape, .forward = neg_forward, .grad = neg_grad,
                    .vjp = neg_vjp);

wk_tensor *wk_neg(wk_tensor *x) { return wk__apply1(&wk__op_neg, x, NULL); }
wk_tensor *wk_neg_(wk_tensor *x) { return wk__apply1(&wk__op_neg_, x, NULL); }

/* --------------------------------------------------------------------------------------------------- mul_scalar --- */

static bool number_shape(wk_call *c) {
    return wk__check_float(c) && wk__check_number(c, ((const wk_map_attrs *)c->attrs)->s) &&
           wk__declare_like(c, 0, c->in[0]);
}

static void mul_scalar_forward(wk_call *c) {
    wk__scale_rows(wk__kernels->scale[c->out[0]->a.dtype], &c->out[0]->a, &c->in[0]->a,
                   ((const wk_map_attrs *)c->attrs)->s);
}

static bool mul_scalar_grad(wk_backprop *b) { return scaled(b, 0, ((const wk_map_attrs *)b->node->attrs)->s), true; }

static void mul_scalar_vjp(const wk_backprop *b, wk_tensor **gx) {
    gx[0] = wk_mul_scalar(b->gy[0], ((const wk_map_attrs *)b->node->attrs)->s);
}

static const wk_attr_field scalar_fields[] = {{"s", 'f', offsetof(wk_map_attrs, s), 1}};

WK_ROW_AND_IN_PLACE(mul_scalar, WK__OP_TO_I64, .in_count = 1, .out_count = 1, .in_names = "x",
                    WK_ATTRS(wk_map_attrs, scalar_fields), .instead = WK_A_TENSOR, .by_tensor = &wk__op_mul,
                    .types = WK__EVERY_TYPE & ~WK__TYPE(BOOL), .batch = WK__BATCH_ELEMENTS, .shape = number_shape,
                    .forward = mul_scalar_forward, .grad = mul_scalar_grad, .vjp = mul_scalar_vjp);

wk_tensor *wk_mul_scalar(wk_tensor *x, double s) { return wk__apply1(&wk__op_mul_scalar, x, &(wk_map_attrs){s, 0}); }
wk_tensor *wk_mul_scalar_(wk_tensor *x, double s) { return wk__apply1(&wk__op_mul_scalar_, x, &(wk_map_attrs){s, 0}); }

/* ------------------------------------------------------------------------------------------- rows with a number --- */

static bool passed_grad(wk_backprop *b) { return wk__pass_on(b, 0), true; }

static void passed_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = b->gy[0]; }

static double over(const wk_backprop *b) { return 1 / ((const wk_map_attrs *)b->node->attrs)->s; }

static bool div_scalar_grad(wk_backprop *b) { return scaled(b, 0, over(b)), true; }

static void div_scalar_vjp(const wk_backprop *b, wk_tensor **gx) { gx[0] = wk_mul_scalar(b->gy[0], over(b)); }

#define WITH_NUMBER(name, takes, shape_rule, gradient, by_tensor_)                                                \
    static void name##_forward(wk_call *c) { wk__map_forward(c, wk__kernels->name); }                             \
    WK_ROW_AND_IN_PLACE(name, WK_FLAGS_OF(WK_TAKES_##takes), .in_count = 1, .out_count = 1, .in_names = "x",      \
                        WK_ATTRS(wk_map_attrs, scalar_fields), .types = WK_TYPES_OF(WK_TAKES_##takes),            \
                        .instead = WK_A_TENSOR, .by_tensor = (by_tensor_), .batch = WK__BATCH_ELEMENTS,           \
                        .shape = shape_rule, .forward = name##_forward, .grad = gradient##_grad,                  \
                        .vjp = gradient##_vjp);                                                                   \
    wk_tensor *wk_##name(wk_tensor *x, double s) { return wk__apply1(&wk__op_##name, x, &(wk_map_attrs){s, 0}); } \
    wk_tensor *wk_##name##_(wk_tensor *x, double s) { return wk__apply1(&wk__op_##name##_, x, &(wk_map_attrs){s, 0}); }

WITH_NUMBER(add_scalar, TRUTHS_AS_I64, number_shape, passed, &wk__op_add)
WITH_NUMBER(sub_scalar, WHOLE, number_shape, passed, &wk__op_sub)
WITH_NUMBER(rsub_scalar, WHOLE, number_shape, neg, NULL)
WITH_NUMBER(div_scalar, AS_FLOAT, wk__unary_shape, div_scalar, &wk__op_div)
