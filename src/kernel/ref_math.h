/* ref_math.h -- what the formulas of maps.def mean in plain C, beside the functions of <tgmath.h>, or those that who
 * includes this has put in their place. */
#ifndef WK_KERNEL_REF_MATH_H
#define WK_KERNEL_REF_MATH_H

#include <math.h>

#include "kernel/power.h"

#define C(v) ((scalar)(v))
#define less(a, b) ((a) < (b))
#define at_most(a, b) ((a) <= (b))
#define equal(a, b) ((a) == (b))
#define pick(c, a, b) ((c) ? (a) : (b))
#define sign(x) ((scalar)((x) > 0) - (scalar)((x) < 0))
#define power(a, b) _Generic((a), float : wk__power_f32, double : wk__power_f64)(a, b)
#define modulo(a, b) KERNEL(modulo)(a, b)
#define quotient(a, b) KERNEL(quotient)(a, b)
#define bounded(x, low, high) smaller_of(pick(less(x, low), low, x), high)
#define smaller_of(x, high) pick(less(high, x), high, x)

/* Of a double, whatever the type: where a float's rounding errors would grow on the way. */
#define logistic(x) ((scalar)ref_logistic(x))
#define softplus(x) ((scalar)ref_softplus(x))
#define silu(x) ((scalar)ref_gated(x, ref_logistic(x)))
#define gelu(x) ((scalar)ref_gated(x, ref_normal(x)))
#define gelu_slope(x) ((scalar)ref_gelu_slope(x))
#define gelu_tanh(x) ((scalar)ref_gated(x, ref_logistic(ref_gelu_argument(x))))
#define gelu_tanh_slope(x) ((scalar)ref_gelu_tanh_slope(x))

/* x p, and 0 where p is 0, though x may be infinite */
static inline double ref_gated(double x, double p) { return p == 0 ? copysign(0, x) : x * p; }

/* 1 / (1 + e^-x) */
static inline double ref_logistic(double x) {
    const double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

/* log(1 + e^x) */
static inline double ref_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

/* P(X <= x) for a normal X, and its density. What the argument y of erfc lacks is magnified far out, where
 * erfc(y + lost) is erfc(y) (1 - 2 y lost). */
static inline double ref_normal(double x) {
    const double root = 0.70710678118654752440, root_rest = -0x1.bdd3413b26456p-55, y = -root * x;
    if (!(y > 1 && y < 28)) return 0.5 * erfc(y);
    const double lost = -root_rest * x - fma(root, x, y);
    return 0.5 * erfc(y) * (1 - 2 * y * lost);
}

static inline double ref_normal_density(double x) { return 0.39894228040143267794 * exp(-0.5 * x * x); }

static inline double ref_gelu_slope(double x) { return ref_normal(x) + ref_gated(x, ref_normal_density(x)); }

/* (1 + tanh u) / 2 = 1 / (1 + e^-2u); this is 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3). */
static inline double ref_gelu_argument(double x) { return 1.59576912160573071176 * (x + 0.044715 * x * x * x); }

static inline double ref_gelu_tanh_slope(double x) {
    const double p = ref_logistic(ref_gelu_argument(x));
    return p + x * p * (1 - p) * 1.59576912160573071176 * (1 + 3 * 0.044715 * x * x);
}

#endif
