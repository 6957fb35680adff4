/* wave.c -- running what is pending: group after group, level after level. */
#include <string.h>

#include "batch/batch.h"
#include "grad/apply.h"
#include "grad/scope.h"
#include "op/custom.h"
#include "op/rows.h"

static bool out_of_memory(wk_ctx *ctx) { return wk__fail(ctx, WK_ENOMEM, "batch", "out of memory"), false; }

/* ----------------------------------------------------------------------------------------------------- operands --- */

/* Operand i of all entries, side by side. */
static wk_tensor *side_by_side(wk_ctx *ctx, const wk_group *g, int32_t i) {
    const int32_t size_class = wk__heap_class((size_t)g->count * sizeof(wk_operand));
    wk_operand *items = wk__heap_alloc(&ctx->heap, size_class);
    if (items == NULL) return out_of_memory(ctx), NULL;
    for (wk_batch_entry *e = g->first; e != NULL; e = e->next) items[e->place] = *wk__entry_in(e, i);
    wk_tensor *y = wk__batch_gather(ctx, g->count, items);
    wk__heap_free(&ctx->heap, items, size_class);
    return y;
}

/* An operand by itself: if somebody has it, what they have, so that it is made once. NULL when that fails. */
static wk_tensor *by_itself(wk_operand x) {
    wk_batch_entry *e = wk__operand_entry(x);
    if (e == NULL) return (wk_tensor *)x;
    const int32_t k = wk__operand_output(x);
    wk_tensor *y = e->group->result[k], *t = wk__entry_out(e, k);
    if (e->group->alone) return y;
    if (t == NULL) return wk_select(y, 0, e->place);
    return t->live == WK__LIVE || wk__batch_fulfil(t) ? t : NULL;
}

/* The inputs of the group's call. */
static bool operands(wk_ctx *ctx, const wk_group *g, wk_tensor **in) {
    for (int32_t i = 0; i < g->in_count; i++) {
        const wk_operand x = *wk__entry_in(g->first, i);
        const bool as_it_stands = g->alone || x == 0 || (i < 32 && (g->shared >> i & 1));
        in[i] = as_it_stands ? by_itself(x) : side_by_side(ctx, g, i);
        if (in[i] == NULL && x != 0) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------- groups --- */

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
        fine = (out[0] = wk__batch_gather(ctx, g->in_count, wk__entry_in(g->first, 0))) != NULL;
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

/* --------------------------------------------------------------------------------------------------------- wave --- */

void wk__group_release(wk_group *g) {
    if (--g->holds > 0 || !g->has_run) return;
    for (int32_t k = 0; k < g->op->out_count; k++) {
        wk__unref(g->result[k]);
        g->result[k] = NULL;
    }
}

static void release_operand(wk_operand x) {
    wk_batch_entry *e = wk__operand_entry(x);
    if (e != NULL)
        wk__group_release(e->group);
    else
        wk__unref((wk_tensor *)x);
}

/* The promises of what did not run will never be kept. */
static void break_promises(const wk_batch_entry *e) {
    for (int32_t k = 0; k < e->group->op->out_count; k++) {
        wk_tensor *t = wk__entry_out(e, k);
        if (t == NULL) continue;
        t->storage = NULL;
        t->flags &= (uint8_t)~WK__ENTRY;
    }
}

/* A group of the wave lets go of its operands; its result stays as long as somebody may ask for it. */
static void leave_group(wk_group *g) {
    g->holds++; /* until here nobody has gone through it */
    for (wk_batch_entry *e = g->first; e != NULL; e = e->next) {
        for (int32_t i = 0; i < g->in_count; i++) release_operand(*wk__entry_in(e, i));
        if (!g->has_run) break_promises(e);
    }
    if (!g->has_run) g->first = NULL;
    g->paths = NULL;
    wk__group_release(g);
}

void wk__batch_discard(wk_batch *b) {
    for (int32_t l = b->level_count - 1; l >= 0; l--)
        for (wk_group *g = b->levels[l].first; g != NULL; g = g->next) leave_group(g);
    b->level_count = 0;
    b->pending = 0;
    b->table_used = 0;
    if (b->table != NULL) memset(b->table, 0, (size_t)b->table_size * sizeof *b->table);
}

/* What nobody can ask for any more does not run. Later levels first: their operands may be what keeps others. */
static void drop_dead(wk_level *level) {
    wk_group *last = NULL;
    for (wk_group **at = &level->first, *g = *at; g != NULL; g = *at) {
        if (g->holds > 0) {
            last = g;
            at = &g->next;
            continue;
        }
        *at = g->next;
        leave_group(g);
    }
    level->last = last;
}

static bool run_levels(wk_batch *b) {
    for (int32_t l = b->level_count - 1; l >= 0; l--) drop_dead(&b->levels[l]);
    wk__groups_merge(b);
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
    const bool fine = scope != 0 && ctx->failure.status == WK_OK && run_levels(b);
    join_scopes(b);
    if (scope != 0) wk__scope_close_innermost(ctx);
    wk__batch_discard(b);
    ctx->watch = watch | (ctx->watch & WK__WATCH_REWRITES);
    ctx->grad_enabled = enabled;
    return fine;
}
