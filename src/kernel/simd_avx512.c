/* simd_avx512.c -- the AVX-512 table; built with -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma
 * -mf16c. */
#include "kernel/vec_avx512.h"

#define SIMD_ISA "avx512"
#define SIMD_TABLE wk__kernels_avx512
#include "kernel/simd.inc"
