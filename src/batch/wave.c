/* wave.c -- running what is pending: group after group, level after level. */
#include <string.h>

#include "batch/deferral.h"
#include "grad/apply.h"
#include "grad/scope.h"
#include "op/custom.h"
#include "op/rows.h"

static bool out_of_memory(wk_ctx *ctx) { return wk__out_of_memory(ctx, "batch"), false; }

/* ----------------------------------------------------------------------------------------------------- operands --- */

/* An operand by itself. NULL when that fails. */
static wk_tensor *by_itself(const wk_run *run) {
    if (wk__source_group(run->source) == NULL) return (wk_tensor *)run->source;
    const wk_member m = wk__member_at(run->source, run->row);
    wk_tensor *y = m.group->result[m.output];
    return m.group->alone ? y : wk_select(y, 0, wk__row_of_call(m.group, m.call));
}

/* The inputs of the group's call. */
static bool operands(wk_ctx *ctx, const wk_group *g, wk_tensor **in) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        const wk_column *column = &g->columns[i];
        const bool as_it_stands = g->alone || wk__is_shared_operand(g->kind->shared, i);
        in[i] = as_it_stands ? by_itself(&column->runs[0]) : wk__batch_gather(ctx, 1, column, g->order);
        if (in[i] == NULL && column->runs[0].source != 0) return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------- groups --- */

/* Attributes for calls side by side: what counts dimensions from the front counts the new one too. */
static void *moved_attrs(const wk_group *g, int64_t *room) {
    const wk_op *op = g->kind->op;
    if (g->alone || op->batch_dims == 0) return g->kind->attrs;
    memcpy(room, g->kind->attrs, op->attrs_nbytes);
    for (int32_t f = 0; f < op->field_count; f++) {
        int64_t *dim = (int64_t *)(void *)((char *)room + op->fields[f].offset);
        if ((op->batch_dims >> f & 1) && *dim >= 0) ++*dim;
    }
    return room;
}

static bool run_row(const wk_group *g, wk_tensor *const *in, wk_tensor **out) {
    const wk_kind *k = g->kind;
    int64_t attrs[WK__ATTRS_NBYTES / sizeof(int64_t)];
    if (k->op->batched != NULL && !g->alone) {
        wk_call c = {.op = k->op, .ctx = wk__ctx(), .in = in, .in_count = k->in_count, .attrs = k->attrs};
        k->op->batched(&c);
        for (int32_t i = 0; i < k->out_count; i++) out[i] = c.out[i];
    } else {
        (wk__is_composed(k->op) ? wk__compose : wk__apply)(k->op, in, k->in_count, moved_attrs(g, attrs), out);
    }
    bool fine = true;
    for (int32_t i = 0; i < k->out_count; i++) fine &= out[i] != NULL;
    return fine;
}

/* Scalars and the like, stacked once: what stack does is what a gather does. */
static bool is_gather(const wk_group *g) {
    return g->alone && g->kind->op == &wk__op_stack && *(const int64_t *)g->kind->attrs == 0 && g->kind->in_count > 2;
}

/* NOTE [Lasting nodes]. What has been recorded after `before` is of several calls, of which each may lead to another
 * loss, with a backward of its own. That passes without using up, so that the next finds what it needs; the calls of
 * the other loss get gradients of zero, which change nothing behind (NOTE [Idle gradients] in grad/idle.c). */
static void let_last(const wk_ctx *ctx, const wk_node *before) {
    for (wk_node *node = ctx->tape.last; node != before; node = node->prev) node->marks |= WK__LASTS;
}

static bool run_with(wk_ctx *ctx, wk_group *g, wk_tensor **in) {
    wk_tensor *out[WK__MAX_OUTPUTS] = {NULL};
    const wk_node *before = ctx->tape.last;
    bool fine;
    wk_set_grad_enabled(g->kind->records);
    g->alone = g->count == 1;
    if (is_gather(g))
        fine = (out[0] = wk__batch_gather(ctx, g->kind->in_count, g->columns, NULL)) != NULL;
    else
        fine = operands(ctx, g, in) && run_row(g, in, out);
    if (!g->alone) let_last(ctx, before);
    for (int32_t k = 0; fine && k < g->kind->out_count; k++) g->result[k] = wk__retain(out[k]);
    return g->has_run = fine;
}

static bool run_group(wk_ctx *ctx, wk_group *g) {
    wk_tensor *few[WK__MAX_FIXED_INPUTS];
    if (g->kind->in_count <= WK__MAX_FIXED_INPUTS) return run_with(ctx, g, few);
    const int32_t size_class = wk__heap_class((size_t)g->kind->in_count * sizeof(wk_tensor *));
    wk_tensor **in = wk__heap_alloc(&ctx->heap, size_class);
    if (in == NULL) return out_of_memory(ctx);
    const bool fine = run_with(ctx, g, in);
    wk__heap_free(&ctx->heap, in, size_class);
    return fine;
}

/* --------------------------------------------------------------------------------------------------------- wave --- */

/* `count` less may ask for the result of a group. */
static void release(wk_group *g, int32_t count) {
    g->holds -= count;
    if (!g->has_run || wk__group_is_wanted(g)) return;
    for (int32_t k = 0; k < g->kind->out_count; k++) {
        wk__unref(g->result[k]);
        g->result[k] = NULL;
    }
}

void wk__promise_gone(wk_tensor *t) {
    t->ctx->batch->some_gone = true;
    release(wk__member_of(t).group, 1);
}

void wk__source_release(wk_source s) {
    wk_group *g = wk__source_group(s);
    if (g != NULL)
        release(wk__group_that_runs(g), 1);
    else
        wk__unref((wk_tensor *)s);
}

/* A group of the wave lets go of its operands; its result stays as long as somebody may ask for it. */
static void leave_group(wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++)
        for (int32_t r = 0; r < g->columns[i].count; r++) wk__source_release(g->columns[i].runs[r].source);
    g->is_open = false;
    g->has_failed = !g->has_run;
    g->paths = NULL;
    release(g, 0);
}

void wk__batch_discard(wk_batch *b) {
    for (int32_t l = b->level_count - 1; l >= 0; l--)
        for (wk_group *g = b->levels[l].first; g != NULL; g = g->next)
            if (g->is_open) leave_group(g);
    b->level_count = 0;
    b->some_gone = b->some_moved = false;
    b->pending = 0;
    b->last = b->last_firm = NULL;
    b->table_used = 0;
    if (b->table != NULL) memset(b->table, 0, (size_t)b->table_size * sizeof *b->table);
}

/* What nobody can ask for any more does not run. Later levels first: their operands may be what keeps others. */
static void drop_dead(wk_level *level) {
    wk_group *last = NULL;
    for (wk_group **at = &level->first, *g = *at; g != NULL; g = *at) {
        if (wk__group_is_wanted(g)) {
            last = g;
            at = &g->next;
            continue;
        }
        *at = g->next;
        g->kind->group_count--;
        leave_group(g);
    }
    level->last = last;
}

static bool run_levels(wk_batch *b) {
    if (!wk__levels_settle(b)) return out_of_memory(b->ctx);
    for (int32_t l = b->some_gone ? b->level_count - 1 : -1; l >= 0; l--) drop_dead(&b->levels[l]);
    wk__groups_merge(b);
    wk__groups_order(b);
    for (int32_t l = 0; l < b->level_count; l++)
        for (wk_group *g = b->levels[l].first; g != NULL; g = g->next, b->group_count++) {
            if (!run_group(b->ctx, g)) return false;
            leave_group(g);
        }
    return true;
}

bool wk__batch_wave(wk_batch *b) {
    wk_ctx *ctx = b->ctx;
    if (b->pending == 0) return ctx->failure.status == WK_OK;
    b->call_count += b->pending;
    b->pending = 0;
    const bool enabled = ctx->grad_enabled;
    const uint8_t paused = wk__watch_pause(ctx, WK__WATCH_BATCH);
    const wk_scope scope = wk__scope_open(ctx);
    const bool fine = scope != 0 && ctx->failure.status == WK_OK && run_levels(b);
    wk__scopes_join(ctx, ctx->depth, b->depth); /* what is recorded is the batch's, whatever scope is open just now */
    if (scope != 0) wk__scope_close_innermost(ctx);
    wk__batch_discard(b);
    wk__watch_resume(ctx, paused);
    ctx->grad_enabled = enabled;
    wk__failure_is_apart(ctx);
    return fine;
}
