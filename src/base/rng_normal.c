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
 * The transformation of groups is a kernel (kernel/ref_normal.c); this layer is handed it. */
#include "base/rng.h"

#include <math.h>
#include <stddef.h>

enum { GROUP = 16 };

static const double two_pi = 6.283185307179586476925286766559;

/* ----------------------------------------------------------------------------------------- one number at a time --- */

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

/* ---------------------------------------------------------------------------------------------- many, in groups --- */

/* Uniform numbers in [0, 1) of either type. */
typedef void uniform_numbers(wk_rng *rng, int64_t n, void *y);

static void uniform_f32(wk_rng *rng, int64_t n, void *y) { wk__rng_uniform_f32(rng, n, y, 0, 1); }
static void uniform_f64(wk_rng *rng, int64_t n, void *y) { wk__rng_uniform_f64(rng, n, y, 0, 1); }

/* n >= GROUP standard normal numbers of nbytes each. */
static void normal_in_groups(wk_rng *rng, int64_t n, void *y, size_t nbytes, uniform_numbers *uniform,
                             wk_normal_groups *transform) {
    void *const last = (char *)y + (size_t)(n - GROUP) * nbytes;
    uniform(rng, n, y);
    transform(n / GROUP, y, GROUP, y, GROUP);
    if (n % GROUP == 0) return;
    uniform(rng, GROUP, last);
    transform(1, last, GROUP, last, GROUP);
}

void wk__rng_normal_f32(wk_rng *rng, int64_t n, float *y, double mean, double std, wk_normal_groups *transform) {
    if (n < GROUP) {
        for (int64_t i = 0; i < n; i++) y[i] = (float)fma(next_normal(rng), std, mean);
        return;
    }
    normal_in_groups(rng, n, y, sizeof *y, uniform_f32, transform);
    if (mean == 0 && std == 1) return;
    for (int64_t i = 0; i < n; i++) y[i] = fmaf(y[i], (float)std, (float)mean);
}

void wk__rng_normal_f64(wk_rng *rng, int64_t n, double *y, double mean, double std, wk_normal_groups *transform) {
    if (n < GROUP) {
        for (int64_t i = 0; i < n; i++) y[i] = fma(next_normal(rng), std, mean);
        return;
    }
    normal_in_groups(rng, n, y, sizeof *y, uniform_f64, transform);
    if (mean == 0 && std == 1) return;
    for (int64_t i = 0; i < n; i++) y[i] = fma(y[i], std, mean);
}
