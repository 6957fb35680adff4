/* simd_neon.c -- the NEON table, which every 64-bit ARM runs. */
#include "kernel/vec_neon.h"

#define SIMD_ISA "neon"
#define SIMD_TABLE wk__kernels_neon
#include "kernel/simd.inc"
