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

/* value = numerator / (a + b T), which is what means over T have. */
static bool fit_quotient(const wk_points *points, const int64_t *bits, double numerator, wk_formula *formula) {
    int64_t divisors[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < points->count; i++) {
        const double value = real_of(bits[i]), divisor = rint(numerator / value);
        if (!(fabs(divisor) >= 1 && fabs(divisor) < 0x1p53) || numerator / divisor != value) return false;
        divisors[i] = (int64_t)divisor;
    }
    formula->numerator = numerator;
    return wk__fit(points, divisors, &formula->value);
}

/* value = (a + b T) / divisor, which is what the ends of ranges over T are. */
static bool fit_multiple(const wk_points *points, const int64_t *bits, double divisor, wk_formula *formula) {
    int64_t multiples[WK__MOST_POINTS] = {0};
    for (int32_t i = 0; i < points->count; i++) {
        const double multiple = real_of(bits[i]) * divisor;
        if (!(fabs(multiple) < 0x1p53) || multiple != rint(multiple)) return false;
        multiples[i] = (int64_t)multiple;
    }
    formula->divisor = divisor;
    return wk__fit(points, multiples, &formula->value);
}

bool wk__fit_real(const wk_points *points, const int64_t *bits, wk_formula *formula) {
    formula->value = wk__number(bits[0]);
    if (all_same(points, bits)) return true;
    const double first = real_of(bits[0]), T = (double)points->t[0].T, S = (double)points->t[0].S;
    const double candidates[] = {1, 2, -1, -2, first * T, first * S, first * T * S};
    for (size_t c = 0; c < sizeof candidates / sizeof *candidates; c++)
        if (fit_quotient(points, bits, candidates[c], formula)) return true;
    formula->numerator = 0;
    return fit_multiple(points, bits, 1, formula) || fit_multiple(points, bits, 2, formula);
}
