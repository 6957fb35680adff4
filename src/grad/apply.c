/* apply.c -- one call of a row (NOTE [Steps of a call] in apply.h). */
#include "grad/apply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grad/in_place.h"
#include "grad/scope.h"
#include "grad/watch.h"

/* ----------------------------------------------------------------------------------------- help for shape rules --- */

static bool out_of_memory(wk_call *c) { return wk__refuse(c, WK_ENOMEM, "out of memory"); }

/* What is to get its elements later looks at nothing yet; its shape is that of the view. */
WK_NOINLINE static bool declare_later(wk_call *c, wk_tensor *y) {
    wk_array x = c->in[0]->a;
    if (x.data == NULL) x.data = y; /* an address to count from, which nobody reads */
    const bool declared = c->op->view(c->attrs, &x, &y->a);
    wk__use_own_storage(y, NULL);
    y->live = WK__PROMISED;
    return declared;
}

/* The view function writes straight into the new handle. */
bool wk__declare_view(wk_call *c, bool *declared) {
    wk_tensor *x = c->in[0], *y = wk__view_new(c->ctx);
    if (wk_unlikely(y == NULL)) return out_of_memory(c);
    *declared = wk_likely(!c->later) ? c->op->view(c->attrs, &x->a, &y->a) : declare_later(c, y);
    if (wk_likely(*declared && !c->later))
        wk__tensor_share(y, x);
    else if (!*declared && !c->later)
        wk__use_own_storage(y, NULL);
    if (wk_likely(*declared))
        c->out[0] = y;
    else
        wk__unref(y);
    return true;
}

WK_NOINLINE bool wk__refuse(wk_call *c, wk_status status, const char *format, ...) {
    char message[sizeof c->ctx->failure.message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    wk__fail(c->ctx, status, c->op->name, "%s", message);
    return false;
}

/* The i-th word of in_names, or the last for variadic rows. */
const char *wk__input_name(const wk_op *op, int32_t i, char *buffer, size_t nbytes) {
    const char *name = op->in_names != NULL ? op->in_names : "x";
    for (const char *next; i > 0 && (next = strchr(name, ' ')) != NULL; i--) name = next + 1;
    snprintf(buffer, nbytes, "%.*s", (int)strcspn(name, " "), name);
    return buffer;
}

/* ------------------------------------------------------------------------------------------------------- inputs --- */

WK_NOINLINE static bool refuse_input(wk_call *c, int32_t i) {
    char name[24];
    wk__usable(c->ctx, c->in[i], c->op->name, wk__input_name(c->op, i, name, sizeof name));
    return false;
}

/* Variadic rows read no input and no output in their gradients. */
WK_NOINLINE static bool check_list(wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL || x->live != WK__LIVE || (x->ctx != c->ctx && !wk__is_shared(x))) return refuse_input(c, i);
        c->needs_grad |= wk__needs_grad(x);
    }
    return true;
}

static inline bool check_inputs(wk_call *c) {
    const wk_op *op = c->op;
    uint32_t reads = 0;
    bool needs_grad = false;
    if (wk_unlikely(op->in_count == WK__ANY_NUMBER)) return check_list(c);
    for (int32_t i = 0; i < op->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL && (op->optional >> i & 1)) continue;
        if (wk_unlikely(x == NULL || x->live != WK__LIVE || x->ctx != c->ctx) && !wk__is_shared(x))
            return refuse_input(c, i);
        if (!wk__needs_grad(x)) continue;
        needs_grad = true;
        reads |= op->reads[i];
    }
    c->needs_grad = needs_grad;
    c->reads = reads;
    return true;
}

bool wk__call_check(wk_call *c) { return check_inputs(c); }

/* ------------------------------------------------------------------------------------------------------ outputs --- */

wk_tensor *wk__call_abandon(wk_call *c) {
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) {
        wk__unref(c->out[k]);
        c->out[k] = NULL;
    }
    return NULL;
}

static inline bool give_outputs(wk_call *c) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        if (wk_likely(wk__give_to_scope(c->out[k]) != NULL)) continue;
        for (int32_t j = k + 1; j < c->op->out_count; j++) wk__unref(c->out[j]);
        return out_of_memory(c);
    }
    return true;
}

bool wk__call_give(wk_call *c) { return give_outputs(c); }

static void write_outputs(const wk_call *c, wk_tensor **outs) {
    for (int32_t k = 0; k < c->op->out_count; k++) outs[k] = c->out[k];
}

/* The call starts again with inputs that were cast (NOTE [Types]). */
WK_NOINLINE static wk_tensor *run_retyped(wk_call *c, wk_tensor **outs) {
    wk__apply_retyped(c, c->out);
    if (outs != NULL) write_outputs(c, outs);
    return c->out[0];
}

/* A call whose inputs are in order. */
static inline wk_tensor *run(wk_call *c, wk_tensor **outs) {
    if (wk_unlikely(c->op->flags & WK__OP_IN_PLACE)) {
        wk_tensor *y = wk__apply_in_place(c);
        if (outs != NULL) outs[0] = y;
        return y;
    }
    if (wk_unlikely(!wk__call_declare(c))) return wk__call_abandon(c), c->retype ? run_retyped(c, outs) : NULL;
    if (wk_unlikely(!wk__call_fill(c) || !wk__call_record(c))) return wk__call_abandon(c);
    if (wk_unlikely(!give_outputs(c))) return NULL;
    if (wk_unlikely(outs != NULL)) write_outputs(c, outs);
    return c->out[0];
}

/* The same with eyes on it (watch.h). */
WK_NOINLINE static wk_tensor *run_watched(wk_call *c, wk_tensor **outs) {
    if ((c->ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return NULL;
    wk__watch_begins(c);
    wk_tensor *y = wk_ok() ? run(c, outs) : NULL;
    if (wk__watch_ends(c, y != NULL)) return y;
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
    if (outs != NULL) write_outputs(c, outs);
    return NULL;
}

wk_tensor *wk__apply(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs};
    if (wk_unlikely(outs != NULL)) write_outputs(&c, outs);
    if (wk_unlikely(!wk__ready(c.ctx) || !check_inputs(&c))) return NULL;
    return wk_likely(c.ctx->watch == 0) ? run(&c, outs) : run_watched(&c, outs);
}

wk_tensor *wk__compose(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs};
    if (outs != NULL) write_outputs(&c, outs);
    if (!wk__ready(c.ctx) || !check_inputs(&c) || !op->shape(&c)) return NULL;
    WK_SCOPE;
    op->compose(attrs, in, c.out);
    for (int32_t k = 0; k < op->out_count; k++) c.out[k] = wk_yield(c.out[k]);
    if (outs != NULL) write_outputs(&c, outs);
    return c.out[0];
}
