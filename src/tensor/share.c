/* share.c -- tensors that leave their context (NOTE [Sharing] in tensor.h). */
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"
#include "tensor/iterate.h"
#include "tensor/tensor.h"

/* A copy of t in a block from the C library, which any thread may free. It belongs to no context and to no scope; the
 * caller holds it. NULL when memory is out. */
static wk_tensor *copy_out(const wk_tensor *t) {
    const size_t nbytes = sizeof *t + (size_t)wk__array_nbytes(&t->a);
    wk_tensor *copy = aligned_alloc(WK__LINE, (nbytes + WK__LINE - 1) / WK__LINE * WK__LINE);
    if (copy == NULL) return NULL;
    wk__handle_init(copy, NULL, WK__NO_CLASS);
    copy->a = t->a;
    wk__array_row_major(&copy->a, t->a.dims);
    wk__use_own_storage(copy, copy + 1);
    wk__unary_rows(wk__kernels->copy[t->a.dtype], &copy->a, &t->a);
    return copy;
}

static wk_tensor *leave(wk_tensor *t, const char *op, uint8_t flags) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__usable(ctx, t, op, "t")) return NULL;
    wk_tensor *copy = copy_out(t);
    if (copy == NULL) return wk__out_of_memory(ctx, op), NULL;
    copy->flags |= flags;
    return copy;
}

wk_tensor *wk_share(wk_tensor *t) { return leave(t, "share", WK__SHARED); }
wk_tensor *wk_send(wk_tensor *t) { return leave(t, "send", 0); }

wk_tensor *wk_adopt(wk_tensor *t) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (t == NULL || t->live != WK__LIVE || t->ctx != NULL || (t->flags & WK__SHARED)) {
        wk__fail(ctx, WK_EINVAL, "adopt", "t is not a tensor that wk_send gave, or was adopted before");
        return NULL;
    }
    if (ctx->handle_count == ctx->handle_capacity && !wk__handles_grow(ctx))
        return wk__out_of_memory(ctx, "adopt"), NULL; /* t is still the caller's */
    t->ctx = ctx;
    return wk__give_to_scope(t);
}

bool wk_is_shared(const wk_tensor *t) { return wk__is_shared(t); }

void wk__share_forever(wk_tensor *t) {
    t->way = (wk_way){WK__TO_NONE, 0};
    t->flags |= WK__SHARED;
    if (t->ctx != NULL) t->ctx->modes = wk__modes_but(t->ctx->modes, &t->flags); /* a plan may write it */
}
