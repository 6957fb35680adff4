/* program.h -- what becomes of recordings: a list of calls whose arguments are formulas in the trip count.
 *
 * NOTE [Folding]. Recordings of one step at several numbers of trips T are lists of several lengths. What repeats in
 * them with arguments that differ evenly is a loop, and so is what repeats in its body. When the lists have the same
 * loops, and everything in them (trips, places, counts, strides) is a polynomial in T of degree 2 at most, one list
 * with formulas serves every T (and every S, where there are two such numbers):
 *
 *     T = 3:  A B0 B1 B2 C      T = 4:  A B0 B1 B2 B3 C        program:  A, T times B with its places moving on, C
 *
 * Buffers that a loop makes anew in each trip are a family of T members, T times T where it is a loop in a loop.
 * Without trips a program is the list itself: every loop has one trip, every family one member. */
#ifndef WK_PLAN_PROGRAM_H
#define WK_PLAN_PROGRAM_H

#include "plan/recording.h"

/* a + b T + c T^2 + d S + e S^2 + f T S */
typedef struct wk_polynomial {
    int64_t a, b, c, d, e, f;
} wk_polynomial;

static inline wk_polynomial wk__number(int64_t number) { return (wk_polynomial){number, 0, 0, 0, 0, 0}; }
static inline int64_t wk__value_at(wk_polynomial p, wk_trips t) {
    return p.a + (p.b + p.c * t.T + p.f * t.S) * t.T + (p.d + p.e * t.S) * t.S;
}
static inline bool wk__is_constant(wk_polynomial p) { return (p.b | p.c | p.d | p.e | p.f) == 0; }
static inline bool wk__is_number(wk_polynomial p, int64_t number) { return p.a == number && wk__is_constant(p); }
static inline bool wk__is_same(wk_polynomial p, wk_polynomial q) {
    return p.a == q.a && p.b == q.b && p.c == q.c && p.d == q.d && p.e == q.e && p.f == q.f;
}

/* Does it not become smaller as T and S grow? */
static inline bool wk__grows(wk_polynomial p) {
    return p.c >= 0 && p.e >= 0 && p.f >= 0 && p.b + p.c + p.f >= 0 && p.d + p.e + p.f >= 0;
}

enum { WK__DEPTH = 3 }; /* of loops in loops */

/* How a real is made of a whole number n: n is its bits, number / n, number n, or n / over(T). */
typedef enum wk_real_form { WK__BITS, WK__QUOTIENT, WK__MULTIPLE, WK__FRACTION } wk_real_form;

/* What is 0 of most arguments: how much further on they are in each trip of the loops around them, the outermost first;
 * the member of a family, which is found in the same way; and what fractions are over. */
typedef struct wk_motion {
    wk_polynomial step[WK__DEPTH], member, member_step[WK__DEPTH], over;
} wk_motion;

/* An argument: in its space at value(T). A real has its n there. */
typedef struct wk_formula {
    int32_t space, id; /* LOCAL: the family */
    wk_polynomial value;
    wk_motion *motion; /* the program's; NULL: all of it is 0 */
    double number;
    wk_real_form form;
} wk_formula;

extern const wk_motion wk__no_motion __attribute__((visibility("hidden")));
static inline const wk_motion *wk__motion_of(const wk_formula *formula) {
    return formula->motion != NULL ? formula->motion : &wk__no_motion;
}

/* The bits of a real. */
static inline int64_t wk__real_of(wk_real_form form, double number, int64_t n, int64_t over) {
    wk_word word = {.i = n};
    if (form == WK__QUOTIENT) word.f = number / (double)n;
    if (form == WK__MULTIPLE) word.f = number * (double)n;
    if (form == WK__FRACTION) word.f = (double)n / (double)over;
    return word.i;
}

/* The word of a formula of which n is the value in some trip. */
static inline int64_t wk__word_of(const wk_formula *formula, int64_t n, wk_trips t) {
    if (formula->space != WK__REAL) return n;
    return wk__real_of(formula->form, formula->number, n, wk__value_at(wk__motion_of(formula)->over, t));
}

/* Calls [first, first + count) so many times over: in a row, or, where the next loops in the list are `inside` it, by
 * them. */
typedef struct wk_plan_loop {
    int32_t first, count;
    wk_polynomial trips;
    int32_t inside, depth;
} wk_plan_loop;

static inline bool wk__is_once(const wk_plan_loop *loop) { return wk__is_number(loop->trips, 1); }

/* Buffers of one size that are alive in the same calls. */
typedef struct wk_plan_family {
    wk_polynomial nbytes, members;
    wk_polynomial each[WK__DEPTH]; /* members that a trip of the loop of this depth makes */
    int32_t home[WK__DEPTH];       /* the loops that all its calls are in, or -1 */
    int32_t from, to;              /* calls */
    int32_t last_write;            /* the call, or -1 */
    bool constant;    /* computed before the runs, and kept */
    int32_t slot;     /* families that are never alive at once share one */
    int32_t block;    /* a temporary of a chain: its block; else -1 */
    int32_t made_by, needed_until; /* and the first and the last link that meet it */
} wk_plan_family;

/* How far the next member of a family lies: on a line of its own, or, where it is short, right behind, so that what is
 * done to all members is done to one array (merge.c). */
static inline int64_t wk__pitch(int64_t nbytes) {
    enum { SHORT = 8 * WK__LINE };
    if (nbytes < SHORT) return nbytes > 0 ? nbytes : 0;
    return (nbytes + WK__LINE - 1) / WK__LINE * WK__LINE;
}

/* Element-wise calls in a row that run together, a block of elements at a time. */
enum { WK__BLOCK = 1024 };
typedef struct wk_chain {
    int32_t first, count;
    int32_t blocks; /* for its temporaries */
} wk_chain;

typedef struct wk_output_shape {
    wk_dtype dtype;
    int32_t ndim;
    wk_polynomial dims[WK_MAX_DIMS];
} wk_output_shape;

typedef struct wk_program {
    wk_recording *base; /* owned: holds what the program uses; its calls are those of the program */
    wk_trips base_trips;
    wk_growing calls;    /* wk_recorded_call: a loop's once */
    wk_growing formulas; /* for the words of these calls, by first_word */
    wk_growing motions;  /* wk_motion *: of the formulas, and of those below */
    wk_growing loops, families, chains;
    wk_growing recorded_formulas, recorded_loops; /* as they were before merge.c; empty where it changed nothing */
    wk_output_shape *outputs;
    int32_t slot_count;
    int32_t hoisted; /* calls that are made before the runs */
} wk_program;

/* What is in a program, by number; the formulas of a call's words. */
static inline wk_plan_loop *wk__loop_at(const wk_program *p, int64_t l) { return &WK_ITEMS(wk_plan_loop, p->loops)[l]; }
static inline wk_plan_family *wk__family_at(const wk_program *p, int64_t k) {
    return &WK_ITEMS(wk_plan_family, p->families)[k];
}
static inline wk_recorded_call *wk__program_call(const wk_program *p, int64_t c) {
    return &WK_ITEMS(wk_recorded_call, p->calls)[c];
}
static inline wk_formula *wk__formulas_of(const wk_program *p, const wk_recorded_call *call) {
    return WK_ITEMS(wk_formula, p->formulas) + call->first_word;
}
static inline wk_formula *wk__formulas_at(const wk_program *p, int64_t c) {
    return wk__formulas_of(p, wk__program_call(p, c));
}

/* fold.c: a program from recordings at these numbers of trips (wk_points in fit.h), with the loops that are in them, if
 * wanted; it takes over the first. False when they do not fold (nothing is recorded as a failure then, unless memory is
 * out), and the recordings stay the caller's. */
bool wk__program_fold(wk_program *p, wk_recording *const *recordings, const wk_trips *trips, int32_t count, bool loops);
void wk__program_free(wk_program *p);
int64_t wk__program_nbytes(const wk_program *p);
/* A motion like this one, of the program. NULL when memory is out. */
wk_motion *wk__motion_new(wk_program *p, const wk_motion *motion);

/* How many calls a run makes. */
int64_t wk__program_calls(const wk_program *p, wk_trips t);

/* verify.c: does the step do what the program says for so many trips? A merged one says it as it did before that. False
 * also where the step fails. *calls: how many it makes. */
bool wk__program_is_right(const wk_program *p, wk_trips t, const wk_dry_run *run, int64_t *calls);

/* structure.c: where loops are in one recording. */
typedef struct wk_plan_position {
    int32_t space, id;
    int64_t member, value;
} wk_plan_position;

typedef struct wk_found_loop {
    int64_t first, period, trips;
    int64_t inside; /* how many of the next loops are those of its first trip */
} wk_found_loop;

typedef struct wk_plan_structure {
    wk_growing loops;     /* wk_found_loop: but for those inside others, they cover the calls one after another */
    wk_growing positions; /* wk_plan_position of each word, with families */
    wk_growing families;  /* wk_found_family */
    wk_growing next_alike; /* int64_t for each call: the next one of the same kernel and row */
    int64_t tries_left;    /* of periods that loops may have */
} wk_plan_structure;

typedef struct wk_found_family {
    int64_t nbytes, members, each[WK__DEPTH];
} wk_found_family;

/* find_loops: else everything is one trip. False when memory is out. */
bool wk__find_structure(wk_plan_structure *s, const wk_recording *r, bool find_loops);
void wk__structure_free(wk_plan_structure *s);

/* hoist.c: finds calls whose results are constants. r: the recording that the program is made of. */
void wk__program_hoist(wk_program *p, const wk_recording *r);

/* fuse.c: finds chains. False when memory is out. */
bool wk__program_fuse(wk_program *p);

/* Does it give elements that depend on one of each operand, of one type? */
bool wk__is_elementwise(const wk_program *p, int64_t c);

/* The same address in the same trip, whatever the address is. */
bool wk__same_place(const wk_formula *a, const wk_formula *b);
/* Memory that cannot be the same: other buffers, and outputs, which are new in each run. */
bool wk__are_apart(const wk_formula *a, const wk_formula *b);

/* place.c: which families may share memory. */
bool wk__program_place(wk_program *p);

/* merge.c: loops of calls for a row each become calls for all rows, and what the two above found is found anew. */
bool wk__program_merge(wk_program *p);

/* The chain that a call is a link of, or NULL. */
const wk_chain *wk__chain_of(const wk_program *p, int64_t call);

#endif
