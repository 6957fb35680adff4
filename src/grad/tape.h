/* tape.h -- the record of what was computed: nodes, one after another, in chunks that never move.
 *
 *     chunk  +--------+--------+-------------+-----          +--------------+---
 *            | node 1 | node 2 | node 3      |  free    ...  | node 4       | free
 *            +--------+--------+-------------+-----          +--------------+---
 *     each node points to the one before it; closing a scope moves the top back to where the scope began.
 *
 * A node holds no tensor unless its gradient reads it (NOTE [Reads]); shapes of outputs are copied into it. */
#ifndef WK_GRAD_TAPE_H
#define WK_GRAD_TAPE_H

#include "grad/op.h"

/* Where a gradient goes from an input. */
typedef struct wk_edge {
    union {
        struct wk_node *node; /* TO_NODE: the op that made the input */
        wk_tensor *leaf;      /* TO_LEAF, TO_CUT: held */
        int64_t numel;        /* TO_NONE: of the input, for rows that must know where the next one begins */
    } to;
    wk_tensor *saved; /* held, when some gradient reads the input; else NULL */
    uint32_t version; /* of saved's storage when it was saved */
    wk_way way;       /* the input's when it was read */
    bool wanted;      /* this gradient is asked for: the way is not TO_NONE, or what wk_grad says */
} wk_edge;

typedef struct wk_node_output {
    wk_tensor *saved;   /* held, when some gradient reads the output */
    wk_tensor *pending; /* during a walk: the gradient so far */
    int64_t *dims;
    uint32_t version;
    int32_t ndim;
    wk_dtype dtype;
    int32_t target;     /* wk_grad: 1 + number of the target that this output is, or 0 */
} wk_node_output;

/* NOTE [Saves]. In wk_node.saves bit i stands for the value of input i, and bit WK__SAVES_OUT + k for that of output k.
 * WK__SAVES_KEPT says that wk_call.kept is there. With WK__SAVES_ANY it is not known which there are, as there may be
 * more inputs than bits. */
enum { WK__SAVES_OUT = WK__MAX_FIXED_INPUTS, WK__SAVES_KEPT = 0x4000, WK__SAVES_ANY = 0x8000 };
_Static_assert(WK__MAX_FIXED_INPUTS + WK__MAX_OUTPUTS <= 14, "NOTE [Saves]");

/* For wk_node.marks. */
enum {
    WK__HAS_SITE = 1, /* under WK_TRACE: where it was called stands at the end of the piece */
    WK__LASTS = 2,    /* several calls of a batch are one node, and the walk of one does not use up the others */
};

/* One recorded call. Behind it lie, in one piece: edges | outputs | kept | attributes | dims of the outputs | site */
typedef struct wk_node {
    const wk_op *op;
    struct wk_node *prev;
    uint64_t serial;
    wk_node_output *out;
    void *attrs;
    int32_t in_count;
    uint32_t nbytes;      /* of the whole piece */
    uint32_t consumed_by; /* the walk that used it up, or 0 */
    uint32_t needed_by;   /* wk_grad: the latest walk that has a target below */
    uint16_t saves;       /* which values it holds (NOTE [Saves]) */
    uint8_t out_count;
    uint8_t pending;      /* outputs that have a gradient in the running walk */
    bool hooked;          /* some of ctx->hooks is for the gradient of an output */
    bool holds_leaf;      /* some edge holds where it leads to */
    uint8_t alike;        /* of the call (NOTE [Alike]) */
    uint8_t marks;        /* WK__HAS_SITE, WK__LASTS */
    wk_edge in[];
} wk_node;

_Static_assert(sizeof(wk_node) == WK__LINE, "one cache line, and then the edges");

/* The place of what forward left for the gradient, when saves has WK__SAVES_KEPT. */
static inline wk_tensor **wk__node_kept(const wk_node *node) {
    return (wk_tensor **)(void *)(node->out + node->out_count);
}

/* Where a traced node was called; NULL when that is not known. */
static inline const struct wk_site *wk__node_site(const wk_node *node) {
    if (!(node->marks & WK__HAS_SITE)) return NULL;
    return (const struct wk_site *)(const void *)((const char *)node + node->nbytes) - 1;
}

/* The shape of the input behind an edge that wants a gradient. */
static inline const int64_t *wk__edge_dims(const wk_edge *edge, int32_t *ndim) {
    if (edge->way.kind != WK__TO_NODE) {
        *ndim = edge->to.leaf->a.ndim;
        return edge->to.leaf->a.dims;
    }
    *ndim = edge->to.node->out[edge->way.output].ndim;
    return edge->to.node->out[edge->way.output].dims;
}

static inline wk_dtype wk__edge_dtype(const wk_edge *edge) {
    return edge->way.kind == WK__TO_NODE ? edge->to.node->out[edge->way.output].dtype : edge->to.leaf->a.dtype;
}

/* Has g the shape and type of the input behind the edge? */
static inline bool wk__edge_fits(const wk_edge *edge, const wk_tensor *g) {
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(edge, &ndim);
    return wk__has_dims(&g->a, ndim, dims) && wk__edge_dtype(edge) == g->a.dtype;
}

static inline int64_t wk__edge_numel(const wk_edge *edge) {
    if (edge->way.kind == WK__TO_NONE) return edge->to.numel;
    int32_t ndim;
    const int64_t *dims = wk__edge_dims(edge, &ndim);
    int64_t numel = 1;
    for (int32_t d = 0; d < ndim; d++) numel *= dims[d];
    return numel;
}

/* Appends a node for a finished call, and makes it the history of its outputs. False when memory is out. */
bool wk__tape_record(wk_call *c);

/* Makes room for nbytes in one piece at the top. False when memory is out. */
bool wk__tape_grow(wk_ctx *ctx, size_t nbytes);

/* The newest node, whose piece ends at the top, gets the place of the call at its end; there is room. */
void wk__node_add_site(wk_ctx *ctx, wk_node *node);

/* Removes the nodes after `last` (NULL: all), letting go of all they hold. */
void wk__tape_cut(wk_ctx *ctx, wk_node *last);

void wk__tape_free(wk_ctx *ctx);

/* hooks.c: removes the hooks of nodes that are no longer on the tape. */
void wk__hooks_cut(wk_ctx *ctx);

/* The bits of NOTE [Saves] for inputs, and for outputs, each from bit 0 on. */
static inline uint32_t wk__saves_in(const wk_node *node) { return node->saves & ((1u << WK__SAVES_OUT) - 1); }
static inline uint32_t wk__saves_out(const wk_node *node) {
    return node->saves >> WK__SAVES_OUT & ((1u << WK__MAX_OUTPUTS) - 1);
}

static inline void wk__let_go(wk_tensor **held) {
    wk__unref(*held);
    *held = NULL;
}

/* Saves the inputs of a variadic row, which says nothing of them in `reads`. */
void wk__node_save_inputs(wk_node *node, wk_tensor *const *in);

/* Lets go of the values that a node saved. */
void wk__node_release_any(wk_node *node);
static inline void wk__node_release_saved(wk_node *node) {
    if (node->saves == 0) return;
    if (wk_unlikely(node->saves == WK__SAVES_ANY)) {
        wk__node_release_any(node);
        return;
    }
    for (uint32_t bits = wk__saves_in(node); bits != 0; bits &= bits - 1)
        wk__let_go(&node->in[__builtin_ctz(bits)].saved);
    for (uint32_t bits = wk__saves_out(node); bits != 0; bits &= bits - 1)
        wk__let_go(&node->out[__builtin_ctz(bits)].saved);
    if (wk_unlikely(node->saves & WK__SAVES_KEPT)) wk__let_go(wk__node_kept(node));
}

#endif
