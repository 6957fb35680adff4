"""Arithmetic of two tensors, or of a tensor and a number."""
import numpy as np
import torch

from oracle.case import Case
from oracle.inputs import INF, NAN, away_from_zero, floats, positive

SAMPLES = """
    add              =                     a b alpha=1
    sub              =                     a b alpha=1
    mul              =                     a b
    div              =/no_rounding_mode    a b
    floor_divide     div/floor_rounding    a b rounding_mode!=floor
    remainder fmod   =                     a b
    pow              =                     a b
    add_scalar       add                   x s alpha=1
    sub_scalar       sub                   x s alpha=1
    mul_scalar       mul                   x s
    rsub_scalar      rsub                  x s alpha=1
    div_scalar       div/no_rounding_mode  x s
    rdiv_scalar      __rdiv__              x s
    remainder_scalar     remainder           x s
    fmod_scalar          fmod                x s
    floor_divide_scalar  div/floor_rounding  x s rounding_mode!=floor
    pow_scalar       pow                   x s:exponent
    maximum minimum  =                     a b
"""

PAIRS = (((2, 3), (2, 3)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((), ()), ((2, 1, 3), (4, 1)),
         ((70,), (70,)))


def floor_divide(a, b):
    """PyTorch's own has no gradient, where this has zeros."""
    return torch.div(a, b, rounding_mode="floor")


DIVISIONS = {"floor_divide": floor_divide, "remainder": torch.remainder, "fmod": torch.fmod}


def divisions():
    a, b = floats(7, -7, 7, -7, 6, -6, 0, -0.0, 1, -1, 5, -5, INF, NAN, 1), floats(2, 2, -2, -2, 3, -3)
    for name, function in DIVISIONS.items():
        for shapes in PAIRS:
            yield Case(name, function, dict(zip("ab", shapes)), second=True).moved(b=away_from_zero)
        yield Case(name, function, {"a": a[:6], "b": b}, label="edges_signs")
        for divisor in (2, -2, INF, -INF):
            yield Case(name, function, {"a": a[:12], "b": floats(divisor)}, label=f"edges_by_{divisor}")
        for s in (2.5, -3.0, 1.0):
            yield Case(name + "_scalar", function, {"x": a}, s=s, label=f"edges_{s}")
            yield Case(name + "_scalar", function, {"x": (2, 3)}, s=s, second=True)


def cases():
    for a, b in PAIRS:
        for op in (torch.add, torch.sub, torch.mul):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=op is not torch.sub)
        for op in (torch.maximum, torch.minimum):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=True)
        yield Case("div", torch.div, {"a": a, "b": b}, second=True).moved(b=away_from_zero)
        yield Case("pow", torch.pow, {"a": a, "b": b}, second=True).moved(a=positive)
    yield from divisions()
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
