/* blas.h -- large products by a CBLAS, in a library that was built for it: cmake -DWK_CBLAS=ON, or -DWK_CBLAS for the
 * file wick.c. Without, nothing of this is left.
 *
 * The kernels `gemm` and `gemm_packed` of every table ask here first. A product of given sizes and strides therefore
 * goes one way, in whatever mode it is called. */
#ifndef WK_KERNEL_BLAS_H
#define WK_KERNEL_BLAS_H

#include "kernel/kernel.h"

#ifdef WK_CBLAS

/* Multiplications that a product must take: up to there, wick's kernels are about as fast (OpenBLAS 0.3.21 on Zen 4 has
 * 0.73 to 1.07 of their rate in f32 from 32^3 up, 0.7 to 1.3 in f64, and 1.05 to 1.4 from there on where those in f64
 * read A where it lies, as they do up to 2^26). WK_CBLAS_FROM stands for both. */
static inline double wk__blas_from(wk_dtype dtype) {
#ifdef WK_CBLAS_FROM
    return (void)dtype, WK_CBLAS_FROM;
#else
    return dtype == WK_F32 ? 0x1p32 : 0x1p24;
#endif
}

/* Is a product of these sizes one for the CBLAS, if its strides are? */
static inline bool wk__blas_takes(wk_dtype dtype, int64_t m, int64_t n, int64_t k) {
    return (double)m * (double)n * (double)k >= wk__blas_from(dtype) && m > 0 && n > 0 && k > 0;
}

/* The product of sizes that are taken. False, and nothing is done, where the CBLAS has no words for it: a matrix with
 * gaps both ways, with rows that overlap or run backwards, or with a size beyond `int`. */
bool wk__cblas_gemm(wk_dtype dtype, int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b,
                    double beta, void *c, int64_t c_row, int64_t c_col);

#else

static inline bool wk__blas_takes(wk_dtype dtype, int64_t m, int64_t n, int64_t k) {
    return (void)dtype, (void)m, (void)n, (void)k, false;
}

static inline bool wk__cblas_gemm(wk_dtype dtype, int64_t m, int64_t n, int64_t k, const wk_matrix *a,
                                  const wk_matrix *b, double beta, void *c, int64_t c_row, int64_t c_col) {
    return (void)dtype, (void)m, (void)n, (void)k, (void)a, (void)b, (void)beta, (void)c, (void)c_row, (void)c_col,
           false;
}

#endif

/* A wk_gemm_kernel that says whether it has done its work. */
static inline bool wk__blas_gemm(wk_dtype dtype, int64_t m, int64_t n, int64_t k, const wk_matrix *a,
                                 const wk_matrix *b, double beta, void *c, int64_t c_row, int64_t c_col) {
    return wk__blas_takes(dtype, m, n, k) && wk__cblas_gemm(dtype, m, n, k, a, b, beta, c, c_row, c_col);
}

#endif
