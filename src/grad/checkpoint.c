/* checkpoint.c -- functions that are not recorded: one that is run again instead, and one that has its own gradient.
 *
 * NOTE [Run again]. The first run records nothing, but notes every tensor from outside that requires a gradient and is
 * read: those are the inputs that the function does not name, such as parameters. Inputs and these become the inputs of
 * one node, whose `compose` is the function itself; the walk does the rest (backprop_compose in walk.c). */
#include <string.h>

#include "base/capture.h"
#include "base/rng.h"
#include "grad/scope.h"
#include "grad/watch.h"
#include "kernel/record.h"
#include "wick/random.h"

/* The inputs of the node to be: the state of the generator if the function draws | inputs | what else it reads. */
typedef struct wk_reads {
    wk_tensor **items; /* held */
    int32_t count, capacity, size_class;
} wk_reads;

typedef struct checkpoint_attrs {
    wk_function *f;
    wk_gradient_function *backward; /* NULL: f is run again */
    void *user;
    wk_tensor **made; /* while the node is made: the outputs */
    int64_t draws;    /* input 0 is the state of the generator */
} checkpoint_attrs;

/* --------------------------------------------------------------------------------------------------- collecting --- */

static bool add(wk_ctx *ctx, wk_reads *reads, wk_tensor *t) {
    if (reads->count == reads->capacity) {
        const int32_t capacity = reads->capacity > 0 ? 2 * reads->capacity : 32;
        const int32_t size_class = wk__heap_class((size_t)capacity * sizeof t);
        wk_tensor **items = wk__heap_alloc(&ctx->heap, size_class);
        if (items == NULL) return wk__out_of_memory(ctx, "checkpoint"), false;
        for (int32_t i = 0; i < reads->count; i++) items[i] = reads->items[i];
        if (reads->items != NULL) wk__heap_free(&ctx->heap, reads->items, reads->size_class);
        reads->items = items;
        reads->capacity = capacity;
        reads->size_class = size_class;
    }
    reads->items[reads->count++] = wk__retain(t);
    return true;
}

static void reads_free(wk_ctx *ctx, wk_reads *reads) {
    for (int32_t i = 0; i < reads->count; i++) wk__unref(reads->items[i]);
    if (reads->items != NULL) wk__heap_free(&ctx->heap, reads->items, reads->size_class);
}

static bool is_among(const wk_reads *reads, const wk_tensor *t) {
    int32_t i = reads->count;
    while (i > 0 && reads->items[i - 1] != t) i--;
    return i > 0;
}

/* Nothing is recorded meanwhile, so what requires a gradient comes from outside. */
void wk__reads_collect(wk_call *c) {
    wk_reads *reads = c->ctx->reads;
    for (int32_t i = 0; i < c->in_count; i++)
        if (c->in[i] != NULL && wk__needs_grad(c->in[i]) && !is_among(reads, c->in[i]) &&
            !add(c->ctx, reads, c->in[i]))
            return;
}

/* ---------------------------------------------------------------------------------------------------- generator --- */

/* Its state is copied now, or, where a plan records, in each run of the plan. words: to, from */
static void call_save(wk_any_function *f, const wk_word *w) { (void)f, memcpy(w[0].p, w[1].p, sizeof(wk_rng)); }
static void call_restore(wk_any_function *f, const wk_word *w) { (void)f, memcpy(w[1].p, w[0].p, sizeof(wk_rng)); }

/* A tensor of i64, held by the caller. NULL, recorded, when memory is out. */
static wk_tensor *state_of_generator(wk_ctx *ctx) {
    static const wk_signature signature = {"wg", call_save, NULL};
    static const wk_noted noted = {.signature = &signature, .name = "save_generator", .dtype = WK_I64};
    static const int64_t count[] = {sizeof(wk_rng) / sizeof(int64_t)};
    _Static_assert(sizeof(wk_rng) % sizeof(int64_t) == 0, "the state is whole words");
    wk_tensor *state = wk__tensor_make(ctx, WK_I64, 1, count);
    if (state == NULL) return wk__out_of_memory(ctx, "checkpoint"), NULL;
    const wk_word words[] = {{.p = state->a.data}, {.p = ctx->rng}};
    if (!wk__note(ctx, &noted, words)) call_save(NULL, words);
    return state;
}

static void put_back(wk_ctx *ctx, const wk_tensor *state) {
    static const wk_signature signature = {"rg", call_restore, NULL};
    static const wk_noted noted = {.signature = &signature, .name = "restore_generator", .dtype = WK_I64};
    const wk_word words[] = {{.p = state->a.data}, {.p = ctx->rng}};
    if (!wk__note(ctx, &noted, words)) call_restore(NULL, words);
}

/* ------------------------------------------------------------------------------------------------------ the row --- */

static bool shape(wk_call *c) {
    const checkpoint_attrs *a = c->attrs;
    for (int32_t k = 0; k < c->op->out_count; k++) c->out[k] = wk__retain(a->made[k]);
    return true;
}

/* Calls a function of the program; what it did wrong is recorded. */
static void call_guest(wk_ctx *ctx, wk_function *f, void *user, wk_tensor *const *in, wk_tensor **out, const char *op) {
    const wk_guest guest = wk__guest_begins(ctx);
    const bool fine = f(user, in, out);
    wk__guest_ends(ctx, guest, op);
    if (!fine && wk_ok()) wk__fail(ctx, WK_EINVAL, op, "the function returned false");
    wk__failure_is_apart(ctx);
}

/* The second run, with the random numbers of the first. */
static void again(wk_call *c) {
    const checkpoint_attrs *a = c->attrs;
    wk_ctx *ctx = c->ctx;
    wk_tensor *now = a->draws ? state_of_generator(ctx) : NULL;
    if (a->draws && now == NULL) return;
    if (a->draws) put_back(ctx, c->in[0]);
    call_guest(ctx, a->f, a->user, c->in + a->draws, c->out, "checkpoint");
    if (a->draws) put_back(ctx, now);
    wk__unref(now);
}

#define CHECKPOINT(outputs)                                                                                   \
    {                                                                                                         \
        WK_INNER_ROW(checkpoint), .in_count = WK__ANY_NUMBER, .in_names = "an input", .out_count = (outputs), \
                                  .shape = shape, .compose = again, .attrs_nbytes = sizeof(checkpoint_attrs), \
    }
static const wk_op checkpoints[WK__MAX_OUTPUTS] = {CHECKPOINT(1), CHECKPOINT(2), CHECKPOINT(3)};

/* ------------------------------------------------------------------------------------------------ the first run --- */

typedef struct first_run {
    wk_ctx *ctx;
    const char *op; /* for messages */
    checkpoint_attrs attrs;
    wk_tensor *const *in;
    int32_t in_count, out_count;
    wk_reads reads;
    wk_tensor *made[WK__MAX_OUTPUTS]; /* held */
} first_run;

/* Calls f, unrecorded, and notes what it reads, if it is to be run again. */
static bool call(first_run *r, wk_tensor **out) {
    wk_ctx *ctx = r->ctx;
    wk_reads *const outer = ctx->reads;
    const uint8_t outer_watch = ctx->watch & WK__WATCH_READS;
    const bool enabled = wk_set_grad_enabled(false);
    if (r->attrs.backward == NULL) {
        ctx->reads = &r->reads;
        ctx->watch |= WK__WATCH_READS;
    }
    call_guest(ctx, r->attrs.f, r->attrs.user, r->in, out, r->op);
    ctx->reads = outer;
    ctx->watch = (uint8_t)((ctx->watch & ~WK__WATCH_READS) | outer_watch);
    wk_set_grad_enabled(enabled);
    for (int32_t k = 0; k < r->out_count && wk_ok(); k++) wk__usable(ctx, out[k], r->op, "an output");
    return wk_ok();
}

/* The outputs as handles of their own, which outlive the scope. */
static bool make_outputs(first_run *r) {
    wk_tensor *out[WK__MAX_OUTPUTS] = {NULL};
    const wk_scope scope = wk_scope_open();
    bool fine = call(r, out);
    for (int32_t k = 0; k < r->out_count && fine; k++) {
        r->made[k] = wk__tensor_view(out[k], &out[k]->a);
        fine = r->made[k] != NULL;
    }
    wk_scope_close(scope);
    if (!fine && wk_ok()) wk__out_of_memory(r->ctx, r->op);
    return fine;
}

/* Did the function draw? While a plan records, nothing is drawn, but counted. */
static bool has_drawn(const wk_ctx *ctx, const wk_rng *before, int64_t draws_before) {
    if (ctx->capture != NULL) return ctx->capture->draws != draws_before;
    return memcmp(before->words, ctx->rng->words, sizeof before->words) != 0 ||
           before->position != ctx->rng->position || before->has_spare_normal != ctx->rng->has_spare_normal;
}

/* The state before the function drew becomes the first input. */
static bool keep_state(first_run *r, wk_tensor *state) {
    r->attrs.draws = 1;
    const bool fine = add(r->ctx, &r->reads, state);
    for (int32_t i = r->reads.count - 1; fine && i > 0; i--) r->reads.items[i] = r->reads.items[i - 1];
    if (fine) r->reads.items[0] = state;
    return fine;
}

static bool take_inputs(first_run *r) {
    for (int32_t i = 0; i < r->in_count && wk_ok(); i++)
        if (wk__usable(r->ctx, r->in[i], r->op, "an input")) add(r->ctx, &r->reads, r->in[i]);
    return wk_ok();
}

static void run(first_run *r, const wk_op *rows, wk_tensor **outputs) {
    r->attrs.made = r->made;
    wk__apply(&rows[r->out_count - 1], r->reads.items, r->reads.count, &r->attrs, outputs);
    if (outputs[0] != NULL && outputs[0]->node != NULL) wk__node_save_inputs(outputs[0]->node, r->reads.items);
}

static void finish(first_run *r) {
    for (int32_t k = 0; k < r->out_count; k++) wk__unref(r->made[k]);
    reads_free(r->ctx, &r->reads);
}

static bool in_order(wk_ctx *ctx, const char *op, bool functions, const void *inputs, int32_t input_count,
                     wk_tensor **outputs, int32_t output_count) {
    for (int32_t k = 0; outputs != NULL && k < output_count; k++) outputs[k] = NULL;
    if (!wk__ready(ctx)) return false;
    if (functions && outputs != NULL && input_count >= 0 && (inputs != NULL || input_count == 0) &&
        output_count >= 1 && output_count <= WK__MAX_OUTPUTS)
        return true;
    wk__fail(ctx, WK_EINVAL, op, "a function, inputs or outputs is NULL, or there are not 1 to %d outputs",
             WK__MAX_OUTPUTS);
    return false;
}

wk_status wk_checkpoint(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                        wk_tensor **outputs, int32_t output_count) {
    wk_ctx *ctx = wk__ctx();
    first_run r = {.ctx = ctx, .op = "checkpoint", .attrs = {.f = f, .user = user}, .in = inputs,
                   .in_count = input_count, .out_count = output_count};
    if (!in_order(ctx, r.op, f != NULL, inputs, input_count, outputs, output_count)) return wk__status(ctx);
    if (!ctx->grad_enabled) {
        call_guest(ctx, f, user, inputs, outputs, r.op);
        return ctx->failure.status;
    }
    wk_initial_seed(); /* so that there is a generator */
    const int64_t draws = ctx->capture != NULL ? ctx->capture->draws : 0;
    wk_tensor *before = wk_ok() && take_inputs(&r) ? state_of_generator(ctx) : NULL;
    if (before != NULL && make_outputs(&r) && (!has_drawn(ctx, before->a.data, draws) || keep_state(&r, before)))
        run(&r, checkpoints, outputs);
    wk__unref(before);
    finish(&r);
    return ctx->failure.status;
}

/* ----------------------------------------------------------------------------------- with a gradient of its own --- */

static bool fits(const wk_backprop *b, int32_t i, const wk_tensor *g) {
    wk_shape_text given, expected;
    int32_t ndim;
    const wk_edge *edge = &b->node->in[i];
    const int64_t *dims = wk__edge_dims(edge, &ndim);
    if (!wk__usable(b->ctx, g, "function_apply", "a gradient that backward gives")) return false;
    if (wk__edge_fits(edge, g)) return true;
    wk__fail(b->ctx, WK_ESHAPE, "function_apply", "backward gives input %d %s of type %s a gradient %s of type %s",
             (int)i, wk__shape_text(&expected, ndim, dims), wk_dtype_name(wk__edge_dtype(edge)),
             wk__dims_text(&given, g), wk_dtype_name(g->a.dtype));
    return false;
}

static void vjp(const wk_backprop *b, wk_tensor **gx) {
    const wk_node *node = b->node;
    const checkpoint_attrs *a = node->attrs;
    const int32_t size_class = wk__heap_class((size_t)node->in_count * sizeof(wk_tensor *));
    wk_tensor **in = wk__heap_alloc(&b->ctx->heap, size_class), *out[WK__MAX_OUTPUTS];
    if (in == NULL) {
        wk__out_of_memory(b->ctx, "function_apply");
        return;
    }
    for (int32_t i = 0; i < node->in_count; i++) in[i] = node->in[i].saved;
    for (int32_t k = 0; k < node->out_count; k++) out[k] = node->out[k].saved;
    const wk_guest guest = wk__guest_begins(b->ctx);
    const bool fine = a->backward(a->user, in, out, b->gy, gx);
    wk__guest_ends(b->ctx, guest, "function_apply");
    wk__heap_free(&b->ctx->heap, in, size_class);
    if (!fine && wk_ok()) wk__fail(b->ctx, WK_EINVAL, "function_apply", "backward returned false");
    for (int32_t i = 0; i < node->in_count && wk_ok(); i++)
        if (gx[i] != NULL && wk__wants(b, i)) fits(b, i, gx[i]);
    wk__failure_is_apart(b->ctx); /* what backward gives is the program's business */
}

#define FUNCTION(outputs)                                                                                         \
    {                                                                                                             \
        WK_INNER_ROW(function_apply), .in_count = WK__ANY_NUMBER, .in_names = "an input", .out_count = (outputs), \
                                      .shape = shape, .vjp = vjp, .attrs_nbytes = sizeof(checkpoint_attrs),       \
    }
static const wk_op functions[WK__MAX_OUTPUTS] = {FUNCTION(1), FUNCTION(2), FUNCTION(3)};

wk_status wk_function_apply(wk_function *forward, wk_gradient_function *backward, void *user,
                            wk_tensor *const *inputs, int32_t input_count, wk_tensor **outputs,
                            int32_t output_count) {
    wk_ctx *ctx = wk__ctx();
    first_run r = {
        .ctx = ctx, .op = "function_apply", .in = inputs, .in_count = input_count, .out_count = output_count};
    r.attrs = (checkpoint_attrs){.f = forward, .backward = backward, .user = user};
    const bool both = forward != NULL && backward != NULL;
    if (!in_order(ctx, r.op, both, inputs, input_count, outputs, output_count)) return wk__status(ctx);
    if (take_inputs(&r) && make_outputs(&r)) run(&r, functions, outputs);
    for (int32_t k = 0; k < output_count && outputs[0] != NULL && outputs[0]->node != NULL; k++) {
        wk_node_output *out = &outputs[0]->node->out[k];
        out->saved = wk__retain(outputs[k]);
        out->version = outputs[k]->storage->version;
    }
    finish(&r);
    return ctx->failure.status;
}
