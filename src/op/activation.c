/* activation.c -- the functions between the layers of a network, each with its gradient, as in unary.c. At a bend the
 * gradient is PyTorch's. */
#include "op/unary.h"

#define X WK_READS_IN(0)
#define Y WK_READS_OUT(0)

/* g where x lies above the bend, else other */
static wk_tensor *above(wk_tensor *x, double bend, wk_tensor *g, wk_tensor *other) {
    return wk_where(wk_gt_scalar(x, bend), g, other);
}

WK_UNARY(sigmoid, AS_FLOAT, Y, wk_mul(g, wk_sub(y, wk_square(y))))
WK_UNARY(relu, WHOLE, Y, wk__zero_where(wk_le_scalar(y, 0), g))

WK_UNARY_S(leaky_relu, FLOATING, wk__unary_shape, negative_slope, 0.01, NULL, X,
           above(x, 0, g, wk_mul_scalar(g, attrs->s)))

/* alpha e^x below 0; the exponent is bounded so that nothing overflows above */
WK_UNARY_S(elu, FLOATING, wk__unary_shape, alpha, 1, NULL, X,
           above(x, 0, g, wk_mul(g, wk_mul_scalar(wk_exp(wk_clamp(x, -INFINITY, 0)), attrs->s))))

/* 1 between the bounds, but not on them */
WK_UNARY_ST(hardtanh, FLOATING, wk__unary_shape, min_val, -1, max_val, 1, WK_BOUNDS, X,
            wk__zero_where(wk_logical_or(wk_le_scalar(x, attrs->s), wk_ge_scalar(x, attrs->t)), g))

static wk_tensor *softplus_gradient(wk_tensor *g, wk_tensor *scaled, double threshold) {
    return above(scaled, threshold, g, wk_mul(g, wk_sigmoid(scaled)));
}

WK_UNARY_ST(softplus, FLOATING, wk__unary_shape, beta, 1, threshold, 20, NULL, X,
            softplus_gradient(g, wk_mul_scalar(x, attrs->s), attrs->t))

/* x p for a p = p(x) with derivative q: g (p + x q) */
static wk_tensor *gated(wk_tensor *g, wk_tensor *x, wk_tensor *p, wk_tensor *q) {
    return wk_mul(g, wk_add(p, wk_mul(x, q)));
}

static wk_tensor *sigmoid_gated(wk_tensor *g, wk_tensor *x, wk_tensor *p, wk_tensor *inner_derivative) {
    wk_tensor *q = wk_sub(p, wk_square(p));
    return gated(g, x, p, inner_derivative != NULL ? wk_mul(q, inner_derivative) : q);
}

WK_UNARY(silu, FLOATING, X, sigmoid_gated(g, x, wk_sigmoid(x), NULL))

/* -------------------------------------------------------------------------------------------------------- gelu --- */

typedef struct gelu_attrs {
    int64_t tanh;
    int64_t unused; /* wk__map_forward reads two numbers, whatever the kernel makes of them */
} gelu_attrs;
_Static_assert(sizeof(gelu_attrs) == sizeof(wk_map_attrs), "read as such");

static bool approximated(const void *attrs) { return ((const gelu_attrs *)attrs)->tanh != 0; }

static void gelu_forward(wk_call *c) {
    wk__map_forward(c, approximated(c->attrs) ? wk__kernels->gelu_tanh : wk__kernels->gelu);
}

static bool gelu_grad(wk_backprop *b) {
    return wk__map_grad(b, approximated(b->node->attrs) ? wk__kernels->gelu_tanh_grad : wk__kernels->gelu_grad);
}

/* x P with P = P(X <= x) = (1 + erf(x / sqrt 2)) / 2, whose derivative is the density e^(-x^2/2) / sqrt(2 pi) */
static wk_tensor *gelu_exact_vjp(wk_tensor *g, wk_tensor *x) {
    wk_tensor *p = wk_mul_scalar(wk_add_scalar(wk_erf(wk_mul_scalar(x, 0.70710678118654752440)), 1), 0.5);
    return gated(g, x, p, wk_mul_scalar(wk_exp(wk_mul_scalar(wk_square(x), -0.5)), 0.39894228040143267794));
}

/* (1 + tanh u) / 2 = sigmoid 2u, 2u = k (x + c x^3), k = 2 sqrt(2 / pi), c = 0.044715 */
static wk_tensor *gelu_tanh_vjp(wk_tensor *g, wk_tensor *x) {
    const double k = 1.59576912160573071176, c = 0.044715;
    wk_tensor *x2 = wk_square(x), *u2 = wk_mul_scalar(wk_mul(x, wk_add_scalar(wk_mul_scalar(x2, c), 1)), k);
    return sigmoid_gated(g, x, wk_sigmoid(u2), wk_mul_scalar(wk_add_scalar(wk_mul_scalar(x2, 3 * c), 1), k));
}

static void gelu_vjp(const wk_backprop *b, wk_tensor **gx) {
    wk_tensor *g = b->gy[0], *x = b->node->in[0].saved;
    gx[0] = approximated(b->node->attrs) ? gelu_tanh_vjp(g, x) : gelu_exact_vjp(g, x);
}

static const wk_attr_field gelu_fields[] = {{"tanh", 'b', offsetof(gelu_attrs, tanh), 0}};

WK_ROW_AND_IN_PLACE(gelu, 0, .in_count = 1, .out_count = 1, .in_names = "x", .reads = {X},
                    WK_ATTRS(gelu_attrs, gelu_fields), .batch = WK__BATCH_ELEMENTS, .shape = wk__unary_shape,
                    .forward = gelu_forward, .grad = gelu_grad, .vjp = gelu_vjp);

wk_tensor *wk_gelu(wk_tensor *x, bool tanh) { return wk__apply1(&wk__op_gelu, x, &(gelu_attrs){tanh, 0}); }
wk_tensor *wk_gelu_(wk_tensor *x, bool tanh) { return wk__apply1(&wk__op_gelu_, x, &(gelu_attrs){tanh, 0}); }
