/* argsort.h -- the order of elements of any type, by keys. */
#ifndef WK_KERNEL_ARGSORT_H
#define WK_KERNEL_ARGSORT_H

#include <string.h>

#include "kernel/kernel.h"

/* Makes n keys, whole numbers that rise as the elements at x do, and are equal where these are; that of NaN is the
 * highest. */
typedef void wk_keys_function(int64_t n, const void *x, int64_t sx, uint64_t *keys);

/* A wk_argsort_kernel for elements of nbytes, whose keys fit into 32 bits where these are fewer than 8. */
void wk__argsort(int64_t n, int64_t count, int64_t *index, int64_t si, const void *x, int64_t sx, bool descending,
                 void *work, wk_keys_function *keys_of, int64_t nbytes);

/* The bits of a number that is not negative rise with it, those of the others fall. -0 is 0. */
static inline uint64_t wk__key_of_float(float x) {
    const float v = x + 0.0f;
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (x != x) return UINT32_MAX;
    return bits ^ (bits >> 31 != 0 ? UINT32_MAX : (uint32_t)1 << 31);
}

static inline uint64_t wk__key_of_double(double x) {
    const double v = x + 0.0;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (x != x) return UINT64_MAX;
    return bits ^ (bits >> 63 != 0 ? UINT64_MAX : (uint64_t)1 << 63);
}

#endif
