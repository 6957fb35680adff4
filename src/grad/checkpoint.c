/* checkpoint.c -- a function that is run again instead of remembered.
 *
 * The first run records nothing, but notes every tensor from outside that requires a gradient and is read: those are
 * the inputs that the function does not name, such as parameters. Inputs and these become the inputs of one node, whose
 * `compose` is the function itself; the walk does the rest (backprop_compose in walk.c). */
#include <string.h>

#include "base/rng.h"
#include "grad/scope.h"
#include "grad/watch.h"
#include "wick/random.h"

/* The inputs of the node to be: the state of the generator if the function draws | inputs | what else it reads. */
typedef struct wk_reads {
    wk_tensor **items; /* held */
    int32_t count, capacity, size_class;
} wk_reads;

typedef struct checkpoint_attrs {
    wk_function *f;
    void *user;
    wk_tensor **made; /* while the node is made: the outputs */
    int64_t draws;    /* input 0 is the state of the generator */
} checkpoint_attrs;

/* ---------------------------------------------------------------------------------------------------- collecting --- */

static bool add(wk_ctx *ctx, wk_reads *reads, wk_tensor *t) {
    if (reads->count == reads->capacity) {
        const int32_t capacity = reads->capacity > 0 ? 2 * reads->capacity : 32;
        const int32_t size_class = wk__heap_class((size_t)capacity * sizeof t);
        wk_tensor **items = wk__heap_alloc(&ctx->heap, size_class);
        if (items == NULL) return wk__fail(ctx, WK_ENOMEM, "checkpoint", "out of memory"), false;
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

/* ------------------------------------------------------------------------------------------------------ the row --- */

static bool shape(wk_call *c) {
    const checkpoint_attrs *a = c->attrs;
    for (int32_t k = 0; k < c->op->out_count; k++) c->out[k] = wk__retain(a->made[k]);
    return true;
}

/* The second run, with the random numbers of the first. */
static void again(const void *attrs, wk_tensor *const *in, wk_tensor **out) {
    const checkpoint_attrs *a = attrs;
    wk_ctx *ctx = wk__ctx();
    wk_rng now;
    if (a->draws) {
        now = *ctx->rng;
        memcpy(ctx->rng, in[0]->a.data, sizeof now);
    }
    const bool fine = a->f(a->user, in + a->draws, out);
    if (a->draws) *ctx->rng = now;
    if (!fine && wk_ok()) wk__fail(ctx, WK_EINVAL, "checkpoint", "the function returned false");
}

#define CHECKPOINT(outputs)                                                                                     \
    {                                                                                                           \
        .size = sizeof(wk_op), .name = "checkpoint", .row = -1, .in_count = WK__ANY_NUMBER, .in_names = "an input", \
        .out_count = (outputs), .shape = shape, .compose = again, .attrs_nbytes = sizeof(checkpoint_attrs),     \
    }
static const wk_op checkpoints[WK__MAX_OUTPUTS] = {CHECKPOINT(1), CHECKPOINT(2)};

/* A variadic row saves nothing by itself. */
static void save_inputs(wk_node *node, const wk_reads *reads) {
    for (int32_t i = 0; i < node->in_count; i++) {
        node->in[i].saved = wk__retain(reads->items[i]);
        node->in[i].version = reads->items[i]->storage->version;
    }
    node->saves = true;
}

/* ------------------------------------------------------------------------------------------------ the first run --- */

typedef struct first_run {
    wk_ctx *ctx;
    checkpoint_attrs attrs;
    wk_tensor *const *in;
    int32_t in_count, out_count;
    wk_reads reads;
    wk_tensor *made[WK__MAX_OUTPUTS]; /* held */
} first_run;

/* Calls f, unrecorded, and notes what it reads. */
static bool call(first_run *r, wk_tensor **out) {
    wk_ctx *ctx = r->ctx;
    wk_reads *const outer = ctx->reads;
    const uint8_t outer_watch = ctx->watch & WK__WATCH_READS;
    const bool enabled = wk_set_grad_enabled(false);
    ctx->reads = &r->reads;
    ctx->watch |= WK__WATCH_READS;
    const bool fine = r->attrs.f(r->attrs.user, r->in, out);
    ctx->reads = outer;
    ctx->watch = (uint8_t)((ctx->watch & ~WK__WATCH_READS) | outer_watch);
    wk_set_grad_enabled(enabled);
    if (!fine && wk_ok()) wk__fail(ctx, WK_EINVAL, "checkpoint", "the function returned false");
    for (int32_t k = 0; k < r->out_count && wk_ok(); k++) wk__usable(ctx, out[k], "checkpoint", "an output");
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
    if (!fine && wk_ok()) wk__fail(r->ctx, WK_ENOMEM, "checkpoint", "out of memory");
    return fine;
}

/* If the function drew, the state before it becomes the first input. */
static bool keep_state(first_run *r, const wk_rng *before) {
    static const int64_t words[] = {sizeof *before / sizeof(int64_t)};
    _Static_assert(sizeof *before % sizeof(int64_t) == 0, "the state is whole words");
    r->attrs.draws = memcmp(before->words, r->ctx->rng->words, sizeof before->words) != 0 ||
                     before->position != r->ctx->rng->position ||
                     before->has_spare_normal != r->ctx->rng->has_spare_normal;
    if (!r->attrs.draws) return true;
    wk_tensor *state = wk__tensor_make(r->ctx, WK_I64, 1, words);
    if (state == NULL) return wk__fail(r->ctx, WK_ENOMEM, "checkpoint", "out of memory"), false;
    memcpy(state->a.data, before, sizeof *before);
    const bool fine = add(r->ctx, &r->reads, state);
    for (int32_t i = r->reads.count - 1; fine && i > 0; i--) r->reads.items[i] = r->reads.items[i - 1];
    if (fine) r->reads.items[0] = state;
    wk__unref(state);
    return fine;
}

static void run(first_run *r, wk_tensor **outputs) {
    wk_ctx *ctx = r->ctx;
    wk_initial_seed(); /* so that there is a generator */
    for (int32_t i = 0; i < r->in_count && wk_ok(); i++)
        if (wk__usable(ctx, r->in[i], "checkpoint", "an input")) add(ctx, &r->reads, r->in[i]);
    if (!wk_ok()) return;
    const wk_rng before = *ctx->rng;
    if (!make_outputs(r) || !keep_state(r, &before)) return;
    r->attrs.made = r->made;
    wk__apply(&checkpoints[r->out_count - 1], r->reads.items, r->reads.count, &r->attrs, outputs);
    if (outputs[0] != NULL && outputs[0]->node != NULL) save_inputs(outputs[0]->node, &r->reads);
}

wk_status wk_checkpoint(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                        wk_tensor **outputs, int32_t output_count) {
    wk_ctx *ctx = wk__ctx();
    for (int32_t k = 0; outputs != NULL && k < output_count; k++) outputs[k] = NULL;
    if (!wk__ready(ctx)) return wk__status(ctx);
    if (f == NULL || outputs == NULL || input_count < 0 || (inputs == NULL && input_count > 0) || output_count < 1 ||
        output_count > WK__MAX_OUTPUTS)
        return wk__fail(ctx, WK_EINVAL, "checkpoint", "f, inputs or outputs is NULL, or there are not 1 to %d outputs",
                        WK__MAX_OUTPUTS);
    if (!ctx->grad_enabled) {
        if (!f(user, inputs, outputs) && wk_ok())
            wk__fail(ctx, WK_EINVAL, "checkpoint", "the function returned false");
        return ctx->failure.status;
    }
    first_run r = {.ctx = ctx, .attrs = {.f = f, .user = user}, .in = inputs, .in_count = input_count,
                   .out_count = output_count};
    run(&r, outputs);
    for (int32_t k = 0; k < output_count; k++) wk__unref(r.made[k]);
    reads_free(ctx, &r.reads);
    return ctx->failure.status;
}
