/* entry.c -- finding what was recorded for some shapes, recording it, and letting it go. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

/* ------------------------------------------------------------------------------------------------------ finding --- */

static bool is_trip(const wk_plan *plan, int32_t input, int32_t dim) {
    for (int32_t i = 0; i < plan->options.trip_count; i++)
        if (plan->options.trips[i].input == input && plan->options.trips[i].dim == dim) return true;
    return false;
}

static bool same_argument(const wk_plan *plan, const wk_plan_entry *entry, int32_t i) {
    const wk_plan_argument *a = &entry->arguments[i], *b = &plan->arguments[i];
    if (a->present != b->present) return false;
    if (!a->present) return true;
    if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
    for (int32_t d = 0; d < a->ndim; d++)
        if (a->dims[d] != b->dims[d] && !(entry->folded && is_trip(plan, i, d))) return false;
    return true;
}

/* Whether there are gradients already decides whether the step sets them or adds to them. */
static bool same_presence(const wk_plan_entry *entry) {
    const wk_growing *leaves = &entry->program.base->leaves;
    for (int64_t i = 0; i < leaves->count; i++) {
        const wk_plan_leaf *leaf = &WK_ITEMS(const wk_plan_leaf, *leaves)[i];
        if (leaf->matters && leaf->tensor->meta->has_grad != leaf->had) return false;
    }
    return true;
}

static bool fits(const wk_plan *plan, const wk_plan_entry *entry) {
    if (entry->folded && plan->T < 1) return false;
    for (int32_t i = 0; i < plan->step.in_count; i++)
        if (!same_argument(plan, entry, i)) return false;
    return same_presence(entry);
}

/* The entry, or one beside it that is for this number of trips alone; NULL when it fits neither. */
static wk_plan_entry *one_that_fits(const wk_plan *plan, wk_plan_entry *entry) {
    if (!fits(plan, entry)) return NULL;
    for (wk_plan_entry *other = entry->others; other != NULL; other = other->next)
        if (fits(plan, other)) return other;
    return entry;
}

/* The one found becomes the first. */
static wk_plan_entry *find(wk_plan *plan) {
    for (wk_plan_entry **at = &plan->entries; *at != NULL; at = &(*at)->next) {
        wk_plan_entry *entry = *at, *found = one_that_fits(plan, entry);
        if (found == NULL) continue;
        *at = entry->next;
        entry->next = plan->entries;
        plan->entries = entry;
        return found;
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------- recording --- */

/* The arguments of the running call with T trips. */
static void set_arguments(const wk_plan *plan, int64_t T, wk_plan_argument *arguments) {
    for (int32_t i = 0; i < plan->step.in_count; i++) {
        arguments[i] = plan->arguments[i];
        for (int32_t d = 0; arguments[i].present && d < arguments[i].ndim; d++)
            if (is_trip(plan, i, d)) arguments[i].dims[d] = T;
    }
}

/* A recording for these arguments. */
static wk_recording *record(wk_plan *plan, const wk_plan_argument *arguments, int32_t number) {
    wk_recording *r = malloc(sizeof *r);
    if (r == NULL) return wk__fail(plan->ctx, WK_ENOMEM, "plan_run", "out of memory"), NULL;
    if (wk__plan_record(r, plan->ctx, &plan->step, arguments, number)) return r;
    wk__recording_free(r);
    free(r);
    return NULL;
}

/* The same for other numbers of trips than the one at hand. The step may fail there, which is nobody's failure. */
static wk_recording *record_trips(wk_plan *plan, wk_plan_entry *entry, int64_t T, int32_t number) {
    set_arguments(plan, T, entry->arguments);
    wk_recording *r = record(plan, entry->arguments, number);
    if (r == NULL && wk__status(plan->ctx) != WK_ENOMEM) wk_check(NULL);
    return r;
}

/* Runs after which one looks again whether the step does the same: a dry recording takes as long as some ten steps. */
enum { FIRST_CHECK = 10, CHECKS_APART = 10 };

static wk_plan_entry *entry_new(wk_plan *plan, wk_plan_entry **list) {
    wk_plan_entry *entry = calloc(1, sizeof *entry);
    if (entry != NULL) entry->arguments = calloc((size_t)plan->step.in_count + 1, sizeof *entry->arguments);
    if (entry == NULL || entry->arguments == NULL) {
        free(entry);
        wk__fail(plan->ctx, WK_ENOMEM, "plan_run", "out of memory");
        return NULL;
    }
    entry->checks_left = plan->options.checks;
    entry->next_check = plan->options.checks > 0 ? FIRST_CHECK : INT64_MAX;
    entry->modes = plan->ctx->modes;
    entry->next = *list;
    return *list = entry;
}

static void recording_drop(wk_recording *r) {
    if (r == NULL) return;
    wk__recording_free(r);
    free(r);
}

/* Does the step do the same again, with other numbers in memory? */
static bool agrees(wk_plan *plan, const wk_plan_entry *entry, const wk_recording *r, int32_t number) {
    wk_recording *again = record(plan, entry->arguments, number);
    const bool fine = again != NULL && wk__recordings_agree(r, again);
    recording_drop(again);
    return fine;
}

/* Numbers of trips that a program is made of, and those that it is tried on. */
static const int64_t base_trips[] = {9, 12, 16};
enum { MANY_CALLS = 10000 }; /* of loops in loops: a larger T would take long, and tell no more */
static const int64_t small_trips[] = {1, 2, 3, 4, 5, 6, 7, 8}, large_trips[] = {30, 101};
#define COUNT(array) ((int32_t)(sizeof(array) / sizeof *(array)))

static bool capture_single(wk_plan *plan, wk_plan_entry *entry, int64_t T) {
    set_arguments(plan, T, entry->arguments);
    wk_recording *r = record(plan, entry->arguments, 1);
    if (r != NULL && agrees(plan, entry, r, 2) && wk__program_fold(&entry->program, &r, &T, 1)) return true;
    recording_drop(r);
    return false;
}

/* Is the program right for T? False also where the step fails. *calls: how many it makes. */
static bool is_right(wk_plan *plan, wk_plan_entry *entry, int64_t T, int64_t *calls) {
    wk_recording *r = record_trips(plan, entry, T, (int32_t)T);
    const bool right = r != NULL && wk__program_matches(&entry->program, T, r);
    *calls = r != NULL ? r->calls.count : 0;
    recording_drop(r);
    return right;
}

/* A few trips may be too few for the loops of the program; then they get an entry of their own beside it. */
static bool try_few(wk_plan *plan, wk_plan_entry *entry, int64_t T) {
    int64_t calls;
    if (is_right(plan, entry, T, &calls)) return true;
    wk_plan_entry *other = wk_ok() ? entry_new(plan, &entry->others) : NULL;
    if (other == NULL) return false;
    if (capture_single(plan, other, T)) return true;
    wk__entry_drop(plan, &entry->others);
    if (T == plan->T || wk__status(plan->ctx) == WK_ENOMEM) return false;
    wk_check(NULL);
    return true;
}

static bool try_program(wk_plan *plan, wk_plan_entry *entry) {
    int64_t calls = 0;
    for (int32_t i = 0; i < COUNT(large_trips) && calls < MANY_CALLS; i++)
        if (!is_right(plan, entry, large_trips[i], &calls)) return false;
    for (int32_t i = 0; i < COUNT(small_trips); i++)
        if (!try_few(plan, entry, small_trips[i])) return false;
    set_arguments(plan, base_trips[0], entry->arguments);
    return true;
}

/* One program for every number of trips. False when there is none, or recording fails. */
static bool fold(wk_plan *plan, wk_plan_entry *entry) {
    wk_recording *r[COUNT(base_trips)] = {NULL};
    bool fine = true;
    for (int32_t i = COUNT(base_trips); fine && i-- > 0;) {
        r[i] = record_trips(plan, entry, base_trips[i], i + 1);
        fine = r[i] != NULL;
    }
    fine = fine && agrees(plan, entry, r[0], 2) && wk__program_fold(&entry->program, r, base_trips, COUNT(base_trips));
    for (int32_t i = fine ? 1 : 0; i < COUNT(base_trips); i++) recording_drop(r[i]);
    entry->folded = fine;
    return fine && try_program(plan, entry);
}

/* ---------------------------------------------------------------------------------------------------- the cache --- */

void wk__entry_drop(wk_plan *plan, wk_plan_entry **at) {
    wk_plan_entry *entry = *at;
    *at = entry->next;
    if (plan->last == entry) plan->last = NULL;
    while (entry->others != NULL) wk__entry_drop(plan, &entry->others);
    wk__bound_free(&entry->bound);
    wk__program_free(&entry->program);
    free(entry->arguments);
    free(entry);
}

static void evict(wk_plan *plan) {
    int32_t kept = 0;
    for (wk_plan_entry **at = &plan->entries; *at != NULL;) {
        if (kept++ < plan->options.capacity) {
            at = &(*at)->next;
            continue;
        }
        wk__entry_drop(plan, at);
        plan->stats.evictions++;
    }
}

static bool refuse_other(const wk_plan *plan) {
    const wk_plan_entry *entry = plan->entries;
    for (int32_t i = 0; i < plan->step.in_count; i++) {
        const wk_plan_argument *was = &entry->arguments[i], *is = &plan->arguments[i];
        wk_shape_text ti, tw;
        if (same_argument(plan, entry, i)) continue;
        if (!was->present || !is->present)
            wk__fail(plan->ctx, WK_ESHAPE, "plan_run", "input %" PRId32 " is %s, and the plan was made %s it", i,
                     is->present ? "there" : "absent", was->present ? "with" : "without");
        else
            wk__fail(plan->ctx, WK_ESHAPE, "plan_run", "input %" PRId32 " is %s %s, and the plan was made for %s %s", i,
                     wk_dtype_name(is->dtype), wk__shape_text(&ti, is->ndim, is->dims), wk_dtype_name(was->dtype),
                     wk__shape_text(&tw, was->ndim, was->dims));
        return false;
    }
    wk__fail(plan->ctx, WK_ESTATE, "plan_run", "other gradients are present than when the plan was made");
    return false;
}

static bool capture_folded(wk_plan *plan) {
    wk_plan_entry *entry = entry_new(plan, &plan->entries);
    if (entry != NULL && fold(plan, entry)) return true;
    if (entry != NULL) wk__entry_drop(plan, &plan->entries);
    return false;
}

/* Records for all numbers of trips, if that can be, else for the one at hand. False when it fails. */
static bool capture(wk_plan *plan) {
    const bool folds = plan->options.trip_count > 0 && plan->T > 0 && !plan->unfoldable;
    plan->stats.captures++;
    if (folds && capture_folded(plan)) return true;
    plan->unfoldable |= folds;
    plan->stats.unfolded += plan->options.trip_count > 0;
    wk_plan_entry *entry = wk_ok() ? entry_new(plan, &plan->entries) : NULL;
    if (entry != NULL && capture_single(plan, entry, plan->T)) return true;
    if (entry != NULL) wk__entry_drop(plan, &plan->entries);
    return false;
}

/* The step does something else because of a mode: the failure says so. */
static void blame_modes(wk_ctx *ctx) {
    wk_error e;
    if (ctx->failure.status != WK_ESTATE) return;
    wk_check(&e);
    wk__fail(ctx, WK_ESTATE, e.op,
             "%s; a module was put into another mode, or a parameter frozen or thawed, since: have a plan for each",
             e.message + strlen(e.op) + strlen(": "));
}

/* The next runs record once more; and so, ever more seldom, do later ones, which a number that is changed by and by
 * does not escape. */
static bool is_due(const wk_plan *plan, const wk_plan_entry *entry) {
    return entry->checks_left > 0 || entry->runs >= entry->next_check || entry->modes != plan->ctx->modes;
}

/* Looks, where it is time, or the first time in other modes, whether the program still does the same. */
static bool check(wk_plan *plan, wk_plan_entry *entry) {
    entry->runs++;
    if (wk_likely(!is_due(plan, entry))) return true;
    if (entry->checks_left > 0) entry->checks_left--;
    if (!agrees(plan, entry, entry->program.base, 3)) {
        if (entry->modes != plan->ctx->modes) blame_modes(plan->ctx);
        return false;
    }
    while (entry->next_check <= entry->runs) entry->next_check *= CHECKS_APART;
    entry->modes = plan->ctx->modes;
    return true;
}

wk_plan_entry *wk__entry_for(wk_plan *plan) {
    wk_plan_entry *entry = find(plan);
    if (wk_likely(entry != NULL)) {
        plan->stats.hits++;
        return check(plan, entry) ? entry : NULL;
    }
    if (plan->options.frozen && plan->entries != NULL) return refuse_other(plan), NULL;
    if (!capture(plan)) return NULL;
    evict(plan);
    return one_that_fits(plan, plan->entries);
}

wk_bound *wk__entry_bound(wk_plan *plan, wk_plan_entry *entry, int64_t T) {
    wk_bound *bound = &entry->bound;
    const bool ready = bound->moves == plan->arena.moves && bound->moves > 0 && bound->T == T;
    if (wk_unlikely(!ready) && !wk__plan_bind(bound, &entry->program, T, plan->ctx, &plan->arena)) return NULL;
    if (entry->program.hoisted > 0) wk__bound_constants(bound, &entry->program);
    return bound;
}

static int64_t list_nbytes(const wk_growing *g, size_t each) { return g->capacity * (int64_t)each; }

int64_t wk__entry_nbytes(const wk_plan_entry *entry) {
    const wk_program *p = &entry->program;
    return (int64_t)sizeof *entry + list_nbytes(&p->calls, sizeof(wk_recorded_call)) +
           list_nbytes(&p->formulas, sizeof(wk_formula)) + list_nbytes(&p->loops, sizeof(wk_plan_loop)) +
           list_nbytes(&p->families, sizeof(wk_plan_family)) + wk__bound_nbytes(&entry->bound);
}
