/* bind.c -- from places to addresses. The arena holds the slots one after another, and behind them the scratch memory:
 *
 *     | slot 0              | slot 1     | ... | scratch |       members of a family lie
 * at multiples of 64 bytes, or, where they are short, side by side */
#include <stdlib.h>
#include <string.h>

#include "plan/bound.h"

typedef struct binding {
    wk_bound *b;
    const wk_program *p;
    wk_trips t, most;
    char *memory;
    size_t *slot_begins, *constant_begins;
    size_t scratch_begin, scratch_nbytes, block_nbytes; /* of a block of a chain */
} binding;

/* ------------------------------------------------------------------------------------------------------- layout --- */

static size_t rounded(int64_t nbytes) { return ((size_t)nbytes + WK__LINE - 1) / WK__LINE * WK__LINE; }

static int64_t pitch(const binding *of, const wk_plan_family *family) {
    return wk__pitch(wk__value_at(family->nbytes, of->most));
}

/* Is the place for one T a place for all that are smaller? */
static bool is_even(const wk_program *p) {
    bool even = true;
    for (int64_t k = 0; k < p->families.count; k++) {
        const wk_plan_family *family = wk__family_at(p, k);
        even &= wk__grows(family->nbytes) && wk__grows(family->members);
    }
    return even;
}

/* Where slots begin; the end of the last is where scratch begins. */
static bool lay_out(binding *of) {
    const wk_program *p = of->p;
    of->slot_begins = calloc((size_t)p->slot_count + 1, sizeof *of->slot_begins);
    if (of->slot_begins == NULL) return false;
    for (int64_t k = 0; k < p->families.count; k++) {
        const wk_plan_family *family = wk__family_at(of->p, k);
        if (family->slot < 0 || family->block >= 0 || family->constant) continue;
        const int64_t members = wk__value_at(family->members, of->most);
        const size_t nbytes = members > 0 ? rounded(pitch(of, family) * members) : 0;
        if (nbytes > of->slot_begins[family->slot]) of->slot_begins[family->slot] = nbytes;
    }
    size_t at = 0;
    for (int32_t slot = 0; slot <= p->slot_count; slot++) {
        const size_t nbytes = of->slot_begins[slot];
        of->slot_begins[slot] = at;
        at += nbytes;
    }
    of->scratch_begin = at;
    return true;
}

/* Constants lie one after another in memory of their own. */
static bool lay_out_constants(binding *of) {
    const wk_growing *families = &of->p->families;
    size_t at = 0;
    of->constant_begins = calloc((size_t)families->count + 1, sizeof *of->constant_begins);
    if (of->constant_begins == NULL) return false;
    for (int64_t k = 0; k < families->count; k++) {
        of->constant_begins[k] = at;
        if (wk__family_at(of->p, k)->constant) at += rounded(pitch(of, wk__family_at(of->p, k)));
    }
    wk_bound *b = of->b;
    if (at <= b->constant_nbytes) return true;
    if (b->constants != NULL) wk__heap_system_free(&b->ctx->heap, b->constants, b->constant_nbytes);
    b->constants = wk__heap_system_alloc(&b->ctx->heap, at, WK__LINE);
    b->constant_nbytes = b->constants != NULL ? at : 0;
    return b->constants != NULL;
}

/* As long as a block gets in the longest chain. */
static size_t block_nbytes(const binding *of) {
    size_t most = 0;
    for (int64_t c = 0; c < of->p->chains.count; c++) {
        const wk_chain *chain = &WK_ITEMS(const wk_chain, of->p->chains)[c];
        const wk_recorded_call *call = wk__program_call(of->p, chain->first);
        const wk_polynomial count = wk__formulas_of(of->p, call)->value;
        const int64_t n = wk__grows(count) ? wk__value_at(count, of->most) : WK__BLOCK;
        const size_t nbytes = rounded((n < WK__BLOCK ? n : WK__BLOCK) * wk__dtype_nbytes[call->noted.dtype]);
        if (nbytes > most) most = nbytes;
    }
    return most;
}

/* How much scratch the calls need, from their other words. */
static void measure_scratch(binding *of) {
    const wk_program *p = of->p;
    for (int64_t c = 0; c < p->calls.count; c++) {
        const wk_recorded_call *call = wk__program_call(p, c);
        const wk_signature *signature = call->noted.signature;
        const wk_word *words = WK_ITEMS(const wk_word, of->b->words) + call->first_word;
        const int64_t nbytes = signature->scratch != NULL ? signature->scratch(&call->noted, words) : 0;
        if (nbytes > 0 && rounded(nbytes) > of->scratch_nbytes) of->scratch_nbytes = rounded(nbytes);
    }
    for (int64_t c = 0; c < p->chains.count; c++) {
        const size_t nbytes = (size_t)WK_ITEMS(const wk_chain, p->chains)[c].blocks * of->block_nbytes;
        if (nbytes > of->scratch_nbytes) of->scratch_nbytes = nbytes;
    }
}

/* Words but for addresses. */
static bool lay_out_words(binding *of) {
    const wk_program *p = of->p;
    wk_word *words = wk__growing_add(&of->b->words, p->formulas.count, sizeof *words);
    if (words == NULL && p->formulas.count > 0) return false;
    for (int64_t w = 0; w < p->formulas.count; w++) {
        const wk_formula *formula = &WK_ITEMS(const wk_formula, p->formulas)[w];
        words[w].i = wk__word_of(formula, wk__value_at(formula->value, of->t), of->t);
    }
    return true;
}

/* The arena moves when it grows. */
static bool make_room(binding *of, wk_ctx *ctx, wk_plan_arena *arena) {
    const size_t nbytes = of->scratch_begin + of->scratch_nbytes + WK__LINE;
    of->b->buffer_nbytes = nbytes;
    of->b->scratch_nbytes = of->scratch_nbytes;
    if (nbytes > arena->nbytes) {
        char *memory = wk__heap_system_alloc(&ctx->heap, rounded((int64_t)nbytes), WK__LINE);
        if (memory == NULL) return false;
        if (arena->memory != NULL) wk__heap_system_free(&ctx->heap, arena->memory, arena->nbytes);
        *arena = (wk_plan_arena){memory, rounded((int64_t)nbytes), arena->moves + 1};
    }
    of->memory = arena->memory;
    of->b->scratch = of->memory + of->scratch_begin;
    return true;
}

/* ---------------------------------------------------------------------------------------------------- addresses --- */

static int64_t number_of(const void *address) { return (int64_t)(intptr_t)address; }

static bool has_pitch(const wk_plan_family *family) { return family->block < 0 && !family->constant; }

/* p + times q */
static wk_polynomial plus(wk_polynomial p, wk_polynomial q, int64_t times) {
    return (wk_polynomial){p.a + q.a * times, p.b + q.b * times, p.c + q.c * times,
                           p.d + q.d * times, p.e + q.e * times, p.f + q.f * times};
}

/* What a word is for any T. */
static wk_polynomial place_of(const binding *of, const wk_formula *formula) {
    wk_polynomial at = formula->value;
    if (formula->space != WK__LOCAL) return at;
    const wk_plan_family *family = wk__family_at(of->p, formula->id);
    if (family->constant) {
        at.a += number_of(of->b->constants + of->constant_begins[formula->id]);
    } else if (family->block >= 0) {
        at = wk__number(number_of(of->b->scratch + (size_t)family->block * of->block_nbytes));
    } else {
        at = plus(at, wk__motion_of(formula)->member, pitch(of, family));
        at.a += number_of(of->memory + of->slot_begins[family->slot]);
    }
    return at;
}

/* And how far a trip of the loop of depth d takes it on. */
static wk_polynomial step_of(const binding *of, const wk_formula *formula, int32_t d) {
    const wk_motion *m = wk__motion_of(formula);
    if (formula->space != WK__LOCAL || !has_pitch(wk__family_at(of->p, formula->id))) return m->step[d];
    return plus(m->step[d], m->member_step[d], pitch(of, wk__family_at(of->p, formula->id)));
}

/* Sets a number, and notes it if another T is another number. Its list does not grow any more (reserve). */
static bool set(const binding *of, int64_t *number, wk_polynomial value) {
    *number = wk__value_at(value, of->t);
    if (wk__is_constant(value)) return true;
    wk_moving *moving = WK_PUSH(wk_moving, of->b->moving);
    if (moving != NULL) *moving = (wk_moving){number, value};
    return moving != NULL;
}

static bool set_real(const binding *of, const wk_formula *formula, wk_word *word) {
    if (formula->form == WK__BITS) return true;
    wk_bound_real *real = WK_PUSH(wk_bound_real, of->b->reals);
    if (real == NULL) return false;
    *real = (wk_bound_real){.word = word, .form = formula->form, .number = formula->number};
    return set(of, &real->n.i, formula->value) && set(of, &real->over, wk__motion_of(formula)->over);
}

/* The address of an argument, which each run knows. */
static bool set_patch(const binding *of, const wk_formula *formula, wk_word *word) {
    wk_patch *patch = WK_PUSH(wk_patch, of->b->patches);
    if (patch == NULL) return false;
    *patch = (wk_patch){word, formula->space, formula->id, 0};
    return set(of, &patch->offset, formula->value);
}

static bool set_scratch(const binding *of, const wk_recorded_call *call, const wk_word *words, wk_word *word,
                        bool moves) {
    word->p = call->noted.signature->scratch(&call->noted, words) > 0 ? of->b->scratch : NULL;
    wk_moving_scratch *scratch = moves ? WK_PUSH(wk_moving_scratch, of->b->scratches) : NULL;
    if (scratch != NULL) *scratch = (wk_moving_scratch){word, &call->noted, words};
    return scratch != NULL || !moves;
}

static bool set_word(const binding *of, const wk_formula *formula, wk_word *word) {
    if (formula->space == WK__SCRATCH) return true;
    if (formula->space == WK__REAL) return set_real(of, formula, word);
    if (formula->space == WK__INPUT || formula->space == WK__OUTPUT) return set_patch(of, formula, word);
    return set(of, &word->i, place_of(of, formula));
}

/* -------------------------------------------------------------------------------------------------------- steps --- */

/* The step that a call becomes, unless it is a link of a chain that another call begins. */
static bool add_step(binding *of, int64_t c) {
    const wk_recorded_call *call = wk__program_call(of->p, c);
    const wk_chain *chain = wk__chain_of(of->p, c);
    if (chain != NULL) return c > chain->first || wk__chain_bind(of->b, of->p, chain);
    wk_bound_step *step = WK_PUSH(wk_bound_step, *(call->hoisted ? &of->b->hoisted : &of->b->steps));
    if (step == NULL) return false;
    const wk_word *words = WK_ITEMS(const wk_word, of->b->words) + call->first_word;
    *step = (wk_bound_step){call->noted.signature->call, call->noted.function, words, call->noted.may_fail};
    return true;
}

static bool bind_call(binding *of, int64_t c) {
    const wk_recorded_call *call = wk__program_call(of->p, c);
    const wk_formula *formulas = wk__formulas_of(of->p, call);
    wk_word *words = WK_ITEMS(wk_word, of->b->words) + call->first_word;
    const int64_t moving = of->b->moving.count + of->b->reals.count;
    if (!add_step(of, c)) return false;
    for (int32_t w = 0; w < call->word_count; w++)
        if (!set_word(of, &formulas[w], &words[w])) return false;
    const bool moves = of->b->moving.count + of->b->reals.count > moving;
    of->b->moves_constants |= moves && call->hoisted;
    for (int32_t w = 0; w < call->word_count; w++)
        if (formulas[w].space == WK__SCRATCH && !set_scratch(of, call, words, &words[w], moves)) return false;
    return true;
}

/* The word that a trip takes on: itself, or the whole number that the real is made of. */
static wk_word *moved_word(const binding *of, wk_bound_loop *loop, int64_t w) {
    wk_word *word = &WK_ITEMS(wk_word, of->b->words)[w];
    for (int64_t r = loop->first_real; r < of->b->reals.count; r++) {
        wk_bound_real *real = &WK_ITEMS(wk_bound_real, of->b->reals)[r];
        if (real->word != word) continue;
        loop->real_count = of->b->reals.count - loop->first_real;
        return &real->n;
    }
    return word;
}

/* How the words of a loop's calls move on from trip to trip. */
static bool bind_bumps(binding *of, const wk_plan_loop *loop, wk_bound_loop *bound) {
    for (int32_t c = loop->first; c < loop->first + loop->count; c++) {
        const wk_recorded_call *call = wk__program_call(of->p, c);
        for (int64_t w = call->first_word; w < call->first_word + call->word_count; w++) {
            const wk_polynomial by = step_of(of, &WK_ITEMS(const wk_formula, of->p->formulas)[w], loop->depth);
            if (wk__is_number(by, 0)) continue;
            wk_bump *bump = WK_PUSH(wk_bump, of->b->bumps);
            if (bump == NULL) return false;
            bump->word = moved_word(of, bound, w);
            if (!set(of, &bump->by, by)) return false;
        }
    }
    return true;
}

static bool bind_loops(binding *of, int64_t from, int64_t to);

static bool bind_loop(binding *of, int64_t l) {
    const wk_plan_loop *loop = wk__loop_at(of->p, l);
    const int64_t at = of->b->loops.count;
    wk_bound_loop *bound = WK_PUSH(wk_bound_loop, of->b->loops);
    if (bound == NULL) return false;
    *bound =
        (wk_bound_loop){.first = (int32_t)of->b->steps.count, .inside = loop->inside, .first_real = of->b->reals.count};
    if (!set(of, &bound->trips, loop->trips)) return false;
    bool fine = loop->inside == 0 || bind_loops(of, l + 1, l + 1 + loop->inside);
    for (int32_t c = loop->first; fine && loop->inside == 0 && c < loop->first + loop->count; c++)
        fine = bind_call(of, c);
    const int64_t first_bump = of->b->bumps.count;
    bound = &WK_ITEMS(wk_bound_loop, of->b->loops)[at];
    fine = fine && (wk__is_once(loop) || bind_bumps(of, loop, bound));
    bound->count = (int32_t)of->b->steps.count - bound->first;
    bound->first_bump = first_bump;
    bound->bump_count = of->b->bumps.count - first_bump;
    return fine;
}

static bool bind_loops(binding *of, int64_t from, int64_t to) {
    for (int64_t l = from; l < to; l += 1 + wk__loop_at(of->p, l)->inside)
        if (!bind_loop(of, l)) return false;
    return true;
}

/* Lists whose items are pointed to. */
static bool reserve(const binding *of) {
    const wk_program *p = of->p;
    int64_t patches = 0, bumps = 0, reals = 0;
    for (int64_t w = 0; w < p->formulas.count; w++) {
        const wk_formula *formula = &WK_ITEMS(const wk_formula, p->formulas)[w];
        patches += formula->space == WK__INPUT || formula->space == WK__OUTPUT;
        reals += formula->form != WK__BITS;
        for (int32_t d = 0; d < WK__DEPTH; d++) bumps += !wk__is_number(step_of(of, formula, d), 0);
    }
    return wk__growing_reserve(&of->b->loops, p->loops.count, sizeof(wk_bound_loop)) &&
           wk__growing_reserve(&of->b->patches, patches, sizeof(wk_patch)) &&
           wk__growing_reserve(&of->b->bumps, bumps, sizeof(wk_bump)) &&
           wk__growing_reserve(&of->b->reals, reals, sizeof(wk_bound_real)) && wk__chains_reserve(of->b, p);
}

static bool bind_all(binding *of, wk_ctx *ctx, wk_plan_arena *arena) {
    if (!lay_out(of) || !lay_out_constants(of) || !lay_out_words(of) || !reserve(of)) return false;
    of->block_nbytes = block_nbytes(of);
    measure_scratch(of);
    if (!make_room(of, ctx, arena) || !bind_loops(of, 0, of->p->loops.count)) return false;
    of->b->t = of->t;
    of->b->most = of->most;
    of->b->moves = arena->moves;
    return true;
}

/* ------------------------------------------------------------------------------------------------------ a bound --- */

/* Its lists, and what their items are. */
typedef struct bound_list {
    size_t offset, nbytes;
} bound_list;
static const bound_list lists[] = {
    {offsetof(wk_bound, steps), sizeof(wk_bound_step)},
    {offsetof(wk_bound, words), sizeof(wk_word)},
    {offsetof(wk_bound, loops), sizeof(wk_bound_loop)},
    {offsetof(wk_bound, bumps), sizeof(wk_bump)},
    {offsetof(wk_bound, patches), sizeof(wk_patch)},
    {offsetof(wk_bound, chains), sizeof(wk_bound_chain)},
    {offsetof(wk_bound, links), sizeof(wk_chain_link)},
    {offsetof(wk_bound, advances), sizeof(wk_advance)},
    {offsetof(wk_bound, fused), sizeof(wk_fused_step)},
    {offsetof(wk_bound, fused_words), sizeof(wk_fused_words)},
    {offsetof(wk_bound, moving), sizeof(wk_moving)},
    {offsetof(wk_bound, reals), sizeof(wk_bound_real)},
    {offsetof(wk_bound, scratches), sizeof(wk_moving_scratch)},
    {offsetof(wk_bound, hoisted), sizeof(wk_bound_step)},
};
enum { LISTS = sizeof lists / sizeof *lists };

static wk_growing *list_at(const wk_bound *b, int32_t i) {
    return (wk_growing *)(void *)((char *)(uintptr_t)b + lists[i].offset);
}

int64_t wk__bound_nbytes(const wk_bound *b) {
    int64_t nbytes = (int64_t)b->constant_nbytes;
    for (int32_t i = 0; i < LISTS; i++) nbytes += list_at(b, i)->capacity * (int64_t)lists[i].nbytes;
    return nbytes;
}

/* There is to be room for the largest T and S so far, unless smaller ones need more. */
bool wk__plan_bind(wk_bound *b, const wk_program *p, wk_trips t, wk_ctx *ctx, wk_plan_arena *arena) {
    if (wk__bound_move(b, t, arena)) return true;
    for (int32_t i = 0; i < LISTS; i++) list_at(b, i)->count = 0;
    b->moves = 0;
    b->seen = UINT64_MAX;
    b->ctx = ctx;
    b->is_even = is_even(p);
    b->moves_constants = false;
    binding of = {.b = b, .p = p, .t = t, .most = t};
    if (b->is_even) of.most = wk__larger_trips(t, b->most);
    const bool fine = bind_all(&of, ctx, arena);
    if (!fine) wk__out_of_memory(ctx, "plan_run");
    free(of.slot_begins);
    free(of.constant_begins);
    return fine;
}

void wk__bound_free(wk_bound *b) {
    for (int32_t i = 0; i < LISTS; i++) wk__growing_free(list_at(b, i));
    if (b->constants != NULL) wk__heap_system_free(&b->ctx->heap, b->constants, b->constant_nbytes);
    *b = (wk_bound){0};
}
