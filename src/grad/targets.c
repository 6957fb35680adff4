/* targets.c -- which part of the tape wk_grad has to walk (NOTE [Targets] in walk.h). */
#include "grad/walk.h"

static int32_t *mark_of(wk_tensor *x) {
    if (x->node != NULL) return &x->node->out[x->way.output].target;
    wk_meta *meta = wk__tensor_meta(x);
    return meta != NULL ? &meta->target : NULL;
}

wk_target *wk__edge_target(const wk_walk *walk, const wk_edge *edge) {
    int32_t mark = 0;
    if (edge->way.kind == WK__TO_NODE) mark = edge->to.node->out[edge->way.output].target;
    if (edge->way.kind >= WK__TO_LEAF && edge->to.leaf->meta != NULL) mark = edge->to.leaf->meta->target;
    return mark > 0 && mark <= walk->target_count ? &walk->targets[mark - 1] : NULL;
}

static bool leads_to_target(const wk_walk *walk, const wk_node *node) {
    for (int32_t i = 0; i < node->in_count; i++) {
        const wk_edge *edge = &node->in[i];
        if (edge->way.kind == WK__TO_NODE && edge->to.node->needed_by == walk->number) return true;
        if (wk__edge_target(walk, edge) != NULL) return true;
    }
    return false;
}

/* A node is needed when one of its inputs is a target or comes from a needed node. That goes upwards, and the tape is
 * linked downwards; so the way down is written into an array first. */
static bool mark_needed(wk_walk *walk, wk_node *newest) {
    int64_t count = 0;
    for (const wk_node *node = newest; node != NULL && node->serial > walk->floor; node = node->prev) count++;
    const int32_t size_class = wk__heap_class((size_t)count * sizeof newest);
    wk_node **nodes = wk__heap_alloc(&walk->ctx->heap, size_class);
    if (nodes == NULL) return false;
    wk_node *node = newest;
    for (int64_t i = 0; i < count; i++, node = node->prev) nodes[i] = node;
    for (int64_t i = count; i-- > 0;)
        if (leads_to_target(walk, nodes[i])) nodes[i]->needed_by = walk->number;
    wk__heap_free(&walk->ctx->heap, nodes, size_class);
    return true;
}

bool wk__targets_mark(wk_walk *walk, wk_node *newest) {
    for (int32_t i = 0; i < walk->target_count; i++) {
        int32_t *mark = mark_of(walk->targets[i].x);
        if (mark == NULL) {
            walk->target_count = i; /* only these have marks to take back */
            return false;
        }
        walk->targets[i].mark_before = *mark;
        *mark = i + 1;
    }
    return mark_needed(walk, newest);
}

/* Backwards, so that a tensor named twice gets back the mark it had before the first time. */
void wk__targets_unmark(wk_walk *walk) {
    for (int32_t i = walk->target_count; i-- > 0;) *mark_of(walk->targets[i].x) = walk->targets[i].mark_before;
}
