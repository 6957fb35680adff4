/* defer.c -- a call that is put off: which group it belongs to, and what it promises. */
#include <string.h>

#include "batch/batch.h"
#include "grad/apply.h"
#include "grad/in_place.h"
#include "op/custom.h"

/* --------------------------------------------------------------------------------------------------- signature --- */

/* What calls of one group have in common, but for what is compared with the group's first entry. */
typedef struct signature {
    uint64_t hash;
    int32_t level;
    uint32_t shared; /* bit i: input i is the same tensor in all calls */
    bool needs_grad, records;
} signature;

static inline uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* A leaf beside something that was computed is most likely a parameter: one gradient in place of many. */
static bool is_leaf(const wk_tensor *t) { return t->way.kind == WK__TO_LEAF; }

/* Of element-wise calls, inputs with as many dimensions as the output are put side by side. The others are broadcast
 * over that: those are the same for all. */
static uint32_t shared_elements(const wk_call *c) {
    int32_t ndim = 0;
    uint32_t shared = 0;
    bool computed = false;
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i]->a.ndim > ndim) ndim = c->in[i]->a.ndim;
    for (int32_t i = 0; i < c->in_count; i++) computed |= c->in[i]->a.ndim == ndim && !is_leaf(c->in[i]);
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i]->a.ndim < ndim || (computed && is_leaf(c->in[i]))) shared |= 1u << i;
    return shared;
}

static uint32_t shared_product(const wk_call *c) {
    if (is_leaf(c->in[0]) == is_leaf(c->in[1])) return 0;
    return is_leaf(c->in[0]) ? 1 : 2;
}

static uint32_t shared_of(const wk_call *c) {
    if (c->op->batch == WK__BATCH_ELEMENTS) return c->in_count > 1 ? shared_elements(c) : 0;
    if (c->op->batch == WK__BATCH_ROWS) return c->op->batch_shared;
    return shared_product(c);
}

/* Is every input there, so that the call can be put off? What is wrong with it is for the usual way to say. */
static inline bool inputs_known(const wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL && c->op->in_count != WK__ANY_NUMBER && (c->op->optional >> i & 1)) continue;
        if (x == NULL || !wk__is_there(x) || x->ctx != c->ctx || x->a.ndim >= WK_MAX_DIMS) return false;
        if (x->live == WK__PROMISED && wk__entry_of(x) == NULL) return false;
    }
    return true;
}

static inline void describe_input(const wk_call *c, int32_t i, signature *s) {
    const wk_tensor *x = c->in[i];
    if (x == NULL) {
        s->shared |= 1u << i;
        return;
    }
    const wk_entry *e = wk__entry_of(x);
    if (e != NULL && !e->group->has_run && e->group->level >= s->level) s->level = e->group->level + 1;
    s->needs_grad |= wk__needs_grad(x);
    const bool shared = i < 32 && (s->shared >> i & 1);
    s->hash = mix(s->hash, shared ? (uint64_t)(uintptr_t)x : (uint64_t)(x->a.numel * WK_MAX_DIMS + x->a.ndim));
}

static void describe(const wk_call *c, signature *s) {
    const wk_op *op = c->op;
    const uint64_t *attrs = c->attrs;
    *s = (signature){.hash = (uint64_t)(uintptr_t)op, .level = 1, .shared = shared_of(c)};
    for (int32_t i = 0; i < c->in_count; i++) describe_input(c, i, s);
    for (size_t at = 0; at < op->attrs_nbytes / sizeof *attrs; at++) s->hash = mix(s->hash, attrs[at]);
    s->records = s->needs_grad && c->ctx->grad_enabled && !(op->flags & WK__OP_NO_GRAD);
    s->hash = mix(s->hash, (uint64_t)s->level * 2 + s->records);
}

/* ------------------------------------------------------------------------------------------------------- table --- */

static bool same_input(const wk_tensor *a, const wk_tensor *b, bool shared) {
    if (shared) return a == b;
    return a->a.dtype == b->a.dtype && wk__same_dims(&a->a, &b->a);
}

static bool belongs(const wk_group *g, const wk_call *c, const signature *s) {
    if (g->hash != s->hash || g->op != c->op || g->level != s->level || g->shared != s->shared ||
        g->records != s->records || g->in_count != c->in_count)
        return false;
    for (int32_t i = 0; i < c->in_count; i++)
        if (!same_input(g->first->in[i], c->in[i], i < 32 && (s->shared >> i & 1))) return false;
    return c->op->attrs_nbytes == 0 || memcmp(g->raw, c->attrs, c->op->attrs_nbytes) == 0;
}

static wk_group **find(wk_batch *b, const wk_call *c, const signature *s) {
    const uint64_t mask = (uint64_t)b->table_size - 1;
    uint64_t at = s->hash & mask;
    while (b->table[at] != NULL && !belongs(b->table[at], c, s)) at = (at + 1) & mask;
    return &b->table[at];
}

static bool table_grow(wk_batch *b) {
    const int32_t size = b->table_size > 0 ? 4 * b->table_size : 64;
    wk_group **table = wk__heap_alloc(&b->ctx->heap, wk__heap_class((size_t)size * sizeof *table));
    if (table == NULL) return false;
    memset(table, 0, (size_t)size * sizeof *table);
    for (int32_t i = 0; i < b->table_size; i++) {
        if (b->table[i] == NULL) continue;
        uint64_t at = b->table[i]->hash & (uint64_t)(size - 1);
        while (table[at] != NULL) at = (at + 1) & (uint64_t)(size - 1);
        table[at] = b->table[i];
    }
    if (b->table != NULL) wk__heap_free(&b->ctx->heap, b->table, wk__heap_class((size_t)b->table_size * sizeof *table));
    b->table = table;
    b->table_size = size;
    return true;
}

static bool levels_grow(wk_batch *b) {
    const int32_t capacity = b->level_capacity > 0 ? 2 * b->level_capacity : 64;
    wk_level *levels = wk__heap_alloc(&b->ctx->heap, wk__heap_class((size_t)capacity * sizeof *levels));
    if (levels == NULL) return false;
    for (int32_t i = 0; i < b->level_count; i++) levels[i] = b->levels[i];
    if (b->levels != NULL)
        wk__heap_free(&b->ctx->heap, b->levels, wk__heap_class((size_t)b->level_capacity * sizeof *levels));
    b->levels = levels;
    b->level_capacity = capacity;
    return true;
}

/* Puts a new group where it was looked for, and behind the others of its level. */
static void enter(wk_batch *b, wk_group *g, wk_group **slot) {
    wk_level *level = &b->levels[g->level - 1];
    if (g->level > b->level_count) {
        b->level_count = g->level;
        *level = (wk_level){NULL, NULL};
    }
    if (level->last != NULL)
        level->last->next = g;
    else
        level->first = g;
    level->last = g;
    g->older = b->groups;
    b->groups = g;
    *slot = g;
    b->table_used++;
}

static bool room_for_group(wk_batch *b, const signature *s) {
    return (2 * b->table_used < b->table_size || table_grow(b)) && (s->level <= b->level_capacity || levels_grow(b));
}

/* ------------------------------------------------------------------------------------------------- a new group --- */

/* With a dimension more in front, does the row still do the same to each entry? Outputs are declared. */
static bool can_be_rows(const wk_call *c, const signature *s) {
    bool any = false;
    for (int32_t k = 0; k < c->op->out_count; k++)
        if (c->out[k]->a.ndim >= WK_MAX_DIMS) return false;
    for (int32_t i = 0; i < c->in_count; i++) {
        if (c->in[i] == NULL || (i < 32 && (s->shared >> i & 1))) continue;
        any = true;
        if (c->op->batch == WK__BATCH_ELEMENTS && c->in[i]->a.ndim != c->out[0]->a.ndim) return false;
        if (c->op->batch_dims != 0 && c->in[i]->a.ndim == 0 && c->out[0]->a.ndim == 0) return false;
    }
    return any && (c->op->can_batch == NULL || c->op->can_batch(c, s->shared));
}

/* A group for this call, whose outputs have been promised. NULL when memory is out. */
static wk_group *group_new(wk_batch *b, const wk_call *c, const signature *s, const void *raw) {
    const size_t attrs = c->op->attrs_nbytes;
    wk_group *g = wk__batch_alloc(b, sizeof *g + 2 * attrs);
    if (g == NULL) return NULL;
    *g = (wk_group){.op = c->op,
                    .hash = s->hash,
                    .level = s->level,
                    .in_count = c->in_count,
                    .shared = s->shared,
                    .records = s->records,
                    .raw = g + 1,
                    .attrs = (char *)(g + 1) + attrs,
                    .source = -1};
    if (attrs > 0) {
        memcpy(g + 1, raw, attrs);
        memcpy(g->attrs, c->attrs, attrs);
    }
    return g;
}

/* ---------------------------------------------------------------------------------------------------- an entry --- */

static bool out_of_memory(wk_call *c) {
    wk__refuse(c, WK_ENOMEM, "out of memory");
    return wk__call_abandon(c), true;
}

/* Outputs as those of the group's first entry. */
static inline bool promise_again(wk_call *c, const wk_group *g) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        const wk_array *like = &g->first->out[k]->a;
        wk_tensor *t = c->out[k] = wk__view_new(c->ctx);
        if (wk_unlikely(t == NULL)) return false;
        t->a.numel = like->numel;
        t->a.dtype = like->dtype;
        t->a.ndim = like->ndim;
        for (int32_t d = 0; d < like->ndim; d++) t->a.dims[d] = like->dims[d], t->a.strides[d] = like->strides[d];
        wk__use_own_storage(t, NULL);
        t->live = WK__PROMISED;
        t->flags = g->first->out[k]->flags & WK__CONTIGUOUS;
    }
    return true;
}

static inline wk_entry *entry_new(wk_batch *b, const wk_call *c) {
    wk_entry *e = wk__batch_alloc(b, sizeof *e + (size_t)c->in_count * sizeof *e->in);
    if (wk_unlikely(e == NULL)) return NULL;
    e->next = NULL;
    for (int32_t i = 0; i < c->in_count; i++) e->in[i] = c->in[i] != NULL ? wk__retain(c->in[i]) : NULL;
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) e->out[k] = NULL;
    return e;
}

/* The outputs belong to the innermost scope and, until they are known, to the entry. */
static inline void promise_outputs(wk_call *c, wk_group *g, wk_entry *e) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        wk_tensor *t = c->out[k];
        e->out[k] = wk__retain(t);
        t->own.data = e;
        t->flags |= WK__ENTRY | WK__BATCHED;
        if (g->records && wk__dtype_is_floating(t->a.dtype)) t->way.kind = WK__TO_NODE;
    }
}

static inline void append(wk_batch *b, wk_group *g, wk_entry *e) {
    e->group = g;
    e->place = g->count++;
    if (g->last != NULL)
        g->last->next = e;
    else
        g->first = e;
    g->last = e;
    b->pending++;
}

/* The call becomes an entry of a group, which is new or has promised the same before. True: the call is done. */
static inline bool put_off(wk_batch *b, wk_call *c, wk_group *g) {
    wk_entry *e = entry_new(b, c);
    if (wk_unlikely(e == NULL)) return out_of_memory(c);
    append(b, g, e);
    promise_outputs(c, g, e);
    wk__call_give(c); /* where that fails, the entry's hold is the only one */
    if (wk_likely(c->ctx->failure.status == WK_OK)) return true;
    c->out[0] = c->out[1] = NULL;
    return true;
}

/* The first call of its signature: the row's shape rule says whether it is one. */
WK_NOINLINE static bool put_off_first(wk_batch *b, wk_call *c, const signature *s) {
    char raw[WK__ATTRS_NBYTES];
    if (c->op->attrs_nbytes > sizeof raw) return false;
    if (c->op->attrs_nbytes > 0) memcpy(raw, c->attrs, c->op->attrs_nbytes);
    c->later = true;
    c->needs_grad = s->needs_grad;
    const bool declared = wk__call_declare(c);
    c->later = false;
    if (!declared || !can_be_rows(c, s)) { /* the usual way may cast, do it alone, or say what is wrong */
        wk__call_abandon(c);
        c->retype = false;
        if (c->op->attrs_nbytes > 0) memcpy(c->attrs, raw, c->op->attrs_nbytes);
        return c->ctx->failure.status != WK_OK;
    }
    wk_group *g = room_for_group(b, s) ? group_new(b, c, s, raw) : NULL;
    if (g == NULL) return out_of_memory(c);
    if (!put_off(b, c, g)) return false;
    if (g->first != NULL) enter(b, g, find(b, c, s));
    return true;
}

bool wk__batch_takes(wk_call *c) {
    wk_ctx *ctx = c->ctx;
    wk_batch *b = ctx->batch;
    signature s;
    if (c->op->batch == WK__BATCH_NONE || (c->op->flags & WK__OP_IN_PLACE) || c->in_count == 0 || ctx->walking != NULL)
        return false;
    if ((ctx->watch & (uint8_t) ~(WK__WATCH_BATCH | WK__WATCH_REWRITES)) || !inputs_known(c)) return false;
    if (c->op->view != NULL && wk__entry_of(c->in[0]) == NULL) return false; /* of a tensor that is there: a view */
    if ((ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return true;
    describe(c, &s);
    wk_group *g = b->table != NULL ? *find(b, c, &s) : NULL;
    if (wk_unlikely(g == NULL)) return put_off_first(b, c, &s);
    if (wk_unlikely(!promise_again(c, g))) return out_of_memory(c);
    return put_off(b, c, g);
}
