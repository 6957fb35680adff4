#!/usr/bin/env python3
"""Write tests/data/ops/FAMILY.txt: operations with gradients, first and second, as PyTorch has them in float64; and
tests/data/whole/FAMILY.txt: the same operations on whole numbers and bools.

Usage: torch_ops.py WICK DATA [FAMILY...]        needs python3-torch; made with 1.13.1

WICK is the command line program, which knows the rows: a case is written when there is a row of its name with its
attributes; the others are printed as left out. The cases are those of oracle/families, all or the named ones; the
format is told in oracle/text.py.
"""
import os
import sys

import oracle
from oracle import whole
from oracle.rows import families, rows
from oracle.text import text_of


def write(path, texts):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        print(f"# made by tools/torch_ops.py with PyTorch {oracle.torch.__version__}", file=file)
        file.writelines(texts)
    return len(texts)


def main():
    program, data, *wanted = sys.argv[1:]
    table, left_out, count = rows(program), set(), 0
    for name, family in families().items():
        if not hasattr(family, "cases") or wanted and name not in wanted:
            continue
        texts = []
        for case in family.cases():
            if case.op in table and set(case.attributes) <= set(table[case.op].attributes):
                texts.append(text_of(case.lines()))
            else:
                left_out.add(" ".join((case.op, *case.attributes)))
        whole_texts = [text_of(lines) for lines in whole.cases(family) if lines[0][1] in table]
        count += write(f"{data}/ops/{name}.txt", texts) + write(f"{data}/whole/{name}.txt", whole_texts)
    print(f"{count} cases; no row for: {', '.join(sorted(left_out)) or 'none left out'}")


if __name__ == "__main__":
    main()
