/* cpu.h -- which instruction sets this processor and its operating system let us use. */
#ifndef WK_BASE_CPU_H
#define WK_BASE_CPU_H

#include <stdbool.h>

bool wk__cpu_has_avx2(void);   /* AVX2, FMA and F16C */
bool wk__cpu_has_avx512(void); /* AVX-512 F, VL, DQ and BW, and all of the above */

#endif
