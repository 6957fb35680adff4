/* vec_neon.h -- 4 floats in one of 32 registers, lanes chosen by all bits of a lane. Every 64-bit ARM has these. There
 * are no loads and stores of some lanes; pairs and single ones do for the first lanes, which is all that is asked for.
 * Octets are two registers. */
#ifndef WK_KERNEL_VEC_NEON_H
#define WK_KERNEL_VEC_NEON_H

#include <arm_neon.h>

#include "kernel/simd.h"

enum { W = 4 };
#define TILE_ROWS 6 /* of a product's tile in registers: TILE_ROWS x TILE_VECS sums, a row and a factor */
#define TILE_VECS 4
#define PARTS_TILE_ROWS 3 /* of one whose sums are of several parts, two of them at a time */
#define PARTS_TILE_VECS 4
#define DOT_MOST_ROWS 3   /* of a tile of dot products, beside four octets of columns */
#define DOTS_OF_MANY 1    /* such tiles are better than those of partial sums for many rows, too */
#define ROW_VECS 12       /* sums in registers, of one row of a product */
#define WHOLE_TILE_ROWS 6 /* of one of whole numbers */
#define WHOLE_TILE_VECS 2
#define SPREADS 0
#define LOOKS_UP 0
#define HALVES 0

typedef float32x4_t vec;
typedef float64x2_t vecd; /* WD doubles */
typedef int64_t mask;     /* the first lanes of a vector, so many; all, where there are more */
typedef uint32x4_t lanes; /* all bits of a lane that is chosen, none of the others */

#define BITS(x) vreinterpretq_s32_f32(x) /* those of floats as whole numbers, and back */
#define FLOATS(x) vreinterpretq_f32_s32(x)

INLINE mask first_lanes(int64_t n) { return n; }

INLINE vec v_set(float x) { return vdupq_n_f32(x); }

INLINE vec v_load(const float *p) { return vld1q_f32(p); }

INLINE void v_store(float *p, vec x) { vst1q_f32(p, x); }

INLINE void v_store_far(float *p, vec x) { vst1q_f32(p, x); }

INLINE void v_store_far_end(void) {}

INLINE vec v_load_strided(const float *p, int64_t s) { return v_load((const float[]){p[0], p[s], p[2 * s], p[3 * s]}); }

INLINE vec v_load_one(const float *p) { return vld1q_lane_f32(p, v_set(0), 0); }

INLINE vec v_load_first(const float *p, mask m) {
    if (m >= W) return v_load(p);
    if (m < 2) return m < 1 ? v_set(0) : v_load_one(p);
    const vec pair = vcombine_f32(vld1_f32(p), vdup_n_f32(0));
    return m == 2 ? pair : vld1q_lane_f32(p + 2, pair, 2);
}

INLINE void v_store_one(float *p, vec x) { vst1q_lane_f32(p, x, 0); }

INLINE void v_store_first(float *p, mask m, vec x) {
    if (m >= W) {
        v_store(p, x);
    } else if (m >= 2) {
        vst1_f32(p, vget_low_f32(x));
        if (m > 2) vst1q_lane_f32(p + 2, x, 2);
    } else if (m == 1) {
        v_store_one(p, x);
    }
}

INLINE vec v_add(vec a, vec b) { return vaddq_f32(a, b); }
INLINE vec v_sub(vec a, vec b) { return vsubq_f32(a, b); }
INLINE vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
INLINE vec v_div(vec a, vec b) { return vdivq_f32(a, b); }
INLINE vec v_sqrt(vec a) { return vsqrtq_f32(a); }
INLINE vec v_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }  /* a b + c */
INLINE vec v_fnma(vec a, vec b, vec c) { return vfmsq_f32(c, a, b); } /* c - a b */
INLINE vec v_neg(vec a) { return vnegq_f32(a); }
INLINE vec v_abs(vec x) { return vabsq_f32(x); }

/* (0+2)+(1+3) */
INLINE float v_sum(vec a) {
    const float32x2_t pair = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
}

/* ---- choosing lanes ---- */

INLINE lanes v_has_minus(vec x) { return vcltzq_s32(BITS(x)); }

INLINE lanes v_less(vec a, vec b) { return vcltq_f32(a, b); }

INLINE lanes v_at_most(vec a, vec b) { return vcleq_f32(a, b); }

INLINE lanes v_equal(vec a, vec b) { return vceqq_f32(a, b); }

INLINE lanes v_differs(vec a, vec b) { return vmvnq_u32(v_equal(a, b)); } /* true for NaN */

INLINE lanes v_has_bit(vec n, int bit) { /* of whole numbers */
    return vtstq_s32(vcvtnq_s32_f32(n), vdupq_n_s32((int32_t)(1u << bit)));
}

INLINE lanes v_lanes(int64_t n) { /* the first n */
    const int32_t number[W] = {0, 1, 2, 3};
    return vcltq_s32(vld1q_s32(number), vdupq_n_s32((int32_t)n));
}

INLINE bool v_any(lanes c) { return vmaxvq_u32(c) != 0; }

INLINE vec v_pick(lanes c, vec a, vec b) { return vbslq_f32(c, a, b); } /* c ? a : b */

INLINE vec v_min(vec a, vec b) { return v_pick(v_less(a, b), a, b); } /* b where one is NaN, which NEON's own is not */

INLINE vec v_max(vec a, vec b) { return v_pick(v_less(b, a), a, b); }

INLINE vec v_flip(vec x, vec s) { return v_pick(v_has_minus(s), v_neg(x), x); } /* -x where s has a minus */

INLINE vec v_unless_infinite(vec test, vec x, vec y) { /* x, but y where test is +infinity */
    return v_pick(v_equal(test, v_set(INFINITY)), y, x);
}

INLINE vec v_first(mask m, vec x) { return v_pick(v_lanes(m), x, v_set(0)); } /* the other lanes are 0 */

/* Groups of `size` lanes exchanged with their neighbours. */
INLINE vec v_swapped(vec x, int size) { return size == 2 ? vextq_f32(x, x, 2) : vrev64q_f32(x); }

INLINE vec v_backwards(vec x) { return v_swapped(v_swapped(x, 1), 2); }

/* ---- doubles: WD in a vector, of which `first_doubles` are the first n, or none, or all ---- */

enum { WD = 2 };
typedef int64_t mask_d;

INLINE mask_d first_doubles(int64_t n) { return n; }

INLINE vecd vd_set(double x) { return vdupq_n_f64(x); }
INLINE vecd vd_load(const double *p) { return vld1q_f64(p); }
INLINE void vd_store(double *p, vecd x) { vst1q_f64(p, x); }
INLINE vecd vd_sqrt(vecd a) { return vsqrtq_f64(a); }
INLINE vecd vd_add(vecd a, vecd b) { return vaddq_f64(a, b); }
INLINE vecd vd_fma(vecd a, vecd b, vecd c) { return vfmaq_f64(c, a, b); }

INLINE vecd vd_load_first(const double *p, mask_d m) {
    if (m >= WD) return vd_load(p);
    return m < 1 ? vd_set(0) : vld1q_lane_f64(p, vd_set(0), 0);
}

INLINE void vd_store_first(double *p, mask_d m, vecd x) {
    if (m >= WD) vd_store(p, x);
    else if (m == 1) vst1q_lane_f64(p, x, 0);
}

#include "kernel/vec_pairs.h"

/* ---- elements of other types ---- */

INLINE vec v_get_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }

INLINE vec v_get_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }

INLINE vec v_get_u8(const uint8_t *p, int8_t most) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    const uint8x8_t bytes = vmin_u8(vreinterpret_u8_u32(vdup_n_u32(four)), vdup_n_u8((uint8_t)most));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

INLINE void v_put_f16(uint16_t *p, vec x) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }

INLINE void v_put_bytes(uint8_t *p, uint32x4_t x) { /* the lowest of each lane */
    const uint16x4_t halves = vmovn_u32(x);
    const uint32x2_t four = vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves)));
    const uint32_t bytes = vget_lane_u32(four, 0);
    memcpy(p, &bytes, sizeof bytes);
}

/* Adding almost half a unit, or all of half a unit to an odd number, rounds to nearest, ties to even. */
INLINE void v_put_bf16(uint16_t *p, vec x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    vst1_u16(p, vshrn_n_u32(vbslq_u32(v_differs(x, x), quiet, rounded), 16));
}

INLINE bool v_is_in_range(vec x) { /* of whole numbers of 32 bits, NaN is not */
    return !v_any(vmvnq_u32(v_less(v_abs(x), v_set(0x1p31f))));
}

/* False where something is out of range. */
INLINE bool v_put_i32(int32_t *p, vec x) {
    vst1q_s32(p, vcvtq_s32_f32(x));
    return v_is_in_range(x);
}

INLINE bool v_put_u8(uint8_t *p, vec x) {
    v_put_bytes(p, vreinterpretq_u32_s32(vcvtq_s32_f32(x)));
    return v_is_in_range(x);
}

INLINE void v_put_bool(uint8_t *p, vec x) { v_put_bytes(p, vshrq_n_u32(v_differs(x, v_set(0)), 31)); }

/* ---- whole numbers ---- */

INLINE vec v_round(vec x) { return vrndnq_f32(x); } /* half to even */

INLINE vec v_floor(vec x) { return vrndmq_f32(x); }

INLINE vec v_ceil(vec x) { return vrndpq_f32(x); }

/* x 2^n, rounded once, for |n| <= 252 and normal x: the first of two factors leaves it normal. */
INLINE vec v_scale(vec x, vec n) {
    const int32x4_t all = vcvtnq_s32_f32(n), half = vshrq_n_s32(all, 1), bias = vdupq_n_s32(127);
    const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
    const int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(all, half), bias), 23);
    return v_mul(v_mul(x, FLOATS(first)), FLOATS(second));
}

/* m of x = m 2^n with sqrt(1/2) <= m < sqrt(2), for normal x > 0. */
INLINE vec v_split(vec x, vec *n) {
    const int32x4_t bits = BITS(x), exponent = vshrq_n_s32(vsubq_s32(bits, BITS(v_set(0x1.6a09e6p-1f))), 23);
    *n = vcvtq_f32_s32(exponent);
    return FLOATS(vsubq_s32(bits, vshlq_n_s32(exponent, 23)));
}

/* y 2^n, n being the whole number in the last bits of `shifted`. */
INLINE vec v_times_power(vec y, vec shifted) { return FLOATS(vaddq_s32(BITS(y), vshlq_n_s32(BITS(shifted), 23))); }

#include "kernel/vec_tanh.h"

#undef FLOATS
#undef BITS

#endif
