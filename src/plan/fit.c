/* fit.c -- see fit.h. */
#include "plan/fit.h"

#include <math.h>
#include <string.h>

static bool all_same(const wk_points *points, const int64_t *values) {
    bool same = true;
    for (int32_t i = 1; i < points->count; i++) same &= values[i] == values[0];
    return same;
}

/* Could all be sizes or addresses? What is larger is an element, and has no polynomial. */
static bool are_sizes(const wk_points *points, const int64_t *values) {
    bool fine = true;
    for (int32_t i = 0; i < points->count; i++) fine &= values[i] >> 48 == 0 || values[i] >> 48 == -1;
    return fine;
}

static bool passes(const wk_points *points, wk_polynomial p, const int64_t *values) {
    for (int32_t i = 0; i < points->count; i++)
        if (wk__value_at(p, points->t[i]) != values[i]) return false;
    return true;
}

/* *quotient = a / b, if that is whole. */
static bool divide(int64_t a, int64_t b, int64_t *quotient) {
    if (b == 0 || a % b != 0) return false;
    *quotient = a / b;
    return true;
}

/* The values v of a polynomial a + b x + c x^2 at three x, by Newton's divided differences. */
static bool fit_one(const int64_t *x, const int64_t *v, int64_t *a, int64_t *b, int64_t *c) {
    int64_t slope, later_slope, bend;
    if (!divide(v[1] - v[0], x[1] - x[0], &slope) || !divide(v[2] - v[1], x[2] - x[1], &later_slope) ||
        !divide(later_slope - slope, x[2] - x[0], &bend))
        return false;
    *a = v[0] - slope * x[0] + bend * x[0] * x[1];
    *b = slope - bend * (x[0] + x[1]);
    *c = bend;
    return true;
}

/* NOTE [Six points]. They lie on the two axes through the first of them, and one lies across:
 *
 *     S2   4                  fit_one along T through 0, 1, 2 gives the terms of T,
 *     S1   3   5              along S through 0, 3, 4 those of S, each with a part of the product,
 *     S0   0   1   2          which 5 tells
 *          T0  T1  T2 */
static bool fit_two(const wk_points *points, const int64_t *v, wk_polynomial *p) {
    const wk_trips *t = points->t;
    const int64_t T[] = {t[0].T, t[1].T, t[2].T}, S[] = {t[0].S, t[3].S, t[4].S}, of_S[] = {v[0], v[3], v[4]};
    int64_t unused;
    if (!fit_one(T, v, &unused, &p->b, &p->c) || !fit_one(S, of_S, &unused, &p->d, &p->e)) return false;
    if (!divide(v[5] - v[1] - v[3] + v[0], (T[1] - T[0]) * (S[1] - S[0]), &p->f)) return false;
    p->b -= p->f * S[0];
    p->d -= p->f * T[0];
    p->a += v[0] - wk__value_at(*p, t[0]);
    return true;
}

bool wk__fit(const wk_points *points, const int64_t *values, wk_polynomial *fitted) {
    const wk_trips *t = points->t;
    *fitted = wk__number(values[0]);
    if (all_same(points, values)) return true;
    if (!are_sizes(points, values)) return false;
    if (points->count > 3) {
        fitted->a = 0;
        if (!fit_two(points, values, fitted)) return false;
    } else if (t[1].T != t[0].T) {
        if (!fit_one((const int64_t[]){t[0].T, t[1].T, t[2].T}, values, &fitted->a, &fitted->b, &fitted->c))
            return false;
    } else if (!fit_one((const int64_t[]){t[0].S, t[1].S, t[2].S}, values, &fitted->a, &fitted->d, &fitted->e)) {
        return false;
    }
    return passes(points, *fitted, values);
}

static double real_of(int64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The whole number that makes these bits in this form; `number` is what a fraction is over. */
static bool whole_of(int64_t bits, wk_real_form form, double number, int64_t *n) {
    const double value = real_of(bits), n_near = rint(form == WK__QUOTIENT   ? number / value
                                                      : form == WK__MULTIPLE ? value / number
                                                                             : value * number);
    if (!(fabs(n_near) < 0x1p53) || !(fabs(number) < 0x1p53)) return false;
    *n = (int64_t)n_near;
    return wk__real_of(form, number, *n, (int64_t)number) == bits;
}

/* ----------------------------------------------------------------------------------------- from trip to trip --- */

static bool are_even(const wk_trip_reals *reals, wk_real_form form, double number, wk_real_trips *trips) {
    int64_t n, next;
    if (!whole_of(reals->bits[0], form, number, &n) || !whole_of(reals->bits[1], form, number, &next)) return false;
    *trips = (wk_real_trips){form, number, n, next - n};
    for (int32_t i = 2; i < reals->count; i++)
        if (wk__real_of(form, number, n + reals->trip[i] * (next - n), (int64_t)number) != reals->bits[i]) return false;
    return true;
}

/* What was found by dividing may be the neighbour of what the program has. */
static bool are_nearly(const wk_trip_reals *reals, wk_real_form form, double number, wk_real_trips *trips) {
    return isfinite(number) && number != 0 &&
           (are_even(reals, form, number, trips) || are_even(reals, form, nextafter(number, INFINITY), trips) ||
            are_even(reals, form, nextafter(number, -INFINITY), trips));
}

bool wk__find_real(const wk_trip_reals *reals, wk_real_trips *trips) {
    static const double numbers[] = {1, 2, -1, -2};
    const double a = real_of(reals->bits[0]), b = real_of(reals->bits[1]), by = fabs(b - a);
    for (size_t c = 0; c < sizeof numbers / sizeof *numbers; c++)
        if (are_even(reals, WK__QUOTIENT, numbers[c], trips)) return true;
    for (int c = 0; c < 2; c++) /* by is 1 or 2 parts of what it is over */
        if (are_even(reals, WK__FRACTION, numbers[c], trips) ||
            are_even(reals, WK__FRACTION, rint(numbers[c] / by), trips))
            return true;
    return are_nearly(reals, WK__MULTIPLE, a == 0 ? by : a / rint(fabs(a / by)), trips) ||
           are_nearly(reals, WK__QUOTIENT, a * rint(fabs(b / by)), trips);
}

/* `numbers`: one for each point. */
static bool fit_numbers(const wk_points *points, const int64_t *bits, wk_real_form form, const double *numbers,
                        wk_formula *formula) {
    int64_t n[WK__MOST_POINTS] = {0}, over[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < points->count; i++) {
        if (!whole_of(bits[i], form, numbers[i], &n[i])) return false;
        over[i] = form == WK__FRACTION ? (int64_t)numbers[i] : 1;
    }
    formula->form = form;
    formula->number = numbers[0];
    return wk__fit(points, n, &formula->value) && wk__fit(points, over, &formula->motion->over);
}

static bool fit_form(const wk_points *points, const int64_t *bits, wk_real_form form, double number,
                     wk_formula *formula) {
    double numbers[WK__MOST_POINTS];
    for (int32_t i = 0; i < WK__MOST_POINTS; i++) numbers[i] = number;
    return fit_numbers(points, bits, form, numbers, formula);
}

/* Parts of T, or of S, as what is done of all steps in the last of them. */
static bool fit_parts(const wk_points *points, const int64_t *bits, bool of_S, wk_formula *formula) {
    double numbers[WK__MOST_POINTS];
    for (int32_t i = 0; i < points->count; i++) numbers[i] = (double)(of_S ? points->t[i].S : points->t[i].T);
    return fit_numbers(points, bits, WK__FRACTION, numbers, formula);
}

/* As they go from one T to the next, or from one S, if that is what differs. */
static bool fit_steps(const wk_points *points, const int64_t *bits, wk_formula *formula) {
    wk_trip_reals reals = {.count = 3};
    wk_real_trips trips;
    const bool of_S = points->t[1].T == points->t[0].T;
    for (int32_t i = 0; i < 3; i++) {
        reals.bits[i] = bits[i];
        reals.trip[i] = of_S ? points->t[i].S - points->t[0].S : points->t[i].T - points->t[0].T;
    }
    return reals.trip[1] == 1 && wk__find_real(&reals, &trips) &&
           fit_form(points, bits, trips.form, trips.number, formula);
}

/* Means over T are quotients, ends of ranges over T are multiples or halves. */
bool wk__fit_real(const wk_points *points, const int64_t *bits, wk_formula *formula) {
    formula->value = wk__number(bits[0]);
    if (all_same(points, bits)) return true;
    const double first = real_of(bits[0]), T = (double)points->t[0].T, S = (double)points->t[0].S;
    const double candidates[] = {1, 2, -1, -2, first * T, first * S, first * T * S};
    for (size_t c = 0; c < sizeof candidates / sizeof *candidates; c++)
        if (fit_form(points, bits, WK__QUOTIENT, candidates[c], formula)) return true;
    return fit_form(points, bits, WK__FRACTION, 1, formula) || fit_form(points, bits, WK__FRACTION, 2, formula) ||
           fit_parts(points, bits, false, formula) || fit_parts(points, bits, true, formula) ||
           fit_steps(points, bits, formula);
}

bool wk__real_whole_of(int64_t bits, const wk_real_trips *trips, int64_t *n) {
    return whole_of(bits, trips->form, trips->number, n);
}
