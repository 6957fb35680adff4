/* simd_neon.c -- the NEON table, which every 64-bit ARM runs. gcc moves loads far up in a loop, before it hands out
 * registers, so that there are too few for the sums of a tile; processors look ahead by themselves. */
#include "kernel/vec_neon.h"

#if !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("no-schedule-insns")
#endif

#define SIMD_ISA "neon"
#define SIMD_TABLE wk__kernels_neon
#include "kernel/simd.inc"

#if !defined(__clang__)
#pragma GCC pop_options
#endif
