"""Arithmetic of two tensors, or of a tensor and a number."""
import numpy as np
import torch

from oracle.case import Case
from oracle.inputs import INF, away_from_zero, floats, positive

SAMPLES = """
    add              =                     a b alpha=1
    sub              =                     a b alpha=1
    mul              =                     a b
    div              =/no_rounding_mode    a b
    pow              =                     a b
    add_scalar       add                   x s alpha=1
    sub_scalar       sub                   x s alpha=1
    mul_scalar       mul                   x s
    rsub_scalar      rsub                  x s alpha=1
    div_scalar       div/no_rounding_mode  x s
    rdiv_scalar      __rdiv__              x s
    pow_scalar       pow                   x s:exponent
    maximum minimum  =                     a b
"""


PAIRS = (((2, 3), (2, 3)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((), ()), ((2, 1, 3), (4, 1)),
         ((70,), (70,)))


def cases():
    for a, b in PAIRS:
        for op in (torch.add, torch.sub, torch.mul):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=op is not torch.sub)
        for op in (torch.maximum, torch.minimum):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=True)
        yield Case("div", torch.div, {"a": a, "b": b}, second=True).moved(b=away_from_zero)
        yield Case("pow", torch.pow, {"a": a, "b": b}, second=True).moved(a=positive)
    for shape in ((), (2, 3), (0, 3), (70,)):
        yield Case("neg", torch.neg, {"x": shape})
    for s in (float(np.float32(0.1)), -3.0, 0.0):
        yield Case("mul_scalar", torch.mul, {"x": (2, 3)}, s=s)
        yield Case("add_scalar", torch.add, {"x": (2, 3)}, s=s)
        yield Case("sub_scalar", torch.sub, {"x": (2, 3)}, s=s)
        yield Case("rsub_scalar", torch.rsub, {"x": (2, 3)}, s=s)
        yield Case("rdiv_scalar", lambda x, s: s / x, {"x": (2, 3)}, s=s, second=True).moved(x=away_from_zero)
        if s != 0:
            yield Case("div_scalar", torch.div, {"x": (2, 3)}, s=s)
    yield Case("pow", torch.pow, {"a": floats(0, 0, 2, -2, 0, 1), "b": floats(0, 2, 0, 2, 1.5, -1)}, label="edges")
    for op in (torch.maximum, torch.minimum):
        yield Case(op.__name__, op, {"a": floats(0, -0.0, 2, -INF), "b": floats(0, 0, 2, -INF)}, label="edges")
