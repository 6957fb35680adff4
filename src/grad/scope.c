/* scope.c -- who owns handles, and how long history lasts (NOTE [Scopes] in tensor.h). */
#include "grad/scope.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "grad/outers.h"

/* A list of tensors. Lists of a context are chained, newest first, and go with their scope; the freed ones wait in the
 * heap for the next step. */
struct wk_list {
    wk_list *previous;
    uint32_t live; /* WK__LIVE, or the list is gone */
    wk_ctx *ctx;
    wk_tensor **items;
    int64_t count, capacity;
    int32_t depth, items_class;
};

static wk_scope_frame *innermost(wk_ctx *ctx) { return &ctx->frames[ctx->depth]; }

/* --------------------------------------------------------------------------------------------------------- open --- */

static bool frames_grow(wk_ctx *ctx) {
    const int32_t capacity = ctx->frame_capacity > 0 ? 2 * ctx->frame_capacity : 32;
    wk_scope_frame *frames = realloc(ctx->frames, (size_t)capacity * sizeof *frames);
    if (frames == NULL) return false;
    ctx->frames = frames;
    ctx->frame_capacity = capacity;
    return true;
}

static void frame_begin(wk_ctx *ctx) {
    *innermost(ctx) = (wk_scope_frame){
        .mark = ++ctx->next_mark,
        .first_handle = ctx->handle_count,
        .first_list = ctx->lists,
        .last_node = ctx->tape.last,
    };
}

bool wk__scopes_init(wk_ctx *ctx) {
    if (!frames_grow(ctx)) return false;
    ctx->depth = 0;
    frame_begin(ctx);
    return true;
}

wk_scope wk__scope_open(wk_ctx *ctx) {
    if (wk_unlikely(ctx->depth + 1 >= ctx->frame_capacity) && !frames_grow(ctx)) {
        wk__out_of_memory(ctx, "scope_open");
        return 0;
    }
    ctx->depth++;
    frame_begin(ctx);
    return innermost(ctx)->mark;
}

/* Opens even while a failure is pending, so that opening and closing stay in step. */
wk_scope wk_scope_open(void) {
    wk_ctx *ctx = wk__ctx();
    return ctx != NULL ? wk__scope_open(ctx) : 0;
}

/* -------------------------------------------------------------------------------------------------------- close --- */

static void close_lists(wk_ctx *ctx, const wk_scope_frame *frame) {
    while (ctx->lists != frame->first_list) {
        wk_list *list = ctx->lists;
        ctx->lists = list->previous;
        list->live = 0;
        if (list->items != NULL) wk__heap_free(&ctx->heap, list->items, list->items_class);
        wk__heap_free(&ctx->heap, list, wk__heap_class(sizeof *list));
    }
}

/* First pass: the scope lets go of its handles, but for those that were handed up. Newest first, so that blocks come
 * out of the free lists in the order in which the next step will ask for them. */
enum { FAR = 8 }; /* handles ahead, which come from beyond the nearest caches where a scope has many */

static void release_handles(wk_ctx *ctx, int64_t first) {
    const int32_t depth = ctx->depth;
    for (int64_t i = ctx->handle_count; i-- > first;) {
        wk_tensor *t = ctx->handles[i];
        if (i - first >= FAR) wk_prefetch(ctx->handles[i - FAR]);
        if (t == NULL || t->depth < depth || !(t->flags & WK__OWNED)) continue;
        t->flags &= (uint8_t)~WK__OWNED;
        if (wk__count_down(&t->refs, t->flags)) wk__tensor_destroy_here(t);
    }
}

/* Second pass, after the tape was cut: whoever is still here was handed up, or is held elsewhere. What has a history
 * goes on in the parent, so that the parent cuts it in turn. */
static void settle_survivors(wk_ctx *ctx, const wk_scope_frame *frame) {
    int64_t kept = frame->first_handle;
    for (int64_t i = frame->first_handle; i < ctx->handle_count; i++) {
        wk_tensor *t = ctx->handles[i];
        if (t == NULL) continue;
        if (!frame->joined && t->node != NULL) {
            t->node = NULL;
            t->way.kind = WK__TO_CUT;
        }
        if (!(t->flags & (WK__OWNED | WK__ENTRY)) && t->node == NULL) {
            t->handle = WK__NO_HANDLE;
            continue;
        }
        if (t->depth >= ctx->depth) t->depth = ctx->depth - 1;
        t->handle = kept;
        ctx->handles[kept++] = t;
    }
    ctx->handle_count = kept;
}

void wk__scope_close_innermost(wk_ctx *ctx) {
    const wk_scope_frame *frame = innermost(ctx);
    close_lists(ctx, frame);
    if (wk_unlikely(frame->is_batch)) wk__batch_closes(ctx);
    release_handles(ctx, frame->first_handle);
    if (wk_unlikely(frame->is_batch)) {
        wk__batch_close(ctx);
        frame = innermost(ctx); /* they may have moved */
    }
    if (!frame->joined) wk__tape_cut(ctx, frame->last_node);
    settle_survivors(ctx, frame);
    ctx->depth--;
}

static int32_t depth_of(const wk_ctx *ctx, wk_scope scope) {
    for (int32_t depth = ctx->depth; depth > 0; depth--)
        if (ctx->frames[depth].mark == scope) return depth;
    return -1;
}

void wk_scope_close(wk_scope scope) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL || scope == 0) return;
    const int32_t depth = depth_of(ctx, scope);
    if (depth < 0) {
        wk__fail(ctx, WK_ESTATE, "scope_close", "this scope is not open: it, or one around it, was closed already");
        return;
    }
    if (depth < ctx->guarded) {
        wk__fail(ctx, WK_ESTATE, "scope_close", "this scope was open before wick called the function that closes it");
        return;
    }
    while (ctx->depth >= depth) wk__scope_close_innermost(ctx);
}

/* What lies between the beginning of a scope and that of the next. */
static wk_scope_memory measure(const wk_ctx *ctx, int32_t depth) {
    wk_scope_memory m = WK_SCOPE_MEMORY;
    const wk_scope_frame *frame = &ctx->frames[depth];
    const bool last = depth == ctx->depth;
    const int64_t end = last ? ctx->handle_count : frame[1].first_handle;
    for (int64_t i = frame->first_handle; i < end; i++) {
        const wk_tensor *t = ctx->handles[i];
        if (t == NULL || !(t->flags & WK__OWNED)) continue;
        m.handles++;
        m.nbytes += (int64_t)wk__heap_class_nbytes(t->size_class);
    }
    for (const wk_node *node = last ? ctx->tape.last : frame[1].last_node; node != frame->last_node; node = node->prev)
        m.nodes++;
    return m;
}

wk_status wk_scope_memory_stats(wk_scope scope, wk_scope_memory *memory) {
    const wk_ctx *ctx = wk__ctx();
    if (ctx == NULL) return WK_ENOMEM;
    const int32_t depth = scope != 0 ? depth_of(ctx, scope) : 0;
    if (memory == NULL || memory->size < sizeof memory->size) return WK_EINVAL;
    if (depth < 0) return WK_ESTATE;
    const wk_scope_memory m = measure(ctx, depth);
    const size_t size = memory->size < sizeof m ? memory->size : sizeof m;
    memcpy((char *)memory + sizeof size, (const char *)&m + sizeof size, size - sizeof size);
    return WK_OK;
}

void wk__scope_cleanup(wk_scope *scope) { wk_scope_close(*scope); }

void wk__scopes_free(wk_ctx *ctx) {
    while (ctx->depth > 0) wk__scope_close_innermost(ctx);
    if (ctx->frames != NULL) {
        close_lists(ctx, ctx->frames);
        release_handles(ctx, ctx->frames->first_handle);
        wk__tape_cut(ctx, NULL);
        ctx->depth = 0;
        settle_survivors(ctx, ctx->frames);
    }
    free(ctx->frames);
    free(ctx->handles);
    ctx->frames = NULL;
    ctx->handles = NULL;
}

/* ------------------------------------------------------------------------------------------------------- guests --- */

wk_guest wk__guest_begins(wk_ctx *ctx) {
    const wk_guest guest = {.depth = ctx->depth,
                            .guarded = ctx->guarded,
                            .guarded_handles = ctx->guarded_handles,
                            .grad_enabled = ctx->grad_enabled};
    if (wk_unlikely(ctx->outers != NULL)) wk__outers_add_all(ctx);
    ctx->guarded = ctx->depth + 1;
    ctx->guarded_handles = ctx->handle_count;
    return guest;
}

void wk__guest_ends(wk_ctx *ctx, wk_guest guest, const char *op) {
    if (wk__current != ctx) {
        wk__current = ctx;
        wk__fail(ctx, WK_ESTATE, op, "the function leaves another context current: wk_ctx_use the one that was");
    }
    if (ctx->depth > guest.depth)
        wk__fail(ctx, WK_ESTATE, op, "the function leaves a scope open: wk_scope_close it, or use WK_SCOPE");
    while (ctx->depth > guest.depth) wk__scope_close_innermost(ctx);
    ctx->guarded = guest.guarded;
    ctx->guarded_handles = guest.guarded_handles;
    ctx->grad_enabled = guest.grad_enabled;
    wk__failure_is_apart(ctx);
}

/* ------------------------------------------------------------------------------------------ handing up, keeping --- */

void wk__yield_to(wk_ctx *ctx, wk_tensor *t, int32_t depth) {
    if (t->depth <= depth) return;
    t->depth = depth;
    if (t->way.kind == WK__TO_NODE) wk__scopes_join(ctx, ctx->depth, depth);
}

bool wk__scope_follow(wk_tensor *t) {
    wk_ctx *ctx = t->ctx;
    if (t->handle != WK__NO_HANDLE) {
        wk__scopes_join(ctx, ctx->depth, t->depth);
        return true;
    }
    if (ctx->handle_count == ctx->handle_capacity && !wk__handles_grow(ctx)) return false;
    t->handle = ctx->handle_count;
    t->depth = ctx->depth;
    ctx->handles[ctx->handle_count++] = t; /* listed, but not owned */
    return true;
}

wk_tensor *wk_yield(wk_tensor *t) {
    wk_ctx *ctx = wk__ctx();
    if (t == NULL || !wk__ready(ctx) || !wk__known(ctx, t, "yield", "t")) return NULL;
    if (ctx->depth > 0) wk__yield_to(ctx, t, ctx->depth - 1);
    return t;
}

/* A handle with history stays in the list without being owned, so that its history is cut in time. */
void wk_drop(wk_tensor *t) {
    wk_ctx *ctx = wk__ctx();
    if (t == NULL || ctx == NULL || !wk__known(ctx, t, "drop", "t") || !(t->flags & WK__OWNED)) return;
    if (t->handle < ctx->guarded_handles) {
        wk__fail(ctx, WK_ESTATE, "drop", "t was there before wick called the function that drops it");
        return;
    }
    t->flags &= (uint8_t)~WK__OWNED;
    wk__unref(t);
}

/* What a slot held. A tensor that nobody kept there may have gone with its scope. */
static void let_go(wk_tensor *held, const char *op) {
    if (held == NULL || wk__is_there(held))
        wk__unref(held);
    else
        wk__fail(wk__ctx(), WK_ECLOSED, op, "the slot holds a tensor that has gone with its scope: wk_keep it there");
}

void wk_keep(wk_tensor **slot, wk_tensor *t) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || wk__capture_refuses(ctx, "keep", "make it an output of the step, and keep that")) return;
    if (slot == NULL) {
        wk__fail(ctx, WK_EINVAL, "keep", "slot is NULL");
        return;
    }
    if (t != NULL && !wk__usable(ctx, t, "keep", "t")) return;
    wk_tensor *old = *slot;
    *slot = t != NULL ? wk__retain(t) : NULL;
    let_go(old, "keep");
}

void wk_release(wk_tensor **slot) {
    if (slot == NULL) return;
    wk_tensor *old = *slot;
    if (wk_unlikely(wk__debug > 0) && old != NULL && !wk__live_debug(old, "release")) return;
    *slot = NULL;
    let_go(old, "release");
}

/* -------------------------------------------------------------------------------------------------------- lists --- */

wk_list *wk_list_new(void) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    wk_list *list = wk__heap_alloc(&ctx->heap, wk__heap_class(sizeof *list));
    if (list == NULL) {
        wk__out_of_memory(ctx, "list_new");
        return NULL;
    }
    *list = (wk_list){.previous = ctx->lists, .live = WK__LIVE, .ctx = ctx, .depth = ctx->depth};
    return ctx->lists = list;
}

static bool list_grow(wk_list *list) {
    const int64_t capacity = list->capacity > 0 ? 2 * list->capacity : 32;
    const int32_t items_class = wk__heap_class((size_t)capacity * sizeof *list->items);
    wk_tensor **items = wk__heap_alloc(&list->ctx->heap, items_class);
    if (items == NULL) return false;
    for (int64_t i = 0; i < list->count; i++) items[i] = list->items[i];
    if (list->items != NULL) wk__heap_free(&list->ctx->heap, list->items, list->items_class);
    list->items = items;
    list->items_class = items_class;
    list->capacity = capacity;
    return true;
}

/* Everything that list_push may have to say or to do before. */
WK_NOINLINE static bool list_ready(wk_ctx *ctx, wk_list *list, const wk_tensor *t) {
    if (!wk__list_usable(ctx, list, "list_push", "list") || !wk__known(ctx, t, "list_push", "t")) return false;
    if (list->count < list->capacity || list_grow(list)) return true;
    wk__out_of_memory(ctx, "list_push");
    return false;
}

void wk_list_push(wk_list *list, wk_tensor *t) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return;
    const bool usual = list != NULL && list->live == WK__LIVE && list->ctx == ctx && t != NULL && wk__is_there(t) &&
                       t->ctx == ctx && list->count < list->capacity;
    if (wk_unlikely(!usual) && !list_ready(ctx, list, t)) return;
    if (t->depth > list->depth) wk__yield_to(ctx, t, list->depth);
    list->items[list->count++] = t;
}

wk_list *wk_list_of(int64_t count, wk_tensor *const *tensors) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    if (count < 0 || (count > 0 && tensors == NULL)) {
        wk__fail(ctx, WK_EINVAL, "list_of", count < 0 ? "count is negative" : "tensors is NULL");
        return NULL;
    }
    wk_list *list = wk_list_new();
    for (int64_t i = 0; i < count; i++) wk_list_push(list, tensors[i]);
    if (ctx->failure.status == WK_OK) return list;
    wk__fail_as(ctx, "list_of");
    return NULL;
}

bool wk__list_usable(wk_ctx *ctx, const wk_list *list, const char *op, const char *argument) {
    if (list == NULL) wk__fail(ctx, WK_EINVAL, op, "%s is NULL", argument);
    else if (list->live != WK__LIVE)
        wk__fail(ctx, WK_ECLOSED, op, "%s is used after its scope closed: make it in the scope that uses it", argument);
    else if (list->ctx != ctx)
        wk__fail(ctx, WK_ECONTEXT, op, "%s belongs to another context than the current one", argument);
    return ctx->failure.status == WK_OK;
}

wk_tensor *const *wk__list_items(const wk_list *list) { return list->items; }

int64_t wk_list_length(const wk_list *list) { return list != NULL && list->live == WK__LIVE ? list->count : 0; }

wk_tensor *wk_list_at(const wk_list *list, int64_t index) {
    return index >= 0 && index < wk_list_length(list) ? list->items[index] : NULL;
}
