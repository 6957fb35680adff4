/* ref_whole.h -- what the formulas of maps.def mean in whole numbers. These are uint64_t, which wrap around; what
 * compares them takes them for signed. */
#ifndef WK_KERNEL_REF_WHOLE_H
#define WK_KERNEL_REF_WHOLE_H

#undef C
#undef less
#undef at_most
#undef sign
#undef power
#undef fabs
#undef nearbyint
#undef floor
#undef ceil

#define C(v) ((number)(int64_t)(v))
#define less(a, b) ((int64_t)(a) < (int64_t)(b))
#define at_most(a, b) ((int64_t)(a) <= (int64_t)(b))
#define sign(x) ((number)less(C(0), x) - (number)less(x, C(0)))
#define power(a, b) ref_whole_power(a, b)
#define fabs(x) pick(less(x, C(0)), -(x), x)
#define nearbyint(x) (x)
#define floor(x) (x)
#define ceil(x) (x)

/* a^b by squaring. With b below 0 that is a fraction, of which 0 remains, but for 1 and -1. */
static inline uint64_t ref_whole_power(uint64_t a, uint64_t b) {
    uint64_t y = 1;
    if ((int64_t)b < 0 && a != 1 && a != UINT64_MAX) return 0;
    for (; b != 0; b >>= 1, a *= a)
        if (b & 1) y *= a;
    return y;
}

#endif
