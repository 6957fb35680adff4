/* slot.c -- where gradients gather (NOTE [Slots] in backprop.h). */
#include "base/capture.h"
#include "grad/outers.h"
#include "grad/walk.h"
#include "kernel/kernel.h"
#include "tensor/iterate.h"

enum { MAX_VIEW_CHAIN = 16 }; /* views of views beyond this gather by themselves */

static bool out_of_memory(wk_walk *walk) {
    wk__out_of_memory(walk->ctx, walk->op);
    return false;
}

/* Cut: the value was kept beyond its scope, but its history went with the scope. */
WK_NOINLINE static bool refuse_cut(wk_walk *walk, const wk_tensor *t) {
    wk_shape_text text;
    const char *name = t->meta != NULL ? t->meta->name : "";
    wk__fail(walk->ctx, WK_ECUT, walk->op, "%s%s%s comes from a scope that has closed: wk_detach it when you keep it",
             name[0] != '\0' ? name : "a tensor ", name[0] != '\0' ? " " : "", wk__dims_text(&text, t));
    return false;
}

static void accumulate(const wk_array *y, const wk_array *x, bool add) {
    wk__unary_rows(add ? wk__kernels->accumulate[y->dtype] : wk__kernels->copy[y->dtype], y, x);
}

/* ------------------------------------------------------------------------------------------------------- leaves --- */

/* The target that gathers what comes along this edge; NULL when its node is entered, which then gives the target its
 * share. */
static wk_target *direct_target(const wk_walk *walk, const wk_edge *edge) {
    const bool entered = edge->way.kind == WK__TO_NODE && edge->to.node->needed_by == walk->number;
    return entered ? NULL : wk__edge_target(walk, edge);
}

/* With targets, gradients gather in the target instead. */
static const wk_array *target_slot(wk_walk *walk, wk_target *target, bool *add) {
    *add = target->result != NULL;
    if (target->result == NULL)
        target->result = wk__tensor_make(walk->ctx, target->x->a.dtype, target->x->a.ndim, target->x->a.dims);
    if (target->result == NULL) return out_of_memory(walk), NULL;
    return &target->result->a;
}

/* Room for the gradient of a leaf that is no parameter, at its first gradient. */
WK_NOINLINE static bool make_room(wk_tensor *leaf) {
    wk_meta *meta = wk__tensor_meta(leaf);
    if (meta == NULL) return false;
    if (meta->grad == NULL) meta->grad = wk__tensor_make(leaf->ctx, leaf->a.dtype, leaf->a.ndim, leaf->a.dims);
    return meta->grad != NULL;
}

WK_NOINLINE static const wk_array *first_leaf_slot(wk_walk *walk, wk_tensor *leaf, bool partial, bool *add);

WK_NOINLINE static const wk_array *captured_leaf_slot(wk_walk *walk, wk_tensor *leaf, bool partial, bool *add);

/* The usual leaf has had a gradient before. */
WK_INLINE const wk_array *ready_leaf_slot(wk_walk *walk, wk_tensor *leaf, bool partial, bool *add) {
    wk_meta *meta = leaf->meta;
    if (wk_unlikely(meta == NULL || meta->grad == NULL || meta->outers != NULL || (partial && !meta->has_grad)))
        return first_leaf_slot(walk, leaf, partial, add);
    meta->walk = walk->number;
    *add = meta->has_grad;
    meta->has_grad = true;
    wk__storage_written(meta->grad->storage, NULL);
    return &meta->grad->a;
}

WK_INLINE const wk_array *leaf_slot(wk_walk *walk, wk_tensor *leaf, bool partial, bool *add) {
    if (wk_unlikely(walk->ctx->capture != NULL)) return captured_leaf_slot(walk, leaf, partial, add);
    return ready_leaf_slot(walk, leaf, partial, add);
}

WK_NOINLINE static const wk_array *captured_leaf_slot(wk_walk *walk, wk_tensor *leaf, bool partial, bool *add) {
    walk->ctx->capture->leaf(walk->ctx->capture, leaf, false);
    return ready_leaf_slot(walk, leaf, partial, add);
}

/* Where something has to be made ready, or added, before. */
WK_NOINLINE static const wk_array *first_leaf_slot(wk_walk *walk, wk_tensor *leaf, bool partial, bool *add) {
    if (!make_room(leaf)) return out_of_memory(walk), NULL;
    wk__outers_add(walk->ctx, leaf->meta);
    if (partial && !leaf->meta->has_grad) {
        wk__tensor_zero(leaf->meta->grad);
        leaf->meta->has_grad = true;
    }
    return leaf_slot(walk, leaf, partial, add);
}

/* The gradient of a leaf with hooks, which are to see what this walk brings and no more. */
static const wk_array *wait_slot(wk_walk *walk, wk_wait *wait, bool partial, bool *add) {
    const wk_array *leaf = &wait->leaf->a;
    *add = wait->pending != NULL || partial;
    if (wait->pending != NULL) return &wait->pending->a;
    wait->pending = wk__tensor_make(walk->ctx, leaf->dtype, leaf->ndim, leaf->dims);
    if (wait->pending == NULL) return out_of_memory(walk), NULL;
    if (partial) wk__tensor_zero(wait->pending);
    wait->leaf->meta->walk = walk->number;
    return &wait->pending->a;
}

bool wk__deliver_to_leaf(wk_walk *walk, wk_tensor *leaf, wk_tensor *g) {
    bool add;
    const wk_array *slot = leaf_slot(walk, leaf, false, &add);
    if (slot != NULL) accumulate(slot, &g->a, add);
    return slot != NULL;
}

/* -------------------------------------------------------------------------------------------------------- nodes --- */

/* A pending gradient that someone else holds too (an add passes one buffer to both its inputs) is copied before it is
 * written. */
static bool own_pending(wk_walk *walk, wk_node_output *out) {
    wk_tensor *shared = out->pending;
    if (wk__is_held_alone(shared)) return true;
    wk_tensor *own = wk__tensor_make(walk->ctx, out->dtype, out->ndim, out->dims);
    if (own == NULL) return out_of_memory(walk);
    wk__kernels->copy[own->a.dtype](own->a.numel, own->a.data, 1, shared->a.data, 1);
    out->pending = own;
    wk__unref(shared);
    return true;
}

static void pend(wk_walk *walk, wk_node *node, wk_node_output *out, wk_tensor *g) {
    out->pending = g;
    node->pending++;
    walk->pending++;
}

WK_APART const wk_array *node_slot(wk_walk *walk, wk_node *node, int32_t k, bool partial, bool *add) {
    wk_node_output *out = &node->out[k];
    *add = out->pending != NULL;
    if (out->pending != NULL) {
        if (!own_pending(walk, out)) return NULL;
    } else {
        wk_tensor *g = wk__tensor_make(walk->ctx, out->dtype, out->ndim, out->dims);
        if (wk_unlikely(g == NULL)) return out_of_memory(walk), NULL;
        pend(walk, node, out, g);
        if (partial) wk__tensor_zero(g);
        *add = partial;
    }
    return &out->pending->a;
}

static const wk_array *edge_slot(wk_walk *walk, wk_edge *edge, bool partial, int depth, wk_array *room, bool *add);

/* Each element of the view, which lies in a region of a slot, has a place of its own there. */
static inline bool is_region(const wk_op *view, const wk_array *room) {
    return wk_likely(!(view->flags & WK__OP_OVERLAPS)) || wk__array_is_injective(room);
}

/* Does the gradient of a view go into its base's by another way than through the view's node? Where the history ends it
 * waits in the node, which is refused, or idle. */
static inline bool leads_on(const wk_node *view) {
    return view->consumed_by == 0 && view->in[0].way.kind != WK__TO_CUT;
}

/* The slot of a view's output: the region of its base's slot. False when that region does not exist. */
static bool view_slot(wk_walk *walk, wk_node *node, int depth, wk_array *room, bool *failed) {
    wk_array base_room;
    bool add;
    if (depth >= MAX_VIEW_CHAIN) return false;
    const wk_array *base = edge_slot(walk, &node->in[0], true, depth + 1, &base_room, &add);
    *failed = base == NULL;
    return !*failed && wk__view_of(node->op, node->attrs, base, room) && is_region(node->op, room);
}

/* `partial`: only a part of the slot will be written, so it has to be zero where it is new. */
static const wk_array *edge_slot(wk_walk *walk, wk_edge *edge, bool partial, int depth, wk_array *room, bool *add) {
    wk_target *target = wk_unlikely(walk->targets != NULL) ? direct_target(walk, edge) : NULL;
    if (wk_unlikely(target != NULL)) return target_slot(walk, target, add);
    if (edge->way.kind == WK__TO_LEAF) {
        wk_wait *wait = wk_unlikely(walk->waits != NULL) ? wk__wait_of(walk, edge->to.leaf) : NULL;
        return wait != NULL ? wait_slot(walk, wait, partial, add) : leaf_slot(walk, edge->to.leaf, partial, add);
    }
    if (wk_unlikely(edge->way.kind == WK__TO_CUT)) return refuse_cut(walk, edge->to.leaf), NULL;
    wk_node *node = edge->to.node;
    if (node->op->view != NULL && walk->targets == NULL && leads_on(node) && !node->hooked) {
        bool failed = false;
        *add = true;
        if (view_slot(walk, node, depth, room, &failed)) return room;
        if (failed) return NULL;
    }
    return node_slot(walk, node, edge->way.output, partial, add);
}

/* The usual view looks at something whose gradient has begun; then its region is all there is to find. */
WK_APART const wk_array *region_slot(wk_walk *walk, wk_edge *edge, wk_array *room, bool *add) {
    const wk_node *view = edge->to.node;
    const wk_edge *base = &view->in[0];
    const bool may_have_begun = base->way.kind == WK__TO_NODE && view->consumed_by == 0;
    const wk_tensor *pending = may_have_begun ? base->to.node->out[base->way.output].pending : NULL;
    *add = true;
    if (pending != NULL && wk__is_held_alone(pending) && wk__view_of(view->op, view->attrs, &pending->a, room) &&
        is_region(view->op, room))
        return room;
    return edge_slot(walk, edge, false, 0, room, add);
}

/* In a plain walk there are three ways, and each is taken at once; edge_slot knows all the others. */
const wk_array *wk__slot(wk_backprop *b, int32_t i, wk_array *room, bool *add) {
    wk_walk *walk = b->walk;
    wk_edge *edge = &b->node->in[i];
    if (wk_unlikely(walk->careful || edge->way.kind == WK__TO_CUT))
        return edge_slot(walk, edge, false, 0, room, add);
    if (edge->way.kind == WK__TO_LEAF) return leaf_slot(walk, edge->to.leaf, false, add);
    if (edge->to.node->op->view == NULL) return node_slot(walk, edge->to.node, edge->way.output, false, add);
    return region_slot(walk, edge, room, add);
}

/* Does g, of the input's shape and held by nobody else, become what waits for the node behind the edge? */
static inline bool moves_on(const wk_walk *walk, const wk_edge *edge, const wk_tensor *g) {
    if (edge->way.kind != WK__TO_NODE || walk->careful || !wk__is_held_alone(g)) return false;
    return edge->to.node->op->view == NULL && edge->to.node->out[edge->way.output].pending == NULL;
}

const wk_array *wk__slot_in_gy(wk_backprop *b, int32_t i, wk_array *room, bool *add) {
    wk_edge *edge = &b->node->in[i];
    wk_tensor *g = b->gy[0];
    if (wk_unlikely(b->node->alike == 0 || !moves_on(b->walk, edge, g))) return wk__slot(b, i, room, add);
    pend(b->walk, edge->to.node, &edge->to.node->out[edge->way.output], g);
    b->gy[0] = NULL;
    *add = false;
    return &g->a;
}

/* ----------------------------------------------------------------------------------------------------- delivery --- */

/* A walk that creates graph adds with a recorded op; what gathers are then tensors with a history. */
static bool gather_recorded(wk_tensor **sum, wk_tensor *g) {
    wk_tensor *old = *sum, *both = wk__sum_of_gradients(old, g);
    if (both == NULL) return false;
    *sum = wk__retain(both);
    wk__unref(old);
    return true;
}

static bool deliver_recorded(wk_walk *walk, wk_edge *edge, wk_tensor *g) {
    wk_target *target = direct_target(walk, edge);
    if (target != NULL) {
        if (target->result != NULL) return gather_recorded(&target->result, g);
        target->result = wk__retain(g);
        return true;
    }
    wk_node_output *out = &edge->to.node->out[edge->way.output];
    if (out->pending != NULL) return gather_recorded(&out->pending, g);
    pend(walk, edge->to.node, out, wk__retain(g));
    return true;
}

/* A gradient that nobody adds to later is not copied: the node holds g itself. */
static bool may_hold(const wk_walk *walk, const wk_edge *edge, const wk_tensor *g) {
    if (edge->way.kind != WK__TO_NODE || walk->careful || !(g->flags & WK__CONTIGUOUS)) return false;
    return edge->to.node->op->view == NULL && edge->to.node->out[edge->way.output].pending == NULL;
}

bool wk__deliver(wk_walk *walk, wk_edge *edge, wk_tensor *g) {
    if (may_hold(walk, edge, g)) {
        pend(walk, edge->to.node, &edge->to.node->out[edge->way.output], wk__retain(g));
        return true;
    }
    const bool cut = edge->way.kind == WK__TO_CUT && wk__edge_target(walk, edge) == NULL;
    if ((walk->flags & WK_CREATE_GRAPH) && !cut) return deliver_recorded(walk, edge, g);
    wk_array room;
    bool add;
    const wk_array *slot = edge_slot(walk, edge, false, 0, &room, &add);
    if (slot == NULL) return false;
    accumulate(slot, &g->a, add);
    return true;
}

void wk__pass(wk_backprop *b, int32_t i, wk_tensor *g) { wk__deliver(b->walk, &b->node->in[i], g); }

void wk__pass_on(wk_backprop *b, int32_t i) {
    wk_edge *edge = &b->node->in[i];
    wk_tensor *g = b->gy[0];
    if (wk_unlikely(!moves_on(b->walk, edge, g))) {
        wk__deliver(b->walk, edge, g);
        return;
    }
    pend(b->walk, edge->to.node, &edge->to.node->out[edge->way.output], g);
    b->gy[0] = NULL;
}
