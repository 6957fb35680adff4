/* vec_pairs.h -- octets, quads and quartets of vec_x86.h where a vector is a quad: octets and quartets are two vectors,
 * a half each. */
#ifndef WK_KERNEL_VEC_PAIRS_H
#define WK_KERNEL_VEC_PAIRS_H

/* ---- quad: four floats ---- */

typedef vec quad;

INLINE quad q_load(const float *p) { return v_load(p); }

INLINE void q_store(float *p, quad x) { v_store(p, x); }

INLINE quad q_add(quad a, quad b) { return v_add(a, b); }

INLINE quad q_pick(quad chosen, quad a, quad b) { return v_pick(vreinterpretq_u32_f32(chosen), a, b); }

/* ---- octet: eight floats, in two halves; mostly partial sums of one dot product ---- */

typedef struct octet {
    vec half[2];
} octet;

/* f of the low halves, and of the high ones. */
#define IN_HALVES(f, x, y) ((octet){{f((x).half[0], (y).half[0]), f((x).half[1], (y).half[1])}})

INLINE octet o_zero(void) { return (octet){{v_set(0), v_set(0)}}; }

INLINE octet o_load(const float *p) { return (octet){{v_load(p), v_load(p + W)}}; }

INLINE octet o_load_halves(const float *p, const float *q) { return (octet){{v_load(p), v_load(q)}}; }

INLINE void o_store(float *p, octet x) {
    v_store(p, x.half[0]);
    v_store(p + W, x.half[1]);
}

INLINE octet o_add(octet a, octet b) { return IN_HALVES(v_add, a, b); }

INLINE octet o_fma(octet a, octet b, octet c) { /* a b + c */
    return (octet){{v_fma(a.half[0], b.half[0], c.half[0]), v_fma(a.half[1], b.half[1], c.half[1])}};
}

/* The first n lanes, all bits of which are set. */
INLINE octet o_lanes(int64_t n) {
    return (octet){{vreinterpretq_f32_u32(v_lanes(n)), vreinterpretq_f32_u32(v_lanes(n - W))}};
}

INLINE octet o_pick(octet chosen, octet a, octet b) { /* chosen ? a : b */
    return (octet){{q_pick(chosen.half[0], a.half[0], b.half[0]), q_pick(chosen.half[1], a.half[1], b.half[1])}};
}

INLINE octet o_load_first(const float *p, int64_t n) {
    if (n < W) return (octet){{v_load_first(p, first_lanes(n)), v_set(0)}};
    return (octet){{v_load(p), v_load_first(p + W, first_lanes(n - W))}};
}

/* In each half: x0 y0 x1 y1, and x2 y2 x3 y3. */
INLINE octet o_zip_low(octet x, octet y) { return IN_HALVES(vzip1q_f32, x, y); }

INLINE octet o_zip_high(octet x, octet y) { return IN_HALVES(vzip2q_f32, x, y); }

/* In each half: x0 x1 y0 y1, and x2 x3 y2 y3. */
INLINE vec v_low_pairs(vec x, vec y) { return vcombine_f32(vget_low_f32(x), vget_low_f32(y)); }

INLINE vec v_high_pairs(vec x, vec y) { return vcombine_f32(vget_high_f32(x), vget_high_f32(y)); }

INLINE octet o_low_pairs(octet x, octet y) { return IN_HALVES(v_low_pairs, x, y); }

INLINE octet o_high_pairs(octet x, octet y) { return IN_HALVES(v_high_pairs, x, y); }

/* In each half: 0+1 and 2+3 of x, 0+1 and 2+3 of y. */
INLINE octet o_sum_pairs(octet x, octet y) { return IN_HALVES(vpaddq_f32, x, y); }

/* In each half: (0+1)+(2+3) of four octets. */
INLINE octet o_sum_quads(const octet x[4]) { return o_sum_pairs(o_sum_pairs(x[0], x[1]), o_sum_pairs(x[2], x[3])); }

INLINE quad q_low_half(octet x) { return x.half[0]; }

INLINE quad q_sum_halves(octet x) { return v_add(x.half[0], x.half[1]); }

/* The sums ((0+1)+(2+3)) + ((4+5)+(6+7)) of four octets, of eight, and of one. */
INLINE quad q_sum_each(const octet x[4]) { return q_sum_halves(o_sum_quads(x)); }

INLINE octet o_sum_each(const octet x[8]) { return (octet){{q_sum_each(x), q_sum_each(x + 4)}}; }

INLINE float o_sum(octet x) {
    x = o_sum_pairs(x, x);
    return vgetq_lane_f32(q_sum_halves(o_sum_pairs(x, x)), 0);
}

#undef IN_HALVES

/* ---- octets: one of them ---- */

typedef octet octets;

/* Of what is a half, the first one counts. */
INLINE octets os_of_half(quad x) { return (octets){{x, x}}; }

INLINE octets os_high_half(octets x) { return os_of_half(x.half[1]); }

INLINE void os_store_half(float *p, octets x) { v_store(p, x.half[0]); }

#include "kernel/vec_octets.h"

/* ---- quartet: four doubles ---- */

typedef struct quartet {
    vecd half[2];
} quartet;

INLINE quartet t_set(double x) { return (quartet){{vd_set(x), vd_set(x)}}; }

INLINE quartet t_load(const double *p) { return (quartet){{vd_load(p), vd_load(p + WD)}}; }

INLINE quartet t_load_strided(const double *p, int64_t s) {
    return t_load((const double[]){p[0], p[s], p[2 * s], p[3 * s]});
}

INLINE void t_store(double *p, quartet x) {
    vd_store(p, x.half[0]);
    vd_store(p + WD, x.half[1]);
}

INLINE quartet t_fma(quartet a, quartet b, quartet c) {
    return (quartet){{vd_fma(a.half[0], b.half[0], c.half[0]), vd_fma(a.half[1], b.half[1], c.half[1])}};
}

/* The first two terms of four columns, which are ldb apart. */
INLINE void t_two_terms(const double *b, int64_t ldb, quartet term[2]) {
    UNROLL for (int i = 0; i < 2; i++, b += 2 * ldb) {
        const vecd even = vd_load(b), odd = vd_load(b + ldb);
        term[0].half[i] = vzip1q_f64(even, odd);
        term[1].half[i] = vzip2q_f64(even, odd);
    }
}

#endif
