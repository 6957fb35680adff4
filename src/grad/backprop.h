/* backprop.h -- what a row's gradient gets to work with: one node in the middle of a walk.
 *
 * NOTE [Slots]. The gradient of an op's output gathers in the node (`pending`), the gradient of a leaf in the leaf. A
 * row's `grad` asks for the slot of an input and sets it or adds to it, as it is told; so the first contribution
 * costs no zeroing and later ones no temporary. The slot of a view is a region of the slot of what it looks at:
 *
 *     rnn -> r (1,T,H);  select(r, 1, t) -> linear     the slot of select t is row t of r's slot: T linears
 *                                                      write into one buffer, and select has nothing left to do
 *
 * Slots belong to the engine, which alone adds in place, and only to what nobody else holds. */
#ifndef WK_GRAD_BACKPROP_H
#define WK_GRAD_BACKPROP_H

#include "grad/tape.h"

typedef struct wk_backprop {
    wk_ctx *ctx;
    wk_node *node;
    /* Gradients of the outputs; NULL where none came. `grad` gets contiguous ones; a walk that creates graph, which
     * calls `vjp`, hands them on as they lie. */
    wk_tensor *gy[WK__MAX_OUTPUTS];
    struct wk_walk *walk;
} wk_backprop;

/* Does nobody else hold g, or look at its elements in a view? Only then may they be written. A gradient may be a view:
 * that of a view's gradient looks at what arrived, which may wait elsewhere as well. */
static inline bool wk__is_held_alone(const wk_tensor *g) { return g->refs == 1 && g->storage->refs == 1; }

/* Are all elements of g, which is contiguous, zeros? */
bool wk__is_zeros(const wk_array *g);

/* Does input i want a gradient? */
static inline bool wk__wants(const wk_backprop *b, int32_t i) { return b->node->in[i].wanted; }

/* The place for the gradient of input i; *add says whether to add to it or to set it. It is described in *room where no
 * tensor describes it. NULL when memory is out or the input's history is cut (recorded): the walk has failed then. */
const wk_array *wk__slot(wk_backprop *b, int32_t i, wk_array *room, bool *add);

/* The same, for the last input that a row attends to. Where every element of the gradient depends on that element of
 * gy[0] alone, and nobody else holds gy[0], the place may be gy's own: a chain of element-wise ops goes back in one
 * buffer. The row is done with gy[0] then, which is NULL; `g` still says where it lay. */
const wk_array *wk__slot_in_gy(wk_backprop *b, int32_t i, wk_array *room, bool *add);

/* Input i, a matrix (O,I), has the gradient g^T x of one row g (O) and x (I), without gaps. True: that is seen to.
 * False: it is for the row to add it to the slot (NOTE [Outer products] in outers.h). */
bool wk__collects_outer(wk_backprop *b, int32_t i, const void *g, const void *x);

/* Would it be seen to, as long as there is memory? For rows that ask before they have g. */
bool wk__may_collect_outer(const wk_backprop *b, int32_t i);

/* The gradient of input i is g itself, a contiguous tensor of the input's shape. */
void wk__pass(wk_backprop *b, int32_t i, wk_tensor *g);

/* It is gy[0], and the row is done with that. */
void wk__pass_on(wk_backprop *b, int32_t i);

/* The gradients of all inputs by way of the row's composition, for a vjp that leaves a case to it: they are handed on,
 * and gx stays empty. False when that failed (recorded). */
bool wk__backprop_composition(const wk_backprop *b);

/* The saved values that the row declared in `reads`. */
static inline const wk_array *wk__saved_in(const wk_backprop *b, int32_t i) { return &b->node->in[i].saved->a; }
static inline const wk_array *wk__saved_out(const wk_backprop *b, int32_t k) { return &b->node->out[k].saved->a; }

#endif
