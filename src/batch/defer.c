/* defer.c -- a call that is put off: which group it belongs to, and what it promises.
 *
 * NOTE [Paths]. A program calls the same again and again: what linear makes goes into tanh. So a group remembers where
 * the calls went that came next, the last two times, and to which groups its outputs went. Mostly a call is one more of
 * one of these, which is seen by comparing a few words. A call on rows of other groups joins one too, if little has to
 * be copied for that: in trees of many shapes nearly every pair of children has groups of its own, none of which would
 * last (NOTE [Merging] in merge.c). Else the kind is looked up by the hash of its signature, and it begins another
 * group of that. */
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
    if (wk_unlikely(!wk__is_there(x) || x->a.ndim >= WK_MAX_DIMS)) return false;
    if (wk_unlikely(x->ctx != c->ctx && !wk__is_shared(x))) return false;
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
    wk__refuse_no_memory(c);
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

/* Room for one more operand in every column. */
static bool make_room(wk_batch *b, wk_group *g) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        wk_column *column = &g->columns[i];
        if (column->count < column->capacity || wk__is_shared_operand(g->kind->shared, i)) continue;
        if (!wk__column_grow(b, column)) return false;
    }
    return true;
}

/* What is the same for all is there since the first call. */
static void push_operands(wk_batch *b, wk_group *g, const wk_deferral *d) {
    for (int32_t i = 0; i < g->kind->in_count; i++) {
        int32_t row;
        const wk_source source = operand(d, i, &row);
        const bool is_shared = wk__is_shared_operand(g->kind->shared, i);
        if (!is_shared || g->columns[i].count == 0) wk__group_push(b, g, i, source, row);
        if (is_shared) g->columns[i].next = row;
    }
}

/* ------------------------------------------------------------------------------------------------------- groups --- */

/* Is operand i from where it was in the last call of g, or what it was there? */
static bool is_from_there(const wk_group *g, const wk_deferral *d, int32_t i) {
    const wk_column *column = &g->columns[i];
    int32_t row;
    const wk_source source = operand(d, i, &row);
    if (wk__is_shared_operand(g->kind->shared, i)) return wk__column_goes_on(column, source, row);
    if (source == column->source) return true;
    return source != 0 && wk__source_group(source) == NULL && wk__is_like(&g->columns[i], (const wk_tensor *)source);
}

/* Is it, wherever from, of the shape that operand i has? */
static bool has_its_shape(const wk_group *g, const wk_deferral *d, int32_t i) {
    int32_t row;
    const wk_source source = operand(d, i, &row);
    if (wk__is_shared_operand(g->kind->shared, i)) return wk__column_goes_on(&g->columns[i], source, row);
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

/* Bytes of operand i that would have to be copied if the call joined g, and are not if it does not: its own, and those
 * that are one run so far. */
static int64_t copied_nbytes(const wk_group *g, const wk_deferral *d, int32_t i) {
    const wk_column *column = &g->columns[i];
    int32_t row;
    const wk_source source = operand(d, i, &row);
    if (wk__is_shared_operand(g->kind->shared, i) || wk__column_goes_on(column, source, row)) return 0;
    const wk_array *x = &d->c->in[i]->a;
    return ((column->count == 1 ? g->count : 0) + 1) * x->numel * wk__dtype_nbytes[x->dtype];
}

/* Is that little? */
static bool joins_for_little(const wk_group *g, const wk_deferral *d) {
    int64_t nbytes = 0;
    for (int32_t i = 0; i < g->kind->in_count; i++) nbytes += copied_nbytes(g, d, i);
    return nbytes <= WK__FEW_NBYTES_COPIED;
}

/* So many groups of one kind from one group; what has other operands yet joins the last of them. */
enum { MOST_ALIKE = 2 };

/* The group to which such a call went from `from`, or NULL. One that has the same operands is better than one that has
 * others of their shape, for then there may be nothing to copy. */
static wk_group *follow(const wk_group *from, const wk_deferral *d) {
    const wk_path *path = from->paths;
    wk_group *joinable = NULL;
    int alike = 0;
    for (int looked_at = 0; path != NULL && looked_at < WK__MOST_PATHS; path = path->next, looked_at++) {
        if (is_one_more(path->to, d, is_from_there)) return path->to;
        if (joinable != NULL || !is_one_more(path->to, d, has_its_shape)) continue;
        if (++alike == MOST_ALIKE || joins_for_little(path->to, d)) joinable = path->to;
    }
    return joinable;
}

/* The group that this is one more call of, if one can be told from what was called before. */
static wk_group *known_group(const wk_batch *b, wk_deferral *d) {
    for (int which = 0; b->last != NULL && which < 2; which++) {
        wk_group *g = b->last->after[which];
        if (g != NULL && is_one_more(g, d, is_from_there)) return g;
    }
    d->from = wk__latest_pending(d->c);
    return d->from != NULL ? follow(d->from, d) : NULL;
}

/* The next such call is to be found by path, unless there is no memory for it. */
static void remember(wk_batch *b, const wk_deferral *d, wk_group *to) {
    wk_path *path = d->from != NULL ? wk__batch_alloc(b, sizeof *path) : NULL;
    if (path == NULL) return;
    *path = (wk_path){d->from->paths, to};
    d->from->paths = path;
}

/* The call becomes one of g's. True: it is done. */
static bool put_off(wk_batch *b, wk_deferral *d, wk_group *g) {
    wk_call *c = d->c;
    if (!make_room(b, g)) return out_of_memory(c);
    push_operands(b, g, d);
    promise_row(c, g, g->count++);
    b->pending++;
    wk__group_comes_next(b, g);
    if (!wk__call_give(c))
        for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
    return true;
}

/* May the call, which was described, be one more of the group of a late kind? If not, there will be more than one. */
static bool is_late_call(wk_kind *kind, const wk_deferral *d) {
    wk_group *g = kind->newest;
    return kind->is_late = is_one_more(g, d, has_its_shape) && wk__late_takes(g, d->c, d->level);
}

/* In another group of its kind, or the first one. */
static bool put_off_anew(wk_batch *b, wk_deferral *d) {
    wk_call *c = d->c;
    wk__deferral_describe(d);
    wk_kind *kind = wk__kind_find(b, d);
    const bool is_known = kind != NULL;
    if (is_known && d->from == NULL && kind->ready != NULL && is_one_more(kind->ready, d, is_from_there))
        return promise_again(c, kind) ? put_off(b, d, kind->ready) : out_of_memory(c);
    if (is_known && kind->is_late && is_late_call(kind, d))
        return promise_again(c, kind) ? put_off(b, d, kind->newest) : out_of_memory(c);
    if (is_known && !promise_again(c, kind)) return out_of_memory(c);
    if (!is_known && (kind = wk__kind_new(b, d)) == NULL) return c->ctx->failure.status != WK_OK;
    wk_group *g = wk__group_new(b, kind, d->level);
    if (g == NULL) return out_of_memory(c);
    remember(b, d, g);
    if (d->from == NULL) kind->ready = g;
    if (!is_known) wk__kind_enter(b, d, kind);
    return put_off(b, d, g);
}

/* --------------------------------------------------------------------------------------------------------- call --- */

/* Is this a row that can be put off, and nobody watches? */
static bool may_put_off(const wk_call *c) {
    const wk_op *op = c->op;
    const wk_ctx *ctx = c->ctx;
    if (op->batch == WK__BATCH_NONE || (op->flags & WK__OP_IN_PLACE) || c->in_count == 0) return false;
    return ctx->walking == NULL && (ctx->watch & (uint8_t) ~(WK__WATCH_BATCH | WK__WATCH_REWRITES)) == 0;
}

static bool take(wk_batch *b, wk_call *c);

/* As one of the row with a tensor in place of the number. */
static bool take_with_tensor(wk_batch *b, wk_call *c) {
    wk_tensor *const in[] = {c->in[0], wk__number_of(c)};
    wk_call as = {.op = c->op->by_tensor, .ctx = c->ctx, .in = in, .in_count = 2};
    if (in[1] == NULL) return true;
    const bool is_taken = take(b, &as);
    c->out[0] = as.out[0];
    return is_taken;
}

/* Any but the usual call. */
WK_NOINLINE static bool take(wk_batch *b, wk_call *c) {
    wk_deferral d = {.c = c, .is_short = c->in_count <= WK__FEW_OPERANDS};
    if (!look_at_inputs(&d)) return false;
    if (c->op->view != NULL && !wk__is_batched(c->in[0])) return false; /* of a tensor that is there: a view */
    if ((c->ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return true;
    wk_group *g = known_group(b, &d);
    if (g == NULL) return wk__differs_in_number(&d) ? take_with_tensor(b, c) : put_off_anew(b, &d);
    return promise_again(c, g->kind) ? put_off(b, &d, g) : out_of_memory(c);
}

/* With copies of what the caller may rewrite. */
bool wk__batch_takes_unusual(wk_batch *b, wk_call *c) {
    wk_tensor *const *in = c->in;
    wk_tensor *own[WK__FEW_OPERANDS];
    if (!may_put_off(c) || (b->habit == NULL && !wk__habit_begin(b, c))) return false;
    if (!wk__copy_callers(c, own)) return c->ctx->failure.status != WK_OK;
    const bool is_taken = take(b, c);
    c->in = in;
    return is_taken;
}
