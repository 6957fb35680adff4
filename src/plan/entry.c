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

static bool same_argument(const wk_plan *plan, const wk_entry *entry, int32_t i) {
    const wk_argument *a = &entry->arguments[i], *b = &plan->arguments[i];
    if (a->present != b->present) return false;
    if (!a->present) return true;
    if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
    for (int32_t d = 0; d < a->ndim; d++)
        if (a->dims[d] != b->dims[d] && !(entry->folded && is_trip(plan, i, d))) return false;
    return true;
}

/* Whether there are gradients already decides whether the step sets them or adds to them. */
static bool same_presence(const wk_entry *entry) {
    const wk_growing *leaves = &entry->program.base->leaves;
    for (int64_t i = 0; i < leaves->count; i++) {
        const wk_leaf *leaf = &WK_ITEMS(const wk_leaf, *leaves)[i];
        if (leaf->matters && leaf->tensor->meta->has_grad != leaf->had) return false;
    }
    return true;
}

static bool fits(const wk_plan *plan, const wk_entry *entry) {
    if (entry->folded && (plan->T < 1 || (plan->T < 64 && (entry->except >> plan->T & 1)))) return false;
    for (int32_t i = 0; i < plan->step.in_count; i++)
        if (!same_argument(plan, entry, i)) return false;
    return same_presence(entry);
}

/* The one found becomes the first. */
static wk_entry *find(wk_plan *plan) {
    for (wk_entry **at = &plan->entries; *at != NULL; at = &(*at)->next) {
        wk_entry *entry = *at;
        if (!fits(plan, entry)) continue;
        *at = entry->next;
        entry->next = plan->entries;
        return plan->entries = entry;
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------- recording --- */

/* A recording for T trips, its own owner. */
static wk_recording *record(wk_plan *plan, int64_t T, int32_t number) {
    wk_recording *r = malloc(sizeof *r);
    wk_argument *arguments = malloc(((size_t)plan->step.in_count + 1) * sizeof *arguments);
    bool fine = r != NULL && arguments != NULL;
    if (!fine) wk__fail(plan->ctx, WK_ENOMEM, "plan_run", "out of memory");
    for (int32_t i = 0; fine && i < plan->step.in_count; i++) {
        arguments[i] = plan->arguments[i];
        for (int32_t d = 0; d < arguments[i].ndim; d++)
            if (is_trip(plan, i, d)) arguments[i].dims[d] = T;
    }
    if (fine && !wk__record(r, plan->ctx, &plan->step, arguments, number)) {
        wk__recording_free(r);
        fine = false;
    }
    free(arguments);
    if (fine) return r;
    free(r);
    return NULL;
}

static void recording_drop(wk_recording *r) {
    if (r == NULL) return;
    wk__recording_free(r);
    free(r);
}

/* Does the step do the same again, with other numbers in memory? */
static bool agrees(wk_plan *plan, const wk_recording *r, int64_t T, int32_t number) {
    wk_recording *again = record(plan, T, number);
    const bool fine = again != NULL && wk__recordings_agree(r, again);
    recording_drop(again);
    return fine;
}

/* Is the program right for T? False also when recording fails. */
static bool is_right(wk_plan *plan, const wk_program *p, int64_t T) {
    wk_recording *r = record(plan, T, (int32_t)T);
    const bool right = r != NULL && wk__program_matches(p, T, r);
    recording_drop(r);
    return right;
}

/* Numbers of trips that a program is made of, and those that it is tried on. */
static const int64_t base_trips[] = {9, 12, 16};
static const int64_t small_trips[] = {1, 2, 3, 4, 5, 6, 7, 8}, large_trips[] = {30, 101};
#define COUNT(array) ((int32_t)(sizeof(array) / sizeof *(array)))

static bool try_program(wk_plan *plan, wk_entry *entry) {
    for (int32_t i = 0; i < COUNT(large_trips); i++)
        if (!is_right(plan, &entry->program, large_trips[i])) return false;
    for (int32_t i = 0; i < COUNT(small_trips) && wk_ok(); i++)
        if (!is_right(plan, &entry->program, small_trips[i])) entry->except |= UINT64_C(1) << small_trips[i];
    return wk_ok();
}

/* One program for every number of trips. False when there is none, or recording fails. */
static bool fold(wk_plan *plan, wk_entry *entry) {
    wk_recording *r[COUNT(base_trips)] = {NULL};
    bool fine = true;
    for (int32_t i = 0; fine && i < COUNT(base_trips); i++) {
        r[i] = record(plan, base_trips[i], i + 1);
        fine = r[i] != NULL;
    }
    fine = fine && agrees(plan, r[0], base_trips[0], 2) &&
           wk__program_fold(&entry->program, r, base_trips, COUNT(base_trips));
    for (int32_t i = fine ? 1 : 0; i < COUNT(base_trips); i++) recording_drop(r[i]);
    if (!fine) return false;
    entry->folded = true;
    if (try_program(plan, entry)) return true;
    wk__program_free(&entry->program);
    return entry->folded = false;
}

static bool capture_single(wk_plan *plan, wk_entry *entry) {
    wk_recording *r = record(plan, plan->T, 1);
    if (r != NULL && agrees(plan, r, plan->T, 2) && wk__program_fold(&entry->program, &r, &plan->T, 1)) return true;
    recording_drop(r);
    return false;
}

/* ---------------------------------------------------------------------------------------------------- the cache --- */

void wk__entry_drop(wk_plan *plan, wk_entry **at) {
    wk_entry *entry = *at;
    *at = entry->next;
    if (plan->last == entry) plan->last = NULL;
    for (int32_t i = 0; i < WK__BOUNDS; i++) wk__bound_free(&entry->bounds[i]);
    wk__program_free(&entry->program);
    free(entry->arguments);
    free(entry);
}

static void evict(wk_plan *plan) {
    int32_t kept = 0;
    for (wk_entry **at = &plan->entries; *at != NULL;) {
        if (kept++ < plan->options.capacity) {
            at = &(*at)->next;
            continue;
        }
        wk__entry_drop(plan, at);
        plan->stats.evictions++;
    }
}

static bool refuse_other(const wk_plan *plan) {
    const wk_entry *entry = plan->entries;
    for (int32_t i = 0; i < plan->step.in_count; i++) {
        const wk_argument *was = &entry->arguments[i], *is = &plan->arguments[i];
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

static wk_entry *entry_new(wk_plan *plan) {
    wk_entry *entry = calloc(1, sizeof *entry);
    if (entry != NULL) entry->arguments = calloc((size_t)plan->step.in_count + 1, sizeof *entry->arguments);
    if (entry == NULL || entry->arguments == NULL) {
        free(entry);
        wk__fail(plan->ctx, WK_ENOMEM, "plan_run", "out of memory");
        return NULL;
    }
    entry->checks_left = plan->options.checks;
    memcpy(entry->arguments, plan->arguments, (size_t)plan->step.in_count * sizeof *entry->arguments);
    entry->next = plan->entries;
    return plan->entries = entry;
}

static bool capture_folded(wk_plan *plan) {
    wk_entry *entry = entry_new(plan);
    if (entry != NULL && fold(plan, entry)) return true;
    if (entry != NULL) wk__entry_drop(plan, &plan->entries);
    return false;
}

/* Records for all numbers of trips, if that can be, else for the one at hand. False when it fails. */
static bool capture(wk_plan *plan) {
    const bool folds = plan->options.trip_count > 0 && plan->T > 0 && !plan->unfoldable;
    plan->stats.captures++;
    if (folds && capture_folded(plan) && fits(plan, plan->entries)) return true;
    plan->unfoldable |= folds && (plan->entries == NULL || !plan->entries->folded);
    plan->stats.unfolded += plan->options.trip_count > 0;
    wk_entry *entry = wk_ok() ? entry_new(plan) : NULL;
    if (entry != NULL && capture_single(plan, entry)) return true;
    if (entry != NULL) wk__entry_drop(plan, &plan->entries);
    return false;
}

/* A later run records once more, and looks whether the program still does the same. */
static bool check(wk_plan *plan, wk_entry *entry) {
    if (wk_likely(entry->checks_left <= 0)) return true;
    entry->checks_left--;
    return agrees(plan, entry->program.base, entry->program.base_T, 3);
}

wk_entry *wk__entry_for(wk_plan *plan) {
    wk_entry *entry = find(plan);
    if (wk_likely(entry != NULL)) {
        plan->stats.hits++;
        return check(plan, entry) ? entry : NULL;
    }
    if (plan->options.frozen && plan->entries != NULL) return refuse_other(plan), NULL;
    if (!capture(plan)) return NULL;
    evict(plan);
    return plan->entries;
}

wk_bound *wk__entry_bound(wk_plan *plan, wk_entry *entry, int64_t T) {
    wk_bound *bound = &entry->bounds[T % WK__BOUNDS];
    if (wk_likely(bound->moves == plan->arena.moves && bound->moves > 0 && bound->T == T)) return bound;
    return wk__bind(bound, &entry->program, T, plan->ctx, &plan->arena) ? bound : NULL;
}

static int64_t list_nbytes(const wk_growing *g, size_t each) { return g->capacity * (int64_t)each; }

int64_t wk__entry_nbytes(const wk_entry *entry) {
    const wk_program *p = &entry->program;
    int64_t nbytes = (int64_t)sizeof *entry + list_nbytes(&p->calls, sizeof(wk_recorded_call)) +
                     list_nbytes(&p->formulas, sizeof(wk_formula)) + list_nbytes(&p->loops, sizeof(wk_loop)) +
                     list_nbytes(&p->families, sizeof(wk_family));
    for (int32_t i = 0; i < WK__BOUNDS; i++) {
        const wk_bound *b = &entry->bounds[i];
        nbytes += list_nbytes(&b->steps, sizeof(wk_bound_step)) + list_nbytes(&b->words, sizeof(wk_word)) +
                  list_nbytes(&b->loops, sizeof(wk_bound_loop)) + list_nbytes(&b->bumps, sizeof(wk_bump)) +
                  list_nbytes(&b->patches, sizeof(wk_patch));
    }
    return nbytes;
}
