/* backward.c -- the public face of differentiation: wk_backward, wk_grad, gradients of leaves. */
#include <inttypes.h>

#include "base/capture.h"
#include "grad/scope.h"
#include "grad/walk.h"
#include "kernel/convert.h"
#include "kernel/kernel.h"

bool wk_set_grad_enabled(bool enabled) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL) return false;
    const bool was = ctx->grad_enabled;
    ctx->grad_enabled = enabled;
    return was;
}

bool wk_grad_enabled(void) {
    const wk_ctx *ctx = wk__ctx();
    return ctx != NULL && ctx->grad_enabled;
}

void wk__grad_enabled_cleanup(bool *was) { wk_set_grad_enabled(*was); }

/* ------------------------------------------------------------------------------------------------------- leaves --- */

wk_tensor *wk_requires_grad_(wk_tensor *t, bool requires_grad) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__writable(ctx, t, "requires_grad_", "t")) return NULL;
    if (t->way.kind == WK__TO_NODE || t->way.kind == WK__TO_CUT) {
        wk__fail(ctx, WK_EGRAD, "requires_grad_",
                 "t was computed by an op: only a leaf can be asked; wk_detach makes one");
        return NULL;
    }
    if (requires_grad && !wk__dtype_is_floating(t->a.dtype)) {
        wk__fail(ctx, WK_EDTYPE, "requires_grad_", "t has type %s, not a floating one: wk_cast it",
                 wk_dtype_name(t->a.dtype));
        return NULL;
    }
    const bool may_be_held = t->storage->bytes_of == WK__OF_SLAB || t->refs > 1; /* by a plan */
    if (may_be_held && (t->way.kind == WK__TO_LEAF) != requires_grad) ctx->modes = wk__modes_but(ctx->modes, t);
    t->way.kind = requires_grad ? WK__TO_LEAF : WK__TO_NONE;
    return t;
}

/* What captures hears of the question; of no tensor that other contexts share, which stay as they are. */
static wk_capture *capture_of(const wk_tensor *t) { return t->ctx != NULL ? t->ctx->capture : NULL; }

bool wk_requires_grad(const wk_tensor *t) {
    if (!wk__live(t, "requires_grad")) return false;
    wk_capture *capture = capture_of(t);
    if (wk_unlikely(capture != NULL)) capture->look(capture, (wk_tensor *)(uintptr_t)t);
    return wk__needs_grad(t);
}

WK_NOINLINE static void tell_question(wk_capture *capture, wk_tensor *t) {
    capture->look(capture, t);
    if (t->meta != NULL || t->way.kind == WK__TO_LEAF) capture->leaf(capture, t, false);
}

wk_tensor *wk_grad_of(const wk_tensor *t) {
    if (t == NULL || t->live != WK__LIVE) return NULL;
    wk_capture *capture = capture_of(t);
    if (wk_unlikely(capture != NULL)) tell_question(capture, (wk_tensor *)(uintptr_t)t);
    if (t->meta == NULL || !t->meta->has_grad) return NULL;
    return t->meta->grad;
}

void wk_zero_grad(wk_tensor *t) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__usable(ctx, t, "zero_grad", "t")) return;
    if (t->meta == NULL && t->way.kind != WK__TO_LEAF) return;
    if (wk_unlikely(ctx->capture != NULL)) ctx->capture->leaf(ctx->capture, t, true);
    if (t->meta == NULL) return;
    t->meta->has_grad = false;
    t->meta->grad_invalid = false;
}

/* ----------------------------------------------------------------------------------------------------- backward --- */

/* Can y be differentiated? */
static bool check_root(wk_ctx *ctx, const wk_tensor *y, const char *op, const char *argument) {
    if (!wk__ready(ctx) || !wk__usable(ctx, y, op, argument)) return false;
    wk_shape_text text;
    if (y->a.numel != 1)
        wk__fail(ctx, WK_ESHAPE, op, "%s %s has %" PRId64 " elements, not one: sum or average it first", argument,
                 wk__dims_text(&text, y), y->a.numel);
    else if (!wk__needs_grad(y))
        wk__fail(ctx, WK_EGRAD, op,
                 "%s was not computed from anything that requires a gradient: wk_requires_grad_ a leaf, and record "
                 "outside of WK_NO_GRAD",
                 argument);
    return ctx->failure.status == WK_OK;
}

/* The gradient of y with respect to itself. */
static wk_tensor *one_like(wk_ctx *ctx, const wk_tensor *y, const char *op) {
    wk_tensor *one = wk__tensor_make(ctx, y->a.dtype, y->a.ndim, y->a.dims);
    if (one == NULL) {
        wk__out_of_memory(ctx, op);
        return NULL;
    }
    const wk_element e = wk__element_of(1, y->a.dtype);
    wk__kernels->fill[y->a.dtype](1, one->a.data, 1, &e);
    return one;
}

wk_status wk_backward_flags(wk_tensor *loss, uint32_t flags) {
    wk_ctx *ctx = wk__ctx();
    if (!check_root(ctx, loss, "backward", "loss")) return wk__status(ctx);
    if (flags & ~(uint32_t)WK_RETAIN_GRAPH)
        return wk__fail(ctx, WK_EINVAL, "backward", "flags may only be WK_RETAIN_GRAPH; wk_grad can create graph");
    wk_tensor *one = one_like(ctx, loss, "backward");
    const wk_scope scope = one != NULL ? wk__scope_open(ctx) : 0;
    if (scope != 0) {
        wk_walk walk = {.ctx = ctx, .op = "backward", .flags = flags};
        wk__walk(&walk, 1, &loss, &one);
        wk__scope_close_innermost(ctx);
    }
    wk__unref(one);
    return ctx->failure.status;
}

wk_status wk_backward(wk_tensor *loss) { return wk_backward_flags(loss, 0); }

/* ------------------------------------------------------------------------------------------------------ wk_grad --- */

static bool check_targets(wk_ctx *ctx, wk_tensor *const *xs, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        if (!wk__usable(ctx, xs[i], "grad", "xs")) return false;
        if (wk__needs_grad(xs[i])) continue;
        wk__fail(ctx, WK_EGRAD, "grad", "xs[%" PRId32 "] does not require a gradient: wk_requires_grad_ it first", i);
        return false;
    }
    return true;
}

/* The result of a target as a tensor of the scope outside the walk's: zeros when nothing came. */
static wk_tensor *hand_out(wk_ctx *ctx, wk_target *target) {
    wk_tensor *g = target->result;
    const bool fine = ctx->failure.status == WK_OK;
    if (fine && g == NULL) g = wk_zeros(target->x->a.ndim, target->x->a.dims, target->x->a.dtype);
    else if (fine && g->handle == WK__NO_HANDLE) g = wk__give_to_scope(wk__retain(g));
    wk__unref(target->result);
    if (!fine || g == NULL) return NULL;
    wk__yield_to(ctx, g, ctx->depth - 1);
    return g;
}

/* Where xs[i] stands first, and last. */
static int32_t first_of(wk_tensor *const *xs, int32_t i) {
    int32_t first = 0;
    while (xs[first] != xs[i]) first++;
    return first;
}

static int32_t last_of(wk_tensor *const *xs, int32_t count, int32_t i) {
    int32_t last = count - 1;
    while (xs[last] != xs[i]) last--;
    return last;
}

/* The walk, in a scope of its own, with room for the targets at hand. */
static void grads_into(wk_walk *walk, int32_t y_count, wk_tensor *const *ys, wk_tensor *const *gys,
                       wk_tensor *const *xs, wk_tensor **out) {
    const int32_t count = walk->target_count;
    for (int32_t i = 0; i < count; i++) walk->targets[i] = (wk_target){.x = xs[i]};
    wk__walk(walk, y_count, ys, gys);
    for (int32_t i = 0; i < count; i++) {
        const int32_t first = first_of(xs, i); /* the marks of a tensor named twice are those of its last place */
        out[i] = first < i ? out[first] : hand_out(walk->ctx, &walk->targets[last_of(xs, count, i)]);
    }
    wk__scope_close_innermost(walk->ctx);
}

wk_status wk__grads(wk_walk *walk, int32_t y_count, wk_tensor *const *ys, wk_tensor *const *gys,
                    wk_tensor *const *xs, wk_tensor **out) {
    wk_ctx *ctx = walk->ctx;
    const int32_t size_class = wk__heap_class((size_t)walk->target_count * sizeof(wk_target));
    walk->targets = wk__heap_alloc(&ctx->heap, size_class);
    if (walk->targets == NULL) return wk__out_of_memory(ctx, walk->op);
    if (wk__scope_open(ctx) != 0) grads_into(walk, y_count, ys, gys, xs, out);
    wk__heap_free(&ctx->heap, walk->targets, size_class);
    return ctx->failure.status;
}

/* To the walk, what was computed together is one: it brings the gradient of the whole, of which a row is taken. */
static wk_status grads_of_rows(wk_walk *walk, wk_tensor *y, wk_tensor *one, wk_tensor *const *xs, wk_tensor **out) {
    wk_ctx *ctx = walk->ctx;
    const int32_t count = walk->target_count, size_class = wk__heap_class((size_t)count * 2 * sizeof *out);
    wk_tensor **wholes = wk__heap_alloc(&ctx->heap, size_class), **gradients = wholes + count;
    int64_t row;
    if (wholes == NULL) return wk__out_of_memory(ctx, "grad");
    for (int32_t i = 0; i < count; i++) gradients[i] = NULL, wholes[i] = wk__computed_with(xs[i], &row);
    const wk_status status = wk__grads(walk, 1, &y, &one, wholes, gradients);
    for (int32_t i = 0; i < count; i++) {
        wk__computed_with(xs[i], &row);
        out[i] = row >= 0 && gradients[i] != NULL ? wk__row_of(gradients[i], row) : gradients[i];
    }
    wk__heap_free(&ctx->heap, wholes, size_class);
    return status;
}

static bool any_row(wk_tensor *const *xs, int32_t count) {
    int64_t row = -1;
    for (int32_t i = 0; i < count && row < 0; i++) wk__computed_with(xs[i], &row);
    return row >= 0;
}

wk_status wk_grad(wk_tensor *y, wk_tensor *const *xs, int32_t count, wk_tensor **out, uint32_t flags) {
    wk_ctx *ctx = wk__ctx();
    for (int32_t i = 0; out != NULL && i < count; i++) out[i] = NULL;
    if (!check_root(ctx, y, "grad", "y")) return wk__status(ctx);
    if (count < 0) return wk__fail(ctx, WK_EINVAL, "grad", "count is %d", (int)count);
    if (xs == NULL || out == NULL) return wk__fail(ctx, WK_EINVAL, "grad", "%s is NULL", xs == NULL ? "xs" : "out");
    if (flags & ~(uint32_t)(WK_RETAIN_GRAPH | WK_CREATE_GRAPH))
        return wk__fail(ctx, WK_EINVAL, "grad", "flags may only be WK_RETAIN_GRAPH and WK_CREATE_GRAPH");
    if (!check_targets(ctx, xs, count)) return ctx->failure.status;
    wk_tensor *one = one_like(ctx, y, "grad");
    wk_walk walk = {.ctx = ctx, .op = "grad", .flags = flags, .target_count = count};
    if (one != NULL && any_row(xs, count))
        grads_of_rows(&walk, y, one, xs, out);
    else if (one != NULL)
        wk__grads(&walk, 1, &y, &one, xs, out);
    wk__unref(one);
    return ctx->failure.status;
}
