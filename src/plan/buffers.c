/* buffers.c -- the memory that a step makes while it is recorded. */
#include <string.h>

#include "plan/known.h"
#include "plan/recording.h"

static wk_recording *of_heap(wk_heap_capture *heap) {
    return (wk_recording *)(void *)((char *)heap - offsetof(wk_capture, heap));
}

/* Fresh memory holds other numbers in each of two recordings, so that what a row reads by itself, not by a kernel,
 * makes the two differ. Only small tensors are read so. */
enum { FILLED_NBYTES = 4096 };

void wk__recording_fill(const wk_recording *r, void *memory, size_t nbytes) {
    float line[WK__LINE / sizeof(float)];
    const size_t filled = (nbytes < FILLED_NBYTES ? nbytes : FILLED_NBYTES) / sizeof *line * sizeof *line;
    const size_t whole = filled / sizeof line * sizeof line;
    for (size_t i = 0; i < sizeof line / sizeof *line; i++) line[i] = r->number % 2 ? 0.75F : -2.5F;
    for (size_t at = 0; at < whole; at += sizeof line) memcpy((char *)memory + at, line, sizeof line);
    memcpy((char *)memory + whole, line, filled - whole);
}

void wk__recording_took(wk_heap_capture *heap, void *block, size_t nbytes) {
    wk_recording *r = of_heap(heap);
    wk_buffer_block *b = WK_PUSH(wk_buffer_block, r->blocks);
    if (b == NULL || !wk__known_add(&r->known, wk__word_of_address(block), WK__KNOWN_LOCAL)) {
        wk__out_of_memory(r->ctx, "plan_run");
        return;
    }
    *b = (wk_buffer_block){block, block, (int64_t)nbytes, -1, -1};
    wk__recording_fill(r, block, nbytes);
}

/* Blocks of tensors are known by their own storage; views and other blocks do not look like it. */
static bool is_tensor(const wk_recording *r, const wk_tensor *t) { return t->ctx == r->ctx && t->storage == &t->own; }

void wk__recording_find_elements(wk_recording *r) {
    for (int64_t i = 0; i < r->blocks.count; i++) {
        wk_buffer_block *b = &WK_ITEMS(wk_buffer_block, r->blocks)[i];
        const wk_tensor *t = (const wk_tensor *)(const void *)b->block;
        if (b->nbytes < (int64_t)sizeof *t || !is_tensor(r, t)) continue;
        b->data = t->own.data;
        b->nbytes = wk__array_nbytes(&t->a);
    }
}

/* Elements lie behind their handle, or, if they are few, in it. */
int64_t wk__recording_buffer_nbytes(const wk_recording *r, const char *data) {
    static const size_t before[] = {sizeof(wk_tensor), offsetof(wk_tensor, few)};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        const wk_tensor *t = (const wk_tensor *)((uintptr_t)data - before[i]);
        if (wk__known_find(&r->known, wk__word_of_address(t)) != WK__KNOWN_LOCAL) continue;
        if (is_tensor(r, t) && t->own.data == data) return wk__array_nbytes(&t->a);
    }
    return -1;
}
