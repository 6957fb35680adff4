/* vec_tanh.h -- tanh by way of e^x, for vectors by which no table of 16 entries can be looked up. */
#ifndef WK_KERNEL_VEC_TANH_H
#define WK_KERNEL_VEC_TANH_H

/* e^x for 0 <= x < 60: 2^n e^r, n the whole number nearest to x / ln 2, which lies in the last bits of `shifted`. */
INLINE vec v_exp_below_60(vec x) {
    const vec room = v_set(0x1.8p23f), shifted = v_fma(x, v_set(0x1.715476p+0f), room), n = v_sub(shifted, room);
    const vec r = v_fma(n, v_set(-0x1.7f7d1cp-20f), v_fma(n, v_set(-0x1.62e4p-1f), x)); /* ln 2 in two parts */
    vec tail = v_set(exp_tail[4]);
    UNROLL for (int i = 3; i >= 0; i--) tail = v_fma(tail, r, v_set(exp_tail[i]));
    return v_times_power(v_add(v_fma(v_mul(r, r), tail, r), v_set(1.0f)), shifted);
}

/* An odd polynomial below 5/8, else 1 - 2 / (e^2x + 1); see tools/tanh_table.py. */
INLINE vec v_tanh(vec x) {
    const vec a = v_min(v_set(10.0f), v_abs(x)), a2 = v_mul(a, a); /* NaN stays NaN */
    vec tail = v_set(tanh_odd[4]);
    UNROLL for (int i = 3; i >= 0; i--) tail = v_fma(tail, a2, v_set(tanh_odd[i]));
    const vec small = v_fma(v_mul(a2, a), tail, a);
    const vec large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(v_exp_below_60(v_add(a, a)), v_set(1.0f))));
    return v_flip(v_pick(v_at_most(v_set(0.625f), a), large, small), x);
}

#endif
