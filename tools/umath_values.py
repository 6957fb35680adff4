#!/usr/bin/env python3
"""Writes tests/data/umath.txt: arguments and true values of float functions, from the sets that NumPy validates its own
with (numpy/core/tests/data/umath-validation-set-*.csv, which python3-numpy brings along).

    python3 tools/umath_values.py > tests/data/umath.txt

For each function there is a line "NAME COUNT", then COUNT lines "ARGUMENT VALUE", both the bits of a float.
"""
import csv
import pathlib

import numpy

NAMES = {"arccos": "acos", "arcsin": "asin", "arctan": "atan", "cos": "cos", "cosh": "cosh", "exp": "exp",
         "expm1": "expm1", "log": "log", "log1p": "log1p", "sin": "sin", "sinh": "sinh", "tan": "tan", "tanh": "tanh"}


def main():
    print("# made by tools/umath_values.py, which tells the format, from the validation sets of NumPy,")
    print("# Copyright (c) 2005-2022, NumPy Developers, under the 3-clause BSD licence")
    folder = pathlib.Path(numpy.core.__file__).parent / "tests/data"
    for numpys, name in NAMES.items():
        with open(folder / f"umath-validation-set-{numpys}.csv") as file:
            rows = [row for row in csv.reader(file) if row and row[0] == "np.float32"]
        print(name, len(rows))
        for row in rows:
            print(f"{int(row[1], 16):x} {int(row[2], 16):x}")


main()
