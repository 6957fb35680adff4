/* tape.c -- appending nodes and taking them back. */
#include "grad/tape.h"

#include <string.h>

typedef struct wk_tape_chunk {
    struct wk_tape_chunk *prev, *next;
    size_t nbytes;
} wk_tape_chunk;

enum { CHUNK_NBYTES = 64 * 1024 };

static char *chunk_begin(wk_tape_chunk *chunk) { return (char *)(chunk + 1); }
static char *chunk_end(wk_tape_chunk *chunk) { return (char *)chunk + chunk->nbytes; }

/* Makes room for nbytes in one piece: in the next chunk if it is large enough, else in a new one put in between. */
WK_NOINLINE static bool tape_grow(wk_ctx *ctx, size_t nbytes) {
    wk_tape *tape = &ctx->tape;
    wk_tape_chunk *next = tape->chunk != NULL ? tape->chunk->next : NULL;
    if (next == NULL || (size_t)(chunk_end(next) - chunk_begin(next)) < nbytes) {
        const size_t wanted = nbytes + sizeof *next > CHUNK_NBYTES ? nbytes + sizeof *next : CHUNK_NBYTES;
        const size_t whole = (wanted + WK__LINE - 1) / WK__LINE * WK__LINE;
        wk_tape_chunk *made = wk__heap_system_alloc(&ctx->heap, whole, WK__LINE);
        if (made == NULL) return false;
        *made = (wk_tape_chunk){.prev = tape->chunk, .next = next, .nbytes = whole};
        if (next != NULL) next->prev = made;
        if (tape->chunk != NULL) tape->chunk->next = made;
        next = made;
    }
    tape->chunk = next;
    tape->top = chunk_begin(next);
    tape->end = chunk_end(next);
    return true;
}

/* Attributes are a few words, for which a call of memcpy costs more than the copying. */
static inline void copy_words(void *to, const void *from, size_t nbytes) {
    const char *source = from;
    for (size_t at = 0; at < nbytes; at += 8) memcpy((char *)to + at, source + at, 8);
}

/* The place of a node on the tape: | wk_node | edges ... | outputs | attributes | dims of the outputs | site | */
static inline wk_node *node_new(wk_call *c) {
    const wk_op *op = c->op;
    wk_tape *tape = &c->ctx->tape;
    const bool traced = c->ctx->at_file != NULL;
    const size_t outputs = sizeof(wk_node) + (size_t)c->in_count * sizeof(wk_edge);
    const size_t attrs = outputs + (size_t)op->out_count * sizeof(wk_node_output);
    size_t nbytes = attrs + op->attrs_nbytes;
    for (int32_t k = 0; k < op->out_count; k++) nbytes += (size_t)c->out[k]->a.ndim * sizeof(int64_t);
    if (wk_unlikely(traced)) nbytes += sizeof(struct wk_site);
    if (wk_unlikely((size_t)(tape->end - tape->top) < nbytes) && !tape_grow(c->ctx, nbytes)) return NULL;
    wk_node *node = (wk_node *)(void *)tape->top;
    tape->top += nbytes;
    node->nbytes = (uint32_t)nbytes;
    node->out = (wk_node_output *)(void *)((char *)node + outputs);
    node->attrs = (char *)node + attrs;
    copy_words(node->attrs, c->attrs, op->attrs_nbytes);
    node->has_site = traced;
    if (wk_unlikely(traced))
        ((struct wk_site *)(void *)tape->top)[-1] = (struct wk_site){c->ctx->at_file, c->ctx->at_line};
    return node;
}

/* The edge to x: where its gradient goes, and its value if that is read. */
static inline void edge_set(wk_edge *edge, wk_tensor *x, bool saved) {
    edge->way = x->way;
    edge->wanted = x->way.kind != WK__TO_NONE;
    if (x->way.kind == WK__TO_NODE) edge->to.node = x->node;
    else if (x->way.kind != WK__TO_NONE) edge->to.leaf = wk__retain(x);
    else edge->to.numel = x->a.numel;
    edge->saved = NULL;
    if (saved) {
        edge->saved = wk__retain(x);
        edge->version = x->storage->version;
    }
}

static inline void output_set(wk_node *node, int32_t k, wk_tensor *y, int64_t *dims, bool saved) {
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

bool wk__tape_record(wk_call *c) {
    wk_tape *tape = &c->ctx->tape;
    wk_node *node = node_new(c);
    if (wk_unlikely(node == NULL)) return false;
    node->op = c->op;
    node->prev = tape->last;
    node->serial = ++tape->serial;
    node->in_count = c->in_count;
    node->out_count = (uint8_t)c->op->out_count;
    node->pending = 0;
    node->hooked = false;
    node->saves = c->reads != 0;
    node->consumed_by = 0;
    node->needed_by = 0;
    uint32_t reads = c->reads; /* none in variadic rows, which may have more inputs than there are bits */
    for (int32_t i = 0; i < c->in_count; i++, reads >>= 1) {
        if (wk_likely(c->in[i] != NULL)) edge_set(&node->in[i], c->in[i], reads & 1);
        else node->in[i] = (wk_edge){.way = {WK__TO_NONE, 0}};
    }
    int64_t *dims = (int64_t *)(void *)((char *)node->attrs + c->op->attrs_nbytes);
    for (int32_t k = 0; k < node->out_count; k++) {
        output_set(node, k, c->out[k], dims, c->reads & WK_READS_OUT(k));
        dims += node->out[k].ndim;
    }
    tape->last = node;
    return true;
}

/* Lets go of all a node holds. A node that was used up has let go of its values already. */
static void node_remove(wk_node *node) {
    for (int32_t i = 0; i < node->in_count; i++)
        if (node->in[i].way.kind >= WK__TO_LEAF) wk__unref(node->in[i].to.leaf);
    if (wk_likely(node->consumed_by != 0)) return;
    if (node->saves) wk__node_release_saved(node);
    for (int32_t k = 0; k < node->out_count; k++) wk__unref(node->out[k].pending);
}

/* Moves the top back to the end of the node that is the last one now. */
static void rewind_to(wk_tape *tape, wk_node *last) {
    char *top = last != NULL ? (char *)last + last->nbytes : NULL;
    wk_tape_chunk *chunk = tape->chunk;
    while (chunk->prev != NULL && !(top > (char *)chunk && top <= chunk_end(chunk))) chunk = chunk->prev;
    tape->chunk = chunk;
    tape->top = last != NULL ? top : chunk_begin(chunk);
    tape->end = chunk_end(chunk);
}

void wk__tape_cut(wk_ctx *ctx, wk_node *last) {
    wk_tape *tape = &ctx->tape;
    if (tape->last == last) return;
    for (wk_node *node = tape->last; node != last; node = tape->last) {
        tape->last = node->prev;
        node_remove(node);
    }
    rewind_to(tape, last);
    if (wk_unlikely(ctx->hooks != NULL)) wk__hooks_cut(ctx);
}

void wk__tape_free(wk_ctx *ctx) {
    wk__tape_cut(ctx, NULL);
    while (ctx->tape.chunk != NULL && ctx->tape.chunk->prev != NULL) ctx->tape.chunk = ctx->tape.chunk->prev;
    for (wk_tape_chunk *chunk = ctx->tape.chunk, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        wk__heap_system_free(&ctx->heap, chunk, chunk->nbytes);
    }
    memset(&ctx->tape, 0, sizeof ctx->tape);
}
