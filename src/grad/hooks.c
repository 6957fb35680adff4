/* hooks.c -- functions that see gradients on the way, and walks begun inside them (NOTE [A walk in a walk] in
 * walk.h). */
#include "grad/scope.h"
#include "grad/walk.h"
#include "kernel/kernel.h"
#include "tensor/iterate.h"

static const char *const op = "hook"; /* in messages about what a hook did */

/* ------------------------------------------------------------------------------------------------- registration --- */

static wk_status refuse_hook(wk_ctx *ctx, const wk_tensor *t, wk_hook_fn *call) {
    const char *const name = "register_hook";
    if (t->flags & WK__BATCHED)
        return wk__fail(ctx, WK_ESTATE, name, "t was computed in a batch, together with others: hook a wk_clone of it");
    if (wk__capture_refuses(ctx, name, "a plan has no tensors to call it with")) return WK_ESTATE;
    if (call == NULL) return wk__fail(ctx, WK_EINVAL, name, "hook is NULL");
    if (t->way.kind != WK__TO_LEAF && t->way.kind != WK__TO_NODE)
        return wk__fail(ctx, WK_EGRAD, name, "t does not require a gradient, or its history is cut");
    return WK_OK;
}

/* Has the hook called for t, whose meta it is if t is a leaf. */
static void hang_up(wk_hook *hook, wk_tensor *t, wk_meta *meta) {
    if (meta != NULL) {
        hook->leaf = t;
        meta->hooked = true;
    } else {
        hook->node = t->node;
        hook->serial = t->node->serial;
        hook->output = t->way.output;
        t->node->hooked = true;
    }
}

int64_t wk_register_hook(wk_tensor *t, wk_hook_fn *call, void *user) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx) || !wk__usable(ctx, t, "register_hook", "t")) return 0;
    if (refuse_hook(ctx, t, call) != WK_OK) return 0;
    const bool leaf = t->way.kind == WK__TO_LEAF;
    wk_meta *meta = leaf ? wk__tensor_meta(t) : NULL;
    wk_hook *hook = !leaf || meta != NULL ? wk__heap_alloc(&ctx->heap, wk__heap_class(sizeof *hook)) : NULL;
    if (hook == NULL) return wk__out_of_memory(ctx, "register_hook"), 0;
    *hook = (wk_hook){.next = ctx->hooks, .id = ++ctx->newest_hook, .call = call, .user = user};
    hang_up(hook, t, meta);
    ctx->hooks = hook;
    return hook->id;
}

void wk_remove_hook(int64_t id) {
    wk_ctx *ctx = wk__ctx();
    for (wk_hook **at = ctx != NULL ? &ctx->hooks : NULL; at != NULL && *at != NULL; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        wk__hook_remove(ctx, at);
        return;
    }
}

void wk__hooks_cut(wk_ctx *ctx) {
    const uint64_t last = ctx->tape.last != NULL ? ctx->tape.last->serial : 0;
    for (wk_hook **at = &ctx->hooks; *at != NULL;) {
        if ((*at)->leaf == NULL && (*at)->serial > last) wk__hook_remove(ctx, at);
        else at = &(*at)->next;
    }
}

/* ------------------------------------------------------------------------------------------------------ calling --- */

/* The next hook in the order of registering, after number `after` and none newer than `newest`. Found anew each time,
 * because a hook may remove hooks. */
static wk_hook *next_of(const wk_ctx *ctx, const wk_tensor *leaf, const wk_node *node, int32_t output, int64_t after,
                        int64_t newest) {
    wk_hook *next = NULL;
    for (wk_hook *hook = ctx->hooks; hook != NULL && hook->id > after; hook = hook->next) {
        const bool is_its = leaf != NULL ? hook->leaf == leaf : hook->node == node && hook->output == output;
        if (is_its && hook->id <= newest) next = hook;
    }
    return next;
}

/* A row's gradient by kernels takes contiguous ones only (backprop.h). */
static wk_tensor *contiguous(wk_walk *walk, wk_tensor *g) {
    if ((g->flags & WK__CONTIGUOUS) || (walk->flags & WK_CREATE_GRAPH)) return wk__retain(g);
    wk_tensor *copy = wk__tensor_make(walk->ctx, g->a.dtype, g->a.ndim, g->a.dims);
    if (copy == NULL) wk__out_of_memory(walk->ctx, op);
    else wk__unary_rows(wk__kernels->copy[g->a.dtype], &copy->a, &g->a);
    return copy;
}

/* The gradient after one hook, held; NULL when it did wrong. */
static wk_tensor *call_one(wk_walk *walk, const wk_hook *hook, wk_tensor *g) {
    wk_ctx *ctx = walk->ctx;
    wk_shape_text old, new;
    const uint32_t version = g->storage->version;
    const wk_guest guest = wk__guest_begins(ctx);
    wk_tensor *other = hook->call(hook->user, g);
    wk__guest_ends(ctx, guest, op);
    if (ctx->failure.status != WK_OK) return NULL;
    if (g->storage->version != version) {
        wk__fail(ctx, WK_EVERSION, op, "a hook wrote the gradient it was given: return another tensor");
        return NULL;
    }
    if (other == NULL || other == g) return wk__retain(g);
    if (!wk__usable(ctx, other, op, "the replacement")) return NULL;
    if (wk__same_dims(&other->a, &g->a) && other->a.dtype == g->a.dtype) return contiguous(walk, other);
    wk__fail(ctx, WK_ESHAPE, op, "a hook replaced a gradient %s of type %s by %s of type %s",
             wk__dims_text(&old, g), wk_dtype_name(g->a.dtype), wk__dims_text(&new, other),
             wk_dtype_name(other->a.dtype));
    return NULL;
}

wk_tensor *wk__hooks_run(wk_walk *walk, const wk_tensor *leaf, const wk_node *node, int32_t output, wk_tensor *g) {
    const int64_t newest = walk->ctx->newest_hook;
    int64_t id = 0;
    for (wk_hook *hook; (hook = next_of(walk->ctx, leaf, node, output, id, newest)) != NULL;) {
        id = hook->id;
        wk_tensor *next = call_one(walk, hook, g);
        if (next == NULL) break;
        wk__unref(g);
        g = next;
    }
    return g;
}

/* A target that the walk entered has had its hooks there. */
void wk__hooks_of_targets(wk_walk *walk) {
    for (int32_t i = 0; i < walk->target_count && wk_ok(); i++) {
        wk_target *target = &walk->targets[i];
        const wk_tensor *x = target->x;
        if (target->result == NULL || (x->node != NULL && x->node->needed_by == walk->number)) continue;
        if (x->node != NULL ? !x->node->hooked : x->meta == NULL || !x->meta->hooked) continue;
        target->result = wk__hooks_run(walk, x->node == NULL ? x : NULL, x->node, x->way.output, target->result);
    }
}

/* ------------------------------------------------------------------------------------------------------- leaves --- */

wk_wait *wk__wait_of(const wk_walk *walk, const wk_tensor *leaf) {
    wk_wait *wait = walk->waits;
    while (wait != NULL && wait->leaf != leaf) wait = wait->next;
    return wait;
}

static void find_first_users(wk_walk *walk) {
    for (const wk_node *node = walk->newest; node != NULL && node->serial > walk->floor; node = node->prev)
        for (int32_t i = 0; i < node->in_count; i++) {
            const wk_edge *edge = &node->in[i];
            if (edge->way.kind != WK__TO_LEAF || edge->to.leaf->meta == NULL || !edge->to.leaf->meta->hooked) continue;
            wk_wait *wait = wk__wait_of(walk, edge->to.leaf);
            if (wait != NULL) wait->first_user = node->serial;
        }
}

bool wk__waits_begin(wk_walk *walk) {
    wk_ctx *ctx = walk->ctx;
    for (const wk_hook *hook = ctx->hooks; hook != NULL; hook = hook->next) {
        if (hook->leaf == NULL || wk__wait_of(walk, hook->leaf) != NULL) continue;
        wk_wait *wait = wk__heap_alloc(&ctx->heap, wk__heap_class(sizeof *wait));
        if (wait == NULL) return false;
        *wait = (wk_wait){.next = walk->waits, .leaf = wk__retain(hook->leaf)};
        walk->waits = wait;
    }
    if (walk->waits != NULL) find_first_users(walk);
    return true;
}

void wk__waits_end(wk_walk *walk) {
    for (wk_wait *wait = walk->waits, *next; wait != NULL; wait = next) {
        next = wait->next;
        wk__unref(wait->pending);
        wk__unref(wait->leaf);
        wk__heap_free(&walk->ctx->heap, wait, wk__heap_class(sizeof *wait));
    }
    walk->waits = NULL;
}

bool wk__waits_pass(wk_walk *walk, uint64_t serial) {
    for (wk_wait *wait = walk->waits; wait != NULL; wait = wait->next) {
        if (wait->pending == NULL || wait->first_user < serial) continue;
        wk_tensor *g = wk__hooks_run(walk, wait->leaf, NULL, 0, wait->pending);
        wait->pending = NULL;
        const bool fine = wk_ok() && wk__deliver_to_leaf(walk, wait->leaf, g);
        wk__unref(g);
        if (!fine) return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------- walks in a walk --- */

static bool stash(wk_walk *walk) {
    const int32_t size_class = wk__heap_class((size_t)walk->pending * sizeof *walk->stash);
    walk->stash_count = 0;
    walk->stash = wk__heap_alloc(&walk->ctx->heap, size_class);
    if (walk->stash == NULL) return false;
    for (wk_node *node = walk->newest; walk->stash_count < walk->pending; node = node->prev) {
        for (int32_t k = 0; k < node->out_count && node->pending > 0; k++) {
            if (node->out[k].pending == NULL) continue;
            walk->stash[walk->stash_count++] = (wk_stashed){node, node->out[k].pending, k};
            node->out[k].pending = NULL;
        }
        node->pending = 0;
    }
    return true;
}

static void unstash(wk_walk *walk) {
    for (int64_t i = 0; i < walk->stash_count; i++) {
        const wk_stashed *s = &walk->stash[i];
        s->node->out[s->output].pending = s->pending;
        s->node->pending++;
    }
    wk__heap_free(&walk->ctx->heap, walk->stash, wk__heap_class((size_t)walk->pending * sizeof *walk->stash));
    walk->stash = NULL;
}

bool wk__walk_interrupt(wk_walk *walk) {
    if (!stash(walk)) return wk__out_of_memory(walk->ctx, walk->op), false;
    if (walk->targets != NULL) wk__targets_unmark(walk);
    if (!walk->inner || wk__walk_interrupt(walk->outer)) return true;
    if (walk->targets != NULL) wk__targets_mark(walk, walk->newest);
    unstash(walk);
    return false;
}

void wk__walk_resume(wk_walk *walk) {
    if (walk->inner) wk__walk_resume(walk->outer);
    if (walk->targets != NULL && !wk__targets_mark(walk, walk->newest)) wk__out_of_memory(walk->ctx, walk->op);
    unstash(walk);
}
