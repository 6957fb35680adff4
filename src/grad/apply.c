/* apply.c -- one call of a row: check, shape, memory, forward, record. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grad/scope.h"

/* ----------------------------------------------------------------------------------------- help for shape rules --- */

static bool out_of_memory(wk_call *c) { return wk__refuse(c, WK_ENOMEM, "out of memory"); }

/* The view function writes straight into the new handle. */
bool wk__declare_view(wk_call *c, bool *declared) {
    wk_tensor *x = c->in[0], *y = wk__view_new(c->ctx);
    if (wk_unlikely(y == NULL)) return out_of_memory(c);
    *declared = c->op->view(c->attrs, &x->a, &y->a);
    if (wk_likely(*declared)) {
        wk__tensor_share(y, x);
        c->out[0] = y;
    } else {
        wk__use_own_storage(y, NULL);
        wk__unref(y);
    }
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

/* The name of input i in the row's manual: the i-th word of in_names, or the last for variadic rows. */
static const char *input_name(const wk_op *op, int32_t i, char *buffer, size_t nbytes) {
    const char *name = op->in_names != NULL ? op->in_names : "x";
    for (const char *next; i > 0 && (next = strchr(name, ' ')) != NULL; i--) name = next + 1;
    snprintf(buffer, nbytes, "%.*s", (int)strcspn(name, " "), name);
    return buffer;
}

WK_NOINLINE bool wk__check_float_slow(wk_call *c) {
    const wk_tensor *first = c->in[0];
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL || (wk__dtype_is_float[x->a.dtype] && x->a.dtype == first->a.dtype)) continue;
        char name[24], other[24];
        input_name(c->op, i, name, sizeof name);
        if (!wk__dtype_is_float[x->a.dtype])
            return wk__refuse(c, WK_EDTYPE, "%s has type %s, not a floating one", name, wk_dtype_name(x->a.dtype));
        return wk__refuse(c, WK_EDTYPE, "%s has type %s and %s has %s", input_name(c->op, 0, other, sizeof other),
                          wk_dtype_name(first->a.dtype), name, wk_dtype_name(x->a.dtype));
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------------- inputs --- */

WK_NOINLINE static bool refuse_input(wk_call *c, int32_t i) {
    char name[24];
    wk__usable(c->ctx, c->in[i], c->op->name, input_name(c->op, i, name, sizeof name));
    return false;
}

/* Variadic rows read no input and no output in their gradients. */
WK_NOINLINE static bool check_list(wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL || x->live != WK__LIVE || x->ctx != c->ctx) return refuse_input(c, i);
        c->needs_grad |= wk__needs_grad(x);
    }
    return true;
}

/* Are all inputs there, alive and of this context? Finds out what the gradients that they need will read. */
static inline bool check_inputs(wk_call *c) {
    const wk_op *op = c->op;
    uint32_t reads = 0;
    bool needs_grad = false;
    if (wk_unlikely(op->in_count == WK__ANY_NUMBER)) return check_list(c);
    for (int32_t i = 0; i < op->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL && (op->optional >> i & 1)) continue;
        if (wk_unlikely(x == NULL || x->live != WK__LIVE || x->ctx != c->ctx)) return refuse_input(c, i);
        if (!wk__needs_grad(x)) continue;
        needs_grad = true;
        reads |= op->reads[i];
    }
    c->needs_grad = needs_grad;
    c->reads = reads;
    return true;
}

/* Is this call to be recorded? */
static bool records(const wk_call *c) {
    return c->needs_grad && c->ctx->grad_enabled && !(c->op->flags & WK__OP_NO_GRAD);
}

/* NOTE [Stale views]. A recorded write in place gives the storage a new history. A view made before it still carries
 * the old one, or none, and a gradient through it would be silently wrong. */
WK_NOINLINE static bool no_stale_view(wk_call *c) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL || wk_likely(x->epoch == x->storage->epoch)) continue;
        char name[24];
        return wk__refuse(c, WK_EVERSION, "%s shares memory that %s wrote after it was made: take the view again",
                          input_name(c->op, i, name, sizeof name),
                          x->storage->writer != NULL ? x->storage->writer->name : "the user");
    }
    return true;
}

static inline bool check_stale(wk_call *c) {
    return wk_likely(!c->ctx->rewrites) || !c->ctx->grad_enabled || no_stale_view(c);
}

/* A write in place that would lose a gradient is refused here, before anything is written. */
static bool check_in_place(wk_call *c) {
    const wk_tensor *y = c->in[0];
    if (!wk__array_is_injective(&y->a))
        return wk__refuse(c, WK_EINVAL, "elements of an expanded tensor overlap and cannot be written in place");
    if (!records(c)) return true;
    if (y->way.kind == WK__TO_LEAF || y->way.kind == WK__TO_CUT)
        return wk__refuse(c, WK_EGRAD, "%s is a leaf that requires a gradient: write it under WK_NO_GRAD",
                          y->meta != NULL && y->meta->name[0] != '\0' ? y->meta->name : "the tensor");
    if (y->flags & WK__VIEW)
        return wk__refuse(c, WK_EGRAD,
                          "a recorded write into a view would lose its gradient: collect the parts with wk_stack");
    return true;
}

/* ------------------------------------------------------------------------------------------------------ outputs --- */

/* Releases what was declared; returns NULL for the caller to return. */
static wk_tensor *abandon(wk_call *c) {
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) {
        wk__unref(c->out[k]);
        c->out[k] = NULL;
    }
    return NULL;
}

/* The outputs go to the innermost scope. When that fails for one, those given before stay with the scope. */
static bool give_outputs(wk_call *c) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        if (wk_likely(wk__give_to_scope(c->out[k]) != NULL)) continue;
        for (int32_t j = k + 1; j < c->op->out_count; j++) wk__unref(c->out[j]);
        return out_of_memory(c);
    }
    return true;
}

static void write_outputs(const wk_call *c, wk_tensor **outs) {
    for (int32_t k = 0; k < c->op->out_count; k++) outs[k] = c->out[k];
}

static wk_tensor *apply_in_place(wk_call *c) {
    wk_tensor *y = c->in[0];
    const bool record = records(c);
    if (!check_in_place(c) || !c->op->shape(c) || !check_stale(c)) return NULL;
    c->out[0] = y;
    wk_node *const last = c->ctx->tape.last, *const node = y->node;
    const wk_way way = y->way;
    if (record && !wk__tape_record(c)) return out_of_memory(c), NULL;
    c->op->forward(c);
    if (wk_unlikely(c->ctx->failure.status != WK_OK)) { /* nothing was written, so nothing happened */
        wk__tape_cut(c->ctx, last);
        y->node = node, y->way = way;
        return NULL;
    }
    wk__storage_written(y->storage, c->op);
    if (!record) return y;
    y->epoch = ++y->storage->epoch;
    c->ctx->rewrites = true;
    return wk__scope_follow(y) ? y : (out_of_memory(c), NULL);
}

wk_tensor *wk__apply(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs};
    if (wk_unlikely(outs != NULL)) write_outputs(&c, outs);
    if (wk_unlikely(!wk__ready(c.ctx) || !check_inputs(&c))) return NULL;
    if (wk_unlikely(op->flags & WK__OP_IN_PLACE)) return apply_in_place(&c);

    if (wk_unlikely(!op->shape(&c) || !check_stale(&c))) return abandon(&c);
    if (!(c.out[0]->flags & WK__VIEW)) op->forward(&c);
    if (wk_unlikely(c.ctx->failure.status != WK_OK)) return abandon(&c); /* no scratch memory for forward */
    if (records(&c) && wk_unlikely(!wk__tape_record(&c))) return out_of_memory(&c), abandon(&c);
    if (wk_unlikely(!give_outputs(&c))) return NULL;
    if (wk_unlikely(outs != NULL)) write_outputs(&c, outs);
    return c.out[0];
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
