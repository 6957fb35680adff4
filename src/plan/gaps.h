/* gaps.h -- in which stretches of calls which slots of memory are free. */
#ifndef WK_PLAN_GAPS_H
#define WK_PLAN_GAPS_H

#include "plan/growing.h"

typedef struct wk_gaps {
    wk_growing nodes;
    int32_t root; /* -1: there is none */
} wk_gaps;

/* The slot is free from the call `from` to the call `to`, both included. False when memory is out. */
bool wk__gaps_add(wk_gaps *gaps, int32_t from, int32_t to, int32_t slot);

/* A slot that is free in all these calls, and is not any more; the one that got free last. -1: there is none,
 * -2: memory is out. */
int32_t wk__gaps_take(wk_gaps *gaps, int32_t from, int32_t to);

void wk__gaps_free(wk_gaps *gaps);

#endif
