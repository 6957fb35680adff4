/* rng.h -- random numbers, drawn as PyTorch's CPU generator draws them: the same seed and the same calls give the
 * same numbers. Plain functions over arrays; they know no tensors and cannot fail.
 *
 *     seed -> mt19937 -> 32-bit words -> one or two words a number -> uniform, integer, permutation, bernoulli
 *                                              two uniforms -> Box-Muller -> normal
 *
 * Which words a number takes is part of the contract, for the next call goes on where this one stopped:
 *
 *     function                words a number         formula (u24, u53: low 24 or 53 bits as a fraction of 1)
 *     uniform_f32             1                      fma(u24, to - from, from) in float
 *     uniform_f64             2, high half first     fma(u53, to - from, from) in double
 *     randint                 1; 2 if range >= 2^32  word % range + from
 *     randperm                1, n - 1 in all        exchange i with i + word % (n - i)
 *     bernoulli               2                      u53 < p
 *     bernoulli_each          1                      u24 < p[i]
 *     exponential             2                      -log(1 - u53) / rate in double
 *     normal, n < 16          4 for each two         Box-Muller in double, the second number kept as a spare
 *     normal, n >= 16         f32: 1, f64: 2         Box-Muller on groups of 16, in place
 *
 * PyTorch rounds `x * (to - from) + from` once on machines with AVX2 (its compiler makes an fma of it) and twice
 * without. Here it is one fma everywhere. Builds of PyTorch with MKL draw bernoulli from a stream of MKL's own; the
 * numbers here are those of builds without. */
#ifndef WK_BASE_RNG_H
#define WK_BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

enum { WK_RNG_WORDS = 624 }; /* the state of mt19937 (Matsumoto & Nishimura 1998) */

typedef struct wk_rng {
    uint64_t seed;                /* as given; the words come from its low 32 bits, as in PyTorch */
    double spare_normal;          /* the second half of the last Box-Muller pair ... */
    bool has_spare_normal;        /* ... if nobody has taken it yet */
    int32_t position;             /* the next word to give out; WK_RNG_WORDS: none left, make the next 624 */
    uint32_t words[WK_RNG_WORDS]; /* raw: tempered as they are given out */
} wk_rng;

/* Starts the stream of a seed; also drops a spare normal. */
void wk__rng_seed(wk_rng *rng, uint64_t seed);

uint32_t wk__rng_next32(wk_rng *rng);
uint64_t wk__rng_next64(wk_rng *rng); /* two words, the first one high */

/* Writes the next n words: what n calls of wk__rng_next32 return. */
void wk__rng_words(wk_rng *rng, int64_t n, uint32_t *y);

/* Uniform in [from, to); rounding may give `to` itself, as in PyTorch. from <= to. */
void wk__rng_uniform_f32(wk_rng *rng, int64_t n, float *y, double from, double to);
void wk__rng_uniform_f64(wk_rng *rng, int64_t n, double *y, double from, double to);

/* Integers from `from` up to but without `to`; from < to. */
void wk__rng_randint(wk_rng *rng, int64_t n, int64_t *y, int64_t from, int64_t to);

/* A permutation of 0 .. n-1, for n < 2^32. */
void wk__rng_randperm(wk_rng *rng, int64_t n, int64_t *y);

/* 1 with probability p, else 0. One p for all is Tensor.bernoulli_(p) and what dropout draws; a p for each is
 * torch.bernoulli of a float tensor. They take different words. */
void wk__rng_bernoulli_f32(wk_rng *rng, int64_t n, float *y, double p);
void wk__rng_bernoulli_f64(wk_rng *rng, int64_t n, double *y, double p); /* the same numbers */
void wk__rng_bernoulli_each_f32(wk_rng *rng, int64_t n, float *y, const float *p);

/* Exponential with this rate, 1 / mean; rate > 0. */
void wk__rng_exponential_f32(wk_rng *rng, int64_t n, float *y, double rate);
void wk__rng_exponential_f64(wk_rng *rng, int64_t n, double *y, double rate);

/* n groups of 16 uniforms, a stride apart, made standard normal numbers; x and y may be the same. Either of float or of
 * double: the kernel box_muller. */
typedef void wk_normal_groups(int64_t n, void *y, int64_t sy, const void *x, int64_t sx);

/* Normal with mean and standard deviation; std >= 0. */
void wk__rng_normal_f32(wk_rng *rng, int64_t n, float *y, double mean, double std, wk_normal_groups *transform);
void wk__rng_normal_f64(wk_rng *rng, int64_t n, double *y, double mean, double std, wk_normal_groups *transform);

#endif
