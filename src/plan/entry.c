/* entry.c -- finding what was recorded for some shapes, recording it, and letting it go. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/known.h"
#include "plan/plan.h"

/* ------------------------------------------------------------------------------------------------------ finding --- */

static bool is_among(const wk_plan_dim *dims, int32_t count, int32_t input, int32_t dim) {
    for (int32_t i = 0; i < count; i++)
        if (dims[i].input == input && dims[i].dim == dim) return true;
    return false;
}

bool wk__is_T(const wk_plan *plan, int32_t input, int32_t dim) {
    return is_among(plan->options.trips, plan->options.trip_count, input, dim);
}

bool wk__is_S(const wk_plan *plan, int32_t input, int32_t dim) {
    return is_among(plan->options.second_trips, plan->options.second_trip_count, input, dim);
}

static bool serves_any(const wk_plan *plan, const wk_plan_entry *entry, int32_t input, int32_t dim) {
    return (entry->folds_T && wk__is_T(plan, input, dim)) || (entry->folds_S && wk__is_S(plan, input, dim));
}

static bool same_argument(const wk_plan *plan, const wk_plan_entry *entry, int32_t i) {
    const wk_plan_argument *a = &entry->arguments[i], *b = &plan->arguments[i];
    if (a->present != b->present) return false;
    if (!a->present) return true;
    if (a->dtype != b->dtype || a->ndim != b->ndim) return false;
    for (int32_t d = 0; d < a->ndim; d++)
        if (a->dims[d] != b->dims[d] && !serves_any(plan, entry, i, d)) return false;
    return true;
}

/* Whether there are gradients already decides whether the step sets them or adds to them. */
static bool same_presence(const wk_plan_entry *entry) {
    if (entry->fails) return true;
    const wk_growing *leaves = &entry->program.base->leaves;
    for (int64_t i = 0; i < leaves->count; i++) {
        const wk_plan_leaf *leaf = &WK_ITEMS(const wk_plan_leaf, *leaves)[i];
        if (leaf->matters && leaf->tensor->meta->has_grad != leaf->had) return false;
    }
    return true;
}

static bool fits(const wk_plan *plan, const wk_plan_entry *entry) {
    if ((entry->folds_T && plan->trips.T < 1) || (entry->folds_S && plan->trips.S < 1)) return false;
    for (int32_t i = 0; i < plan->step.in_count; i++)
        if (!same_argument(plan, entry, i)) return false;
    return same_presence(entry);
}

/* The entry, or one beside it that is for fewer numbers of trips; NULL when it fits neither. */
static wk_plan_entry *one_that_fits(const wk_plan *plan, wk_plan_entry *entry) {
    if (!fits(plan, entry)) return NULL;
    for (wk_plan_entry *other = entry->others; other != NULL; other = other->next) {
        wk_plan_entry *found = one_that_fits(plan, other);
        if (found != NULL) return found;
    }
    return entry;
}

/* The modes that the step would run in: modules in training or not, parameters frozen or not, what they have since been
 * joined by, and whether anything is recorded for backward. */
static uint64_t modes_of(const wk_ctx *ctx) {
    return ctx->grad_enabled ? ctx->modes : wk__modes_but(ctx->modes, &ctx->grad_enabled);
}

/* Is an entry that fits the one? */
typedef bool takes_entry(wk_plan *plan, wk_plan_entry *entry);

static bool has_these_modes(wk_plan *plan, wk_plan_entry *entry) {
    const uint64_t modes = modes_of(plan->ctx);
    for (entry->mode = 0; entry->mode < entry->mode_count && entry->mode < WK__MOST_MODES; entry->mode++)
        if (entry->modes[entry->mode] == modes) return true;
    return false;
}

/* Numbers of trips are compared with the step in each mode; what is known of one that is forgotten must be, too. */
static void note_modes(const wk_plan *plan, wk_plan_entry *entry) {
    entry->mode = entry->mode_count++ % WK__MOST_MODES;
    entry->modes[entry->mode] = modes_of(plan->ctx);
    if (entry->mode_count > WK__MOST_MODES) wk__growing_free(&entry->verdicts);
}

/* The one found becomes the first. *alone becomes true where there is one that serves other numbers of trips, and not
 * these. */
static wk_plan_entry *find(wk_plan *plan, takes_entry *takes, bool *alone) {
    for (wk_plan_entry **at = &plan->entries; *at != NULL && wk_ok(); at = &(*at)->next) {
        wk_plan_entry *entry = *at, *found = one_that_fits(plan, entry);
        *alone |= found != NULL && found->fails;
        if (found == NULL || found->fails || !takes(plan, found)) continue;
        if (wk_unlikely(!wk__entry_reaches(plan, found))) {
            *alone = true;
            continue;
        }
        *at = entry->next;
        entry->next = plan->entries;
        plan->entries = entry;
        return found;
    }
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------- the cache --- */

/* Runs after which one looks again whether the step does the same: a dry recording takes as long as some ten steps. */
enum { FIRST_CHECK = 10, CHECKS_APART = 10 };

wk_plan_entry *wk__entry_new(wk_plan *plan, wk_plan_entry **list) {
    wk_plan_entry *entry = calloc(1, sizeof *entry);
    if (entry != NULL) entry->arguments = calloc((size_t)plan->step.in_count + 1, sizeof *entry->arguments);
    if (entry == NULL || entry->arguments == NULL) {
        free(entry);
        wk__out_of_memory(plan->ctx, "plan_run");
        return NULL;
    }
    entry->checks_left = plan->options.checks;
    entry->next_check = plan->options.checks > 0 ? FIRST_CHECK : INT64_MAX;
    note_modes(plan, entry);
    entry->next = *list;
    return *list = entry;
}

void wk__entry_drop(wk_plan *plan, wk_plan_entry **at) {
    wk_plan_entry *entry = *at;
    *at = entry->next;
    if (plan->last == entry) plan->last = NULL;
    while (entry->others != NULL) wk__entry_drop(plan, &entry->others);
    wk__bound_free(&entry->bound);
    wk__program_free(&entry->program);
    wk__growing_free(&entry->verdicts);
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
    if (one_that_fits(plan, plan->entries) != NULL)
        wk__fail(plan->ctx, WK_ESTATE, "plan_run",
                 "with so many trips (%" PRId64 ") the step does something else than with those it was recorded for: "
                 "have a plan for each, that is not frozen or has no trips",
                 plan->trips.T);
    else wk__fail(plan->ctx, WK_ESTATE, "plan_run", "other gradients are present than when the plan was made");
    return false;
}

/* What is known to be in vain is not tried again. */
static bool capture_folded(wk_plan *plan) {
    static const wk_way_to_fold ways[] = {
        {.T = true, .S = true}, {.T = true}, {.S = true}, {.T = true, .apart = true}, {.S = true, .apart = true}};
    const bool has_T = plan->options.trip_count > 0 && plan->trips.T > 0;
    const bool has_S = plan->options.second_trip_count > 0 && plan->trips.S > 0;
    for (; plan->in_vain < (int32_t)(sizeof ways / sizeof *ways); plan->in_vain++) {
        const wk_way_to_fold way = ways[plan->in_vain];
        if ((way.T && !has_T) || (way.S && !has_S)) continue;
        wk_plan_entry *entry = wk__entry_new(plan, &plan->entries);
        if (entry != NULL && wk__capture_folded(plan, entry, plan->trips, way)) return true;
        if (entry != NULL) wk__entry_drop(plan, &plan->entries);
        if (!wk_ok()) return false;
    }
    return false;
}

/* Records for all numbers of trips, if that can be, else for those at hand. False when it fails. */
static bool capture(wk_plan *plan, bool alone) {
    plan->stats.captures++;
    if (!alone && capture_folded(plan)) return true;
    plan->stats.unfolded += plan->options.trip_count + plan->options.second_trip_count > 0;
    wk_plan_entry *entry = wk_ok() ? wk__entry_new(plan, &plan->entries) : NULL;
    if (entry != NULL && wk__capture_single(plan, entry, plan->trips, false)) return true;
    if (entry != NULL) wk__entry_drop(plan, &plan->entries);
    return false;
}

/* The step does something else because of a mode: the failure says so. */
static void blame_modes(wk_ctx *ctx) {
    wk_error e;
    if (ctx->failure.status != WK_ESTATE) return;
    wk_check(&e);
    wk__fail(
        ctx, WK_ESTATE, e.op,
        "%s; a module was put into another mode, or joined by another, or a parameter frozen or thawed, since: have "
        "a plan for each",
        e.message + strlen(e.op) + strlen(": "));
}

/* Does the step do in these modes what it did in those of the entry? Where not, or where it fails, it will be recorded
 * for these, too, unless the plan is frozen. One that has these modes was looked at before. */
static bool does_the_same(wk_plan *plan, wk_plan_entry *entry) {
    if (has_these_modes(plan, entry)) return false;
    if (wk__step_agrees(plan, entry, entry->program.base, 3)) {
        note_modes(plan, entry);
        return true;
    }
    if (plan->options.frozen)
        blame_modes(plan->ctx);
    else if (wk__status(plan->ctx) != WK_ENOMEM)
        wk_check(NULL);
    return false;
}

/* The next runs record once more; and so, ever more seldom, do later ones, which a number that is changed by and by
 * does not escape. */
static bool is_due(const wk_plan_entry *entry) { return entry->checks_left > 0 || entry->runs >= entry->next_check; }

/* Looks, where it is time, whether the program still does the same; where not, the next run looks again. */
static bool check(wk_plan *plan, wk_plan_entry *entry) {
    entry->runs++;
    if (wk_likely(!is_due(entry))) return true;
    if (!wk__step_agrees(plan, entry, entry->program.base, 3)) return false;
    if (entry->checks_left > 0) entry->checks_left--;
    while (entry->next_check <= entry->runs) entry->next_check *= CHECKS_APART;
    return true;
}

/* What serves all numbers of trips that it was tried on may not serve those at hand. */
static wk_plan_entry *capture_at_hand(wk_plan *plan, bool alone) {
    if (!capture(plan, alone)) return NULL;
    wk_plan_entry *entry = one_that_fits(plan, plan->entries);
    if (entry != NULL && !wk__entry_reaches(plan, entry)) entry = wk_ok() && capture(plan, true) ? plan->entries : NULL;
    if (wk_ok()) evict(plan);
    return entry;
}

wk_plan_entry *wk__entry_for(wk_plan *plan) {
    bool alone = false;
    wk_plan_entry *entry = find(plan, has_these_modes, &alone);
    if (wk_unlikely(entry == NULL)) entry = find(plan, does_the_same, &alone);
    if (wk_likely(entry != NULL)) {
        plan->stats.hits++;
        return check(plan, entry) ? entry : NULL;
    }
    if (!wk_ok()) return NULL;
    if (plan->options.frozen && plan->entries != NULL) return refuse_other(plan), NULL;
    return capture_at_hand(plan, alone);
}

wk_bound *wk__entry_bound(wk_plan *plan, wk_plan_entry *entry, wk_trips t) {
    wk_bound *bound = &entry->bound;
    const bool ready = bound->moves == plan->arena.moves && bound->moves > 0 && bound->t.T == t.T && bound->t.S == t.S;
    if (wk_unlikely(!ready) && !wk__plan_bind(bound, &entry->program, t, plan->ctx, &plan->arena)) return NULL;
    if (entry->program.hoisted > 0) wk__bound_constants(bound, &entry->program);
    return bound;
}

int64_t wk__entry_nbytes(const wk_plan_entry *entry) {
    int64_t nbytes = (int64_t)sizeof *entry + wk__known_nbytes(&entry->verdicts) + wk__bound_nbytes(&entry->bound) +
                     wk__program_nbytes(&entry->program);
    for (const wk_plan_entry *other = entry->others; other != NULL; other = other->next)
        nbytes += wk__entry_nbytes(other);
    return nbytes;
}
