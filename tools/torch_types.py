#!/usr/bin/env python3
"""Write tests/data/types.txt: what PyTorch makes of tensors of every pair of element types.

Usage: torch_types.py FILE        needs python3-torch; made with 1.13.1

Each line is a call and its result. TENSOR is: TYPE NDIM VALUE*(1 or 3), values in exact hexadecimal.

    add TENSOR TENSOR = TENSOR      and sub, mul, comparisons; where chooses from the first, the second, the first
    neg TENSOR = TENSOR             and tanh, sum, mean
    cast TENSOR = TENSOR            the operand as the result's type
    ... = refused                   torch raises an exception
"""
import sys

import torch

TYPES = {"f32": torch.float32, "f64": torch.float64, "i64": torch.int64, "i32": torch.int32, "u8": torch.uint8,
         "bool": torch.bool, "f16": torch.float16, "bf16": torch.bfloat16}
NAMES = {dtype: name for name, dtype in TYPES.items()}
FLOATING = {"f32", "f64", "f16", "bf16"}

# Numbers that show where a type ends: they wrap around, or are rounded.
NUMBERS = {"f32": (1 / 3, -300.7, 16777215.0), "f64": (1 / 3, -300.7, 1e15 + 0.5), "i64": (-7, 300, 2**31 + 3),
           "i32": (-7, 300, 2**31 - 1), "u8": (0, 7, 255), "bool": (True, False, True), "f16": (1 / 3, -300.7, 2047.0),
           "bf16": (1 / 3, -300.7, 255.0)}


def tensor(name, ndim):
    return torch.tensor(NUMBERS[name] if ndim else NUMBERS[name][1 if name != "bool" else 0], dtype=TYPES[name])


def words(x):
    values = x.double().reshape(-1).tolist()
    return " ".join([NAMES[x.dtype], str(x.dim()), *(float(v).hex() for v in values)])


def result(function, *operands):
    try:
        return words(function(*operands))
    except RuntimeError:
        return "refused"


def where(a, b):
    return torch.where(torch.tensor((True, False, True)), a, b)


def binary():
    comparisons = torch.eq, torch.lt, torch.ge, torch.logical_and, torch.logical_xor
    for op in (torch.add, torch.sub, torch.mul, *comparisons, where):
        for a in TYPES:
            for b in TYPES:
                if op is torch.sub and (a == "bool") != (b == "bool"):
                    continue  # refused there, computed in the other type here
                for ndims in ((1, 1), (0, 1), (1, 0), (0, 0)):
                    x, y = tensor(a, ndims[0]), tensor(b, ndims[1])
                    yield op.__name__, words(x), words(y), "=", result(op, x, y)


def unary():
    for name in TYPES:
        x = tensor(name, 1)
        yield "neg", words(x), "=", result(torch.neg, x)
        yield "sum", words(x), "=", result(torch.sum, x)
        # Of halves torch's CPU has no mean and tanh; they are what f32 gives, rounded.
        half = name in ("f16", "bf16")
        for op in (torch.tanh, torch.mean):
            yield op.__name__, words(x), "=", result(lambda x, op=op: op(x.float()).to(x.dtype) if half else op(x), x)


def casts():
    for a in TYPES:
        for b in TYPES:
            x = tensor(a, 1)
            if b == "i32" and x.double().abs().max() >= 2**31:
                continue  # C leaves it undefined
            yield "cast", words(x), "=", words(x.to(TYPES[b]))
    for a in FLOATING:
        special = torch.tensor((float("nan"), float("inf"), -0.0), dtype=TYPES[a])
        for b in sorted(FLOATING | {"bool"}):
            yield "cast", words(special), "=", words(special.to(TYPES[b]))


def main():
    count = 0
    with open(sys.argv[1], "w") as file:
        print(f"# made by tools/torch_types.py, which tells the format, with PyTorch {torch.__version__}", file=file)
        for family in (binary, unary, casts):
            for line in family():
                print(*line, file=file)
                count += 1
    print(f"{count} calls")


if __name__ == "__main__":
    main()
