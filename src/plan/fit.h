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

/* The value of a real by its bits: a number that stays, or one made of T and S. */
bool wk__fit_real(const wk_points *points, const int64_t *bits, wk_formula *formula);

#endif
