/* convert.h -- converting elements from any type to any other: wk__convert[from][to] is a loop y = x.
 *
 *     to floating    rounds to nearest, ties to even; to a half by way of f32, as PyTorch does
 *     to bool        anything but 0 is true, so NaN is
 *     to whole       drops the fraction; what an i64 cannot hold becomes the nearest that it can, and NaN 0; the low
 *                    bits of that are kept, as between whole types, so u8 of -1 is 255
 *
 * C leaves undefined what a float out of range becomes, and PyTorch takes what the machine gives; within range, and for
 * u8, the two agree. */
#ifndef WK_KERNEL_CONVERT_H
#define WK_KERNEL_CONVERT_H

#include "kernel/kernel.h"

extern wk_unary_loop *const wk__convert[WK_DTYPE_COUNT][WK_DTYPE_COUNT];

/* The whole number that a double becomes. */
static inline int64_t wk__whole_of(double v) {
    if (v >= 0x1p63) return INT64_MAX;
    if (v < -0x1p63) return INT64_MIN;
    return v == v ? (int64_t)v : 0;
}

/* One number to an element of a type, and back. (Strides of 0, which one element does not need, lead past what is there
 * for many.) */
static inline void wk__put_number(wk_dtype dtype, void *y, double value) {
    wk__convert[WK_F64][dtype](1, y, 0, &value, 0);
}

static inline double wk__get_number(wk_dtype dtype, const void *x) {
    double value;
    wk__convert[dtype][WK_F64](1, &value, 0, x, 0);
    return value;
}

#endif
