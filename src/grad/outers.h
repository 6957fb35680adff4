/* outers.h -- outer products that are collected for the gradient of a weight.
 *
 * NOTE [Outer products]. In a network that runs step by step, with a single row in each, a weight (O,I) gets the outer
 * product g^T x from every step. To add one at once is to read and write the whole gradient for O I multiplications,
 * and memory sets the pace. So from the second on in a walk, g and x are copied side by side,
 *
 *     wk_outers | g (O) from step t | step t-1 | ... | x (I) from step t, 0 .. | step t-1, 0 .. | ...
 *
 * and a kernel adds MOST of them while a tile of the gradient is in registers. It adds them in their order, each by an
 * fma, as they would have been added at once, and what is collected is added before anybody else adds to that gradient
 * or looks at it: another row (wk__slot), the end of the walk, a function of the program (NOTE [Guests]). So the bits
 * are the same, and nobody can tell but by the time. Walks that are watched, and captures, collect nothing. */
#ifndef WK_GRAD_OUTERS_H
#define WK_GRAD_OUTERS_H

#include "grad/tape.h"

typedef struct wk_outers {
    struct wk_outers *next, *previous; /* of other leaves: ctx->outers is the newest */
    wk_tensor *leaf;                   /* held */
    float *g, *x;                      /* rows, g_apart and x_apart elements from one to the next */
    int64_t g_apart, x_apart;
    int32_t count, size_class;
} wk_outers;

/* Adds what is collected for the leaf that this is of, if anything is; and for all leaves. */
void wk__outers_add_some(wk_ctx *ctx, wk_outers *outers);
void wk__outers_add_all(wk_ctx *ctx);
static inline void wk__outers_add(wk_ctx *ctx, const wk_meta *meta) {
    if (wk_unlikely(meta->outers != NULL)) wk__outers_add_some(ctx, meta->outers);
}

/* Nothing is collected any more; what was is forgotten. */
void wk__outers_forget(wk_ctx *ctx);

#endif
