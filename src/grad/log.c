/* log.c -- what a context says beside failures, to whoever wants to hear it. */
#include <inttypes.h>
#include <stdio.h>

#include "grad/walk.h"

static bool hears(const wk_ctx *ctx, int32_t level) { return ctx->log != NULL && level <= ctx->log_level; }

/* The root scope is only measured when memory was asked of the system, which a steady program does not do. */
static void look_at_root(wk_heap *heap) {
    wk_ctx *ctx = (wk_ctx *)(void *)((char *)heap - offsetof(wk_ctx, heap));
    wk_scope_memory held = WK_SCOPE_MEMORY;
    char message[160];
    if (ctx->depth > 0 || ctx != wk__ctx() || heap->stats.nbytes < ctx->root_warning) return;
    wk_scope_memory_stats(0, &held);
    if (held.nbytes < ctx->root_warning) return;
    while (ctx->root_warning <= held.nbytes && ctx->root_warning > 0) ctx->root_warning *= 2;
    snprintf(message, sizeof message,
             "the root scope holds %" PRId64 " bytes in %" PRId64 " tensors: open a scope around each step",
             held.nbytes, held.handles);
    if (hears(ctx, WK_LOG_WARNING)) ctx->log(ctx->log_user, WK_LOG_WARNING, message);
}

void wk__log_no_kernels(wk_ctx *ctx, const wk_op *op) {
    char message[160];
    if (op->grad == NULL || !hears(ctx, WK_LOG_DEBUG)) return;
    snprintf(message, sizeof message, "backward: the kernels of %s do not have this case: operations do it", op->name);
    ctx->log(ctx->log_user, WK_LOG_DEBUG, message);
}

void wk_set_log(wk_log_fn *log, void *user, int32_t level) {
    char message[64];
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL) return;
    ctx->log = log;
    ctx->log_user = user;
    ctx->log_level = level;
    ctx->heap.grown = log != NULL ? look_at_root : NULL;
    if (!hears(ctx, WK_LOG_INFO)) return;
    snprintf(message, sizeof message, "kernels: %s", wk_isa());
    log(user, WK_LOG_INFO, message);
}

void wk_set_root_warning(int64_t nbytes) {
    wk_ctx *ctx = wk__ctx();
    if (ctx != NULL && nbytes > 0) ctx->root_warning = nbytes;
}
