"""Matrix products."""
import torch
import torch.nn.functional as F

from oracle.case import Case

SAMPLES = """
    matmul mm bmm dot outer  =    a b
    matmul                   mm   a b
    addmm                    =    x a b beta=1 alpha=1
    einsum                   =    xs equation
    linear                   nn.  x w b
"""

EQUATIONS = (
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij,kj->ki", (2, 3), (4, 3)), ("ba,ca", (2, 3), (4, 3)),
    ("i,i->", (5,), (5,)), ("i,i->i", (5,), (5,)), ("i,j->ji", (2,), (3,)), (",->", (), ()), ("i,->i", (3,), ()),
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ji", (2, 3)), ("Ab", (2, 3)), ("ii->i", (3, 3)),
    ("ii", (3, 3)), ("iji->j", (2, 3, 2)), ("iijj->ij", (2, 2, 3, 3)), ("ii,i->", (3, 3), (3,)),
    ("ii,ij->j", (3, 3), (3, 2)), ("iii->", (2, 2, 2)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    ("bij,bkj->bki", (2, 3, 4), (2, 2, 4)), ("bi,bj->b", (2, 3), (2, 4)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 2), (2, 2, 4, 2)), ("bqhd,bkhd->bhqk", (2, 3, 2, 2), (2, 4, 2, 2)),
    ("abc,bcd->ad", (2, 3, 2), (3, 2, 4)), ("abc,cbd->da", (2, 3, 2), (2, 3, 4)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)), ("ij,ik,jk->", (2, 3), (2, 4), (3, 4)),
    ("a,ab,abc->c", (2,), (2, 3), (2, 3, 2)), ("ij,i,j->", (2, 3), (2,), (3,)), ("i,i,i,i->i", (3,), (3,), (3,), (3,)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 2), (2, 2)), ("...ij,...jk->...ik", (2, 3, 4), (4, 2)),
    ("...ij,...jk->...ik", (2, 1, 3, 2), (3, 2, 2)), ("...,...->...", (2, 3), (3,)), ("i...->...", (2, 3, 2)),
    ("...i->...", (2, 3)), ("...", (2, 3)), ("...ij", (2, 3, 2)), ("i...j,j->...i", (2, 3, 2), (2,)),
    ("b...,...->b...", (2, 3), (3,)), ("...a,...a", (2, 3), (3,)), ("i...,i->...", (3,), (3,)),
    ("...ii->...i", (2, 3, 3)), ("ij,jk->ik", (2, 1), (3, 4)), ("ij,ij->ij", (1, 3), (2, 3)),
    ("bij,bjk->bik", (1, 3, 4), (2, 4, 2)), ("ij,jk->ik", (2, 0), (0, 3)), ("ij,jk->ik", (0, 2), (2, 3)),
    ("ij->i", (2, 0)), ("ij,k->", (2, 3), (2,)),
)


def einsum(*operands_and_equation):
    *operands, equation = operands_and_equation
    return torch.einsum(equation, *operands)


def cases():
    for equation, *shapes in EQUATIONS:
        yield Case("einsum", einsum, {f"x{i}": shape for i, shape in enumerate(shapes)}, second=True,
                   label=equation, equation=equation)
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
