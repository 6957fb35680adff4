/* walk.c -- the reverse sweep (NOTE [Walk] in walk.h). */
#include "grad/walk.h"

#include <stdio.h>

#include "base/capture.h"
#include "grad/apply.h"
#include "grad/outers.h"
#include "grad/scope.h"
#include "grad/watch.h"

/* ----------------------------------------------------------------------------------------------------- refusals --- */

/* The walk of that number has used this part up. Under WK_TRACE the message says where it was called. */
WK_NOINLINE static bool refuse_consumed(wk_walk *walk, uint32_t number, const char *part) {
    const struct wk_site *site = &walk->ctx->walk_sites[number % WK__WALKS];
    const bool known = site->file != NULL && walk->number - number < WK__WALKS;
    if (known)
        wk__fail(walk->ctx, WK_ECONSUMED, walk->op,
                 "wk_backward at %s:%d used this part (%s) already: add the losses, or use WK_RETAIN_GRAPH",
                 wk__path_end(site->file, 64), (int)site->line, part);
    else
        wk__fail(walk->ctx, WK_ECONSUMED, walk->op,
                 "an earlier wk_backward used this part (%s) already: add the losses, or use WK_RETAIN_GRAPH", part);
    return false;
}

WK_NOINLINE static bool refuse_version(wk_walk *walk, const wk_node *node, const wk_tensor *t) {
    wk_shape_text text;
    const wk_storage *s = t->storage;
    const struct wk_site *site = wk__node_site(node);
    const char *name = t->meta != NULL && t->meta->name[0] != '\0' ? t->meta->name : wk__storage_name(s);
    char where[80] = "";
    if (site != NULL)
        snprintf(where, sizeof where, " (called at %s:%d)", wk__path_end(site->file, 56), (int)site->line);
    wk__fail(walk->ctx, WK_EVERSION, walk->op,
             "%s%s needs %s %s as it was, but %s changed it in place: take the gradients before the change, or change "
             "a copy%s",
             node->op->name, where, name != NULL ? name : "a tensor", wk__dims_text(&text, t),
             s->writer != NULL ? s->writer->name : "the user (wk_data_mut)",
             s->epoch > 0 ? "; wk_stack collects parts without changing any" : "");
    return false;
}

/* Is what the node saved as it was? */
static inline bool as_it_was(const wk_tensor *saved, uint32_t version) {
    return saved == NULL || wk_likely(saved->storage->version == version);
}

WK_NOINLINE static const wk_tensor *any_overwritten(const wk_node *node) {
    for (int32_t i = 0; i < node->in_count; i++)
        if (!as_it_was(node->in[i].saved, node->in[i].version)) return node->in[i].saved;
    for (int32_t k = 0; k < node->out_count; k++)
        if (!as_it_was(node->out[k].saved, node->out[k].version)) return node->out[k].saved;
    return NULL;
}

WK_INLINE const wk_tensor *overwritten(const wk_node *node) {
    if (node->saves == 0) return NULL;
    if (wk_unlikely(node->saves == WK__SAVES_ANY)) return any_overwritten(node);
    for (uint32_t bits = wk__saves_in(node); bits != 0; bits &= bits - 1) {
        const wk_edge *in = &node->in[__builtin_ctz(bits)];
        if (!as_it_was(in->saved, in->version)) return in->saved;
    }
    for (uint32_t bits = wk__saves_out(node); bits != 0; bits &= bits - 1) {
        const wk_node_output *out = &node->out[__builtin_ctz(bits)];
        if (!as_it_was(out->saved, out->version)) return out->saved;
    }
    return NULL;
}

const wk_tensor *wk__overwritten(const wk_node *node) { return overwritten(node); }

/* ----------------------------------------------------------------------------------------------------- one node --- */

/* Does this walk want the gradient that goes along this edge? */
static bool wanted(const wk_walk *walk, const wk_edge *edge) {
    if (edge->way.kind == WK__TO_NONE || walk->targets == NULL) return edge->way.kind != WK__TO_NONE;
    const bool enters = edge->way.kind == WK__TO_NODE && edge->to.node->needed_by == walk->number;
    return enters || wk__edge_target(walk, edge) != NULL;
}

/* Which inputs get a gradient in this walk? In a plain walk all that can, which is how a node begins. */
static void find_wanted(wk_walk *walk, wk_node *node) {
    if (walk->targets == NULL && node->needed_by == 0) return;
    for (int32_t i = 0; i < node->in_count; i++) {
        wk_edge *edge = &node->in[i];
        edge->wanted = wanted(walk, edge);
    }
}

/* Takes the gradients out of the node. */
WK_INLINE void take_pending(wk_walk *walk, wk_node *node, wk_backprop *b) {
    for (int32_t k = 0; k < node->out_count; k++) {
        b->gy[k] = node->out[k].pending;
        node->out[k].pending = NULL;
    }
    walk->pending -= node->pending;
    node->pending = 0;
}

/* Targets get their share. */
static void share(wk_walk *walk, wk_node *node, const wk_backprop *b) {
    for (int32_t k = 0; k < node->out_count; k++) {
        const wk_edge edge = {.way = {WK__TO_NODE, (uint8_t)k}, .to.node = node};
        wk_target *target = b->gy[k] != NULL ? wk__edge_target(walk, &edge) : NULL;
        if (target != NULL) target->result = wk__retain(b->gy[k]);
    }
}

enum { FEW_INPUTS = 32 };

static bool deliver_all(wk_walk *walk, wk_node *node, wk_tensor **gx) {
    for (int32_t i = 0; i < node->in_count; i++) {
        if (!node->in[i].wanted || gx[i] == NULL) continue; /* NULL: the output does not depend on this input */
        if (!wk__deliver(walk, &node->in[i], gx[i])) return false;
    }
    return true;
}

/* The composition gives what the row gave. */
static bool same_outputs(const wk_backprop *b, wk_tensor *const *out) {
    for (int32_t k = 0; k < b->node->out_count && wk_ok(); k++) {
        wk_shape_text was, is;
        const wk_tensor *g = b->gy[k], *y = out[k];
        if (g == NULL || (y != NULL && wk__same_dims(&y->a, &g->a) && y->a.dtype == g->a.dtype)) continue;
        wk__fail(b->ctx, WK_ESTATE, b->walk->op, "%s: output %d was %s the first time and is %s the second",
                 b->node->op->name, (int)k, wk__dims_text(&was, g), y != NULL ? wk__dims_text(&is, y) : "NULL");
    }
    return wk_ok();
}

/* Composes, and walks down to the inputs, in[i]; `targets` and `in` have room for all of them. */
static bool walk_composition(const wk_backprop *b, wk_target *targets, wk_tensor **in) {
    wk_walk *walk = b->walk;
    wk_node *node = b->node;
    wk_call c = {.op = node->op, .ctx = walk->ctx, .in = in, .in_count = node->in_count, .attrs = node->attrs};
    wk_walk inner = {.ctx = walk->ctx, .op = walk->op, .flags = walk->flags, .floor = walk->ctx->tape.serial,
                     .targets = targets, .inner = true};
    for (int32_t i = 0; i < node->in_count; i++) {
        in[i] = node->in[i].saved;
        if (node->in[i].wanted) targets[inner.target_count++] = (wk_target){.x = in[i]};
    }
    const bool enabled = wk_set_grad_enabled(true);
    node->op->compose(&c);
    wk_set_grad_enabled(enabled);
    bool fine = same_outputs(b, c.out) && wk__walk(&inner, node->out_count, c.out, b->gy);
    for (int32_t i = 0, t = 0; i < node->in_count; i++) {
        if (!node->in[i].wanted) continue;
        wk_tensor *gx = targets[t++].result;
        fine = fine && (gx == NULL || wk__deliver(walk, &node->in[i], gx));
        wk__unref(gx);
    }
    return fine;
}

/* The same function from other rows, recorded and differentiated down to the inputs. Unless that is to have a history,
 * what it makes goes at once. */
bool wk__backprop_composition(const wk_backprop *b) {
    wk_ctx *ctx = b->ctx;
    const size_t count = (size_t)b->node->in_count;
    const int32_t size_class = wk__heap_class(count * (sizeof(wk_target) + sizeof(wk_tensor *)));
    const bool scoped = !(b->walk->flags & WK_CREATE_GRAPH);
    wk_target *targets = wk__heap_alloc(&ctx->heap, size_class);
    if (targets == NULL) return wk__out_of_memory(ctx, b->walk->op), false;
    const wk_scope scope = scoped ? wk__scope_open(ctx) : 0;
    const bool fine = wk_ok() && walk_composition(b, targets, (wk_tensor **)(void *)(targets + count));
    if (scope != 0) wk_scope_close(scope);
    wk__heap_free(&ctx->heap, targets, size_class);
    return fine;
}

static bool backprop_vjp(wk_backprop *b) {
    wk_node *node = b->node;
    if (node->op->vjp == NULL) return wk__backprop_composition(b);
    if (wk_unlikely(b->ctx->log != NULL) && !(b->walk->flags & WK_CREATE_GRAPH)) wk__log_no_kernels(b->ctx, node->op);
    wk_tensor *few[FEW_INPUTS] = {NULL}, **gx = few;
    const int32_t size_class = wk__heap_class((size_t)node->in_count * sizeof *gx);
    if (node->in_count > FEW_INPUTS && (gx = wk__heap_alloc(&b->ctx->heap, size_class)) == NULL)
        return wk__out_of_memory(b->ctx, b->walk->op), false;
    for (int32_t i = 0; i < node->in_count; i++) gx[i] = NULL;
    node->op->vjp(b, gx);
    const bool fine = wk_ok() && deliver_all(b->walk, node, gx);
    if (gx != few) wk__heap_free(&b->ctx->heap, gx, size_class);
    return fine;
}

static void call_hooks(wk_walk *walk, const wk_node *node, wk_backprop *b) {
    for (int32_t k = 0; k < node->out_count; k++)
        if (b->gy[k] != NULL) b->gy[k] = wk__hooks_run(walk, NULL, node, k, b->gy[k]);
}

/* By the row's kernels where nobody will differentiate the result and the row does not leave the case to its vjp. */
WK_INLINE void backprop(wk_backprop *b, bool differentiable) {
    bool (*const grad)(wk_backprop *) = b->node->op->grad;
    if (wk_unlikely(grad == NULL || differentiable) || !grad(b)) backprop_vjp(b);
}

/* With hooks, targets, and somebody who watches. */
WK_NOINLINE static void backprop_carefully(wk_backprop *b) {
    wk_walk *walk = b->walk;
    wk_node *node = b->node;
    if (node->hooked) call_hooks(walk, node, b);
    if (!wk_ok()) return;
    find_wanted(walk, node);
    if (walk->targets != NULL) share(walk, node, b);
    const uint8_t watch = wk__watch_grad_begins(b);
    if (wk_ok()) backprop(b, walk->flags & WK_CREATE_GRAPH);
    wk__watch_grad_ends(b, watch);
}

/* A gradient that has been passed on has one holder less, usually none. */
static inline void gradient_used(wk_tensor *g) {
    if (g != NULL && wk__count_down(&g->refs, g->flags)) wk__tensor_destroy_here(g);
}

/* Are nodes good for nothing behind this walk? */
static bool uses_up(const wk_walk *walk) { return !(walk->flags & (WK_RETAIN_GRAPH | WK_CREATE_GRAPH)); }

/* `plain`: nobody looks on, and nothing is retained. */
WK_INLINE bool process(wk_walk *walk, wk_node *node, bool plain) {
    const bool idle = wk_unlikely(walk->may_idle) && wk__is_idle(node);
    if (wk_unlikely(idle) && wk__history_ends(node)) return wk__gradients_end(walk, node), true;
    if (wk_unlikely(node->consumed_by != 0)) return refuse_consumed(walk, node->consumed_by, node->op->name);
    const wk_tensor *changed = overwritten(node);
    if (wk_unlikely(changed != NULL)) return refuse_version(walk, node, changed);
    wk_backprop b;
    b.ctx = walk->ctx;
    b.node = node;
    b.walk = walk;
    take_pending(walk, node, &b);
    if (plain && wk_likely(node->needed_by == 0)) backprop(&b, false);
    else backprop_carefully(&b);
    for (int32_t k = 0; k < node->out_count; k++) gradient_used(b.gy[k]);
    if (wk_unlikely(node->marks & WK__LASTS)) {
        walk->may_idle = !(walk->flags & WK_CREATE_GRAPH) && walk->ctx->capture == NULL;
    } else if ((plain || uses_up(walk)) && wk_likely(!idle)) {
        wk__node_release_saved(node);
        node->consumed_by = walk->number;
    }
    if (wk_likely(walk->ctx->failure.status == WK_OK)) return true;
    wk__fail_as(walk->ctx, walk->op);
    return false;
}

/* ----------------------------------------------------------------------------------------------------- the walk --- */

wk_edge wk__edge_to(wk_tensor *t) {
    wk_edge edge = {.way = t->way};
    if (t->way.kind == WK__TO_NODE) edge.to.node = t->node;
    else edge.to.leaf = t;
    return edge;
}

/* NOTE [A failed walk] leaves nothing pending. The gradients of the leaves it touched are worth nothing: absent, and
 * marked so that an optimiser refuses to step until they are cleared. */
static void clean_up(wk_walk *walk, wk_node *newest) {
    for (wk_node *node = newest; node != NULL && node->serial > walk->floor; node = node->prev) {
        for (int32_t k = 0; k < node->out_count && walk->pending > 0; k++) {
            if (node->out[k].pending == NULL) continue;
            wk__unref(node->out[k].pending);
            node->out[k].pending = NULL;
            walk->pending--;
        }
        node->pending = 0;
        for (int32_t i = 0; i < node->in_count; i++) {
            wk_meta *meta = node->in[i].way.kind == WK__TO_LEAF ? node->in[i].to.leaf->meta : NULL;
            if (walk->targets != NULL || meta == NULL) continue;
            if ((int32_t)(meta->walk - walk->number) < 0) continue; /* neither this walk nor one inside it was there */
            meta->has_grad = false;
            meta->grad_invalid = true;
        }
    }
}

static bool sweep(wk_walk *walk, wk_node *newest) {
    for (wk_node *node = newest; node != NULL && walk->pending > 0; node = node->prev)
        if (node->pending > 0 && !process(walk, node, true)) return false;
    return true;
}

WK_NOINLINE static bool sweep_carefully(wk_walk *walk, wk_node *newest) {
    wk_capture *capture = walk->ctx->capture;
    for (wk_node *node = newest; node != NULL && walk->pending > 0; node = node->prev) {
        if (capture != NULL && node->pending > 0) capture->grad(capture, node->op);
        if (node->pending > 0 && !process(walk, node, false)) return false;
        if (walk->waits != NULL && !wk__waits_pass(walk, node->serial)) return false;
    }
    return wk__waits_pass(walk, 0);
}

/* A plan records whose gradient it is. */
WK_NOINLINE static bool sweep_captured(wk_walk *walk, wk_node *newest) {
    wk_capture *capture = walk->ctx->capture;
    for (wk_node *node = newest; node != NULL && walk->pending > 0; node = node->prev) {
        if (node->pending == 0) continue;
        capture->grad(capture, node->op);
        if (!process(walk, node, true)) return false;
    }
    return true;
}

static bool sweep_any(wk_walk *walk, wk_node *newest) {
    if (walk->careful || walk->flags != 0) return sweep_carefully(walk, newest);
    return wk_likely(walk->ctx->capture == NULL) ? sweep(walk, newest) : sweep_captured(walk, newest);
}

/* What ran with other calls of a batch is not used up (NOTE [Lasting nodes] in batch/wave.c). So a root that was
 * computed there remembers by itself that a walk has passed, and a second one is refused as elsewhere. */
WK_NOINLINE static bool pass_once(wk_walk *walk, wk_tensor *root) {
    wk_meta *meta = wk__tensor_meta(root);
    if (meta == NULL) return wk__out_of_memory(walk->ctx, walk->op), false;
    if (meta->walk != 0) return refuse_consumed(walk, meta->walk, "the whole of it");
    if (uses_up(walk)) meta->walk = walk->number;
    return true;
}

static bool seed(wk_walk *walk, int32_t count, wk_tensor *const *ys, wk_tensor *const *gys) {
    for (int32_t k = 0; k < count; k++) {
        if (ys[k] == NULL || gys[k] == NULL) continue;
        wk_edge edge = wk__edge_to(ys[k]);
        if (!wanted(walk, &edge) && edge.way.kind != WK__TO_CUT) continue;
        if (wk_unlikely(ys[k]->flags & WK__BATCHED) && !pass_once(walk, ys[k])) return false;
        if (!wk__deliver(walk, &edge, gys[k])) return false;
    }
    return true;
}

static wk_node *newest_of(int32_t count, wk_tensor *const *ys) {
    wk_node *newest = NULL;
    for (int32_t k = 0; k < count; k++)
        if (ys[k] != NULL && ys[k]->node != NULL && (newest == NULL || ys[k]->node->serial > newest->serial))
            newest = ys[k]->node;
    return newest;
}

/* The walk, where nothing is in its way. */
static bool walk_down(wk_walk *walk, int32_t count, wk_tensor *const *ys, wk_tensor *const *gys) {
    wk_ctx *ctx = walk->ctx;
    wk_node *newest = walk->newest = newest_of(count, ys);
    const int32_t quiet = WK__WATCH_REWRITES | WK__WATCH_CAPTURE;
    walk->careful = walk->targets != NULL || ctx->hooks != NULL || (ctx->watch & ~quiet) != 0;
    const bool marked = walk->targets == NULL ? wk__waits_begin(walk) : wk__targets_mark(walk, newest);
    if (!marked) wk__out_of_memory(ctx, walk->op);
    const bool enabled = wk_set_grad_enabled((walk->flags & WK_CREATE_GRAPH) != 0);
    const bool fine = marked && seed(walk, count, ys, gys) && sweep_any(walk, newest);
    if (wk_unlikely(ctx->outers != NULL)) (fine ? wk__outers_add_all : wk__outers_forget)(ctx);
    if (fine && walk->targets != NULL && !walk->inner && ctx->hooks != NULL) wk__hooks_of_targets(walk);
    if (!fine) clean_up(walk, newest);
    wk_set_grad_enabled(enabled);
    if (walk->targets != NULL) wk__targets_unmark(walk);
    wk__waits_end(walk);
    return ctx->failure.status == WK_OK;
}

bool wk__walk(wk_walk *walk, int32_t count, wk_tensor *const *ys, wk_tensor *const *gys) {
    wk_ctx *ctx = walk->ctx;
    if (ctx->failure.status != WK_OK) return false;
    walk->number = ++ctx->walk;
    ctx->walk_sites[walk->number % WK__WALKS] = (struct wk_site){ctx->at_file, ctx->at_line};
    walk->outer = ctx->walking;
    const bool interrupts = walk->outer != NULL && !walk->inner;
    if (interrupts && !wk__walk_interrupt(walk->outer)) return false;
    const uint8_t in_batch = wk__watch_pause(ctx, WK__WATCH_BATCH); /* in a walk nothing is put off */
    ctx->walking = walk;
    bool fine = walk_down(walk, count, ys, gys);
    ctx->walking = walk->outer;
    if (wk_unlikely(in_batch != 0)) wk__batch_goes_on(ctx);
    if (interrupts) wk__walk_resume(walk->outer);
    return fine && ctx->failure.status == WK_OK;
}
