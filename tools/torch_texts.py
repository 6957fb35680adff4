#!/usr/bin/env python3
"""Write tests/data/texts.txt: tensors, and what PyTorch's print() makes of them.

Usage: torch_texts.py FILE        needs python3-torch; made with 1.13.1

A case is

    tensor TYPE NDIM SIZE... VALUE...       floating values as C's %a
    history WORD                            none; leaf; or the operation that made it of a leaf with these values
    options PRECISION EDGEITEMS THRESHOLD LINEWIDTH SCI_MODE
    text NBYTES
    the text, and a line feed
"""
import math
import sys

import torch

from oracle.text import NAMES

DEFAULTS = dict(precision=4, edgeitems=3, threshold=1000, linewidth=80, sci_mode=None)
OPERATIONS = {"neg": torch.neg, "sum": torch.sum, "transpose": lambda x: x.transpose(0, 1), "add": lambda x: x + x,
              "log_softmax": lambda x: torch.log_softmax(x, -1)}
INF, NAN = math.inf, math.nan


def word(value):
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    return value.hex() if math.isfinite(value) else str(value)


def case(t, history="none", **options):
    options = {**DEFAULTS, **options}
    sci_mode = options["sci_mode"]
    words = ["tensor", NAMES[t.dtype], t.dim(), *t.shape, *map(word, t.reshape(-1).tolist())]
    torch.set_printoptions(**options)
    if history != "none":
        t = t.requires_grad_()
    text = str(OPERATIONS[history](t) if history in OPERATIONS else t)
    return [" ".join(map(str, words)), f"history {history}",
            " ".join(["options", *(str(options[k]) for k in ("precision", "edgeitems", "threshold", "linewidth")),
                      str(-1 if sci_mode is None else int(sci_mode))]),
            f"text {len(text.encode())}", text]


def numbers():
    yield from ([0.], [1.], [-1.], [0.5], [1, 2, 3.], [1.5, -2.5], [1e-4, 1], [0.99e-4, 0.01], [1e-5], [1e5], [1e8],
                [2e8], [1e10, 1], [1000, 1], [1001, 1], [1000.5, 1], [1001.5, 1], [NAN], [INF, -INF], [NAN, 1.5, INF],
                [1, NAN, -INF], [-0., 0.], [-0.], [0.1 + 0.2], [1e-40], [3e38, -3e38], [1 / 3] * 3, [123456789.],
                [12345.678, 99999.99], [1e-45, 1e38], [0, 0, 1e-3], [0, 100], [NAN, 1e9, 0], [-1e-4, 1e-4])


def shapes():
    yield from ((), (1,), (7,), (30,), (1, 1), (3, 4), (2, 3, 4), (1, 2, 1, 3), (2, 1, 2, 1, 2), (2, 20), (4, 1),
                (1, 2, 1, 2, 1, 2), (2, 1, 1, 1, 1, 1, 1, 2))


def cases():
    for values in numbers():
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
            yield case(torch.tensor(values, dtype=dtype))
        yield case(torch.tensor(values[0]))
    for dtype in NAMES:
        yield case(torch.tensor([0, 1, 100, 255]).to(dtype))
        for shape in ((0,), (2, 0), (0, 3, 1)):
            yield case(torch.zeros(shape, dtype=dtype))
        for shape in shapes():
            yield case((torch.randn(shape, dtype=torch.float64) * 3).abs().to(dtype))
    yield case(torch.tensor([-2**63, 2**63 - 1]))
    yield case(torch.tensor(-5, dtype=torch.int32))
    yield case(torch.tensor(True))
    for shape in shapes():
        yield case(torch.randn(shape) * 10)
    yield case(torch.randn(12) * torch.logspace(-6, 6, 12))


def summarized():
    for shape in ((1000,), (1001,), (7, 143), (6, 167), (2, 7, 72), (334, 3), (5, 201), (1, 1, 1001)):
        yield case(torch.arange(math.prod(shape)).reshape(shape))
    values = torch.zeros(1200)
    values[600] = 1e-9  # is not shown, so it does not count
    values[2] = 0.5
    yield case(values)
    yield case(values.reshape(30, 40) + torch.linspace(-3, 3, 40))
    for edgeitems, threshold in ((1, 5), (2, 0), (50, 10)):
        for shape in ((9,), (5, 6), (3, 5, 4)):
            yield case(torch.randn(shape), edgeitems=edgeitems, threshold=threshold)
    yield case(torch.tensor(3.5), threshold=0)


def histories():
    for history in ("leaf", *OPERATIONS):
        yield case(torch.randn(3, 4), history)
        yield case(torch.randn(2, 2).double(), history)
    for width in range(40, 80):
        yield case(torch.ones(1, 3, dtype=torch.float64), "neg", linewidth=width)
    for n in range(1, 12):
        yield case(torch.randn(1, n).double(), "leaf")
    yield case(torch.zeros(0, 3, dtype=torch.float64), "leaf", linewidth=30)


def options():
    t = torch.tensor([[1.25, -1000.123456], [3e-3, 7]])
    for sci_mode in (None, False, True):
        for precision in (0, 1, 4, 8, 20):
            yield case(t, sci_mode=sci_mode, precision=precision)
            yield case(t.double() * 1e250, sci_mode=sci_mode, precision=precision)
        yield case(torch.tensor([1., 2e9, NAN, INF, 0]), sci_mode=sci_mode)
        yield case(torch.tensor([1, 2]), sci_mode=sci_mode)
    for width in (0, 5, 20, 41, 200):
        yield case(torch.randn(2, 30), linewidth=width)


def main():
    torch.manual_seed(1)
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        print(f"made by tools/torch_texts.py, which tells the format, with PyTorch {torch.__version__}", file=out)
        for group in (cases, summarized, histories, options):
            for lines in group():
                print(*lines, sep="\n", file=out)


if __name__ == "__main__":
    main()
