/* graph.c -- the graph of the innermost scope, to count, compare, look at and draw. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grad/tape.h"
#include "wick/grad.h"

/* The newest node before the innermost scope's part of the tape. */
static const wk_node *before_scope(const wk_ctx *ctx) { return ctx->frames[ctx->depth].last_node; }

int64_t wk_graph_size(void) {
    const wk_ctx *ctx = wk__ctx();
    int64_t count = 0;
    if (ctx == NULL) return 0;
    for (const wk_node *node = ctx->tape.last, *end = before_scope(ctx); node != end; node = node->prev) count++;
    return count;
}

/* ---------------------------------------------------------------------------------------------------- signature --- */

/* FNV-1a over 64-bit words, with a shift so that high bits reach low ones. */
static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text) {
    for (; *text != '\0'; text++) hash = mix(hash, (unsigned char)*text);
    return hash;
}

/* Connections count as distances on the tape, so the same program gives the same number wherever its part lies. */
static uint64_t mix_node(uint64_t hash, const wk_node *node) {
    hash = mix_text(hash, node->op->name);
    for (int32_t i = 0; i < node->in_count; i++) {
        const wk_edge *edge = &node->in[i];
        hash = mix(hash, edge->way.kind + 8u * edge->way.output);
        if (edge->way.kind == WK__TO_NODE) hash = mix(hash, node->serial - edge->to.node->serial);
    }
    for (int32_t k = 0; k < node->out_count; k++) {
        hash = mix(hash, (uint64_t)node->out[k].ndim);
        for (int32_t d = 0; d < node->out[k].ndim; d++) hash = mix(hash, (uint64_t)node->out[k].dims[d]);
    }
    return hash;
}

uint64_t wk_graph_signature(void) {
    const wk_ctx *ctx = wk__ctx();
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (ctx == NULL) return hash;
    for (const wk_node *node = ctx->tape.last, *end = before_scope(ctx); node != end; node = node->prev)
        hash = mix_node(hash, node);
    return hash;
}

/* --------------------------------------------------------------------------------------------------------- copy --- */

enum { TEXT_NBYTES = 64 };

/* What is worth telling of a node, with room for its texts. */
typedef struct entry {
    wk_graph_node node;
    const void *source; /* the wk_node or the leaf it was copied from, while copying */
    int64_t first_input;
    char op[32], name[WK__NAME_NBYTES], detail[TEXT_NBYTES];
} entry;

struct wk_graph {
    entry *entries;
    int64_t *inputs;
    int64_t count, input_count;
};

void wk_graph_free(wk_graph *graph) {
    if (graph == NULL) return;
    free(graph->entries);
    free(graph->inputs);
    free(graph);
}

/* "dim=1, index=3" */
static void describe(const wk_node *node, char *text, size_t nbytes) {
    wk_writer w = wk__writer(text, nbytes);
    for (int32_t f = 0; f < node->op->field_count; f++) {
        const wk_attr_field *field = &node->op->fields[f];
        if (!wk__is_whole(field->kind) && field->kind != 'f') continue;
        wk__write(&w, w.used > 0 ? ", %s=" : "%s=", field->name);
        wk__write_attr(&w, field, node->attrs);
    }
}

static void set_dims(wk_graph_node *node, int32_t ndim, const int64_t *dims) {
    node->ndim = ndim;
    for (int32_t d = 0; d < ndim; d++) node->dims[d] = dims[d];
}

static void copy_node(entry *e, const wk_node *node) {
    memset(e, 0, sizeof *e);
    e->source = node;
    e->node.kind = WK_NODE_OP;
    snprintf(e->op, sizeof e->op, "%s", node->op->name);
    describe(node, e->detail, sizeof e->detail);
    set_dims(&e->node, node->out[0].ndim, node->out[0].dims);
    e->node.steps = node->op->steps != NULL ? node->op->steps(node) : 0;
}

static void copy_leaf(entry *e, const wk_tensor *leaf) {
    memset(e, 0, sizeof *e);
    e->source = leaf;
    e->node.kind = WK_NODE_LEAF;
    snprintf(e->op, sizeof e->op, "leaf");
    snprintf(e->name, sizeof e->name, "%s", leaf->meta != NULL ? leaf->meta->name : "");
    set_dims(&e->node, leaf->a.ndim, leaf->a.dims);
}

/* Counts nodes and edges of the innermost scope. */
static void measure(const wk_ctx *ctx, int64_t *nodes, int64_t *edges) {
    *nodes = *edges = 0;
    for (const wk_node *node = ctx->tape.last, *end = before_scope(ctx); node != end; node = node->prev) {
        ++*nodes;
        for (int32_t i = 0; i < node->in_count; i++) *edges += node->in[i].way.kind != WK__TO_NONE;
    }
}

/* The number of what was copied from `source`, or -1. Looks at the newest first: most edges are short. */
static int64_t number_of(const wk_graph *graph, const void *source) {
    for (int64_t i = graph->count; i-- > 0;)
        if (graph->entries[i].source == source) return i;
    return -1;
}

static int64_t leaf_number(wk_graph *graph, const wk_tensor *leaf) {
    const int64_t known = number_of(graph, leaf);
    if (known >= 0) return known;
    copy_leaf(&graph->entries[graph->count], leaf);
    return graph->count++;
}

/* Appends a node after its leaves. What lies outside the scope is not part of the graph. */
static void append(wk_graph *graph, const wk_node *node) {
    const int64_t first = graph->input_count;
    for (int32_t i = 0; i < node->in_count; i++) {
        const wk_edge *edge = &node->in[i];
        int64_t number = -1;
        if (edge->way.kind == WK__TO_NODE) number = number_of(graph, edge->to.node);
        if (edge->way.kind == WK__TO_LEAF) number = leaf_number(graph, edge->to.leaf);
        if (number >= 0) graph->inputs[graph->input_count++] = number;
    }
    entry *e = &graph->entries[graph->count++];
    copy_node(e, node);
    e->first_input = first;
    e->node.input_count = (int32_t)(graph->input_count - first);
}

static bool fill(wk_graph *graph, const wk_ctx *ctx) {
    int64_t nodes, edges;
    measure(ctx, &nodes, &edges);
    const wk_node **order = malloc((size_t)(nodes + 1) * sizeof *order);
    graph->entries = malloc((size_t)(nodes + edges + 1) * sizeof *graph->entries);
    graph->inputs = malloc((size_t)(edges + 1) * sizeof *graph->inputs);
    const bool fine = order != NULL && graph->entries != NULL && graph->inputs != NULL;
    int64_t i = nodes;
    for (const wk_node *node = ctx->tape.last; fine && i > 0; node = node->prev) order[--i] = node;
    for (i = 0; fine && i < nodes; i++) append(graph, order[i]);
    free(order);
    return fine;
}

wk_graph *wk_graph_copy(void) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return NULL;
    wk_graph *graph = calloc(1, sizeof *graph);
    if (graph != NULL && fill(graph, ctx)) return graph;
    wk_graph_free(graph);
    wk__out_of_memory(ctx, "graph_copy");
    return NULL;
}

int64_t wk_graph_node_count(const wk_graph *graph) { return graph != NULL ? graph->count : 0; }

wk_status wk_graph_node_at(const wk_graph *graph, int64_t index, wk_graph_node *node) {
    if (graph == NULL || node == NULL || index < 0 || index >= graph->count) return WK_EINDEX;
    const entry *e = &graph->entries[index];
    *node = e->node;
    node->op = e->op;
    node->name = e->name;
    node->detail = e->detail;
    node->inputs = graph->inputs + e->first_input;
    return WK_OK;
}
