/* rng_normal.c -- normal numbers by Box and Muller (1958), one pair from two uniforms u and v:
 *
 *     r = sqrt(-2 log(1 - u)),  angle = 2 pi v        r cos(angle) and r sin(angle) are independent, mean 0, std 1
 *
 * Short arrays (n < 16) are drawn one number at a time in double; the sine waits as the generator's spare for the next
 * short draw. Longer ones are first filled with uniforms and then transformed in place in groups of 16, u in the first
 * half and v in the second:
 *
 *     | u0 .. u7 | v0 .. v7 |  ->  | r cos 0 .. 7 | r sin 0 .. 7 |        A rest of n % 16 numbers takes no part:
 *                                                    instead the last 16 are drawn afresh, over what lies there.
 *
 * float numbers follow PyTorch's AVX2 variant to the last bit, so they need its logarithm, sine and cosine: Moshier's
 * single precision functions (Cephes), each multiplication that an addition follows rounded with it as one fma. */
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { GROUP = 16, HALF = GROUP / 2 };

static const double two_pi = 6.283185307179586476925286766559;

/* ---- one number at a time ---- */

static double next_normal(wk_rng *rng) {
    if (rng->has_spare_normal) {
        rng->has_spare_normal = false;
        return rng->spare_normal;
    }
    double uniform[2];
    wk__rng_uniform_f64(rng, 2, uniform, 0, 1);
    const double angle = two_pi * uniform[0], radius = sqrt(-2 * log(1 - uniform[1]));
    rng->spare_normal = radius * sin(angle);
    rng->has_spare_normal = true;
    return radius * cos(angle);
}

/* ---- float, in groups ---- */

static float horner(float x, int n, const float *coefficients) {
    float y = coefficients[0];
    for (int i = 1; i < n; i++) y = fmaf(y, x, coefficients[i]);
    return y;
}

/* log x for normal x > 0: x = m 2^e with m in [sqrt 1/2, sqrt 2), then a polynomial in m - 1. */
static float log_f32(float x) {
    static const float coefficients[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                         -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                         2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    const float log2_high = 0.693359375f, log2_low = -2.12194440e-4f; /* their sum is log 2 */
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
    y = fmaf(y, square, e * log2_low) - 0.5f * square;
    return fmaf(e, log2_high, m + y);
}

/* sin and cos of x in [0, 8192): x less a multiple of pi/2 lies in [-pi/4, pi/4], where a short polynomial serves
 * each. The octant says which is which, and the signs. pi/4 is taken off in three parts for lack of bits in one. */
static void sincos_f32(float x, float *sine, float *cosine) {
    static const float sin_coefficients[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
    static const float cos_coefficients[] = {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};
    const int octant = ((int)(x * 1.27323954473516f) + 1) & ~1; /* 4 / pi */
    const float quarters = (float)octant;
    x = fmaf(quarters, -0.78515625f, x);
    x = fmaf(quarters, -2.4187564849853515625e-4f, x);
    x = fmaf(quarters, -3.77489497744594108e-8f, x);

    const float square = x * x;
    const float s = fmaf(horner(square, 3, sin_coefficients) * square, x, x);
    const float c = fmaf(horner(square, 3, cos_coefficients) * square, square, -0.5f * square) + 1;
    const bool exchange = octant & 2;
    const float sine_size = exchange ? c : s, cosine_size = exchange ? s : c;
    *sine = octant & 4 ? -sine_size : sine_size;
    *cosine = (octant + 2) & 4 ? -cosine_size : cosine_size;
}

static void box_muller_f32(float *y, float mean, float std) {
    for (int i = 0; i < HALF; i++) {
        const float radius = sqrtf(-2 * log_f32(1 - y[i]));
        float sine, cosine;
        sincos_f32((float)two_pi * y[i + HALF], &sine, &cosine);
        y[i] = fmaf(radius * cosine, std, mean);
        y[i + HALF] = fmaf(radius * sine, std, mean);
    }
}

void wk__rng_normal_f32(wk_rng *rng, int64_t n, float *y, double mean, double std) {
    if (n < GROUP) {
        for (int64_t i = 0; i < n; i++) y[i] = (float)fma(next_normal(rng), std, mean);
        return;
    }
    wk__rng_uniform_f32(rng, n, y, 0, 1);
    for (int64_t i = 0; i + GROUP <= n; i += GROUP) box_muller_f32(y + i, (float)mean, (float)std);
    if (n % GROUP != 0) {
        float *const last = y + n - GROUP;
        wk__rng_uniform_f32(rng, GROUP, last, 0, 1);
        box_muller_f32(last, (float)mean, (float)std);
    }
}

/* ---- double, in groups ---- */

static void box_muller_f64(double *y, double mean, double std) {
    for (int i = 0; i < HALF; i++) {
        const double radius = sqrt(-2 * log(1 - y[i])), angle = two_pi * y[i + HALF];
        y[i] = fma(radius * cos(angle), std, mean);
        y[i + HALF] = fma(radius * sin(angle), std, mean);
    }
}

void wk__rng_normal_f64(wk_rng *rng, int64_t n, double *y, double mean, double std) {
    if (n < GROUP) {
        for (int64_t i = 0; i < n; i++) y[i] = fma(next_normal(rng), std, mean);
        return;
    }
    wk__rng_uniform_f64(rng, n, y, 0, 1);
    for (int64_t i = 0; i + GROUP <= n; i += GROUP) box_muller_f64(y + i, mean, std);
    if (n % GROUP != 0) {
        double *const last = y + n - GROUP;
        wk__rng_uniform_f64(rng, GROUP, last, 0, 1);
        box_muller_f64(last, mean, std);
    }
}
