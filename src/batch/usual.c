/* usual.c -- the usual call in a batch: one more of a group that came next before.
 *
 * NOTE [Models]. Most calls are one more of a group whose next one they were the last time as well, with operands from
 * the same groups. Then the promise is a copy of the kind's model, and mostly each column is one row longer. All that
 * has to be looked at is whether that is so. */
#include <string.h>

#include "batch/deferral.h"
#include "grad/apply.h"

/* Is x, which is no promise, from where this column's operands are from? A stale view (grad/in_place.c) is not. */
WK_APART bool fits_live(const wk_column *column, bool has_room, const wk_tensor *x, const wk_ctx *ctx) {
    if (x == NULL || column->source == 0) return x == NULL && column->source == 0;
    if (wk_unlikely(x->live != WK__LIVE || wk__is_batched(x) || x->epoch != x->storage->epoch)) return false;
    if ((wk_source)x == column->source) return has_room || column->next == 0;
    return has_room && x->ctx == ctx && wk__is_like(column, x);
}

/* Is there room for another run, or can there be? */
static inline bool has_room(wk_column *column, bool is_shared, const wk_ctx *ctx) {
    return !is_shared && (wk_likely(column->count < column->capacity) || wk__column_grow(ctx->batch, column));
}

/* Is x from where the last operand of this column is from, and is there room for it? */
WK_INLINE bool fits_column(wk_column *column, bool is_shared, const wk_tensor *x, const wk_ctx *ctx) {
    if (wk_likely(x != NULL && x->live == WK__PROMISED))
        return (wk_source)x->storage == column->source &&
               (wk_likely((int32_t)x->epoch == column->next) || has_room(column, is_shared, ctx));
    const bool is_shared_leaf = is_shared && x != NULL && (wk_source)x == column->source && x->live == WK__LIVE;
    if (wk_likely(is_shared_leaf)) return column->next == 0 && x->epoch == x->storage->epoch;
    return fits_live(column, has_room(column, is_shared, ctx), x, ctx);
}

/* Is c a call of this row with these attributes? */
static inline bool is_call_of(const wk_kind *kind, const wk_call *c) {
    return kind->op == c->op && kind->in_count == c->in_count && kind->has_models && wk__same_attrs(kind, c);
}

static inline bool is_recorded_alike(const wk_kind *kind, const wk_call *c, bool needs_grad) {
    return kind->needs_grad == needs_grad && kind->records == (needs_grad && kind->may_record && c->ctx->grad_enabled);
}

/* Has this column promises, of rows like those of the source? */
static bool has_like_rows(const wk_column *column, wk_source source) {
    if (wk__source_group(column->source) == NULL) return false;
    const wk_array *like = wk__source_array(column->source), *array = wk__source_array(source);
    return like == array || (like->dtype == array->dtype && wk__same_dims(like, array));
}

/* Is x, wherever from, of the shape that this column has? Then it may make another run. */
static bool is_like(wk_column *column, const wk_tensor *x, const wk_ctx *ctx) {
    if (x == NULL || x->live != WK__PROMISED || x->storage == NULL || x->ctx != ctx) return false;
    return has_like_rows(column, (wk_source)x->storage) && has_room(column, false, ctx);
}

/* Is c one more call of g? The sources of an open group have been looked at, so it is enough that the operands come
 * from them, and that there is room; or, in a late kind, that g can be behind them. A promise that its batch could not
 * keep has no source, and no row of the column of an input that is absent. */
WK_APART bool fits_group(wk_group *g, const wk_call *c) {
    const wk_kind *kind = g->kind;
    bool needs_grad = false;
    int32_t level = 0;
    if (!g->is_open || !is_call_of(kind, c)) return false;
    for (int32_t i = 0; i < kind->in_count; i++) {
        const wk_tensor *x = c->in[i];
        const bool is_shared = wk__is_shared_operand(kind->shared, i);
        needs_grad |= x != NULL && wk__needs_grad(x);
        if (fits_column(&g->columns[i], is_shared, x, c->ctx)) continue;
        if (!kind->is_late || is_shared || !is_like(&g->columns[i], x, c->ctx)) return false;
        const wk_group *from = wk__source_group((wk_source)x->storage);
        if (from->is_open && from->level >= level) level = from->level + 1;
    }
    return is_recorded_alike(kind, c, needs_grad) && (level <= g->level || wk__late_takes(g, c, level));
}

/* An operand that begins another run. */
WK_APART void push_apart(wk_batch *b, wk_group *g, int32_t i, wk_source source, int32_t row) {
    wk__group_push(b, g, i, source, row);
}

static inline void lengthen_columns(wk_batch *b, wk_group *g, const wk_call *c) {
    uint32_t own = wk__own_operands(g->kind);
    for (int32_t i = 0; own != 0; i++, own >>= 1) {
        const wk_tensor *x = c->in[i];
        if (!(own & 1)) continue;
        /* The source too: a call that joins from elsewhere may have the row that would be next. */
        const bool is_promise = x->live == WK__PROMISED;
        const wk_source source = (wk_source)(is_promise ? (const void *)x->storage : x);
        const int32_t row = is_promise ? (int32_t)x->epoch : 0;
        if (wk_likely(wk__column_goes_on(&g->columns[i], source, row))) g->columns[i].next++;
        else push_apart(b, g, i, source, row);
    }
}

/* Promises mostly lie one behind the other (class 0 in base/heap.h), beyond the nearest caches where there are many. */
enum { FAR_NBYTES = 10 * WK__PROMISE_NBYTES };

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

/* The blocks of the first `count` outputs go back. */
WK_NOINLINE static void give_back(wk_call *c, int32_t count) {
    for (int32_t k = 0; k < count; k++) wk__heap_free(&c->ctx->heap, c->out[k], WK__PROMISE_CLASS);
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
}

WK_NOINLINE static bool out_of_blocks(wk_call *c, int32_t count) {
    give_back(c, count);
    return wk__refuse_no_memory(c);
}

/* Blocks for the outputs; false when memory is out (recorded). */
static inline bool find_blocks(const wk_kind *kind, wk_call *c) {
    for (int32_t k = 0; k < kind->out_count; k++)
        if (wk_unlikely((c->out[k] = wk__heap_alloc(&c->ctx->heap, WK__PROMISE_CLASS)) == NULL))
            return out_of_blocks(c, k);
    return true;
}

/* Its operands are in the columns. */
static inline bool promise_all(wk_batch *b, wk_group *g, const wk_call *c) {
    promise(c, g, 0);
    for (int32_t k = 1; k < g->kind->out_count; k++) promise(c, g, k);
    g->count++;
    b->pending++;
    wk__group_comes_next(b, g);
    return true;
}

/* c, which has its blocks, is one more call of g. */
static inline bool add_with_blocks(wk_batch *b, wk_group *g, wk_call *c) {
    lengthen_columns(b, g, c);
    return promise_all(b, g, c);
}

static inline bool add_to(wk_batch *b, wk_group *g, wk_call *c) {
    return !find_blocks(g->kind, c) || add_with_blocks(b, g, c);
}

/* At a glance: may it be one more call of g? */
static inline bool may_fit(const wk_group *g, const wk_call *c) {
    const wk_tensor *x = c->in[0];
    if (g->kind->op != c->op) return false;
    return g->kind->is_late || x == NULL || x->live != WK__PROMISED || (wk_source)x->storage == g->columns[0].source;
}

enum { FEW_PATHS = 4 }; /* looked at before a call is gone through thoroughly */

/* A group that this one led to before, or NULL. */
static wk_group *by_path(const wk_group *from, const wk_call *c) {
    const wk_path *path = from != NULL ? from->paths : NULL;
    for (int looked_at = 0; path != NULL && looked_at < FEW_PATHS; path = path->next, looked_at++)
        if (may_fit(path->to, c) && fits_group(path->to, c)) return path->to;
    return NULL;
}

/* ------------------------------------------------------------------------------------- operands from elsewhere --- */

/* Is x of the shape that this column has, whose rows lie apart already, so that another run changes nothing? */
static bool fits_apart(wk_column *column, const wk_tensor *x, const wk_ctx *ctx) {
    return column->count >= 2 && is_like(column, x, ctx);
}

/* May c be one more call of g for little, though it has operands from other groups than the last one? `level` is its
 * own, so what it comes from has run when g does. */
static bool joins(wk_group *g, const wk_call *c, int32_t level) {
    const wk_kind *kind = g->kind;
    int64_t nbytes = 0;
    bool needs_grad = false;
    if (g->level != level || !is_call_of(kind, c)) return false;
    for (int32_t i = 0; i < kind->in_count; i++) {
        const wk_tensor *x = c->in[i];
        needs_grad |= x != NULL && wk__needs_grad(x);
        if (fits_column(&g->columns[i], wk__is_shared_operand(kind->shared, i), x, c->ctx)) continue;
        if (wk__is_shared_operand(kind->shared, i) || !fits_apart(&g->columns[i], x, c->ctx)) return false;
        nbytes += x->a.numel * wk__dtype_nbytes[x->a.dtype];
    }
    return nbytes <= WK__FEW_NBYTES_COPIED && is_recorded_alike(kind, c, needs_grad);
}

static wk_group *by_joining(const wk_group *from, const wk_call *c) {
    const wk_path *path = from != NULL ? from->paths : NULL;
    for (int looked_at = 0; path != NULL && looked_at < FEW_PATHS; path = path->next, looked_at++)
        if (joins(path->to, c, from->level + 1)) return path->to;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- steps --- */

/* NOTE [Steps]. Where a sequence is longer than all before it, each call begins a group; but they follow one another as
 * in the step before. So a group knows the one a step before that it is like, the newest of its kind or that which was
 * expected, and what came after that one is expected to come after this one:
 *
 *     step t       linear -> add -> narrow ...
 *                    ^        ^
 *     step t + 1   linear -> (add)
 *
 * Such a call needs no search, as its kind is known. */

/* What begins a group: of which kind, and behind which. */
typedef struct beginning {
    wk_group *like, *from; /* from: the latest group of an operand */
} beginning;

/* Is x as the operands in this column of another group, and pending if it is a promise? */
static bool is_alike(const wk_column *column, bool is_shared, const wk_tensor *x, const wk_ctx *ctx) {
    if (x == NULL || x->live != WK__PROMISED) return fits_live(column, !is_shared, x, ctx);
    const wk_source source = (wk_source)x->storage;
    if (source == 0 || x->ctx != ctx || !wk__source_group(source)->is_open) return false;
    if (is_shared) return wk__column_goes_on(column, source, (int32_t)x->epoch);
    return has_like_rows(column, source);
}

static bool are_alike(const wk_call *c, beginning *at) {
    const wk_kind *kind = at->like->kind;
    bool needs_grad = false;
    for (int32_t i = 0; i < kind->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (!is_alike(&at->like->columns[i], wk__is_shared_operand(kind->shared, i), x, c->ctx)) return false;
        needs_grad |= x != NULL && wk__needs_grad(x);
        wk_group *g = x != NULL && x->live == WK__PROMISED ? wk__source_group((wk_source)x->storage) : NULL;
        if (g != NULL && (at->from == NULL || g->level > at->from->level)) at->from = g;
    }
    return is_recorded_alike(kind, c, needs_grad);
}

/* Has a call of this kind come behind g before, as far as paths are looked at? Then this may be one more of that. */
static bool leads_to(const wk_group *g, const wk_kind *kind) {
    const wk_path *path = g->paths;
    for (int looked_at = 0; path != NULL && looked_at < WK__MOST_PATHS; path = path->next, looked_at++)
        if (path->to->kind == kind) return true;
    return false;
}

/* What came after the group that the last one is like; behind a late one, what the operand's led to. */
static wk_group *expected_like(const wk_group *last, const wk_group *from, const wk_call *c) {
    if (!last->kind->is_late) return last->after[0] == NULL && last->like != NULL ? last->like->after[0] : NULL;
    const wk_path *path = from != NULL && from->like != NULL ? from->like->paths : NULL;
    while (path != NULL && path->to->kind->op != c->op) path = path->next;
    return path != NULL ? path->to : NULL;
}

/* Is c what is expected to begin a group? */
static bool is_expected(const wk_batch *b, const wk_group *from, const wk_call *c, beginning *at) {
    at->like = expected_like(b->last, from, c);
    if (at->like == NULL || !is_call_of(at->like->kind, c) || at->like->kind->is_late) return false;
    at->from = NULL;
    return are_alike(c, at) && at->from != NULL && !leads_to(at->from, at->like->kind);
}

/* What is the same in all calls is as in the group that it is like. */
static void share_operands(wk_batch *b, wk_group *g, const wk_group *like) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        if (!wk__is_shared_operand(g->kind->shared, i)) continue;
        wk__group_push(b, g, i, like->columns[i].source, like->columns[i].next);
        g->columns[i].next = like->columns[i].next;
    }
}

/* False: not taken, or not recorded why, as when memory is out. */
WK_APART bool take_expected(wk_batch *b, const wk_group *from, wk_call *c) {
    beginning at;
    if (!is_expected(b, from, c, &at)) return false;
    if (!find_blocks(at.like->kind, c)) return true;
    wk_path *path = wk__batch_alloc(b, sizeof *path);
    wk_group *g = path != NULL ? wk__group_new(b, at.like->kind, at.from->level + 1) : NULL;
    if (g == NULL) return give_back(c, at.like->kind->out_count), false;
    *path = (wk_path){at.from->paths, g};
    at.from->paths = path;
    g->like = at.like;
    share_operands(b, g, at.like);
    return add_with_blocks(b, g, c);
}

/* One of those where the calls went that came next, the last times. What came behind a late group tells nothing. */
static wk_group *by_order(const wk_group *last, const wk_call *c) {
    for (int which = 0; which < 2 && !last->kind->is_late; which++) {
        wk_group *g = last->after[which];
        if (g != NULL && may_fit(g, c) && fits_group(g, c)) return g;
    }
    /* All of a late kind go to one, also those behind a group that had no call behind it yet. */
    wk_group *g = last->after[0] == NULL && last->like != NULL ? last->like->after[0] : NULL;
    return g != NULL && g->kind->is_late && g->kind->op == c->op && fits_group(g, c) ? g : NULL;
}

/* A call that needs more than a look. */
WK_APART bool take_otherwise(wk_batch *b, wk_call *c) {
    wk_group *g = by_order(b->last, c);
    const wk_group *from = g == NULL ? wk__latest_pending(c) : NULL;
    if (g == NULL && take_expected(b, from, c)) return true;
    if (g == NULL) g = by_path(from, c);
    if (g == NULL) g = by_joining(from, c);
    return g != NULL && add_to(b, g, c);
}

/* ----------------------------------------------------------------------------------------------- the usual call --- */

/* Is c the call that was to be expected? As fits_group, but for late kinds, with less to look at. */
WK_APART bool is_next(wk_group *g, const wk_call *c) {
    const wk_kind *kind = g->kind;
    uint32_t ways = 0, shared = kind->shared;
    if (!g->is_open || !is_call_of(kind, c) || kind->grad_enabled != c->ctx->grad_enabled) return false;
    for (int32_t i = 0; i < kind->in_count; i++, shared >>= 1) {
        const wk_tensor *x = c->in[i];
        if (!fits_column(&g->columns[i], shared & 1, x, c->ctx)) return false;
        ways |= x != NULL ? x->way.kind : 0;
    }
    return (ways != 0) == kind->needs_grad;
}

/* And makes every column longer by one that it has for itself? Then there is nothing to look at twice. */
WK_INLINE bool is_straight(const wk_group *g, const wk_call *c) {
    const wk_kind *kind = g->kind;
    const wk_column *column = g->columns;
    uint32_t ways = 0;
    if (!g->is_open || !is_call_of(kind, c) || kind->grad_enabled != c->ctx->grad_enabled) return false;
    for (int32_t i = 0; i < kind->in_count; i++, column++) {
        const wk_tensor *x = c->in[i];
        if (wk_unlikely(x == NULL)) return false;
        const bool is_leaf = x->live == WK__LIVE && (wk_source)x == column->source && (kind->shared >> i & 1);
        if (is_leaf && column->next == 0 && x->epoch == x->storage->epoch) {
            ways |= x->way.kind;
            continue;
        }
        if (x->live != WK__PROMISED) return false;
        if (!wk__column_goes_on(column, (wk_source)x->storage, (int32_t)x->epoch)) return false;
        ways |= x->way.kind;
    }
    return (ways != 0) == kind->needs_grad;
}

static inline bool add_straight(wk_batch *b, wk_group *g, wk_call *c) {
    if (wk_unlikely(!find_blocks(g->kind, c))) return true;
    const uint32_t own = wk__own_operands(g->kind);
    g->columns[0].next += own & 1;
    for (int32_t i = 1; own >> i != 0; i++) g->columns[i].next += own >> i & 1;
    return promise_all(b, g, c);
}

/* Where the next call is expected. A late group has calls of all steps, so which step came behind it tells nothing; but
 * what came behind the last call that was not late, late ones left out, does. */
static inline wk_group *expected(const wk_batch *b) {
    wk_group *g = b->last->after[0];
    const bool is_step = b->last->kind->is_late && g != NULL && !g->kind->is_late && b->last_firm != NULL;
    return is_step ? b->last_firm->firm_after : g;
}

/* All but the straight call. g: where it is expected, or NULL. */
WK_APART bool take_slowly(wk_batch *b, wk_group *g, wk_call *c) {
    if (g != NULL && is_next(g, c)) return add_to(b, g, c);
    return take_otherwise(b, c) || wk__batch_takes_unusual(b, c);
}

bool wk__batch_takes(wk_call *c) {
    const wk_ctx *ctx = c->ctx;
    wk_batch *b = ctx->batch;
    const bool is_quiet = (ctx->watch & ~WK__WATCH_REWRITES) == WK__WATCH_BATCH && ctx->walking == NULL;
    const bool has_room = ctx->handle_capacity - ctx->handle_count >= WK__MAX_OUTPUTS;
    if (wk_unlikely(!is_quiet || !has_room || b->last == NULL || c->in_count == 0))
        return wk__batch_takes_unusual(b, c);
    wk_group *g = expected(b);
    return wk_likely(g != NULL && is_straight(g, c)) ? add_straight(b, g, c) : take_slowly(b, g, c);
}
