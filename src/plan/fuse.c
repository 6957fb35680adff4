/* fuse.c -- chains of element-wise calls, which run together a block of elements at a time.
 *
 *     mul  a, b -> s                a block of each, while it lies in the first-level cache:
 *     add  s, c -> t                    mul, add, tanh;  mul, add, tanh;  ...
 *     tanh t -> y                   s and t are a block long, and the same one
 *
 * The kernels are the same ones, and each of their results depends on its elements alone, so the bits are, too. Calls
 * are a chain when they stand in a row, are over the same number of elements, and meet the same memory, if one of them
 * writes it, only element for element. */
#include <stdlib.h>
#include <string.h>

#include "plan/program.h"

/* Kernels that take all their elements from one type and look at one place of each array at a time; an address is
 * followed by its stride. */
static const char *const patterns[] = {"nwnrn", "nwnrnrn", "nwnrnf", "nwnrnff", "nwnrnrnff1", "nwnrnrnf"};

/* These give bools, which are of another size. */
static const char *const truths[] = {
#define WK_RELATION(name, formula) #name,
#define WK_PROPERTY(name, formula) #name,
#include "kernel/truths.def"
    "convert",
};

static bool is_among(const char *text, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, texts[i]) == 0) return true;
    return false;
}

/* Is it the same number in each trip of all loops? */
static bool is_number(const wk_formula *f) {
    bool same = true;
    for (int32_t d = 0; d < WK__DEPTH; d++) same &= wk__is_number(wk__motion_of(f)->step[d], 0);
    return same;
}

/* And for each T? */
static bool is_fixed(const wk_formula *f) { return is_number(f) && wk__is_constant(f->value); }

/* Can it be a link? An output that is repeated gathers a sum, which must not be split. */
bool wk__is_elementwise(const wk_program *p, int64_t c) {
    const wk_recorded_call *call = wk__program_call(p, c);
    const wk_formula *f = wk__formulas_at(p, c);
    const char *letters = call->noted.signature->letters;
    if (call->hoisted) return false;
    if (call->noted.dtype != WK_F32 && call->noted.dtype != WK_F64) return false;
    if (!is_among(letters, patterns, sizeof patterns / sizeof *patterns)) return false;
    if (is_among(call->noted.name, truths, sizeof truths / sizeof *truths)) return false;
    for (int32_t w = 1; letters[w] == 'w' || letters[w] == 'r'; w += 2)
        if (!is_fixed(&f[w + 1])) return false;
    return is_number(&f[0]) && f[2].value.a != 0;
}

/* --------------------------------------------------------------------------------------------------- dependence --- */

bool wk__same_place(const wk_formula *a, const wk_formula *b) {
    const wk_motion *m = wk__motion_of(a), *n = wk__motion_of(b);
    bool same = a->space == b->space && a->id == b->id && wk__is_same(a->value, b->value);
    if (m == n || !same) return same;
    for (int32_t d = 0; d < WK__DEPTH; d++)
        same &= wk__is_same(m->step[d], n->step[d]) && wk__is_same(m->member_step[d], n->member_step[d]);
    return same && wk__is_same(m->member, n->member);
}

static bool is_own(int32_t space) { return space == WK__LOCAL || space == WK__OUTPUT; }

static bool apart(int32_t space, int32_t id, int32_t other_space, int32_t other_id) {
    return (is_own(space) || is_own(other_space)) && (space != other_space || id != other_id);
}

bool wk__are_apart(const wk_formula *a, const wk_formula *b) { return apart(a->space, a->id, b->space, b->id); }

enum { MOST_LINKS = 256, MOST_ADDRESSES = 3, BUCKETS = 64 };

/* The addresses of a chain, with which those of a further link are compared: nearly all are apart from it, and in
 * other buckets. */
typedef struct link_address {
    int32_t space, id;
    bool written;
    int32_t before;            /* the one in its bucket before it, or -1 */
    const wk_formula *formula; /* its stride lies behind it */
} link_address;

typedef struct link_addresses {
    link_address at[MOST_LINKS * MOST_ADDRESSES];
    int32_t count;
    int32_t last[BUCKETS]; /* of each, or -1 */
    bool written_outside;  /* is one in bucket 0? */
} link_addresses;

static int32_t addresses_of(const wk_program *p, int64_t c, link_address at[MOST_ADDRESSES]) {
    const char *letters = wk__program_call(p, c)->noted.signature->letters;
    const wk_formula *f = wk__formulas_at(p, c);
    int32_t count = 0;
    for (int32_t w = 1; letters[w] == 'w' || letters[w] == 'r'; w += 2)
        at[count++] = (link_address){f[w].space, f[w].id, letters[w] == 'w', -1, &f[w]};
    return count;
}

/* Two addresses, of which one is written: element for element, or apart. */
static bool in_step(const link_address *a, const link_address *b) {
    if ((!a->written && !b->written) || apart(a->space, a->id, b->space, b->id)) return true;
    return wk__same_place(a->formula, b->formula) && a->formula[1].value.a == b->formula[1].value.a;
}

/* Buffers of the step's are apart from all but themselves; what is outside may be anything else there. */
static int32_t bucket_of(const link_address *a) { return is_own(a->space) ? 1 + a->id % (BUCKETS - 1) : 0; }

static void add_addresses(link_addresses *met, int32_t count) {
    for (; count > 0; count--, met->count++) {
        link_address *a = &met->at[met->count];
        a->before = met->last[bucket_of(a)];
        met->last[bucket_of(a)] = met->count;
        met->written_outside |= a->written && bucket_of(a) == 0;
    }
}

static bool in_step_with_all(const link_addresses *met, const link_address *a) {
    if (bucket_of(a) == 0 && !a->written && !met->written_outside) return true;
    for (int32_t i = met->last[bucket_of(a)]; i >= 0; i = met->at[i].before)
        if (!in_step(a, &met->at[i])) return false;
    return true;
}

static void begin_chain(const wk_program *p, int64_t c, link_addresses *met) {
    met->count = 0;
    met->written_outside = false;
    for (int32_t b = 0; b < BUCKETS; b++) met->last[b] = -1;
    add_addresses(met, addresses_of(p, c, met->at));
}

/* Call c joins the chain that began at `first` and has these addresses, if it can. */
static bool joins(const wk_program *p, int64_t first, int64_t c, link_addresses *met) {
    if (!wk__is_elementwise(p, c) || !wk__is_same(wk__formulas_at(p, first)->value, wk__formulas_at(p, c)->value))
        return false;
    if (wk__program_call(p, c)->noted.dtype != wk__program_call(p, first)->noted.dtype) return false;
    link_address *own = met->at + met->count;
    const int32_t count = addresses_of(p, c, own);
    for (int32_t i = 0; i < count; i++)
        if (!in_step_with_all(met, &own[i])) return false;
    add_addresses(met, count);
    return true;
}

/* -------------------------------------------------------------------------------------------------- temporaries --- */

/* The calls in which each family is met: within one chain, it need not be longer than a block. */
static void find_extents(wk_program *p) {
    for (int64_t k = 0; k < p->families.count; k++) {
        wk_plan_family *family = &WK_ITEMS(wk_plan_family, p->families)[k];
        family->from = INT32_MAX, family->to = -1, family->block = -1;
    }
    for (int64_t c = 0; c < p->calls.count; c++) {
        const wk_recorded_call *call = wk__program_call(p, c);
        for (int32_t w = 0; w < call->word_count; w++) {
            const wk_formula *f = &wk__formulas_at(p, c)[w];
            if (f->space != WK__LOCAL) continue;
            wk_plan_family *family = &WK_ITEMS(wk_plan_family, p->families)[f->id];
            if (c < family->from) family->from = (int32_t)c;
            if (c > family->to) family->to = (int32_t)c;
        }
    }
}

/* A whole array, contiguous, from its beginning. */
static bool is_plain(const wk_formula *address) {
    return wk__is_number(address->value, 0) && is_number(address) && address[1].value.a == 1;
}

static bool plain_throughout(const wk_program *p, const wk_plan_family *family, int32_t id) {
    const wk_formula *first = NULL;
    for (int32_t c = family->from; c <= family->to; c++) {
        const char *letters = wk__program_call(p, c)->noted.signature->letters;
        const wk_formula *f = wk__formulas_at(p, c);
        for (int32_t w = 1; letters[w] == 'w' || letters[w] == 'r'; w += 2) {
            if (f[w].space != WK__LOCAL || f[w].id != id) continue;
            first = first != NULL ? first : &f[w];
            if (!is_plain(&f[w]) || !wk__same_place(&f[w], first)) return false;
        }
    }
    return true;
}

/* A temporary of the chain's own, which call c makes, or NULL. */
static wk_plan_family *temporary_of(const wk_program *p, const wk_chain *chain, int32_t c) {
    const wk_formula *y = &wk__formulas_at(p, c)[1];
    if (y->space != WK__LOCAL) return NULL;
    wk_plan_family *family = &WK_ITEMS(wk_plan_family, p->families)[y->id];
    if (family->constant || family->from != c || family->to >= chain->first + chain->count) return NULL;
    return plain_throughout(p, family, y->id) ? family : NULL;
}

/* Gives them blocks; a result may go where an input of the same call ends. */
static bool give_blocks(const wk_program *p, wk_chain *chain) {
    wk_growing ends = {0}; /* of each block: the call that needs it last */
    bool fine = true;
    for (int32_t c = chain->first; fine && c < chain->first + chain->count; c++) {
        wk_plan_family *family = temporary_of(p, chain, c);
        if (family == NULL) continue;
        int32_t *end = ends.items, block = 0;
        while (block < ends.count && end[block] > c) block++;
        if (block == ends.count) fine = WK_PUSH(int32_t, ends) != NULL;
        if (fine) WK_ITEMS(int32_t, ends)[block] = family->to;
        family->block = block, family->made_by = c, family->needed_until = family->to;
    }
    chain->blocks = (int32_t)ends.count;
    wk__growing_free(&ends);
    return fine;
}

bool wk__program_fuse(wk_program *p) {
    link_addresses met;
    p->chains.count = 0;
    find_extents(p);
    for (int64_t l = 0; l < p->loops.count; l++) {
        wk_plan_loop *loop = &WK_ITEMS(wk_plan_loop, p->loops)[l];
        if (loop->inside > 0) continue;
        for (int32_t c = loop->first, next; c < loop->first + loop->count; c = next) {
            next = c + 1;
            if (!wk__is_elementwise(p, c)) continue;
            begin_chain(p, c, &met);
            while (next < loop->first + loop->count && next - c < MOST_LINKS && joins(p, c, next, &met)) next++;
            if (next - c < 2) continue;
            wk_chain *chain = WK_PUSH(wk_chain, p->chains);
            if (chain == NULL) return false;
            *chain = (wk_chain){.first = c, .count = next - c};
            if (!give_blocks(p, chain)) return false;
        }
    }
    return true;
}
