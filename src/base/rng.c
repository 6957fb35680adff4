/* rng.c -- the Mersenne Twister mt19937 and what is drawn from it word by word; normals are in rng_normal.c. */
#include "base/rng.h"

#include <math.h>

enum {
    N = WK_RNG_WORDS,
    M = 397,    /* the twist's second tap */
    CHUNK = 256 /* words drawn at a time by the loops below: 1 KB of stack */
};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

void wk__rng_seed(wk_rng *rng, uint64_t seed) {
    rng->seed = seed;
    rng->has_spare_normal = false;
    rng->spare_normal = 0;
    rng->position = N;
    rng->words[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < N; i++) {
        const uint32_t previous = rng->words[i - 1];
        rng->words[i] = 1812433253u * (previous ^ previous >> 30) + i;
    }
}

/* -------------------------------------------------------------------------------------------------------- words --- */

static uint32_t twist(uint32_t word, uint32_t next, uint32_t tap) {
    const uint32_t mixed = (word & 0x80000000u) | (next & 0x7fffffffu);
    return tap ^ mixed >> 1 ^ ((0u - (mixed & 1u)) & 0x9908b0dfu);
}

/* Replaces all words by the next 624. Word i is made from i, i+1 and i+397 (mod 624), so the loop falls in two
 * where the tap wraps round, and each half is free to be vectorised. */
static void refill(uint32_t *words) {
    for (int i = 0; i < N - M; i++) words[i] = twist(words[i], words[i + 1], words[i + M]);
    for (int i = N - M; i < N - 1; i++) words[i] = twist(words[i], words[i + 1], words[i + M - N]);
    words[N - 1] = twist(words[N - 1], words[0], words[M - 1]);
}

static uint32_t temper(uint32_t word) {
    word ^= word >> 11;
    word ^= word << 7 & 0x9d2c5680u;
    word ^= word << 15 & 0xefc60000u;
    return word ^ word >> 18;
}

uint32_t wk__rng_next32(wk_rng *rng) {
    if (rng->position == N) {
        refill(rng->words);
        rng->position = 0;
    }
    return temper(rng->words[rng->position++]);
}

uint64_t wk__rng_next64(wk_rng *rng) {
    const uint64_t high = wk__rng_next32(rng);
    return high << 32 | wk__rng_next32(rng);
}

void wk__rng_words(wk_rng *rng, int64_t n, uint32_t *y) {
    while (n > 0) {
        if (rng->position == N) {
            refill(rng->words);
            rng->position = 0;
        }
        const uint32_t *const from = rng->words + rng->position;
        const int64_t run = smaller(n, N - rng->position);
        for (int64_t i = 0; i < run; i++) y[i] = temper(from[i]);
        rng->position += (int32_t)run;
        y += run;
        n -= run;
    }
}

/* The next n pairs of words as 64-bit numbers; n <= CHUNK / 2. */
static void words64(wk_rng *rng, int64_t n, uint64_t *y) {
    uint32_t words[CHUNK];
    wk__rng_words(rng, 2 * n, words);
    for (int64_t i = 0; i < n; i++) y[i] = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
}

/* ------------------------------------------------------------------------------------------------------ uniform --- */

static float fraction24(uint32_t word) { return (float)(int32_t)(word & 0xffffffu) * 0x1p-24f; }

static const uint64_t mask53 = 0x1fffffffffffffu;

static double fraction53(uint64_t word) { return (double)(int64_t)(word & mask53) * 0x1p-53; }

void wk__rng_uniform_f32(wk_rng *rng, int64_t n, float *y, double from, double to) {
    const float low = (float)from, span = (float)to - low;
    const bool unit = low == 0 && span == 1; /* the fma would change nothing; without it the loop vectorises */
    uint32_t words[CHUNK];
    for (int64_t done = 0; done < n; done += CHUNK) {
        const int64_t run = smaller(n - done, CHUNK);
        wk__rng_words(rng, run, words);
        for (int64_t i = 0; i < run; i++) y[done + i] = fraction24(words[i]);
        for (int64_t i = 0; i < run && !unit; i++) y[done + i] = fmaf(y[done + i], span, low);
    }
}

void wk__rng_uniform_f64(wk_rng *rng, int64_t n, double *y, double from, double to) {
    const double span = to - from;
    for (int64_t i = 0; i < n; i++) y[i] = fma(fraction53(wk__rng_next64(rng)), span, from);
}

/* ----------------------------------------------------------------------------------------------------- integers --- */

/* Unsigned arithmetic throughout: to - from may not fit int64_t, and word + from wraps back into range. */
void wk__rng_randint(wk_rng *rng, int64_t n, int64_t *y, int64_t from, int64_t to) {
    const uint64_t range = (uint64_t)to - (uint64_t)from;
    const bool wide = range > UINT32_MAX;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t word = wide ? wk__rng_next64(rng) % range : wk__rng_next32(rng) % (uint32_t)range;
        y[i] = (int64_t)(word + (uint64_t)from);
    }
}

void wk__rng_randperm(wk_rng *rng, int64_t n, int64_t *y) {
    for (int64_t i = 0; i < n; i++) y[i] = i;
    for (int64_t i = 0; i < n - 1; i++) {
        const int64_t j = i + wk__rng_next32(rng) % (n - i);
        const int64_t kept = y[i];
        y[i] = y[j];
        y[j] = kept;
    }
}

/* ---------------------------------------------------------------------------------------------------- bernoulli --- */

/* fraction53(word) < p, asked in whole numbers: k / 2^53 < p where k < ceil(p 2^53). */
void wk__rng_bernoulli_f32(wk_rng *rng, int64_t n, float *y, double p) {
    const uint64_t limit = (uint64_t)ceil(p * 0x1p53);
    uint64_t words[CHUNK / 2];
    for (int64_t done = 0; done < n; done += CHUNK / 2) {
        const int64_t run = smaller(n - done, CHUNK / 2);
        words64(rng, run, words);
        for (int64_t i = 0; i < run; i++) y[done + i] = (float)((words[i] & mask53) < limit);
    }
}

void wk__rng_bernoulli_f64(wk_rng *rng, int64_t n, double *y, double p) {
    float narrow[CHUNK];
    for (int64_t done = 0; done < n; done += CHUNK) {
        const int64_t run = smaller(n - done, CHUNK);
        wk__rng_bernoulli_f32(rng, run, narrow, p);
        for (int64_t i = 0; i < run; i++) y[done + i] = (double)narrow[i];
    }
}

void wk__rng_bernoulli_each_f32(wk_rng *rng, int64_t n, float *y, const float *p) {
    uint32_t words[CHUNK];
    for (int64_t done = 0; done < n; done += CHUNK) {
        const int64_t run = smaller(n - done, CHUNK);
        wk__rng_words(rng, run, words);
        for (int64_t i = 0; i < run; i++) y[done + i] = (float)(fraction24(words[i]) < p[done + i]);
    }
}

/* -------------------------------------------------------------------------------------------------- exponential --- */

static double exponential(wk_rng *rng, double rate) { return -1 / rate * log(1 - fraction53(wk__rng_next64(rng))); }

void wk__rng_exponential_f32(wk_rng *rng, int64_t n, float *y, double rate) {
    for (int64_t i = 0; i < n; i++) y[i] = (float)exponential(rng, rate);
}

void wk__rng_exponential_f64(wk_rng *rng, int64_t n, double *y, double rate) {
    for (int64_t i = 0; i < n; i++) y[i] = exponential(rng, rate);
}
