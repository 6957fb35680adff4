/* caller.c -- inputs in memory of the caller, who may write other numbers there before a call that was put off runs. */
#include "batch/deferral.h"
#include "grad/apply.h"
#include "wick/ops.h"

/* Which inputs are to be copied, as bits. What is the same in all calls, such as a weight, is not. */
static uint32_t inputs_to_copy(const wk_call *c) {
    uint32_t callers = 0;
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] != NULL && wk__is_there(c->in[i]) && wk__is_callers(c->in[i])) callers |= 1u << (i < 31 ? i : 31);
    const bool is_view = c->op->view != NULL; /* of what lies there: it is taken at once */
    return callers == 0 || is_view ? 0 : callers & ~wk__shared_inputs(c);
}

bool wk__copy_callers(wk_call *c, wk_tensor **own) {
    const uint32_t which = inputs_to_copy(c);
    if (which == 0) return true;
    if (c->in_count > WK__FEW_OPERANDS) return false;
    c->ctx->watch &= (uint8_t)~WK__WATCH_BATCH;
    for (int32_t i = 0; i < c->in_count; i++) own[i] = which >> i & 1 ? wk_clone(c->in[i]) : c->in[i];
    wk__batch_goes_on(c->ctx);
    c->in = own;
    return c->ctx->failure.status == WK_OK;
}
