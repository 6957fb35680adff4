/* machine.h -- what one core can do at most, measured with the instructions that the library uses: multiplications and
 * additions in registers, and reading memory. What is measured against it should be measured within the same second,
 * for clocks change and neighbours are heard. */
#ifndef MACHINE_H
#define MACHINE_H

#include <string.h>
#include <wick.h>

#include "measure.h"

/* The two loops below for one instruction set: `chains` sums that do not wait for one another, and eight streams of
 * loads. The barrier keeps the compiler from working out what the loops amount to. */
#define MACHINE_LOOPS(isa, target_list, vector, load, fused)                                         \
    __attribute__((target(target_list))) static void multiply_##isa(int64_t rounds) {                \
        vector sum[12] = {{0}}, a = {0};                                                             \
        for (int64_t i = 0; i < rounds; i++) _Pragma("GCC unroll 12") for (int u = 0; u < 12; u++) { \
                sum[u] = fused(a, a, sum[u]);                                                        \
                __asm__ volatile("" : "+v"(sum[u]), "+v"(a));                                        \
            }                                                                                        \
    }                                                                                                \
    __attribute__((target(target_list))) static void read_##isa(const float *p, int64_t count) {     \
        enum { LANES = sizeof(vector) / sizeof(float) };                                             \
        for (int64_t i = 0; i + 8 * LANES <= count; i += 8 * LANES)                                  \
            _Pragma("GCC unroll 8") for (int u = 0; u < 8; u++) {                                    \
                const vector loaded = load(p + i + u * LANES);                                       \
                __asm__ volatile("" : : "v"(loaded));                                                \
            }                                                                                        \
    }

#if defined(__x86_64__)
#include <immintrin.h>
MACHINE_LOOPS(avx512, "avx512f", __m512, _mm512_loadu_ps, _mm512_fmadd_ps)
MACHINE_LOOPS(avx2, "avx2,fma", __m256, _mm256_loadu_ps, _mm256_fmadd_ps)
#endif

typedef struct machine_loops {
    void (*multiply)(int64_t rounds);
    void (*read)(const float *p, int64_t count);
    int lanes;
} machine_loops;

/* Those of the library's kernels; without any (multiply NULL) where these are plain C. */
static inline machine_loops machine_loops_in_use(void) {
#if defined(__x86_64__)
    if (strcmp(wk_isa(), "avx512") == 0) return (machine_loops){multiply_avx512, read_avx512, 16};
    if (strcmp(wk_isa(), "avx2") == 0) return (machine_loops){multiply_avx2, read_avx2, 8};
#endif
    return (machine_loops){NULL, NULL, 0};
}

/* The shortest of several runs: a limit is what can be reached, not what is usual. */
enum { MACHINE_RUNS = 25 };

/* Floating-point operations per second; 0 where it cannot be said. */
static inline double machine_peak(void) {
    enum { ROUNDS = 30000 };
    const machine_loops loops = machine_loops_in_use();
    double best = INFINITY;
    for (int i = 0; i < MACHINE_RUNS && loops.multiply != NULL; i++) {
        const double begin = seconds(CLOCK_MONOTONIC);
        loops.multiply(ROUNDS);
        const double time = seconds(CLOCK_MONOTONIC) - begin;
        if (time < best) best = time;
    }
    return loops.multiply == NULL ? 0 : 2.0 * 12 * loops.lanes * ROUNDS / best;
}

/* Bytes per second when so many bytes are read again and again, vectors of them from the beginnings of lines or across
 * two lines each; 0 where it cannot be said. */
static inline double machine_bandwidth(size_t nbytes, bool across) {
    const machine_loops loops = machine_loops_in_use();
    const int64_t count = (int64_t)(nbytes / sizeof(float)), times = 1 + (int64_t)(4e6 / (double)nbytes);
    const size_t room = (nbytes / 4096 + 2) * 4096;
    float *p = loops.read == NULL ? NULL : aligned_alloc(4096, room);
    double best = INFINITY;
    if (p == NULL) return 0;
    memset(p, 1, room);
    for (int i = 0; i < MACHINE_RUNS; i++) {
        const double begin = seconds(CLOCK_MONOTONIC);
        for (int64_t k = 0; k < times; k++) loops.read(p + across, count);
        const double time = seconds(CLOCK_MONOTONIC) - begin;
        if (time < best) best = time;
    }
    free(p);
    return (double)nbytes * (double)times / best;
}

#endif
