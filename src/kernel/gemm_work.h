/* gemm_work.h -- when a matrix product is large, and how the scratch memory of a large one is laid out. Vectors have W
 * elements, and a tile in registers is R rows of P columns (R <= P, whole vectors; see vec_*.h):
 *
 *     +----------------------------------+-------------------------------------------------------+
 *     | A: rows of one block             | B: columns of one block                               |
 *     | +---------+---------+-----       | +------------+------------+------------+-----         |
 *     | | panel 0 | panel 1 | ...        | | panel 0    | panel 1    | panel 2    | ...          |
 *     | +---------+---------+-----       | +------------+------------+------------+-----         |
 *     +----------------------------------+-------------------------------------------------------+
 *     0                                  DEPTH * A_LANES                  DEPTH * (A_LANES + columns, in 32s)
 *
 *     a panel of A, (depth,W): R rows of A stand      a panel of B, (depth,P): P columns of B stand
 *     upright, side by side                           side by side, zeros behind the last one
 *
 *         k = 0 | 0 1 2 .. R-1 - - |                      k = 0 | 0 1 2 3 4 5 6 ..     P-1 |
 *             1 | 0 1 2 .. R-1 - - |                          1 | 0 1 2 3 4 5 6 ..     P-1 |
 *             : |                  |                          : |                          |
 *
 * so that a tile reads both in the order of their addresses. A's block (256 KB) is to stay in the second level cache
 * while all panels of B pass it, B's (2 MB at most) in the third while all blocks of A do. */
#ifndef WK_KERNEL_GEMM_WORK_H
#define WK_KERNEL_GEMM_WORK_H

#include "kernel/blas.h"

enum {
    WK_GEMM_DEPTH = 256,    /* terms that are summed before they are added to C: NOTE [Sums of a product] in gemm.inc */
    WK_GEMM_PARTS = 8,      /* partial sums of these where columns of B are contiguous */
    WK_GEMM_A_LANES = 256,
    WK_GEMM_B_LANES = 2048,
    WK_GEMM_PANEL = 32,     /* columns of the widest panel of B */
};

/* Elements of scratch for gemm_packed; 0 for a product that is better off without: what it reads is in the cache, or
 * read too few times for a copy to pay; or there are no kernels that pack. Symmetric in m and n,
 * for C^T = B^T A^T is the same product. */
static inline int64_t wk__gemm_work_of_kernels(wk_dtype dtype, int64_t m, int64_t n, int64_t k) {
    const int64_t narrow = m < n ? m : n, wide = m < n ? n : m;
    if (narrow < 128 || k < 64 || (double)m * (double)n * (double)k < 0x1p26) return 0;
    if (dtype != WK_F32 && dtype != WK_F64) return 0;
    const int64_t lanes = wide < WK_GEMM_B_LANES ? wide : WK_GEMM_B_LANES;
    return WK_GEMM_DEPTH * (WK_GEMM_A_LANES + (lanes + WK_GEMM_PANEL - 1) / WK_GEMM_PANEL * WK_GEMM_PANEL);
}

/* The same, but none for what a CBLAS takes. */
static inline int64_t wk__gemm_work(wk_dtype dtype, int64_t m, int64_t n, int64_t k) {
    return wk__blas_takes(dtype, m, n, k) ? 0 : wk__gemm_work_of_kernels(dtype, m, n, k);
}

#endif
