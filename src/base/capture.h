/* capture.h -- what the lower layers tell whoever records a program as a list of kernel calls (src/plan).
 *
 * NOTE [Capture]. While ctx->capture is set, the program runs dry: rows check, declare and are recorded as ever, but
 * the kernels that they call are noted and not run, so that no element of a tensor changes. Four places below speak up:
 *
 *     the kernel table   is exchanged for one whose functions note their arguments (kernel/record.h)
 *     the heap           gives every block a place of its own, which is free again only at the end (heap.h)
 *     calls of rows      name what they read, so that memory which was there before can be told from stray pointers
 *     whatever is not    a row: an optimiser's step notes itself whole (`host`), a row that looks at elements, with its
 *     made of kernels    arrays as words (tensor/words.h), and what looks at them for the program, or changes the
 *                        program's own variables, refuses (wk__capture_refuses)
 *
 * Other contexts, in other threads, are not disturbed: the noting functions look whose call it is. */
#ifndef WK_BASE_CAPTURE_H
#define WK_BASE_CAPTURE_H

#include <stdbool.h>

#include "base/heap.h"

/* One argument of a kernel. */
typedef union wk_word {
    int64_t i;
    double f;
    void *p;
} wk_word;

typedef void wk_any_function(void);

/* How arguments become words and words arguments. A letter for each word says what it is:
 *
 *     n  a count, a stride, a number of elements      v  an element, which lies in the word
 *     f  a number                                     g  an address that stays what it is
 *     r  an address that is read, or NULL             k  scratch memory, of `scratch` bytes, or NULL for none
 *     w  one that is written, or read and written     1  a bool; 2 .. 8: so many, side by side
 *
 * How much scratch a call needs, the other words say, so that it can be found again for other sizes. */
struct wk_noted;
typedef struct wk_signature {
    const char *letters;
    void (*call)(wk_any_function *function, const wk_word *words);
    int64_t (*scratch)(const struct wk_noted *noted, const wk_word *words);
} wk_signature;

/* A call of a kernel. */
typedef struct wk_noted {
    const wk_signature *signature;
    wk_any_function *function;
    const char *name;
    wk_dtype dtype;
    bool may_fail; /* it records a failure in the context, as a check of indices does */
} wk_noted;

/* A call that is made again as it stands, such as a step of an optimiser. False when it failed. */
typedef struct wk_host_call {
    const char *name;
    bool (*run)(void *object);
    void (*hold)(void *object), (*let_go)(void *object); /* the plan's hold on the object */
    void *object;
} wk_host_call;

struct wk_call;
struct wk_op;
struct wk_tensor;

typedef struct wk_capture {
    void (*kernel)(struct wk_capture *capture, const wk_noted *noted, const wk_word *words);
    void (*row)(struct wk_capture *capture, const struct wk_call *call);
    void (*grad)(struct wk_capture *capture, const struct wk_op *op); /* the row whose gradient comes next */
    /* The program asks whether a tensor requires a gradient, or has one: a change of that has to be noticed. */
    void (*look)(struct wk_capture *capture, struct wk_tensor *t);
    /* Before the gradient of a leaf is asked for or added to, or (`zeroed`) made absent. */
    void (*leaf)(struct wk_capture *capture, struct wk_tensor *leaf, bool zeroed);
    void (*host)(struct wk_capture *capture, const wk_host_call *call);
    void (*hold)(struct wk_capture *capture, const wk_host_call *call); /* the object alone: nothing is called */
    wk_error refusal; /* the first one, which holds even where the program has put the failure aside */
    int64_t draws;                                                      /* calls of the generator so far */
    bool any_size;                                                      /* the calls are to serve other sizes too */
    const char *within; /* the operation of one's own whose forward is running, or NULL */
    wk_heap_capture heap;
} wk_capture;

#endif
