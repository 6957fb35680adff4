/* fit.h -- formulas that have given values at the numbers of trips that a step was recorded with. */
#ifndef WK_PLAN_FIT_H
#define WK_PLAN_FIT_H

#include "plan/program.h"

enum { WK__MOST_POINTS = 6 };

/* One, or three that differ in T or in S, or six as NOTE [Six points] has them. */
typedef struct wk_points {
    const wk_trips *t;
    int32_t count;
} wk_points;

/* values[i] is what the polynomial has at t[i], in whole numbers. False when there is none. Few values nearly always
 * have one; whether it is the right one, other T and S tell (verify.c). */
bool wk__fit(const wk_points *points, const int64_t *values, wk_polynomial *fitted);

/* The value of a real by its bits: a number that stays, or one made of T and S. The formula has room for a motion. */
bool wk__fit_real(const wk_points *points, const int64_t *bits, wk_formula *formula);

/* How a real is made in the trips of a loop: of n, then n + step, n + 2 step. */
typedef struct wk_real_trips {
    wk_real_form form;
    double number; /* or what the fraction is over */
    int64_t n, step;
} wk_real_trips;

/* The bits of a real in trips of a loop, the first two of which are 0 and 1. */
enum { WK__MOST_TRIP_REALS = 16 };
typedef struct wk_trip_reals {
    int64_t bits[WK__MOST_TRIP_REALS], trip[WK__MOST_TRIP_REALS];
    int32_t count;
} wk_trip_reals;

/* False when they are of no form with even steps. */
bool wk__find_real(const wk_trip_reals *reals, wk_real_trips *trips);
/* The n of other bits that are made so. */
bool wk__real_whole_of(int64_t bits, const wk_real_trips *trips, int64_t *n);

#endif
