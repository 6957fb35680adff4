/* tape.c -- appending nodes and taking them back. */
#include "grad/tape.h"

#include <stdlib.h>
#include <string.h>

typedef struct wk_tape_chunk {
    struct wk_tape_chunk *prev, *next;
    size_t nbytes;
} wk_tape_chunk;

enum { CHUNK_NBYTES = 64 * 1024 };

static char *chunk_begin(wk_tape_chunk *chunk) { return (char *)(chunk + 1); }
static char *chunk_end(wk_tape_chunk *chunk) { return (char *)chunk + chunk->nbytes; }

/* Makes room for nbytes in one piece: in the next chunk if it is large enough, else in a new one put in between. */
WK_NOINLINE static bool tape_grow(wk_tape *tape, size_t nbytes) {
    wk_tape_chunk *next = tape->chunk != NULL ? tape->chunk->next : NULL;
    if (next == NULL || (size_t)(chunk_end(next) - chunk_begin(next)) < nbytes) {
        const size_t whole = nbytes + sizeof *next > CHUNK_NBYTES ? nbytes + sizeof *next : CHUNK_NBYTES;
        wk_tape_chunk *made = malloc(whole);
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

static size_t round8(size_t nbytes) { return (nbytes + 7) & ~(size_t)7; }

/* Node, edges, attributes and dims lie in one piece:  | wk_node | edges ... | attributes | dims of each output | */
static wk_node *node_new(wk_call *c) {
    const wk_op *op = c->op;
    wk_tape *tape = &c->ctx->tape;
    const size_t edges = (size_t)c->in_count * sizeof(wk_edge), attrs = round8(op->attrs_nbytes);
    size_t nbytes = sizeof(wk_node) + edges + attrs;
    for (int32_t k = 0; k < op->out_count; k++)
        if (c->out[k] != NULL) nbytes += (size_t)c->out[k]->a.ndim * sizeof(int64_t);
    char *place = tape->top;
    wk_tape_chunk *chunk = tape->chunk;
    if (wk_unlikely((size_t)(tape->end - tape->top) < nbytes) && !tape_grow(tape, nbytes)) return NULL;
    wk_node *node = (wk_node *)(void *)tape->top;
    tape->top += nbytes;
    node->place = place;
    node->chunk = chunk;
    node->in = (wk_edge *)(node + 1);
    node->attrs = (char *)node->in + edges;
    if (op->attrs_nbytes > 0) memcpy(node->attrs, c->attrs, op->attrs_nbytes);
    node->out[0].dims = (int64_t *)(void *)((char *)node->attrs + attrs);
    return node;
}

/* The union of what the gradients that are needed read. */
static uint32_t reads_of(const wk_call *c) {
    if (c->op->in_count == WK__ANY_NUMBER) return 0;
    uint32_t reads = 0;
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] != NULL && (c->in[i]->flags & WK__NEEDS_GRAD)) reads |= c->op->reads[i];
    return reads;
}

static void edge_set(wk_edge *edge, wk_tensor *x, bool saved) {
    edge->present = x != NULL;
    edge->kind = WK__EDGE_NONE;
    edge->saved = NULL;
    if (x == NULL) return;
    if (x->flags & WK__NEEDS_GRAD) {
        if (x->node != NULL) {
            edge->kind = WK__EDGE_NODE;
            edge->to.node = x->node;
            edge->output = x->output;
        } else {
            edge->kind = x->flags & WK__CUT ? WK__EDGE_CUT : WK__EDGE_LEAF;
            edge->to.leaf = wk__retain(x);
        }
    }
    if (saved) {
        edge->saved = wk__retain(x);
        edge->version = x->storage->version;
    }
}

static void output_set(wk_node *node, int32_t k, wk_tensor *y, int64_t *dims, bool saved) {
    wk_node_output *out = &node->out[k];
    out->saved = NULL;
    out->pending = NULL;
    out->target = 0;
    out->dims = dims;
    out->ndim = 0;
    if (y == NULL) return;
    out->ndim = y->a.ndim;
    out->dtype = y->a.dtype;
    for (int32_t d = 0; d < y->a.ndim; d++) dims[d] = y->a.dims[d];
    if (saved) {
        out->saved = wk__retain(y);
        out->version = y->storage->version;
    }
    y->node = node;
    y->output = (uint8_t)k;
    y->flags |= WK__NEEDS_GRAD;
}

bool wk__tape_record(wk_call *c) {
    wk_ctx *ctx = c->ctx;
    wk_node *node = node_new(c);
    if (wk_unlikely(node == NULL)) return false;
    node->op = c->op;
    node->prev = ctx->tape.last;
    node->serial = ++ctx->tape.serial;
    node->file = ctx->at_file;
    node->line = ctx->at_line;
    node->in_count = c->in_count;
    node->out_count = c->op->out_count;
    node->pending = 0;
    node->consumed_by = 0;
    node->needed_by = 0;
    const uint32_t reads = reads_of(c);
    for (int32_t i = 0; i < c->in_count; i++) edge_set(&node->in[i], c->in[i], i < 16 && (reads & WK_READS_IN(i)));
    int64_t *dims = node->out[0].dims;
    for (int32_t k = 0; k < node->out_count; k++) {
        output_set(node, k, c->out[k], dims, reads & WK_READS_OUT(k));
        dims += node->out[k].ndim;
    }
    ctx->tape.last = node;
    return true;
}

static void release(wk_tensor **held) {
    wk_tensor *t = *held;
    *held = NULL;
    wk__unref(t);
}

void wk__node_release_saved(wk_node *node) {
    for (int32_t i = 0; i < node->in_count; i++)
        if (node->in[i].saved != NULL) release(&node->in[i].saved);
    for (int32_t k = 0; k < node->out_count; k++)
        if (node->out[k].saved != NULL) release(&node->out[k].saved);
}

static void node_remove(wk_node *node) {
    wk__node_release_saved(node);
    for (int32_t k = 0; k < node->out_count; k++) release(&node->out[k].pending);
    for (int32_t i = 0; i < node->in_count; i++)
        if (node->in[i].kind >= WK__EDGE_LEAF) release(&node->in[i].to.leaf);
}

void wk__tape_cut(wk_ctx *ctx, wk_node *last) {
    wk_tape *tape = &ctx->tape;
    for (wk_node *node = tape->last; node != last; node = node->prev) {
        node_remove(node);
        tape->last = node->prev;
        if (node->chunk == NULL) continue; /* the very first node: its chunk is the first one, which stays */
        tape->chunk = node->chunk;
        tape->top = node->place;
        tape->end = chunk_end(node->chunk);
    }
    if (tape->last == NULL && tape->chunk != NULL) {
        while (tape->chunk->prev != NULL) tape->chunk = tape->chunk->prev;
        tape->top = chunk_begin(tape->chunk);
        tape->end = chunk_end(tape->chunk);
    }
}

void wk__tape_free(wk_ctx *ctx) {
    wk__tape_cut(ctx, NULL);
    for (wk_tape_chunk *chunk = ctx->tape.chunk, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    memset(&ctx->tape, 0, sizeof ctx->tape);
}
