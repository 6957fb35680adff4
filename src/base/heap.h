/* heap.h -- the memory of one context: free lists by size class, fed from chunks that are kept until the context goes.
 *
 * A training step asks for the same sizes again and again, so a block that is given back waits in the list of its class
 * for the next step, and a steady loop never asks the system for anything.
 *
 *     class      0      1    2    3        16    17    18    19    20    21    22    23
 *     bytes    (320)   64  128  192 ...  1024  1152  1280  1536  1792  2048  2304  2816 ...
 *
 * Above 1 KB they are the 256 bytes of a handle and elements, of whose sizes there are four to a doubling: 896, 1024,
 * 1280, 1536, 1792, 2048, 2560 ... So a tensor with a power of two of elements fills its block.
 *
 * Class 0 is for the handles of promises (tensor/tensor.h) alone, which a batch makes in thousands and lets go of all
 * at once. By themselves they stay in the order of their addresses, which the processor's prefetching keeps up with;
 * among views that come and go they would soon be in no order at all, and each would wait for memory. They are an odd
 * number of lines apart: of most only the first two are ever looked at, which at 256 bytes lie in half of the sets of a
 * cache.
 *
 * Every block is 64-byte aligned: a cache line, and the widest vector.
 *
 * NOTE [Free blocks]. A free block begins with this, and keeps the rest of what it held. Handles and lists have their
 * live word there, of which no address and no size class is the value, so one that has gone is recognised as long as
 * its block is not another's. With WK_DEBUG a block that is given back does not go to the free list but joins the end
 * of a queue, the quarantine, and leaves it when enough others came after it. Under AddressSanitizer all but the
 * beginning is hidden. */
#ifndef WK_BASE_HEAP_H
#define WK_BASE_HEAP_H

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
#include "wick/base.h"

enum {
    WK__LINE = 64,
    WK__HANDLE_NBYTES = 256, /* of a tensor, before its elements */
    WK__PROMISE_CLASS = 0,
    WK__PROMISE_NBYTES = WK__HANDLE_NBYTES + WK__LINE,
    WK__SMALL_CLASSES = 16,                 /* 64 bytes apart, up to 1 KB */
    WK__HEAP_CLASSES = 1 + 16 + 1 + 4 * 38, /* up to 2^48 bytes */
};

typedef struct wk_free_block {
    struct wk_free_block *next; /* in the free list, or in the quarantine */
    int32_t size_class;         /* set in the quarantine only */
} wk_free_block;

/* NOTE [Blocks of a capture]. While something is captured (base/capture.h), a block that is given back is held until
 * the end, so that every block of the captured program has an address of its own. */
typedef struct wk_heap_capture {
    wk_free_block *free[WK__HEAP_CLASSES]; /* the heap's lists, which are empty for so long */
    wk_free_block *held[WK__HEAP_CLASSES];
    void (*took)(struct wk_heap_capture *capture, void *block, size_t nbytes);
} wk_heap_capture;

typedef struct wk_heap {
    wk_free_block *free[WK__HEAP_CLASSES];
    char *bump, *bump_end;          /* the rest of the newest chunk */
    struct wk_heap_chunk *chunks;   /* all that came from the system, newest first */
    wk_free_block *oldest, *newest; /* the quarantine */
    size_t quarantined_nbytes;
    wk_memory stats;
    wk_allocator allocator;
    void (*grown)(struct wk_heap *heap); /* called when there is a new chunk; NULL: nobody asks */
    wk_heap_capture *capture;            /* usually NULL */
    int64_t fail_after;                  /* tests only: allocations left until they fail; negative: never */
} wk_heap;

/* The level that the environment variable WK_DEBUG asked for when the library was loaded; see docs/environment.md. */
extern int32_t wk__debug __attribute__((visibility("hidden")));

void wk__heap_init(wk_heap *heap);
/* Memory from the allocator and back. alignment: a power of 2, at least a line. */
void *wk__heap_system_alloc(wk_heap *heap, size_t nbytes, size_t alignment);
void wk__heap_system_free(wk_heap *heap, void *block, size_t nbytes);

void wk__heap_destroy(wk_heap *heap); /* gives every chunk back to the system */
void *wk__heap_refill(wk_heap *heap, int32_t size_class);
void wk__heap_quarantine(wk_heap *heap, wk_free_block *block, int32_t size_class);

extern const size_t wk__class_nbytes[WK__HEAP_CLASSES] __attribute__((visibility("hidden")));

/* From now on blocks are those of a capture, until the end; `pause` and `resume` are for what is to outlive it. */
void wk__heap_capture_begin(wk_heap *heap, wk_heap_capture *capture);
void wk__heap_capture_end(wk_heap *heap, wk_heap_capture *capture);
void wk__heap_capture_pause(wk_heap *heap, wk_heap_capture *capture);
void wk__heap_capture_resume(wk_heap *heap, wk_heap_capture *capture);
void wk__heap_hold(wk_heap *heap, void *block, int32_t size_class);

static inline int32_t wk__heap_class(size_t nbytes) {
    if (wk_likely(nbytes <= 1024)) return nbytes == 0 ? 1 : 1 + (int32_t)((nbytes - 1) / WK__LINE);
    const size_t most = nbytes - WK__HANDLE_NBYTES - 1;
    const int32_t log2 = 63 - __builtin_clzll(most); /* 2^log2 <= most < 2^(log2+1) */
    return WK__SMALL_CLASSES + 3 + 4 * (log2 - 10) + (int32_t)((most >> (log2 - 2)) & 3);
}

static inline size_t wk__heap_class_nbytes(int32_t size_class) { return wk__class_nbytes[size_class]; }

/* A block of the class, or NULL. Its content is whatever was there; with WK_POISON it is filled with 0xff, a NaN in
 * every float, so that reading it before writing it shows. */
static inline void *wk__heap_alloc(wk_heap *heap, int32_t size_class) {
    wk_free_block *block = heap->free[size_class];
#ifdef WK_POISON
    if (heap->fail_after >= 0 && heap->fail_after-- == 0) return NULL;
#endif
    if (wk_likely(block != NULL)) {
        heap->free[size_class] = block->next;
        wk_prefetch(block->next); /* whose first line the next call reads */
    } else if ((block = wk__heap_refill(heap, size_class)) == NULL) {
        return NULL;
    }
    heap->stats.nbytes += (int64_t)wk__heap_class_nbytes(size_class);
    if (heap->stats.nbytes > heap->stats.peak_nbytes) heap->stats.peak_nbytes = heap->stats.nbytes;
    WK_SHOW(block, wk__heap_class_nbytes(size_class));
#ifdef WK_POISON
    memset(block, 0xff, wk__heap_class_nbytes(size_class));
#endif
    return block;
}

static inline void wk__heap_free(wk_heap *heap, void *block, int32_t size_class) {
    heap->stats.nbytes -= (int64_t)wk__heap_class_nbytes(size_class);
    if (wk_unlikely(heap->capture != NULL)) {
        wk__heap_hold(heap, block, size_class);
        return;
    }
#ifdef WK_POISON
    memset(block, 0xff, wk__heap_class_nbytes(size_class));
#endif
    wk_free_block *gone = block;
    if (wk_unlikely(wk__debug > 0)) {
        wk__heap_quarantine(heap, gone, size_class);
        return;
    }
    gone->next = heap->free[size_class];
    heap->free[size_class] = gone;
    WK_HIDE(gone + 1, wk__heap_class_nbytes(size_class) - sizeof *gone);
}

#endif
