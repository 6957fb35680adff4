/* vec_avx512.h -- 16 floats in one register, lanes chosen by a mask register. */
#ifndef WK_KERNEL_VEC_AVX512_H
#define WK_KERNEL_VEC_AVX512_H

#include "kernel/vec_x86.h"

enum { W = 16 };
#define TILE_ROWS 14 /* of a product's tile in registers: TILE_ROWS x TILE_VECS sums, a row and a factor */
#define TILE_VECS 2
#define PARTS_TILE_ROWS 6 /* of one whose sums are of several parts, four of them at a time */
#define PARTS_TILE_VECS 1
#define DOT_MOST_ROWS 6 /* of a tile of dot products, beside four vectors of columns */
#define DOTS_OF_MANY 0  /* such tiles are better than those of partial sums for many rows, too */
#define ROW_VECS 12     /* sums in registers, of one row of a product */
#define WHOLE_TILE_ROWS 6 /* of one of whole numbers */
#define WHOLE_TILE_VECS 2
#define SPREADS 1   /* there is v_spread */
#define LOOKS_UP 1  /* there is v_by_low_bits */
#define HALVES 1    /* activations can be made in halves (activation.inc), for which there are registers */

typedef __m512 vec;
typedef __m512d vecd;   /* WD doubles */
typedef __mmask16 mask; /* some lanes of a vector, mostly the first ones */

#define VEC(operation) _mm512_##operation
#include "kernel/vec.inc"

INLINE mask first_lanes(int64_t n) { return (mask)((1u << n) - 1); }

INLINE vec v_load_strided(const float *p, int64_t s) {
    const float *const q = p + 4 * s, *const u = p + 8 * s, *const v = p + 12 * s;
    return _mm512_setr_ps(p[0], p[s], p[2 * s], p[3 * s], q[0], q[s], q[2 * s], q[3 * s], u[0], u[s], u[2 * s],
                          u[3 * s], v[0], v[s], v[2 * s], v[3 * s]);
}

INLINE vec v_load_first(const float *p, mask m) { return _mm512_maskz_loadu_ps(m, p); }

INLINE vec v_load_one(const float *p) { return _mm512_zextps128_ps512(_mm_load_ss(p)); }

INLINE void v_store_first(float *p, mask m, vec x) { _mm512_mask_storeu_ps(p, m, x); }

INLINE void v_store_one(float *p, vec x) { _mm_store_ss(p, _mm512_castps512_ps128(x)); }

/* lanes[i] has lane i of x everywhere. The element need not be stored and loaded again, which takes twice as long. */
#define SPREAD_QUARTER(i)                                                        \
    do {                                                                         \
        const vec quarter = _mm512_shuffle_f32x4(x, x, 0x55 * (i));              \
        lanes[4 * (i)] = _mm512_permute_ps(quarter, 0x00);                       \
        lanes[4 * (i) + 1] = _mm512_permute_ps(quarter, 0x55);                   \
        lanes[4 * (i) + 2] = _mm512_permute_ps(quarter, 0xaa);                   \
        lanes[4 * (i) + 3] = _mm512_permute_ps(quarter, 0xff);                   \
    } while (0)
INLINE void v_spread(vec x, vec lanes[W]) {
    SPREAD_QUARTER(0);
    SPREAD_QUARTER(1);
    SPREAD_QUARTER(2);
    SPREAD_QUARTER(3);
}

INLINE vec v_unless_infinite(vec test, vec x, vec y) { /* x, but y where test is +infinity */
    return _mm512_mask_mov_ps(x, _mm512_cmp_ps_mask(test, v_set(INFINITY), _CMP_EQ_OQ), y);
}

INLINE vec v_first(mask m, vec x) { /* the other lanes are 0 */
    return _mm512_maskz_mov_ps(m, x);
}

INLINE float v_sum(vec a) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

/* ---- doubles: WD in a vector, of which `first_doubles` are the first n, or none, or all ---- */

enum { WD = 8 };
typedef __mmask8 mask_d;

INLINE mask_d first_doubles(int64_t n) { return (mask_d)(n >= WD ? 0xff : n > 0 ? (1u << n) - 1 : 0); }

INLINE vecd vd_load_first(const double *p, mask_d m) { return _mm512_maskz_loadu_pd(m, p); }

INLINE void vd_store_first(double *p, mask_d m, vecd x) { _mm512_mask_storeu_pd(p, m, x); }

/* ---- octets: OCTETS of them in a register ---- */

enum { OCTETS = 2 };
typedef vec octets;

INLINE octets os_zero(void) { return v_set(0); }

/* The eight elements at p, and those at q. */
INLINE octets os_load(const float *p, const float *q) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(p)), _mm256_loadu_ps(q), 1);
}

/* The eight elements at p twice, which takes nothing but the load. */
INLINE octets os_load_twice(const float *p) { return _mm512_broadcast_f32x8(_mm256_loadu_ps(p)); }

/* The first n of eight elements, zeros behind. */
INLINE octets os_load_first(const float *p, const float *q, int64_t n) {
    const __mmask8 some = (__mmask8)((1u << n) - 1);
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_maskz_loadu_ps(some, p)), _mm256_maskz_loadu_ps(some, q),
                              1);
}

INLINE octets os_fma(octets a, octets b, octets c) { return v_fma(a, b, c); }

INLINE octets os_add(octets a, octets b) { return v_add(a, b); }

/* In each quarter: 0+1 and 2+3 of x, 0+1 and 2+3 of y. */
INLINE octets os_sum_pairs(octets x, octets y) {
    return v_add(_mm512_shuffle_ps(x, y, 0x88), _mm512_shuffle_ps(x, y, 0xdd));
}

INLINE octets os_sum_quads(const octets x[4]) {
    return os_sum_pairs(os_sum_pairs(x[0], x[1]), os_sum_pairs(x[2], x[3]));
}

/* Lanes r and r + 4 of os_sum_each are the sums ((0+1)+(2+3)) + ((4+5)+(6+7)) of the octets of the i-th register, where
 * r = i / 4 * 8 + i % 4.
 *
 *     a0 a1 a2 a3 | a4 ..         a01 a23 b01 b23 | a45 ..         a0123 b0123 c0123 d0123 | a4567 ..
 *     b0 b1 b2 b3 | b4 ..   ->    c01 c23 d01 d23 | c45 ..   ->                                         -> ... */
INLINE octets os_sum_each(const octets x[8]) {
    const octets low = os_sum_quads(x), high = os_sum_quads(x + 4);
    return v_add(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd));
}

/* Of four: lane r of the first half is the sum of the lower octet of x[r], lane r + 4 of the higher one. */
INLINE octets os_sum_four(const octets x[4]) {
    const octets quads = os_sum_quads(x);
    return v_add(_mm512_shuffle_f32x4(quads, quads, 0x88), _mm512_shuffle_f32x4(quads, quads, 0xdd));
}

INLINE octets os_high_half(octets x) { return _mm512_castps256_ps512(_mm512_extractf32x8_ps(x, 1)); }

INLINE octets os_load_half(const float *p) { return _mm512_castps256_ps512(o_load(p)); }

INLINE void os_store_half(float *p, octets x) { o_store(p, _mm512_castps512_ps256(x)); }

/* Groups of eight lanes, which are `step` apart: a vector has two. */
INLINE vec v_load_groups(const float *p, int64_t step) { return os_load(p, p + step); }

INLINE void v_store_groups(float *p, int64_t step, vec x) {
    o_store(p, _mm512_castps512_ps256(x));
    o_store(p + step, _mm512_extractf32x8_ps(x, 1));
}

/* ---- choosing lanes: by a mask register ---- */

typedef __mmask16 lanes;

INLINE lanes v_has_minus(vec x) { return _mm512_movepi32_mask(_mm512_castps_si512(x)); }

INLINE lanes v_less(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }

INLINE lanes v_at_most(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }

INLINE lanes v_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }

INLINE lanes v_has_bit(vec n, int bit) { /* of whole numbers */
    return _mm512_test_epi32_mask(_mm512_cvtps_epi32(n), _mm512_set1_epi32(1 << bit));
}

INLINE bool v_any(lanes c) { return c != 0; }

INLINE lanes v_differs(vec a, vec b) { /* true for NaN */
    return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ);
}

INLINE vec v_pick(lanes c, vec a, vec b) { /* c ? a : b */
    return _mm512_mask_mov_ps(b, c, a);
}

/* Groups of `size` lanes exchanged with their neighbours. */
INLINE vec v_swapped(vec x, int size) {
    return size == 8   ? _mm512_shuffle_f32x4(x, x, 0x4e)
           : size == 4 ? _mm512_shuffle_f32x4(x, x, 0xb1)
                       : size == 2 ? _mm512_permute_ps(x, 0x4e) : _mm512_permute_ps(x, 0xb1);
}

INLINE vec v_backwards(vec x) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), x);
}

/* ---- elements of other types ---- */

INLINE vec v_get_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }

INLINE vec v_get_bf16(const uint16_t *p) {
    const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

INLINE vec v_get_u8(const uint8_t *p, int8_t most) {
    const __m128i bytes = _mm_min_epu8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8(most));
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

INLINE void v_put_f16(uint16_t *p, vec x) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(x, 0)); }

/* Adding almost half a unit, or all of half a unit to an odd number, rounds to nearest, ties to even. */
INLINE void v_put_bf16(uint16_t *p, vec x) {
    const __m512i bits = _mm512_castps_si512(x),
                  odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __m512i all = _mm512_mask_mov_epi32(rounded, v_differs(x, x), quiet);
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(all, 16)));
}

/* False where something is out of range. */
INLINE bool v_put_i32(int32_t *p, vec x) {
    const __m512i whole = _mm512_cvttps_epi32(x);
    _mm512_storeu_si512(p, whole);
    return _mm512_cmpeq_epi32_mask(whole, _mm512_set1_epi32(INT32_MIN)) == 0;
}

INLINE bool v_put_u8(uint8_t *p, vec x) {
    const __m512i whole = _mm512_cvttps_epi32(x);
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(whole));
    return _mm512_cmpeq_epi32_mask(whole, _mm512_set1_epi32(INT32_MIN)) == 0;
}

INLINE void v_put_bool(uint8_t *p, vec x) {
    _mm_storeu_si128((__m128i *)p, _mm_maskz_set1_epi8(v_differs(x, v_set(0)), 1));
}

/* ---- magnitude and sign, whole numbers ---- */

INLINE vec v_round(vec x) { /* half to even */
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINE vec v_floor(vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }

INLINE vec v_ceil(vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }

INLINE vec v_scale(vec x, vec n) { /* x 2^floor(n), rounded once */
    return _mm512_scalef_ps(x, n);
}

/* m of x = m 2^n with sqrt(1/2) <= m < sqrt(2), for normal x > 0. */
INLINE vec v_split(vec x, vec *n) {
    const __m512i bits = _mm512_castps_si512(x), low = _mm512_castps_si512(v_set(0x1.6a09e6p-1f));
    const __m512i exponent = _mm512_srai_epi32(_mm512_sub_epi32(bits, low), 23);
    *n = _mm512_cvtepi32_ps(exponent);
    return _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
}

INLINE vec v_looked_up(const float table[W], __m512i lane) { return _mm512_permutexvar_ps(lane, v_load(table)); }

/* The entry that the lowest four bits of a lane name. */
INLINE vec v_by_low_bits(const float table[W], vec bits) { return v_looked_up(table, _mm512_castps_si512(bits)); }

/* Functions of a >= 0 in 16 pieces, which the float a + shift names: f(a) = c0 + c1 d + ... + c5 d^5 for d = a - centre
 * of the piece that a lies in; see tools/tanh_table.py. */
typedef struct piecewise {
    __m512i piece;
    vec d;
} piecewise;

INLINE piecewise v_piece(vec a, float shift, const float centre[W]) {
    const __m512i piece = _mm512_srli_epi32(_mm512_castps_si512(v_add(a, v_set(shift))), 21);
    return (piecewise){piece, v_sub(a, v_looked_up(centre, piece))};
}

/* The powers p and p + 1: c_p + c_p+1 d. */
INLINE vec v_piecewise_pair(const float c[6][W], int p, piecewise a) {
    return v_fma(v_looked_up(c[p + 1], a.piece), a.d, v_looked_up(c[p], a.piece));
}

/* The sum, in the shape (c0 + c1 d) + d^2 ((c2 + c3 d) + d^2 (c4 + c5 d)). */
INLINE vec v_piecewise(const float c[6][W], piecewise a) {
    const vec d2 = v_mul(a.d, a.d);
    const vec high = v_fma(v_piecewise_pair(c, 4, a), d2, v_piecewise_pair(c, 2, a));
    return v_fma(high, d2, v_piecewise_pair(c, 0, a));
}

/* The first half finds the piece. */
typedef struct half_tanh {
    __m512i x;
    piecewise a;
} half_tanh;

INLINE half_tanh v_tanh_half(vec x) {
    const vec a = v_min(v_set(tanh_furthest), v_abs(x)); /* NaN stays NaN */
    return (half_tanh){_mm512_castps_si512(x), v_piece(a, tanh_shift, tanh_centre)};
}

INLINE vec v_tanh_whole(half_tanh h) {
    const __m512i y = _mm512_castps_si512(v_piecewise(tanh_piece, h.a));
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(y, _mm512_set1_epi32(INT32_MIN), h.x, 0xf8)); /* y | sign & x */
}

INLINE vec v_tanh(vec x) { return v_tanh_whole(v_tanh_half(x)); }

/* t P(X > t) e^(t^2/2) for a normal X and 0 <= t <= normal_furthest. */
INLINE vec v_normal_share(vec t) { return v_piecewise(normal_piece, v_piece(t, normal_shift, normal_centre)); }

#endif
