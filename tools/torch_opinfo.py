#!/usr/bin/env python3
"""Write tests/data/opinfo/ROW.txt: PyTorch's own test samples (OpInfo) of every operation that wick has too.

Usage: torch_opinfo.py WICK FOLDER [ROW...]        needs python3-torch; made with 1.13.1

A sample gives shapes, strides, arguments and numbers; PyTorch's float64 gives results and gradients. How samples become
calls is told in oracle/opinfo.py, the format in oracle/text.py. A file begins with what was left out of it, and why.
Samples of rows that WICK, the command line program, does not know are printed as left out.
"""
import collections
import os
import random
import sys
import warnings
import zlib

import numpy as np

import oracle
from oracle.opinfo import MOST_NUMBERS, TOO_LARGE, LeftOut, calls, lines_of, samples_of
from oracle.rows import families, rows
from oracle.text import text_of

MOST_BYTES = 32_000     # of one file with more than one sample
MOST_ALIKE = 2          # samples of the same shapes, strides and attributes


def shape_of_case(lines):
    """What makes two cases alike: shapes, strides and attributes."""
    return str([line[:3 + line[2]] if line[0] == "input" and line[2] != "absent" else line for line in lines[1:]
                if line[0] in ("input", "strides", "attribute", "refused")])


def candidates(name, row, calls, left_out):
    """The texts of all cases, but for those like others."""
    alike = collections.Counter()
    for info, words in calls:
        for variable in (oracle.torch.manual_seed, np.random.seed, random.seed):
            variable(zlib.crc32(name.encode()))
        label = info.name + ("." + info.variant_test_name).rstrip(".")
        for label, raw in samples_of(info, label):
            try:
                lines = lines_of(name, row, label, info.op, raw, words)
                shape = shape_of_case(lines)
                alike[shape] += 1
                if alike[shape] > MOST_ALIKE:
                    raise LeftOut("like others")
                if sum(map(len, lines)) > MOST_NUMBERS:
                    raise LeftOut(TOO_LARGE)
            except LeftOut as why:
                left_out[str(why)] += 1
            else:
                yield text_of(lines)


def cases_of(name, row, calls, left_out):
    """As many as fit: the shortest, which have the odd shapes and strides."""
    size, count = 0, 0
    for text in sorted(candidates(name, row, calls, left_out), key=len):
        size += len(text)
        if size > MOST_BYTES and count > 0:
            left_out[TOO_LARGE] += 1
        else:
            count += 1
            yield text


def write(path, cases, left_out):
    with open(path, "w") as file:
        print(f"# {len(cases)} samples, made by tools/torch_opinfo.py with PyTorch {oracle.torch.__version__}",
              file=file)
        for why, times in sorted(left_out.items()):
            print(f"# left out: {times}, {why}", file=file)
        file.writelines(cases)


def main():
    program, folder, *wanted = sys.argv[1:]
    warnings.simplefilter("ignore")
    table, missing, count = rows(program), [], 0
    os.makedirs(folder, exist_ok=True)
    for name, pairs in calls(getattr(family, "SAMPLES", "") for family in families().values()).items():
        if wanted and name not in wanted:
            continue
        if name not in table:
            missing.append(name)
            continue
        left_out = collections.Counter()
        cases = list(cases_of(name, table[name], pairs, left_out))
        count += len(cases)
        write(f"{folder}/{name}.txt", cases, left_out)
    print(f"{count} samples; no row for: {' '.join(missing) or 'none left out'}", file=sys.stderr)


if __name__ == "__main__":
    main()
