/* matrix.c -- large matrix products. */
#include "op/matrix.h"

bool wk__gemm_packed(wk_ctx *ctx, const wk_matrix *a, const wk_matrix *b, wk_mat c, int64_t k, bool add, int64_t work) {
    const int32_t size_class = wk__heap_class((size_t)work * wk__dtype_nbytes[c.dtype]);
    void *block = wk__heap_alloc(&ctx->heap, size_class);
    if (block == NULL) return false;
    wk__kernels->gemm_packed[c.dtype](c.rows, c.cols, k, a, b, add ? 1 : 0, c.data, c.row, c.col, block);
    wk__heap_free(&ctx->heap, block, size_class);
    return true;
}
