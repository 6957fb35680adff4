/* record.h -- appending a node to the tape. Part of every call, so it is inlined where calls are made, and where their
 * number of inputs is known it is straight code. */
#ifndef WK_GRAD_RECORD_H
#define WK_GRAD_RECORD_H

#include <string.h>

#include "grad/tape.h"

/* Attributes are a few words, for which a call of memcpy costs more than the copying. */
static inline void wk__copy_words(void *to, const void *from, size_t nbytes) {
    const char *source = from;
    for (size_t at = 0; at < nbytes; at += 8) memcpy((char *)to + at, source + at, 8);
}

/* The place of a node on the tape:
 * | wk_node | edges ... | outputs | kept | attributes | dims of the outputs | site |
 * Room for a site is there in any case, so that only calls that have one ask for it. */
WK_INLINE wk_node *wk__node_new(const wk_call *c, int32_t in_count, int32_t out_count) {
    wk_ctx *ctx = c->ctx;
    wk_tape *tape = &ctx->tape;
    const size_t attrs_nbytes = c->op->attrs_nbytes;
    const size_t outputs = sizeof(wk_node) + (size_t)in_count * sizeof(wk_edge);
    const size_t kept = outputs + (size_t)out_count * sizeof(wk_node_output);
    const size_t attrs = wk_likely(c->kept == NULL) ? kept : kept + sizeof(wk_tensor *);
    size_t nbytes = attrs + attrs_nbytes;
    for (int32_t k = 0; k < out_count; k++) nbytes += (size_t)c->out[k]->a.ndim * sizeof(int64_t);
    const size_t most = nbytes + sizeof(struct wk_site);
    if (wk_unlikely((size_t)(tape->end - tape->top) < most) && !wk__tape_grow(ctx, most)) return NULL;
    wk_node *node = (wk_node *)(void *)tape->top;
    tape->top += nbytes;
    node->nbytes = (uint32_t)nbytes;
    node->out = (wk_node_output *)(void *)((char *)node + outputs);
    node->attrs = (char *)node + attrs;
    wk__copy_words(node->attrs, c->attrs, attrs_nbytes);
    node->marks = 0;
    if (wk_unlikely(ctx->at_file != NULL)) wk__node_add_site(ctx, node);
    return node;
}

/* The edge to x: where its gradient goes, and its value if that is read. */
WK_INLINE void wk__edge_set(wk_node *node, int32_t i, wk_tensor *x, bool saved) {
    wk_edge *edge = &node->in[i];
    edge->way = x->way;
    edge->wanted = x->way.kind != WK__TO_NONE;
    edge->saved = NULL;
    if (wk_likely(x->way.kind == WK__TO_NODE)) {
        edge->to.node = x->node;
    } else if (x->way.kind == WK__TO_NONE) {
        edge->to.numel = x->a.numel;
    } else {
        edge->to.leaf = wk__retain(x);
        node->holds_leaf = true;
    }
    if (saved) {
        edge->saved = wk__retain(x);
        edge->version = x->storage->version;
    }
}

/* There is no input i. */
static inline void wk__edge_none(wk_node *node, int32_t i) {
    node->in[i] = (wk_edge){.way = {WK__TO_NONE, 0}};
    if (i < WK__SAVES_OUT) node->saves &= (uint16_t) ~(1u << i);
}

WK_INLINE void wk__output_set(wk_node *node, int32_t k, wk_tensor *y, int64_t *dims, bool saved) {
    wk_node_output *out = &node->out[k];
    out->saved = NULL;
    out->pending = NULL;
    out->dims = dims;
    out->ndim = y->a.ndim;
    out->dtype = y->a.dtype;
    out->target = 0;
    for (int32_t d = 0; d < y->a.ndim; d++) dims[d] = y->a.dims[d];
    if (saved) {
        out->saved = wk__retain(y);
        out->version = y->storage->version;
    }
    if (wk_unlikely(!wk__dtype_is_floating(y->a.dtype))) return; /* indices, which have no gradient */
    y->node = node;
    y->way = (wk_way){WK__TO_NODE, (uint8_t)k};
}

/* wk__tape_record for a call of so many inputs and outputs. */
WK_INLINE bool wk__record(const wk_call *c, int32_t in_count, int32_t out_count) {
    wk_tape *tape = &c->ctx->tape;
    wk_tensor *const *const in = c->in; /* what is written below cannot change it, which the compiler does not know */
    const wk_op *op = c->op;
    wk_node *node = wk__node_new(c, in_count, out_count);
    if (wk_unlikely(node == NULL)) return false;
    uint32_t reads = c->reads; /* none in variadic rows, which may have more inputs than there are bits */
    int64_t *dims = (int64_t *)(void *)((char *)node->attrs + op->attrs_nbytes);
    node->op = op;
    node->prev = tape->last;
    node->serial = ++tape->serial;
    node->in_count = in_count;
    node->consumed_by = 0;
    node->needed_by = 0;
    node->out_count = (uint8_t)out_count;
    node->pending = 0;
    node->hooked = false;
    node->holds_leaf = false;
    node->alike = c->alike;
    node->saves = (uint16_t)(reads | reads >> (16 - WK__SAVES_OUT));
    /* Inputs first: in place, one of them is the output. */
    for (int32_t i = 0; i < in_count; i++, reads >>= 1) {
        if (wk_likely(in[i] != NULL)) wk__edge_set(node, i, in[i], reads & 1);
        else wk__edge_none(node, i);
    }
    for (int32_t k = 0; k < out_count; k++) {
        wk__output_set(node, k, c->out[k], dims, c->reads & WK_READS_OUT(k));
        dims += c->out[k]->a.ndim;
    }
    if (wk_unlikely(c->kept != NULL)) {
        *wk__node_kept(node) = c->kept;
        node->saves |= WK__SAVES_KEPT;
    }
    tape->last = node;
    return true;
}

#endif
