/* hoist.c -- what a program computes from constants alone is computed once: weights cast to another type or made
 * contiguous, masks, positions.
 *
 * A call is constant when all that it reads was there before, or is constant itself, and what it writes nobody else
 * writes. Of a buffer that constant calls write several times the last state is kept; so one that a call of the runs
 * reads before that is not constant. What was there before stays what it is as long as nothing in the program writes
 * it: so programs that train have no constants. When somebody else has changed it, which its version tells, the
 * constants are computed anew. */
#include "plan/program.h"

/* Does anything write memory that was there before? */
static bool writes_outside(const wk_program *p) {
    for (int64_t c = 0; c < p->calls.count; c++) {
        const wk_recorded_call *call = wk__program_call(p, c);
        for (int32_t w = 0; w < call->word_count; w++) {
            const char letter = call->noted.signature->letters[w];
            if (letter == 'w' && wk__formulas_of(p, call)[w].space == WK__ABSOLUTE) return true;
        }
    }
    return false;
}

static bool is_constant_word(const wk_program *p, char letter, const wk_formula *f) {
    if (letter == 'g') return false;
    if (letter == 'r' && (f->space == WK__ABSOLUTE || f->space == WK__NUMBER)) return true;
    if (letter == 'r' || letter == 'w') return f->space == WK__LOCAL && wk__family_at(p, f->id)->constant;
    return true;
}

static bool is_constant(const wk_program *p, const wk_plan_loop *loop, const wk_recorded_call *call) {
    bool constant = wk__is_once(loop) && !call->noted.may_fail;
    for (int32_t w = 0; constant && w < call->word_count; w++)
        constant = is_constant_word(p, call->noted.signature->letters[w], &wk__formulas_of(p, call)[w]);
    return constant;
}

static void find_last_writes(wk_program *p) {
    for (int64_t c = 0; c < p->calls.count; c++) {
        const wk_recorded_call *call = wk__program_call(p, c);
        for (int32_t w = 0; w < call->word_count; w++) {
            const wk_formula *f = &wk__formulas_of(p, call)[w];
            if (call->noted.signature->letters[w] != 'w' || f->space != WK__LOCAL) continue;
            wk__family_at(p, f->id)->last_write = (int32_t)c;
        }
    }
}

/* What call c writes, which is not constant, is not either; nor is what it reads, if that is written later. True when
 * that was news. */
static bool spoil(const wk_program *p, int32_t c) {
    const wk_recorded_call *call = wk__program_call(p, c);
    bool news = false;
    for (int32_t w = 0; w < call->word_count; w++) {
        const wk_formula *f = &wk__formulas_of(p, call)[w];
        const char letter = call->noted.signature->letters[w];
        if (f->space != WK__LOCAL || !wk__family_at(p, f->id)->constant) continue;
        if (letter != 'w' && !(letter == 'r' && wk__family_at(p, f->id)->last_write > c)) continue;
        wk__family_at(p, f->id)->constant = false;
        news = true;
    }
    return news;
}

static bool spoil_all(wk_program *p) {
    bool news = false;
    for (int64_t l = 0; l < p->loops.count; l += 1 + wk__loop_at(p, l)->inside) {
        const wk_plan_loop *loop = wk__loop_at(p, l);
        for (int32_t c = loop->first; c < loop->first + loop->count; c++) {
            wk_recorded_call *call = wk__program_call(p, c);
            call->hoisted = is_constant(p, loop, call);
            if (!call->hoisted) news |= spoil(p, c);
        }
    }
    return news;
}

/* The program may rewrite memory of its own that a tensor wraps, and no version tells. */
static bool reads_wrapped(const wk_recording *r) {
    for (int64_t i = 0; i < r->externals.count; i++)
        if (WK_ITEMS(const wk_plan_external, r->externals)[i].tensor->storage->bytes_of == WK__OF_CALLER) return true;
    return false;
}

void wk__program_hoist(wk_program *p, const wk_recording *r) {
    const bool fixed = !r->calls_hosts && !writes_outside(p) && !reads_wrapped(r);
    for (int64_t k = 0; k < p->families.count; k++) {
        wk_plan_family *family = wk__family_at(p, k);
        family->constant = fixed && wk__is_number(family->members, 1);
    }
    find_last_writes(p);
    while (fixed && spoil_all(p)) {
    }
    for (int64_t c = 0; c < p->calls.count; c++) p->hoisted += wk__program_call(p, c)->hoisted;
}
