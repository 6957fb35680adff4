#!/usr/bin/env python3
"""Write tests/data/random.txt and tests/data/init.txt: what PyTorch's CPU generator draws, for tests/test_rng.c.

Usage: torch_random.py DIRECTORY        needs python3-torch; made with 1.13.1 on a CPU with AVX2 or more

Both are text; a line that begins with # is a comment.

random.txt, a program of draws, one to a line; every draw goes on where the one before it stopped:

    seed S                              seeds the generator; the drawings below are then to repeat
    KIND N A B all VALUE * N
    KIND N A B some CHECKSUM COUNT (INDEX VALUE) * COUNT

    KIND            A     B      what PyTorch was asked
    uniform_f32     from  to     torch.empty(N).uniform_(from, to); with 0 1 torch.rand(N)
    uniform_f64     from  to     the same in float64
    normal_f32      mean  std    torch.empty(N).normal_(mean, std); with 0 1 torch.randn(N)
    normal_f64      mean  std    the same in float64
    exponential_f32 rate  0      torch.empty(N).exponential_(rate)
    exponential_f64 rate  0      the same in float64
    randint         from  to     torch.randint(from, to, (N,))
    randperm        0     0      torch.randperm(N)
    bernoulli       p     0      torch.empty(N).bernoulli_(p)
    bernoulli_each  0     0      torch.bernoulli(p), p[i] = (i % 17) / 16 in float32

CHECKSUM is FNV-1a over the values as 64-bit words (a float's or double's bits, an integer itself); `-` where the values
hang on libm's last bit (normal_f64, exponential_f64). Floats are hexadecimal and exact.

init.txt, the weights that modules start with:

    net NAME SEED COUNT                 COUNT parameters follow, in the order in which they are drawn
    parameter NAME BOUND NDIM DIM * NDIM VALUE * (product of DIMs)         uniform in (-BOUND, BOUND)
"""
import math
import os
import random
import re
import sys

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "ATEN_CPU_CAPABILITY"):
    os.environ.pop(variable, None)
import numpy as np
import torch
from torch import nn

SEEDS = (0, 1, 4, 12345, 2**32 + 4, 2**63 - 1)
INT64 = 2**63
OF_LIBM = "normal_f64", "exponential_f64"     # to its last bit


def bernoulli_each(n):
    return torch.bernoulli((torch.arange(n) % 17).float() / 16)


DRAWS = {  # kind: (function of n, a, b; choices of (a, b))
    "uniform_f32": (lambda n, a, b: torch.empty(n).uniform_(a, b),
                    [(0.0, 1.0), (-1 / math.sqrt(32), 1 / math.sqrt(32)), (0.1, 0.7), (-3.3, 1e5)]),
    "uniform_f64": (lambda n, a, b: torch.empty(n, dtype=torch.float64).uniform_(a, b), [(0.0, 1.0), (-0.1, 0.7)]),
    "normal_f32": (lambda n, a, b: torch.empty(n).normal_(a, b), [(0.0, 1.0), (0.3, 1.7)]),
    "normal_f64": (lambda n, a, b: torch.empty(n, dtype=torch.float64).normal_(a, b), [(0.0, 1.0), (0.3, 1.7)]),
    "exponential_f32": (lambda n, a, b: torch.empty(n).exponential_(a), [(1.0, 0), (0.3, 0)]),
    "exponential_f64": (lambda n, a, b: torch.empty(n, dtype=torch.float64).exponential_(a), [(1.0, 0), (2.5, 0)]),
    "randint": (lambda n, a, b: torch.randint(a, b, (n,)),
                [(1, 4), (-7, 1000003), (0, 2**32 - 1), (0, 2**32), (-5, 2**40), (-INT64, INT64 - 1)]),
    "randperm": (lambda n, a, b: torch.randperm(n), [(0, 0)]),
    "bernoulli": (lambda n, a, b: torch.empty(n).bernoulli_(a), [(0.5, 0), (0.3, 0), (0.0, 0), (1.0, 0)]),
    "bernoulli_each": (lambda n, a, b: bernoulli_each(n), [(0, 0)]),
}


def text(value):
    """Integers in decimal, floats in exact hexadecimal without trailing zeros."""
    return re.sub(r"\.?0*p", "p", value.hex()) if isinstance(value, float) else str(value)


def checksum(values):
    """FNV-1a (64 bit), a word at a time."""
    words = {"float32": np.uint32, "float64": np.uint64, "int64": np.uint64}[str(values.dtype)]
    total = 0xCBF29CE484222325
    for word in values.view(words).tolist():
        total = ((total ^ word) * 0x100000001B3) % 2**64
    return total


def draw(kind, n, a, b):
    values = DRAWS[kind][0](n, a, b).numpy()
    head = [kind, n, text(a), text(b)]
    if n <= 12:
        return [*head, "all", *map(text, values.tolist())]
    several = 12 if kind in OF_LIBM else 4
    places = sorted({0, n - 1, n - 16, *(i * n // several for i in range(several))} & set(range(n)))
    total = "-" if kind in OF_LIBM else checksum(values)
    return [*head, "some", total, len(places), *(word for i in places for word in (i, text(values.tolist()[i])))]


def sequence(seed):
    """Kinds one after the other in an order that the seed gives, so that each meets each other one's leftovers."""
    choose = random.Random(seed)
    yield ["seed", seed]
    torch.manual_seed(seed)
    for _ in range(60):
        kind = choose.choice(list(DRAWS))
        yield draw(kind, choose.choice((1, 2, 3, 7, 15, 16, 17, 31, 32, 40)), *choose.choice(DRAWS[kind][1]))
    for kind in DRAWS:
        yield draw(kind, choose.randint(1000, 3000), *choose.choice(DRAWS[kind][1]))


def every_size():
    for kind in DRAWS:
        yield ["seed", 2021]
        torch.manual_seed(2021)
        for n in range(1, 41):
            yield draw(kind, n, *DRAWS[kind][1][n % len(DRAWS[kind][1])])


def bound(net, name):
    """As torch.nn computes it, in double: kaiming_uniform_(a=sqrt(5)) and 1/sqrt(fan in), or RNN's 1/sqrt(hidden)."""
    owner = net.get_submodule(name.rpartition(".")[0])
    if isinstance(owner, nn.RNN):
        return 1.0 / math.sqrt(owner.hidden_size)
    if name.endswith("bias"):
        return 1.0 / math.sqrt(owner.in_features)
    return math.sqrt(3.0) * (math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(owner.in_features))


def initial_weights(title, seed, make):
    torch.manual_seed(seed)
    net = make()
    parameters = list(net.named_parameters())
    yield ["net", title, seed, len(parameters)]
    for name, value in parameters:
        yield ["parameter", name, text(bound(net, name)), value.dim(), *value.shape,
               *map(text, value.detach().flatten().tolist())]


def tutorial():
    return nn.ModuleDict({"rnn": nn.RNN(1, 32, batch_first=True), "out": nn.Linear(32, 1)})


def write(path, lines):
    with open(path, "w") as file:
        print(f"# made by tools/torch_random.py with PyTorch {torch.__version__}; the format is told there", file=file)
        for line in lines:
            print(*line, file=file)


def main():
    directory = sys.argv[1]
    torch.set_num_threads(1)
    write(f"{directory}/random.txt", (line for part in [*map(sequence, SEEDS), every_size()] for line in part))
    nets = [("tutorial", 4, tutorial), ("tutorial", 0, tutorial), ("tutorial", 7, tutorial),
            ("linear", 11, lambda: nn.ModuleDict({"linear": nn.Linear(7, 5)})),
            ("rnn", 11, lambda: nn.ModuleDict({"rnn": nn.RNN(3, 5)})),
            ("rnn_of_two", 12, lambda: nn.ModuleDict({"rnn": nn.RNN(3, 5, num_layers=2, bidirectional=True)}))]
    write(f"{directory}/init.txt", (line for net in nets for line in initial_weights(*net)))


if __name__ == "__main__":
    main()
