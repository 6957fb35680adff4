/* plan.h -- a plan from the inside: its recordings by shape. */
#ifndef WK_PLAN_PLAN_H
#define WK_PLAN_PLAN_H

#include "plan/bound.h"

/* Modes that a recording is known to be right in; beyond, the one that was met first is forgotten. */
enum { WK__MOST_MODES = 16 };

/* What was recorded for some shapes: for these, or (`folds_T`, `folds_S`) for every number of trips but a few. */
typedef struct wk_plan_entry {
    struct wk_plan_entry *next; /* the one used before it */
    wk_program program;
    wk_plan_argument *arguments;
    bool folds_T, folds_S;        /* it serves every T, every S */
    bool apart;                   /* recorded with gradients that have memory of their own */
    bool fails;                   /* there is no program: the step cannot be captured so */
    wk_growing verdicts;          /* numbers of trips that it was compared with the step at: NOTE [Each length] */
    wk_trips shown;               /* the most of them at which it is right */
    int64_t shown_pairs;          /* and the largest T times S */
    struct wk_plan_entry *others; /* for numbers of trips that are not as all others */
    int32_t checks_left;
    int64_t runs, next_check; /* since it was recorded; the run that looks once more */
    uint64_t modes[WK__MOST_MODES]; /* in which the step does this: training or evaluation, frozen or not, recorded or
                                     * not. A mode that does not matter to it doubles them */
    uint32_t mode_count;            /* met so far: the next one goes to this place, modulo */
    uint32_t mode;                  /* the place of the one at hand */
    wk_bound bound;
} wk_plan_entry;

/* For which numbers of trips a program is to be; whether with gradients apart; and whether it is for few trips of the
 * other number, beside an entry that serves all. Gradients of states that are read more
 * than one step later go round in a few buffers, and come back to the same one after several trips; apart, they are new
 * ones in each. */
typedef struct wk_way_to_fold {
    bool T, S, apart, beside;
} wk_way_to_fold;

struct wk_plan {
    wk_ctx *ctx;
    wk_plan_step step;
    wk_plan_options options; /* trips and second_trips: owned */
    wk_plan_entry *entries;  /* the one used last first */
    wk_plan_entry *last;     /* the one run last, or NULL */
    size_t last_nbytes;
    int32_t in_vain; /* which ways to fold need not be tried */
    bool running;    /* its function, or a recording of it */
    wk_plan_arena arena;
    wk_plan_stats stats;
    wk_plan_argument *arguments; /* of the running call */
    wk_trips trips;
    wk_tensor **made; /* outputs of the running call */
};

/* The entry for plan->arguments, recorded now if there is none. NULL when that fails, recorded as a failure. */
wk_plan_entry *wk__entry_for(wk_plan *plan);

/* The entry's program for so many trips, bound. NULL when memory is out. */
wk_bound *wk__entry_bound(wk_plan *plan, wk_plan_entry *entry, wk_trips t);

/* An entry, empty, before the others of a list. NULL when memory is out, recorded. */
wk_plan_entry *wk__entry_new(wk_plan *plan, wk_plan_entry **list);
void wk__entry_drop(wk_plan *plan, wk_plan_entry **at);
int64_t wk__entry_nbytes(const wk_plan_entry *entry);

/* Is a dimension of an argument T, or S? */
bool wk__is_T(const wk_plan *plan, int32_t input, int32_t dim);
bool wk__is_S(const wk_plan *plan, int32_t input, int32_t dim);

/* trips.c: records the step for these numbers of trips (`beside` an entry for all others: so few that loops are not
 * looked for), or for all that it is to serve, the others being t's. False when that fails; where only the folding
 * does, nothing is recorded as a failure. */
bool wk__capture_single(wk_plan *plan, wk_plan_entry *entry, wk_trips t, bool beside);
bool wk__capture_folded(wk_plan *plan, wk_plan_entry *entry, wk_trips t, wk_way_to_fold way);

/* Is the entry's program right for the trips at hand? Where that is not known, the step is recorded for them and
 * compared. False, with nothing recorded as a failure but that memory is out, when it does something else. */
bool wk__entry_reaches(wk_plan *plan, wk_plan_entry *entry);

/* Does the step do the same again, with other numbers in memory? */
bool wk__step_agrees(wk_plan *plan, const wk_plan_entry *entry, const wk_recording *r, int32_t number);

#endif
