/* vec_octet.h -- eight floats in one register, which are partial sums of one dot product, whatever the length of
 * vectors. */
#ifndef WK_KERNEL_VEC_OCTET_H
#define WK_KERNEL_VEC_OCTET_H

#include "kernel/simd.h"

/* The first n lanes. */
INLINE __m256i octet_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE __m256 octet_first(const float *p, int64_t n) { return _mm256_maskload_ps(p, octet_lanes(n)); }

/* In each half: 0+1 and 2+3 of x, 0+1 and 2+3 of y. */
INLINE __m256 octet_pairs(__m256 x, __m256 y) {
    return _mm256_add_ps(_mm256_shuffle_ps(x, y, 0x88), _mm256_shuffle_ps(x, y, 0xdd));
}

/* In each half: (0+1)+(2+3) of four octets. */
INLINE __m256 octet_quads(const __m256 x[4]) { return octet_pairs(octet_pairs(x[0], x[1]), octet_pairs(x[2], x[3])); }

/* Lane i is the sum ((0+1)+(2+3)) + ((4+5)+(6+7)) of x[i]. */
INLINE __m256 octet_sums(const __m256 x[8]) {
    const __m256 low = octet_quads(x), high = octet_quads(x + 4);
    return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
}

#endif
