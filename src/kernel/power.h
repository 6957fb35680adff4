/* power.h -- a^b of single elements. */
#ifndef WK_KERNEL_POWER_H
#define WK_KERNEL_POWER_H

#include <math.h>
#include <stdbool.h>

/* Is a^b a product, a root or a quotient, and taken by hand? */
static inline bool wk__power_is_by_hand(double b) {
    const double twice = 2 * b, whole = twice + 0x1.8p52 - 0x1.8p52; /* nothing else is looked at for most b */
    if (whole != twice) return false;
    return b == 2 || b == 3 || b == 1 || b == 0.5 || b == -1 || b == -0.5 || b == -2;
}

/* Unlike roots, powers of -0 and -infinity are neither -0 nor NaN. */
#define WK_POWER(name, type, root, other)                                    \
    static type name##_by_hand(type a, type b) {                             \
        if (b == 2 || b == 3) return b == 2 ? a * a : a * a * a;             \
        if (b == 1 || b == -1) return b == 1 ? a : 1 / a;                    \
        if (b == -2) return 1 / a * (1 / a);                                 \
        const type y = a == -INFINITY ? INFINITY : (root)(a) + 0;            \
        return b > 0 ? y : 1 / y;                                            \
    }                                                                        \
    static inline type name(type a, type b) {                                \
        return wk__power_is_by_hand(b) ? name##_by_hand(a, b) : other(a, b); \
    }
WK_POWER(wk__power_f32, float, sqrtf, powf)
WK_POWER(wk__power_f64, double, sqrt, (pow))
#undef WK_POWER

#endif
