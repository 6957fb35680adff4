/* trips.c -- recording a step as often as there are questions: does it do the same each time, and is what it does at
 * some numbers of trips what it does at all? */
#include <stdlib.h>

#include "plan/known.h"
#include "plan/plan.h"

/* The arguments of the running call with so many trips. */
static void set_arguments(const wk_plan *plan, wk_trips t, wk_plan_argument *arguments) {
    for (int32_t i = 0; i < plan->step.in_count; i++) {
        arguments[i] = plan->arguments[i];
        for (int32_t d = 0; arguments[i].present && d < arguments[i].ndim; d++) {
            if (wk__is_T(plan, i, d)) arguments[i].dims[d] = t.T;
            if (wk__is_S(plan, i, d)) arguments[i].dims[d] = t.S;
        }
    }
}

static wk_dry_run dry_run(const wk_plan *plan, const wk_plan_entry *entry, int32_t number) {
    return (wk_dry_run){plan->ctx, &plan->step, entry->arguments, number, entry->apart};
}

/* A recording for the entry's arguments. */
static wk_recording *record(wk_plan *plan, const wk_plan_entry *entry, int32_t number) {
    wk_recording *r = malloc(sizeof *r);
    if (r == NULL) return wk__out_of_memory(plan->ctx, "plan_run"), NULL;
    const wk_dry_run run = dry_run(plan, entry, number);
    if (wk__plan_record(r, &run, NULL)) return r;
    wk__recording_free(r);
    free(r);
    return NULL;
}

/* The same for other numbers of trips than those at hand. The step may fail there, which is nobody's failure. */
static wk_recording *record_trips(wk_plan *plan, wk_plan_entry *entry, wk_trips t, int32_t number) {
    set_arguments(plan, t, entry->arguments);
    wk_recording *r = record(plan, entry, number);
    if (r == NULL && wk__status(plan->ctx) != WK_ENOMEM) wk_check(NULL);
    return r;
}

static void recording_drop(wk_recording *r) {
    if (r == NULL) return;
    wk__recording_free(r);
    free(r);
}

bool wk__step_agrees(wk_plan *plan, const wk_plan_entry *entry, const wk_recording *r, int32_t number) {
    wk_recording *again = record(plan, entry, number);
    const bool fine = again != NULL && wk__recordings_agree(r, again);
    recording_drop(again);
    return fine;
}

/* Rows are one call where that is known to be right. */
static bool merge(const wk_plan *plan, wk_program *p) {
    return wk__program_merge(p) || (wk__out_of_memory(plan->ctx, "plan_run"), false);
}

static bool has_loops(const wk_program *p) {
    bool any = false;
    for (int64_t l = 0; l < p->loops.count; l++) any |= !wk__is_once(wk__loop_at(p, l));
    return any;
}

/* The program with the loops that were found is written out again, unless it is right, and makes fewer calls, as it
 * does where rows of its loops have become one. There is but one number of trips to be tried. */
static bool choose_spelling(const wk_plan *plan, wk_plan_entry *entry, wk_trips t) {
    wk_program written_out, *p = &entry->program;
    const wk_dry_run run = dry_run(plan, entry, 3);
    int64_t calls;
    if (!has_loops(p)) return true;
    const bool right = wk__program_is_right(p, t, &run, &calls);
    if (!wk_ok() || (right && !merge(plan, p))) return false;
    if (!wk__program_fold(&written_out, &p->base, &t, 1, false)) return false;
    if (!right || wk__program_calls(p, t) >= wk__program_calls(&written_out, t)) {
        const wk_program with_loops = *p;
        *p = written_out;
        written_out = with_loops;
    }
    written_out.base = NULL; /* one of both holds it */
    wk__program_free(&written_out);
    return true;
}

bool wk__capture_single(wk_plan *plan, wk_plan_entry *entry, wk_trips t, bool beside) {
    set_arguments(plan, t, entry->arguments);
    wk_recording *r = record(plan, entry, 1);
    if (r != NULL && wk__step_agrees(plan, entry, r, 2) && wk__program_fold(&entry->program, &r, &t, 1, !beside))
        return choose_spelling(plan, entry, t);
    recording_drop(r);
    return false;
}

/* ------------------------------------------------------------------------------------------- tries of a program --- */

/* Numbers of trips that a program is made of (NOTE [Six points] in fit.c), and those that it is tried on: one of both
 * is far from all that it is made of. Few trips of one are tried beside a number of the other that is not few, and not
 * among those that the program is made of. */
enum { POINTS = 6, SMALL = 8, BOTH_SMALL = 4, LARGER = 101 };
static const int64_t base_T[] = {9, 10, 12}, base_S[] = {11, 14, 12};
static const wk_trips beside_small = {11, 9};

/* Gradients apart are for loops that begin late and end early, and need more trips. */
enum { MORE = 11 };
static int64_t more(const wk_plan_entry *entry) { return entry->apart ? MORE : 0; }

/* Of loops in loops more trips would take long, and tell no more. */
enum { MANY_CALLS = 6000, MANY_AT_FIRST = 1000 }; /* in all; in the recording that the program is made from */
static wk_trips large(const wk_plan_entry *entry) {
    if (entry->program.base->calls.count <= MANY_AT_FIRST) return (wk_trips){30, 23};
    return (wk_trips){15 + more(entry), 16 + more(entry)};
}

/* What is known of numbers of trips is a word of two bits for each mode: that the program is right, that it is not. */
static int64_t verdict(const wk_plan_entry *entry, bool right) {
    return INT64_C(1) << (entry->mode + (right ? 0 : WK__MOST_MODES));
}

/* Numbers that are too large for half a word are compared anew each time. */
static uint64_t word_of(wk_trips t) {
    return ((uint64_t)t.T | (uint64_t)t.S) >> 32 == 0 ? (uint64_t)t.T << 32 | (uint64_t)t.S : 0;
}

static int64_t verdicts_on(const wk_plan_entry *entry, wk_trips t) {
    const int64_t known = wk__known_find(&entry->verdicts, word_of(t));
    return known != WK__KNOWN_NOT ? known : 0;
}

static void note_verdict(wk_plan_entry *entry, wk_trips t, bool right) {
    if (word_of(t) != 0) wk__known_add(&entry->verdicts, word_of(t), verdicts_on(entry, t) | verdict(entry, right));
}

/* Is the program right for t? False also where the step fails, which is nobody's failure. *calls: how many it makes. */
static bool is_right(wk_plan *plan, wk_plan_entry *entry, wk_trips t, int64_t *calls) {
    set_arguments(plan, t, entry->arguments);
    const wk_dry_run run = dry_run(plan, entry, (int32_t)(t.T + t.S));
    const bool right = wk__program_is_right(&entry->program, t, &run, calls);
    if (wk__status(plan->ctx) == WK_ENOMEM) return false;
    wk_check(NULL);
    note_verdict(entry, t, right);
    return right;
}

/* A few trips may be too few for the loops of the program; then they get an entry of their own beside it, which may
 * serve all of the other number. If the step cannot be captured so, that is known of this entry. False when memory is
 * out, or the call at hand fails. */
static bool try_few(wk_plan *plan, wk_plan_entry *entry, wk_trips t, bool folds_T, bool folds_S) {
    const wk_trips probe = {folds_T ? beside_small.T : t.T, folds_S ? beside_small.S : t.S};
    int64_t calls;
    if (is_right(plan, entry, probe, &calls)) return true;
    wk_plan_entry *other = wk_ok() ? wk__entry_new(plan, &entry->others) : NULL;
    if (other == NULL) return false;
    const wk_way_to_fold way = {.T = folds_T, .S = folds_S, .beside = true};
    const bool fine =
        folds_T || folds_S ? wk__capture_folded(plan, other, t, way) : wk__capture_single(plan, other, t, true);
    if (fine) return true;
    const wk_trips now = plan->trips;
    const bool at_hand = (folds_T || now.T == t.T) && (folds_S || now.S == t.S);
    if (at_hand || wk__status(plan->ctx) == WK_ENOMEM) return false;
    wk_check(NULL);
    other->fails = true;
    set_arguments(plan, probe, other->arguments);
    return true;
}

/* Where T is small, and where S is; and where both are, or are equal, but for what has an entry by now. */
static bool try_few_of_both(wk_plan *plan, wk_plan_entry *entry) {
    bool own_T[SMALL + 1], own_S[SMALL + 1], fine = true;
    for (int64_t i = 1; fine && i <= SMALL; i++) {
        const wk_plan_entry *before = entry->others;
        fine = try_few(plan, entry, (wk_trips){i, 0}, false, true);
        own_T[i] = entry->others != before;
        before = entry->others;
        fine = fine && try_few(plan, entry, (wk_trips){0, i}, true, false);
        own_S[i] = entry->others != before;
    }
    for (int64_t i = 1; fine && i <= SMALL; i++)
        for (int64_t j = 1; fine && j <= SMALL; j++)
            if (i == j || (i <= BOTH_SMALL && j <= BOTH_SMALL))
                fine = own_T[i] || own_S[j] || try_few(plan, entry, (wk_trips){i, j}, false, false);
    return fine;
}

static bool try_small(wk_plan *plan, wk_plan_entry *entry, wk_trips t) {
    if (entry->folds_T && entry->folds_S) return try_few_of_both(plan, entry);
    for (int64_t i = 1; i <= SMALL + more(entry); i++)
        if (!try_few(plan, entry, entry->folds_T ? (wk_trips){i, t.S} : (wk_trips){t.T, i}, false, false)) return false;
    return true;
}

/* What is made for few trips of one number is tried on a large one of the other; that a still larger one makes no
 * difference, the entry that it stands beside has shown. */
static bool try_large(wk_plan *plan, wk_plan_entry *entry, wk_trips t, bool beside) {
    int64_t calls;
    const bool both = entry->folds_T && entry->folds_S;
    const wk_trips far = large(entry);
    const wk_trips first = {entry->folds_T ? far.T : t.T, entry->folds_S ? far.S : t.S};
    const wk_trips second = {entry->folds_T ? LARGER : t.T, both ? far.S : entry->folds_S ? LARGER : t.S};
    const wk_trips third = {far.T, LARGER};
    entry->shown = first;
    if (!is_right(plan, entry, first, &calls)) return false;
    if (beside || calls > MANY_CALLS) return true;
    if (!is_right(plan, entry, second, &calls)) return false;
    entry->shown = second;
    if (!both || calls > MANY_CALLS) return true;
    entry->shown = (wk_trips){LARGER, LARGER};
    entry->shown_pairs = third.T * third.S;
    return is_right(plan, entry, third, &calls);
}

/* ------------------------------------------------------------------------------------------------ each length --- */

static bool is_within(const wk_plan_entry *entry, wk_trips t) {
    if (entry->folds_T && entry->folds_S && t.T * t.S > entry->shown_pairs) return false;
    return (!entry->folds_T || t.T <= entry->shown.T) && (!entry->folds_S || t.S <= entry->shown.S);
}

/* With trust, a T that grows by one in each run is looked at a few times only: at twice as many, too, where that takes
 * no longer than the tries did. */
static void look_further(wk_plan *plan, wk_plan_entry *entry, int64_t calls) {
    const wk_trips t = plan->trips, twice = {entry->folds_T ? 2 * t.T : t.T, entry->folds_S ? 2 * t.S : t.S};
    const wk_trips most = calls <= MANY_CALLS && is_right(plan, entry, twice, &calls) ? twice : t;
    if (most.T * most.S > entry->shown_pairs) entry->shown_pairs = most.T * most.S;
    entry->shown = wk__larger_trips(entry->shown, most);
}

/* NOTE [Each length]. A step that takes the last 128 of T, that does something in every 200th trip, or something else
 * where T is 20 to 25, is not told from one for all T by those that it was tried on. So the program is compared with
 * the step at each T before it first serves it, which takes as long as some ten runs, once. Where the user
 * trusts the step, this is done only when there are more trips than ever before. */
bool wk__entry_reaches(wk_plan *plan, wk_plan_entry *entry) {
    const wk_trips t = plan->trips;
    int64_t calls;
    if (!entry->folds_T && !entry->folds_S) return true;
    const int64_t known = verdicts_on(entry, t);
    if (wk_likely(known & verdict(entry, true))) return true;
    if (known & verdict(entry, false)) return false;
    if (plan->options.trust_trips && is_within(entry, t)) return true;
    const bool right = is_right(plan, entry, t, &calls);
    plan->stats.compared++;
    if (right && plan->options.trust_trips) look_further(plan, entry, calls);
    set_arguments(plan, entry->program.base_trips, entry->arguments);
    return right && wk_ok();
}

/* The points that a program is made of; how many there are. */
static int32_t choose_points(const wk_plan_entry *entry, wk_trips t, wk_trips *points) {
    static const wk_trips both[POINTS] = {{0, 0}, {1, 0}, {2, 0}, {0, 1}, {0, 2}, {1, 1}};
    const int32_t count = entry->folds_T && entry->folds_S ? POINTS : 3;
    for (int32_t i = 0; i < count; i++) {
        const wk_trips at = count == POINTS ? both[i] : (wk_trips){i, i};
        points[i] = (wk_trips){entry->folds_T ? base_T[at.T] + more(entry) : t.T,
                               entry->folds_S ? base_S[at.S] + more(entry) : t.S};
    }
    return count;
}

bool wk__capture_folded(wk_plan *plan, wk_plan_entry *entry, wk_trips t, wk_way_to_fold way) {
    wk_recording *r[POINTS] = {NULL};
    wk_trips points[POINTS];
    bool fine = true;
    entry->folds_T = way.T;
    entry->folds_S = way.S;
    entry->apart = way.apart;
    const int32_t count = choose_points(entry, t, points);
    for (int32_t i = count; fine && i-- > 0;) {
        r[i] = record_trips(plan, entry, points[i], i + 1);
        fine = r[i] != NULL;
    }
    fine = fine && wk__step_agrees(plan, entry, r[0], 2) && wk__program_fold(&entry->program, r, points, count, true);
    for (int32_t i = fine ? 1 : 0; i < count; i++) recording_drop(r[i]);
    for (int32_t i = 0; fine && i < count; i++) note_verdict(entry, points[i], true);
    fine = fine && try_large(plan, entry, t, way.beside) && try_small(plan, entry, t) && merge(plan, &entry->program);
    set_arguments(plan, points[0], entry->arguments);
    return fine;
}
