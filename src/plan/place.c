/* place.c -- which buffers may share memory: families that are never alive at once go into one slot.
 *
 *     calls    0   1   2   3   4   5        slot 0   +--A--+ +----C----+
 *     A        +---+                        slot 1       +---B---+
 *     B            +-------+                         a slot is as large as the largest family in it
 *     C                +-------+
 *
 * Larger families choose first, so that small ones fill what is left over. What a loop or a chain touches is alive
 * through all of it. */
#include <stdlib.h>

#include "plan/gaps.h"
#include "plan/program.h"

/* A place in a buffer: its call, and the loops around that, the outermost first; -1 for what is no loop. */
typedef struct met {
    int64_t call;
    int32_t loops[WK__DEPTH];
    wk_formula *formula;
} met;

/* Visits them all. Calls that are made once are in no loop. */
typedef void visit_word(wk_program *p, const met *m);
static void visit_call(wk_program *p, met *m, visit_word *visit) {
    const wk_recorded_call *call = wk__program_call(p, m->call);
    for (int32_t w = 0; w < call->word_count; w++) {
        m->formula = &wk__formulas_of(p, call)[w];
        if (m->formula->space == WK__LOCAL) visit(p, m);
    }
}

static void visit_loops(wk_program *p, int64_t from, int64_t to, met *m, visit_word *visit) {
    for (int64_t l = from; l < to; l += 1 + wk__loop_at(p, l)->inside) {
        const wk_plan_loop *loop = wk__loop_at(p, l);
        m->loops[loop->depth] = wk__is_once(loop) ? -1 : (int32_t)l;
        visit_loops(p, l + 1, l + 1 + loop->inside, m, visit);
        for (m->call = loop->first; loop->inside == 0 && m->call < loop->first + loop->count; m->call++)
            visit_call(p, m, visit);
        m->loops[loop->depth] = -1;
    }
}

static void for_words(wk_program *p, visit_word *visit) {
    met m = {.loops = {-1, -1, -1}};
    _Static_assert(WK__DEPTH == 3, "one for each");
    visit_loops(p, 0, p->loops.count, &m, visit);
}

const wk_chain *wk__chain_of(const wk_program *p, int64_t call) {
    const wk_chain *chains = WK_ITEMS(const wk_chain, p->chains);
    int64_t low = 0, high = p->chains.count; /* those before low begin at or before the call */
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (chains[middle].first <= call)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && call < chains[low - 1].first + chains[low - 1].count ? &chains[low - 1] : NULL;
}

static void widen(wk_program *p, const met *m) {
    wk_plan_family *family = wk__family_at(p, m->formula->id);
    const wk_chain *chain = wk__chain_of(p, m->call);
    const wk_plan_loop *loop = m->loops[0] >= 0 ? wk__loop_at(p, m->loops[0]) : NULL;
    int32_t from = chain != NULL ? chain->first : (int32_t)m->call;
    int32_t to = chain != NULL ? chain->first + chain->count - 1 : (int32_t)m->call;
    if (loop != NULL) from = loop->first, to = loop->first + loop->count - 1;
    if (from < family->from) family->from = from;
    if (to > family->to) family->to = to;
}

/* The least and the largest member that is met in one trip of the loop of depth d, seen from its first member. */
static bool stays_within(const wk_program *p, const met *m, int32_t d, int64_t each) {
    int64_t least = wk__value_at(wk__motion_of(m->formula)->member, p->base_trips), most = least;
    for (int32_t e = d + 1; e < WK__DEPTH && m->loops[e] >= 0; e++) {
        const int64_t trips = wk__value_at(wk__loop_at(p, m->loops[e])->trips, p->base_trips);
        const int64_t reach = (trips - 1) * wk__value_at(wk__motion_of(m->formula)->member_step[e], p->base_trips);
        *(reach < 0 ? &least : &most) += reach;
    }
    return least >= 0 && most < each;
}

/* home: -1 where a trip of that depth meets what another made. */
static void find_home(wk_program *p, const met *m) {
    wk_plan_family *family = wk__family_at(p, m->formula->id);
    bool is_first = family->slot == -1;
    family->slot = 0;
    for (int32_t d = 0; d < WK__DEPTH; d++) {
        const wk_polynomial step = wk__motion_of(m->formula)->member_step[d];
        const bool own = m->loops[d] >= 0 && wk__is_same(step, family->each[d]) &&
                         stays_within(p, m, d, wk__value_at(family->each[d], p->base_trips));
        if (is_first && own) family->home[d] = m->loops[d];
        if (!own || family->home[d] != m->loops[d]) family->home[d] = -1;
    }
}

static bool is_shared(const wk_plan_family *family, int32_t d) {
    return family->home[d] >= 0 && (d == 0 || is_shared(family, d - 1));
}

static void make_one(wk_program *p, const met *m) {
    for (int32_t d = 0; d < WK__DEPTH && is_shared(wk__family_at(p, m->formula->id), d); d++)
        if (m->formula->motion != NULL) m->formula->motion->member_step[d] = wk__number(0);
}

/* A buffer that lives within one trip of a loop, and of those around it, is the same in every trip. */
static void share_trips(wk_program *p) {
    for (int64_t k = 0; k < p->families.count; k++) {
        wk_plan_family *family = wk__family_at(p, k);
        family->slot = -1; /* until it is met */
        for (int32_t d = 0; d < WK__DEPTH; d++) family->home[d] = -1;
    }
    for_words(p, find_home);
    for_words(p, make_one);
    for (int64_t k = 0; k < p->families.count; k++) {
        wk_plan_family *family = wk__family_at(p, k);
        for (int32_t d = 0; d < WK__DEPTH && is_shared(family, d); d++) family->members = family->each[d];
    }
}

typedef struct by_size {
    int64_t nbytes, family;
} by_size;

static int larger_first(const void *a, const void *b) {
    const by_size *x = a, *y = b;
    return x->nbytes != y->nbytes ? (x->nbytes < y->nbytes) - (x->nbytes > y->nbytes)
                                  : (x->family > y->family) - (x->family < y->family);
}

/* Slots for the families, in this order: one that is free in all the calls where the family is alive, or another. */
static bool take_slots(wk_program *p, const by_size *order, int64_t count) {
    wk_gaps gaps = {.root = -1};
    const int32_t end = (int32_t)p->calls.count;
    bool fine = true;
    for (int64_t i = 0; fine && i < count; i++) {
        wk_plan_family *family = wk__family_at(p, order[i].family);
        family->slot = wk__gaps_take(&gaps, family->from, family->to);
        fine = family->slot >= -1;
        if (family->slot != -1) continue;
        family->slot = p->slot_count++;
        fine = wk__gaps_add(&gaps, 0, family->from - 1, family->slot) &&
               wk__gaps_add(&gaps, family->to + 1, end, family->slot);
    }
    wk__gaps_free(&gaps);
    return fine;
}

bool wk__program_place(wk_program *p) {
    const int64_t count = p->families.count;
    by_size *order = malloc(((size_t)count + 1) * sizeof *order);
    if (order == NULL) return false;
    p->slot_count = 0;
    for_words(p, widen);
    share_trips(p);
    int64_t placed = 0;
    for (int64_t k = 0; k < count; k++) {
        const wk_plan_family *family = wk__family_at(p, k);
        const int64_t nbytes =
            wk__value_at(family->nbytes, p->base_trips) * wk__value_at(family->members, p->base_trips);
        if (family->slot >= 0 && family->block < 0 && !family->constant) order[placed++] = (by_size){nbytes, k};
    }
    qsort(order, (size_t)placed, sizeof *order, larger_first);
    const bool fine = take_slots(p, order, placed);
    free(order);
    return fine;
}
