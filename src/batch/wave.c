/* wave.c -- running what is pending: group after group, level after level. */
#include <string.h>

#include "batch/batch.h"
#include "grad/apply.h"
#include "grad/scope.h"
#include "op/custom.h"
#include "op/rows.h"

static bool out_of_memory(wk_ctx *ctx) { return wk__fail(ctx, WK_ENOMEM, "batch", "out of memory"), false; }

/* ---------------------------------------------------------------------------------------------------- operands --- */

/* Input i of all entries, side by side. */
static wk_tensor *side_by_side(wk_ctx *ctx, const wk_group *g, int32_t i) {
    const int32_t size_class = wk__heap_class((size_t)g->count * sizeof(wk_tensor *));
    wk_tensor **items = wk__heap_alloc(&ctx->heap, size_class);
    if (items == NULL) return out_of_memory(ctx), NULL;
    for (const wk_entry *e = g->first; e != NULL; e = e->next) items[e->place] = e->in[i];
    wk_tensor *y = wk__batch_gather(ctx, g->count, items);
    wk__heap_free(&ctx->heap, items, size_class);
    return y;
}

/* An input as it stands, with elements. */
static bool fulfilled(wk_tensor *t) { return t == NULL || t->live != WK__PROMISED || wk__batch_fulfil(t); }

/* The inputs of the group's call. */
static bool operands(wk_ctx *ctx, const wk_group *g, wk_tensor **in) {
    for (int32_t i = 0; i < g->in_count; i++) {
        in[i] = g->first->in[i];
        const bool as_it_stands = g->alone || (i < 32 && (g->shared >> i & 1));
        if (as_it_stands && !fulfilled(in[i])) return false;
        if (!as_it_stands && (in[i] = side_by_side(ctx, g, i)) == NULL) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------ groups --- */

/* Attributes for entries side by side: what counts dimensions counts the new one too. */
static void *moved_attrs(const wk_group *g, int64_t *room) {
    if (g->alone || g->op->batch_dims == 0) return g->attrs;
    memcpy(room, g->attrs, g->op->attrs_nbytes);
    for (int32_t f = 0; f < g->op->field_count; f++)
        if (g->op->batch_dims >> f & 1) ++*(int64_t *)(void *)((char *)room + g->op->fields[f].offset);
    return room;
}

static bool run_row(const wk_group *g, wk_tensor *const *in, wk_tensor **out) {
    int64_t attrs[WK__ATTRS_NBYTES / sizeof(int64_t)];
    if (g->op->batched != NULL && !g->alone)
        out[0] = g->op->batched(g->attrs, g->count, in);
    else
        wk__apply(g->op, in, g->in_count, moved_attrs(g, attrs), out);
    return out[0] != NULL;
}

/* Scalars and the like, stacked once: what stack does is what a gather does. */
static bool is_gather(const wk_group *g) {
    return g->alone && g->op == &wk__op_stack && *(const int64_t *)g->attrs == 0 && g->in_count > 2;
}

static bool run_with(wk_ctx *ctx, wk_group *g, wk_tensor **in) {
    wk_tensor *out[WK__MAX_OUTPUTS] = {NULL};
    bool fine;
    wk_set_grad_enabled(g->records);
    g->alone = g->count == 1;
    if (is_gather(g))
        fine = (out[0] = wk__batch_gather(ctx, g->in_count, g->first->in)) != NULL;
    else
        fine = operands(ctx, g, in) && run_row(g, in, out);
    for (int32_t k = 0; fine && k < g->op->out_count; k++) g->result[k] = wk__retain(out[k]);
    return g->has_run = fine;
}

static bool run_group(wk_ctx *ctx, wk_group *g) {
    wk_tensor *few[WK__MAX_FIXED_INPUTS];
    if (g->in_count <= WK__MAX_FIXED_INPUTS) return run_with(ctx, g, few);
    const int32_t size_class = wk__heap_class((size_t)g->in_count * sizeof(wk_tensor *));
    wk_tensor **in = wk__heap_alloc(&ctx->heap, size_class);
    if (in == NULL) return out_of_memory(ctx);
    const bool fine = run_with(ctx, g, in);
    wk__heap_free(&ctx->heap, in, size_class);
    return fine;
}

/* -------------------------------------------------------------------------------------------------------- wave --- */

static void let_go(wk_tensor **t) {
    wk__unref(*t);
    *t = NULL;
}

/* An entry that has run needs its inputs no more; nor its outputs, if nobody else holds them. What did not run will
 * never have elements. */
static void leave_entry(const wk_group *g, wk_entry *e) {
    for (int32_t i = 0; i < g->in_count; i++) let_go(&e->in[i]);
    for (int32_t k = 0; k < g->op->out_count; k++) {
        if (!g->has_run && e->out[k]->live == WK__PROMISED) e->out[k]->own.data = NULL;
        if (!g->has_run || e->out[k]->refs == 1) let_go(&e->out[k]);
    }
}

static void leave_group(wk_group *g) {
    bool wanted = false;
    for (wk_entry *e = g->first; e != NULL; e = e->next) {
        leave_entry(g, e);
        for (int32_t k = 0; k < g->op->out_count; k++) wanted |= e->out[k] != NULL;
    }
    for (int32_t k = 0; !wanted && k < g->op->out_count; k++) let_go(&g->result[k]);
}

void wk__batch_discard(wk_batch *b) {
    for (int32_t l = b->level_count - 1; l >= 0; l--)
        for (wk_group *g = b->levels[l].first; g != NULL; g = g->next) leave_group(g);
    b->level_count = 0;
    b->pending = 0;
    b->table_used = 0;
    memset(b->table, 0, (size_t)b->table_size * sizeof *b->table);
}

static bool run_levels(wk_batch *b) {
    for (int32_t l = 0; l < b->level_count; l++)
        for (wk_group *g = b->levels[l].first; g != NULL; g = g->next)
            if (!run_group(b->ctx, g)) return false;
    return true;
}

/* What is recorded belongs to the batch, whatever scope is open just now. */
static void join_scopes(wk_batch *b) {
    for (int32_t d = b->ctx->depth; d > b->depth; d--) b->ctx->frames[d].joined = true;
}

bool wk__batch_wave(wk_batch *b) {
    wk_ctx *ctx = b->ctx;
    if (b->pending == 0) return ctx->failure.status == WK_OK;
    b->pending = 0;
    const bool enabled = ctx->grad_enabled;
    const uint8_t watch = ctx->watch;
    ctx->watch &= (uint8_t)~WK__WATCH_BATCH;
    const wk_scope scope = wk__scope_open(ctx);
    bool fine = scope != 0 && ctx->failure.status == WK_OK && run_levels(b);
    join_scopes(b);
    if (scope != 0) wk__scope_close_innermost(ctx);
    wk__batch_discard(b);
    ctx->watch = watch | (ctx->watch & WK__WATCH_REWRITES);
    ctx->grad_enabled = enabled;
    return fine;
}
