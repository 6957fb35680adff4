/* open.c -- opening and closing a batch, and keeping its promises. */
#include "wick/batch.h"

#include <string.h>

#include "batch/batch.h"
#include "grad/scope.h"
#include "wick/ops.h"

/* ------------------------------------------------------------------------------------------------------- arena --- */

enum { FIRST_CHUNK_NBYTES = 8 * 1024, CHUNK_NBYTES = 64 * 1024 };

WK_NOINLINE static bool arena_grow(wk_batch *b, size_t nbytes) {
    const size_t usual = b->chunk == NULL ? FIRST_CHUNK_NBYTES : CHUNK_NBYTES, least = nbytes + sizeof *b->chunk;
    const int32_t size_class = wk__heap_class(least > usual ? least : usual);
    wk_arena_chunk *chunk = wk__heap_alloc(&b->ctx->heap, size_class);
    if (chunk == NULL) return false;
    *chunk = (wk_arena_chunk){b->chunk, size_class};
    b->chunk = chunk;
    b->top = (char *)(chunk + 1);
    b->end = (char *)chunk + wk__heap_class_nbytes(size_class);
    return true;
}

void *wk__batch_grow(wk_batch *b, size_t nbytes) { return arena_grow(b, nbytes) ? wk__batch_alloc(b, nbytes) : NULL; }

static void batch_free(wk_batch *b) {
    wk_heap *heap = &b->ctx->heap;
    for (wk_arena_chunk *chunk = b->chunk, *previous; chunk != NULL; chunk = previous) {
        previous = chunk->previous;
        wk__heap_free(heap, chunk, chunk->size_class);
    }
    if (b->table != NULL) wk__heap_free(heap, b->table, wk__heap_class((size_t)b->table_size * sizeof *b->table));
    if (b->levels != NULL)
        wk__heap_free(heap, b->levels, wk__heap_class((size_t)b->level_capacity * sizeof *b->levels));
    b->ctx->batch = NULL;
    b->ctx->watch &= (uint8_t)~WK__WATCH_BATCH;
    wk__heap_free(heap, b, wk__heap_class(sizeof *b));
}

/* -------------------------------------------------------------------------------------------------------- open --- */

wk_scope wk_batch_open(void) {
    wk_ctx *ctx = wk__ctx();
    const wk_scope scope = wk_scope_open();
    if (scope == 0 || ctx->batch != NULL) return scope; /* in a batch another one is a scope */
    wk_batch *b = wk__heap_alloc(&ctx->heap, wk__heap_class(sizeof *b));
    if (b == NULL) return wk__out_of_memory(ctx, "batch_open"), scope;
    memset(b, 0, sizeof *b);
    b->ctx = ctx;
    b->depth = ctx->depth;
    ctx->batch = b;
    ctx->frames[ctx->depth].is_batch = true;
    ctx->watch |= WK__WATCH_BATCH;
    return scope;
}

/* ---------------------------------------------------------------------------------------------------- promises --- */

/* t looks at the elements, and has the history, of y or of a row of it. */
static bool look_at(wk_tensor *t, wk_member m, wk_tensor *y) {
    const bool is_row = !m.group->alone;
    const int32_t row = wk__row_of_call(m.group, m.call);
    wk_array *a = &t->a;
    if (is_row) {
        wk__array_select(&y->a, 0, row, a);
    } else {
        a->data = y->a.data;
        for (int32_t d = 0; d < a->ndim; d++) a->strides[d] = y->a.strides[d];
    }
    t->own.data = (void *)((wk_source)m.group + 1 + (wk_source)m.output); /* for wk__source_of */
    t->own.version = (uint32_t)m.call;
    t->storage = y->storage;
    t->storage->refs++;
    t->epoch = y->epoch;
    t->flags = (uint8_t)((t->flags & (WK__OWNED | WK__ENTRY)) | WK__VIEW | WK__BATCHED | (y->flags & WK__DETACHED) |
                         (wk__array_is_contiguous(a) ? WK__CONTIGUOUS : 0));
    t->live = WK__LIVE;
    t->way = y->way;
    t->node = is_row ? NULL : y->node;
    return !is_row || y->way.kind != WK__TO_NODE || wk__batch_record_row(t, y, row);
}

bool wk__batch_fulfil(wk_tensor *t) {
    const wk_member m = wk__member_of(t);
    wk__scopes_join(t->ctx, t->ctx->depth, t->ctx->batch->depth);
    return look_at(t, m, m.group->result[m.output]);
}

bool wk__promise_kept(wk_tensor *t, const char *op, const char *argument) {
    wk_ctx *ctx = t->ctx;
    if (!wk__is_batched(t) || wk__member_of(t).group->has_failed) { /* nothing but a promise comes here */
        wk__fail(ctx, WK_ESTATE, op, "%s was to be computed in a batch that failed", argument);
        return false;
    }
    if (!wk__member_of(t).group->has_run && !wk__batch_wave(ctx->batch)) return false;
    return wk__batch_fulfil(t);
}

wk_tensor *wk__computed_with(wk_tensor *t, int64_t *row) {
    *row = -1;
    if (wk__is_batched(t)) {
        const wk_member m = wk__member_of(t);
        if (!m.group->has_run || m.group->alone) return t;
        *row = wk__row_of_call(m.group, m.call);
        return m.group->result[m.output];
    }
    if (t->meta == NULL || t->meta->row_of == NULL) return t;
    *row = t->meta->row;
    return t->meta->row_of;
}

wk_tensor *wk__row_of(wk_tensor *whole, int64_t row) { return wk_select(whole, 0, row); }

void wk__promises_keep(wk_ctx *ctx) {
    if (ctx->batch != NULL) wk__batch_wave(ctx->batch);
}

/* ------------------------------------------------------------------------------------------------------- close --- */

void wk__batch_goes_on(wk_ctx *ctx) {
    if (ctx->batch != NULL && !ctx->batch->at_once) ctx->watch |= WK__WATCH_BATCH;
}

/* What was handed up leaves the batch with elements and history, and knows whose row it is. Others that are still held
 * are saved by nodes, or kept as values. */
static void hand_up(wk_tensor *t) {
    const wk_member m = wk__member_of(t);
    if (t->live == WK__PROMISED && (!m.group->has_run || !wk__batch_fulfil(t))) return;
    if (t->way.kind != WK__TO_NODE) return;
    t->ctx->frames[t->ctx->depth].joined = true;
    if (m.group->alone) return;
    wk_meta *meta = wk__tensor_meta(t);
    if (meta != NULL) {
        meta->row_of = wk__retain(m.group->result[m.output]);
        meta->row = wk__row_of_call(m.group, m.call);
    } else {
        wk__out_of_memory(t->ctx, "batch");
    }
}

/* t is no output of an open batch any more. */
static void leave_batch(wk_tensor *t) {
    if (t->flags & WK__OWNED) hand_up(t);
    t->flags &= (uint8_t)~WK__ENTRY;
    if (t->live == WK__PROMISED) t->storage = NULL;
}

/* All outputs of the batch that are left stand in its part of the list of handles, each at its place `handle`: nothing
 * leaves the list while it is an entry, whoever holds it, and where inner scopes close, what is handed up moves down,
 * but never below the beginning of the scope that closes. One that were missed here would look for its group in an
 * arena that has gone, when the tape lets go of it. */
static void leave_handles(const wk_ctx *ctx) {
    for (int64_t i = ctx->frames[ctx->depth].first_handle; i < ctx->handle_count; i++)
        if (ctx->handles[i] != NULL && wk__is_batched(ctx->handles[i])) leave_batch(ctx->handles[i]);
}

enum { FAR = 32 }; /* handles ahead, which come from beyond the nearest caches */

/* Does nobody but the scope that closes hold this promise? */
static bool goes(const wk_tensor *t, int32_t depth) {
    if (t->live != WK__PROMISED || t->refs > 1 || t->meta != NULL) return false;
    return (t->flags & WK__OWNED) && t->depth >= depth;
}

/* Those from number `first` on that are at the end of the list, from number `kept` on, close up. */
static void close_up(wk_ctx *ctx, int64_t first, int64_t kept) {
    for (; kept < ctx->handle_count; kept++, first++) {
        ctx->handles[first] = ctx->handles[kept];
        ctx->handles[first]->handle = first;
    }
    ctx->handle_count = first;
}

/* Newest first, as in any scope. The passes that follow see what is left. */
void wk__batch_closes(wk_ctx *ctx) {
    const int64_t first = ctx->frames[ctx->depth].first_handle;
    int64_t kept = ctx->handle_count;
    if (ctx->batch->pending > 0 || ctx->batch->groups == NULL) return;
    for (int64_t i = ctx->handle_count; i-- > first;) {
        wk_tensor *t = ctx->handles[i];
        if (i - first >= FAR) wk_prefetch(ctx->handles[i - FAR]);
        if (t == NULL) continue;
        if (goes(t, ctx->depth))
            wk__promise_destroy(t);
        else
            ctx->handles[--kept] = t;
    }
    close_up(ctx, first, kept);
}

void wk__batch_close(wk_ctx *ctx) {
    wk_batch *b = ctx->batch;
    if (b->pending > 0 && wk__current == ctx) wk__batch_wave(b);
    if (b->level_count > 0) wk__batch_discard(b);
    wk__habit_end(b);
    if (b->groups != NULL) leave_handles(ctx);
    for (wk_group *g = b->groups; g != NULL; g = g->older)
        for (int32_t k = 0; k < g->kind->out_count; k++) wk__unref(g->result[k]);
    batch_free(b);
}
