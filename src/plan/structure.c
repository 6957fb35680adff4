/* structure.c -- loops in a recording, and families of buffers (NOTE [Folding] in program.h).
 *
 * Loops are looked for twice. The first time a buffer is just its number, which goes up evenly from trip to trip. Those
 * that a loop found so meets first are families; the second time a buffer is a member of one. That splits loops where
 * they pass from one family to another. What repeats in a loop's first trip is a loop inside it: the other trips, being
 * even, have the same. */
#include <string.h>

#include "plan/fit.h"

enum { FEWEST_TRIPS = 3 }; /* that make a loop */

/* --------------------------------------------------------------------------------------------------- repetition --- */

static const wk_plan_position *positions_of(const wk_plan_structure *s, const wk_recorded_call *call) {
    return WK_ITEMS(const wk_plan_position, s->positions) + call->first_word;
}

static bool same_call(const wk_recorded_call *a, const wk_recorded_call *b) {
    return a->noted.function == b->noted.function && a->noted.signature == b->noted.signature &&
           a->noted.dtype == b->noted.dtype && a->row == b->row && a->of_gradient == b->of_gradient;
}

/* Can a real be `later` in trip u after it was so in the first three? */
static bool same_real(int64_t first, int64_t second, int64_t third, int64_t later, int64_t u) {
    if (first == second) return later == first;
    return wk__find_real(&(wk_trip_reals){{first, second, third, later}, {0, 1, 2, u}, 4}, &(wk_real_trips){0});
}

/* Does word w of call i, which is another in some trips, move on in trip u + 1 as in the first? An element stays. */
static bool moves_on(const wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t p, int64_t u, int32_t w) {
    int64_t value[5];
    const int64_t trips[] = {0, 1, 2, u, u + 1};
    const char letter = wk__call_at(r, i)->noted.signature->letters[w];
    for (int k = 0; k < 5; k++) value[k] = positions_of(s, wk__call_at(r, i + trips[k] * p))[w].value;
    if (letter == 'f') return same_real(value[0], value[1], value[2], value[4], u + 1);
    return letter != 'v' && value[4] - value[3] == value[1] - value[0];
}

/* Do the calls i, i + p and i + u p, i + (u + 1) p differ in the same way? */
static bool same_step(const wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t p, int64_t u) {
    const wk_recorded_call *first = wk__call_at(r, i), *later = wk__call_at(r, i + u * p);
    if (!same_call(first, wk__call_at(r, i + (u + 1) * p))) return false;
    const wk_plan_position *a = positions_of(s, first), *b = positions_of(s, wk__call_at(r, i + p));
    const wk_plan_position *c = positions_of(s, later), *d = positions_of(s, wk__call_at(r, i + (u + 1) * p));
    for (int32_t w = 0; w < first->word_count; w++) {
        if (d[w].space != a[w].space || d[w].id != a[w].id) return false;
        if (d[w].member - c[w].member != b[w].member - a[w].member) return false;
        const bool stays = d[w].value == a[w].value && b[w].value == a[w].value;
        if (!stays && !moves_on(s, r, i, p, u, w)) return false;
    }
    return true;
}

/* Does trip u + 1 of the p calls from i go on as those before? */
static bool goes_on(const wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t p, int64_t u) {
    for (int64_t j = 0; j < p; j++)
        if (!same_step(s, r, i + j, p, u)) return false;
    return true;
}

/* How often the p calls from i are repeated evenly before `end`; 1 if that is no more than `most` calls, which the last
 * trip that would be needed shows at once. */
static int64_t repeats(const wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t p, int64_t end,
                       int64_t most) {
    const int64_t needed = most / p < FEWEST_TRIPS ? FEWEST_TRIPS : most / p + 1;
    int64_t trips = 1;
    if (i + needed * p > end || !goes_on(s, r, i, p, needed - 2)) return 1;
    while (i + (trips + 1) * p <= end && goes_on(s, r, i, p, trips - 1)) trips++;
    return trips;
}

/* Would trips of p calls be several trips of the loop each, and two of them lie in it? Then they end where it does. */
static bool is_multiple(const wk_found_loop *loop, int64_t p) {
    return p % loop->period == 0 && 2 * p <= loop->trips * loop->period;
}

/* A trip begins where the same call comes again. */
static wk_found_loop loop_at(wk_plan_structure *s, const wk_recording *r, int64_t i, int64_t end) {
    const int64_t *alike = WK_ITEMS(const int64_t, s->next_alike);
    wk_found_loop best = {i, 1, 1, 0};
    for (int64_t p = alike[i] - i; i + FEWEST_TRIPS * p <= end && s->tries_left > 0; p = alike[i + p] - i) {
        if (is_multiple(&best, p)) continue;
        s->tries_left--;
        const int64_t trips = repeats(s, r, i, p, end, best.trips * best.period);
        if (trips >= FEWEST_TRIPS && trips * p > best.trips * best.period) best = (wk_found_loop){i, p, trips, 0};
    }
    return best;
}

static wk_found_loop *loop_number(const wk_plan_structure *s, int64_t l) {
    return &WK_ITEMS(wk_found_loop, s->loops)[l];
}

static bool find_loops(wk_plan_structure *s, const wk_recording *r, int64_t first, int64_t end, int32_t depth);

/* Loops in the body of the last loop; where there is none, the body is a row of calls. */
static bool find_inside(wk_plan_structure *s, const wk_recording *r, int32_t depth) {
    const int64_t at = s->loops.count - 1;
    const wk_found_loop loop = *loop_number(s, at);
    if (loop.trips == 1 || depth + 1 == WK__DEPTH) return true;
    if (!find_loops(s, r, loop.first, loop.first + loop.period, depth + 1)) return false;
    int64_t l = at + 1;
    while (l < s->loops.count && loop_number(s, l)->trips == 1) l++;
    if (l == s->loops.count) s->loops.count = at + 1;
    loop_number(s, at)->inside = s->loops.count - at - 1;
    return true;
}

/* The loops of calls [first, end). */
static bool find_loops(wk_plan_structure *s, const wk_recording *r, int64_t first, int64_t end, int32_t depth) {
    for (int64_t i = first; i < end;) {
        wk_found_loop *loop = WK_PUSH(wk_found_loop, s->loops);
        if (loop == NULL) return false;
        *loop = loop_at(s, r, i, end);
        i += loop->period * loop->trips;
        if (!find_inside(s, r, depth)) return false;
    }
    return true;
}

/* Calls of one kind are chained by a table of where the last of each kind was met, from the end on. */
static uint64_t kind_of(const wk_recorded_call *call) {
    const uint64_t hash = (uint64_t)(uintptr_t)call->noted.function ^ (uint64_t)(uintptr_t)call->row >> 3;
    return hash * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static bool chain_alike(wk_plan_structure *s, const wk_recording *r) {
    enum { KINDS = 256 }; /* more of them share a chain */
    int64_t next[KINDS];
    int64_t *alike = wk__growing_add(&s->next_alike, r->calls.count + 1, sizeof *alike);
    if (alike == NULL) return false;
    for (int32_t k = 0; k < KINDS; k++) next[k] = r->calls.count;
    for (int64_t i = r->calls.count; i-- > 0;) {
        const uint64_t kind = kind_of(wk__call_at(r, i)) % KINDS;
        alike[i] = next[kind];
        next[kind] = i;
    }
    alike[r->calls.count] = INT64_MAX / 4;
    return true;
}

/* Every call for itself. */
static bool find_no_loops(wk_plan_structure *s, const wk_recording *r) {
    for (int64_t i = 0; i < r->calls.count; i++) {
        wk_found_loop *loop = WK_PUSH(wk_found_loop, s->loops);
        if (loop == NULL) return false;
        *loop = (wk_found_loop){i, 1, 1, 0};
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

/* A family for each of these buffers. */
static bool make_families(wk_plan_structure *s, const wk_recording *r, int64_t begin, int64_t end, membership *of) {
    for (int64_t i = begin; i < end; i++) {
        wk_found_family *family = WK_PUSH(wk_found_family, s->families);
        if (family == NULL) return false;
        *family = (wk_found_family){.nbytes = WK_ITEMS(const int64_t, r->sizes)[i], .members = 1};
        of[i] = (membership){(int32_t)(s->families.count - 1), 0};
    }
    return true;
}

static bool name_buffers(wk_plan_structure *s, const wk_recording *r, int64_t from, int64_t to, int64_t *known,
                         int32_t depth, membership *of);

/* The families of the first trip have as many members in each of the others. */
static void multiply(wk_plan_structure *s, int64_t first_family, int64_t begin, int64_t each, int64_t trips,
                     int32_t depth, membership *of) {
    wk_found_family *families = WK_ITEMS(wk_found_family, s->families);
    for (int64_t i = begin; i < begin + each; i++)
        for (int64_t u = 1; u < trips; u++)
            of[i + u * each] = (membership){of[i].family, of[i].member + u * families[of[i].family].members};
    for (int64_t k = first_family; k < s->families.count; k++) {
        families[k].each[depth] = families[k].members;
        families[k].members *= trips;
    }
}

/* The buffers [begin, end) that loop l meets first: as many families as a trip has, or, where trips differ in them, one
 * for each buffer. */
static bool name_buffers_of(wk_plan_structure *s, const wk_recording *r, int64_t l, int64_t begin, int64_t end,
                            int32_t depth, membership *of) {
    const wk_found_loop loop = *loop_number(s, l);
    const int64_t first_family = s->families.count, each = (end - begin) / loop.trips;
    if (each * loop.trips != end - begin || !even_sizes(r, begin, end, each))
        return make_families(s, r, begin, end, of);
    int64_t known = begin;
    const bool fine = loop.inside > 0 ? name_buffers(s, r, l + 1, l + 1 + loop.inside, &known, depth + 1, of) &&
                                            make_families(s, r, known, begin + each, of)
                                      : make_families(s, r, begin, begin + each, of);
    if (fine) multiply(s, first_family, begin, each, loop.trips, depth, of);
    return fine;
}

/* The buffers, from `known`, that the loops [from, to) meet first, loops inside others in the first trip of these. */
static bool name_buffers(wk_plan_structure *s, const wk_recording *r, int64_t from, int64_t to, int64_t *known,
                         int32_t depth, membership *of) {
    for (int64_t l = from; l < to; l += 1 + loop_number(s, l)->inside) {
        const wk_found_loop *loop = loop_number(s, l);
        const int64_t end = largest_number(s, r, loop->first, loop->period * loop->trips, *known - 1) + 1;
        if (!name_buffers_of(s, r, l, *known, end, depth, of)) return false;
        *known = end;
    }
    return true;
}

static bool find_families(wk_plan_structure *s, const wk_recording *r, membership *of) {
    int64_t known = 0;
    if (!name_buffers(s, r, 0, s->loops.count, &known, 0, of)) return false;
    for (int64_t w = 0; w < s->positions.count; w++) {
        wk_plan_position *position = &WK_ITEMS(wk_plan_position, s->positions)[w];
        if (position->space != WK__LOCAL) continue;
        position->id = of[position->member].family;
        position->member = of[position->member].member;
    }
    return true;
}

/* A long step in which nothing repeats, though many calls are alike, must not take time by the square. */
static int64_t tries_for(const wk_recording *r) {
    enum { TRIES_A_CALL = 32 };
    return TRIES_A_CALL * r->calls.count;
}

bool wk__find_structure(wk_plan_structure *s, const wk_recording *r, bool repeating) {
    *s = (wk_plan_structure){.tries_left = tries_for(r)};
    wk_growing of = {0};
    bool fine = wk__growing_add(&of, r->sizes.count + 1, sizeof(membership)) != NULL && take_numbers(s, r) &&
                chain_alike(s, r) && (repeating ? find_loops(s, r, 0, r->calls.count, 0) : find_no_loops(s, r)) &&
                find_families(s, r, of.items);
    if (fine && repeating) {
        s->loops.count = 0;
        s->tries_left = tries_for(r);
        fine = find_loops(s, r, 0, r->calls.count, 0);
    }
    wk__growing_free(&of);
    return fine;
}

void wk__structure_free(wk_plan_structure *s) {
    wk__growing_free(&s->loops);
    wk__growing_free(&s->positions);
    wk__growing_free(&s->families);
    wk__growing_free(&s->next_alike);
}
