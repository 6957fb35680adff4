/* defer.c -- a call that is put off: which group it belongs to, and what it promises.
 *
 * NOTE [Paths]. A program calls the same again and again: what linear makes goes into tanh. So a group remembers by
 * which operands and which row other groups were reached from it, and most calls find theirs by comparing a few words.
 * The others are found by the hash of their signature. */
#include <string.h>

#include "batch/deferral.h"
#include "grad/apply.h"
#include "grad/in_place.h"
#include "op/custom.h"

/* May input i of this row be absent? */
static bool may_lack(const wk_op *op, int32_t i) {
    return op->in_count != WK__ANY_NUMBER && (op->optional >> i & 1) != 0;
}

/* Is input i there, so that the call can be put off? What is wrong with it is for the usual way to say. */
static inline bool input_known(const wk_call *c, int32_t i) {
    const wk_tensor *x = c->in[i];
    if (wk_unlikely(x == NULL)) return may_lack(c->op, i);
    if (wk_unlikely(!wk__is_there(x) || x->ctx != c->ctx || x->a.ndim >= WK_MAX_DIMS)) return false;
    return x->live == WK__LIVE || x->storage != NULL; /* else its batch has failed */
}

/* -------------------------------------------------------------------------------------------------------- paths --- */

/* Looks at the inputs of a call that has few. False when it cannot be put off. */
static inline bool look_at_inputs(wk_deferral *d) {
    const wk_call *c = d->c;
    d->from = NULL;
    d->needs_grad = false;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (!input_known(c, i)) return false;
        const wk_operand x = d->operands[i] = wk__operand_of(c->in[i]);
        const wk_batch_entry *e = wk__operand_entry(x);
        d->keys[i] = e != NULL ? (uintptr_t)e->group + (x & 3) : 0;
        d->needs_grad |= c->in[i] != NULL && wk__needs_grad(c->in[i]);
        if (e != NULL && d->from == NULL && !e->group->has_run) d->from = e->group;
    }
    return true;
}

static inline bool leads_on(const wk_path *path, const wk_deferral *d) {
    const wk_group *g = path->to;
    if (g->op != d->c->op) return false;
    for (int32_t i = 0; i < d->c->in_count; i++)
        if (path->keys[i] != (g->shared >> i & 1 ? d->operands[i] : d->keys[i])) return false;
    return g->needs_grad == d->needs_grad && g->records == d->records && wk__same_attrs(g, d->c);
}

static inline wk_group *follow(const wk_deferral *d) {
    for (const wk_path *path = d->from->paths; path != NULL; path = path->next)
        if (leads_on(path, d)) return path->to;
    return NULL;
}

/* The next such call is to be found by path: unless it lacks memory, or has an operand to be put side by side that is
 * no output of a group. */
static void remember(wk_batch *b, const wk_deferral *d, wk_group *to) {
    if (d->from == NULL || !d->by_path || to->in_count != d->c->in_count) return;
    for (int32_t i = 0; i < to->in_count; i++)
        if (!(to->shared >> i & 1) && d->keys[i] == 0) return;
    wk_path *path = wk__batch_alloc(b, sizeof *path);
    if (path == NULL) return;
    *path = (wk_path){.next = d->from->paths, .to = to};
    for (int32_t i = 0; i < to->in_count; i++) path->keys[i] = to->shared >> i & 1 ? d->operands[i] : d->keys[i];
    d->from->paths = path;
}

/* -------------------------------------------------------------------------------------------------- a new group --- */

/* With a dimension more in front, does the row still do the same to each entry? Outputs are declared. */
static bool can_be_rows(const wk_call *c, uint32_t shared) {
    bool any = false;
    for (int32_t k = 0; k < c->op->out_count; k++)
        if (c->out[k]->a.ndim >= WK_MAX_DIMS) return false;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (c->in[i] == NULL || wk__is_shared_operand(shared, i)) continue;
        any = true;
        if (c->op->batch == WK__BATCH_ELEMENTS && c->in[i]->a.ndim != c->out[0]->a.ndim) return false;
        if (c->op->batch_dims != 0 && c->in[i]->a.ndim == 0 && c->out[0]->a.ndim == 0) return false;
    }
    return any && (c->op->can_batch == NULL || c->op->can_batch(c, shared));
}

/* ----------------------------------------------------------------------------------------------------- an entry --- */

static bool out_of_memory(wk_call *c) {
    wk__refuse(c, WK_ENOMEM, "out of memory");
    return wk__call_abandon(c), true;
}

/* Outputs as those of the group's other entries. Strides are known when the promise is kept. */
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

/* Holds the operands, and makes the outputs the entry's. */
static inline void fill_entry(wk_call *c, wk_group *g, wk_batch_entry *e) {
    const int32_t out_count = c->op->out_count;
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_operand x = e->slots[out_count + i] = wk__operand_of(c->in[i]);
        wk_batch_entry *of = wk__operand_entry(x);
        if (of != NULL)
            of->group->holds++;
        else if (x != 0)
            wk__retain(c->in[i]);
    }
    for (int32_t k = 0; k < out_count; k++) {
        wk_tensor *t = c->out[k];
        e->slots[k] = (wk_operand)t;
        t->storage = (wk_storage *)(void *)e;
        t->flags |= WK__ENTRY | WK__BATCHED;
        if (g->records && wk__dtype_is_floating(t->a.dtype)) t->way.kind = WK__TO_NODE;
    }
    g->holds += out_count;
}

static inline void append(wk_batch *b, wk_group *g, wk_batch_entry *e) {
    e->next = NULL;
    e->group = g;
    e->place = g->count++;
    if (g->last != NULL)
        g->last->next = e;
    else
        g->first = e;
    g->last = e;
    b->pending++;
    b->call_count++;
}

/* The call becomes an entry of a group, which is new or has promised the same before. True: the call is done. */
static inline bool put_off(wk_batch *b, wk_call *c, wk_group *g) {
    const size_t slots = (size_t)c->op->out_count + (size_t)c->in_count;
    wk_batch_entry *e = wk__batch_alloc(b, sizeof *e + slots * sizeof *e->slots);
    if (wk_unlikely(e == NULL)) return out_of_memory(c);
    append(b, g, e);
    fill_entry(c, g, e);
    if (wk_unlikely(!wk__call_give(c))) c->out[0] = c->out[1] = NULL;
    return true;
}

/* Strides as if each promise among the inputs were to be made by itself, for rules that look at them. */
static void supply_strides(const wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] != NULL && c->in[i]->live == WK__PROMISED) wk__array_row_major(&c->in[i]->a, c->in[i]->a.dims);
}

/* The first call of its signature: the row's shape rule says whether it is one. */
WK_NOINLINE static bool put_off_first(wk_batch *b, wk_deferral *d) {
    wk_call *c = d->c;
    const size_t attrs = c->op->attrs_nbytes;
    char raw[WK__ATTRS_NBYTES];
    if (attrs > sizeof raw) return false;
    if (attrs > 0) memcpy(raw, c->attrs, attrs);
    supply_strides(c);
    c->later = true;
    c->needs_grad = d->needs_grad;
    const bool declared = wk__call_declare(c);
    c->later = false;
    if (!declared || !can_be_rows(c, d->shared)) { /* the usual way may cast, do it alone, or say what is wrong */
        wk__call_abandon(c);
        c->retype = false;
        if (attrs > 0) memcpy(c->attrs, raw, attrs);
        return c->ctx->failure.status != WK_OK;
    }
    wk_group *g = wk__group_room(b, d->level) ? wk__group_new(b, d, raw) : NULL;
    if (g == NULL) return out_of_memory(c);
    wk_group **slot = wk__group_find(b, d);
    put_off(b, c, g);
    if (g->first == NULL) return true;
    wk__group_enter(b, g, slot);
    remember(b, d, g);
    return true;
}

/* By signature: calls with many inputs, and those that no path leads to. */
WK_NOINLINE static bool put_off_by_signature(wk_batch *b, wk_deferral *d) {
    wk__deferral_describe(d);
    wk_group *g = b->table != NULL ? *wk__group_find(b, d) : NULL;
    if (g == NULL) return put_off_first(b, d);
    remember(b, d, g);
    if (!promise_again(d->c, g)) return out_of_memory(d->c);
    return put_off(b, d->c, g);
}

/* Is this a row that can be put off, and nobody watches? */
static inline bool may_put_off(const wk_call *c) {
    const wk_op *op = c->op;
    const wk_ctx *ctx = c->ctx;
    if (op->batch == WK__BATCH_NONE || (op->flags & WK__OP_IN_PLACE) || c->in_count == 0) return false;
    return ctx->walking == NULL && (ctx->watch & (uint8_t) ~(WK__WATCH_BATCH | WK__WATCH_REWRITES)) == 0;
}

static inline bool all_known(const wk_call *c) {
    bool known = true;
    for (int32_t i = 0; known && i < c->in_count; i++) known = input_known(c, i);
    return known;
}

bool wk__batch_takes(wk_call *c) {
    wk_ctx *ctx = c->ctx;
    wk_batch *b = ctx->batch;
    wk_deferral d;
    d.c = c;
    if (!may_put_off(c)) return false;
    if (wk_unlikely(b->habit == NULL) && !wk__habit_begin(b, c)) return false;
    d.by_path = c->in_count <= 3;
    if (d.by_path ? !look_at_inputs(&d) : !all_known(c)) return false;
    if (c->op->view != NULL && wk__entry_of(c->in[0]) == NULL) return false; /* of a tensor that is there: a view */
    if (wk_unlikely(ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return true;
    if (!d.by_path)
        d.from = NULL;
    else
        d.records = d.needs_grad && ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
    wk_group *g = d.from != NULL ? follow(&d) : NULL;
    if (wk_unlikely(g == NULL)) return put_off_by_signature(b, &d);
    if (wk_unlikely(!promise_again(c, g))) return out_of_memory(c);
    return put_off(b, c, g);
}
