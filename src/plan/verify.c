/* verify.c -- a program against the step at a number of trips that it was not made from: a dry run, each call of which
 * is held to the one that the program has next, and forgotten. */
#include <stdlib.h>
#include <string.h>

#include "plan/known.h"
#include "plan/program.h"

/* What a polynomial is for these trips, and how far each loop around takes it on. */
typedef struct numbers {
    int64_t value, step[WK__DEPTH];
} numbers;

/* What a word of a call is to be: these bits of it, or what the formula says in the trips at hand. */
typedef struct expected {
    const wk_formula *formula; /* NULL: bits that stay as they are */
    int64_t mask, bits;
    int32_t at; /* which word it is */
    bool moves, writes;
    numbers place, member;
} expected;

/* The members of a family have numbers in a row; outputs are members of one behind all others. */
typedef struct members {
    int64_t first, count, nbytes;
} members;

/* The buffer of the run that is a member's now. */
typedef struct stand_in {
    char *data;
    int64_t nbytes;
} stand_in;

/* A dry run that is held to a program, and where it has come to: which call is next, in which trips. */
typedef struct follower {
    wk_listener listener;
    const wk_program *program;
    wk_trips t;
    expected *words;
    members *families;
    int64_t *trips; /* of each loop */
    stand_in *stand_ins;
    wk_growing taken; /* a hash table of buffers, by their data: the number that each is for, and stays for */
    int64_t around[WK__DEPTH], u[WK__DEPTH], loop;
    int32_t depth, call;
    int64_t calls;
    bool same;
} follower;

/* --------------------------------------------------------------------------------------- what is to be expected --- */

/* Of a word that `loops` are around. */
static numbers numbers_at(const wk_polynomial *value, const wk_polynomial *step, int32_t loops, wk_trips t) {
    numbers n = {.value = wk__value_at(*value, t)};
    for (int32_t d = 0; d < loops; d++) n.step[d] = wk__value_at(step[d], t);
    return n;
}

static bool does_move(const numbers *n) {
    bool any = false;
    for (int32_t d = 0; d < WK__DEPTH; d++) any |= n->step[d] != 0;
    return any;
}

static bool is_in_buffer(const wk_formula *formula) {
    return formula->space == WK__LOCAL || formula->space == WK__INPUT || formula->space == WK__OUTPUT;
}

static expected expect(const wk_formula *formula, char letter, int32_t loops, wk_trips t) {
    const wk_motion *m = formula->motion;
    expected e = {.formula = formula, .place.value = wk__value_at(formula->value, t)};
    if (m != NULL) {
        e.place = numbers_at(&formula->value, m->step, loops, t);
        e.member = numbers_at(&m->member, m->member_step, loops, t);
        e.moves = does_move(&e.place) || does_move(&e.member);
    }
    e.writes = letter == 'w';
    e.mask = formula->space == WK__SCRATCH ? 0 : wk__word_alone(letter, (wk_word){.i = -1}).i;
    e.bits = wk__word_of(formula, e.place.value, t) & e.mask;
    if (!e.moves && !is_in_buffer(formula)) e.formula = NULL;
    return e;
}

/* Reads before writes, as resolve.c has them: a buffer that one call reads and writes is not met for the first time. */
static void expect_call(const follower *f, const wk_recorded_call *call, int32_t loops) {
    expected *e = &f->words[call->first_word];
    for (int writes = 0; writes < 2; writes++)
        for (int32_t w = 0; w < call->word_count; w++) {
            const char letter = call->noted.signature->letters[w];
            if ((letter == 'w') != writes) continue;
            *e = expect(wk__formulas_of(f->program, call) + w, letter, loops, f->t);
            e++->at = w;
        }
}

/* How many numbers there are. */
static int64_t number_members(const follower *f) {
    const int64_t families = f->program->families.count, outputs = f->program->base->out_count;
    int64_t count = 0;
    for (int64_t k = 0; k < families; k++) {
        const wk_plan_family *family = wk__family_at(f->program, k);
        const int64_t here = wk__value_at(family->members, f->t);
        f->families[k] = (members){count, here > 0 ? here : 0, wk__value_at(family->nbytes, f->t)};
        count += f->families[k].count;
    }
    f->families[families] = (members){count, outputs, INT64_MAX};
    return count + outputs;
}

/* ------------------------------------------------------------------------------------------- which call is next --- */

/* Is loop l behind the innermost of those around? */
static bool is_behind(const follower *f, int64_t l) {
    if (f->depth == 0) return false;
    const int64_t outer = f->around[f->depth - 1];
    return l > outer + wk__loop_at(f->program, outer)->inside;
}

/* Behind the innermost of the loops around: its next trip, or what comes after it. */
static int64_t go_round(follower *f, int64_t l) {
    const int64_t outer = f->around[f->depth - 1];
    if (++f->u[f->depth - 1] < f->trips[outer]) return outer + 1;
    f->u[--f->depth] = 0;
    return l;
}

/* To the first call from loop l on. */
static void settle(follower *f, int64_t l) {
    while (is_behind(f, l) || l < f->program->loops.count) {
        if (is_behind(f, l)) {
            l = go_round(f, l);
            continue;
        }
        const wk_plan_loop *loop = wk__loop_at(f->program, l);
        f->same &= f->trips[l] >= 0; /* below it is none, but merge.c takes it for a number of rows */
        if (f->trips[l] <= 0) {
            l += 1 + loop->inside;
        } else if (loop->inside > 0) {
            f->around[f->depth++] = l++;
        } else {
            f->call = loop->first;
            break;
        }
    }
    f->loop = l;
}

static void go_on(follower *f) {
    const wk_plan_loop *loop = wk__loop_at(f->program, f->loop);
    if (++f->call < loop->first + loop->count) return;
    f->call = loop->first;
    if (++f->u[loop->depth] < f->trips[f->loop]) return;
    f->u[loop->depth] = 0;
    settle(f, f->loop + 1);
}

/* ----------------------------------------------------------------------------------------------------- one call --- */

/* A number in the trips at hand. */
static int64_t moved(const follower *f, const numbers *n) {
    int64_t sum = n->value;
    for (int32_t d = 0; d < WK__DEPTH; d++) sum += f->u[d] * n->step[d];
    return sum;
}

/* A buffer that was not met before becomes the member's, which may have been another's in the trip before. It has to be
 * written first, unless nothing is read. */
static bool take(follower *f, const wk_recording *r, int64_t number, const members *family, char *data, bool is_fine) {
    const int64_t nbytes = wk__recording_buffer_nbytes(r, data);
    const bool output = family == &f->families[f->program->families.count];
    if (nbytes < 0 || nbytes > family->nbytes || !(is_fine || nbytes == 0)) return false;
    if (output && f->stand_ins[number].data != NULL) return false;
    if (wk__known_find(&f->taken, wk__word_of_address(data)) != WK__KNOWN_NOT) return false;
    if (!wk__known_add(&f->taken, wk__word_of_address(data), number)) wk__out_of_memory(r->ctx, "plan_run");
    f->stand_ins[number] = (stand_in){data, nbytes};
    return true;
}

/* Is it so far into the member's buffer? */
static bool is_member(follower *f, const wk_recording *r, const expected *e, int64_t family, int64_t member,
                      int64_t offset, const char *address) {
    const members *m = &f->families[family];
    if (member < 0 || member >= m->count || offset < 0) return false;
    const stand_in *it = &f->stand_ins[m->first + member];
    const uintptr_t data = (uintptr_t)address - (uintptr_t)offset;
    if ((uintptr_t)it->data != data && !take(f, r, m->first + member, m, (char *)data, e->writes)) return false;
    return offset <= it->nbytes;
}

static bool is_input(const wk_recording *r, int32_t input, int64_t offset, const char *address) {
    const wk_array *a = &r->inputs[input]->a;
    return offset >= 0 && offset <= wk__array_nbytes(a) && address == (char *)a->data + offset;
}

static bool same_moving_word(follower *f, const wk_recording *r, const expected *e, wk_word word) {
    const int64_t value = e->moves ? moved(f, &e->place) : e->place.value, outputs = f->program->families.count;
    const int32_t id = e->formula->id;
    switch (e->formula->space) {
    case WK__INPUT: return is_input(r, id, value, word.p);
    case WK__OUTPUT: return is_member(f, r, e, outputs, id, value, word.p);
    case WK__LOCAL: return is_member(f, r, e, id, e->moves ? moved(f, &e->member) : e->member.value, value, word.p);
    default: return (wk__word_of(e->formula, value, f->t) & e->mask) == (word.i & e->mask);
    }
}

static bool same_words(follower *f, const wk_recording *r, const wk_recorded_call *call, const wk_word *words) {
    const expected *e = &f->words[call->first_word], *end = e + call->word_count;
    for (; e < end; e++)
        if (e->formula == NULL ? (words[e->at].i & e->mask) != e->bits : !same_moving_word(f, r, e, words[e->at]))
            return false;
    return true;
}

static void on_call(wk_listener *listener, const wk_recording *r, const wk_noted *noted, const wk_word *words) {
    follower *f = (follower *)(void *)listener;
    f->calls++;
    f->same = f->same && f->loop < f->program->loops.count;
    if (!f->same) return;
    const wk_recorded_call *call = wk__program_call(f->program, f->call);
    f->same = call->noted.function == noted->function && call->noted.signature == noted->signature &&
              same_words(f, r, call, words);
    go_on(f);
}

/* ------------------------------------------------------------------------------------------------------ the run --- */

static bool same_shape(const wk_output_shape *shape, const wk_array *a, wk_trips t) {
    if (shape->ndim != a->ndim || shape->dtype != a->dtype) return false;
    for (int32_t d = 0; d < a->ndim; d++)
        if (wk__value_at(shape->dims[d], t) != a->dims[d]) return false;
    return true;
}

/* What was met as an output, or not at all, has to be that output. */
static bool same_outputs(const follower *f, const wk_recording *r) {
    const members *outputs = &f->families[f->program->families.count];
    for (int32_t k = 0; k < r->out_count; k++) {
        const char *data = r->outputs[k].data, *met = f->stand_ins[outputs->first + k].data;
        if (!same_shape(&f->program->outputs[k], &r->outputs[k], f->t)) return false;
        const bool taken = wk__known_find(&f->taken, wk__word_of_address(data)) != WK__KNOWN_NOT;
        if (met != NULL ? met != data : taken)
            return false;
    }
    return true;
}

/* Before its rows became one. It owns nothing. */
static wk_program as_recorded(const wk_program *p) {
    wk_program before = *p;
    if (p->recorded_loops.items == NULL) return before;
    before.formulas = p->recorded_formulas;
    before.loops = p->recorded_loops;
    return before;
}

static bool follower_begin(follower *f, const wk_program *p, wk_trips t) {
    *f = (follower){.listener = {on_call}, .program = p, .t = t, .same = true};
    f->words = malloc(((size_t)p->formulas.count + 1) * sizeof *f->words);
    f->families = malloc(((size_t)p->families.count + 1) * sizeof *f->families);
    f->trips = malloc(((size_t)p->loops.count + 1) * sizeof *f->trips);
    if (f->words == NULL || f->families == NULL || f->trips == NULL) return false;
    f->stand_ins = calloc((size_t)number_members(f) + 1, sizeof *f->stand_ins);
    if (f->stand_ins == NULL) return false;
    for (int64_t l = 0; l < p->loops.count; l++) {
        f->trips[l] = wk__value_at(wk__loop_at(p, l)->trips, t);
        const wk_plan_loop *loop = wk__loop_at(p, l);
        for (int32_t c = loop->first; loop->inside == 0 && c < loop->first + loop->count; c++)
            expect_call(f, wk__program_call(p, c), loop->depth + 1);
    }
    settle(f, 0);
    return true;
}

static void follower_free(follower *f) {
    free(f->words);
    free(f->families);
    free(f->trips);
    free(f->stand_ins);
    wk__growing_free(&f->taken);
}

bool wk__program_is_right(const wk_program *program, wk_trips t, const wk_dry_run *run, int64_t *calls) {
    const wk_program before = as_recorded(program);
    wk_recording r = {.ctx = run->ctx};
    follower f;
    bool same = follower_begin(&f, &before, t);
    if (same)
        same = wk__plan_record(&r, run, &f.listener) && f.same && f.loop == before.loops.count && same_outputs(&f, &r);
    else wk__out_of_memory(run->ctx, "plan_run");
    *calls = f.calls;
    wk__recording_free(&r);
    follower_free(&f);
    return same && wk_ok();
}
