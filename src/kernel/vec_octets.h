/* vec_octets.h -- octets where there is no register for more than one: OCTETS is 1, and what takes two addresses reads
 * from the first. vec_avx512.h says how two are arranged. What differs stands before: os_of_half and its kin. */
#ifndef WK_KERNEL_VEC_OCTETS_H
#define WK_KERNEL_VEC_OCTETS_H

enum { OCTETS = 1 };

INLINE octets os_zero(void) { return o_zero(); }

INLINE octets os_load(const float *p, const float *q) {
    (void)q;
    return o_load(p);
}

INLINE octets os_load_twice(const float *p) { return o_load(p); }

INLINE octets os_load_first(const float *p, const float *q, int64_t n) {
    (void)q;
    return o_load_first(p, n);
}

INLINE octets os_fma(octets a, octets b, octets c) { return o_fma(a, b, c); }

INLINE octets os_add(octets a, octets b) { return o_add(a, b); }

INLINE octets os_sum_each(const octets x[8]) { return o_sum_each(x); }

/* The same of four, in the first half. */
INLINE octets os_sum_four(const octets x[4]) { return os_of_half(q_sum_each(x)); }

INLINE octets os_load_half(const float *p) { return os_of_half(q_load(p)); }

/* Groups of eight lanes are a vector, or a part of one is in each vector. */
INLINE vec v_load_groups(const float *p, int64_t step) {
    (void)step;
    return v_load(p);
}

INLINE void v_store_groups(float *p, int64_t step, vec x) {
    (void)step;
    v_store(p, x);
}

#endif
