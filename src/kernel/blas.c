/* blas.c -- see blas.h. The CBLAS is called from the thread that calls wick, and nothing about it is set: how many
 * threads it has is the business of the process. Its arguments are looked at here, so that it never finds one wrong,
 * which would end the program (xerbla). */
#include "kernel/blas.h"

#ifndef WK_CBLAS

const char *wk_blas(void) { return NULL; }

#else

#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

/* A matrix as a CBLAS takes it: rows of contiguous elements, a leading dimension apart, or the transpose of such. */
typedef struct operand {
    bool transposed;
    int leading;
} operand;

static bool has_rows(int64_t rows, int64_t cols, int64_t row, int64_t col) {
    return (cols == 1 || col == 1) && (rows == 1 || (row >= cols && row <= INT_MAX));
}

static bool operand_of(int64_t rows, int64_t cols, const wk_matrix *x, operand *o) {
    o->transposed = !has_rows(rows, cols, x->row, x->col);
    if (!o->transposed) {
        o->leading = (int)(rows == 1 ? cols : x->row);
        return true;
    }
    o->leading = (int)(cols == 1 ? rows : x->col);
    return has_rows(cols, rows, x->col, x->row);
}

bool wk__cblas_gemm(wk_dtype dtype, int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b,
                    double beta, void *c, int64_t c_row, int64_t c_col) {
    operand oa, ob;
    if (m > INT_MAX || n > INT_MAX || k > INT_MAX) return false;
    if (!has_rows(m, n, c_row, c_col)) { /* C^T = B^T A^T */
        const wk_matrix at = {a->data, a->col, a->row}, bt = {b->data, b->col, b->row};
        return has_rows(n, m, c_col, c_row) && wk__cblas_gemm(dtype, n, m, k, &bt, &at, beta, c, c_col, c_row);
    }
    if (!operand_of(m, k, a, &oa) || !operand_of(k, n, b, &ob)) return false;
    const int leading = (int)(m == 1 ? n : c_row);
    if (dtype == WK_F32)
        cblas_sgemm(CblasRowMajor, oa.transposed ? CblasTrans : CblasNoTrans, ob.transposed ? CblasTrans : CblasNoTrans,
                    (int)m, (int)n, (int)k, 1, a->data, oa.leading, b->data, ob.leading, (float)beta, c, leading);
    else
        cblas_dgemm(CblasRowMajor, oa.transposed ? CblasTrans : CblasNoTrans, ob.transposed ? CblasTrans : CblasNoTrans,
                    (int)m, (int)n, (int)k, 1, a->data, oa.leading, b->data, ob.leading, beta, c, leading);
    return true;
}

/* ---------------------------------------------------------------------------------------------- which one it is --- */

#ifndef WK_CBLAS_NAME
#define WK_CBLAS_NAME "a CBLAS"
#endif

#if defined(__GNUC__) && !defined(__APPLE__)
#define IF_LINKED __attribute__((weak)) /* NULL where the library that runs lacks it */
#else
#define IF_LINKED
#endif
char *openblas_get_config(void) IF_LINKED;
int openblas_get_num_threads(void) IF_LINKED;
char *bli_info_get_version_str(void) IF_LINKED;

static char name[160];

static void find_name(void) {
#if defined(__GNUC__) && !defined(__APPLE__)
    if (openblas_get_config != NULL && openblas_get_num_threads != NULL) {
        const int threads = openblas_get_num_threads();
        snprintf(name, sizeof name, "%s, %d thread%s", openblas_get_config(), threads, threads == 1 ? "" : "s");
        return;
    }
    if (bli_info_get_version_str != NULL) {
        snprintf(name, sizeof name, "BLIS %s", bli_info_get_version_str());
        return;
    }
#endif
    snprintf(name, sizeof name, "%s", WK_CBLAS_NAME);
}

const char *wk_blas(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_name);
    return name;
}

#endif
