/* usual.c -- the usual call in a batch: one more of a group that came next before.
 *
 * NOTE [Models]. Most calls are one more of a group whose next one they were the last time as well, with operands from
 * the same groups. Then the promise is a copy of the kind's model, and mostly each column is one row longer. All that
 * has to be looked at is whether that is so. */
#include <string.h>

#include "batch/deferral.h"
#include "grad/apply.h"

/* Is x, which is no promise, from where this column's operands are from? */
static inline bool fits_live(const wk_column *column, bool has_room, const wk_tensor *x, const wk_ctx *ctx) {
    if (x == NULL || column->source == 0) return x == NULL && column->source == 0;
    if (wk_unlikely(x->live != WK__LIVE || wk__is_batched(x))) return false;
    if ((wk_source)x == column->source) return has_room || column->next == 0;
    return has_room && x->ctx == ctx && wk__is_like(column, x);
}

/* Is c one more call of g? The sources of an open group have been looked at, so it is enough that the operands come
 * from them, and that there is room. A promise that its batch could not keep has no source, and no row of the column
 * of an input that is absent. */
WK_INLINE bool is_one_more(const wk_group *g, const wk_call *c) {
    const wk_kind *kind = g->kind;
    const wk_column *column = g->columns;
    bool needs_grad = false;
    if (kind->op != c->op || kind->in_count != c->in_count || !g->is_open || !kind->has_models) return false;
    if (!wk__same_attrs(kind, c)) return false;
    for (int32_t i = 0; i < kind->in_count; i++, column++) {
        const wk_tensor *x = c->in[i];
        const bool has_room = column->count < column->capacity && !wk__is_shared_operand(kind->shared, i);
        if (wk_likely(x != NULL && x->live == WK__PROMISED)) {
            if ((wk_source)x->storage != column->source) return false;
            if (wk_unlikely((int32_t)x->epoch != column->next) && !has_room) return false;
        } else if (!fits_live(column, has_room, x, c->ctx)) {
            return false;
        }
        needs_grad |= x != NULL && wk__needs_grad(x);
    }
    return kind->needs_grad == needs_grad && kind->records == (needs_grad && kind->may_record && c->ctx->grad_enabled);
}

WK_APART bool is_one_more_apart(const wk_group *g, const wk_call *c) { return is_one_more(g, c); }

/* An operand that begins another run. */
WK_APART void push_apart(wk_column *column, wk_source source, int32_t row) { wk__column_push(column, source, row); }

static inline void push_operands(const wk_group *g, const wk_call *c, wk_column *columns) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (wk__is_shared_operand(g->kind->shared, i)) continue;
        if (wk_likely(x->live == WK__PROMISED && (int32_t)x->epoch == columns[i].next))
            columns[i].next++;
        else if (x->live == WK__PROMISED)
            push_apart(&columns[i], (wk_source)x->storage, (int32_t)x->epoch);
        else
            push_apart(&columns[i], (wk_source)x, 0);
    }
}

/* Promises mostly lie one behind the other (class 0 in base/heap.h), beyond the nearest caches where there are many. */
enum { FAR_NBYTES = 10 * WK__HANDLE_NBYTES };

static inline void fetch_another(const wk_tensor *t) {
    const char *far = (const char *)t + FAR_NBYTES;
    wk_prefetch(far);
    wk_prefetch(far + WK__LINE);
}

/* Output k is a promise like the others, of the innermost scope, in whose list there is room. */
static inline void promise(const wk_call *c, const wk_group *g, int32_t k) {
    wk_ctx *ctx = c->ctx;
    wk_tensor *t = c->out[k];
    fetch_another(t);
    memcpy(t, g->kind->models + k * WK__MODEL_NBYTES, WK__MODEL_NBYTES);
    t->storage = (wk_storage *)((wk_source)g + 1 + (wk_source)k);
    t->epoch = (uint32_t)g->count;
    t->handle = ctx->handle_count;
    t->depth = ctx->depth;
    ctx->handles[ctx->handle_count++] = t;
}

/* There are blocks for the first `count` outputs only. */
WK_NOINLINE static bool give_back(wk_call *c, int32_t count) {
    for (int32_t k = 0; k < count; k++) wk__heap_free(&c->ctx->heap, c->out[k], WK__PROMISE_CLASS);
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
    return wk__refuse(c, WK_ENOMEM, "out of memory"), true;
}

/* c is one more call of g. */
static inline bool take(wk_batch *b, wk_group *g, wk_call *c) {
    for (int32_t k = 0; k < g->kind->out_count; k++)
        if (wk_unlikely((c->out[k] = wk__heap_alloc(&c->ctx->heap, WK__PROMISE_CLASS)) == NULL)) return give_back(c, k);
    push_operands(g, c, g->columns);
    for (int32_t k = 0; k < g->kind->out_count; k++) promise(c, g, k);
    g->count++;
    b->pending++;
    wk__group_comes_next(b, g);
    return true;
}

enum { FEW_PATHS = 4 }; /* looked at before a call is gone through thoroughly */

/* A group that the last one with such a first operand led to, or NULL. */
static wk_group *by_path(const wk_call *c) {
    const wk_tensor *x = c->in[0];
    if (x == NULL || x->live != WK__PROMISED || x->storage == NULL) return NULL;
    const wk_path *path = wk__source_group((wk_source)x->storage)->paths;
    for (int looked_at = 0; path != NULL && looked_at < FEW_PATHS; path = path->next, looked_at++)
        if (is_one_more_apart(path->to, c)) return path->to;
    return NULL;
}

/* The call after the last one, where that does not lead to the same as the last time. */
WK_APART bool take_otherwise(wk_batch *b, wk_call *c) {
    wk_group *g = by_path(c), *after = b->last->after[1];
    if (g == NULL && after != NULL && is_one_more_apart(after, c)) g = after;
    return g != NULL && take(b, g, c);
}

bool wk__batch_takes_usual(wk_batch *b, wk_call *c) {
    const bool has_room = b->ctx->handle_capacity - b->ctx->handle_count >= WK__MAX_OUTPUTS;
    if (wk_unlikely(b->last == NULL || !has_room || c->in_count == 0)) return false;
    wk_group *g = b->last->after[0];
    if (wk_unlikely(g == NULL || !is_one_more(g, c))) return take_otherwise(b, c);
    return take(b, g, c);
}
