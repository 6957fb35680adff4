#!/usr/bin/env python3
"""Writes src/kernel/tanh_table.h: the polynomials behind the float tanh of the SIMD kernels. Needs numpy.

    python3 tools/tanh_table.py > src/kernel/tanh_table.h

AVX-512 uses 16 pieces of degree 5, chosen by u = |x| + 5/8, which goes from 5/8 to 10: four to each power of two.
The float u's own bits name the piece: the low four bits of (bits >> 21) are two bits of the exponent and two of the
mantissa, so the table is rotated to be indexed by them. 16 floats are one register. The first piece is a polynomial
in |x| itself, the others in the distance from a centre near their middle where tanh is almost a float. AVX2 has no
registers for such a table: below 5/8 it uses an odd polynomial, above 1 - 2 / (e^2x + 1).

Each coefficient is rounded to float in turn, lowest power first, and the remaining ones are fitted again, so that
they make up for the rounding. The fit is least squares at Chebyshev nodes, weighted to make the relative error even.
"""
import re

import numpy as np

SHIFT, COUNT, PER_OCTAVE, DEGREE = 0.625, 16, 4, 5
FURTHEST = 9.25  # in the last piece, where tanh is 1


def fit(function, low, high, centre, powers, fixed, weight):
    """Coefficients {power: float32} so that sum c_p (x - centre)^p is near function(x) on [low, high]."""
    nodes = np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    x = low + (high - low) * (nodes + 1) / 2
    d, w = x - centre, weight(x)
    coefficients = dict(fixed)
    for power in [p for p in powers if p not in fixed]:
        rest = [p for p in powers if p >= power and p not in fixed]
        target = function(x) - sum(float(c) * d**p for p, c in coefficients.items())
        scale = max(abs(low - centre), abs(high - centre))
        basis = np.stack([(d / scale) ** p * w for p in rest], axis=1)
        solution = np.linalg.lstsq(basis, target * w, rcond=None)[0]
        coefficients[power] = np.float32(solution[0] / scale**power)
    return coefficients


def relative(x):
    return 1 / np.tanh(x)


def start(index):
    """Where u = |x| + shift enters the piece, counted from 1/2."""
    return 2.0 ** (index // PER_OCTAVE - 1) * (1 + index % PER_OCTAVE / PER_OCTAVE)


def centre_near(function, middle):
    """The float near it whose value is nearest to a float."""
    near = [np.float32(middle * (1 + k * 2.0**-16)) for k in range(-200, 201)]
    values = [function(np.float64(x)) for x in near]
    return float(near[np.argmin([abs(np.float32(y) / y - 1) for y in values])])


def piece(function, low, high, slope):
    """The first one is slope x + ..."""
    centre = centre_near(function, (low + high) / 2) if low > 0 else 0.0
    fixed = {0: np.float32(function(centre))} if low > 0 else {0: np.float32(0), 1: np.float32(slope)}
    found = fit(function, max(low, 1e-4), high, centre, range(DEGREE + 1), fixed, lambda x: 1 / function(x))
    return {**found, "centre": centre}


def pieces(function, shift, slope):
    """All, in the order in which the float |x| + shift names them."""
    first = next(i for i in range(COUNT) if start(i) == shift)
    numbers = range(first, first + COUNT)
    found = {(126 * PER_OCTAVE + i) % COUNT: piece(function, start(i) - shift, start(i + 1) - shift, slope)
             for i in numbers}
    return [found[i] for i in range(COUNT)]


def hexadecimal(value):
    return re.sub(r"\.?0*p", "p", float(value).hex()) + "f"


def table(name, values, per_line=8):
    print(f"static const float {name}[{len(values)}] = {{")
    for i in range(0, len(values), per_line):
        print("    " + ", ".join(hexadecimal(v) for v in values[i : i + per_line]) + ",")
    print("};")


def piece_tables(name, found):
    print("\n/* The centre of each piece; and the coefficients of d^0, d^1, ..., d = |x| - centre. */")
    table(f"{name}_centre", [p["centre"] for p in found], 6)
    print(f"static const float {name}_piece[{DEGREE + 1}][{COUNT}] = {{")
    for power in range(DEGREE + 1):
        print(f"    {{ /* d^{power} */")
        for i in range(0, COUNT, 6):
            print("        " + ", ".join(hexadecimal(p[power]) for p in found[i : i + 6]) + ",")
        print("    },")
    print("};")


def main():
    print("/* tanh_table.h -- polynomials of the float tanh; written by tools/tanh_table.py, which explains them. */")
    print(f"static const float tanh_shift = {hexadecimal(SHIFT)}, tanh_furthest = {hexadecimal(FURTHEST)};")
    piece_tables("tanh", pieces(np.tanh, SHIFT, 1))
    odd = fit(np.tanh, 1e-4, 0.625, 0.0, [1, 3, 5, 7, 9, 11], {1: np.float32(1)}, relative)
    print("\n/* tanh x = x + x^3 (c0 + c1 x^2 + c2 x^4 + ...) below 5/8 */")
    table("tanh_odd", [odd[p] for p in [3, 5, 7, 9, 11]], 5)
    half = np.log(2) / 2 * 1.01
    exp = fit(np.exp, -half, half, 0.0, range(7), {0: np.float32(1), 1: np.float32(1)}, lambda x: np.exp(-x))
    print("\n/* e^r = 1 + r + r^2 (c0 + c1 r + c2 r^2 + ...) for |r| <= ln(2) / 2 */")
    table("exp_tail", [exp[p] for p in range(2, 7)], 5)


if __name__ == "__main__":
    main()
