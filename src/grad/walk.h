/* walk.h -- one backward, from its roots down the tape.
 *
 * NOTE [Walk]. A walk goes down the tape from its newest root, skips nodes that no gradient reached, and stops as
 * soon as nothing is pending. It runs in a scope of its own. A plain walk records nothing and uses the rows' kernels;
 * a walk that creates graph uses vjp or compose, whose ops are recorded above the nodes being walked: chunks of the
 * tape never move.
 *
 * NOTE [Targets]. wk_grad asks for the gradients of given tensors only. Nodes that lead to a target are marked first;
 * the walk goes nowhere else and leaves the gradients of leaves alone. A row that has only `compose` is
 * differentiated the same way: its composition is recorded, and a walk inside the walk takes it down to the inputs,
 * as targets. */
#ifndef WK_GRAD_WALK_H
#define WK_GRAD_WALK_H

#include "grad/backprop.h"
#include "wick/grad.h"

/* A tensor whose gradient is asked for, and the gradient: held, NULL as long as none has come. */
typedef struct wk_target {
    wk_tensor *x, *result;
    int32_t mark_before; /* the mark of a walk outside this one */
} wk_target;

/* The gradient of a leaf that has hooks gathers here until the walk has passed the leaf's first user. */
typedef struct wk_wait {
    struct wk_wait *next;
    wk_tensor *leaf, *pending; /* held */
    uint64_t first_user;       /* its serial */
} wk_wait;

/* Gradients that were waiting in nodes when a walk was interrupted by another. */
typedef struct wk_stashed {
    wk_node *node;
    wk_tensor *pending;
    int32_t output;
} wk_stashed;

typedef struct wk_walk {
    wk_ctx *ctx;
    const char *op; /* "backward" or "grad", for messages */
    uint32_t number, flags;
    uint64_t floor;  /* nodes up to this serial are not entered */
    int64_t pending; /* gradients waiting in nodes */
    wk_target *targets;
    int32_t target_count;
    bool inner;      /* a part of the walk outside it: a composition (else, a user's call during that walk) */
    bool careful;    /* there are targets, hooks, or somebody watches */
    bool may_idle;   /* gradients may be zeros for that alone that calls ran with others (NOTE [Idle gradients]) */
    wk_wait *waits;
    struct wk_walk *outer;
    wk_node *newest;
    wk_stashed *stash;
    int64_t stash_count;
} wk_walk;

/* Walks from count tensors ys, d ys[k] being gys[k] (NULL: leave it out). On failure nothing stays pending. */
bool wk__walk(wk_walk *walk, int32_t count, wk_tensor *const *ys, wk_tensor *const *gys);

/* backward.c: walks as above and gives the gradients of walk->target_count tensors xs to the innermost scope; zeros
 * where none came. */
wk_status wk__grads(wk_walk *walk, int32_t y_count, wk_tensor *const *ys, wk_tensor *const *gys,
                    wk_tensor *const *xs, wk_tensor **out);

/* The first value that the node saved and that is not as it was, or NULL. */
const wk_tensor *wk__overwritten(const wk_node *node);

/* idle.c (NOTE [Idle gradients]). Are there only zeros waiting in a node, for which that makes a difference? */
bool wk__is_idle(const wk_node *node);

/* Can no walk pass this node? */
bool wk__history_ends(const wk_node *node);

/* What waits in the node goes. */
void wk__gradients_end(wk_walk *walk, wk_node *node);

/* Hands g to what lies behind an edge. */
bool wk__deliver(wk_walk *walk, wk_edge *edge, wk_tensor *g);

/* The edge that an op reading t would get. */
wk_edge wk__edge_to(wk_tensor *t);

/* The target that this edge leads to directly, or NULL. */
wk_target *wk__edge_target(const wk_walk *walk, const wk_edge *edge);

/* hooks.c. The gradient of a leaf (node NULL) or an output after its hooks. Takes the caller's hold on g and gives one
 * on the result. */
wk_tensor *wk__hooks_run(wk_walk *walk, const wk_tensor *leaf, const wk_node *node, int32_t output, wk_tensor *g);

/* Makes a wait for each leaf that has hooks; false when memory is out. */
bool wk__waits_begin(wk_walk *walk);
void wk__waits_end(wk_walk *walk);

/* The wait of this leaf, or NULL. */
wk_wait *wk__wait_of(const wk_walk *walk, const wk_tensor *leaf);

/* Calls the hooks of leaves whose first user has this serial or a later one, and hands on what they give. */
bool wk__waits_pass(wk_walk *walk, uint64_t serial);

/* Hands on the gradient of a leaf: slot.c. */
bool wk__deliver_to_leaf(wk_walk *walk, wk_tensor *leaf, wk_tensor *g);

/* The hooks of targets whose gradient did not pass through their node. */
void wk__hooks_of_targets(wk_walk *walk);

/* NOTE [A walk in a walk]. A hook may differentiate, even what the running walk is differentiating. What waits in
 * nodes, and the marks of targets, are the running walk's: they are taken away before and put back after. */
bool wk__walk_interrupt(wk_walk *walk);
void wk__walk_resume(wk_walk *walk);

/* log.c: backward has to use operations in place of the kernels of this row. */
void wk__log_no_kernels(wk_ctx *ctx, const wk_op *op);

/* targets.c: sets the marks of a walk (false: out of memory), and takes them back. */
bool wk__targets_mark(wk_walk *walk, wk_node *newest);
void wk__targets_unmark(wk_walk *walk);

#endif
