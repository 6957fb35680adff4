/* verify.c -- a program against a recording at a number of trips that it was not made from. */
#include <stdlib.h>
#include <string.h>

#include "plan/program.h"

/* What a polynomial is for these trips, and how far each loop around takes it on. */
typedef struct numbers {
    int64_t value, step[WK__DEPTH];
} numbers;

/* Which buffer of the recording each member of a family is: it has to stay the same, and no two the same. */
typedef struct pairing {
    int64_t *of_buffer; /* buffer -> family and member as one number, or -1 */
    int64_t *first;     /* of each family: the number of its member 0 */
    int64_t *of_member; /* number -> buffer, or -1 */
    int64_t members;
    numbers *places, *in_family; /* of each word: its value, and its member */
} pairing;

static void pairing_free(pairing *b) {
    free(b->of_buffer);
    free(b->first);
    free(b->of_member);
    free(b->places);
    free(b->in_family);
}

/* Of a word that `loops` are around. */
static numbers numbers_at(const wk_polynomial *value, const wk_polynomial *step, int32_t loops, wk_trips t) {
    numbers n = {.value = wk__value_at(*value, t)};
    for (int32_t d = 0; d < loops; d++) n.step[d] = wk__value_at(step[d], t);
    return n;
}

static void work_out_call(pairing *b, const wk_program *p, const wk_recorded_call *call, int32_t loops, wk_trips t) {
    for (int64_t w = call->first_word; w < call->first_word + call->word_count; w++) {
        const wk_formula *f = &WK_ITEMS(const wk_formula, p->formulas)[w];
        b->places[w] = numbers_at(&f->value, f->step, loops, t);
        if (f->space == WK__LOCAL) b->in_family[w] = numbers_at(&f->member, f->member_step, loops, t);
    }
}

static bool work_out(pairing *b, const wk_program *p, wk_trips t) {
    b->places = malloc(((size_t)p->formulas.count + 1) * sizeof *b->places);
    b->in_family = malloc(((size_t)p->formulas.count + 1) * sizeof *b->in_family);
    if (b->places == NULL || b->in_family == NULL) return false;
    for (int64_t l = 0; l < p->loops.count; l++) {
        const wk_plan_loop *loop = wk__loop_at(p, l);
        for (int32_t c = loop->first; loop->inside == 0 && c < loop->first + loop->count; c++)
            work_out_call(b, p, wk__program_call(p, c), loop->depth + 1, t);
    }
    return true;
}

static bool pairing_begin(pairing *b, const wk_program *p, wk_trips t, const wk_recording *r) {
    *b = (pairing){.of_buffer = malloc(((size_t)r->sizes.count + 1) * sizeof *b->of_buffer),
                   .first = malloc(((size_t)p->families.count + 1) * sizeof *b->first)};
    if (b->of_buffer == NULL || b->first == NULL || !work_out(b, p, t)) return false;
    for (int64_t k = 0; k < p->families.count; k++) {
        const int64_t members = wk__value_at(wk__family_at(p, k)->members, t);
        b->first[k] = b->members;
        b->members += members > 0 ? members : 0;
    }
    b->of_member = malloc(((size_t)b->members + 1) * sizeof *b->of_member);
    if (b->of_member == NULL) return false;
    for (int64_t i = 0; i < r->sizes.count; i++) b->of_buffer[i] = -1;
    for (int64_t i = 0; i < b->members; i++) b->of_member[i] = -1;
    return true;
}

/* A member that a loop uses anew in each trip stands for another buffer each time. */
static bool pair(pairing *b, const wk_program *p, wk_trips t, const wk_recording *r, const wk_formula *formula,
                 int64_t member, int64_t buffer) {
    const wk_plan_family *family = wk__family_at(p, formula->id);
    if (member < 0 || member >= wk__value_at(family->members, t)) return false;
    if (WK_ITEMS(const int64_t, r->sizes)[buffer] > wk__value_at(family->nbytes, t)) return false;
    const int64_t number = b->first[formula->id] + member;
    if (b->of_buffer[buffer] < 0) {
        if (b->of_member[number] > buffer) return false;
        b->of_buffer[buffer] = number;
        b->of_member[number] = buffer;
    }
    return b->of_buffer[buffer] == number && b->of_member[number] == buffer;
}

/* A number in trip u of the loops around; of those there are not, u is 0. */
static int64_t moved(const numbers *n, const int64_t *u) {
    int64_t sum = n->value;
    for (int32_t d = 0; d < WK__DEPTH; d++) sum += u[d] * n->step[d];
    return sum;
}

static bool same_word(pairing *b, const wk_program *p, wk_trips t, const int64_t *u, const wk_recording *r,
                      int64_t word, const wk_symbol *symbol) {
    const wk_formula *formula = &WK_ITEMS(const wk_formula, p->formulas)[word];
    if (formula->space != symbol->space) return false;
    if (wk__word_of(formula, moved(&b->places[word], u), t) != symbol->value) return false;
    if (formula->space != WK__LOCAL) return formula->id == symbol->id;
    return pair(b, p, t, r, formula, moved(&b->in_family[word], u), symbol->id);
}

static bool same_call(pairing *b, const wk_program *p, wk_trips t, const int64_t *u, const wk_recorded_call *call,
                      const wk_recording *r, const wk_recorded_call *recorded) {
    if (call->noted.function != recorded->noted.function || call->noted.signature != recorded->noted.signature)
        return false;
    const wk_symbol *symbols = wk__symbols_of(r, recorded);
    for (int32_t w = 0; w < call->word_count; w++)
        if (!same_word(b, p, t, u, r, call->first_word + w, &symbols[w])) return false;
    return true;
}

static bool same_outputs(const wk_program *p, wk_trips t, const wk_recording *r) {
    for (int32_t k = 0; k < r->out_count; k++) {
        const wk_output_shape *shape = &p->outputs[k];
        const wk_array *a = &r->outputs[k];
        if (shape->ndim != a->ndim || shape->dtype != a->dtype) return false;
        for (int32_t d = 0; d < a->ndim; d++)
            if (wk__value_at(shape->dims[d], t) != a->dims[d]) return false;
    }
    return true;
}

/* Where the comparison is: trips of the loops, and the next recorded call. */
typedef struct place {
    int64_t u[WK__DEPTH], at;
} place;

static bool same_row(pairing *b, const wk_program *p, wk_trips t, const wk_recording *r, const wk_plan_loop *loop,
                     place *now) {
    for (int32_t c = loop->first; c < loop->first + loop->count; c++, now->at++) {
        if (now->at >= r->calls.count) return false;
        const wk_recorded_call *call = wk__program_call(p, c);
        if (!same_call(b, p, t, now->u, call, r, wk__call_at(r, now->at))) return false;
    }
    return true;
}

/* Loops [from, to), written out. */
static bool same_loops(pairing *b, const wk_program *p, wk_trips t, const wk_recording *r, int64_t from, int64_t to,
                       place *now) {
    bool same = true;
    for (int64_t l = from; same && l < to; l += 1 + wk__loop_at(p, l)->inside) {
        const wk_plan_loop *loop = wk__loop_at(p, l);
        const int64_t trips = wk__value_at(loop->trips, t);
        int64_t *u = &now->u[loop->depth];
        if (trips < 0) return false; /* none, but merge.c takes it for a number of rows */
        for (*u = 0; same && *u < trips; ++*u)
            same = loop->inside > 0 ? same_loops(b, p, t, r, l + 1, l + 1 + loop->inside, now)
                                    : same_row(b, p, t, r, loop, now);
        *u = 0;
    }
    return same;
}

static bool same_calls(pairing *b, const wk_program *p, wk_trips t, const wk_recording *r) {
    place now = {.at = 0};
    return same_loops(b, p, t, r, 0, p->loops.count, &now) && now.at == r->calls.count;
}

/* Before its rows became one. It owns nothing. */
static wk_program as_recorded(const wk_program *p) {
    wk_program before = *p;
    if (p->recorded_loops.items == NULL) return before;
    before.formulas = p->recorded_formulas;
    before.loops = p->recorded_loops;
    return before;
}

bool wk__program_matches(const wk_program *program, wk_trips t, const wk_recording *r) {
    pairing b;
    const wk_program before = as_recorded(program), *p = &before;
    const bool begun = pairing_begin(&b, p, t, r);
    if (!begun) wk__out_of_memory(r->ctx, "plan_run");
    const bool same = begun && same_outputs(p, t, r) && same_calls(&b, p, t, r);
    pairing_free(&b);
    return same;
}
