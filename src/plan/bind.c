/* bind.c -- from places to addresses. The arena holds the slots one after another, and behind them the scratch memory:
 *
 *     | slot 0              | slot 1     | ... | scratch |       members of a family lie at multiples of 64 bytes */
#include <stdlib.h>
#include <string.h>

#include "plan/bound.h"

typedef struct binding {
    wk_bound *b;
    const wk_program *p;
    int64_t T;
    char *memory;
    size_t *slot_begins, *constant_begins;
    size_t scratch_begin, scratch_nbytes;
} binding;

static size_t rounded(int64_t nbytes) { return ((size_t)nbytes + WK__LINE - 1) / WK__LINE * WK__LINE; }

static const wk_plan_family *family_of(const binding *of, const wk_formula *formula) {
    return &WK_ITEMS(const wk_plan_family, of->p->families)[formula->id];
}

static int64_t pitch(const binding *of, const wk_plan_family *family) {
    return (int64_t)rounded(wk__affine_at(family->nbytes, of->T));
}

/* Where slots begin; the end of the last is where scratch begins. */
static bool lay_out(binding *of) {
    const wk_program *p = of->p;
    of->slot_begins = calloc((size_t)p->slot_count + 1, sizeof *of->slot_begins);
    if (of->slot_begins == NULL) return false;
    for (int64_t k = 0; k < p->families.count; k++) {
        const wk_plan_family *family = &WK_ITEMS(const wk_plan_family, p->families)[k];
        const int64_t members = family->block < 0 && !family->constant ? wk__affine_at(family->members, of->T) : 0;
        const size_t nbytes = members > 0 ? (size_t)(pitch(of, family) * members) : 0;
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
        const wk_plan_family *family = &WK_ITEMS(const wk_plan_family, *families)[k];
        of->constant_begins[k] = at;
        if (family->constant) at += (size_t)pitch(of, family);
    }
    wk_bound *b = of->b;
    if (at <= b->constant_nbytes) return true;
    if (b->constants != NULL) wk__heap_system_free(&b->ctx->heap, b->constants, b->constant_nbytes);
    b->constants = wk__heap_system_alloc(&b->ctx->heap, at, WK__LINE);
    b->constant_nbytes = b->constants != NULL ? at : 0;
    return b->constants != NULL;
}

/* A number, or a place without the address of its space. */
static wk_word number_of(const binding *of, const wk_formula *formula) {
    wk_word word = {.i = wk__affine_at(formula->value, of->T)};
    if (formula->space == WK__REAL) word.i = wk__real_at(formula, of->T);
    if (formula->space == WK__LOCAL) {
        const wk_plan_family *family = family_of(of, formula);
        if (family->constant) return (wk_word){.i = word.i + (int64_t)of->constant_begins[formula->id]};
        if (family->block >= 0) return (wk_word){.i = (int64_t)of->scratch_begin + family->block * WK__BLOCK_NBYTES};
        word.i += wk__affine_at(formula->member, of->T) * pitch(of, family) + (int64_t)of->slot_begins[family->slot];
    }
    return word;
}

static int64_t step_of(const binding *of, const wk_formula *formula) {
    int64_t step = wk__affine_at(formula->step, of->T);
    if (formula->space == WK__REAL) return 0;
    if (formula->space == WK__LOCAL && (family_of(of, formula)->block >= 0 || family_of(of, formula)->constant))
        return step;
    if (formula->space == WK__LOCAL) step += formula->member_step * pitch(of, family_of(of, formula));
    return step;
}

/* How much scratch the call needs, from its other words. */
static void measure_scratch(binding *of, const wk_recorded_call *call, const wk_word *words) {
    const wk_signature *signature = call->noted.signature;
    const int64_t nbytes = signature->scratch != NULL ? signature->scratch(&call->noted, words) : 0;
    if (nbytes > 0 && (size_t)nbytes > of->scratch_nbytes) of->scratch_nbytes = rounded(nbytes);
}

static bool bind_words(binding *of) {
    const wk_program *p = of->p;
    wk_word *words = wk__growing_add(&of->b->words, p->formulas.count, sizeof *words);
    if (words == NULL && p->formulas.count > 0) return false;
    const wk_formula *formulas = WK_ITEMS(const wk_formula, p->formulas);
    for (int64_t w = 0; w < p->formulas.count; w++) words[w] = number_of(of, &formulas[w]);
    for (int64_t c = 0; c < p->calls.count; c++) {
        const wk_recorded_call *call = &WK_ITEMS(const wk_recorded_call, p->calls)[c];
        measure_scratch(of, call, words + call->first_word);
    }
    for (int64_t c = 0; c < p->chains.count; c++) {
        const size_t nbytes = (size_t)WK_ITEMS(const wk_chain, p->chains)[c].blocks * WK__BLOCK_NBYTES;
        if (nbytes > of->scratch_nbytes) of->scratch_nbytes = nbytes;
    }
    return true;
}

/* The arena moves when it grows. */
static bool make_room(const binding *of, wk_ctx *ctx, wk_plan_arena *arena) {
    const size_t nbytes = of->scratch_begin + of->scratch_nbytes + WK__LINE;
    of->b->buffer_nbytes = nbytes;
    if (nbytes <= arena->nbytes) return true;
    char *memory = wk__heap_system_alloc(&ctx->heap, rounded((int64_t)nbytes), WK__LINE);
    if (memory == NULL) return false;
    if (arena->memory != NULL) wk__heap_system_free(&ctx->heap, arena->memory, arena->nbytes);
    *arena = (wk_plan_arena){memory, rounded((int64_t)nbytes), arena->moves + 1};
    return true;
}

static bool bind_address(binding *of, const wk_recorded_call *call, const wk_formula *formula, wk_word *word) {
    if (formula->space == WK__LOCAL)
        word->p = (family_of(of, formula)->constant ? of->b->constants : of->memory) + word->i;
    if (formula->space == WK__SCRATCH)
        word->p =
            call->noted.signature->scratch(
                &call->noted, word - (formula - WK_ITEMS(const wk_formula, of->p->formulas)) + call->first_word) > 0
                ? of->memory + of->scratch_begin
                : NULL;
    if (formula->space != WK__INPUT && formula->space != WK__OUTPUT) return true;
    wk_patch *patch = WK_PUSH(wk_patch, of->b->patches);
    if (patch != NULL) *patch = (wk_patch){word, formula->space, formula->id, word->i};
    return patch != NULL;
}

/* The step that a call becomes, unless it is a link of a chain that another call begins. */
static bool add_step(binding *of, int64_t c) {
    const wk_recorded_call *call = &WK_ITEMS(const wk_recorded_call, of->p->calls)[c];
    const wk_chain *chain = wk__chain_of(of->p, c);
    if (chain != NULL) return c > chain->first || wk__chain_bind(of->b, of->p, chain);
    wk_bound_step *step = WK_PUSH(wk_bound_step, *(call->hoisted ? &of->b->hoisted : &of->b->steps));
    if (step == NULL) return false;
    const wk_word *words = WK_ITEMS(const wk_word, of->b->words) + call->first_word;
    *step = (wk_bound_step){call->noted.signature->call, call->noted.function, words, call->noted.may_fail};
    return true;
}

static bool bind_call(binding *of, int64_t c, bool repeats) {
    const wk_recorded_call *call = &WK_ITEMS(const wk_recorded_call, of->p->calls)[c];
    const wk_formula *formulas = WK_ITEMS(const wk_formula, of->p->formulas) + call->first_word;
    wk_word *words = WK_ITEMS(wk_word, of->b->words) + call->first_word;
    if (!add_step(of, c)) return false;
    for (int32_t w = 0; w < call->word_count; w++) {
        if (!bind_address(of, call, &formulas[w], &words[w])) return false;
        const int64_t by = repeats ? step_of(of, &formulas[w]) : 0;
        if (by == 0) continue;
        wk_bump *bump = WK_PUSH(wk_bump, of->b->bumps);
        if (bump == NULL) return false;
        *bump = (wk_bump){&words[w], by};
    }
    return true;
}

static bool bind_loop(binding *of, const wk_plan_loop *loop) {
    const int64_t trips = wk__affine_at(loop->trips, of->T);
    if (trips <= 0) return true;
    const int64_t first_bump = of->b->bumps.count, first = of->b->steps.count;
    for (int32_t c = loop->first; c < loop->first + loop->count; c++)
        if (!bind_call(of, c, trips > 1)) return false;
    const int64_t bumps = of->b->bumps.count - first_bump;
    wk_bound_loop *last =
        of->b->loops.count > 0 ? &WK_ITEMS(wk_bound_loop, of->b->loops)[of->b->loops.count - 1] : NULL;
    if (trips == 1 && last != NULL && last->trips == 1) { /* single calls go on in one row */
        last->count += (int32_t)(of->b->steps.count - first);
        return true;
    }
    wk_bound_loop *bound = WK_PUSH(wk_bound_loop, of->b->loops);
    if (bound != NULL)
        *bound = (wk_bound_loop){(int32_t)first, (int32_t)(of->b->steps.count - first), trips, first_bump, bumps};
    return bound != NULL;
}

static bool bind_all(binding *of, wk_ctx *ctx, wk_plan_arena *arena) {
    if (!lay_out(of) || !lay_out_constants(of) || !bind_words(of) || !wk__chains_reserve(of->b, of->p) ||
        !make_room(of, ctx, arena))
        return false;
    of->memory = arena->memory;
    for (int64_t l = 0; l < of->p->loops.count; l++)
        if (!bind_loop(of, &WK_ITEMS(const wk_plan_loop, of->p->loops)[l])) return false;
    of->b->T = of->T;
    of->b->moves = arena->moves;
    return true;
}

#define LISTS(b)                                                                                            \
    {                                                                                                       \
        &(b)->steps, &(b)->words, &(b)->loops, &(b)->bumps, &(b)->patches, &(b)->chains, &(b)->links,       \
            &(b)->advances, &(b)->hoisted                                                                   \
    }

bool wk__plan_bind(wk_bound *b, const wk_program *p, int64_t T, wk_ctx *ctx, wk_plan_arena *arena) {
    wk_growing *const lists[] = LISTS(b);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) lists[i]->count = 0;
    b->moves = 0;
    b->seen = UINT64_MAX;
    b->ctx = ctx;
    binding of = {.b = b, .p = p, .T = T};
    const bool fine = bind_all(&of, ctx, arena);
    if (!fine) wk__fail(ctx, WK_ENOMEM, "plan", "out of memory");
    free(of.slot_begins);
    free(of.constant_begins);
    return fine;
}

void wk__bound_free(wk_bound *b) {
    wk_growing *const lists[] = LISTS(b);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) wk__growing_free(lists[i]);
    if (b->constants != NULL) wk__heap_system_free(&b->ctx->heap, b->constants, b->constant_nbytes);
    *b = (wk_bound){0};
}

void wk__bound_constants(wk_bound *b, const wk_program *p) {
    uint64_t versions = 0;
    for (int64_t i = 0; i < p->base->externals.count; i++)
        versions += WK_ITEMS(const wk_plan_external, p->base->externals)[i].tensor->storage->version;
    if (wk_likely(versions == b->seen)) return;
    for (int64_t s = 0; s < b->hoisted.count; s++) {
        const wk_bound_step *step = &WK_ITEMS(const wk_bound_step, b->hoisted)[s];
        step->call(step->function, step->words);
    }
    b->seen = versions;
}

/* ------------------------------------------------------------------------------------------------------ running --- */

static void patch(const wk_bound *b, wk_tensor *const *inputs, wk_tensor *const *outputs) {
    for (int64_t i = 0; i < b->patches.count; i++) {
        const wk_patch *at = &WK_ITEMS(const wk_patch, b->patches)[i];
        const wk_tensor *t = (at->space == WK__INPUT ? inputs : outputs)[at->id];
        at->word->p = (char *)t->a.data + at->offset;
    }
}

static bool call_all(const wk_bound_step *steps, int32_t count, const wk_ctx *ctx) {
    for (int32_t s = 0; s < count; s++) {
        steps[s].call(steps[s].function, steps[s].words);
        if (wk_unlikely(steps[s].may_fail) && ctx->failure.status != WK_OK) return false;
    }
    return true;
}

/* Afterwards the words are again what they were before. */
static bool run_loop(const wk_bound *b, const wk_ctx *ctx, const wk_bound_loop *loop) {
    const wk_bound_step *steps = WK_ITEMS(const wk_bound_step, b->steps) + loop->first;
    const wk_bump *bumps = WK_ITEMS(const wk_bump, b->bumps) + loop->first_bump;
    int64_t u = 0;
    for (; u < loop->trips && call_all(steps, loop->count, ctx); u++)
        for (int64_t i = 0; i < loop->bump_count; i++) bumps[i].word->i += bumps[i].by;
    for (int64_t i = 0; i < loop->bump_count; i++) bumps[i].word->i -= bumps[i].by * u;
    return u == loop->trips;
}

bool wk__bound_run(const wk_bound *b, wk_ctx *ctx, wk_tensor *const *inputs, wk_tensor *const *outputs) {
    patch(b, inputs, outputs);
    for (int64_t l = 0; l < b->loops.count; l++) {
        const wk_bound_loop *loop = &WK_ITEMS(const wk_bound_loop, b->loops)[l];
        const wk_bound_step *steps = WK_ITEMS(const wk_bound_step, b->steps) + loop->first;
        if (!(loop->trips > 1 ? run_loop(b, ctx, loop) : call_all(steps, loop->count, ctx))) return false;
    }
    return true;
}
