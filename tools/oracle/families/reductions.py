"""Reductions over all dimensions, or over some."""
import math

import torch

from oracle.case import Case
from oracle.text import label_word

SAMPLES = """
    sum mean               =                       x
    sum_to_size            =                       x dims
    sum_dims               sum                     x dim:dims! keepdim=False
    mean_dims              mean                    x dim:dims! keepdim=False
    amax amin logsumexp    =                       x dim:dims keepdim=False
    prod                   =                       x dtype=torch.float64
    prod_dim               prod                    x dim! keepdim=False dtype=torch.float64
    max min                =/reduction_no_dim      x
    max_dim                max/reduction_with_dim  x dim! keepdim=False
    min_dim                min/reduction_with_dim  x dim! keepdim=False
    argmax argmin          =                       x
    argmax_dim             argmax                  x dim! keepdim=False
    argmin_dim             argmin                  x dim! keepdim=False
    var std                =                       x dim:dims unbiased=True keepdim=False correction=1
    norm                   linalg.vector_norm      x ord:p dim:dims keepdim=False
"""


DIMS = (((), (), 0), ((3, 4), (), 1), ((3, 4), (0,), 0), ((3, 4), (-1,), 1), ((2, 3, 4), (0, -1), 0),
        ((2, 3, 4), (1,), 0), ((2, 1, 70), (2,), 1), ((5, 40), (0,), 0))


ONE_DIM = (((), 0, 0), ((4,), 0, 1), ((3, 4), 0, 0), ((3, 4), 1, 1), ((2, 3, 4), -2, 0), ((3, 1), 1, 0))


def over_dims(function):
    """The function with the dims of a row, where none means all, and keepdim as a number."""
    return lambda x, dims, keepdim: function(x, dims or tuple(range(x.dim())), bool(keepdim))


def norm(x, p, dims, keepdim):
    return torch.norm(x, p, dims or tuple(range(x.dim())) or None, bool(keepdim))


def var(function):
    return lambda x, dims, keepdim, correction: function(x, dims or None, correction=correction, keepdim=bool(keepdim))


def with_index(function):
    return lambda x, dim, keepdim: tuple(function(x, dim, bool(keepdim)))


def cases():
    for op in (torch.sum, torch.mean):
        for shape in ((), (2, 3), (70,), (3, 4, 5)):
            yield Case(op.__name__, op, {"x": shape})
    yield Case("sum", torch.sum, {"x": (0, 3)})
    for shape, dims in (((2, 3), (2, 3)), ((3, 4), (3, 1)), ((3, 4), (4,)), ((2, 3, 4), (3, 1)), ((2, 3), ()),
                        ((0, 3), (3,))):
        yield Case("sum_to_size", torch.Tensor.sum_to_size, {"x": shape}, dims=dims)
    for shape, dims, keepdim in DIMS:
        for op in (torch.sum, torch.mean):
            yield Case(f"{op.__name__}_dims", over_dims(op), {"x": shape}, dims=dims, keepdim=keepdim)
        for op in (torch.amax, torch.amin, torch.logsumexp):
            yield Case(op.__name__, over_dims(op), {"x": shape}, second=True, dims=dims, keepdim=keepdim)
        for p in (2.0, 1.0, 0.0, 3.0, 1.5, math.inf, -math.inf):
            if shape != () or p in (2.0, 1.0, 3.0):
                yield Case("norm", norm, {"x": shape}, second=p != 0, p=p, dims=dims, keepdim=keepdim)
        if shape != ():
            for op, correction in ((torch.var, 1), (torch.var, 0), (torch.std, 1), (torch.std, 2)):
                yield Case(op.__name__, var(op), {"x": shape}, second=True, dims=dims, keepdim=keepdim,
                           correction=correction)
    for op in (torch.sum, torch.logsumexp):
        yield Case(f"{op.__name__}_dims" if op is torch.sum else "logsumexp", over_dims(op), {"x": (0, 3)}, dims=(1,),
                   keepdim=0)
    yield Case("sum_dims", over_dims(torch.sum), {"x": (0, 3)}, dims=(0,), keepdim=0)
    for op in (torch.max, torch.min):
        for shape in ((), (3, 4), (70,)):
            yield Case(op.__name__, op, {"x": shape}, second=True)
    ties = torch.tensor([[1.0, 3.0, 3.0], [3.0, 2.0, 2.0]]).double()
    yield Case("max", torch.max, {"x": ties}, label="ties")
    yield Case("amin", over_dims(torch.amin), {"x": ties}, label="ties", dims=(1,), keepdim=0)
    for shape, dim, keepdim in ONE_DIM:
        for op in (torch.max, torch.min):
            yield Case(f"{op.__name__}_dim", with_index(op), {"x": shape}, outputs=("y", "index"), second=True, dim=dim,
                       keepdim=keepdim)
        for op in (torch.argmax, torch.argmin):
            yield Case(f"{op.__name__}_dim", lambda x, d, k, op=op: op(x, d, bool(k)), {"x": shape}, dim=dim,
                       keepdim=keepdim)
            yield Case(op.__name__, op, {"x": shape}, label=f"{label_word(shape)}_{dim}")
        yield Case("prod_dim", lambda x, d, k: torch.prod(x, d, bool(k)), {"x": shape}, second=True, dim=dim,
                   keepdim=keepdim)
