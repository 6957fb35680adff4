/* plan.c -- the cache of recordings, and running them. The manual is wick/plan.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "grad/scope.h"
#include "plan/plan.h"
#include "wick/ops.h"

/* ------------------------------------------------------------------------------------------- making and freeing --- */

static bool check_dims(const char *name, const wk_plan_dim *dims, int32_t count, int32_t in_count) {
    if (count > 0 && dims == NULL) return wk__fail(wk__ctx(), WK_EINVAL, "plan_new", "%s is NULL", name), false;
    for (int32_t i = 0; i < count; i++) {
        if (dims[i].input >= 0 && dims[i].input < in_count && dims[i].dim >= 0 && dims[i].dim < WK_MAX_DIMS) continue;
        wk__fail(wk__ctx(), WK_EINVAL, "plan_new",
                 "%s[%" PRId32 "] is dimension %" PRId32 " of input %" PRId32 ", which there is not", name, i,
                 dims[i].dim, dims[i].input);
        return false;
    }
    return true;
}

static bool check_options(const wk_plan_options *o, int32_t in_count, int32_t out_count) {
    if (in_count >= 0 && out_count >= 0 && o->capacity >= 1 && o->trip_count >= 0 && o->second_trip_count >= 0)
        return check_dims("trips", o->trips, o->trip_count, in_count) &&
               check_dims("second_trips", o->second_trips, o->second_trip_count, in_count);
    wk__fail(wk__ctx(), WK_EINVAL, "plan_new", "a count is negative, or the capacity below 1");
    return false;
}

static wk_plan_dim *copy_dims(const wk_plan_dim *dims, int32_t count) {
    wk_plan_dim *copy = calloc((size_t)count + 1, sizeof *copy);
    for (int32_t i = 0; copy != NULL && i < count; i++) copy[i] = dims[i];
    return copy;
}

static wk_plan *plan_make(wk_ctx *ctx, const wk_plan_step *step, const wk_plan_options *o) {
    wk_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) return NULL;
    *plan = (wk_plan){.ctx = ctx, .step = *step, .options = *o};
    plan->arguments = calloc((size_t)step->in_count + 1, sizeof *plan->arguments);
    plan->made = calloc((size_t)step->out_count + 1, sizeof *plan->made);
    plan->options.trips = copy_dims(o->trips, o->trip_count);
    plan->options.second_trips = copy_dims(o->second_trips, o->second_trip_count);
    if (plan->arguments != NULL && plan->made != NULL && plan->options.trips != NULL &&
        plan->options.second_trips != NULL)
        return plan;
    wk_plan_free(plan);
    return NULL;
}

wk_plan *wk_plan_new(wk_function *f, void *user, int32_t in_count, int32_t out_count, const wk_plan_options *options) {
    wk_ctx *ctx = wk__ctx();
    wk_plan_options o;
    if (!wk__ready(ctx)) return NULL;
    if (!wk__options(&o, &(wk_plan_options)WK_PLAN_OPTIONS, options, sizeof o, "plan_new")) return NULL;
    if (f == NULL) return wk__fail(ctx, WK_EINVAL, "plan_new", "f is NULL"), NULL;
    if (!check_options(&o, in_count, out_count)) return NULL;
    wk_plan *plan =
        plan_make(ctx, &(wk_plan_step){f, user, in_count, out_count, o.trip_count + o.second_trip_count > 0}, &o);
    if (plan == NULL) wk__out_of_memory(ctx, "plan_new");
    return plan;
}

void wk_plan_free(wk_plan *plan) {
    if (plan == NULL) return;
    if (plan->running) {
        wk__fail(plan->ctx, WK_ESTATE, "plan_free", "the plan is running: free it afterwards");
        return;
    }
    while (plan->entries != NULL) wk__entry_drop(plan, &plan->entries);
    if (plan->arena.memory != NULL) wk__heap_system_free(&plan->ctx->heap, plan->arena.memory, plan->arena.nbytes);
    free((void *)(uintptr_t)plan->options.trips);
    free((void *)(uintptr_t)plan->options.second_trips);
    free(plan->arguments);
    free(plan->made);
    free(plan);
}

/* ---------------------------------------------------------------------------------------------------- arguments --- */

static bool is_fine(const wk_plan *plan, const wk_tensor *t) {
    const bool usable = t->live == WK__LIVE && (t->ctx == plan->ctx || wk__is_shared(t));
    return usable && (t->flags & WK__CONTIGUOUS) && !wk__needs_grad(t);
}

/* Completes what is pending; false, recorded, when it is no argument even so. */
WK_NOINLINE static bool make_fine(wk_plan *plan, int32_t i, const wk_tensor *t) {
    char name[32];
    snprintf(name, sizeof name, "input %" PRId32, i);
    if (!wk__usable(plan->ctx, t, "plan_run", name)) return false;
    if (is_fine(plan, t)) return true;
    wk__fail(plan->ctx, WK_ESTATE, "plan_run",
             wk__needs_grad(t) ? "%s requires a gradient or has a history: wk_detach it"
                               : "%s is not contiguous: wk_contiguous it",
             name);
    return false;
}

static bool take_argument(wk_plan *plan, int32_t i, const wk_tensor *t) {
    wk_plan_argument *a = &plan->arguments[i];
    a->present = t != NULL;
    if (t == NULL) return true;
    if (wk_unlikely(!is_fine(plan, t)) && !make_fine(plan, i, t)) return false;
    a->dtype = t->a.dtype;
    a->ndim = t->a.ndim;
    for (int32_t d = 0; d < t->a.ndim; d++) a->dims[d] = t->a.dims[d];
    return true;
}

/* The number that all these dimensions are; 1 where there are none. */
static bool find_number(const wk_plan *plan, const wk_plan_dim *dims, int32_t count, int64_t *number) {
    *number = 1;
    for (int32_t i = 0; i < count; i++) {
        const wk_plan_dim *d = &dims[i];
        const wk_plan_argument *a = &plan->arguments[d->input];
        if (!a->present || d->dim >= a->ndim)
            return wk__fail(plan->ctx, WK_ESHAPE, "plan_run", "input %" PRId32 " has no dimension %" PRId32, d->input,
                            d->dim),
                   false;
        if (i > 0 && a->dims[d->dim] != *number)
            return wk__fail(plan->ctx, WK_ESHAPE, "plan_run",
                            "trips differ: %" PRId64 " in dimension %" PRId32 " of input %" PRId32 ", %" PRId64
                            " before",
                            a->dims[d->dim], d->dim, d->input, *number),
                   false;
        *number = a->dims[d->dim];
    }
    return true;
}

static bool take_arguments(wk_plan *plan, wk_tensor *const *inputs) {
    for (int32_t i = 0; i < plan->step.in_count; i++)
        if (!take_argument(plan, i, inputs[i])) return false;
    const wk_plan_options *o = &plan->options;
    return find_number(plan, o->trips, o->trip_count, &plan->trips.T) &&
           find_number(plan, o->second_trips, o->second_trip_count, &plan->trips.S);
}

/* ------------------------------------------------------------------------------------------------------ running --- */

static bool make_outputs(wk_plan *plan, const wk_program *p) {
    for (int32_t k = 0; k < plan->step.out_count; k++) {
        int64_t dims[WK_MAX_DIMS];
        for (int32_t d = 0; d < p->outputs[k].ndim; d++) dims[d] = wk__value_at(p->outputs[k].dims[d], plan->trips);
        plan->made[k] = wk__tensor_make(plan->ctx, p->outputs[k].dtype, p->outputs[k].ndim, dims);
        if (plan->made[k] == NULL) return wk__out_of_memory(plan->ctx, "plan_run"), false;
    }
    return true;
}

static void give_outputs(wk_plan *plan, bool fine, wk_tensor **outputs) {
    for (int32_t k = 0; k < plan->step.out_count; k++) {
        wk_tensor *t = plan->made[k];
        plan->made[k] = NULL;
        if (fine && t != NULL)
            t = wk__give_to_scope(t);
        else
            wk__unref(t), t = NULL;
        if (fine && t == NULL) wk__out_of_memory(plan->ctx, "plan_run");
        if (outputs != NULL) outputs[k] = t;
    }
}

/* Operations that a kernel calls in turn are the plan's, as they are in a recording: no hook sees them, and none is put
 * off. */
static bool run_bound(wk_plan *plan, const wk_bound *bound, wk_tensor *const *inputs) {
    wk_ctx *ctx = plan->ctx;
    const uint8_t paused = wk__watch_pause(ctx, WK__WATCH_OPS | WK__WATCH_BATCH);
    const bool fine = wk__bound_run(bound, ctx, inputs, plan->made);
    wk__watch_resume(ctx, paused);
    return fine;
}

static bool run_entry(wk_plan *plan, wk_plan_entry *entry, wk_tensor *const *inputs, wk_tensor **outputs) {
    if (!wk__inputs_apart(entry->program.base, inputs)) return false;
    wk_bound *bound = wk__entry_bound(plan, entry, plan->trips);
    bool fine = bound != NULL && make_outputs(plan, &entry->program);
    if (fine) {
        plan->last = entry;
        plan->last_nbytes = bound->buffer_nbytes;
        fine = run_bound(plan, bound, inputs);
        wk__note_writes(entry->program.base, inputs);
    }
    give_outputs(plan, fine, outputs);
    return fine;
}

/* In anomaly mode the function itself runs: it has operations that can be named, and elements to look at. */
static void call_function(wk_plan *plan, wk_tensor *const *inputs, wk_tensor **outputs) {
    const wk_scope scope = wk_scope_open();
    const wk_guest guest = wk__guest_begins(plan->ctx);
    const bool fine = plan->step.function(plan->step.user, inputs, outputs);
    wk__guest_ends(plan->ctx, guest, "plan_run");
    if (!fine && wk_ok()) wk__fail(plan->ctx, WK_EINVAL, "plan_run", "the step returned false");
    for (int32_t k = 0; k < plan->step.out_count; k++) outputs[k] = wk_yield(wk_clone(wk_detach(outputs[k])));
    wk_scope_close(scope);
}

wk_status wk_plan_run(wk_plan *plan, wk_tensor *const *inputs, wk_tensor **outputs) {
    wk_ctx *ctx = wk__ctx();
    for (int32_t k = 0; plan != NULL && outputs != NULL && k < plan->step.out_count; k++) outputs[k] = NULL;
    if (!wk__ready(ctx)) return wk__status(ctx);
    if (plan == NULL) return wk__fail(ctx, WK_EINVAL, "plan_run", "plan is NULL");
    if (inputs == NULL && plan->step.in_count > 0) return wk__fail(ctx, WK_EINVAL, "plan_run", "inputs are NULL");
    if (outputs == NULL && plan->step.out_count > 0) return wk__fail(ctx, WK_EINVAL, "plan_run", "outputs are NULL");
    if (plan->ctx != ctx) return wk__fail(ctx, WK_ECONTEXT, "plan_run", "the plan belongs to another context");
    if (wk__capture_refuses(ctx, "plan_run", "call its function")) return ctx->failure.status;
    if (plan->running)
        return wk__fail(ctx, WK_ESTATE, "plan_run", "the plan is running: an operation in it runs it again");
    wk__promises_keep(ctx); /* a recording would note them, a run could overwrite what they have to read */
    if (!wk_ok() || !take_arguments(plan, inputs)) return ctx->failure.status;
    plan->running = true;
    wk_plan_entry *entry = ctx->watch & WK__WATCH_ANOMALY ? NULL : wk__entry_for(plan);
    if (entry != NULL)
        run_entry(plan, entry, inputs, outputs);
    else if (ctx->watch & WK__WATCH_ANOMALY)
        call_function(plan, inputs, outputs);
    plan->running = false;
    return ctx->failure.status;
}

/* What is counted anew each time. */
static void measure(const wk_plan *plan, wk_plan_stats *s) {
    s->nbytes = (int64_t)plan->arena.nbytes;
    for (const wk_plan_entry *e = plan->entries; e != NULL; e = e->next) {
        s->entries++;
        s->nbytes += wk__entry_nbytes(e);
    }
    if (plan->last != NULL) s->kernels = plan->last->program.calls.count;
    s->buffer_nbytes = (int64_t)plan->last_nbytes;
}

void wk_plan_stats_of(const wk_plan *plan, wk_plan_stats *stats) {
    if (stats == NULL || stats->size < sizeof stats->size) return;
    wk_plan_stats s = plan != NULL ? plan->stats : (wk_plan_stats)WK_PLAN_STATS;
    if (plan != NULL) measure(plan, &s);
    s.size = stats->size;
    memcpy(stats, &s, stats->size < sizeof s ? stats->size : sizeof s);
}
