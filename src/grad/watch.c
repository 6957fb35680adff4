/* watch.c -- see watch.h. */
#include "grad/watch.h"

#include <math.h>
#include <stdio.h>

#include "grad/scope.h"

/* In a plan's step. */
static const char BEFORE[] = "elements have no values yet; set it before the run";

/* ----------------------------------------------------------------------------------------------------- op hooks --- */

void wk_set_op_hook(wk_op_hook_fn *hook, void *user) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL || wk__capture_refuses(ctx, "set_op_hook", BEFORE)) return;
    ctx->op_hook = hook;
    ctx->op_hook_user = user;
    ctx->watch &= (uint8_t)~WK__WATCH_OPS;
    if (hook != NULL) ctx->watch |= WK__WATCH_OPS;
}

/* What the hook calls is not reported, and what it sets stays. */
static void report(wk_ctx *ctx, wk_op_event event) {
    if (!(ctx->watch & WK__WATCH_OPS)) return;
    event.size = sizeof event;
    ctx->watch &= (uint8_t)~WK__WATCH_OPS;
    const wk_guest guest = wk__guest_begins(ctx);
    ctx->op_hook(ctx->op_hook_user, &event);
    wk__guest_ends(ctx, guest, "op_hook");
    if (ctx->op_hook != NULL) ctx->watch |= WK__WATCH_OPS;
}

/* ---------------------------------------------------------------------------------------------------- anomalies --- */

bool wk_set_anomaly(bool enabled) {
    wk_ctx *ctx = wk__ctx();
    if (ctx == NULL || wk__capture_refuses(ctx, "set_anomaly", BEFORE)) return false;
    const bool was = (ctx->watch & WK__WATCH_ANOMALY) != 0;
    ctx->watch &= (uint8_t)~WK__WATCH_ANOMALY;
    if (enabled) ctx->watch |= WK__WATCH_ANOMALY;
    return was;
}

static double element(const wk_array *a, const int64_t *index) {
    const void *at = wk__array_at(a, wk__offset_of(a, index));
    return a->dtype == WK_F32 ? (double)*(const float *)at : *(const double *)at;
}

/* The first element that is NaN or infinite; false when there is none. */
static bool find(const wk_array *a, int64_t *index, double *value) {
    for (int32_t d = 0; d < a->ndim; d++) index[d] = 0;
    for (int64_t e = 0; wk__dtype_is_float[a->dtype] && e < a->numel; e++) {
        *value = element(a, index);
        if (!isfinite(*value)) return true;
        wk__next_index(a->ndim, a->dims, index);
    }
    return false;
}

static const char *number_text(double value) { return isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf"; }

/* "; x (2,3) is finite, w (3) has NaN": so that one sees where it began. */
static void tell_inputs(const wk_call *c, char *text, size_t nbytes) {
    wk_writer w = wk__writer(text, nbytes);
    for (int32_t i = 0; i < c->in_count && i < WK__MAX_FIXED_INPUTS; i++) {
        int64_t index[WK_MAX_DIMS];
        double value = 0;
        char name[24];
        wk_shape_text shape;
        if (c->in[i] == NULL) continue;
        const bool bad = find(&c->in[i]->a, index, &value);
        wk__write(&w, "%s%s %s %s%s", w.used == 0 ? "; " : ", ", wk__input_name(c->op, i, name, sizeof name),
                  wk__dims_text(&shape, c->in[i]), bad ? "has " : "is finite", bad ? number_text(value) : "");
    }
}

static bool outputs_finite(const wk_call *c) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        int64_t index[WK_MAX_DIMS];
        double value;
        char inputs[256];
        wk_shape_text shape, at;
        const wk_tensor *y = c->out[k];
        if (!find(&y->a, index, &value)) continue;
        tell_inputs(c, inputs, sizeof inputs);
        wk__fail(c->ctx, WK_ENAN, c->op->name, "output %s has %s at %s%s", wk__dims_text(&shape, y), number_text(value),
                 wk__index_text(&at, y->a.ndim, index), inputs);
        return false;
    }
    return true;
}

/* Where the gradient along this edge has gathered: that of a view, with the rest of its base's. */
static const wk_tensor *gathered(const wk_walk *walk, const wk_edge *edge) {
    const wk_target *target = wk__edge_target(walk, edge);
    if (target != NULL && target->result != NULL) return target->result;
    if (edge->way.kind == WK__TO_LEAF) {
        const wk_wait *wait = wk__wait_of(walk, edge->to.leaf);
        if (wait != NULL) return wait->pending;
        return edge->to.leaf->meta != NULL ? edge->to.leaf->meta->grad : NULL;
    }
    if (edge->way.kind != WK__TO_NODE) return NULL;
    const wk_node *node = edge->to.node;
    const wk_tensor *pending = node->out[edge->way.output].pending;
    return pending != NULL || node->op->view == NULL ? pending : gathered(walk, &node->in[0]);
}

static void check_gradients(const wk_backprop *b) {
    const wk_node *node = b->node;
    const struct wk_site *site = wk__node_site(node);
    for (int32_t i = 0; i < node->in_count; i++) {
        int64_t index[WK_MAX_DIMS];
        double value;
        char name[24], where[80] = "";
        wk_shape_text shape, at;
        const wk_tensor *g = node->in[i].wanted ? gathered(b->walk, &node->in[i]) : NULL;
        if (g == NULL || !find(&g->a, index, &value)) continue;
        if (site != NULL)
            snprintf(where, sizeof where, " (called at %s:%d)", wk__path_end(site->file, 56), (int)site->line);
        wk__fail(b->ctx, WK_ENAN, b->walk->op, "the gradient of %s%s with respect to %s %s has %s at %s",
                 node->op->name, where, wk__input_name(node->op, i, name, sizeof name), wk__dims_text(&shape, g),
                 number_text(value), wk__index_text(&at, g->a.ndim, index));
        return;
    }
}

/* ------------------------------------------------------------------------------------------------- both of them --- */

void wk__watch_begins(wk_call *c) {
    if (c->ctx->watch & WK__WATCH_READS) wk__reads_collect(c);
    report(c->ctx, (wk_op_event){.kind = WK_OP_BEGINS, .input_count = c->in_count, .op = c->op->name, .inputs = c->in});
}

bool wk__watch_ends(wk_call *c, bool fine) {
    if (fine && (c->ctx->watch & WK__WATCH_ANOMALY)) fine = outputs_finite(c);
    report(c->ctx, (wk_op_event){.kind = WK_OP_ENDS, .input_count = c->in_count, .op = c->op->name, .inputs = c->in,
                                 .output_count = fine ? c->op->out_count : 0, .outputs = c->out});
    return fine && c->ctx->failure.status == WK_OK;
}

uint8_t wk__watch_grad_begins(wk_backprop *b) {
    report(b->ctx, (wk_op_event){.kind = WK_OP_GRAD_BEGINS, .op = b->node->op->name, .outputs = b->gy,
                                 .output_count = b->node->out_count});
    return wk__watch_pause(b->ctx, WK__WATCH_ANOMALY);
}

void wk__watch_grad_ends(wk_backprop *b, uint8_t watch) {
    wk__watch_resume(b->ctx, watch);
    if (watch != 0 && b->ctx->failure.status == WK_OK) check_gradients(b);
    report(b->ctx, (wk_op_event){.kind = WK_OP_GRAD_ENDS, .op = b->node->op->name, .outputs = b->gy,
                                 .output_count = b->node->out_count});
}
