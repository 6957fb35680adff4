/* apply.h -- one call of a row, in steps that can be used apart.
 *
 * NOTE [Steps of a call]. wk__apply is these five, one after the other:
 *
 *     check      are the inputs usable, which gradients will be needed, what will they read
 *     declare    the row's shape rule: outputs with shape and type, from the inputs' arrays, never from values
 *     fill       the row's forward; a view has nothing to fill
 *     record     a node on the tape, the history of the outputs
 *     give       the outputs go to the innermost scope
 *
 * `declare` also finds the outputs a place for their elements, unless c->later says that somebody else will
 * (wk__tensor_promise). Whoever stops on the way lets go of the outputs by wk__call_abandon. */
#ifndef WK_GRAD_APPLY_H
#define WK_GRAD_APPLY_H

#include "grad/tape.h"

/* False, recorded, when an input is missing, gone, or of another context. Sets needs_grad and reads. */
bool wk__call_check(wk_call *c);

/* False when the rule refuses (recorded), or when the call is to start again with other types (c->retype). */
static inline bool wk__call_declare(wk_call *c) { return c->op->shape(c); }

/* False, recorded, when forward fails: an index out of range, no scratch memory. */
static inline bool wk__call_fill(wk_call *c) {
    if (!(c->out[0]->flags & WK__VIEW)) c->op->forward(c);
    return wk_likely(c->ctx->failure.status == WK_OK);
}

/* Is this call to be recorded? */
static inline bool wk__call_records(const wk_call *c) {
    return c->needs_grad && c->ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
}

/* Records the call if it is to be. False, recorded as a failure, when memory is out. */
static inline bool wk__call_record(wk_call *c) {
    return !wk__call_records(c) || wk_likely(wk__tape_record(c)) || wk__refuse_no_memory(c);
}

/* False, recorded, when memory is out; then the scope keeps the outputs that it has got, and the others are gone. */
bool wk__call_give(wk_call *c);

/* batch/usual.c: may the open batch put the call off? True: it has, or it failed (recorded, no outputs). */
bool wk__batch_takes(wk_call *c);

/* And after a call that it has not: the next may be put off again, if the batch is still open. */
void wk__batch_goes_on(wk_ctx *ctx);

/* Lets go of the outputs; returns NULL for the caller to return. */
wk_tensor *wk__call_abandon(wk_call *c);

#endif
