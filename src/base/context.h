/* context.h -- all that changes while programs run, in one struct. Upper layers own the parts that are named after
 * them; here they are only pointers and numbers, so that this header needs nothing from above. */
#ifndef WK_BASE_CONTEXT_H
#define WK_BASE_CONTEXT_H

#include "base/compiler.h"
#include "base/heap.h"
#include "wick/base.h"

/* One open scope. It begins where the scope before it ended:
 *
 *     handles   | root ...... | scope 1 .... | scope 2 ..       <- handle_count
 *     tape      | root ...... | scope 1 .... | scope 2 ..       <- newest node
 *               0             first_handle   first_handle                                                          */
typedef struct wk_scope_frame {
    uint64_t mark;
    int64_t first_handle;
    struct wk_list *first_list; /* the newest list when the scope opened */
    struct wk_node *last_node;  /* the newest node when the scope opened: it and all before belong to outer scopes */
    bool is_batch;              /* calls in it are put off (batch/batch.h) */
    bool joined;                /* something was yielded: the scope's part of the tape goes to its parent */
} wk_scope_frame;

/* The tape (grad/tape.c): nodes lie one after another in chunks that never move. */
typedef struct wk_tape {
    struct wk_node *last;
    struct wk_tape_chunk *chunk; /* the one being written */
    char *top, *end;             /* free space in it */
    uint64_t serial;             /* of the newest node ever made; serials are never used again */
} wk_tape;

struct wk_op_event;
struct wk_tensor;

/* A function that is called with a gradient (grad/hooks.c). */
typedef struct wk_hook {
    struct wk_hook *next;
    int64_t id;
    struct wk_tensor *(*call)(void *user, struct wk_tensor *gradient);
    void *user;
    struct wk_tensor *leaf; /* whose gradient it is; NULL: output `output` of `node` */
    struct wk_node *node;
    uint64_t serial; /* of node */
    int32_t output;
} wk_hook;

/* Bits of wk_ctx.watch: what has to be looked at around each op. */
enum {
    WK__WATCH_REWRITES = 1, /* some storage was rewritten, so there may be stale views */
    WK__WATCH_OPS = 2,      /* there is an op hook */
    WK__WATCH_ANOMALY = 4,  /* numbers that are not finite are refused */
    WK__WATCH_READS = 8,    /* a checkpoint collects what its function reads */
    WK__WATCH_CAPTURE = 16, /* a plan records what the program does (NOTE [Capture] in capture.h) */
    WK__WATCH_BATCH = 32,   /* a batch is open and may put calls off */
    WK__WATCH_APART = 64,   /* no gradient takes over the memory of another, as in any walk that is watched */
};

enum { WK__WALKS = 64 };

/* Where a call stands in the caller's source, under WK_TRACE. */
struct wk_site {
    const char *file;
    int32_t line;
};

/* What batches have come to that began with a certain call (NOTE [Habits] in batch/habit.c). */
typedef struct wk_habit {
    uint64_t key;
    uint8_t poor; /* how often in a row there was little to merge */
    uint8_t rest; /* how many more do not try */
} wk_habit;

enum { WK__HABITS = 16, WK__LATE_KINDS = 16 };

struct wk_ctx {
    wk_error failure;      /* status WK_OK: none */
    bool failure_is_apart; /* of a call that the program made itself (NOTE [Whose failure]) */
    const char *at_file;   /* where the current call stands, under WK_TRACE; else NULL */
    int32_t at_line;
    uint64_t number; /* contexts count from 1 */
    bool grad_enabled;
    wk_device device; /* where tensors are made; 0 is the CPU */
    wk_heap heap;

    struct wk_tensor **handles; /* tensors that scopes own, in the order of making; NULL where one has gone */
    int64_t handle_count, handle_capacity;
    struct wk_list *lists;  /* newest first */
    wk_scope_frame *frames; /* frames[0] is the root scope */
    int32_t depth, frame_capacity;
    int32_t guarded; /* so many frames, and handles, are not a guest's (NOTE [Guests] in grad/scope.h) */
    int64_t guarded_handles;
    uint64_t next_mark;

    wk_tape tape;
    uint8_t watch;         /* WK__WATCH_...; usually 0 */
    int64_t rewritten;     /* storages into which a write in place was recorded (NOTE [Stale views]) */
    struct wk_hook *hooks; /* newest first */
    int64_t newest_hook;   /* the number of the last one made */
    void (*op_hook)(void *user, const struct wk_op_event *event);
    void *op_hook_user;
    struct wk_reads *reads;               /* what the running checkpoint has collected */
    struct wk_walk *walking;              /* the backward that is running, if one is */
    uint32_t walk;                        /* number of the latest backward */
    struct wk_outers *outers;             /* what it has collected for leaves (grad/outers.h) */
    struct wk_site walk_sites[WK__WALKS]; /* where the latest walks were called */

    wk_log_fn *log; /* grad/log.c */
    void *log_user;
    int32_t log_level;
    int64_t root_warning; /* bytes of the root scope that are worth a word */

    struct wk_batch *batch; /* the one that is open, if one is */
    wk_habit habits[WK__HABITS];
    uint64_t late_kinds[WK__LATE_KINDS]; /* their hashes, newest first (NOTE [Late kinds] in batch/late.c) */
    struct wk_registered *ops; /* what users registered (op/custom.c), newest first */

    struct wk_rng *rng; /* made at the first draw */

    uint64_t modes; /* a hash of the modes that modules and parameters are in: put back, they have the same */
    uint64_t recordings, joined; /* how often a step was recorded; what has joined a module since it could have been */

    struct wk_capture *capture; /* what records the program; usually NULL */
    double cell;                /* room for one element, for rows that need it between two kernels */
};

extern WK_TLS wk_ctx *wk__current __attribute__((visibility("hidden")));

/* Makes the thread's default context current; NULL when memory is out. */
wk_ctx *wk__ctx_first(void);

static inline wk_ctx *wk__ctx(void) {
    wk_ctx *ctx = wk__current;
    return wk_likely(ctx != NULL) ? ctx : wk__ctx_first();
}

/* Watches for none of these any more. Returns those that were watched for, which wk__watch_resume takes. */
static inline uint8_t wk__watch_pause(wk_ctx *ctx, uint8_t bits) {
    const uint8_t paused = ctx->watch & bits;
    ctx->watch &= (uint8_t)~bits;
    return paused;
}

static inline void wk__watch_resume(wk_ctx *ctx, uint8_t paused) { ctx->watch |= paused; }

/* Watches what was watched before, but for rewrites, which are a matter of what there is now. */
static inline void wk__watch_again(wk_ctx *ctx, uint8_t before) {
    ctx->watch = (uint8_t)((before & ~WK__WATCH_REWRITES) | (ctx->rewritten > 0 ? WK__WATCH_REWRITES : 0));
}

static inline void wk__hook_remove(wk_ctx *ctx, wk_hook **at) {
    wk_hook *hook = *at;
    *at = hook->next;
    wk__heap_free(&ctx->heap, hook, wk__heap_class(sizeof *hook));
}

/* Records a failure unless one is pending. `op` is the public name without wk_. Returns the status. ctx may be NULL. */
wk_status wk__fail(wk_ctx *ctx, wk_status status, const char *op, const char *format, ...) WK_PRINTF(4, 5);
wk_status wk__out_of_memory(wk_ctx *ctx, const char *op); /* ENOMEM */

/* NOTE [Whose failure]. A message begins with the function that the program called. Where that calls others of the
 * library, each of which names itself, it gives a failure that began within it its own name before it returns; it does
 * nothing when there is none. But a call that the program made itself keeps its name, though it fails within another:
 * one that a hook or the like has made, and one that was put off and runs now. */
void wk__fail_as(wk_ctx *ctx, const char *op);
static inline void wk__failure_is_apart(wk_ctx *ctx) { ctx->failure_is_apart = ctx->failure.status != WK_OK; }

/* Fills an error for calls that report and do not stick. error may be NULL. Returns the status. */
wk_status wk__report(wk_error *error, wk_status status, const char *op, const char *format, ...) WK_PRINTF(4, 5);

/* NOTE [Calls that report]. Calls that read or write files do not stick, and are made of calls that do. Such a call
 * asks wk__ready first, and returns wk__pending when the answer is no; at its end wk__settle takes what failed within
 * it out of the context and into *error, as a failure of `op`, whoever recorded it. Without one *error is all zero. */
wk_status wk__pending(const wk_ctx *ctx, wk_error *error);
wk_status wk__settle(const char *op, wk_error *error);

/* True when the caller may go on: the context exists and no failure is pending. Counts a skipped call otherwise. */
static inline bool wk__ready(wk_ctx *ctx) {
    if (wk_unlikely(ctx == NULL)) return false;
    if (wk_likely(ctx->failure.status == WK_OK)) return true;
    ctx->failure.skipped++;
    return false;
}

/* The modes where one of them, known by an address, has changed, and is as before when it changes back. */
static inline uint64_t wk__modes_but(uint64_t modes, const void *changed) {
    uint64_t hash = (uint64_t)(uintptr_t)changed;
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return modes ^ hash ^ hash >> 31;
}

/* What was made when there had been so many recordings, a module or an optimiser, has become more. A step that was
 * recorded since may do something else now, and there is no way back. */
static inline void wk__modes_joined(wk_ctx *ctx, uint64_t recordings) {
    if (ctx->recordings != recordings) ctx->modes = wk__modes_but(ctx->modes, (const void *)(uintptr_t)++ctx->joined);
}

/* Inside a plan's step the call `op` is refused, because of `why`; false where nothing is captured. */
bool wk__capture_refuse(wk_ctx *ctx, const char *op, const char *why);
static inline bool wk__capture_refuses(wk_ctx *ctx, const char *op, const char *why) {
    return wk_unlikely(ctx->capture != NULL) && wk__capture_refuse(ctx, op, why);
}

/* What a call that could not go on returns: without a context, memory was out. */
static inline wk_status wk__status(const wk_ctx *ctx) { return ctx != NULL ? ctx->failure.status : WK_ENOMEM; }

/* Prints into a text of nbytes, as snprintf does; what does not fit is cut off behind a whole character of UTF-8. */
void wk__print(char *text, size_t nbytes, const char *format, ...) WK_PRINTF(3, 4);

/* The path, or as much of its end, which tells more than its beginning, as nbytes hold. */
const char *wk__path_end(const char *path, size_t nbytes);

/* "(3,4)" and "[3,4]" for messages. The text is valid as long as the buffer. */
typedef struct wk_shape_text { char text[168]; } wk_shape_text;
const char *wk__shape_text(wk_shape_text *buffer, int32_t ndim, const int64_t *dims);
const char *wk__index_text(wk_shape_text *buffer, int32_t ndim, const int64_t *index);

#endif
