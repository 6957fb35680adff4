/* fold.c -- a program from recordings at several numbers of trips (NOTE [Folding] in program.h). */
#include <stdlib.h>
#include <string.h>

#include "plan/fit.h"
#include "plan/program.h"

const wk_motion wk__no_motion = {.over = {0}};

wk_motion *wk__motion_new(wk_program *p, const wk_motion *motion) {
    wk_motion *new = malloc(sizeof *new), **at = new != NULL ? WK_PUSH(wk_motion *, p->motions) : NULL;
    if (at == NULL) return free(new), NULL;
    *new = *motion;
    return *at = new;
}

typedef struct folding {
    wk_program *p;
    wk_recording *const *r;
    wk_points points;
    int32_t count; /* of recordings, a point each */
    bool loops;    /* are looked for */
    wk_plan_structure s[WK__MOST_POINTS];
    bool no_memory;
} folding;

/* -------------------------------------------------------------------------------------------------------- words --- */

static const wk_found_loop *loop_of(const folding *f, int32_t i, int64_t l) {
    return &WK_ITEMS(const wk_found_loop, f->s[i].loops)[l];
}

/* A call by the loops around it, the outermost first, and its place in a trip of the innermost. */
typedef struct call_path {
    int64_t loops[WK__DEPTH], at;
    int32_t depth;
} call_path;

/* The number of the call in recording i, in the first trip of all loops. */
static int64_t call_number(const folding *f, int32_t i, const call_path *path) {
    return loop_of(f, i, path->loops[path->depth - 1])->first + path->at;
}

static const wk_plan_position *position(const folding *f, int32_t i, int64_t call, int32_t w) {
    return &WK_ITEMS(const wk_plan_position, f->s[i].positions)[wk__call_at(f->r[i], call)->first_word + w];
}

/* How far the second trip of the loop of depth d takes word w. */
static bool fold_step(const folding *f, const call_path *path, int32_t d, int32_t w, wk_formula *formula) {
    int64_t step[WK__MOST_POINTS] = {0}, member[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        const wk_found_loop *loop = loop_of(f, i, path->loops[d]);
        const int64_t call = call_number(f, i, path);
        const wk_plan_position *at = position(f, i, call, w);
        const wk_plan_position *next = loop->trips > 1 ? position(f, i, call + loop->period, w) : at;
        step[i] = next->value - at->value;
        member[i] = next->member - at->member;
    }
    return wk__fit(&f->points, step, &formula->motion->step[d]) &&
           wk__fit(&f->points, member, &formula->motion->member_step[d]);
}

/* The bits of a real in trip u of the loop of depth d, the first of the others. */
static int64_t real_in_trip(const folding *f, int32_t i, const call_path *path, int32_t d, int64_t u, int32_t w) {
    return position(f, i, call_number(f, i, path) + u * loop_of(f, i, path->loops[d])->period, w)->value;
}

/* The outermost loop whose second trip has another real than its first; -1: none. */
static int32_t loop_of_real(const folding *f, const call_path *path, int32_t w) {
    for (int32_t d = 0; d < path->depth; d++)
        if (loop_of(f, 0, path->loops[d])->trips > 1 &&
            real_in_trip(f, 0, path, d, 0, w) != real_in_trip(f, 0, path, d, 1, w))
            return d;
    return -1;
}

/* How far the second trip of the loop of depth d takes the whole number of a real. */
static bool fold_real_step(const folding *f, const call_path *path, int32_t d, int32_t w, const wk_real_trips *trips,
                           wk_formula *formula) {
    int64_t step[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        int64_t n = trips[i].n;
        if (loop_of(f, i, path->loops[d])->trips > 1 &&
            !wk__real_whole_of(real_in_trip(f, i, path, d, 1, w), &trips[i], &n))
            return false;
        step[i] = n - trips[i].n;
    }
    return wk__fit(&f->points, step, &formula->motion->step[d]);
}

/* A real that moves with the trips of the loop of depth d. */
static bool fold_moving_real(const folding *f, const call_path *path, int32_t d, int32_t w, wk_formula *formula) {
    wk_real_trips trips[WK__MOST_POINTS] = {0};
    int64_t n[WK__MOST_POINTS] = {0}, over[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        const int64_t count = loop_of(f, i, path->loops[d])->trips;
        wk_trip_reals reals = {.count = count < WK__MOST_TRIP_REALS ? (int32_t)count : WK__MOST_TRIP_REALS};
        for (int32_t u = 0; u < reals.count; u++) {
            reals.bits[u] = real_in_trip(f, i, path, d, u, w);
            reals.trip[u] = u;
        }
        if (count < 2 || !wk__find_real(&reals, &trips[i]) || trips[i].form != trips[0].form) return false;
        if (trips[i].form != WK__FRACTION && trips[i].number != trips[0].number) return false;
        n[i] = trips[i].n;
        over[i] = trips[i].form == WK__FRACTION ? (int64_t)trips[i].number : 1;
    }
    formula->form = trips[0].form;
    formula->number = trips[0].number;
    for (int32_t e = 0; e < path->depth; e++)
        if (!fold_real_step(f, path, e, w, trips, formula)) return false;
    return wk__fit(&f->points, n, &formula->value) && wk__fit(&f->points, over, &formula->motion->over);
}

/* Into a formula that is empty but for room for its motion. */
static bool fit_word(const folding *f, const call_path *path, int32_t w, wk_formula *formula) {
    int64_t value[WK__MOST_POINTS] = {0}, member[WK__MOST_POINTS] = {0};
    const wk_plan_position *base = position(f, 0, call_number(f, 0, path), w);
    formula->space = base->space;
    formula->id = base->id;
    for (int32_t i = 0; i < f->count; i++) {
        const wk_plan_position *at = position(f, i, call_number(f, i, path), w);
        if (at->space != base->space || at->id != base->id) return false;
        value[i] = at->value;
        member[i] = at->member;
    }
    if (base->space == WK__REAL) {
        const int32_t d = loop_of_real(f, path, w);
        return d < 0 ? wk__fit_real(&f->points, value, formula) : fold_moving_real(f, path, d, w, formula);
    }
    for (int32_t d = 0; d < path->depth; d++)
        if (!fold_step(f, path, d, w, formula)) return false;
    return wk__fit(&f->points, value, &formula->value) && wk__fit(&f->points, member, &formula->motion->member);
}

/* Is the call made once, in the only recording? Then its words stay what they are. */
static bool is_made_once(const folding *f, const call_path *path) {
    bool once = f->count == 1;
    for (int32_t d = 0; once && d < path->depth; d++) once = loop_of(f, 0, path->loops[d])->trips == 1;
    return once;
}

static bool fold_word(folding *f, const call_path *path, int32_t w, wk_formula *formula) {
    wk_motion motion = {0};
    const wk_plan_position *only = is_made_once(f, path) ? position(f, 0, call_number(f, 0, path), w) : NULL;
    if (only != NULL && only->member == 0) {
        *formula = (wk_formula){.space = only->space, .id = only->id, .value = wk__number(only->value)};
        return true;
    }
    *formula = (wk_formula){.motion = &motion};
    const bool fine = fit_word(f, path, w, formula), moves = memcmp(&motion, &wk__no_motion, sizeof motion) != 0;
    formula->motion = fine && moves ? wk__motion_new(f->p, &motion) : NULL;
    f->no_memory |= fine && moves && formula->motion == NULL;
    return fine && !f->no_memory;
}

static bool fold_call(folding *f, const call_path *path) {
    const wk_recorded_call *base = wk__call_at(f->r[0], call_number(f, 0, path));
    for (int32_t i = 1; i < f->count; i++) {
        const wk_recorded_call *other = wk__call_at(f->r[i], call_number(f, i, path));
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
        if (!fold_word(f, path, w, &formulas[w])) return false;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- loops --- */

/* The loop that the next calls belong to; -1 when memory is out. Calls that are made once, in the body of one loop, go
 * on in one row: `last` is the loop before it there, or -1. */
static int64_t next_loop(folding *f, wk_polynomial trips, int32_t depth, int64_t last) {
    wk_growing *loops = &f->p->loops;
    const bool once = wk__is_number(trips, 1);
    if (once && last >= 0 && wk__is_once(&WK_ITEMS(wk_plan_loop, *loops)[last])) return last;
    wk_plan_loop *loop = WK_PUSH(wk_plan_loop, *loops);
    if (loop == NULL) return f->no_memory = true, -1;
    *loop = (wk_plan_loop){(int32_t)f->p->calls.count, 0, trips, 0, depth};
    return loops->count - 1;
}

static bool fold_loops(folding *f, call_path *path, int64_t from, int64_t to);

/* Loop l, which comes after `*last` in the body of the same loop. */
static bool fold_loop(folding *f, call_path *path, int64_t l, int64_t *last) {
    const wk_found_loop *base = loop_of(f, 0, l);
    int64_t trips[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < f->count; i++) {
        const wk_found_loop *loop = loop_of(f, i, l);
        trips[i] = loop->trips;
        if (loop->inside != base->inside || (loop->inside == 0 && loop->period != base->period)) return false;
    }
    wk_polynomial fitted;
    if (!wk__fit(&f->points, trips, &fitted)) return false;
    const int64_t loop = next_loop(f, fitted, path->depth, *last);
    if (loop < 0) return false;
    *last = loop;
    path->loops[path->depth++] = l;
    bool fine = base->inside == 0 || fold_loops(f, path, l + 1, l + 1 + base->inside);
    for (path->at = 0; fine && base->inside == 0 && path->at < base->period; path->at++) fine = fold_call(f, path);
    path->depth--;
    wk_plan_loop *folded = wk__loop_at(f->p, loop);
    folded->count = (int32_t)f->p->calls.count - folded->first;
    folded->inside = (int32_t)(f->p->loops.count - loop - 1);
    return fine;
}

static bool fold_loops(folding *f, call_path *path, int64_t from, int64_t to) {
    int64_t last = -1;
    for (int64_t l = from; l < to; l += 1 + loop_of(f, 0, l)->inside)
        if (!fold_loop(f, path, l, &last)) return false;
    return true;
}

static bool fold_family(folding *f, int64_t k) {
    int64_t nbytes[WK__MOST_POINTS] = {0}, members[WK__MOST_POINTS] = {0};
    int64_t each[WK__DEPTH][WK__MOST_POINTS] = {{0}};
    for (int32_t i = 0; i < f->count; i++) {
        const wk_found_family *family = &WK_ITEMS(const wk_found_family, f->s[i].families)[k];
        nbytes[i] = family->nbytes;
        members[i] = family->members;
        for (int32_t d = 0; d < WK__DEPTH; d++) each[d][i] = family->each[d];
    }
    wk_plan_family *family = WK_PUSH(wk_plan_family, f->p->families);
    if (family == NULL) return f->no_memory = true, false;
    *family = (wk_plan_family){.last_write = -1};
    for (int32_t d = 0; d < WK__DEPTH; d++)
        if (!wk__fit(&f->points, each[d], &family->each[d])) return false;
    return wk__fit(&f->points, nbytes, &family->nbytes) && wk__fit(&f->points, members, &family->members);
}

static bool fold_output(const folding *f, int32_t k) {
    const wk_array *base = &f->r[0]->outputs[k];
    wk_output_shape *shape = &f->p->outputs[k];
    shape->dtype = base->dtype;
    shape->ndim = base->ndim;
    for (int32_t d = 0; d < base->ndim; d++) {
        int64_t dims[WK__MOST_POINTS] = {0};
        for (int32_t i = 0; i < f->count; i++) {
            if (f->r[i]->outputs[k].ndim != base->ndim || f->r[i]->outputs[k].dtype != base->dtype) return false;
            dims[i] = f->r[i]->outputs[k].dims[d];
        }
        if (!wk__fit(&f->points, dims, &shape->dims[d])) return false;
    }
    return true;
}

static bool fold_all(folding *f) {
    for (int32_t i = 0; i < f->count; i++)
        if (!wk__find_structure(&f->s[i], f->r[i], f->loops)) return f->no_memory = true, false;
    for (int32_t i = 1; i < f->count; i++)
        if (f->s[i].loops.count != f->s[0].loops.count || f->s[i].families.count != f->s[0].families.count)
            return false;
    f->p->outputs = calloc((size_t)f->r[0]->out_count + 1, sizeof *f->p->outputs);
    if (f->p->outputs == NULL) return f->no_memory = true, false;
    bool fine = fold_loops(f, &(call_path){.depth = 0}, 0, f->s[0].loops.count);
    for (int64_t k = 0; fine && k < f->s[0].families.count; k++) fine = fold_family(f, k);
    for (int32_t k = 0; fine && k < f->r[0]->out_count; k++) fine = fold_output(f, k);
    return fine;
}

bool wk__program_fold(wk_program *p, wk_recording *const *recordings, const wk_trips *trips, int32_t count,
                      bool loops) {
    folding f = {.p = p, .r = recordings, .points = {trips, count}, .count = count, .loops = loops};
    *p = (wk_program){.base_trips = trips[0]};
    bool fine = fold_all(&f);
    for (int32_t i = 0; i < count; i++) wk__structure_free(&f.s[i]);
    if (fine) wk__program_hoist(p, recordings[0]);
    if (fine && !(wk__program_fuse(p) && wk__program_place(p))) fine = false, f.no_memory = true;
    if (f.no_memory) wk__out_of_memory(recordings[0]->ctx, "plan_run");
    wk__growing_trim(&p->formulas, sizeof(wk_formula));
    wk__growing_trim(&p->calls, sizeof(wk_recorded_call));
    wk__growing_trim(&p->families, sizeof(wk_plan_family));
    if (fine)
        p->base = recordings[0];
    else
        wk__program_free(p);
    return fine;
}

static int64_t calls_of(const wk_program *p, wk_trips t, int64_t from, int64_t to) {
    int64_t calls = 0;
    for (int64_t l = from; l < to; l += 1 + wk__loop_at(p, l)->inside) {
        const wk_plan_loop *loop = wk__loop_at(p, l);
        const int64_t body = loop->inside > 0 ? calls_of(p, t, l + 1, l + 1 + loop->inside) : loop->count;
        calls += body * wk__value_at(loop->trips, t);
    }
    return calls;
}

int64_t wk__program_calls(const wk_program *p, wk_trips t) { return calls_of(p, t, 0, p->loops.count) - p->hoisted; }

void wk__program_free(wk_program *p) {
    if (p->base != NULL) wk__recording_free(p->base);
    free(p->base);
    free(p->outputs);
    wk__growing_free(&p->calls);
    wk__growing_free(&p->formulas);
    for (int64_t i = 0; i < p->motions.count; i++) free(WK_ITEMS(wk_motion *, p->motions)[i]);
    wk__growing_free(&p->motions);
    wk__growing_free(&p->loops);
    wk__growing_free(&p->families);
    wk__growing_free(&p->chains);
    wk__growing_free(&p->recorded_formulas);
    wk__growing_free(&p->recorded_loops);
    *p = (wk_program){0};
}

static int64_t list_nbytes(const wk_growing *g, size_t each) { return g->capacity * (int64_t)each; }

int64_t wk__program_nbytes(const wk_program *p) {
    return (p->base != NULL ? wk__recording_nbytes(p->base) : 0) + list_nbytes(&p->calls, sizeof(wk_recorded_call)) +
           list_nbytes(&p->formulas, sizeof(wk_formula)) + list_nbytes(&p->recorded_formulas, sizeof(wk_formula)) +
           list_nbytes(&p->motions, sizeof(wk_motion *)) + p->motions.count * (int64_t)sizeof(wk_motion) +
           list_nbytes(&p->loops, sizeof(wk_plan_loop)) + list_nbytes(&p->recorded_loops, sizeof(wk_plan_loop)) +
           list_nbytes(&p->families, sizeof(wk_plan_family)) + list_nbytes(&p->chains, sizeof(wk_chain));
}
