/* tape.c -- appending nodes and taking them back. */
#include "grad/record.h"

#include <string.h>

typedef struct wk_tape_chunk {
    struct wk_tape_chunk *prev, *next;
    size_t nbytes;
} wk_tape_chunk;

enum { CHUNK_NBYTES = 64 * 1024 };

static char *chunk_begin(wk_tape_chunk *chunk) { return (char *)(chunk + 1); }
static char *chunk_end(wk_tape_chunk *chunk) { return (char *)chunk + chunk->nbytes; }

/* Makes room for nbytes in one piece: in the next chunk if it is large enough, else in a new one put in between. */
WK_NOINLINE bool wk__tape_grow(wk_ctx *ctx, size_t nbytes) {
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

WK_NOINLINE void wk__node_add_site(wk_ctx *ctx, wk_node *node) {
    struct wk_site *site = (struct wk_site *)(void *)ctx->tape.top;
    *site = (struct wk_site){ctx->at_file, ctx->at_line};
    ctx->tape.top = (char *)(site + 1);
    node->nbytes += sizeof *site;
    node->marks |= WK__HAS_SITE;
}

bool wk__tape_record(wk_call *c) { return wk__record(c, c->in_count, c->op->out_count); }

void wk__node_save_inputs(wk_node *node, wk_tensor *const *in) {
    for (int32_t i = 0; i < node->in_count; i++) {
        node->in[i].saved = wk__retain(in[i]);
        node->in[i].version = in[i]->storage->version;
    }
    node->saves = WK__SAVES_ANY;
}

void wk__node_release_any(wk_node *node) {
    for (int32_t i = 0; i < node->in_count; i++) wk__let_go(&node->in[i].saved);
    for (int32_t k = 0; k < node->out_count; k++) wk__let_go(&node->out[k].saved);
}

/* Lets go of all a node holds. A node that was used up has let go of its values already. */
static inline void node_remove(wk_node *node) {
    if (node->holds_leaf)
        for (int32_t i = 0; i < node->in_count; i++)
            if (node->in[i].way.kind >= WK__TO_LEAF) wk__unref(node->in[i].to.leaf);
    if (wk_likely(node->consumed_by != 0)) return;
    wk__node_release_saved(node);
    if (node->pending != 0)
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
