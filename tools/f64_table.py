#!/usr/bin/env python3
"""Writes src/kernel/f64_table.h: the polynomials behind the functions of doubles. Needs mpmath.

    python3 tools/f64_table.py > src/kernel/f64_table.h

How they are used stands in src/kernel/f64_math.inc, f64_normal.inc and f64_power.inc. As in tools/tanh_table.py, each
coefficient is rounded in turn, lowest power first, and the others are fitted again, by least squares at Chebyshev nodes
with a weight that makes the error even.
"""
from mpmath import cos, erf, erfc, exp, log, matrix, mp, mpf, pi, qr_solve, sqrt

mp.dps = 60


def fit(function, low, high, count, weight=lambda x: mpf(1), fixed=()):
    """The first `count` coefficients c, as doubles, so that c0 + c1 x + ... is near function(x) on [low, high]."""
    rows = 2 * count + 8
    xs = [(low + high) / 2 + (high - low) / 2 * cos(pi * (i + mpf(1) / 2) / rows) for i in range(rows)]
    scale = max(abs(low), abs(high))
    weights = [weight(x) for x in xs]
    rest = [function(x) for x in xs]
    found = []
    for power in range(count):
        if power < len(fixed):
            c = mpf(fixed[power])
        else:
            a = matrix(rows, count - power)
            for i, x in enumerate(xs):
                for p in range(power, count):
                    a[i, p - power] = (x / scale) ** p * weights[i]
            b = matrix([r * w for r, w in zip(rest, weights)])
            c = mpf(float(qr_solve(a, b)[0][0] / scale**power))
        found.append(float(c))
        rest = [r - c * x**power for r, x in zip(rest, xs)]
    worst = max(abs(r * w) for r, w in zip(rest, weights))
    return found, worst


def table(comment, name, coefficients):
    print(f"\n/* {comment} */")
    print(f"static const double {name}[{len(coefficients)}] = {{")
    for i in range(0, len(coefficients), 4):
        print("    " + " ".join(f"{c.hex()}," for c in coefficients[i:i + 4]))
    print("};")


def exponential():
    half = log(2) / 2 * mpf("1.001")

    def tail(r):
        return mp.taylor(exp, 0, 40)[2] if r == 0 else (mp.expm1(r) - r) / r**2
    found, _ = fit(tail, -half, half, 10, lambda r: r**2)
    table("e^r = 1 + r + r^2 (c0 + c1 r + ...) for |r| <= ln(2) / 2", "exp_tail_f64", found)


def error_function():
    def small(z):
        return erf(sqrt(z)) / sqrt(z) - 1

    def root(x):
        return (erfc(x) ** (-mpf(1) / 8) - 1) / x
    limit = mpf("0.85")
    found, _ = fit(small, mpf("1e-9"), limit**2, 11, lambda z: 1 / (1 + small(z)))
    table("erf x = x + x (c0 + c1 x^2 + ...) below 0.85", "erf_odd_f64", found)
    found, _ = fit(root, limit, mpf("5.95"), 19, lambda x: 8 * x * erfc(x) ** (mpf(9) / 8) / erf(x))
    table("1 / (1 - erf x)^(1/8) = 1 + x (c0 + c1 x + ...) from 0.85 to 5.95", "erf_root_f64", found)


def normal_tail():
    def function(u):
        t = 4 * (1 + u) / (1 - u)
        return erfc(t / sqrt(2)) / 2 * exp(t * t / 2) * (t + 4)
    top = mpf("38.8")
    found, _ = fit(function, mpf(-1), (top - 4) / (top + 4), 24, lambda u: 1 / function(u))
    table("P(X > t) = e^(-t^2/2) / (t + 4) (r0 + r1 u + r2 u^2 + u^3 (c0 + c1 u + ...)), u = (t - 4) / (t + 4), for\n"
          " * normal X and 0 <= t <= 38.8; r", "normal_ratio_f64", found[:3])
    table("and c", "normal_tail_f64", found[3:])


def logarithm():
    """log2 of (1 + s) / (1 - s). The first two terms are doubles with what these lack."""
    def tail(z):
        s = sqrt(z)
        return (log((1 + s) / (1 - s)) / s - 2 - 2 * z / 3) / z**2 / log(2)
    for name, c in (("LINEAR", 2 / log(2)), ("CUBIC", 2 / (3 * log(2)))):
        high = float(c)
        print(f"\n#define F64_LOG2_{name} {high.hex()}\n#define F64_LOG2_{name}_LOW {float(c - high).hex()}")
    found, _ = fit(tail, mpf("1e-12"), mpf("0.0296"), 9, lambda z: z**2)
    table("log2 (1 + s) / (1 - s) = s LINEAR + s^3 CUBIC + s^5 (c0 + c1 s^2 + ...) for s^2 <= 0.0296",
          "log2_tail_f64", found)


def power_of_two():
    found, _ = fit(lambda r: (mpf(2) ** r - 1) / r if r else log(2), mpf(-0.5), mpf(0.5), 12, lambda r: r)
    table("2^r = 1 + r (c0 + c1 r + ...) for |r| <= 1/2", "exp2_f64", found)


def main():
    print("/* f64_table.h -- polynomials of the functions of doubles; written by tools/f64_table.py. */")
    exponential()
    error_function()
    normal_tail()
    logarithm()
    power_of_two()


if __name__ == "__main__":
    main()
