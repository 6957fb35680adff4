/* plan.h -- a plan from the inside: its recordings by shape. */
#ifndef WK_PLAN_PLAN_H
#define WK_PLAN_PLAN_H

#include "plan/bound.h"

/* What was recorded for some shapes: for these, or (`folded`) for every number of trips but a few. */
typedef struct wk_plan_entry {
    struct wk_plan_entry *next; /* the one used before it */
    wk_program program;
    wk_plan_argument *arguments;
    bool folded;
    struct wk_plan_entry *others; /* folded: for numbers of trips that are not as all others */
    int32_t checks_left;
    int64_t runs, next_check; /* since it was recorded; the run that looks once more */
    uint32_t modes; /* wk_ctx's, when the step was last recorded: training or evaluation, frozen or not, is in it */
    wk_bound bound;
} wk_plan_entry;

struct wk_plan {
    wk_ctx *ctx;
    wk_plan_step step;
    wk_plan_options options; /* trips: owned */
    wk_plan_entry *entries;  /* the one used last first */
    wk_plan_entry *last;     /* the one run last, or NULL */
    size_t last_nbytes;
    bool unfoldable; /* no program serves several numbers of trips */
    bool running;    /* its function, or a recording of it */
    wk_plan_arena arena;
    wk_plan_stats stats;
    wk_plan_argument *arguments; /* of the running call */
    int64_t T;
    wk_tensor **made; /* outputs of the running call */
};

/* The entry for plan->arguments, recorded now if there is none. NULL when that fails, recorded as a failure. */
wk_plan_entry *wk__entry_for(wk_plan *plan);

/* The entry's program for T, bound. NULL when memory is out. */
wk_bound *wk__entry_bound(wk_plan *plan, wk_plan_entry *entry, int64_t T);

void wk__entry_drop(wk_plan *plan, wk_plan_entry **at);
int64_t wk__entry_nbytes(const wk_plan_entry *entry);

#endif
