/* fold.c -- a program from recordings at several numbers of trips (NOTE [Folding] in program.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/program.h"

enum { MOST_RECORDINGS = 4 };

typedef struct folding {
    wk_program *p;
    wk_recording *const *r;
    const int64_t *T;
    int32_t count;
    wk_plan_structure s[MOST_RECORDINGS];
    bool no_memory;
} folding;

/* ----------------------------------------------------------------------------------------------------- formulas --- */

/* values[i] = a + b T[i] in whole numbers, for all i. */
static bool fit(const folding *f, const int64_t *values, wk_affine *fitted) {
    *fitted = (wk_affine){values[0], 0};
    if (f->count == 1) return true;
    const int64_t rise = values[1] - values[0], run = f->T[1] - f->T[0];
    if (rise % run != 0) return false;
    fitted->b = rise / run;
    fitted->a = values[0] - fitted->b * f->T[0];
    for (int32_t i = 2; i < f->count; i++)
        if (wk__affine_at(*fitted, f->T[i]) != values[i]) return false;
    return true;
}

static double real_of(int64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* value = numerator / (a + b T), which is what means over T have. */
static bool fit_quotient(const folding *f, const int64_t *bits, double numerator, wk_formula *formula) {
    int64_t divisors[MOST_RECORDINGS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        const double value = real_of(bits[i]), divisor = rint(numerator / value);
        if (!(fabs(divisor) >= 1 && fabs(divisor) < 0x1p53) || numerator / divisor != value) return false;
        divisors[i] = (int64_t)divisor;
    }
    formula->numerator = numerator;
    return fit(f, divisors, &formula->value);
}

/* value = (a + b T) / divisor, which is what the ends of ranges over T are. */
static bool fit_multiple(const folding *f, const int64_t *bits, double divisor, wk_formula *formula) {
    int64_t multiples[MOST_RECORDINGS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        const double multiple = real_of(bits[i]) * divisor;
        if (!(fabs(multiple) < 0x1p53) || multiple != rint(multiple)) return false;
        multiples[i] = (int64_t)multiple;
    }
    formula->divisor = divisor;
    return fit(f, multiples, &formula->value);
}

/* A number that stays, or one made of T. */
static bool fit_real(const folding *f, const int64_t *bits, wk_formula *formula) {
    bool same = true;
    for (int32_t i = 1; i < f->count; i++) same &= bits[i] == bits[0];
    formula->value = (wk_affine){bits[0], 0};
    if (same) return true;
    const double first = real_of(bits[0]), candidates[] = {1, 2, -1, -2, first * (double)f->T[0]};
    for (size_t c = 0; c < sizeof candidates / sizeof *candidates; c++)
        if (fit_quotient(f, bits, candidates[c], formula)) return true;
    formula->numerator = 0;
    return fit_multiple(f, bits, 1, formula) || fit_multiple(f, bits, 2, formula);
}

/* -------------------------------------------------------------------------------------------------------- words --- */

static const wk_found_loop *loop_of(const folding *f, int32_t i, int64_t l) {
    return &WK_ITEMS(const wk_found_loop, f->s[i].loops)[l];
}

/* Word w of call j of loop l in recording i, in trip u. */
static const wk_plan_position *position(const folding *f, int32_t i, int64_t l, int64_t j, int64_t u, int32_t w) {
    const wk_found_loop *loop = loop_of(f, i, l);
    const wk_recorded_call *call = wk__call_at(f->r[i], loop->first + u * loop->period + j);
    return &WK_ITEMS(const wk_plan_position, f->s[i].positions)[call->first_word + w];
}

static bool fold_word(const folding *f, int64_t l, int64_t j, int32_t w, wk_formula *formula) {
    int64_t value[MOST_RECORDINGS] = {0}, step[MOST_RECORDINGS] = {0}, member[MOST_RECORDINGS] = {0};
    int64_t member_step = 0;
    const wk_plan_position *base = position(f, 0, l, j, 0, w);
    for (int32_t i = 0; i < f->count; i++) {
        const wk_plan_position *at = position(f, i, l, j, 0, w);
        const wk_plan_position *next = loop_of(f, i, l)->trips > 1 ? position(f, i, l, j, 1, w) : at;
        if (at->space != base->space || at->id != base->id) return false;
        value[i] = at->value, step[i] = next->value - at->value;
        member[i] = at->member;
        if (i > 0 && next->member - at->member != member_step) return false;
        member_step = next->member - at->member;
    }
    *formula = (wk_formula){.space = base->space, .id = base->id, .member_step = member_step};
    if (base->space == WK__REAL) return fit_real(f, value, formula);
    return fit(f, value, &formula->value) && fit(f, step, &formula->step) && fit(f, member, &formula->member);
}

static bool fold_call(folding *f, int64_t l, int64_t j) {
    const wk_recorded_call *base = wk__call_at(f->r[0], loop_of(f, 0, l)->first + j);
    for (int32_t i = 1; i < f->count; i++) {
        const wk_recorded_call *other = wk__call_at(f->r[i], loop_of(f, i, l)->first + j);
        if (other->noted.function != base->noted.function || other->noted.signature != base->noted.signature ||
            other->row != base->row)
            return false;
    }
    wk_recorded_call *call = WK_PUSH(wk_recorded_call, f->p->calls);
    wk_formula *formulas = wk__growing_add(&f->p->formulas, base->word_count, sizeof *formulas);
    if (call == NULL || formulas == NULL) return f->no_memory = true, false;
    *call = *base;
    call->first_word = f->p->formulas.count - base->word_count;
    for (int32_t w = 0; w < base->word_count; w++)
        if (!fold_word(f, l, j, w, &formulas[w])) return false;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- loops --- */

/* The loop that the next calls belong to. Calls that are made once go on in one row. */
static wk_plan_loop *next_loop(folding *f, wk_affine trips) {
    wk_growing *loops = &f->p->loops;
    wk_plan_loop *last = loops->count > 0 ? &WK_ITEMS(wk_plan_loop, *loops)[loops->count - 1] : NULL;
    const bool once = trips.a == 1 && trips.b == 0;
    if (once && last != NULL && last->trips.a == 1 && last->trips.b == 0) return last;
    wk_plan_loop *loop = WK_PUSH(wk_plan_loop, *loops);
    if (loop != NULL) *loop = (wk_plan_loop){(int32_t)f->p->calls.count, 0, trips};
    return loop;
}

static bool fold_loop(folding *f, int64_t l) {
    const wk_found_loop *base = loop_of(f, 0, l);
    int64_t trips[MOST_RECORDINGS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        trips[i] = loop_of(f, i, l)->trips;
        if (loop_of(f, i, l)->period != base->period) return false;
    }
    wk_affine fitted;
    if (!fit(f, trips, &fitted)) return false;
    wk_plan_loop *loop = next_loop(f, fitted);
    if (loop == NULL) return f->no_memory = true, false;
    loop->count += (int32_t)base->period;
    for (int64_t j = 0; j < base->period; j++)
        if (!fold_call(f, l, j)) return false;
    return true;
}

static bool fold_family(folding *f, int64_t k) {
    int64_t nbytes[MOST_RECORDINGS] = {0}, members[MOST_RECORDINGS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        const wk_found_family *family = &WK_ITEMS(const wk_found_family, f->s[i].families)[k];
        nbytes[i] = family->nbytes;
        members[i] = family->members;
    }
    wk_plan_family *family = WK_PUSH(wk_plan_family, f->p->families);
    if (family == NULL) return f->no_memory = true, false;
    *family = (wk_plan_family){.from = INT32_MAX, .to = -1};
    return fit(f, nbytes, &family->nbytes) && fit(f, members, &family->members);
}

static bool fold_output(const folding *f, int32_t k) {
    const wk_array *base = &f->r[0]->outputs[k];
    wk_output_shape *shape = &f->p->outputs[k];
    shape->dtype = base->dtype;
    shape->ndim = base->ndim;
    for (int32_t d = 0; d < base->ndim; d++) {
        int64_t dims[MOST_RECORDINGS] = {0};
        for (int32_t i = 0; i < f->count; i++) {
            if (f->r[i]->outputs[k].ndim != base->ndim || f->r[i]->outputs[k].dtype != base->dtype) return false;
            dims[i] = f->r[i]->outputs[k].dims[d];
        }
        if (!fit(f, dims, &shape->dims[d])) return false;
    }
    return true;
}

static bool fold_all(folding *f) {
    for (int32_t i = 0; i < f->count; i++)
        if (!wk__find_structure(&f->s[i], f->r[i], f->count > 1)) return f->no_memory = true, false;
    for (int32_t i = 1; i < f->count; i++)
        if (f->s[i].loops.count != f->s[0].loops.count || f->s[i].families.count != f->s[0].families.count)
            return false;
    f->p->outputs = calloc((size_t)f->r[0]->out_count + 1, sizeof *f->p->outputs);
    if (f->p->outputs == NULL) return f->no_memory = true, false;
    bool fine = true;
    for (int64_t l = 0; fine && l < f->s[0].loops.count; l++) fine = fold_loop(f, l);
    for (int64_t k = 0; fine && k < f->s[0].families.count; k++) fine = fold_family(f, k);
    for (int32_t k = 0; fine && k < f->r[0]->out_count; k++) fine = fold_output(f, k);
    return fine;
}

bool wk__program_fold(wk_program *p, wk_recording *const *recordings, const int64_t *T, int32_t count) {
    folding f = {.p = p, .r = recordings, .T = T, .count = count};
    *p = (wk_program){.base_T = T[0]};
    bool fine = fold_all(&f);
    for (int32_t i = 0; i < count; i++) wk__structure_free(&f.s[i]);
    if (fine) wk__program_hoist(p, recordings[0]);
    if (fine && !(wk__program_fuse(p) && wk__program_place(p))) fine = false, f.no_memory = true;
    if (f.no_memory) wk__fail(recordings[0]->ctx, WK_ENOMEM, "plan", "out of memory");
    if (fine)
        p->base = recordings[0];
    else
        wk__program_free(p);
    return fine;
}

void wk__program_free(wk_program *p) {
    if (p->base != NULL) wk__recording_free(p->base);
    free(p->base);
    free(p->outputs);
    wk__growing_free(&p->calls);
    wk__growing_free(&p->formulas);
    wk__growing_free(&p->loops);
    wk__growing_free(&p->families);
    wk__growing_free(&p->chains);
    *p = (wk_program){0};
}
