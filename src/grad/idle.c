/* idle.c -- gradients of zeros, in batches.
 *
 * NOTE [Idle gradients]. Calls of a batch that ran as one are passed as one. So a walk from a loss comes to calls on
 * which the loss does not depend as well, with zeros for gradients, and from there to what those come from:
 *
 *     loss a <--- tanh of (v, u) <--+-- v
 *     loss b <---                   +-- u        backward(a): zeros arrive at u
 *
 * There it must leave things as it would have without the batch. A node that gets zeros only is not used up, as its own
 * loss may have a backward later. And where a walk is refused (the history was cut off with its scope, or used up; what
 * is needed has been overwritten), zeros end, for what they would bring is zeros.
 *
 * Only behind a node that lasts (NOTE [Lasting nodes] in batch/wave.c), so without batches nothing is looked at; and
 * not where graph is created, as what is zero may have a derivative that is not. */
#include "grad/walk.h"
#include "kernel/kernel.h"

enum { PIECE = 256 }; /* elements, after which it is worth while to stop */

/* Usually the first element says that it is not. */
bool wk__is_zeros(const wk_array *g) {
    for (int64_t i = 0, n = 1; i < g->numel; i += n, n = g->numel - i < PIECE ? g->numel - i : PIECE) {
        bool some = false;
        const wk_fibres piece = {.count = 1, .n = n, .y = &some, .x = wk__array_at(g, i), .x_along = 1};
        wk__kernels->fold_any[g->dtype](&piece);
        if (some) return false;
    }
    return true;
}

bool wk__history_ends(const wk_node *node) {
    if (node->consumed_by != 0 || wk__overwritten(node) != NULL) return true;
    for (int32_t i = 0; node->holds_leaf && i < node->in_count; i++)
        if (node->in[i].way.kind == WK__TO_CUT) return true;
    return false;
}

bool wk__is_idle(const wk_node *node) {
    if ((node->marks & WK__LASTS) && !wk__history_ends(node)) return false; /* it makes no difference */
    for (int32_t k = 0; k < node->out_count; k++)
        if (node->out[k].pending != NULL && !wk__is_zeros(&node->out[k].pending->a)) return false;
    return true;
}

void wk__gradients_end(wk_walk *walk, wk_node *node) {
    walk->pending -= node->pending;
    node->pending = 0;
    for (int32_t k = 0; k < node->out_count; k++) wk__let_go(&node->out[k].pending);
}
