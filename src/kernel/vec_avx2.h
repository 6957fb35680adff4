/* vec_avx2.h -- 8 floats in one register, lanes chosen by the sign bits of a vector. */
#ifndef WK_KERNEL_VEC_AVX2_H
#define WK_KERNEL_VEC_AVX2_H

#include "kernel/vec_x86.h"

enum { W = 8 };
#define TILE_ROWS 6 /* of a product's tile in registers: TILE_ROWS x TILE_VECS sums, a row and a factor */
#define TILE_VECS 2
#define PARTS_TILE_ROWS 3 /* of one whose sums are of several parts, two of them at a time */
#define PARTS_TILE_VECS 2
#define DOT_MOST_ROWS 3 /* of a tile of dot products, beside four vectors of columns */
#define DOTS_OF_MANY 1  /* such tiles are better than those of partial sums for many rows, too */
#define ROW_VECS 8      /* sums in registers, of one row of a product */
#define WHOLE_TILE_ROWS 4 /* of one of whole numbers, to multiply which takes registers */
#define WHOLE_TILE_VECS 2
#define SPREADS 0
#define LOOKS_UP 0
#define HALVES 0

typedef __m256 vec;
typedef __m256d vecd; /* WD doubles */
typedef __m256i mask; /* some lanes of a vector, mostly the first ones */

#define VEC(operation) _mm256_##operation
#include "kernel/vec.inc"

INLINE mask first_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vec v_load_strided(const float *p, int64_t s) {
    const float *const q = p + 4 * s;
    return _mm256_setr_ps(p[0], p[s], p[2 * s], p[3 * s], q[0], q[s], q[2 * s], q[3 * s]);
}

INLINE vec v_load_first(const float *p, mask m) { return _mm256_maskload_ps(p, m); }

INLINE vec v_load_one(const float *p) { return _mm256_zextps128_ps256(_mm_load_ss(p)); }

INLINE void v_store_first(float *p, mask m, vec x) { _mm256_maskstore_ps(p, m, x); }

INLINE void v_store_one(float *p, vec x) { _mm_store_ss(p, _mm256_castps256_ps128(x)); }

INLINE vec v_unless_infinite(vec test, vec x, vec y) { /* x, but y where test is +infinity */
    return _mm256_blendv_ps(x, y, _mm256_cmp_ps(test, v_set(INFINITY), _CMP_EQ_OQ));
}

INLINE vec v_first(mask m, vec x) { /* the other lanes are 0 */
    return _mm256_and_ps(_mm256_castsi256_ps(m), x);
}

INLINE float v_sum(vec a) {
    const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

/* ---- doubles: WD in a vector, of which `first_doubles` are the first n, or none, or all ---- */

enum { WD = 4 };
typedef __m256i mask_d;

INLINE mask_d first_doubles(int64_t n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

INLINE vecd vd_load_first(const double *p, mask_d m) { return _mm256_maskload_pd(p, m); }

INLINE void vd_store_first(double *p, mask_d m, vecd x) { _mm256_maskstore_pd(p, m, x); }

/* ---- octets: one of them ---- */

typedef octet octets;

INLINE octets os_of_half(quad x) { return _mm256_castps128_ps256(x); }

INLINE octets os_high_half(octets x) { return os_of_half(_mm256_extractf128_ps(x, 1)); }

INLINE void os_store_half(float *p, octets x) { q_store(p, q_low_half(x)); }

#include "kernel/vec_octets.h"

/* ---- choosing lanes: by the sign bits of a vector ---- */

typedef __m256 lanes;

INLINE lanes v_has_minus(vec x) { return x; }

INLINE lanes v_less(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }

INLINE lanes v_at_most(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }

INLINE lanes v_equal(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }

INLINE lanes v_has_bit(vec n, int bit) { /* of whole numbers */
    return _mm256_castsi256_ps(_mm256_sll_epi32(_mm256_cvtps_epi32(n), _mm_cvtsi32_si128(31 - bit)));
}

INLINE bool v_any(lanes c) { return _mm256_movemask_ps(c) != 0; }

INLINE lanes v_differs(vec a, vec b) { /* true for NaN */
    return _mm256_cmp_ps(a, b, _CMP_NEQ_UQ);
}

INLINE vec v_pick(lanes c, vec a, vec b) { /* c ? a : b */
    return _mm256_blendv_ps(b, a, c);
}

/* Groups of `size` lanes exchanged with their neighbours. */
INLINE vec v_swapped(vec x, int size) {
    return size == 4   ? _mm256_permute2f128_ps(x, x, 1)
           : size == 2 ? _mm256_permute_ps(x, 0x4e) : _mm256_permute_ps(x, 0xb1);
}

INLINE vec v_backwards(vec x) { return _mm256_permutevar8x32_ps(x, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0)); }

/* ---- elements of other types ---- */

INLINE vec v_get_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }

INLINE vec v_get_bf16(const uint16_t *p) {
    const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

INLINE vec v_get_u8(const uint8_t *p, int8_t most) {
    const __m128i bytes = _mm_min_epu8(_mm_loadl_epi64((const __m128i *)p), _mm_set1_epi8(most));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

INLINE void v_put_f16(uint16_t *p, vec x) { _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(x, 0)); }

INLINE __m128i v_shortened(__m256i x) { /* of lanes that 16 bits hold */
    return _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

INLINE void v_put_bytes(uint8_t *p, __m256i x) { /* of lanes that 8 bits hold */
    _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(v_shortened(x), _mm_setzero_si128()));
}

/* Adding almost half a unit, or all of half a unit to an odd number, rounds to nearest, ties to even. */
INLINE void v_put_bf16(uint16_t *p, vec x) {
    const __m256i bits = _mm256_castps_si256(x),
                  odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const vec all = v_pick(v_differs(x, x), _mm256_castsi256_ps(quiet), _mm256_castsi256_ps(rounded));
    _mm_storeu_si128((__m128i *)p, v_shortened(_mm256_srli_epi32(_mm256_castps_si256(all), 16)));
}

INLINE bool v_is_in_range(__m256i whole) {
    return !v_any(_mm256_castsi256_ps(_mm256_cmpeq_epi32(whole, _mm256_set1_epi32(INT32_MIN))));
}

/* False where something is out of range. */
INLINE bool v_put_i32(int32_t *p, vec x) {
    const __m256i whole = _mm256_cvttps_epi32(x);
    _mm256_storeu_si256((__m256i *)p, whole);
    return v_is_in_range(whole);
}

INLINE bool v_put_u8(uint8_t *p, vec x) {
    const __m256i whole = _mm256_cvttps_epi32(x);
    v_put_bytes(p, _mm256_and_si256(whole, _mm256_set1_epi32(255)));
    return v_is_in_range(whole);
}

INLINE void v_put_bool(uint8_t *p, vec x) {
    v_put_bytes(p, _mm256_srli_epi32(_mm256_castps_si256(v_differs(x, v_set(0))), 31));
}

/* ---- magnitude and sign, whole numbers ---- */

INLINE vec v_round(vec x) { /* half to even */
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE vec v_floor(vec x) { return _mm256_floor_ps(x); }

INLINE vec v_ceil(vec x) { return _mm256_ceil_ps(x); }

/* x 2^n, rounded once, for |n| <= 252 and normal x: the first of two factors leaves it normal. */
INLINE vec v_scale(vec x, vec n) {
    const __m256i all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1), bias = _mm256_set1_epi32(127);
    const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(all, half), bias), 23);
    return v_mul(v_mul(x, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

/* m of x = m 2^n with sqrt(1/2) <= m < sqrt(2), for normal x > 0. */
INLINE vec v_split(vec x, vec *n) {
    const __m256i bits = _mm256_castps_si256(x), low = _mm256_castps_si256(v_set(0x1.6a09e6p-1f));
    const __m256i exponent = _mm256_srai_epi32(_mm256_sub_epi32(bits, low), 23);
    *n = _mm256_cvtepi32_ps(exponent);
    return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
}

/* y 2^n, n being the whole number in the last bits of `shifted`. */
INLINE vec v_times_power(vec y, vec shifted) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), exponent));
}

#include "kernel/vec_tanh.h"

#endif
