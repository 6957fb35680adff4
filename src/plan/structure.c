/* structure.c -- loops in a recording, and families of buffers (NOTE [Folding] in program.h).
 *
 * Loops are looked for twice. The first time a buffer is just its number, which goes up evenly from trip to trip. Those
 * that a loop found so meets first are families; the second time a buffer is a member of one. That splits loops where
 * they pass from one family to another. */
#include <string.h>

#include "plan/program.h"

enum { FEWEST_TRIPS = 3 }; /* that make a loop */

/* --------------------------------------------------------------------------------------------------- repetition --- */

static const wk_plan_position *positions_of(const wk_plan_structure *s, const wk_recorded_call *call) {
    return WK_ITEMS(const wk_plan_position, s->positions) + call->first_word;
}

static bool same_call(const wk_recorded_call *a, const wk_recorded_call *b) {
    return a->noted.function == b->noted.function && a->noted.signature == b->noted.signature &&
           a->noted.dtype == b->noted.dtype && a->row == b->row && a->of_gradient == b->of_gradient;
}

/* Do the calls i, i + p and i + u p, i + (u + 1) p differ in the same way? */
static bool same_step(const wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t p, int64_t u) {
    const wk_recorded_call *first = wk__call_at(r, i), *later = wk__call_at(r, i + u * p);
    if (!same_call(first, wk__call_at(r, i + (u + 1) * p))) return false;
    const wk_plan_position *a = positions_of(s, first), *b = positions_of(s, wk__call_at(r, i + p));
    const wk_plan_position *c = positions_of(s, later), *d = positions_of(s, wk__call_at(r, i + (u + 1) * p));
    for (int32_t w = 0; w < first->word_count; w++) {
        if (d[w].space != a[w].space || d[w].id != a[w].id) return false;
        if (a[w].space == WK__REAL && d[w].value != a[w].value) return false;
        if (d[w].value - c[w].value != b[w].value - a[w].value) return false;
        if (d[w].member - c[w].member != b[w].member - a[w].member) return false;
    }
    return true;
}

/* How often the p calls from i are repeated evenly. */
static int64_t repeats(const wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t p) {
    int64_t trips = 1;
    while (i + (trips + 1) * p <= r->calls.count) {
        for (int64_t j = 0; j < p; j++)
            if (!same_step(s, r, i + j, p, trips - 1)) return trips;
        trips++;
    }
    return trips;
}

static wk_found_loop loop_at(const wk_plan_structure *s, const wk_recording *r, int64_t i) {
    wk_found_loop best = {i, 1, 1};
    for (int64_t p = 1; i + FEWEST_TRIPS * p <= r->calls.count; p++) {
        const int64_t trips = repeats(s, r, i, p);
        if (trips >= FEWEST_TRIPS && trips * p > best.trips * best.period) best = (wk_found_loop){i, p, trips};
    }
    return best;
}

static bool find_loops(wk_plan_structure *s, const wk_recording *r, bool repeating) {
    s->loops.count = 0;
    for (int64_t i = 0; i < r->calls.count;) {
        wk_found_loop *loop = WK_PUSH(wk_found_loop, s->loops);
        if (loop == NULL) return false;
        *loop = repeating ? loop_at(s, r, i) : (wk_found_loop){i, 1, 1};
        i += loop->period * loop->trips;
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------- families --- */

/* Buffers by number: all of one family that does not end. */
static bool take_numbers(wk_plan_structure *s, const wk_recording *r) {
    wk_plan_position *positions = wk__growing_add(&s->positions, r->symbols.count, sizeof *positions);
    if (positions == NULL && r->symbols.count > 0) return false;
    for (int64_t w = 0; w < r->symbols.count; w++) {
        const wk_symbol *symbol = &WK_ITEMS(const wk_symbol, r->symbols)[w];
        const bool local = symbol->space == WK__LOCAL;
        positions[w] = (wk_plan_position){symbol->space, local ? 0 : symbol->id, local ? symbol->id : 0, symbol->value};
    }
    return true;
}

/* The largest number of a buffer in some calls, or `most`. */
static int64_t largest_number(const wk_plan_structure *s, const wk_recording *r, int64_t first, int64_t count,
                              int64_t most) {
    for (int64_t i = first; i < first + count; i++) {
        const wk_recorded_call *call = wk__call_at(r, i);
        const wk_plan_position *positions = positions_of(s, call);
        for (int32_t w = 0; w < call->word_count; w++)
            if (positions[w].space == WK__LOCAL && positions[w].member > most) most = positions[w].member;
    }
    return most;
}

typedef struct membership {
    int32_t family;
    int64_t member;
} membership;

/* Have the buffers of every trip the sizes of the first trip's? */
static bool even_sizes(const wk_recording *r, int64_t begin, int64_t end, int64_t each) {
    const int64_t *sizes = WK_ITEMS(const int64_t, r->sizes);
    for (int64_t i = begin + each; i < end; i++)
        if (sizes[i] != sizes[i - each]) return false;
    return true;
}

/* The buffers [begin, end) that a loop meets first: as many families as a trip has, or, where trips differ
 * in them, one for each buffer. */
static bool make_families(wk_plan_structure *s, const wk_recording *r, int64_t trips, int64_t begin, int64_t end,
                          membership *of) {
    const bool even = (end - begin) % trips == 0 && even_sizes(r, begin, end, (end - begin) / trips);
    const int64_t each = even ? (end - begin) / trips : end - begin;
    const int64_t members = each == end - begin ? 1 : trips;
    for (int64_t j = 0; j < each; j++) {
        wk_found_family *family = WK_PUSH(wk_found_family, s->families);
        if (family == NULL) return false;
        *family = (wk_found_family){WK_ITEMS(const int64_t, r->sizes)[begin + j], members};
        for (int64_t u = 0; u < members; u++)
            of[begin + u * each + j] = (membership){(int32_t)(s->families.count - 1), u};
    }
    return true;
}

static bool find_families(wk_plan_structure *s, const wk_recording *r, membership *of) {
    int64_t known = 0;
    for (int64_t l = 0; l < s->loops.count; l++) {
        const wk_found_loop *loop = &WK_ITEMS(const wk_found_loop, s->loops)[l];
        const int64_t end = largest_number(s, r, loop->first, loop->period * loop->trips, known - 1) + 1;
        if (!make_families(s, r, loop->trips, known, end, of)) return false;
        known = end;
    }
    for (int64_t w = 0; w < s->positions.count; w++) {
        wk_plan_position *position = &WK_ITEMS(wk_plan_position, s->positions)[w];
        if (position->space != WK__LOCAL) continue;
        position->id = of[position->member].family;
        position->member = of[position->member].member;
    }
    return true;
}

bool wk__find_structure(wk_plan_structure *s, const wk_recording *r, bool repeating) {
    *s = (wk_plan_structure){0};
    wk_growing of = {0};
    bool fine = wk__growing_add(&of, r->sizes.count + 1, sizeof(membership)) != NULL && take_numbers(s, r) &&
                find_loops(s, r, repeating) && find_families(s, r, of.items);
    if (fine && repeating) fine = find_loops(s, r, true);
    wk__growing_free(&of);
    return fine;
}

void wk__structure_free(wk_plan_structure *s) {
    wk__growing_free(&s->loops);
    wk__growing_free(&s->positions);
    wk__growing_free(&s->families);
}
