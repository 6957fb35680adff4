/* apply.c -- one call of a row: check, shape, memory, forward, record. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "grad/tape.h"

/* ------------------------------------------------------------------------------------------- help for shape rules --- */

static bool out_of_memory(wk_call *c) { return wk__refuse(c, WK_ENOMEM, "out of memory"); }

bool wk__declare(wk_call *c, int32_t k, wk_dtype dtype, int32_t ndim, const int64_t *dims) {
    c->out[k] = wk__tensor_new(c->ctx, dtype, ndim, dims);
    return wk_likely(c->out[k] != NULL) || out_of_memory(c);
}

bool wk__declare_like(wk_call *c, int32_t k, const wk_tensor *x) {
    return wk__declare(c, k, x->a.dtype, x->a.ndim, x->a.dims);
}

bool wk__declare_view(wk_call *c, bool *declared) {
    wk_array view;
    *declared = c->op->view(c->attrs, &c->in[0]->a, &view);
    if (!*declared) return true;
    c->out[0] = wk__tensor_view(c->in[0], &view);
    return wk_likely(c->out[0] != NULL) || out_of_memory(c);
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

bool wk__check_float(wk_call *c) {
    const wk_dtype dtype = c->in[0]->a.dtype;
    bool fine = wk__dtype_is_float[dtype];
    for (int32_t i = 1; i < c->in_count; i++) fine &= c->in[i] == NULL || c->in[i]->a.dtype == dtype;
    return wk_likely(fine) || wk__check_float_slow(c);
}

/* --------------------------------------------------------------------------------------------------------- inputs --- */

WK_NOINLINE static bool refuse_input(wk_call *c, int32_t i) {
    char name[24];
    wk__usable(c->ctx, c->in[i], c->op->name, input_name(c->op, i, name, sizeof name));
    return false;
}

/* Are all inputs there, alive and of this context? `flags` gathers theirs. */
static bool check_inputs(wk_call *c, uint32_t *flags) {
    for (int32_t i = 0; i < c->in_count; i++) {
        const wk_tensor *x = c->in[i];
        if (x == NULL && i < WK__MAX_FIXED_INPUTS && (c->op->optional >> i & 1)) continue;
        if (wk_unlikely(x == NULL || x->live != WK__LIVE || x->ctx != c->ctx)) return refuse_input(c, i);
        *flags |= x->flags;
    }
    return true;
}

/* NOTE [Stale views]. A recorded write in place gives the storage a new history. A view made before it still carries the
 * old one, and a gradient through it would be silently wrong. */
static bool check_stale(wk_call *c) {
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

/* A write in place that would lose a gradient is refused here, before anything is written. */
static bool check_in_place(wk_call *c, uint32_t flags) {
    const wk_tensor *y = c->in[0];
    if (!wk__array_is_injective(&y->a))
        return wk__refuse(c, WK_EINVAL, "elements of an expanded tensor overlap and cannot be written in place");
    if (!c->ctx->grad_enabled || !(flags & WK__NEEDS_GRAD)) return true;
    if ((y->flags & WK__NEEDS_GRAD) && y->node == NULL)
        return wk__refuse(c, WK_EGRAD, "%s is a leaf that requires a gradient: write it under WK_NO_GRAD",
                          y->meta != NULL && y->meta->name[0] != '\0' ? y->meta->name : "the tensor");
    if (y->flags & WK__VIEW)
        return wk__refuse(c, WK_EGRAD, "a recorded write into a view would lose its gradient: collect the parts with wk_stack");
    return true;
}

/* -------------------------------------------------------------------------------------------------------- outputs --- */

static void abandon(wk_call *c) {
    for (int32_t k = 0; k < WK__MAX_OUTPUTS; k++) {
        wk__unref(c->out[k]);
        c->out[k] = NULL;
    }
}

/* Memory for what the shape rule declared; a view has its storage already. */
static bool allocate_outputs(wk_call *c, bool *fresh) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        wk_tensor *y = c->out[k];
        if (y == NULL || y->storage != NULL) continue;
        if (wk_unlikely(!wk__tensor_allocate(y))) return out_of_memory(c);
        *fresh = true;
    }
    return true;
}

/* The outputs go to the innermost scope. When that fails for one, those given before stay with the scope. */
static bool give_outputs(wk_call *c) {
    for (int32_t k = 0; k < c->op->out_count; k++) {
        if (c->out[k] == NULL) continue;
        c->out[k] = wk__give_to_scope(c->out[k]);
        if (wk_likely(c->out[k] != NULL)) continue;
        for (int32_t j = k + 1; j < c->op->out_count; j++) wk__unref(c->out[j]);
        return out_of_memory(c);
    }
    return true;
}

static wk_tensor *apply_in_place(wk_call *c, uint32_t flags) {
    wk_tensor *y = c->in[0];
    const bool record = c->ctx->grad_enabled && (flags & WK__NEEDS_GRAD) && !(c->op->flags & WK__OP_NO_GRAD);
    if (!check_in_place(c, flags) || !c->op->shape(c) || (record && !check_stale(c))) return NULL;
    c->out[0] = y;
    if (record && !wk__tape_record(c)) return out_of_memory(c), NULL;
    c->op->forward(c);
    wk__storage_written(y->storage, c->op);
    if (record) y->epoch = ++y->storage->epoch;
    return y;
}

wk_tensor *wk__apply(const wk_op *op, wk_tensor *const *in, int32_t in_count, void *attrs, wk_tensor **outs) {
    wk_call c = {.op = op, .ctx = wk__ctx(), .in = in, .in_count = in_count, .attrs = attrs};
    for (int32_t k = 0; outs != NULL && k < op->out_count; k++) outs[k] = NULL;
    uint32_t flags = 0;
    if (!wk__ready(c.ctx) || !check_inputs(&c, &flags)) return NULL;
    if (op->flags & WK__OP_IN_PLACE) return apply_in_place(&c, flags);

    const bool record = c.ctx->grad_enabled && (flags & WK__NEEDS_GRAD) && !(op->flags & WK__OP_NO_GRAD);
    bool fresh = false;
    if (wk_unlikely(!op->shape(&c) || !allocate_outputs(&c, &fresh) || (record && !check_stale(&c)))) return abandon(&c), NULL;
    if (fresh) op->forward(&c);
    if (wk_unlikely(c.ctx->failure.status != WK_OK)) return abandon(&c), NULL; /* no scratch memory for forward */
    if (record && wk_unlikely(!wk__tape_record(&c))) return out_of_memory(&c), abandon(&c), NULL;
    if (wk_unlikely(!give_outputs(&c))) return NULL;
    for (int32_t k = 0; outs != NULL && k < op->out_count; k++) outs[k] = c.out[k];
    return c.out[0];
}
