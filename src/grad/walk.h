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

typedef struct wk_walk {
    wk_ctx *ctx;
    const char *op; /* "backward" or "grad", for messages */
    uint32_t number, flags;
    uint64_t floor;  /* nodes up to this serial are not entered */
    int64_t pending; /* gradients waiting in nodes */
    wk_target *targets;
    int32_t target_count;
} wk_walk;

/* Walks from count tensors ys, d ys[k] being gys[k] (NULL: leave it out). On failure nothing stays pending. */
bool wk__walk(wk_walk *walk, int32_t count, wk_tensor *const *ys, wk_tensor *const *gys);

/* backward.c: walks as above and gives the gradients of walk->target_count tensors xs to the innermost scope; zeros where
 * none came. */
wk_status wk__grads(wk_walk *walk, int32_t y_count, wk_tensor *const *ys, wk_tensor *const *gys,
                    wk_tensor *const *xs, wk_tensor **out);

/* Hands g to what lies behind an edge. */
bool wk__deliver(wk_walk *walk, wk_edge *edge, wk_tensor *g);

/* The edge that an op reading t would get. */
wk_edge wk__edge_to(wk_tensor *t);

/* The target that this edge leads to directly, or NULL. */
wk_target *wk__edge_target(const wk_walk *walk, const wk_edge *edge);

/* targets.c: sets the marks of a walk (false: out of memory), and takes them back. */
bool wk__targets_mark(wk_walk *walk, wk_node *newest);
void wk__targets_unmark(wk_walk *walk);

#endif
