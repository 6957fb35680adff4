/* defer.c -- a call that is put off: which group it belongs to, and what it promises.
 *
 * NOTE [Paths]. A program calls the same again and again: what linear makes goes into tanh. So a group remembers where
 * the call went that came next, and most calls find theirs by looking whether it is one more of that. It also remembers
 * by which operands and which row other groups were reached from it, for calls that follow different ones. The others
 * are found by the hash of their signature. */
#include <string.h>

#include "batch/deferral.h"
#include "grad/apply.h"
#include "grad/in_place.h"
#include "op/custom.h"

/* ------------------------------------------------------------------------------------------------------- inputs --- */

/* May input i of this row be absent? */
static bool may_lack(const wk_op *op, int32_t i) {
    return op->in_count != WK__ANY_NUMBER && (op->optional >> i & 1) != 0;
}

/* A promise that can be kept: its batch has not failed. */
static inline bool can_be_kept(const wk_tensor *x) {
    return x->storage != NULL && !wk__group_that_runs(wk__source_group((wk_source)x->storage))->has_failed;
}

/* Is input i there, so that the call can be put off? What is wrong with it is for the usual way to say. */
static inline bool input_known(const wk_call *c, int32_t i) {
    const wk_tensor *x = c->in[i];
    if (wk_unlikely(x == NULL)) return may_lack(c->op, i);
    if (wk_unlikely(!wk__is_there(x) || x->ctx != c->ctx || x->a.ndim >= WK_MAX_DIMS)) return false;
    return x->live == WK__LIVE || can_be_kept(x);
}

static inline bool all_known(const wk_call *c) {
    bool known = true;
    for (int32_t i = 0; known && i < c->in_count; i++) known = input_known(c, i);
    return known;
}

/* Looks at the inputs of a call that has few. False when it cannot be put off. */
static inline bool look_at_inputs(wk_deferral *d) {
    const wk_call *c = d->c;
    d->needs_grad = false;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (!input_known(c, i)) return false;
        d->sources[i] = wk__operand(d, i, &d->rows[i]);
        d->needs_grad |= c->in[i] != NULL && wk__needs_grad(c->in[i]);
    }
    d->records = d->needs_grad && c->ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
    return true;
}

/* ------------------------------------------------------------------------------------------------- another call --- */

static inline bool same_kind(const wk_group *g, const wk_deferral *d) {
    return g->op == d->c->op && g->in_count == d->c->in_count && g->needs_grad == d->needs_grad &&
           g->records == d->records && wk__same_attrs(g, d->c);
}

/* The operand that the group has as its i-th once and for all. */
static inline bool is_shared_one(const wk_group *g, const wk_deferral *d, int32_t i) {
    return d->sources[i] == g->columns[i].first.source && d->rows[i] == g->columns[i].first.row;
}

static inline bool leads_on(const wk_path *path, const wk_deferral *d) {
    const wk_group *g = path->to;
    if (!same_kind(g, d)) return false;
    for (int32_t i = 0; i < d->c->in_count; i++)
        if (wk__is_shared_operand(g->shared, i) ? !is_shared_one(g, d, i) : path->sources[i] != d->sources[i])
            return false;
    return true;
}

/* The group of the first operand that is pending. */
static inline wk_group *first_pending(const wk_deferral *d) {
    for (int32_t i = 0; i < d->c->in_count; i++) {
        wk_group *g = wk__source_group(d->sources[i]);
        if (g != NULL && g->is_open) return g;
    }
    return NULL;
}

/* The group to which another call led from here, or NULL. */
static inline wk_group *follow(wk_deferral *d) {
    d->from = first_pending(d);
    for (const wk_path *path = d->from != NULL ? d->from->paths : NULL; path != NULL; path = path->next)
        if (leads_on(path, d)) return path->to;
    return NULL;
}

/* The next such call is to be found by path: unless it lacks memory, or has an operand to be put side by side that is
 * no output of a group. */
static void remember(wk_batch *b, const wk_deferral *d, wk_group *to) {
    if (!d->is_short || d->from == NULL) return;
    for (int32_t i = 0; i < to->in_count; i++)
        if (!wk__is_shared_operand(to->shared, i) && wk__source_group(d->sources[i]) == NULL) return;
    wk_path *path = wk__batch_alloc(b, sizeof *path);
    if (path == NULL) return;
    *path = (wk_path){.next = d->from->paths, .to = to};
    for (int32_t i = 0; i < to->in_count; i++) path->sources[i] = d->sources[i];
    d->from->paths = path;
}

/* ----------------------------------------------------------------------------------------------------- promises --- */

static bool out_of_memory(wk_call *c) {
    wk__refuse(c, WK_ENOMEM, "out of memory");
    return wk__call_abandon(c), true;
}

/* Outputs as those of the group's other calls. Strides are known when the promise is kept. */
static inline bool promise_again(wk_call *c, const wk_group *g) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        const wk_array *like = &g->like[k];
        wk_tensor *t = c->out[k] = wk__view_new(c->ctx);
        if (wk_unlikely(t == NULL)) return false;
        t->a.data = NULL;
        t->a.numel = like->numel;
        t->a.dtype = like->dtype;
        t->a.ndim = like->ndim;
        for (int32_t d = 0; d < like->ndim; d++) t->a.dims[d] = like->dims[d];
        t->storage = NULL;
        t->live = WK__PROMISED;
    }
    return true;
}

/* The outputs are what row `row` of the result will be. */
static inline void promise_row(const wk_call *c, wk_group *g, int32_t row) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        wk_tensor *t = c->out[k];
        t->storage = (wk_storage *)((wk_source)g + 1 + (wk_source)k);
        t->epoch = (uint32_t)row;
        t->flags |= WK__ENTRY | WK__BATCHED;
        if (g->records && wk__dtype_is_floating(t->a.dtype)) t->way = (wk_way){WK__TO_NODE, 0};
    }
}

/* ------------------------------------------------------------------------------------------------------ putting --- */

static inline wk_source operand(const wk_deferral *d, int32_t i, int32_t *row) {
    if (!d->is_short) return wk__operand(d, i, row);
    *row = d->rows[i];
    return d->sources[i];
}

static inline bool goes_on(const wk_column *column, wk_source source, int32_t row) {
    return column->source == source && column->next == row;
}

/* Room for one more operand in every column. */
static inline bool make_room(wk_batch *b, wk_group *g) {
    for (int32_t i = 0; i < g->in_count; i++) {
        wk_column *column = &g->columns[i];
        if (column->count < column->capacity || wk__is_shared_operand(g->shared, i)) continue;
        if (!wk__column_grow(b, column)) return false;
    }
    return true;
}

/* Behind the others, whose last run it goes on, or begins another. */
static inline void push(wk_column *column, wk_source source, int32_t row) {
    if (goes_on(column, source, row)) {
        column->next++;
        return;
    }
    if (column->count > 0) wk__column_settle(column);
    column->runs[column->count++] = (wk_run){source, row, 1};
    column->source = source;
    column->next = row + 1;
    wk__source_retain(source);
}

/* What is the same for all is there since the first call. */
static inline void push_shared(wk_column *column, wk_source source, int32_t row) {
    if (column->count > 0) return;
    push(column, source, row);
    column->next = row;
}

static inline void push_operands(wk_group *g, const wk_deferral *d) {
    for (int32_t i = 0; i < g->in_count; i++) {
        int32_t row;
        const wk_source source = operand(d, i, &row);
        (wk__is_shared_operand(g->shared, i) ? push_shared : push)(&g->columns[i], source, row);
    }
}

/* Output k could not be given to the scope, and is gone. */
WK_NOINLINE static bool give_failed(wk_call *c, int32_t k) {
    for (int32_t j = k + 1; j < c->op->out_count; j++) wk__unref(c->out[j]);
    for (int32_t j = 0; j < WK__MAX_OUTPUTS; j++) c->out[j] = NULL;
    wk__refuse(c, WK_ENOMEM, "out of memory");
    return true;
}

/* After the last call came this one. */
static inline void note_next(wk_batch *b, wk_group *g) {
    if (b->last != NULL && b->last->after[0] != g) {
        b->last->after[1] = b->last->after[0];
        b->last->after[0] = g;
    }
    b->last = g;
}

/* The operands of the call are in their columns: it is done. */
static inline bool promised(wk_batch *b, wk_group *g, wk_call *c) {
    promise_row(c, g, g->count++);
    b->pending++;
    note_next(b, g);
    for (int32_t k = 0; k < c->op->out_count; k++)
        if (wk_unlikely(wk__give_to_scope(c->out[k]) == NULL)) return give_failed(c, k);
    return true;
}

/* The call becomes one of a group, which is new or has promised the same before. True: the call is done. */
static inline bool put_off(wk_batch *b, wk_deferral *d, wk_group *g) {
    wk_call *c = d->c;
    if (wk_unlikely(!make_room(b, g))) return out_of_memory(c);
    push_operands(g, d);
    return promised(b, g, c);
}

/* --------------------------------------------------------------------------------------------- the first of all --- */

/* The first call of its signature: the row's shape rule says whether it is one. */
WK_NOINLINE static bool put_off_first(wk_batch *b, wk_deferral *d) {
    wk_call *c = d->c;
    char raw[WK__ATTRS_NBYTES];
    if (!wk__deferral_declare(d, raw)) return c->ctx->failure.status != WK_OK;
    wk_group *g = wk__group_room(b, d->level) ? wk__group_new(b, d, raw) : NULL;
    if (g == NULL) return out_of_memory(c);
    wk__group_enter(b, g, wk__group_find(b, d));
    remember(b, d, g);
    return put_off(b, d, g);
}

/* By signature: calls with many inputs, and those that no path leads to. */
WK_NOINLINE static bool put_off_by_signature(wk_batch *b, wk_deferral *d) {
    wk__deferral_describe(d);
    wk_group *g = b->table != NULL ? *wk__group_find(b, d) : NULL;
    if (g == NULL) return put_off_first(b, d);
    remember(b, d, g);
    if (!promise_again(d->c, g)) return out_of_memory(d->c);
    return put_off(b, d, g);
}

/* --------------------------------------------------------------------------------------------------------- call --- */

/* Is this a row that can be put off, and nobody watches? */
static inline bool may_put_off(const wk_call *c) {
    const wk_op *op = c->op;
    const wk_ctx *ctx = c->ctx;
    if (op->batch == WK__BATCH_NONE || (op->flags & WK__OP_IN_PLACE) || c->in_count == 0) return false;
    return ctx->walking == NULL && (ctx->watch & (uint8_t) ~(WK__WATCH_BATCH | WK__WATCH_REWRITES)) == 0;
}

/* ------------------------------------------------------------------------------------------------ the usual way --- */

/* NOTE [Models]. Most calls are one more of a group whose next one they were the last time as well: their operands are
 * the rows after those of the last call. Then the promise is a copy of the group's model, and each column is one row
 * longer. All that has to be looked at is whether that is so. */

/* Is operand i of g what comes next there? Who is a source of an open group has been looked at. */
static inline bool is_next(const wk_group *g, int32_t i, const wk_tensor *x, bool *needs_grad) {
    const wk_column *column = &g->columns[i];
    if (wk_unlikely(x == NULL)) return column->source == 0;
    *needs_grad |= wk__needs_grad(x);
    if (x->live == WK__PROMISED) return goes_on(column, (wk_source)x->storage, (int32_t)x->epoch);
    return x->live == WK__LIVE && !wk__is_batched(x) && goes_on(column, (wk_source)x, 0);
}

WK_INLINE bool are_next(const wk_group *g, const wk_call *c, int32_t in_count) {
    bool needs_grad = false;
    for (int32_t i = 0; i < in_count; i++)
        if (!is_next(g, i, c->in[i], &needs_grad)) return false;
    return g->needs_grad == needs_grad && g->records == (needs_grad && g->may_record && c->ctx->grad_enabled) &&
           wk__same_attrs(g, c);
}

/* A promise like the others. False when memory is out. */
static inline bool copy_model(wk_call *c, const wk_group *g) {
    wk_ctx *ctx = c->ctx;
    wk_tensor *t = wk__view_new(ctx);
    if (wk_unlikely(t == NULL)) return false;
    memcpy(t, g->model, WK__MODEL_NBYTES);
    t->epoch = (uint32_t)g->count;
    t->handle = ctx->handle_count;
    t->depth = ctx->depth;
    ctx->handles[ctx->handle_count++] = t;
    c->out[0] = t;
    return true;
}

/* One call more of a group, if that is what it is. */
WK_INLINE bool take_next(wk_batch *b, wk_group *g, wk_call *c, int32_t in_count) {
    if (wk_unlikely(g->op != c->op || g->in_count != in_count || !are_next(g, c, in_count))) return false;
    if (wk_unlikely(!copy_model(c, g))) return out_of_memory(c);
    for (int32_t i = 0; i < in_count; i++) g->columns[i].next += (int32_t)(~g->shared >> i & 1);
    g->count++;
    b->pending++;
    b->last = g;
    return true;
}

/* Where the call before this one led the last time. */
static inline bool take_as_before(wk_batch *b, wk_call *c) {
    wk_group *g = wk_likely(b->last != NULL) ? b->last->after[0] : NULL;
    const wk_ctx *ctx = b->ctx;
    if (g == NULL || !g->is_open || !g->has_model || ctx->handle_count == ctx->handle_capacity) return false;
    if (c->in_count == 1) return take_next(b, g, c, 1);
    if (c->in_count == 2) return take_next(b, g, c, 2);
    return c->in_count == 3 && take_next(b, g, c, 3);
}

/* ----------------------------------------------------------------------------------------------- other operands --- */

/* Is x like the tensors that are operand i of g? */
static bool is_like(const wk_group *g, int32_t i, const wk_tensor *x) {
    const wk_source last = g->columns[i].source;
    const wk_tensor *y = (const wk_tensor *)last;
    if (last == 0 || wk__source_group(last) != NULL) return false;
    return x->way.kind == y->way.kind && x->a.dtype == y->a.dtype && wk__same_dims(&x->a, &y->a);
}

/* Is operand i from where it was in the last calls of g, or what it was there? */
static bool is_from_there(const wk_group *g, const wk_deferral *d, int32_t i) {
    const wk_column *column = &g->columns[i];
    const wk_source source = d->sources[i];
    if (wk__is_shared_operand(g->shared, i)) return goes_on(column, source, d->rows[i]);
    if (source == column->source || (column->count > 1 && source == column->runs[column->count - 2].source))
        return true;
    return source != 0 && wk__source_group(source) == NULL && is_like(g, i, (const wk_tensor *)source);
}

static bool is_one_more(const wk_group *g, const wk_deferral *d) {
    if (!g->is_open || !same_kind(g, d)) return false;
    for (int32_t i = 0; i < g->in_count; i++)
        if (!is_from_there(g, d, i)) return false;
    return true;
}

/* A group to which such calls led before, or NULL. */
static inline wk_group *group_of(const wk_batch *b, wk_deferral *d) {
    for (int which = 0; b->last != NULL && which < 2; which++) {
        wk_group *g = b->last->after[which];
        if (g != NULL && is_one_more(g, d)) return g;
    }
    return follow(d);
}

/* Does anybody watch, or may there be stale views? */
static inline bool is_quiet(const wk_ctx *ctx) { return ctx->watch == WK__WATCH_BATCH && ctx->walking == NULL; }

bool wk__batch_takes(wk_call *c) {
    wk_ctx *ctx = c->ctx;
    wk_batch *b = ctx->batch;
    if (wk_likely(is_quiet(ctx)) && take_as_before(b, c)) return true;
    if (!may_put_off(c)) return false;
    if (wk_unlikely(b->habit == NULL) && !wk__habit_begin(b, c)) return false;
    wk_deferral d = {.c = c, .is_short = c->in_count <= WK__FEW_OPERANDS};
    if (d.is_short ? !look_at_inputs(&d) : !all_known(c)) return false;
    if (c->op->view != NULL && !wk__is_batched(c->in[0])) return false; /* of a tensor that is there: a view */
    if (wk_unlikely(ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return true;
    wk_group *g = d.is_short ? group_of(b, &d) : NULL;
    if (g == NULL) return put_off_by_signature(b, &d);
    if (wk_unlikely(!promise_again(c, g))) return out_of_memory(c);
    return put_off(b, &d, g);
}
