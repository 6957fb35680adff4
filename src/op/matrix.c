/* matrix.c -- large matrix products. */
#include "op/matrix.h"

bool wk__gemm_packed(wk_ctx *ctx, const wk_mat *a, const wk_mat *b, const wk_mat *c, bool add, int64_t work) {
    const wk_matrix ka = {a->data, a->row, a->col}, kb = {b->data, b->row, b->col};
    const int32_t size_class = wk__heap_class((size_t)work * wk__dtype_nbytes[c->dtype]);
    void *block = wk__heap_alloc(&ctx->heap, size_class);
    if (block == NULL) return false;
    wk__kernels->gemm_packed[c->dtype](c->rows, c->cols, a->cols, &ka, &kb, add ? 1 : 0, c->data, c->row, c->col,
                                       block);
    wk__heap_free(&ctx->heap, block, size_class);
    return true;
}
