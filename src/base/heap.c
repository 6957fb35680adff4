/* heap.c -- where a context's heap gets its chunks, and how they go back. */
#include "base/heap.h"

#include <stdlib.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* A chunk begins with one cache line of its own:
 *
 *     +----------------+---------------------------------------------+
 *     | next, nbytes   | blocks ...                                  |
 *     +----------------+---------------------------------------------+
 *     0                64                                        64 + nbytes                                       */
typedef struct wk_heap_chunk {
    struct wk_heap_chunk *next;
    size_t nbytes;
} wk_heap_chunk;

enum {
    CHUNK_NBYTES = 128 * 1024, /* small blocks are cut from chunks of this size */
    CUT_NBYTES = 16 * 1024,    /* blocks above this get a chunk of their own */
    HUGE_NBYTES = 2 << 20,     /* from here huge pages spare a fault (0.4 us) for every 4 KB */
    QUARANTINE_NBYTES = 64 << 20,
};

#define LINES(n) (n) * WK__LINE, (n + 1) * WK__LINE, (n + 2) * WK__LINE, (n + 3) * WK__LINE
#define ELEMENTS(fourths, log2) WK__HANDLE_NBYTES + ((size_t)(fourths) << (log2))
#define DOUBLING(log2) ELEMENTS(4, log2), ELEMENTS(5, log2), ELEMENTS(6, log2), ELEMENTS(7, log2)
#define DOUBLINGS(log2) \
    DOUBLING(log2), DOUBLING(log2 + 1), DOUBLING(log2 + 2), DOUBLING(log2 + 3), DOUBLING(log2 + 4), DOUBLING(log2 + 5)

const size_t wk__class_nbytes[WK__HEAP_CLASSES] = {
    WK__PROMISE_NBYTES, LINES(1),      LINES(5),      LINES(9),      LINES(13),     ELEMENTS(7, 7), DOUBLINGS(8),
    DOUBLINGS(14),     DOUBLINGS(20), DOUBLINGS(26), DOUBLINGS(32), DOUBLINGS(38), DOUBLING(44),   DOUBLING(45),
};

int32_t wk__debug;

int32_t wk_debug_level(void) { return wk__debug; }

/* At load, like WK_ISA, so that nobody has to look for it later. What is no number counts as 0. */
#if defined(__GNUC__)
__attribute__((constructor)) static void read_debug_level(void) {
    const char *level = getenv("WK_DEBUG");
    if (level != NULL && level[0] >= '0' && level[0] <= '9' && level[1] == '\0')
        wk__debug = level[0] > '2' ? 2 : level[0] - '0';
}
#endif

void wk__heap_init(wk_heap *heap) {
    memset(heap, 0, sizeof *heap);
    heap->fail_after = -1;
    heap->allocator = (wk_allocator)WK_ALLOCATOR;
}

void *wk__heap_system_alloc(wk_heap *heap, size_t nbytes, size_t alignment) {
    const wk_allocator *a = &heap->allocator;
    return a->alloc != NULL ? a->alloc(a->user, nbytes, alignment) : aligned_alloc(alignment, nbytes);
}

void wk__heap_system_free(wk_heap *heap, void *block, size_t nbytes) {
    const wk_allocator *a = &heap->allocator;
    if (a->alloc != NULL) a->free(a->user, block, nbytes);
    else free(block);
}

void wk__heap_destroy(wk_heap *heap) {
    for (wk_heap_chunk *chunk = heap->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        WK_SHOW(chunk, chunk->nbytes);
        wk__heap_system_free(heap, chunk, chunk->nbytes);
    }
    wk__heap_init(heap);
}

/* nbytes usable bytes, or NULL. This is the one place where wick asks the system for the memory of tensors. */
static char *chunk_new(wk_heap *heap, size_t nbytes) {
    const size_t alignment = nbytes >= HUGE_NBYTES ? HUGE_NBYTES : WK__LINE;
    const size_t whole = (nbytes + WK__LINE + alignment - 1) / alignment * alignment;
    if (whole < nbytes) return NULL;
    wk_heap_chunk *chunk = wk__heap_system_alloc(heap, whole, alignment);
    if (chunk == NULL) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (alignment == HUGE_NBYTES && heap->allocator.huge_pages) madvise(chunk, whole, MADV_HUGEPAGE);
#endif
    chunk->next = heap->chunks;
    chunk->nbytes = whole;
    heap->chunks = chunk;
    heap->stats.reserved_nbytes += (int64_t)whole;
    heap->stats.system_calls++;
    if (heap->grown != NULL) heap->grown(heap);
    char *blocks = (char *)chunk + WK__LINE;
    if (wk__debug >= 2) memset(blocks, 0xff, whole - WK__LINE);
    WK_HIDE(blocks, whole - WK__LINE);
    return blocks;
}

/* What is left of the old chunk when a new one is begun goes to the free lists, so nothing is lost. */
static void spend_rest(wk_heap *heap) {
    while (heap->bump_end - heap->bump >= WK__LINE) {
        int32_t size_class = wk__heap_class((size_t)(heap->bump_end - heap->bump));
        while (wk__heap_class_nbytes(size_class) > (size_t)(heap->bump_end - heap->bump)) size_class--;
        wk_free_block *block = (wk_free_block *)(void *)heap->bump;
        heap->bump += wk__heap_class_nbytes(size_class);
        WK_SHOW(block, sizeof *block);
        block->next = heap->free[size_class];
        heap->free[size_class] = block;
    }
}

/* One that came from the heap before the capture, or a new one. */
static wk_free_block *block_for_capture(wk_heap *heap, int32_t size_class) {
    wk_heap_capture *capture = heap->capture;
    wk_free_block *block = capture->free[size_class];
    if (wk_likely(block != NULL)) {
        capture->free[size_class] = block->next;
        return block;
    }
    wk__heap_capture_pause(heap, capture);
    block = wk__heap_refill(heap, size_class);
    wk__heap_capture_resume(heap, capture);
    return block;
}

/* A block of a capture: as if there were none, and then it is told. */
static void *captured(wk_heap *heap, int32_t size_class) {
    void *block = block_for_capture(heap, size_class);
    if (block == NULL) return NULL;
    WK_SHOW(block, wk__heap_class_nbytes(size_class));
    heap->capture->took(heap->capture, block, wk__heap_class_nbytes(size_class));
    return block;
}

WK_NOINLINE void *wk__heap_refill(wk_heap *heap, int32_t size_class) {
    if (wk_unlikely(heap->capture != NULL)) return captured(heap, size_class);
    if (size_class >= WK__HEAP_CLASSES) return NULL;
    const size_t nbytes = wk__heap_class_nbytes(size_class);
    if (nbytes > CUT_NBYTES) return chunk_new(heap, nbytes);
    if ((size_t)(heap->bump_end - heap->bump) < nbytes) {
        char *chunk = chunk_new(heap, CHUNK_NBYTES);
        if (chunk == NULL) return NULL;
        spend_rest(heap);
        heap->bump = chunk;
        heap->bump_end = chunk + CHUNK_NBYTES;
    }
    void *block = heap->bump;
    heap->bump += nbytes;
    return block;
}

static void leave_quarantine(wk_heap *heap) {
    wk_free_block *block = heap->oldest;
    heap->oldest = block->next;
    heap->quarantined_nbytes -= wk__heap_class_nbytes(block->size_class);
    block->next = heap->free[block->size_class];
    heap->free[block->size_class] = block;
}

WK_NOINLINE void wk__heap_quarantine(wk_heap *heap, wk_free_block *block, int32_t size_class) {
    const size_t nbytes = wk__heap_class_nbytes(size_class);
    *block = (wk_free_block){.size_class = size_class};
    if (wk__debug >= 2) memset(block + 1, 0xff, nbytes - sizeof *block);
    WK_HIDE(block + 1, nbytes - sizeof *block);
    if (heap->oldest != NULL)
        heap->newest->next = block;
    else
        heap->oldest = block;
    heap->newest = block;
    heap->quarantined_nbytes += nbytes;
    while (heap->quarantined_nbytes > QUARANTINE_NBYTES && heap->oldest != heap->newest) leave_quarantine(heap);
}

/* ------------------------------------------------------------------------ captures (NOTE [Blocks of a capture]) --- */

void wk__heap_capture_pause(wk_heap *heap, wk_heap_capture *capture) {
    memcpy(heap->free, capture->free, sizeof heap->free);
    heap->capture = NULL;
}

void wk__heap_capture_resume(wk_heap *heap, wk_heap_capture *capture) {
    memcpy(capture->free, heap->free, sizeof heap->free);
    memset(heap->free, 0, sizeof heap->free);
    heap->capture = capture;
}

void wk__heap_capture_begin(wk_heap *heap, wk_heap_capture *capture) {
    memset(capture->held, 0, sizeof capture->held);
    wk__heap_capture_resume(heap, capture);
}

WK_NOINLINE void wk__heap_hold(wk_heap *heap, void *block, int32_t size_class) {
    wk_heap_capture *capture = heap->capture;
    wk_free_block *held = block;
    held->next = capture->held[size_class];
    capture->held[size_class] = held;
}

void wk__heap_capture_end(wk_heap *heap, wk_heap_capture *capture) {
    wk__heap_capture_pause(heap, capture);
    for (int32_t size_class = 0; size_class < WK__HEAP_CLASSES; size_class++) {
        for (wk_free_block *block = capture->held[size_class], *next; block != NULL; block = next) {
            next = block->next;
            heap->stats.nbytes += (int64_t)wk__heap_class_nbytes(size_class); /* it was given back before */
            wk__heap_free(heap, block, size_class);
        }
    }
}
