/* context.c -- contexts: making, freeing, and which one is current in this thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "grad/scope.h"
#include "kernel/kernel.h"

WK_TLS wk_ctx *wk__current;

/* The thread's default context hangs on a pthread key, whose destructor frees it at thread exit. */
static pthread_key_t default_key;
static pthread_once_t default_once = PTHREAD_ONCE_INIT;
static bool default_key_made;

static _Atomic uint64_t contexts_made;

static void default_free(void *ctx) {
    wk__current = ctx; /* the key's value is gone by now; releasing must not make a new default */
    wk_ctx_free(ctx);
    wk__current = NULL;
}

static void default_key_make(void) { default_key_made = pthread_key_create(&default_key, default_free) == 0; }

wk_ctx *wk_ctx_new(void) {
    wk_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) return NULL;
    wk__heap_init(&ctx->heap);
    ctx->grad_enabled = true;
    ctx->root_warning = INT64_C(256) << 20;
    ctx->number = atomic_fetch_add(&contexts_made, 1) + 1;
    ctx->next_mark = ctx->number << 40; /* so that a mark of one context is none of another */
    if (wk__scopes_init(ctx)) return ctx;
    free(ctx);
    return NULL;
}

void wk_ctx_free(wk_ctx *ctx) {
    if (ctx == NULL) return;
    if (ctx->guarded > 0) {
        wk__fail(ctx, WK_ESTATE, "ctx_free", "a function that this context has called is still running");
        return;
    }
    if (wk__current == ctx) wk__current = NULL;
    wk__scopes_free(ctx);
    wk__tape_free(ctx);
    free(ctx->rng);
    for (void *ops = ctx->ops, *next; ops != NULL; ops = next) next = wk__registered_free(ops);
    wk__heap_destroy(&ctx->heap);
    free(ctx);
}

static wk_ctx *default_context(void) {
    pthread_once(&default_once, default_key_make);
    if (!default_key_made) return NULL;
    wk_ctx *ctx = pthread_getspecific(default_key);
    if (ctx != NULL || (ctx = wk_ctx_new()) == NULL) return ctx;
    if (pthread_setspecific(default_key, ctx) == 0) return ctx;
    wk_ctx_free(ctx);
    return NULL;
}

WK_NOINLINE wk_ctx *wk__ctx_first(void) { return wk__current = default_context(); }

wk_ctx *wk_ctx_use(wk_ctx *ctx) {
    wk_ctx *was = wk__ctx();
    wk__current = ctx != NULL ? ctx : default_context();
    return was;
}

void wk_memory_stats(wk_memory *stats) {
    const wk_ctx *ctx = wk__ctx();
    if (stats != NULL) *stats = ctx != NULL ? ctx->heap.stats : (wk_memory){0};
}

wk_status wk_set_allocator(const wk_allocator *allocator) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL) return WK_ENOMEM;
    if (allocator == NULL || allocator->size < sizeof *allocator) return WK_EINVAL;
    if ((allocator->alloc == NULL) != (allocator->free == NULL)) return WK_EINVAL;
    if (ctx->heap.chunks != NULL || ctx->tape.chunk != NULL) return WK_ESTATE;
    ctx->heap.allocator = *allocator;
    return WK_OK;
}

void wk_memory_reset_peak(void) {
    wk_ctx *ctx = wk__ctx();
    if (ctx != NULL) ctx->heap.stats.peak_nbytes = ctx->heap.stats.nbytes;
}

const char *wk_isa(void) { return wk__kernels_working()->isa; }
