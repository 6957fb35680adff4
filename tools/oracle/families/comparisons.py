"""Comparisons, logic, and choices made by them."""
import torch

from oracle.case import Case
from oracle.families.arithmetic import PAIRS
from oracle.inputs import INF, NAN, floats, truths
from oracle.text import label_word

SAMPLES = """
    eq ne lt le gt ge                   =    a b
    eq_scalar                           eq   x s
    ne_scalar                           ne   x s
    lt_scalar                           lt   x s
    le_scalar                           le   x s
    gt_scalar                           gt   x s
    ge_scalar                           ge   x s
    logical_and logical_or logical_xor  =    a b
    logical_not isnan isinf isfinite    =    x
    isclose                             =    a b rtol atol equal_nan=False
    where                               =    x:1 condition:0 y:2
    any all                             =    x
    any_dims                            any  x dim:dims! keepdim=False
    all_dims                            all  x dim:dims! keepdim=False
"""

RELATIONS = (torch.eq, torch.ne, torch.lt, torch.le, torch.gt, torch.ge)
LOGIC = (torch.logical_and, torch.logical_or, torch.logical_xor)
PROPERTIES = (torch.logical_not, torch.isnan, torch.isinf, torch.isfinite)
A = floats(0, -0.0, 1, 1, -2, NAN, NAN, INF, -INF, INF)
B = floats(-0.0, 0, 0, 2, -2, NAN, 1, INF, INF, NAN)


def relations():
    for op in (*RELATIONS, *LOGIC):
        yield Case(op.__name__, op, {"a": A, "b": B}, label="edges")
        for a, b in PAIRS:
            yield Case(op.__name__, op, {"a": a, "b": b}).moved(a=torch.round, b=torch.round)
    for op in RELATIONS:
        for s in (0.0, 1.0, -2.5, INF, NAN):
            yield Case(op.__name__ + "_scalar", op, {"x": A}, s=s, label=f"edges_{s}")
        yield Case(op.__name__ + "_scalar", op, {"x": (37,)}, s=0.0)


def isclose(a, b, rtol, atol, equal_nan):
    return torch.isclose(a, b, rtol, atol, bool(equal_nan))


def properties():
    for op in PROPERTIES:
        yield Case(op.__name__, op, {"x": A}, label="edges")
        for shape in ((), (2, 3), (0, 3), (37,)):
            yield Case(op.__name__, op, {"x": shape}).moved(x=torch.round)
    for rtol, atol, equal_nan in ((0.0, 0.0, 0), (0.25, 0.5, 0), (1e-5, 1e-8, 1)):
        for name, b in (("others", B), ("near", A * (1 + 1e-6)), ("one", floats(1))):
            yield Case("isclose", isclose, {"a": A, "b": b}, label=f"edges_{name}_{rtol}", rtol=rtol, atol=atol,
                       equal_nan=equal_nan)


def choices():
    for condition, a, b in ((truths(1, 0, 1), (3,), (3,)), (truths(1, 0), (3, 1), (2, 3, 2)),
                            (truths(1, 0, 0, 1, 0, 1).reshape(3, 2), (2,), ()), (truths(1).reshape(()), (), ()),
                            (truths(0), (2, 2), (1, 2)), (truths(), (0,), (2, 0)), (truths(*[1] * 9, 0), (10,), ())):
        yield Case("where", torch.where, {"condition": condition, "a": a, "b": b}, second=True)
    yield Case("where", torch.where, {"condition": truths(1, 0), "a": floats(1, NAN), "b": floats(INF, 2)},
               label="edges")


def over_dims(function):
    """PyTorch takes one dimension at a time."""
    def call(x, dims=(), keepdim=0):
        for dim in sorted((d % x.dim() for d in dims or range(x.dim())), reverse=True):
            x = function(x, dim, keepdim=bool(keepdim))
        return function(x) if x.dim() == 0 else x
    return call


def folds():
    for name, function in (("any", over_dims(torch.any)), ("all", over_dims(torch.all))):
        for x in (floats(0, 0), floats(0, 3), floats(NAN, -1), floats(), floats(0).reshape(())):
            yield Case(name, function, {"x": x})
        for shape, dims, keepdim in (((2, 3), (), 0), ((2, 3), (0,), 1), ((2, 3, 4), (0, -1), 0), ((2, 3, 4), (1,), 0),
                                     ((0, 3), (0,), 0), ((0, 3), (1,), 0), ((4, 70), (1,), 0), ((70, 4), (0,), 0)):
            for scale in (0.3, 1.0):
                yield Case(name + "_dims", function, {"x": shape}, scale=scale, dims=dims, keepdim=keepdim,
                           label="_".join(map(label_word, (shape, dims, scale)))).moved(x=torch.round)


def cases():
    yield from relations()
    yield from properties()
    yield from choices()
    yield from folds()
