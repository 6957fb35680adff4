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
#undef fmod
#undef modulo
#undef quotient

#define C(v) ((number)(int64_t)(v))
#define less(a, b) ((int64_t)(a) < (int64_t)(b))
#define at_most(a, b) ((int64_t)(a) <= (int64_t)(b))
#define sign(x) ((number)less(C(0), x) - (number)less(x, C(0)))
#define power(a, b) ref_whole_power(a, b)
#define fabs(x) ref_whole_abs(x)
#define fmod(a, b) ((a) - (b)*ref_whole_divide(a, b))
#define modulo(a, b) ((a) - (b)*ref_whole_quotient(a, b))
#define quotient(a, b) ref_whole_quotient(a, b)

/* Without a branch on what nobody can guess. */
static inline uint64_t ref_whole_abs(uint64_t a) {
    const uint64_t all_if_negative = (uint64_t)((int64_t)a >> 63);
    return (a ^ all_if_negative) - all_if_negative;
}

/* a^b by squaring. With b below 0 that is a fraction, of which 0 remains, but for 1 and -1. */
static inline uint64_t ref_whole_power(uint64_t a, uint64_t b) {
    uint64_t y = 1;
    if ((int64_t)b < 0 && a != 1 && a != UINT64_MAX) return 0;
    for (; b != 0; b >>= 1, a *= a)
        if (b & 1) y *= a;
    return y;
}

/* a / b towards 0. The row has refused b = 0; what is divided by -1 wraps around. */
static inline uint64_t ref_whole_divide(uint64_t a, uint64_t b) {
    if (b == 0) return 0;
    return b == UINT64_MAX ? -a : (uint64_t)((int64_t)a / (int64_t)b);
}

/* a / b downwards */
static inline uint64_t ref_whole_quotient(uint64_t a, uint64_t b) {
    const uint64_t q = ref_whole_divide(a, b), r = a - b * q;
    return q - (r != 0 && ((int64_t)r < 0) != ((int64_t)b < 0));
}

#endif
