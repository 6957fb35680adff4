/* defer.c -- a call that is put off: which group it belongs to, and what it promises.
 *
 * NOTE [Paths]. A program calls the same again and again: what linear makes goes into tanh. So a group remembers where
 * the calls went that came next, the last two times, and to which groups its outputs went. Mostly a call is one more of
 * one of these, which is seen by comparing a few words. Else its kind is looked up by the hash of its signature, and it
 * begins another group of that. */
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
static bool can_be_kept(const wk_tensor *x) {
    return x->storage != NULL && !wk__group_that_runs(wk__source_group((wk_source)x->storage))->has_failed;
}

/* Is input i there, so that the call can be put off? What is wrong with it is for the usual way to say. */
static bool input_known(const wk_call *c, int32_t i) {
    const wk_tensor *x = c->in[i];
    if (wk_unlikely(x == NULL)) return may_lack(c->op, i);
    if (wk_unlikely(!wk__is_there(x) || x->ctx != c->ctx || x->a.ndim >= WK_MAX_DIMS)) return false;
    return x->live == WK__LIVE || can_be_kept(x);
}

/* False when the call cannot be put off. */
static bool look_at_inputs(wk_deferral *d) {
    const wk_call *c = d->c;
    d->needs_grad = false;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (!input_known(c, i)) return false;
        if (d->is_short) d->sources[i] = wk__operand(d, i, &d->rows[i]);
        d->needs_grad |= c->in[i] != NULL && wk__needs_grad(c->in[i]);
    }
    d->records = d->needs_grad && c->ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
    return true;
}

/* ---------------------------------------------------------------------------------------------------- promises --- */

static bool out_of_memory(wk_call *c) {
    wk__refuse(c, WK_ENOMEM, "out of memory");
    return wk__call_abandon(c), true;
}

/* Outputs as those of other calls of the kind. Strides are known when the promise is kept. False when memory is out. */
static bool promise_again(wk_call *c, const wk_kind *kind) {
    for (int32_t k = 0; k < kind->out_count; k++) {
        const wk_array *like = &kind->like[k];
        c->out[k] = wk__tensor_promise(c->ctx, like->dtype, like->ndim, like->dims);
        if (c->out[k] == NULL) return false;
    }
    return true;
}

/* The outputs are what row `row` of the result will be. */
static void promise_row(const wk_call *c, wk_group *g, int32_t row) {
    for (int32_t k = 0; k < g->kind->out_count; k++) {
        wk_tensor *t = c->out[k];
        t->storage = (wk_storage *)((wk_source)g + 1 + (wk_source)k);
        t->epoch = (uint32_t)row;
        t->flags |= WK__ENTRY | WK__BATCHED;
        if (g->kind->records && wk__dtype_is_floating(t->a.dtype)) t->way = (wk_way){WK__TO_NODE, 0};
    }
}

/* ----------------------------------------------------------------------------------------------------- operands --- */

static inline wk_source operand(const wk_deferral *d, int32_t i, int32_t *row) {
    if (!d->is_short) return wk__operand(d, i, row);
    *row = d->rows[i];
    return d->sources[i];
}

static inline bool goes_on(const wk_column *column, wk_source source, int32_t row) {
    return column->source == source && column->next == row;
}

/* Room for one more operand in every column. */
static bool make_room(wk_batch *b, wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        wk_column *column = &g->columns[i];
        if (column->count < column->capacity || wk__is_shared_operand(g->kind->shared, i)) continue;
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
static void push_shared(wk_column *column, wk_source source, int32_t row) {
    if (column->count > 0) return;
    push(column, source, row);
    column->next = row;
}

static void push_operands(wk_group *g, const wk_deferral *d) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        int32_t row;
        const wk_source source = operand(d, i, &row);
        (wk__is_shared_operand(g->kind->shared, i) ? push_shared : push)(&g->columns[i], source, row);
    }
}

/* ------------------------------------------------------------------------------------------------------- groups --- */

/* Is x like the tensors that are operand i of g? */
static bool is_like(const wk_group *g, int32_t i, const wk_tensor *x) {
    const wk_source last = g->columns[i].source;
    const wk_tensor *y = (const wk_tensor *)last;
    if (last == 0 || wk__source_group(last) != NULL) return false;
    return x->way.kind == y->way.kind && x->a.dtype == y->a.dtype && wk__same_dims(&x->a, &y->a) && !wk__is_callers(x);
}

/* Is operand i from where it was in the last call of g, or what it was there? */
static bool is_from_there(const wk_group *g, const wk_deferral *d, int32_t i) {
    const wk_column *column = &g->columns[i];
    int32_t row;
    const wk_source source = operand(d, i, &row);
    if (wk__is_shared_operand(g->kind->shared, i)) return goes_on(column, source, row);
    if (source == column->source) return true;
    return source != 0 && wk__source_group(source) == NULL && is_like(g, i, (const wk_tensor *)source);
}

/* Is it, wherever from, of the shape that operand i has? */
static bool has_its_shape(const wk_group *g, const wk_deferral *d, int32_t i) {
    int32_t row;
    const wk_source source = operand(d, i, &row);
    if (wk__is_shared_operand(g->kind->shared, i)) return goes_on(&g->columns[i], source, row);
    if (wk__source_group(source) == NULL) return is_from_there(g, d, i);
    const wk_array *like = wk__source_array(g->columns[i].source), *x = &d->c->in[i]->a;
    return wk__source_group(g->columns[i].source) != NULL && like->dtype == x->dtype && wk__same_dims(like, x);
}

static bool is_of_kind(const wk_kind *k, const wk_deferral *d) {
    return k->op == d->c->op && k->in_count == d->c->in_count && k->needs_grad == d->needs_grad &&
           k->records == d->records && wk__same_attrs(k, d->c);
}

typedef bool operand_test(const wk_group *g, const wk_deferral *d, int32_t i);

static bool is_one_more(const wk_group *g, const wk_deferral *d, operand_test *test) {
    if (!g->is_open || !is_of_kind(g->kind, d)) return false;
    for (int32_t i = 0; i < g->kind->in_count; i++)
        if (!test(g, d, i)) return false;
    return true;
}

/* Of the groups of the operands that are pending the latest, from which the fewest ways part. */
static wk_group *latest_pending(const wk_deferral *d) {
    wk_group *latest = NULL;
    for (int32_t i = 0; i < d->c->in_count; i++) {
        int32_t row;
        wk_group *g = wk__source_group(operand(d, i, &row));
        if (g != NULL && g->is_open && (latest == NULL || g->level > latest->level)) latest = g;
    }
    return latest;
}

enum {
    MOST_PATHS = 16, /* looked at: who goes to more groups than that begins new ones, which may be merged later */
    MOST_ALIKE = 2,  /* so many groups of one kind from one group; what has other operands yet joins the last of them */
};

/* The group to which such a call went from `from`, or NULL. */
static wk_group *follow(const wk_group *from, const wk_deferral *d) {
    const wk_path *path = from->paths;
    int alike = 0;
    for (int looked_at = 0; path != NULL && looked_at < MOST_PATHS; path = path->next, looked_at++) {
        if (is_one_more(path->to, d, is_from_there)) return path->to;
        if (is_one_more(path->to, d, has_its_shape) && ++alike == MOST_ALIKE) return path->to;
    }
    return NULL;
}

/* The group that this is one more call of, if one can be told from what was called before. */
static wk_group *known_group(const wk_batch *b, wk_deferral *d) {
    for (int which = 0; b->last != NULL && which < 2; which++) {
        wk_group *g = b->last->after[which];
        if (g != NULL && is_one_more(g, d, is_from_there)) return g;
    }
    d->from = latest_pending(d);
    return d->from != NULL ? follow(d->from, d) : NULL;
}

/* The next such call is to be found by path, unless there is no memory for it. */
static void remember(wk_batch *b, const wk_deferral *d, wk_group *to) {
    wk_path *path = d->from != NULL ? wk__batch_alloc(b, sizeof *path) : NULL;
    if (path == NULL) return;
    *path = (wk_path){d->from->paths, to};
    d->from->paths = path;
}

/* After the last call came this one. */
static inline void note_next(wk_batch *b, wk_group *g) {
    if (b->last != NULL && b->last->after[0] != g) {
        b->last->after[1] = b->last->after[0];
        b->last->after[0] = g;
    }
    b->last = g;
}

/* The call becomes one of g's. True: it is done. */
static bool put_off(wk_batch *b, wk_deferral *d, wk_group *g) {
    wk_call *c = d->c;
    if (!make_room(b, g)) return out_of_memory(c);
    push_operands(g, d);
    promise_row(c, g, g->count++);
    b->pending++;
    note_next(b, g);
    if (!wk__call_give(c))
        for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
    return true;
}

/* In another group of its kind, or the first one. */
static bool put_off_anew(wk_batch *b, wk_deferral *d) {
    wk_call *c = d->c;
    wk__deferral_describe(d);
    wk_kind *kind = wk__kind_find(b, d);
    const bool is_known = kind != NULL;
    if (is_known && d->from == NULL && is_one_more(kind->newest, d, is_from_there))
        return promise_again(c, kind) ? put_off(b, d, kind->newest) : out_of_memory(c);
    if (is_known && !promise_again(c, kind)) return out_of_memory(c);
    if (!is_known && (kind = wk__kind_new(b, d)) == NULL) return c->ctx->failure.status != WK_OK;
    wk_group *g = wk__group_new(b, kind, d->level);
    if (g == NULL) return out_of_memory(c);
    remember(b, d, g);
    if (!is_known) wk__kind_enter(b, d, kind);
    return put_off(b, d, g);
}

/* ----------------------------------------------------------------------------------------------- the usual call --- */

/* NOTE [Models]. Most calls are one more of a group whose next one they were the last time as well, with operands from
 * the same groups. Then the promise is a copy of the kind's model, and mostly each column is one row longer. All that
 * has to be looked at is whether that is so. */

/* Is operand i of g from where it was before? Who is a source of an open group has been looked at. */
static inline bool fits(const wk_group *g, int32_t i, const wk_ctx *ctx, const wk_tensor *x, bool *needs_grad,
                        wk_run *from) {
    const wk_column *column = &g->columns[i];
    const bool is_shared = g->kind->shared >> i & 1;
    *from = (wk_run){(wk_source)x, 0, 1};
    if (wk_unlikely(x == NULL)) return column->source == 0;
    if (wk_unlikely(x->storage == NULL)) return false; /* its batch has failed */
    *needs_grad |= wk__needs_grad(x);
    if (wk_likely(x->live == WK__PROMISED))
        *from = (wk_run){(wk_source)x->storage, (int32_t)x->epoch, 1};
    else if (x->live != WK__LIVE || wk__is_batched(x))
        return false;
    if (from->source == column->source) return !is_shared || from->row == column->next;
    return !is_shared && x->live == WK__LIVE && x->ctx == ctx && is_like(g, i, x);
}

WK_INLINE bool all_fit(const wk_group *g, const wk_call *c, int32_t in_count, wk_run *from) {
    const wk_kind *k = g->kind;
    bool needs_grad = false;
    for (int32_t i = 0; i < in_count; i++)
        if (!fits(g, i, c->ctx, c->in[i], &needs_grad, &from[i])) return false;
    return k->needs_grad == needs_grad && k->records == (needs_grad && k->may_record && c->ctx->grad_enabled) &&
           wk__same_attrs(k, c);
}

/* Blocks for the first `count` outputs that came to nothing. */
WK_NOINLINE static bool give_back(wk_call *c, int32_t count) {
    for (int32_t k = 0; k < count; k++) wk__heap_free(&c->ctx->heap, c->out[k], wk__heap_class(sizeof(wk_tensor)));
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
    return false;
}

/* Promises like the others, of the innermost scope, in whose list there is room. False when memory is out. */
static inline bool copy_models(wk_call *c, wk_group *g) {
    wk_ctx *ctx = c->ctx;
    const int32_t out_count = g->kind->out_count, size_class = wk__heap_class(sizeof(wk_tensor));
    for (int32_t k = 0; k < out_count; k++) {
        c->out[k] = wk__heap_alloc(&ctx->heap, size_class);
        if (wk_unlikely(c->out[k] == NULL)) return give_back(c, k);
    }
    const char *next = (const char *)ctx->heap.free[size_class];
    wk_prefetch(next);
    wk_prefetch(next + WK__LINE);
    for (int32_t k = 0; k < out_count; k++) {
        wk_tensor *t = c->out[k];
        memcpy(t, g->kind->models + k * WK__MODEL_NBYTES, WK__MODEL_NBYTES);
        t->storage = (wk_storage *)((wk_source)g + 1 + (wk_source)k);
        t->epoch = (uint32_t)g->count;
        t->handle = ctx->handle_count;
        t->depth = ctx->depth;
        ctx->handles[ctx->handle_count++] = t;
    }
    return true;
}

/* One call more of a group, if that is what it is. */
WK_INLINE bool take_next(wk_batch *b, wk_group *g, wk_call *c, int32_t in_count) {
    wk_run from[WK__FEW_OPERANDS];
    if (!all_fit(g, c, in_count, from)) return false;
    for (int32_t i = 0; i < in_count; i++)
        if (wk_unlikely(g->columns[i].count == g->columns[i].capacity) && !(g->kind->shared >> i & 1) &&
            !goes_on(&g->columns[i], from[i].source, from[i].row) && !wk__column_grow(b, &g->columns[i]))
            return out_of_memory(c);
    if (wk_unlikely(!copy_models(c, g))) return out_of_memory(c);
    for (int32_t i = 0; i < in_count; i++)
        if (!(g->kind->shared >> i & 1)) push(&g->columns[i], from[i].source, from[i].row);
    g->count++;
    b->pending++;
    note_next(b, g);
    return true;
}

static inline bool take_here(wk_batch *b, wk_group *g, wk_call *c) {
    if (!g->is_open || g->kind->op != c->op || g->kind->in_count != c->in_count || !g->kind->has_models) return false;
    if (c->in_count == 1) return take_next(b, g, c, 1);
    if (c->in_count == 2) return take_next(b, g, c, 2);
    return c->in_count <= WK__FEW_OPERANDS && take_next(b, g, c, c->in_count);
}

enum { FEW_PATHS = 4 }; /* looked at before a call is gone through thoroughly */

/* Where the call before this one led the last times, or what the last one with such a first operand led to. */
static inline bool take_as_before(wk_batch *b, wk_call *c) {
    const bool has_room = b->ctx->handle_capacity - b->ctx->handle_count >= WK__MAX_OUTPUTS;
    if (wk_unlikely(b->last == NULL || !has_room || c->in_count == 0)) return false;
    for (int which = 0; which < 2; which++)
        if (b->last->after[which] != NULL && take_here(b, b->last->after[which], c)) return true;
    const wk_tensor *x = c->in[0];
    if (x == NULL || x->live != WK__PROMISED || x->storage == NULL) return false;
    const wk_path *path = wk__source_group((wk_source)x->storage)->paths;
    for (int looked_at = 0; path != NULL && looked_at < FEW_PATHS; path = path->next, looked_at++)
        if (take_here(b, path->to, c)) return true;
    return false;
}

/* --------------------------------------------------------------------------------------------------------- call --- */

/* Is this a row that can be put off, and nobody watches? */
static bool may_put_off(const wk_call *c) {
    const wk_op *op = c->op;
    const wk_ctx *ctx = c->ctx;
    if (op->batch == WK__BATCH_NONE || (op->flags & WK__OP_IN_PLACE) || c->in_count == 0) return false;
    return ctx->walking == NULL && (ctx->watch & (uint8_t) ~(WK__WATCH_BATCH | WK__WATCH_REWRITES)) == 0;
}

/* Any but the usual call. */
WK_NOINLINE static bool take(wk_batch *b, wk_call *c) {
    wk_deferral d = {.c = c, .is_short = c->in_count <= WK__FEW_OPERANDS};
    if (!look_at_inputs(&d)) return false;
    if (c->op->view != NULL && !wk__is_batched(c->in[0])) return false; /* of a tensor that is there: a view */
    if ((c->ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return true;
    wk_group *g = known_group(b, &d);
    if (g == NULL) return put_off_anew(b, &d);
    return promise_again(c, g->kind) ? put_off(b, &d, g) : out_of_memory(c);
}

/* The same with copies of what the caller may rewrite. */
static bool take_any(wk_batch *b, wk_call *c) {
    wk_tensor *const *in = c->in;
    wk_tensor *own[WK__FEW_OPERANDS];
    if (!may_put_off(c) || (b->habit == NULL && !wk__habit_begin(b, c))) return false;
    if (!wk__copy_callers(c, own)) return c->ctx->failure.status != WK_OK;
    const bool is_taken = take(b, c);
    c->in = in;
    return is_taken;
}

bool wk__batch_takes(wk_call *c) {
    const wk_ctx *ctx = c->ctx;
    const bool is_quiet = ctx->watch == WK__WATCH_BATCH && ctx->walking == NULL;
    return (wk_likely(is_quiet) && take_as_before(ctx->batch, c)) || take_any(ctx->batch, c);
}
