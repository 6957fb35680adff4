/* ref_normal.c -- Box and Muller's transformation in groups of 16 uniforms (base/rng_normal.c draws them).
 *
 * float numbers follow PyTorch's AVX2 variant to the last bit, so they need its logarithm, sine and cosine: Moshier's
 * single precision functions (Cephes), each multiplication that an addition follows rounded with it as one fma. */
#include <math.h>
#include <string.h>

#include "kernel/normal.h"
#include "kernel/ref.h"

enum { HALF = 8 };

static float horner(float x, int n, const float *coefficients) {
    float y = coefficients[0];
    for (int i = 1; i < n; i++) y = fmaf(y, x, coefficients[i]);
    return y;
}

/* log x for normal x > 0: x = m 2^e with m in [sqrt 1/2, sqrt 2), then a polynomial in m - 1. */
static float log_f32(float x) {
    static const float coefficients[] = WK_NORMAL_LOG;
    uint32_t bits; /* sign 0 | exponent + 127: 8 bits | mantissa: 23 bits */
    memcpy(&bits, &x, sizeof bits);
    float e = (float)((int)(bits >> 23) - 126);
    bits = (bits & 0x007fffffu) | 0x3f000000u;
    float m;
    memcpy(&m, &bits, sizeof m); /* in [1/2, 1) */

    const bool low = m < 0.707106781186547524f;
    e -= low ? 1 : 0;
    m = m - 1 + (low ? m : 0);
    const float square = m * m;
    float y = horner(m, 9, coefficients) * m;
    y = fmaf(y, square, e * WK_NORMAL_LOG2_LOW) - 0.5f * square;
    return fmaf(e, WK_NORMAL_LOG2_HIGH, m + y);
}

/* sin and cos of x in [0, 8192): x less a multiple of pi/2 lies in [-pi/4, pi/4], where a short polynomial serves
 * each. The octant says which is which, and the signs. pi/4 is taken off in three parts for lack of bits in one. */
static void sincos_f32(float x, float *sine, float *cosine) {
    static const float sin_coefficients[] = WK_NORMAL_SIN, cos_coefficients[] = WK_NORMAL_COS;
    const int octant = ((int)(x * WK_NORMAL_OCTANTS) + 1) & ~1;
    const float quarters = (float)octant;
    x = fmaf(quarters, WK_NORMAL_QUARTER_1, x);
    x = fmaf(quarters, WK_NORMAL_QUARTER_2, x);
    x = fmaf(quarters, WK_NORMAL_QUARTER_3, x);

    const float square = x * x;
    const float s = fmaf(horner(square, 3, sin_coefficients) * square, x, x);
    const float c = fmaf(horner(square, 3, cos_coefficients) * square, square, -0.5f * square) + 1;
    const bool exchange = octant & 2;
    const float sine_size = exchange ? c : s, cosine_size = exchange ? s : c;
    *sine = octant & 4 ? -sine_size : sine_size;
    *cosine = (octant + 2) & 4 ? -cosine_size : cosine_size;
}

/* Zeros are positive. */
void wk__ref_box_muller_f32(int64_t n, void *py, int64_t sy, const void *px, int64_t sx) {
    for (int64_t g = 0; g < n; g++) {
        float *y = (float *)py + g * sy;
        const float *x = (const float *)px + g * sx;
        for (int i = 0; i < HALF; i++) {
            const float radius = sqrtf(-2 * log_f32(1 - x[i]));
            float sine, cosine;
            sincos_f32(WK_NORMAL_TWO_PI * x[i + HALF], &sine, &cosine);
            y[i] = radius * cosine + 0;
            y[i + HALF] = radius * sine + 0;
        }
    }
}

void wk__ref_box_muller_f64(int64_t n, void *py, int64_t sy, const void *px, int64_t sx) {
    static const double two_pi = 6.283185307179586476925286766559;
    for (int64_t g = 0; g < n; g++) {
        double *y = (double *)py + g * sy;
        const double *x = (const double *)px + g * sx;
        for (int i = 0; i < HALF; i++) {
            const double radius = sqrt(-2 * log(1 - x[i])), angle = two_pi * x[i + HALF];
            y[i] = radius * cos(angle) + 0;
            y[i + HALF] = radius * sin(angle) + 0;
        }
    }
}
