/* check.c -- the public edge: is this tensor usable here, is this shape legal? */
#include <inttypes.h>
#include <stdio.h>

#include "tensor/tensor.h"

/* With WK_DEBUG the two contexts are told by their numbers, in the order of their making from 1 on. */
static void refuse_foreign(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument) {
    char which[64] = "";
    if (wk__debug > 0) snprintf(which, sizeof which, " (%" PRIu64 ", not %" PRIu64 ")", t->ctx->number, ctx->number);
    wk__fail(ctx, WK_ECONTEXT, op,
             "%s belongs to another context than the current one%s: wk_ctx_use that, or wk_share or wk_send %s there",
             argument, which, argument);
}

WK_NOINLINE static bool refuse(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument) {
    if (t == NULL)
        wk__fail(ctx, WK_EINVAL, op, "%s is NULL", argument);
    else if (!wk__is_there(t))
        wk__fail(ctx, WK_ECLOSED, op, "%s is used after its scope closed: wk_yield or wk_keep it", argument);
    else if (t->ctx == NULL)
        wk__fail(ctx, WK_ECONTEXT, op, "%s was made by wk_send and belongs to no context yet: wk_adopt it", argument);
    else if (t->ctx == ctx)
        return wk__promise_kept((wk_tensor *)(uintptr_t)t, op, argument);
    else
        refuse_foreign(ctx, t, op, argument);
    return false;
}

bool wk__live_debug(const wk_tensor *t, const char *op) {
    wk_ctx *ctx = wk__ctx();
    if (t == NULL || ctx == NULL) return false;
    return (t->live == WK__LIVE && t->ctx == NULL) || wk__known(ctx, t, op, "t");
}

bool wk__usable(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument) {
    if (wk_likely(t != NULL && t->live == WK__LIVE && t->ctx == ctx)) return true;
    return wk__is_shared(t) || refuse(ctx, t, op, argument);
}

bool wk__known(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument) {
    if (wk_likely(t != NULL && wk__is_there(t) && t->ctx == ctx)) return true;
    return wk__is_shared(t) || refuse(ctx, t, op, argument);
}

bool wk__writable(wk_ctx *ctx, const wk_tensor *t, const char *op, const char *argument) {
    if (!wk__usable(ctx, t, op, argument)) return false;
    wk__before_write(t);
    if (wk_likely(!(t->flags & (WK__SHARED | WK__BATCHED)))) return ctx->failure.status == WK_OK;
    if (t->flags & WK__BATCHED)
        wk__fail(ctx, WK_ESTATE, op, "%s was computed in a batch, together with others: change a wk_clone of it",
                 argument);
    else
        wk__fail(ctx, WK_ESTATE, op, "%s is shared with other threads and cannot be changed: change a copy", argument);
    return false;
}

bool wk__check_ndim(wk_ctx *ctx, const char *op, int32_t ndim, const int64_t *dims) {
    if (ndim < 0 || ndim > WK_MAX_DIMS)
        wk__fail(ctx, WK_ESHAPE, op, "%" PRId32 " dimensions: a tensor has 0 to %d", ndim, WK_MAX_DIMS);
    else if (ndim > 0 && dims == NULL)
        wk__fail(ctx, WK_EINVAL, op, "there are to be %" PRId32 " dimensions, but the array of them is NULL", ndim);
    else
        return true;
    return false;
}

bool wk__check_shape(wk_ctx *ctx, const char *op, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    if (dtype < 0 || dtype >= WK_DTYPE_COUNT) {
        wk__fail(ctx, WK_EDTYPE, op, "there is no element type %" PRId32, dtype);
        return false;
    }
    if (!wk__check_ndim(ctx, op, ndim, dims)) return false;
    wk_shape_text text;
    for (int32_t d = 0; d < ndim; d++)
        if (dims[d] < 0) {
            wk__fail(ctx, WK_ESHAPE, op, "shape %s has a negative size", wk__shape_text(&text, ndim, dims));
            return false;
        }
    if (wk__dims_fit(ndim, dims)) return true;
    wk__fail(ctx, WK_ENOMEM, op, "shape %s has too many elements", wk__shape_text(&text, ndim, dims));
    return false;
}
