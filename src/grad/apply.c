/* apply.c -- one call of a row (NOTE [Steps of a call] in apply.h). */
#include "grad/apply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/capture.h"
#include "grad/in_place.h"
#include "grad/record.h"
#include "grad/scope.h"
#include "grad/watch.h"

/* ----------------------------------------------------------------------------------------- help for shape rules --- */

/* The view does not exist: a tensor of nothing, which a plan that looks at the blocks of its recording may come by. */
static void take_back(wk_tensor *y) {
    y->a = (wk_array){0};
    wk__use_own_storage(y, NULL);
    wk__unref(y);
}

/* What is to get its elements later looks at nothing yet; its shape is that of the view. */
WK_NOINLINE static bool declare_view_later(wk_call *c, wk_tensor *y, bool *declared) {
    wk_array x = c->in[0]->a;
    if (x.data == NULL) x.data = y; /* an address to count from, which nobody reads */
    *declared = c->op->view(c->attrs, &x, &y->a);
    if (!*declared) return take_back(y), true;
    y->a.data = NULL;
    y->storage = NULL;
    y->live = WK__PROMISED;
    c->out[0] = y;
    return true;
}

/* The view function writes straight into the new handle. */
bool wk__declare_view(wk_call *c, bool *declared) {
    wk_tensor *x = c->in[0],
              *y = wk_likely(!c->later) ? wk__view_new(c->ctx) : wk__handle_new(c->ctx, WK__PROMISE_CLASS);
    if (wk_unlikely(y == NULL)) return wk__refuse_no_memory(c);
    if (wk_unlikely(c->later)) return declare_view_later(c, y, declared);
    *declared = wk__view_of(c->op, c->attrs, &x->a, &y->a);
    if (wk_unlikely(!*declared)) return take_back(y), true;
    wk__tensor_share(y, x);
    c->out[0] = y;
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

WK_NOINLINE bool wk__refuse_no_memory(wk_call *c) {
    wk__out_of_memory(c->ctx, c->op->name);
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

/* Shared tensors are usable though their context is another; promises are kept here, unless only shapes are asked
 * for. */
WK_NOINLINE static bool check_unusual(wk_call *c, int32_t i) {
    char name[24];
    wk__input_name(c->op, i, name, sizeof name);
    return (c->later ? wk__known : wk__usable)(c->ctx, c->in[i], c->op->name, name);
}

/* Variadic rows read no input and no output in their gradients. */
WK_NOINLINE static bool check_list(wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (wk_unlikely(x == NULL || x->live != WK__LIVE || x->ctx != c->ctx) && !check_unusual(c, i)) return false;
        c->needs_grad |= wk__needs_grad(x);
    }
    return true;
}

/* The numbers of inputs and outputs are often known to the compiler, which then makes straight code of the loops. */
WK_INLINE bool check_inputs(wk_call *c, int32_t in_count) {
    const wk_op *op = c->op;
    const wk_ctx *ctx = c->ctx;
    uint32_t reads = 0;
    bool needs_grad = false;
    for (int32_t i = 0; i < in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL && (op->optional >> i & 1)) continue;
        if (wk_unlikely(x == NULL || x->live != WK__LIVE || x->ctx != ctx) && !check_unusual(c, i)) return false;
        if (!wk__needs_grad(x)) continue;
        needs_grad = true;
        reads |= op->reads[i];
    }
    c->needs_grad = needs_grad;
    c->reads = reads;
    return true;
}

bool wk__call_check(wk_call *c) {
    return c->op->in_count == WK__ANY_NUMBER ? check_list(c) : check_inputs(c, c->op->in_count);
}

/* ------------------------------------------------------------------------------------------------------ outputs --- */

WK_NOINLINE wk_tensor *wk__call_abandon(wk_call *c) {
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) {
        wk__unref(c->out[k]);
        c->out[k] = NULL;
    }
    wk__unref(c->kept);
    c->kept = NULL;
    return NULL;
}

WK_INLINE bool give_outputs(wk_call *c, int32_t out_count) {
    for (int32_t k = 0; k < out_count; k++) {
        if (wk_likely(wk__give_to_scope(c->out[k]) != NULL)) continue;
        for (int32_t j = k + 1; j < out_count; j++) wk__unref(c->out[j]);
        return wk__refuse_no_memory(c);
    }
    return true;
}

bool wk__call_give(wk_call *c) { return give_outputs(c, c->op->out_count); }

static void write_outputs(const wk_call *c, wk_tensor **outs) {
    for (int32_t k = 0; outs != NULL && k < c->op->out_count; k++) outs[k] = c->out[k];
}

/* ------------------------------------------------------------------------------------------------------- a call --- */

/* The shape rule did not declare anything: the call is refused, or starts again with inputs that were cast
 * (NOTE [Types]). */
WK_NOINLINE static wk_tensor *undeclared(wk_call *c) {
    wk__call_abandon(c);
    return c->retype ? wk__apply_retyped(c, c->out) : NULL;
}

WK_NOINLINE static wk_tensor *unrecorded(wk_call *c) { return wk__refuse_no_memory(c), wk__call_abandon(c); }

/* A call whose inputs are in order. */
WK_INLINE wk_tensor *run(wk_call *c, int32_t in_count, int32_t out_count) {
    if (wk_unlikely(!wk__call_declare(c))) return undeclared(c);
    if (wk_unlikely(!wk__call_fill(c))) return wk__call_abandon(c);
    if (wk__call_records(c) && wk_unlikely(!wk__record(c, in_count, out_count))) return unrecorded(c);
    return wk_likely(give_outputs(c, out_count)) ? c->out[0] : NULL;
}

WK_NOINLINE static wk_tensor *run_as_it_may_be(wk_call *c) {
    return c->op->flags & WK__OP_IN_PLACE ? wk__apply_in_place(c) : run(c, c->in_count, c->op->out_count);
}

/* The same with eyes on it (watch.h). */
WK_NOINLINE static wk_tensor *run_watched(wk_call *c) {
    if ((c->ctx->watch & WK__WATCH_REWRITES) && !wk__no_stale_view(c)) return NULL;
    if (c->ctx->watch & WK__WATCH_CAPTURE) c->ctx->capture->row(c->ctx->capture, c);
    wk__watch_begins(c);
    wk_tensor *y = wk_ok() ? run_as_it_may_be(c) : NULL;
    if (wk__watch_ends(c, y != NULL)) return y;
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) c->out[k] = NULL;
    return NULL;
}

/* Nothing that this call does is put off. */
WK_NOINLINE static wk_tensor *apply_at_once(wk_call *c) {
    wk_ctx *ctx = c->ctx;
    const bool in_batch = (ctx->watch & WK__WATCH_BATCH) != 0;
    if (!wk__call_check(c)) return NULL;
    if (in_batch && (c->op->flags & WK__OP_IN_PLACE)) wk__before_write(c->in[0]);
    ctx->watch &= (uint8_t)~WK__WATCH_BATCH;
    wk_tensor *y = !wk_ok() ? NULL : ctx->watch != 0 ? run_watched(c) : run_as_it_may_be(c);
    if (in_batch) wk__batch_goes_on(ctx);
    return y;
}

/* In a batch, which may put the call off. */
WK_APART wk_tensor *apply_watched(wk_call *c) {
    if ((c->ctx->watch & WK__WATCH_BATCH) && wk__batch_takes(c)) return c->out[0];
    return apply_at_once(c);
}

wk_tensor *wk__apply(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs};
    write_outputs(&c, outs);
    if (wk_unlikely(!wk__ready(c.ctx))) return NULL;
    wk_tensor *y;
    if (wk_unlikely(c.ctx->watch != 0))
        y = apply_watched(&c);
    else if (wk_unlikely(!wk__call_check(&c)))
        y = NULL;
    else y = op->flags & WK__OP_IN_PLACE ? wk__apply_in_place(&c) : run(&c, in_count, op->out_count);
    if (y != NULL) write_outputs(&c, outs);
    return y;
}

/* The same with one output and a number of inputs that the compiler knows. */
WK_INLINE wk_tensor *apply_few(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs};
    if (wk_unlikely(!wk__ready(c.ctx))) return NULL;
    if (wk_unlikely(c.ctx->watch != 0)) return apply_watched(&c);
    if (wk_unlikely(!check_inputs(&c, in_count))) return NULL;
    return op->flags & WK__OP_IN_PLACE ? wk__apply_in_place(&c) : run(&c, in_count, 1);
}

wk_tensor *wk__apply1(const wk_op *op, wk_tensor *x, void *attrs) {
    return apply_few(op, (wk_tensor *const[]){x}, 1, attrs);
}

wk_tensor *wk__apply2(const wk_op *op, wk_tensor *a, wk_tensor *b, void *attrs) {
    return apply_few(op, (wk_tensor *const[]){a, b}, 2, attrs);
}

wk_tensor *wk__apply3(const wk_op *op, wk_tensor *a, wk_tensor *b, wk_tensor *c, void *attrs) {
    return apply_few(op, (wk_tensor *const[]){a, b, c}, 3, attrs);
}

wk_tensor *wk__compose(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs, .later = true};
    write_outputs(&c, outs);
    if (!wk__ready(c.ctx)) return NULL;
    if (wk_unlikely(c.ctx->watch & WK__WATCH_BATCH) && wk__batch_takes(&c)) {
        write_outputs(&c, outs);
        return c.out[0];
    }
    if (!wk__call_check(&c)) return NULL;
    if (!op->shape(&c)) return c.retype ? wk__apply_retyped(&c, outs) : NULL;
    WK_SCOPE;
    op->compose(&c);
    if (wk_unlikely(c.ctx->failure.status != WK_OK)) wk__fail_as(c.ctx, op->name);
    for (int32_t k = 0; k < op->out_count; k++) c.out[k] = wk_yield(c.out[k]);
    write_outputs(&c, outs);
    return c.out[0];
}
