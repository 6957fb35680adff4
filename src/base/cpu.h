/* cpu.h -- which instruction sets this processor and its operating system let us use. */
#ifndef WK_BASE_CPU_H
#define WK_BASE_CPU_H

#include <stdbool.h>

/* The processors and compilers that there are vector kernels for. */
#if defined(__GNUC__) && defined(__x86_64__)
#define WK_ON_X86
bool wk__cpu_has_avx2(void);   /* AVX2, FMA and F16C */
bool wk__cpu_has_avx512(void); /* AVX-512 F, VL, DQ and BW, and all of the above */
#elif defined(__GNUC__) && defined(__aarch64__) && !defined(__AARCH64EB__)
#define WK_ON_ARM
static inline bool wk__cpu_has_neon(void) { return true; } /* every 64-bit ARM */
#endif
static inline bool wk__cpu_has_ref(void) { return true; } /* plain C */

#endif
