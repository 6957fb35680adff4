#!/usr/bin/env python3
"""Writes src/kernel/tanh_table.h: the polynomials behind the float tanh of the SIMD kernels. Needs numpy.

    python3 tools/tanh_table.py > src/kernel/tanh_table.h

AVX-512 uses 32 pieces of degree 5, four to each power of two from 1/16 to 16. The float's own bits name the piece:
the low five bits of (bits >> 21) are three bits of the exponent and two of the mantissa, so the table is rotated to
be indexed by them. Piece [1/16, 5/64) also serves everything below, as an odd polynomial in x itself; in the last
ones tanh is 1. AVX2 has no registers for such a table: below 5/8 it uses an odd polynomial, above 1 - 2 / (e^2x + 1).

Each coefficient is rounded to float in turn, lowest power first, and the remaining ones are fitted again, so that
they make up for the rounding. The fit is least squares at Chebyshev nodes, weighted to make the relative error even.
"""
import re

import numpy as np

LOW_EXPONENT, OCTAVES, PER_OCTAVE, DEGREE = -4, 8, 4, 5


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


def tanh_piece(index):
    low = 2.0 ** (LOW_EXPONENT + index // PER_OCTAVE) * (1 + (index % PER_OCTAVE) / PER_OCTAVE)
    high = low + 2.0 ** (LOW_EXPONENT + index // PER_OCTAVE) / PER_OCTAVE
    if index == 0:
        zero = np.float32(0)
        fixed = {0: zero, 1: np.float32(1), 2: zero, 4: zero}
        return fit(np.tanh, 1e-4, high, 0.0, range(DEGREE + 1), fixed, relative)
    if low >= 10:
        return {p: np.float32(p == 0) for p in range(DEGREE + 1)}
    centre = (low + high) / 2
    return fit(np.tanh, low, high, centre, range(DEGREE + 1), {0: np.float32(np.tanh(centre))}, relative)


def hexadecimal(value):
    return re.sub(r"\.?0*p", "p", float(value).hex()) + "f"


def table(name, values, per_line=8):
    print(f"static const float {name}[{len(values)}] = {{")
    for i in range(0, len(values), per_line):
        print("    " + ", ".join(hexadecimal(v) for v in values[i : i + per_line]) + ",")
    print("};")


def main():
    count = OCTAVES * PER_OCTAVE
    pieces = [tanh_piece(i) for i in range(count)]
    first = ((127 + LOW_EXPONENT) * PER_OCTAVE) % count  # where piece 0 lands under (bits >> 21) & 31
    print("/* tanh_table.h -- polynomials of the float tanh; written by tools/tanh_table.py, which explains them. */")
    print(f"static const float tanh_piece[{DEGREE + 1}][{count}] = {{")
    for power in range(DEGREE + 1):
        rotated = [pieces[(i - first) % count][power] for i in range(count)]
        print(f"    {{ /* d^{power} */")
        for i in range(0, count, 6):
            print("        " + ", ".join(hexadecimal(v) for v in rotated[i : i + 6]) + ",")
        print("    },")
    print("};")
    odd = fit(np.tanh, 1e-4, 0.625, 0.0, [1, 3, 5, 7, 9, 11], {1: np.float32(1)}, relative)
    print("\n/* tanh x = x + x^3 (c0 + c1 x^2 + c2 x^4 + ...) below 5/8 */")
    table("tanh_odd", [odd[p] for p in [3, 5, 7, 9, 11]], 5)
    half = np.log(2) / 2 * 1.01
    exp = fit(np.exp, -half, half, 0.0, range(7), {0: np.float32(1), 1: np.float32(1)}, lambda x: np.exp(-x))
    print("\n/* e^r = 1 + r + r^2 (c0 + c1 r + c2 r^2 + ...) for |r| <= ln(2) / 2 */")
    table("exp_tail", [exp[p] for p in range(2, 7)], 5)


if __name__ == "__main__":
    main()
