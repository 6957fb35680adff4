#!/usr/bin/env python3
"""Write tests/data/ranges.txt: arange, linspace and logspace as PyTorch's CPU computes them on one thread.

Usage: torch_ranges.py FILE        needs python3-torch; made with 1.13.1

    arange TYPE START END STEP COUNT VALUE*COUNT        numbers in exact hexadecimal
    linspace TYPE START END STEPS COUNT VALUE*COUNT     and logspace, of base 10
"""
import sys

import torch

FLOATS = (("f32", torch.float32), ("f64", torch.float64))
WHOLE = (("i64", torch.int64), ("i32", torch.int32), ("u8", torch.uint8))


def write(file, name, type_name, arguments, values):
    print(name, type_name, *(float(a).hex() for a in arguments), len(values),
          *(float(v).hex() for v in values.double().tolist()), file=file)


def main():
    torch.set_num_threads(1)
    with open(sys.argv[1], "w") as file:
        print(f"# made by tools/torch_ranges.py, which tells the format, with PyTorch {torch.__version__}", file=file)
        for name, dtype in FLOATS:
            for a in ((0, 10, 0.1), (-3, 20, 0.3), (5, -5, -0.7), (1, 1, 1), (0, 7, 1), (0.1, 30, 1 / 3)):
                write(file, "arange", name, a, torch.arange(*a, dtype=dtype))
            for a in ((0, 1, 100), (-3, 20, 77), (0.1, 0.7, 203), (2, 5, 1), (2, 5, 2), (1, 0, 0), (3, -3, 33)):
                write(file, "linspace", name, a, torch.linspace(*a, dtype=dtype))
            for a in ((-2, 3, 20), (0, 1, 1), (1, 2, 7)):
                write(file, "logspace", name, a, torch.logspace(*a, dtype=dtype))
        for name, dtype in WHOLE:
            for a in ((0, 5, 1), (2, 100, 7), (9, 3, -2)):
                write(file, "arange", name, a, torch.arange(*a, dtype=dtype))


if __name__ == "__main__":
    main()
