#!/usr/bin/env python3
"""Write tests/data/types.txt: what PyTorch makes of tensors of every pair of element types.

Usage: torch_types.py FILE        needs python3-torch; made with 1.13.1

Each line is a call and its result. TENSOR is: TYPE NDIM VALUE*(1 or 3), values in exact hexadecimal.

    add TENSOR TENSOR = TENSOR      and sub, mul, comparisons; where chooses from the first, the second, the first;
                                    outer, and lists: cat, stack
    neg TENSOR = TENSOR             and other operations of one tensor; a number after ":" is the other argument
    cast TENSOR = TENSOR            the operand as the result's type
    ... = refused                   torch raises an exception
    ... = by_zero                   the same, for a division by 0
"""
import sys

import torch

from oracle.text import NAMES, TYPES

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
    except RuntimeError as error:
        return "by_zero" if "ZeroDivision" in str(error) else "refused"


def where(a, b):
    return torch.where(torch.tensor((True, False, True)), a, b)


def cat(a, b):
    return torch.cat((a, b))


def stack(a, b):
    return torch.stack((a, b))


INEXACT = torch.pow, torch.floor_divide, torch.remainder, torch.fmod


def binary():
    comparisons = torch.eq, torch.lt, torch.ge, torch.logical_and, torch.logical_xor
    arithmetic = torch.add, torch.sub, torch.mul, torch.div, torch.maximum, torch.minimum, *INEXACT
    for op in (*arithmetic, *comparisons, where):
        for a in TYPES:
            for b in TYPES:
                if op is torch.sub and (a == "bool") != (b == "bool"):
                    continue  # refused there, computed in the other type here
                if op in INEXACT and not {a, b} <= {"i64", "i32", "u8", "bool"}:
                    continue  # of floating numbers: rounded otherwise
                for ndims in ((1, 1), (0, 1), (1, 0), (0, 0)):
                    x, y = tensor(a, ndims[0]), tensor(b, ndims[1])
                    yield op.__name__, words(x), words(y), "=", result(op, x, y)


def joining():
    for op, dims in (torch.outer, (1,)), (cat, (1,)), (stack, (0, 1)):
        for a in TYPES:
            for b in TYPES:
                for ndim in dims:
                    x, y = tensor(a, ndim), tensor(b, ndim)
                    yield op.__name__, words(x), words(y), "=", result(op, x, y)


def in_place():
    for op in ("add_", "mul_", "div_"):
        for a in TYPES:
            for b in TYPES:
                for ndims in ((1, 1), (1, 0), (0, 0)):
                    x, y = tensor(a, ndims[0]), tensor(b, ndims[1])
                    yield op, words(x), words(y), "=", result(getattr(x.clone(), op), y)
    for a in TYPES:
        for b in TYPES:
            x, y = tensor(a, 1), tensor(b, 1)
            if not overflows(a, y):
                yield "copy_", words(x), words(y), "=", result(x.clone().copy_, y)


def overflows(name, x):
    """C leaves it undefined."""
    return name == "i32" and x.double().abs().max() >= 2**31


ONE = (torch.neg, torch.abs, torch.sign, torch.round, torch.floor, torch.ceil, torch.trunc, torch.square, torch.relu,
       torch.exp, torch.log, torch.sqrt, torch.rsqrt, torch.reciprocal, torch.sin, torch.atan, torch.erf, torch.tanh,
       torch.sigmoid, torch.sum, torch.mean, torch.prod, torch.max, torch.min, torch.argmax, torch.argmin, torch.isnan,
       torch.logical_not)
ALONG = (torch.cumsum, torch.cumprod)
NUMBER = {"add_scalar": torch.add, "sub_scalar": torch.sub, "rsub_scalar": torch.rsub, "mul_scalar": torch.mul,
          "div_scalar": torch.div, "rdiv_scalar": lambda x, s: s / x, "pow_scalar": torch.pow, "lt_scalar": torch.lt,
          "eq_scalar": torch.eq}


def of_half(op):
    """Of halves torch's CPU has few functions; they are what f32 gives, rounded."""
    def call(x, *numbers):
        y = op(x.float(), *numbers)
        return y.to(x.dtype) if y.is_floating_point() else y
    return call


def unary():
    for name in TYPES:
        x = tensor(name, 1)
        wrapped = of_half if name in ("f16", "bf16") else lambda op: op
        for op in ONE:  # argmax of bools is refused there, and computed here
            if name != "bool" or op not in (torch.argmax, torch.argmin):
                yield op.__name__, words(x), "=", result(wrapped(op), x)
        for op in ALONG:
            yield op.__name__, words(x), "=", result(wrapped(lambda x: op(x, 0)), x)
        for op, function in NUMBER.items():
            # beside bytes torch takes -2 for 254; wick compares numbers
            for s in (3, 0, -2) if name in ("i64", "i32") else (3, 0) if name == "u8" else (3,):
                yield f"{op}:{s}", words(x), "=", result(wrapped(function), x, s)


def casts():
    for a in TYPES:
        for b in TYPES:
            x = tensor(a, 1)
            if not overflows(b, x):
                yield "cast", words(x), "=", words(x.to(TYPES[b]))
    for a in FLOATING:
        special = torch.tensor((float("nan"), float("inf"), -0.0), dtype=TYPES[a])
        for b in sorted(FLOATING | {"bool"}):
            yield "cast", words(special), "=", words(special.to(TYPES[b]))


def main():
    count = 0
    with open(sys.argv[1], "w") as file:
        print(f"# made by tools/torch_types.py, which tells the format, with PyTorch {torch.__version__}", file=file)
        for family in (binary, joining, in_place, unary, casts):
            for line in family():
                print(*line, file=file)
                count += 1
    print(f"{count} calls")


if __name__ == "__main__":
    main()
