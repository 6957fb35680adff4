/* recording.c -- see recording.h: what a step does, as the layers below tell it, and undoing what it did to handles. */
#include "plan/recording.h"

#include <stdlib.h>
#include <string.h>

#include "grad/scope.h"
#include "kernel/record.h"
#include "plan/known.h"
#include "tensor/iterate.h"

static wk_recording *of_capture(wk_capture *capture) { return (wk_recording *)(void *)capture; }

static void out_of_memory(const wk_recording *r) { wk__out_of_memory(r->ctx, "plan_run"); }

/* ------------------------------------------------------------------------------------- what was there before it --- */

/* Where the elements of an array begin and end. */
static void extent(const wk_array *a, char **begin, char **end) {
    int64_t low = 0, high = a->numel > 0 ? 1 : 0;
    for (int32_t d = 0; d < a->ndim && a->numel > 0; d++) {
        const int64_t reach = (a->dims[d] - 1) * a->strides[d];
        *(reach < 0 ? &low : &high) += reach;
    }
    *begin = wk__array_at(a, low);
    *end = wk__array_at(a, high);
}

/* Notes the storage of t, unless the step itself, or the plan for it, made that. */
void wk__recording_note_external(wk_recording *r, wk_tensor *t) {
    const wk_tensor *home = wk__storage_home(t->storage);
    int64_t known = wk__known_find(&r->known, wk__word_of_address(home));
    if (known == WK__KNOWN_LOCAL || known == WK__KNOWN_INPUT) return;
    if (known == WK__KNOWN_NOT) {
        wk_plan_external *new = WK_PUSH(wk_plan_external, r->externals);
        known = r->externals.count - 1;
        if (new == NULL || !wk__known_add(&r->known, wk__word_of_address(home), known)) {
            out_of_memory(r);
            return;
        }
        *new = (wk_plan_external){.tensor = wk__retain(t),
                                  .version = t->storage->version,
                                  .epoch = t->storage->epoch,
                                  .writer = t->storage->writer};
        extent(&t->a, &new->begin, &new->end);
    }
    wk_plan_external *e = &WK_ITEMS(wk_plan_external, r->externals)[known];
    char *begin, *end;
    extent(&t->a, &begin, &end);
    if (begin < e->begin) e->begin = begin;
    if (end > e->end) e->end = end;
}

/* Did the step make it, or the plan for it? */
static bool is_made(const wk_recording *r, const wk_tensor *t) {
    const int64_t known = wk__known_find(&r->known, wk__word_of_address(t));
    return known == WK__KNOWN_LOCAL || known == WK__KNOWN_INPUT;
}

static bool is_local(const wk_recording *r, const wk_tensor *t) { return is_made(r, wk__storage_home(t->storage)); }

/* Has it a history that began before the step? A view that the step made of a parameter has not. */
static bool was_computed_before(const wk_recording *r, const wk_tensor *t) {
    return t->way.kind >= WK__TO_NODE && t->way.kind != WK__TO_LEAF && !is_local(r, t) && !is_made(r, t);
}

static void note_row(wk_recording *r, const wk_call *c) {
    const wk_op *op = c->op;
    wk_recorded_row *row = WK_PUSH(wk_recorded_row, r->rows);
    if (row == NULL) {
        out_of_memory(r);
        return;
    }
    *row = (wk_recorded_row){op, r->attributes.count};
    if (op->field_count == 0) return;
    void *room = wk__growing_add(&r->attributes, (int64_t)op->attrs_nbytes, 1);
    if (room == NULL)
        out_of_memory(r);
    else
        memcpy(room, c->attrs, op->attrs_nbytes);
}

static void on_row(wk_capture *capture, const wk_call *c) {
    wk_recording *r = of_capture(capture);
    r->row = c->op;
    r->of_gradient = false;
    if (r->listener == NULL) note_row(r, c);
    for (int32_t i = 0; i < c->in_count; i++) {
        wk_tensor *x = c->in[i];
        if (x == NULL) continue;
        if (wk_unlikely(was_computed_before(r, x))) {
            char name[24];
            wk__fail(r->ctx, WK_ESTATE, c->op->name,
                     "not inside a plan's step: %s was computed before it, and has a history: wk_detach it",
                     wk__input_name(c->op, i, name, sizeof name));
            return;
        }
        wk__recording_note_external(r, x);
    }
}

static void on_grad(wk_capture *capture, const wk_op *op) {
    wk_recording *r = of_capture(capture);
    r->row = op;
    r->of_gradient = true;
}

/* ------------------------------------------------------------------------------------------------------- leaves --- */

/* Room for the gradient of a leaf that is no parameter has to outlive the dry run. */
static bool make_room(wk_recording *r, wk_tensor *t) {
    wk__heap_capture_pause(&r->ctx->heap, &r->capture.heap);
    wk_meta *meta = wk__tensor_meta(t);
    if (meta != NULL && meta->grad == NULL) meta->grad = wk__tensor_make(t->ctx, t->a.dtype, t->a.ndim, t->a.dims);
    wk__heap_capture_resume(&r->ctx->heap, &r->capture.heap);
    return meta != NULL && meta->grad != NULL;
}

static wk_plan_leaf *leaf_of(wk_recording *r, wk_tensor *t) {
    for (int64_t i = 0; i < r->leaves.count; i++)
        if (WK_ITEMS(wk_plan_leaf, r->leaves)[i].tensor == t) return &WK_ITEMS(wk_plan_leaf, r->leaves)[i];
    wk_plan_leaf *leaf = make_room(r, t) ? WK_PUSH(wk_plan_leaf, r->leaves) : NULL;
    if (leaf == NULL) {
        out_of_memory(r);
        return NULL;
    }
    *leaf = (wk_plan_leaf){.tensor = wk__retain(t), .had = t->meta->has_grad, .was_invalid = t->meta->grad_invalid};
    wk__recording_note_external(r, t->meta->grad);
    return leaf;
}

static void on_look(wk_capture *capture, wk_tensor *t) { wk__recording_note_external(of_capture(capture), t); }

static void on_leaf(wk_capture *capture, wk_tensor *t, bool zeroed) {
    wk_recording *r = of_capture(capture);
    if (is_local(r, t)) return;
    wk_plan_leaf *leaf = leaf_of(r, t);
    if (leaf == NULL) return;
    if (zeroed)
        leaf->zeroed = true;
    else
        leaf->matters |= !leaf->zeroed;
    leaf->told = false;
}

/* -------------------------------------------------------------------------------------------------------- calls --- */

static void push_call(wk_recording *r, const wk_noted *noted, const wk_word *words) {
    wk_recorded_call *call = WK_PUSH(wk_recorded_call, r->calls);
    const int32_t count = (int32_t)strlen(noted->signature->letters);
    wk_word *room = wk__growing_add(&r->words, count, sizeof *room);
    if (call == NULL || room == NULL) {
        out_of_memory(r);
        return;
    }
    *call = (wk_recorded_call){.noted = *noted,
                               .row = r->row,
                               .of_gradient = r->of_gradient,
                               .word_count = count,
                               .first_word = r->words.count - count};
    for (int32_t w = 0; w < count; w++) room[w] = wk__word_alone(noted->signature->letters[w], words[w]);
}

static void hear_call(wk_recording *r, const wk_noted *noted, const wk_word *words) {
    if (r->listener != NULL) r->listener->call(r->listener, r, noted, words);
    else push_call(r, noted, words);
}

/* A loop over no elements, fibres or rows does nothing, and its addresses may lead anywhere. */
static bool does_nothing(const wk_noted *noted, const wk_word *words) {
    const char *letters = noted->signature->letters;
    if (strncmp(letters, "nwn", 3) == 0 || strncmp(letters, "nnw", 3) == 0) return words[0].i == 0;
    return strncmp(letters, "nnnr", 4) == 0 && (words[0].i == 0 || words[1].i == 0);
}

static void on_kernel(wk_capture *capture, const wk_noted *noted, const wk_word *words) {
    if (!does_nothing(noted, words)) hear_call(of_capture(capture), noted, words);
}

enum { PRESENT = 1, VALID = 2 };

static void call_presence(wk_any_function *f, const wk_word *w) {
    wk_meta *meta = ((wk_tensor *)w[0].p)->meta;
    (void)f;
    meta->has_grad = (w[1].i & PRESENT) != 0;
    if (w[1].i & VALID) meta->grad_invalid = false;
}

/* Says in the list which gradients there are by now. */
static void tell_presence(wk_recording *r) {
    static const wk_signature signature = {"gn", call_presence, NULL};
    for (int64_t i = 0; i < r->leaves.count; i++) {
        wk_plan_leaf *leaf = &WK_ITEMS(wk_plan_leaf, r->leaves)[i];
        if (leaf->told) continue;
        const int64_t state = (leaf->tensor->meta->has_grad ? PRESENT : 0) | (leaf->zeroed ? VALID : 0);
        hear_call(r, &(wk_noted){.signature = &signature, .name = "gradient"},
                  (const wk_word[]){{.p = leaf->tensor}, {.i = state}});
        leaf->told = true;
    }
}

static void call_host(wk_any_function *f, const wk_word *w) { ((bool (*)(void *))f)(w[0].p); }

static void on_hold(wk_capture *capture, const wk_host_call *call) {
    wk_recording *r = of_capture(capture);
    wk_host_call *held = WK_PUSH(wk_host_call, r->hosts);
    if (held == NULL) {
        out_of_memory(r);
        return;
    }
    *held = *call;
    call->hold(call->object);
}

static void on_host(wk_capture *capture, const wk_host_call *call) {
    static const wk_signature signature = {"g", call_host, NULL};
    wk_recording *r = of_capture(capture);
    on_hold(capture, call);
    r->row = NULL;
    r->calls_hosts = true;
    tell_presence(r);
    hear_call(
        r,
        &(wk_noted){
            .signature = &signature, .function = (wk_any_function *)call->run, .name = call->name, .may_fail = true},
        (const wk_word[]){{.p = call->object}});
}

/* ------------------------------------------------------------------------------------------------------ the run --- */

static void call_step(wk_recording *r, const wk_plan_step *step) {
    wk_tensor **out = calloc((size_t)step->out_count + 1, sizeof *out);
    const wk_scope scope = wk_scope_open();
    const bool listed = wk__recording_list_inputs(r);
    const wk_guest guest = wk__guest_begins(r->ctx);
    if (out == NULL || !listed)
        out_of_memory(r);
    else if (!step->function(step->user, r->inputs, out) && wk_ok())
        wk__fail(r->ctx, WK_EINVAL, "plan_run", "the step returned false");
    wk__guest_ends(r->ctx, guest, "plan_run");
    if (r->capture.refusal.status != WK_OK && wk_ok()) r->ctx->failure = r->capture.refusal;
    r->row = NULL;
    for (int32_t k = 0; k < step->out_count && wk_ok(); k++)
        if (wk__usable(r->ctx, out[k], "plan_run", "an output of the step")) wk__recording_take_output(r, k, out[k]);
    tell_presence(r);
    wk_scope_close(scope);
    free(out);
}

/* What the step did to handles that were there before is counted, and undone. */
static void undo(wk_recording *r) {
    for (int64_t i = 0; i < r->externals.count; i++) {
        wk_plan_external *e = &WK_ITEMS(wk_plan_external, r->externals)[i];
        wk_storage *s = e->tensor->storage;
        if (s->epoch != e->epoch)
            wk__fail(r->ctx, WK_ESTATE, "plan_run",
                     "the step writes %s, which is no input, and records that: write it under "
                     "WK_NO_GRAD",
                     wk_name(e->tensor)[0] != '\0' ? wk_name(e->tensor) : "a tensor");
        e->writes = s->version - e->version;
        e->last_writer = s->writer;
        if (e->writes == 0) continue; /* what threads share is read by others, and not even set to what it was */
        s->version = e->version;
        s->writer = e->writer;
    }
    for (int64_t i = 0; i < r->leaves.count; i++) {
        const wk_plan_leaf *leaf = &WK_ITEMS(wk_plan_leaf, r->leaves)[i];
        leaf->tensor->meta->has_grad = leaf->had;
        leaf->tensor->meta->grad_invalid = leaf->was_invalid;
    }
}

static void run_dry(wk_recording *r, const wk_plan_step *step, bool apart) {
    wk_ctx *ctx = r->ctx;
    const bool enabled = ctx->grad_enabled;
    const uint8_t watch = ctx->watch;
    ctx->recordings++;
    ctx->capture = &r->capture;
    /* There are no numbers to report, and what an open batch would put off is no business of the step's. */
    ctx->watch =
        (uint8_t)((watch & ~(WK__WATCH_OPS | WK__WATCH_BATCH)) | WK__WATCH_CAPTURE | (apart ? WK__WATCH_APART : 0));
    wk__kernels_record();
    wk__heap_capture_begin(&ctx->heap, &r->capture.heap);
    call_step(r, step);
    wk__recording_find_elements(r);
    wk__heap_capture_end(&ctx->heap, &r->capture.heap);
    wk__kernels_record_end();
    ctx->capture = NULL;
    wk__watch_again(ctx, watch);
    ctx->grad_enabled = enabled;
    undo(r);
}

/* What a recording is compared with others by is all that is needed of it from now on. */
static void trim(wk_recording *r) {
    wk__growing_free(&r->words);
    wk__growing_free(&r->blocks);
    wk__growing_free(&r->known);
    wk__growing_trim(&r->calls, sizeof(wk_recorded_call));
    wk__growing_trim(&r->symbols, sizeof(wk_symbol));
    wk__growing_trim(&r->rows, sizeof(wk_recorded_row));
    wk__growing_trim(&r->attributes, 1);
}

bool wk__plan_record(wk_recording *r, const wk_dry_run *run, wk_listener *listener) {
    const wk_plan_step *step = run->step;
    *r = (wk_recording){.ctx = run->ctx, .listener = listener, .number = run->number};
    r->in_count = step->in_count;
    r->out_count = step->out_count;
    r->capture.any_size = step->any_size;
    r->capture.kernel = on_kernel;
    r->capture.row = on_row;
    r->capture.grad = on_grad;
    r->capture.look = on_look;
    r->capture.leaf = on_leaf;
    r->capture.host = on_host;
    r->capture.hold = on_hold;
    r->capture.heap.took = wk__recording_took;
    r->inputs = calloc((size_t)step->in_count + 1, sizeof *r->inputs);
    r->input_writes = calloc((size_t)step->in_count + 1, sizeof *r->input_writes);
    r->outputs = calloc((size_t)step->out_count + 1, sizeof *r->outputs);
    if (r->inputs == NULL || r->input_writes == NULL || r->outputs == NULL ||
        !wk__recording_make_inputs(r, run->arguments))
        out_of_memory(r);
    else run_dry(r, step, run->apart);
    for (int32_t i = 0; i < r->in_count && r->inputs != NULL && r->input_writes != NULL; i++)
        if (r->inputs[i] != NULL) r->input_writes[i] = r->inputs[i]->storage->version;
    if (!wk__recording_note_written(r)) out_of_memory(r);
    if (!wk_ok() || (listener == NULL && !wk__plan_resolve(r))) return false;
    trim(r);
    return true;
}

int64_t wk__recording_nbytes(const wk_recording *r) {
    return (int64_t)sizeof *r + r->calls.capacity * (int64_t)sizeof(wk_recorded_call) +
           r->symbols.capacity * (int64_t)sizeof(wk_symbol) + r->sizes.capacity * (int64_t)sizeof(int64_t) +
           r->rows.capacity * (int64_t)sizeof(wk_recorded_row) + r->attributes.capacity +
           r->externals.capacity * (int64_t)sizeof(wk_plan_external);
}

void wk__recording_free(wk_recording *r) {
    for (int64_t i = 0; i < r->externals.count; i++) wk__unref(WK_ITEMS(wk_plan_external, r->externals)[i].tensor);
    for (int64_t i = 0; i < r->leaves.count; i++) wk__unref(WK_ITEMS(wk_plan_leaf, r->leaves)[i].tensor);
    for (int64_t i = 0; i < r->hosts.count; i++) {
        const wk_host_call *host = &WK_ITEMS(wk_host_call, r->hosts)[i];
        host->let_go(host->object);
    }
    for (int32_t i = 0; i < r->in_count && r->inputs != NULL; i++) wk__unref(r->inputs[i]);
    free(r->inputs);
    free(r->input_writes);
    free(r->outputs);
    wk_growing *const all[] = {&r->calls,  &r->words,      &r->symbols,  &r->blocks, &r->sizes,
                               &r->leaves, &r->hosts,      &r->rows,     &r->known,  &r->written_extents,
                               &r->writes, &r->attributes, &r->externals};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) wk__growing_free(all[i]);
}
