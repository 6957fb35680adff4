/* gradcheck.c -- gradients against central differences.
 *
 * A function with several outputs becomes L = sum over outputs k and elements e of weight(k, e) f_k[e]. The weights are
 * of either sign and no two alike, so that mistakes do not cancel. A gradient of L then is a walk that begins with the
 * weights, and a difference is two evaluations. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/options.h"
#include "base/rng.h"
#include "grad/scope.h"
#include "grad/walk.h"
#include "wick/random.h"

enum { MOST = 32 }; /* inputs, and outputs */

typedef struct check {
    wk_ctx *ctx;
    const char *op; /* "gradcheck", for messages */
    wk_function *f;
    void *user;
    wk_tensor *const *in;
    int32_t in_count, out_count;
    int32_t x_count;
    wk_tensor *xs[MOST]; /* the inputs that require a gradient */
    int32_t input_of[MOST]; /* which those are */
    bool may_be_constant; /* outputs that depend on no input, as gradients of steps do, have gradients of 0 */
    wk_gradcheck_options options;
    wk_rng rng; /* where the random stream was */
} check;

/* --------------------------------------------------------------------------------------------------- evaluation --- */

static bool outputs_usable(const check *c, wk_tensor *const *out) {
    char name[32];
    for (int32_t k = 0; k < c->out_count; k++) {
        snprintf(name, sizeof name, "output %" PRId32, k);
        if (!wk__usable(c->ctx, out[k], c->op, name)) return false;
    }
    return true;
}

/* f, with the random numbers that it has each time. */
static bool evaluate(const check *c, wk_tensor **out) {
    for (int32_t k = 0; k < c->out_count; k++) out[k] = NULL;
    *c->ctx->rng = c->rng;
    const wk_guest guest = wk__guest_begins(c->ctx);
    const bool fine = c->f(c->user, c->in, out);
    wk__guest_ends(c->ctx, guest, c->op);
    *c->ctx->rng = c->rng;
    if (!wk_ok()) return false;
    if (!fine) wk__fail(c->ctx, WK_EINVAL, c->op, "the function returned false");
    return fine && outputs_usable(c, out);
}

static double weight(int32_t k, int64_t e) { return cos(3.7 * (double)e + k + 1); }

static double weighted_sum(const wk_tensor *t, int32_t k) {
    int64_t index[WK_MAX_DIMS] = {0};
    double sum = 0;
    for (int64_t e = 0; e < t->a.numel; e++, wk__next_index(t->a.ndim, t->a.dims, index))
        sum += weight(k, e) * wk_get_f64(t, index);
    return sum;
}

static double value(const check *c) {
    wk_tensor *out[MOST];
    double sum = 0;
    const wk_scope scope = wk_scope_open();
    if (evaluate(c, out))
        for (int32_t k = 0; k < c->out_count; k++) sum += weighted_sum(out[k], k);
    wk_scope_close(scope);
    return sum;
}

/* ---------------------------------------------------------------------------------------------------- gradients --- */

/* The gradient of L with respect to output k; NULL when the output has none. */
static wk_tensor *weights_like(const wk_tensor *out, int32_t k) {
    if (!wk__needs_grad(out)) return NULL;
    wk_tensor *w = wk_empty(out->a.ndim, out->a.dims, out->a.dtype);
    for (int64_t e = 0; w != NULL && e < w->a.numel; e++) {
        if (w->a.dtype == WK_F32) ((float *)w->a.data)[e] = (float)weight(k, e);
        else ((double *)w->a.data)[e] = weight(k, e);
    }
    return w;
}

static bool outputs_and_weights(const check *c, wk_tensor **out, wk_tensor **weights) {
    bool some = false;
    if (!evaluate(c, out)) return false;
    for (int32_t k = 0; k < c->out_count; k++) some |= (weights[k] = weights_like(out[k], k)) != NULL;
    if (!some && !c->may_be_constant)
        wk__fail(c->ctx, WK_EGRAD, c->op, "no output depends on an input that requires a gradient");
    return some && wk_ok();
}

static void by_grad(const check *c, wk_tensor **gradients) {
    wk_tensor *out[MOST], *weights[MOST];
    wk_walk walk = {.ctx = c->ctx, .op = c->op, .target_count = c->x_count};
    const wk_scope scope = wk_scope_open();
    if (outputs_and_weights(c, out, weights)) wk__grads(&walk, c->out_count, out, weights, c->xs, gradients);
    for (int32_t i = 0; i < c->x_count && wk_ok(); i++) wk_yield(gradients[i]);
    wk_scope_close(scope);
}

/* What a leaf's gradient was, so that a walk can begin a new one. */
typedef struct kept_gradient {
    wk_tensor *grad;
    bool has_grad, grad_invalid;
} kept_gradient;

static bool put_aside(const check *c, int32_t i, kept_gradient *kept) {
    wk_meta *meta = wk__tensor_meta(c->xs[i]);
    if (meta == NULL) return wk__out_of_memory(c->ctx, c->op), false;
    *kept = (kept_gradient){meta->grad, meta->has_grad, meta->grad_invalid};
    meta->grad = NULL;
    meta->has_grad = false;
    return true;
}

/* Gives the leaf its own gradient back, and the one that the walk found to the caller, who holds it then. */
static wk_tensor *put_back(wk_tensor *x, const kept_gradient *kept) {
    wk_meta *meta = x->meta;
    wk_tensor *found = meta->grad;
    if (!meta->has_grad) {
        wk__unref(found);
        found = NULL;
    }
    meta->grad = kept->grad;
    meta->has_grad = kept->has_grad;
    meta->grad_invalid = kept->grad_invalid;
    return found;
}

static void by_backward(const check *c, wk_tensor **gradients) {
    wk_tensor *out[MOST], *weights[MOST];
    kept_gradient kept[MOST];
    wk_walk walk = {.ctx = c->ctx, .op = c->op};
    int32_t aside = 0;
    const wk_scope scope = wk_scope_open();
    if (outputs_and_weights(c, out, weights)) {
        while (aside < c->x_count && put_aside(c, aside, &kept[aside])) aside++;
        wk__walk(&walk, c->out_count, out, weights);
        for (int32_t i = aside; i-- > 0;) gradients[i] = put_back(c->xs[i], &kept[i]);
    }
    wk_scope_close(scope);
}

/* --------------------------------------------------------------------------------------------------- comparison --- */

static const char *input_name(const check *c, int32_t i, char *buffer, size_t nbytes) {
    const char *name = wk_name(c->xs[i]);
    if (name[0] != '\0') snprintf(buffer, nbytes, "%s", name);
    else snprintf(buffer, nbytes, "input %" PRId32, c->input_of[i]);
    return buffer;
}

static void refuse(const check *c, int32_t i, const int64_t *index, const char *road, double found, double expected) {
    char name[WK__NAME_NBYTES];
    wk_shape_text text;
    wk__fail(c->ctx, WK_EDIFFERS, c->op, "the gradient of %s at %s is %.9g by %s, expected %.9g by differences",
             input_name(c, i, name, sizeof name), wk__index_text(&text, c->xs[i]->a.ndim, index), found, road,
             expected);
}

/* (L(x + eps) - L(x - eps)) / 2 eps for one element of an input, which has its value back afterwards. */
static double difference(const check *c, double *element) {
    const double middle = *element, eps = c->options.eps;
    *element = middle + eps;
    const double above = value(c);
    *element = middle - eps;
    const double below = value(c);
    *element = middle;
    return (above - below) / (2 * eps);
}

static bool is_close(const check *c, double found, double expected) {
    return fabs(found - expected) <= c->options.atol + c->options.rtol * fabs(expected);
}

/* Input i, element by element. A gradient that did not come is 0. */
static void compare(const check *c, int32_t i, const wk_tensor *grad, const wk_tensor *backward) {
    const wk_array *x = &c->xs[i]->a;
    int64_t index[WK_MAX_DIMS] = {0};
    for (int64_t e = 0; e < x->numel && wk_ok(); e++, wk__next_index(x->ndim, x->dims, index)) {
        const double g = grad != NULL ? wk_get_f64(grad, index) : 0;
        const double b = backward != NULL ? wk_get_f64(backward, index) : 0;
        const double expected = difference(c, wk__array_at(x, wk__offset_of(x, index)));
        if (!wk_ok()) return;
        if (!is_close(c, g, expected)) refuse(c, i, index, "wk_grad", g, expected);
        else if (!is_close(c, b, expected)) refuse(c, i, index, "wk_backward", b, expected);
    }
}

/* ------------------------------------------------------------------------------------------------------- checks --- */

static bool take_input(check *c, int32_t i) {
    wk_tensor *x = c->in[i];
    char name[WK__NAME_NBYTES];
    if (x == NULL) return true;
    if (!wk__usable(c->ctx, x, c->op, "an input")) return false;
    if (!wk__needs_grad(x)) return true;
    c->xs[c->x_count] = x;
    c->input_of[c->x_count] = i;
    input_name(c, c->x_count++, name, sizeof name);
    if (x->way.kind != WK__TO_LEAF)
        wk__fail(c->ctx, WK_EGRAD, c->op, "%s was computed by an op: only leaves are checked", name);
    else if (x->a.dtype != WK_F64)
        wk__fail(c->ctx, WK_EDTYPE, c->op, "%s has type %s: differences need f64", name, wk_dtype_name(x->a.dtype));
    else if (!wk__array_is_injective(&x->a))
        wk__fail(c->ctx, WK_EINVAL, c->op, "elements of %s overlap: copy it first", name);
    return wk_ok();
}

static bool begin(check *c, const wk_gradcheck_options *options) {
    static const wk_gradcheck_options defaults = WK_GRADCHECK_OPTIONS;
    if (!wk__options(&c->options, &defaults, options, sizeof defaults, c->op)) return false;
    if (c->f == NULL || c->in_count < 0 || c->in_count > MOST || c->out_count < 1 || c->out_count > MOST ||
        (c->in == NULL && c->in_count > 0))
        return wk__fail(c->ctx, WK_EINVAL, c->op, "f or inputs is NULL, or there are not 1 to %d outputs of at most %d "
                        "inputs", MOST, MOST), false;
    for (int32_t i = 0; i < c->in_count; i++)
        if (!take_input(c, i)) return false;
    if (c->x_count == 0) return wk__fail(c->ctx, WK_EGRAD, c->op, "no input requires a gradient"), false;
    wk_initial_seed(); /* so that there is a generator */
    if (wk_ok()) c->rng = *c->ctx->rng;
    return wk_ok();
}

static void compare_all(const check *c) {
    wk_tensor *grad[MOST] = {NULL}, *backward[MOST] = {NULL};
    const wk_scope scope = wk_scope_open();
    by_grad(c, grad);
    if (wk_ok()) by_backward(c, backward);
    for (int32_t i = 0; i < c->x_count && wk_ok(); i++) compare(c, i, grad[i], backward[i]);
    for (int32_t i = 0; i < c->x_count; i++) wk__unref(backward[i]);
    wk_scope_close(scope);
}

static wk_status run(check *c, const wk_gradcheck_options *options) {
    c->ctx = wk__ctx();
    if (!wk__ready(c->ctx)) return wk__status(c->ctx);
    const bool enabled = wk_set_grad_enabled(true);
    if (begin(c, options)) compare_all(c);
    wk_set_grad_enabled(enabled);
    return c->ctx->failure.status;
}

wk_status wk_gradcheck(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count, int32_t output_count,
                       const wk_gradcheck_options *options) {
    check c = {.op = "gradcheck", .f = f, .user = user, .in = inputs, .in_count = input_count,
               .out_count = output_count};
    return run(&c, options);
}

/* --------------------------------------------------------------------------------------- gradients of gradients --- */

/* The gradients of f as a function: of its inputs, and of the gradients of its outputs, which follow them. */
typedef struct gradient {
    check f;
    wk_tensor *in[MOST]; /* inputs | gradients of those outputs that have one */
    int32_t in_count;
} gradient;

static bool gradient_function(void *user, wk_tensor *const *in, wk_tensor **out) {
    const gradient *g = user;
    wk_tensor *ys[MOST], *gys[MOST];
    wk_walk walk = {.ctx = g->f.ctx, .op = g->f.op, .flags = WK_CREATE_GRAPH, .target_count = g->f.x_count};
    if (!evaluate(&g->f, ys)) return false;
    for (int32_t k = 0, next = g->f.in_count; k < g->f.out_count; k++)
        gys[k] = wk__needs_grad(ys[k]) && next < g->in_count ? in[next++] : NULL;
    return wk__grads(&walk, g->f.out_count, ys, gys, g->f.xs, out) == WK_OK;
}

/* Runs f once to see which gradients its outputs have. */
static bool gradient_begin(gradient *g, const wk_gradcheck_options *options) {
    wk_tensor *ys[MOST], *weights[MOST];
    if (!begin(&g->f, options) || !outputs_and_weights(&g->f, ys, weights)) return false;
    for (int32_t i = 0; i < g->f.in_count; i++) g->in[g->in_count++] = g->f.in[i];
    for (int32_t k = 0; k < g->f.out_count; k++) {
        char name[64];
        if (weights[k] == NULL) continue;
        if (g->in_count == MOST)
            return wk__fail(g->f.ctx, WK_EINVAL, g->f.op, "more than %d inputs and outputs", MOST), false;
        snprintf(name, sizeof name, "the gradient of output %" PRId32, k);
        wk_set_name(weights[k], name);
        g->in[g->in_count++] = wk_requires_grad_(weights[k], true);
    }
    return wk_ok();
}

wk_status wk_gradgradcheck(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                           int32_t output_count, const wk_gradcheck_options *options) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__status(ctx);
    gradient g = {.f = {.ctx = ctx, .op = "gradgradcheck", .f = f, .user = user, .in = inputs,
                        .in_count = input_count, .out_count = output_count}};
    const wk_scope scope = wk_scope_open();
    const bool enabled = wk_set_grad_enabled(true);
    if (gradient_begin(&g, options)) {
        check c = {.op = g.f.op, .f = gradient_function, .user = &g, .in = g.in, .in_count = g.in_count,
                   .out_count = g.f.x_count, .may_be_constant = true};
        run(&c, options);
    }
    wk_set_grad_enabled(enabled);
    wk_scope_close(scope);
    return ctx->failure.status;
}
