/* place.c -- which buffers may share memory: families that are never alive at once go into one slot.
 *
 *     calls    0   1   2   3   4   5        slot 0   +--A--+ +----C----+
 *     A        +---+                        slot 1       +---B---+
 *     B            +-------+                         a slot is as large as the largest family in it
 *     C                +-------+
 *
 * Larger families choose first, so that small ones fill what is left over. What a loop or a chain touches is alive
 * through all of it. A buffer that lives within one trip of one loop is the same in every trip. */
#include <stdlib.h>

#include "plan/program.h"

static wk_plan_family *family_at(const wk_program *p, int64_t k) { return &WK_ITEMS(wk_plan_family, p->families)[k]; }

/* Calls visit(call, words) for each call, with the first and last call that it is bound to: those of its loop. */
typedef void visit_word(wk_program *p, const wk_plan_loop *loop, int64_t call, wk_formula *formula);
static void for_words(wk_program *p, visit_word *visit) {
    for (int64_t l = 0; l < p->loops.count; l++) {
        const wk_plan_loop *loop = &WK_ITEMS(const wk_plan_loop, p->loops)[l];
        for (int64_t c = loop->first; c < loop->first + loop->count; c++) {
            const wk_recorded_call *call = &WK_ITEMS(const wk_recorded_call, p->calls)[c];
            for (int32_t w = 0; w < call->word_count; w++) {
                wk_formula *formula = &WK_ITEMS(wk_formula, p->formulas)[call->first_word + w];
                if (formula->space == WK__LOCAL) visit(p, loop, c, formula);
            }
        }
    }
}

static bool repeats(const wk_plan_loop *loop) { return loop->trips.a != 1 || loop->trips.b != 0; }

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

static void widen(wk_program *p, const wk_plan_loop *loop, int64_t call, wk_formula *formula) {
    wk_plan_family *family = family_at(p, formula->id);
    const wk_chain *chain = wk__chain_of(p, call);
    int32_t from = chain != NULL ? chain->first : (int32_t)call;
    int32_t to = chain != NULL ? chain->first + chain->count - 1 : (int32_t)call;
    if (repeats(loop)) from = loop->first, to = loop->first + loop->count - 1;
    if (from < family->from) family->from = from;
    if (to > family->to) family->to = to;
}

/* slot: -1 as long as the family is only met in its own trip. */
static void find_strangers(wk_program *p, const wk_plan_loop *loop, int64_t call, wk_formula *formula) {
    wk_plan_family *family = family_at(p, formula->id);
    const bool within = family->from == loop->first && family->to == loop->first + loop->count - 1;
    const bool own = formula->member.a == 0 && formula->member.b == 0 && formula->member_step == 1;
    (void)call;
    if (!within || !own) family->slot = 0;
}

static void make_one(wk_program *p, const wk_plan_loop *loop, int64_t call, wk_formula *formula) {
    (void)loop, (void)call;
    if (family_at(p, formula->id)->slot == -1) formula->member_step = 0;
}

static void share_trips(wk_program *p) {
    for (int64_t k = 0; k < p->families.count; k++) family_at(p, k)->slot = -1;
    for_words(p, find_strangers);
    for_words(p, make_one);
    for (int64_t k = 0; k < p->families.count; k++)
        if (family_at(p, k)->slot == -1) family_at(p, k)->members = (wk_affine){1, 0};
}

typedef struct by_size {
    int64_t nbytes, family;
} by_size;

static int larger_first(const void *a, const void *b) {
    const by_size *x = a, *y = b;
    return x->nbytes != y->nbytes ? (x->nbytes < y->nbytes) - (x->nbytes > y->nbytes)
                                  : (x->family > y->family) - (x->family < y->family);
}

/* Is the slot free in all the calls where the family is alive? */
static bool is_free(const wk_program *p, const by_size *order, int64_t placed, int32_t slot,
                    const wk_plan_family *family) {
    for (int64_t i = 0; i < placed; i++) {
        const wk_plan_family *other = family_at(p, order[i].family);
        if (other->slot == slot && other->from <= family->to && family->from <= other->to) return false;
    }
    return true;
}

bool wk__program_place(wk_program *p) {
    const int64_t count = p->families.count;
    by_size *order = malloc(((size_t)count + 1) * sizeof *order);
    if (order == NULL) return false;
    for_words(p, widen);
    share_trips(p);
    int64_t placed = 0;
    for (int64_t k = 0; k < count; k++) {
        const wk_plan_family *family = family_at(p, k);
        const int64_t nbytes = wk__affine_at(family->nbytes, p->base_T) * wk__affine_at(family->members, p->base_T);
        if (family->block < 0 && !family->constant) order[placed++] = (by_size){nbytes, k};
    }
    qsort(order, (size_t)placed, sizeof *order, larger_first);
    for (int64_t i = 0; i < placed; i++) {
        wk_plan_family *family = family_at(p, order[i].family);
        family->slot = 0;
        while (!is_free(p, order, i, family->slot, family)) family->slot++;
        if (family->slot >= p->slot_count) p->slot_count = family->slot + 1;
    }
    free(order);
    return true;
}
