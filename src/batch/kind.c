/* kind.c -- what calls have to have in common to run as one: the table of kinds. */
#include <string.h>

#include "batch/deferral.h"
#include "grad/apply.h"
#include "op/custom.h"

/* ---------------------------------------------------------------------------------------------------- signature --- */

static inline uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* A leaf beside something that was computed is most likely a parameter: one gradient in place of many. */
static bool is_leaf(const wk_tensor *t) { return t->way.kind == WK__TO_LEAF; }

/* Of element-wise calls, inputs with as many dimensions as the output are put side by side. The others are broadcast
 * over that: those are the same for all, and so is an input that is absent. */
static uint32_t shared_elements(const wk_call *c) {
    int32_t ndim = 0;
    uint32_t shared = 0;
    bool computed = false;
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] != NULL && c->in[i]->a.ndim > ndim) ndim = c->in[i]->a.ndim;
    for (int32_t i = 0; i < c->in_count; i++)
        computed |= c->in[i] != NULL && c->in[i]->a.ndim == ndim && !is_leaf(c->in[i]);
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] == NULL || c->in[i]->a.ndim < ndim || (computed && is_leaf(c->in[i]))) shared |= 1u << i;
    return shared;
}

uint32_t wk__shared_inputs(const wk_call *c) {
    if (c->op->batch == WK__BATCH_ELEMENTS) return c->in_count > 1 ? shared_elements(c) : 0;
    if (c->op->batch == WK__BATCH_ROWS) return c->op->batch_shared;
    if (is_leaf(c->in[0]) == is_leaf(c->in[1])) return 0;
    return is_leaf(c->in[0]) ? 1 : 2;
}

static void describe_input(wk_deferral *d, int32_t i) {
    const wk_tensor *x = d->c->in[i];
    int32_t row;
    const wk_source source = wk__operand(d, i, &row);
    const wk_group *g = wk__source_group(source);
    if (x == NULL)
        d->shared |= 1u << i;
    else
        d->needs_grad |= wk__needs_grad(x);
    if (g != NULL && g->is_open && g->level >= d->level) d->level = g->level + 1;
    const bool shared = wk__is_shared_operand(d->shared, i);
    d->hash = mix(d->hash, shared ? source + (wk_source)row * 4 : (uint64_t)(x->a.numel * WK_MAX_DIMS + x->a.ndim));
}

void wk__deferral_describe(wk_deferral *d) {
    const wk_call *c = d->c;
    const uint64_t *attrs = c->attrs;
    d->hash = (uint64_t)(uintptr_t)c->op;
    d->level = 1;
    d->shared = wk__shared_inputs(c);
    d->needs_grad = false;
    for (int32_t i = 0; i < c->in_count; i++) describe_input(d, i);
    d->records = d->needs_grad && c->ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
    for (size_t at = 0; at < c->op->attrs_nbytes / sizeof *attrs; at++) d->hash = mix(d->hash, attrs[at]);
    d->hash = mix(d->hash, d->records);
}

/* -------------------------------------------------------------------------------------------------------- table --- */

static bool same_operand(const wk_kind *k, const wk_deferral *d, int32_t i) {
    const wk_run *first = &k->first->columns[i].first;
    int32_t row;
    const wk_source source = wk__operand(d, i, &row);
    if (wk__is_shared_operand(k->shared, i)) return first->source == source && first->row == row;
    const wk_array *like = wk__source_array(first->source), *x = &d->c->in[i]->a;
    return like->dtype == x->dtype && wk__same_dims(like, x);
}

static bool is_of(const wk_kind *k, const wk_deferral *d) {
    const wk_call *c = d->c;
    if (k->hash != d->hash || k->op != c->op || k->shared != d->shared || k->records != d->records ||
        k->needs_grad != d->needs_grad || k->in_count != c->in_count)
        return false;
    for (int32_t i = 0; i < c->in_count; i++)
        if (!same_operand(k, d, i)) return false;
    return wk__same_attrs(k, c);
}

static wk_kind **place_of(const wk_batch *b, const wk_deferral *d) {
    const uint64_t mask = (uint64_t)b->table_size - 1;
    uint64_t at = d->hash & mask;
    while (b->table[at] != NULL && !is_of(b->table[at], d)) at = (at + 1) & mask;
    return &b->table[at];
}

wk_kind *wk__kind_find(wk_batch *b, const wk_deferral *d) { return b->table != NULL ? *place_of(b, d) : NULL; }

static bool table_grow(wk_batch *b) {
    const int32_t size = b->table_size > 0 ? 4 * b->table_size : 64;
    wk_kind **table = wk__heap_alloc(&b->ctx->heap, wk__heap_class((size_t)size * sizeof *table));
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

/* -------------------------------------------------------------------------------------------------- a new kind --- */

/* With a dimension more in front, does the row still do the same to each call? Outputs are declared. */
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

/* Strides as if each promise among the inputs were to be made by itself, for rules that look at them. */
static void supply_strides(const wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] != NULL && c->in[i]->live == WK__PROMISED) wk__array_row_major(&c->in[i]->a, c->in[i]->a.dims);
}

/* The row's shape rule says whether it is one. `raw` keeps the attributes as they were. */
static bool declare(wk_deferral *d, char *raw) {
    wk_call *c = d->c;
    const size_t attrs = c->op->attrs_nbytes;
    if (attrs > WK__ATTRS_NBYTES) return false;
    if (attrs > 0) memcpy(raw, c->attrs, attrs);
    supply_strides(c);
    const bool later = c->later;
    c->later = true;
    c->needs_grad = d->needs_grad;
    const bool declared = wk__call_declare(c) && (c->op->outputs == NULL || c->op->outputs(c));
    c->later = later;
    if (declared && can_be_rows(c, d->shared)) return true;
    wk__call_abandon(c);
    c->retype = false;
    if (attrs > 0) memcpy(c->attrs, raw, attrs);
    return false;
}

/* A handle as those that calls of this kind give as output i, but for group and row. */
static void set_model(wk_kind *k, int32_t i, const wk_tensor *y) {
    wk_tensor *model = (wk_tensor *)(void *)(k->models + i * WK__MODEL_NBYTES);
    memcpy(model, y, WK__MODEL_NBYTES);
    model->flags |= WK__ENTRY | WK__BATCHED | WK__OWNED;
    model->way = (wk_way){k->records && wk__dtype_is_floating(y->a.dtype) ? WK__TO_NODE : WK__TO_NONE, 0};
    k->has_models &= y->a.ndim <= WK__MODEL_DIMS;
}

/* Behind a kind lie, in one piece: models | outputs | attributes as given | as the rule left them. */
static wk_kind *make(wk_batch *b, const wk_deferral *d, const char *raw) {
    const wk_call *c = d->c;
    const size_t attrs = c->op->attrs_nbytes, count = (size_t)c->op->out_count;
    const size_t models = count * WK__MODEL_NBYTES, outputs = count * sizeof(wk_array);
    wk_kind *k = wk__batch_alloc(b, sizeof *k + models + outputs + 2 * attrs);
    if (k == NULL) return NULL;
    char *room = (char *)(k + 1) + models;
    *k = (wk_kind){.op = c->op,
                   .hash = d->hash,
                   .in_count = c->in_count,
                   .out_count = c->op->out_count,
                   .shared = d->shared,
                   .needs_grad = d->needs_grad,
                   .records = d->records,
                   .may_record = !(c->op->flags & WK__OP_NO_GRAD),
                   .grad_enabled = c->ctx->grad_enabled,
                   .is_late = wk__is_late(c->ctx, d->hash),
                   .has_models = c->in_count <= WK__FEW_OPERANDS,
                   .models = (char *)(k + 1),
                   .like = (wk_array *)(void *)room,
                   .raw = room + outputs,
                   .attrs = attrs > 0 ? room + outputs + attrs : NULL};
    if (attrs > 0) {
        memcpy(room + outputs, raw, attrs);
        memcpy(k->attrs, c->attrs, attrs);
    }
    for (int32_t i = 0; i < k->out_count; i++) {
        k->like[i] = c->out[i]->a;
        set_model(k, i, c->out[i]);
    }
    return k;
}

wk_kind *wk__kind_new(wk_batch *b, wk_deferral *d) {
    char raw[WK__ATTRS_NBYTES];
    if (!declare(d, raw)) return NULL;
    wk_kind *k = 2 * b->table_used < b->table_size || table_grow(b) ? make(b, d, raw) : NULL;
    if (k == NULL) {
        wk__refuse_no_memory(d->c);
        wk__call_abandon(d->c);
        return NULL;
    }
    return k;
}

void wk__kind_enter(wk_batch *b, const wk_deferral *d, wk_kind *k) {
    *place_of(b, d) = k;
    b->table_used++;
}
