/* simd_avx2.c -- the AVX2 table; built with -mavx2 -mfma -mf16c, which every processor with AVX2 has. */
#include "kernel/vec_avx2.h"

#define SIMD_ISA "avx2"
#define SIMD_TABLE wk__kernels_avx2
#include "kernel/simd.inc"
