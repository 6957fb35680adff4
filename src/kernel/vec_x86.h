/* vec_x86.h -- what AVX2 and AVX-512 have in common: registers of 256 and of 128 bits, whatever the length of
 * vectors. */
#ifndef WK_KERNEL_VEC_X86_H
#define WK_KERNEL_VEC_X86_H

#include <immintrin.h>

#include "kernel/simd.h"

/* What v_store_far wrote is from now on seen by others as if it had been stored like everything else. */
INLINE void v_store_far_end(void) { _mm_sfence(); }

/* ---- octet: eight floats, in two halves; mostly partial sums of one dot product ---- */

typedef __m256 octet;

INLINE octet o_zero(void) { return _mm256_setzero_ps(); }

INLINE octet o_load(const float *p) { return _mm256_loadu_ps(p); }

INLINE octet o_load_halves(const float *p, const float *q) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1);
}

INLINE void o_store(float *p, octet x) { _mm256_storeu_ps(p, x); }

INLINE octet o_add(octet a, octet b) { return _mm256_add_ps(a, b); }

INLINE octet o_fma(octet a, octet b, octet c) { return _mm256_fmadd_ps(a, b, c); } /* a b + c */

/* The first n lanes, all bits of which are set. */
INLINE octet o_lanes(int64_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

INLINE octet o_pick(octet lanes, octet a, octet b) { return _mm256_blendv_ps(b, a, lanes); } /* lanes ? a : b */

INLINE octet o_load_first(const float *p, int64_t n) { return _mm256_maskload_ps(p, _mm256_castps_si256(o_lanes(n))); }

/* In each half: x0 y0 x1 y1, and x2 y2 x3 y3. */
INLINE octet o_zip_low(octet x, octet y) { return _mm256_unpacklo_ps(x, y); }

INLINE octet o_zip_high(octet x, octet y) { return _mm256_unpackhi_ps(x, y); }

/* In each half: x0 x1 y0 y1, and x2 x3 y2 y3. */
INLINE octet o_low_pairs(octet x, octet y) { return _mm256_shuffle_ps(x, y, 0x44); }

INLINE octet o_high_pairs(octet x, octet y) { return _mm256_shuffle_ps(x, y, 0xee); }

/* In each half: 0+1 and 2+3 of x, 0+1 and 2+3 of y. */
INLINE octet o_sum_pairs(octet x, octet y) {
    return _mm256_add_ps(_mm256_shuffle_ps(x, y, 0x88), _mm256_shuffle_ps(x, y, 0xdd));
}

/* In each half: (0+1)+(2+3) of four octets. */
INLINE octet o_sum_quads(const octet x[4]) { return o_sum_pairs(o_sum_pairs(x[0], x[1]), o_sum_pairs(x[2], x[3])); }

/* Lane i is the sum ((0+1)+(2+3)) + ((4+5)+(6+7)) of x[i]. */
INLINE octet o_sum_each(const octet x[8]) {
    const octet low = o_sum_quads(x), high = o_sum_quads(x + 4);
    return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
}

/* ---- quad: four floats ---- */

typedef __m128 quad;

INLINE quad q_load(const float *p) { return _mm_loadu_ps(p); }

INLINE void q_store(float *p, quad x) { _mm_storeu_ps(p, x); }

INLINE quad q_add(quad a, quad b) { return _mm_add_ps(a, b); }

INLINE quad q_pick(quad lanes, quad a, quad b) { return _mm_blendv_ps(b, a, lanes); }

INLINE quad q_low_half(octet x) { return _mm256_castps256_ps128(x); }

INLINE quad q_sum_halves(octet x) { return _mm_add_ps(q_low_half(x), _mm256_extractf128_ps(x, 1)); }

/* The sums of four octets, and of one, in the same order. */
INLINE quad q_sum_each(const octet x[4]) { return q_sum_halves(o_sum_quads(x)); }

INLINE float o_sum(octet x) {
    x = _mm256_hadd_ps(x, x);
    return _mm_cvtss_f32(q_sum_halves(_mm256_hadd_ps(x, x)));
}

/* ---- quartet: four doubles ---- */

typedef __m256d quartet;

INLINE quartet t_set(double x) { return _mm256_set1_pd(x); }

INLINE quartet t_load(const double *p) { return _mm256_loadu_pd(p); }

INLINE quartet t_load_strided(const double *p, int64_t s) { return _mm256_setr_pd(p[0], p[s], p[2 * s], p[3 * s]); }

INLINE void t_store(double *p, quartet x) { _mm256_storeu_pd(p, x); }

INLINE quartet t_fma(quartet a, quartet b, quartet c) { return _mm256_fmadd_pd(a, b, c); }

/* The first two terms of four columns, which are ldb apart. */
INLINE void t_two_terms(const double *b, int64_t ldb, quartet term[2]) {
    const __m256d even = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(b)), _mm_loadu_pd(b + 2 * ldb), 1);
    const __m256d odd =
        _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(b + ldb)), _mm_loadu_pd(b + 3 * ldb), 1);
    term[0] = _mm256_unpacklo_pd(even, odd);
    term[1] = _mm256_unpackhi_pd(even, odd);
}

#endif
