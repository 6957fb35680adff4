/* fuzz_wide.h -- more operations for the random programs of fuzz_program.h: functions of every kind and their forms in
 * place, on elements of any type, with whatever numbers. What does not fit is refused, and the program goes on. */
#ifndef WK_TESTS_FUZZ_WIDE_H
#define WK_TESTS_FUZZ_WIDE_H

#include <math.h>

#include "fuzz_program.h"

#define COUNT(list) ((int64_t)(sizeof(list) / sizeof *(list)))

typedef wk_tensor *wide_unary(wk_tensor *x);
typedef wk_tensor *wide_scalar(wk_tensor *x, double s);
typedef wk_tensor *wide_binary(wk_tensor *a, wk_tensor *b);
typedef wk_tensor *wide_over(wk_tensor *x, int32_t ndim, const int64_t *dims, bool keepdim);
typedef wk_tensor *wide_along(wk_tensor *x, int32_t dim, bool keepdim);

static const double wide_numbers[] = {0, -0.0, 0.5, -1.5, 2, 3, 1e-40, 1e30, INFINITY, -INFINITY, NAN};
static double some_number(machine *m) { return wide_numbers[below(m, COUNT(wide_numbers))]; }

static wk_tensor *wide_unaries(machine *m) {
    static wide_unary *const of[] = {wk_neg,   wk_exp,   wk_expm1,   wk_log,    wk_log1p,  wk_sqrt,        wk_rsqrt,
                                     wk_sin,   wk_cos,   wk_tan,     wk_asin,   wk_acos,   wk_atan,        wk_sinh,
                                     wk_cosh,  wk_erf,   wk_abs,     wk_sign,   wk_round,  wk_floor,       wk_ceil,
                                     wk_trunc, wk_tanh,  wk_sigmoid, wk_relu,   wk_silu,   wk_reciprocal,  wk_square,
                                     wk_isnan, wk_isinf, wk_sum,     wk_mean,   wk_max,    wk_min,         wk_prod,
                                     wk_any,   wk_all,   wk_argmax,  wk_argmin, wk_detach, wk_logical_not, wk_clone};
    return of[below(m, COUNT(of))](pick(m));
}

static wk_tensor *wide_scalars(machine *m) {
    static wide_scalar *const of[] = {
        wk_mul_scalar,       wk_add_scalar,  wk_sub_scalar,          wk_rsub_scalar, wk_div_scalar,
        wk_rdiv_scalar,      wk_pow_scalar,  wk_eq_scalar,           wk_lt_scalar,   wk_ge_scalar,
        wk_remainder_scalar, wk_fmod_scalar, wk_floor_divide_scalar, wk_leaky_relu,  wk_elu};
    return of[below(m, COUNT(of))](pick(m), some_number(m));
}

static wk_tensor *wide_binaries(machine *m) {
    static wide_binary *const of[] = {wk_add, wk_sub, wk_mul, wk_div,         wk_pow,         wk_maximum, wk_minimum,
                                      wk_eq,  wk_lt,  wk_ge,  wk_logical_and, wk_logical_xor, wk_outer,   wk_dot};
    static wide_binary *const quotients[] = {wk_fmod, wk_remainder, wk_floor_divide};
    wk_tensor *a = pick(m), *b = chance(m, 60) ? fitting(m, wk_ndim(a), wk_dims(a)) : pick(m);
    if (chance(m, 15)) /* of whole numbers, a 0 would be a failure, which not all numbers have */
        return quotients[below(m, COUNT(quotients))](wk_cast(a, WK_F64), b);
    return of[below(m, COUNT(of))](a, b);
}

/* In a copy, or where it stands, which something may have saved. */
static wk_tensor *wide_in_place(machine *m) {
    static wide_unary *const ones[] = {wk_neg_, wk_exp_, wk_sqrt_, wk_tanh_, wk_sigmoid_, wk_relu_,
                                       wk_abs_, wk_sin_, wk_log_,  wk_silu_, wk_square_,  wk_reciprocal_};
    static wide_scalar *const scalars[] = {wk_mul_scalar_, wk_add_scalar_, wk_rsub_scalar_, wk_div_scalar_,
                                           wk_pow_scalar_};
    static wide_binary *const pairs[] = {wk_add_, wk_sub_, wk_mul_, wk_div_, wk_maximum_, wk_minimum_, wk_copy_};
    wk_tensor *x = pick(m), *y = chance(m, 90) || m->copies ? wk_clone(x) : x, *other = pick(m);
    const int64_t kind = below(m, 3), first = below(m, 60);
    if (chance(m, 30) && wk_ndim(y) > 0 && wk_dim(y, 0) > 0) y = wk_select(y, 0, 0);
    if (kind == 0) return ones[first % COUNT(ones)](y);
    if (kind == 1) return scalars[first % COUNT(scalars)](y, some_number(m));
    return pairs[first % COUNT(pairs)](y, chance(m, 50) ? fitting(m, wk_ndim(y), wk_dims(y)) : other);
}

static wk_tensor *wide_reduced(machine *m) {
    static wide_over *const of[] = {wk_sum_dims, wk_mean_dims, wk_amax,     wk_amin,
                                    wk_any_dims, wk_all_dims,  wk_logsumexp};
    static wide_along *const along[] = {wk_argmax_dim, wk_argmin_dim, wk_prod_dim};
    wk_tensor *x = pick(m);
    const int64_t kind = below(m, 4), which = below(m, 60), correction = below(m, 3);
    const bool keep = chance(m, 50);
    const int64_t dims[] = {wk_ndim(x) > 0 ? some_dim(m, x) : 0};
    const int32_t count = wk_ndim(x) > 0 && chance(m, 70);
    if (kind == 0) return along[which % COUNT(along)](x, (int32_t)dims[0], keep);
    if (kind == 1)
        return which % 2 == 0 ? wk_var(x, count, dims, correction, keep) : wk_std(x, count, dims, correction, keep);
    if (kind == 2) return wk_norm(x, wide_numbers[which % COUNT(wide_numbers)], count, dims, keep);
    return of[which % COUNT(of)](x, count, dims, keep);
}

static wk_tensor *wide_along_dim(machine *m) {
    wk_tensor *x = pick(m), *indices = NULL, *y;
    if (wk_ndim(x) == 0) return NULL;
    const int32_t dim = some_dim(m, x);
    const int64_t flipped[] = {dim};
    const bool flag = chance(m, 50);
    switch (below(m, 11)) {
    case 0: return wk_softmax(x, dim);
    case 1: return wk_log_softmax(x, dim);
    case 2: return wk_cumsum(x, dim);
    case 3: return wk_cumprod(x, dim);
    case 4: y = wk_sort(x, dim, flag, &indices); break;
    case 5: y = wk_topk(x, (wk_dim(x, dim) + 1) / 2, dim, flag, &indices); break;
    case 6: y = wk_max_dim(x, dim, flag, &indices); break;
    case 7: y = wk_min_dim(x, dim, flag, &indices); break;
    case 8: return wk_flip(x, 1, flipped);
    case 9: return wk_argsort(x, dim, flag);
    default: return flag ? wk_tril(x, 0) : wk_triu(x, 1);
    }
    make_live(m, chance(m, 50) ? indices : NULL);
    return y;
}

/* Whole numbers from 0 to n - 1 in this shape. */
static wk_tensor *wide_index(machine *m, int32_t ndim, const int64_t *dims, int64_t n) {
    return wk_remainder_scalar(wk_cast(wk_mul_scalar(constant(m, ndim, dims), 128), WK_I64), (double)n);
}

static wk_tensor *wide_by_index(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) == 0) return NULL;
    const int32_t dim = some_dim(m, x);
    const int64_t n = wk_dim(x, dim), count = 1 + below(m, 3);
    wk_tensor *some = wide_index(m, WK_SHAPE(count), n), *as_x = wide_index(m, wk_ndim(x), wk_dims(x), n);
    wk_tensor *other = fitting(m, wk_ndim(x), wk_dims(x));
    switch (below(m, 8)) {
    case 0: return wk_index_select(x, dim, some);
    case 1: return wk_gather(x, dim, as_x);
    case 2: return wk_scatter_add(x, dim, as_x, other);
    case 3: return wk_scatter(x, dim, as_x, other);
    case 4: return wk_index_add(x, dim, some, wk_index_select(other, dim, some));
    case 5: return wk_embedding(wide_index(m, WK_SHAPE(2, 2), wk_dim(x, 0)), x, -1);
    case 6: return wk_masked_fill(x, pick(m), some_number(m));
    default: return wk_where(wk_gt_scalar(other, 0), x, pick(m));
    }
}

static wk_tensor *wide_random(machine *m) {
    wk_tensor *x = pick(m);
    const int32_t ndim = wk_ndim(x);
    const int64_t *dims = wk_dims(x);
    switch (below(m, 7)) {
    case 0: return wk_rand(ndim, dims, m->dtype);
    case 1: return wk_randn(ndim, dims, m->dtype);
    case 2: return wk_uniform(-2, 3, ndim, dims, WK_F64);
    case 3: return wk_bernoulli(0.4, ndim, dims, m->dtype);
    case 4: return wk_randint_tensor(-3, 4, ndim, dims);
    case 5: return wk_randperm(1 + below(m, 20));
    default: return wk_dropout(x, (double)below(m, 4) / 3, chance(m, 80));
    }
}

static wk_tensor *wide_loss(machine *m) {
    static wide_binary *const of[] = {wk_mse_loss, wk_l1_loss, wk_smooth_l1_loss, wk_huber_loss,
                                      wk_binary_cross_entropy_with_logits};
    wk_tensor *x = pick(m);
    if (chance(m, 60)) return of[below(m, COUNT(of))](x, fitting(m, wk_ndim(x), wk_dims(x)));
    if (wk_ndim(x) != 2 || wk_dim(x, 1) == 0) return NULL;
    wk_tensor *target = wide_index(m, WK_SHAPE(wk_dim(x, 0)), wk_dim(x, 1));
    return chance(m, 50) ? wk_cross_entropy(x, target) : wk_nll_loss(wk_log_softmax(x, 1), target);
}

static wk_tensor *wide_composed(machine *m) {
    wk_tensor *x = pick(m);
    if (wk_ndim(x) == 0) return NULL;
    const int64_t last[] = {wk_dim(x, -1)};
    wk_tensor *weight = fitting(m, 1, last), *bias = fitting(m, 1, last);
    switch (below(m, 4)) {
    case 0: return wk_layer_norm(x, 1, last, weight, bias, 1e-5);
    case 1: return wk_layer_norm(x, 1, last, chance(m, 50) ? NULL : weight, NULL, 1e-5);
    case 2: return wk_gelu(x, chance(m, 50));
    default: return wk_clamp(x, -0.5, some_number(m));
    }
}

static wk_tensor *wide_cast(machine *m) {
    static const wk_dtype types[] = {WK_F32, WK_F32, WK_F64, WK_F64, WK_F16, WK_BF16, WK_I64, WK_I32, WK_U8, WK_BOOL};
    return wk_cast(pick(m), types[below(m, COUNT(types))]);
}

static bool wide_tanh_of_product(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_tanh(wk_mul(in[0], wk_dropout(in[1], 0.5, true)));
    return true;
}

/* Blocks of other kinds: run again on the way back, differentiated within, unrecorded. */
static wk_tensor *wide_block(machine *m) {
    wk_tensor *x = pick(m), *in[] = {x, fitting(m, wk_ndim(x), wk_dims(x))}, *y = NULL;
    switch (below(m, 3)) {
    case 0: wk_checkpoint(wide_tanh_of_product, NULL, in, 2, &y, 1); return y;
    case 1:
        if (wk_requires_grad(x)) wk_grad(wk_sum(wk_tanh(wk_mul(x, in[1]))), &x, 1, &y, WK_CREATE_GRAPH);
        return y;
    default: {
        const bool enabled = wk_set_grad_enabled(false);
        y = wk_mul(wk_add_scalar(wk_mul(wk_tanh(x), in[1]), 0.25), x);
        wk_set_grad_enabled(enabled);
        return y;
    }
    }
}

static wk_tensor *wide_op(machine *m) {
    static wk_tensor *(*const kinds[])(machine *) = {
        wide_unaries,  wide_unaries,  wide_scalars,  wide_scalars,   wide_binaries,
        wide_binaries, wide_in_place, wide_reduced,  wide_along_dim, wide_by_index,
        wide_random,   wide_loss,     wide_composed, wide_cast,      wide_block,
    };
    return kinds[below(m, COUNT(kinds))](m);
}

#endif
