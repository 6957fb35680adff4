/* floor_math.h -- vectors of 16 floats, and tanh, for floor.c. Vectors are the compiler's own (GNU C), which makes
 * pieces of them where registers are shorter; AVX-512 gets intrinsics where the language has no words. */
#ifndef FLOOR_MATH_H
#define FLOOR_MATH_H

#include <math.h>
#include <stdint.h>

#ifdef __AVX512F__
#include <immintrin.h>
#else
#pragma GCC diagnostic ignored "-Wpsabi" /* no vector crosses the border of this file */
#endif

enum { W = 16 };

typedef float vec __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

/* ---- tanh: 16 polynomials of degree 5, four to each power of two of |x| + 5/8 from 5/8 to 10 ---- */

enum { DEGREE = 5, PIECES = 16 };

/* Coefficients of (|x| - centre)^power; piece (bits of |x| + 5/8 >> 21) & 15, see tools/tanh_table.py, which fits
 * better ones. */
static float tanh_piece[DEGREE + 1][PIECES], tanh_centre[PIECES];

/* Interpolates tanh at the Chebyshev nodes of centre +- radius: divided differences, then multiplied out. */
static void make_piece(int piece, double centre, double radius) {
    double node[DEGREE + 1], difference[DEGREE + 1], coefficient[DEGREE + 2] = {0};
    for (int i = 0; i <= DEGREE; i++) {
        node[i] = radius * cos(3.14159265358979323846 * (i + 0.5) / (DEGREE + 1));
        difference[i] = tanh(centre + node[i]);
    }
    for (int order = 1; order <= DEGREE; order++)
        for (int i = DEGREE; i >= order; i--)
            difference[i] = (difference[i] - difference[i - 1]) / (node[i] - node[i - order]);
    for (int i = DEGREE; i >= 0; i--) { /* polynomial = polynomial (d - node[i]) + difference[i] */
        for (int power = DEGREE; power > 0; power--)
            coefficient[power] = coefficient[power - 1] - node[i] * coefficient[power];
        coefficient[0] = difference[i] - node[i] * coefficient[0];
    }
    for (int power = 0; power <= DEGREE; power++) tanh_piece[power][piece] = (float)coefficient[power];
    tanh_centre[piece] = (float)centre;
}

static void make_tanh(void) {
    for (int i = 1; i <= PIECES; i++) {
        const double octave = ldexp(1, i / 4 - 1), radius = octave / 8, middle = octave * (1 + i % 4 / 4.0) + radius;
        const double centre = i == 1 ? 0 : middle - 0.625;
        make_piece((i + 4 * (127 - 1)) % PIECES, centre, i == 1 ? 2 * radius : radius); /* where its bits point to */
    }
}

/* ---- vectors ---- */

INLINE vec splat(float x) { return (vec){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

#ifdef __AVX512F__

INLINE vec multiply_add(vec a, vec b, vec c) { return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }

/* Within an ulp or two, by one Newton step on an estimate of 14 bits. The unit for exact roots and quotients has time
 * for the root on some processors, and on others for neither. */
INLINE vec quotient(vec a, vec b) {
    const vec r = (vec)_mm512_rcp14_ps((__m512)b), q = a * r;
    return multiply_add(multiply_add(-b, q, a), r, q);
}

#if defined(__znver3__) || defined(__znver4__) || defined(__znver5__)
INLINE vec square_root(vec x) { return (vec)_mm512_sqrt_ps((__m512)x); }
#else
INLINE vec square_root(vec x) {
    const vec r = (vec)_mm512_rsqrt14_ps(_mm512_max_ps((__m512)x, _mm512_set1_ps(1e-37f))), root = x * r;
    return multiply_add(splat(0.5f) * r, multiply_add(-root, root, x), root);
}
#endif

/* lanes[i] has lane i of x everywhere. Stored, and loaded again, the lanes would come seven cycles later. */
INLINE void spread(vec x, vec lanes[W]) {
#define LANE(q, i) \
    lanes[4 * q + i] = (vec)_mm512_permute_ps(_mm512_shuffle_f32x4((__m512)x, (__m512)x, 0x55 * q), 0x55 * i)
#define LANES(q) LANE(q, 0), LANE(q, 1), LANE(q, 2), LANE(q, 3)
    LANES(0), LANES(1), LANES(2), LANES(3);
}

INLINE float sum(vec x) { return _mm512_reduce_add_ps((__m512)x); }

INLINE __m512 looked_up(const float *table, __m512i piece) {
    return _mm512_permutexvar_ps(piece, _mm512_loadu_ps(table));
}

INLINE __m512 tanh_pair(int power, __m512i piece, __m512 d) {
    return _mm512_fmadd_ps(looked_up(tanh_piece[power + 1], piece), d, looked_up(tanh_piece[power], piece));
}

/* As the library's tanh. */
INLINE void hyperbolic_tangent(vec *x) {
    const __m512i sign = _mm512_set1_epi32((int)0x80000000u), bits = _mm512_castps_si512((__m512)*x);
    const __m512 a = _mm512_min_ps(_mm512_set1_ps(9.25f), _mm512_castsi512_ps(_mm512_andnot_si512(sign, bits)));
    const __m512i piece = _mm512_srli_epi32(_mm512_castps_si512(_mm512_add_ps(a, _mm512_set1_ps(0.625f))), 21);
    const __m512 d = _mm512_sub_ps(a, looked_up(tanh_centre, piece)), d2 = _mm512_mul_ps(d, d);
    const __m512 high = _mm512_fmadd_ps(tanh_pair(4, piece, d), d2, tanh_pair(2, piece, d));
    const __m512i y = _mm512_castps_si512(_mm512_fmadd_ps(high, d2, tanh_pair(0, piece, d)));
    *x = (vec)_mm512_ternarylogic_epi32(y, sign, bits, 0xf8);
}

#else

INLINE vec multiply_add(vec a, vec b, vec c) { return a * b + c; }

INLINE vec quotient(vec a, vec b) { return a / b; }

INLINE vec square_root(vec x) {
    for (int i = 0; i < W; i++) x[i] = sqrtf(x[i]);
    return x;
}

INLINE void spread(vec x, vec lanes[W]) {
    UNROLL for (int i = 0; i < W; i++) lanes[i] = splat(x[i]);
}

INLINE float sum(vec x) {
    float total = 0;
    for (int i = 0; i < W; i++) total += x[i];
    return total;
}

INLINE void hyperbolic_tangent(vec *x) {
    union lanes { vec v; float f[W]; uint32_t bits[W]; } in = {*x}, shifted, y;
    for (int i = 0; i < W; i++) {
        const float size = fabsf(in.f[i]), a = size < 9.25f ? size : 9.25f;
        shifted.f[i] = a + 0.625f;
        const uint32_t piece = shifted.bits[i] >> 21 & 15;
        const float d = a - tanh_centre[piece], d2 = d * d;
        const float c45 = tanh_piece[5][piece] * d + tanh_piece[4][piece];
        const float c23 = tanh_piece[3][piece] * d + tanh_piece[2][piece];
        y.f[i] = (c45 * d2 + c23) * d2 + (tanh_piece[1][piece] * d + tanh_piece[0][piece]);
        y.bits[i] |= in.bits[i] & 0x80000000u;
    }
    *x = y.v;
}

#endif

#endif
