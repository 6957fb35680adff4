"""Matrix products."""
import torch
import torch.nn.functional as F

from oracle.case import Case

SAMPLES = """
    matmul mm bmm dot outer  =    a b
    matmul                   mm   a b
    addmm                    =    x a b beta=1 alpha=1
    linear                   nn.  x w b
"""


def cases():
    for m, k, n, second in ((2, 3, 4, True), (1, 1, 1, True), (2, 0, 3, True), (5, 7, 1, True), (1, 32, 32, False),
                            (17, 9, 33, False)):
        yield Case("matmul", torch.matmul, {"a": (m, k), "b": (k, n)}, second=second)
    for a, b in (((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)),
                 ((4, 2, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((2, 1, 2, 3), (3, 3, 1)),
                 ((2, 0, 3), (2, 3, 2)), ((0, 2, 3), (3, 2))):
        yield Case("matmul", torch.matmul, {"a": a, "b": b}, second=True)
    for op, a, b in ((torch.mm, (2, 3), (3, 4)), (torch.bmm, (2, 2, 3), (2, 3, 1)), (torch.dot, (5,), (5,)),
                     (torch.outer, (2,), (3,))):
        yield Case(op.__name__, op, {"a": a, "b": b}, second=True)
    for beta, alpha in ((1.0, 1.0), (0.5, -2.0), (0.0, 1.0)):
        yield Case("addmm", lambda x, a, b, beta, alpha: torch.addmm(x, a, b, beta=beta, alpha=alpha),
                   {"x": (4,), "a": (2, 3), "b": (3, 4)}, second=True, beta=beta, alpha=alpha)
    linear = F.linear
    for x, w, bias, second in (((3, 5), (4, 5), True, True), ((3, 5), (4, 5), False, True),
                               ((2, 3, 5), (4, 5), True, True), ((5,), (4, 5), True, False),
                               ((0, 5), (4, 5), True, False), ((1, 32), (1, 32), True, False)):
        yield Case("linear", linear, {"x": x, "w": w, "b": w[:1] if bias else None}, second=second)
    for shape in ((), (2, 3), (1, 20, 1)):
        yield Case("mse_loss", F.mse_loss, {"x": shape, "target": shape}, second=True)
