/* outers.c -- NOTE [Outer products] in outers.h. */
#include "grad/outers.h"

#include "grad/walk.h"
#include "kernel/blas.h"

enum { MOST = 16, VECTOR = 16, WORTH = 8, HEAD_NBYTES = 2 * WK__LINE };
_Static_assert(sizeof(wk_outers) <= HEAD_NBYTES, "rows begin on a line");

/* From one row to the next: whole vectors and a line more, lest rows of a power of two share few sets of the cache. */
static int64_t apart(int64_t elements) { return (elements + VECTOR - 1) / VECTOR * VECTOR + VECTOR; }

static void let_go(wk_ctx *ctx, wk_outers *outers) {
    if (outers->previous != NULL)
        outers->previous->next = outers->next;
    else
        ctx->outers = outers->next;
    if (outers->next != NULL) outers->next->previous = outers->previous;
    outers->leaf->meta->outers = NULL;
    wk__unref(outers->leaf);
    wk__heap_free(&ctx->heap, outers, outers->size_class);
}

/* The collected rows go into the gradient; if that was cleared meanwhile, they are what was cleared. */
static void add(wk_outers *outers) {
    const wk_meta *meta = outers->leaf->meta;
    const wk_array *gw = &meta->grad->a;
    if (meta->has_grad) {
        wk__kernels->add_outers(gw->dims[0], gw->dims[1], outers->count, outers->g, outers->g_apart, outers->x,
                                outers->x_apart, gw->data, gw->dims[1]);
        wk__storage_written(meta->grad->storage, NULL);
    }
    outers->count = 0;
}

void wk__outers_add_some(wk_ctx *ctx, wk_outers *outers) {
    add(outers);
    let_go(ctx, outers);
}

void wk__outers_add_all(wk_ctx *ctx) {
    while (ctx->outers != NULL) wk__outers_add_some(ctx, ctx->outers);
}

void wk__outers_forget(wk_ctx *ctx) {
    while (ctx->outers != NULL) let_go(ctx, ctx->outers);
}

/* Room for rows of this leaf. What lies behind rows of x is multiplied too, so it must be a number. NULL when memory is
 * out, and then the products are added at once. */
static wk_outers *begin(wk_ctx *ctx, wk_tensor *leaf) {
    const int64_t g_apart = apart(leaf->a.dims[0]), x_apart = apart(leaf->a.dims[1]);
    const int32_t size_class = wk__heap_class(HEAD_NBYTES + MOST * (size_t)(g_apart + x_apart) * sizeof(float));
    wk_outers *outers = wk__heap_alloc(&ctx->heap, size_class);
    if (outers == NULL) return NULL;
    float *const g = (float *)(void *)((char *)outers + HEAD_NBYTES), *const x = g + MOST * g_apart;
    *outers = (wk_outers){.next = ctx->outers,
                          .leaf = wk__retain(leaf),
                          .g = g,
                          .x = x,
                          .g_apart = g_apart,
                          .x_apart = x_apart,
                          .size_class = size_class};
    wk__kernels->fill[WK_F32](MOST * x_apart, x, 1, &(float){0});
    if (ctx->outers != NULL) ctx->outers->previous = outers;
    return ctx->outers = leaf->meta->outers = outers;
}

/* Has this walk added to the leaf's gradient before, and does copying rows cost less than adding their product? */
static bool is_worth_collecting(const wk_walk *walk, const wk_tensor *leaf) {
    const wk_meta *meta = leaf->meta;
    if (meta == NULL || meta->walk != walk->number || !meta->has_grad) return false;
    const int64_t O = leaf->a.dims[0], I = leaf->a.dims[1];
    if (wk__blas_takes(WK_F32, O, I, 1)) return false; /* which adds in an order of its own */
    return leaf->a.dtype == WK_F32 && O * I >= WORTH * (O + I) && wk__array_is_contiguous(&meta->grad->a);
}

bool wk__may_collect_outer(const wk_backprop *b, int32_t i) {
    const wk_edge *edge = &b->node->in[i];
    const bool plain = !b->walk->careful && b->ctx->capture == NULL && wk__kernels->add_outers != NULL;
    return plain && edge->way.kind == WK__TO_LEAF && is_worth_collecting(b->walk, edge->to.leaf);
}

bool wk__collects_outer(wk_backprop *b, int32_t i, const void *g, const void *x) {
    if (!wk__may_collect_outer(b, i)) return false;
    wk_tensor *leaf = b->node->in[i].to.leaf;
    wk_outers *outers = leaf->meta->outers != NULL ? leaf->meta->outers : begin(b->ctx, leaf);
    if (outers == NULL) return false;
    if (outers->count == MOST) add(outers);
    wk_unary_loop *copy = wk__kernels->copy[WK_F32];
    copy(leaf->a.dims[0], outers->g + outers->count * outers->g_apart, 1, g, 1);
    copy(leaf->a.dims[1], outers->x + outers->count * outers->x_apart, 1, x, 1);
    outers->count++;
    return true;
}
