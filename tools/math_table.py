#!/usr/bin/env python3
"""Writes src/kernel/math_table.h: the polynomials behind the float functions of the SIMD kernels. Needs numpy.

    python3 tools/math_table.py > src/kernel/math_table.h

How they are used stands in src/kernel/vec_math.inc; how they are fitted, in tools/tanh_table.py. e^r is there too.
"""
import math

import numpy as np

from tanh_table import fit, hexadecimal, piece_tables, pieces, table

ZERO, ONE = np.float32(0), np.float32(1)
SMALLEST = 1e-3  # where a fit begins that is relative to something that vanishes at 0
erf, erfc = np.vectorize(math.erf), np.vectorize(math.erfc)


def show(comment, name, coefficients, powers):
    print(f"\n/* {comment} */")
    table(name, [coefficients[p] for p in powers], 6)


def odd(comment, name, function, high, top):
    powers = range(1, top + 1, 2)
    found = fit(function, SMALLEST, high, 0.0, powers, {1: ONE}, lambda x: 1 / function(x))
    show(comment, name, found, powers[1:])


def exponential():
    print("\n/* 2^(j/16) */")
    table("exp_sixteenth", [np.float32(2.0 ** (j / 16)) for j in range(16)], 6)
    half = math.log(2) / 32 * 1.01
    found = fit(np.exp, -half, half, 0.0, range(4), {0: ONE, 1: ONE}, lambda r: np.exp(-r))
    show("e^r = 1 + r (1 + c0 r + c1 r^2) for |r| <= ln(2) / 32", "exp_short", found, [2, 3])


def logarithm():
    low, high = math.sqrt(0.5) - 1, math.sqrt(2) - 1
    fixed = {0: ZERO, 1: ONE, 2: np.float32(-0.5)}
    found = fit(np.log1p, low, high, 0.0, range(11), fixed, lambda f: 1 / np.abs(np.log1p(f)))
    show("log(1 + f) = f - f^2/2 + f^3 (c0 + c1 f + ...) for sqrt(1/2) <= 1 + f <= sqrt(2)", "log_tail", found,
         range(3, 11))


def cosine():
    powers = range(0, 9, 2)
    found = fit(np.cos, SMALLEST, math.pi / 4, 0.0, powers, {0: ONE, 2: np.float32(-0.5)}, lambda x: 1 / np.cos(x))
    show("cos r = 1 - r^2/2 + r^4 (c0 + c1 r^2 + ...) for |r| <= pi/4", "cos_even", found, powers[2:])


def error_function():
    powers = range(1, 12, 2)
    found = fit(lambda x: erf(x) - x, SMALLEST, 0.95, 0.0, powers, {}, lambda x: 1 / erf(x))
    show("erf x = x + x (c0 + c1 x^2 + ...) below 15/16", "erf_odd", found, powers)
    found = fit(lambda x: np.log(erfc(x)), 0.9, 4.0, 0.0, range(8), {}, erfc)
    show("erf x = 1 - exp(c0 + c1 x + ...) from 15/16 to 4", "erf_log", found, range(8))


def normal_tail():
    """The part of the normal distribution beyond t, times sqrt(2 pi) times the density's inverse, over all t that
    count: smooth once it is written in u = (t - 2) / (t + 2)."""
    def function(u):
        t = 2 * (1 + u) / (1 - u)
        return erfc(t / math.sqrt(2)) / 2 * np.exp(t * t / 2) * (t + 2)
    top = (14.6 - 2) / (14.6 + 2)
    found = fit(function, -1.0, top, 0.0, range(11), {}, lambda u: 1 / function(u))
    show("P(X > t) = e^(-t^2/2) / (t + 2) (c0 + c1 u + ...), u = (t - 2) / (t + 2), X normal, 0 <= t <= 14.6",
         "normal_tail", found, range(11))


def normal_share():
    """x P(X > x), likewise times the density's inverse, in pieces as tanh has them."""
    def function(t):
        return t * erfc(t / math.sqrt(2)) / 2 * np.exp(t * t / 2)
    shift, furthest = 1.0, 14.75
    print("\n/* t P(X > t) e^(t^2/2), X normal, 0 <= t <= 14.75, by pieces of t + 1, as in tanh_table.h */")
    print(f"static const float normal_shift = {hexadecimal(shift)}, normal_furthest = {hexadecimal(furthest)};")
    piece_tables("normal", pieces(function, shift, 0.5))


def main():
    print("/* math_table.h -- polynomials of the float functions; written by tools/math_table.py. */")
    exponential()
    logarithm()
    odd("sin r = r + r^3 (c0 + c1 r^2 + ...) for |r| <= pi/4", "sin_odd", np.sin, math.pi / 4, 9)
    cosine()
    odd("asin x = x + x^3 (c0 + c1 x^2 + ...) for |x| <= 1/2", "asin_odd", np.arcsin, 0.5, 11)
    odd("atan x = x + x^3 (c0 + c1 x^2 + ...) for |x| <= 1", "atan_odd", np.arctan, 1.0, 17)
    odd("sinh x = x + x^3 (c0 + c1 x^2 + ...) for |x| <= 1", "sinh_odd", np.sinh, 1.0, 9)
    error_function()
    normal_tail()
    normal_share()


main()
