"""What puts elements elsewhere."""
import torch

from oracle.case import Case

SAMPLES = """
    cat stack    =  xs dim=0
    roll         =  x shifts dims
    repeat       =  x dims:repeats
    flip         =  x dims
    tril triu    =  x diagonal
"""


def stack(*xs_and_dim):
    return torch.stack(xs_and_dim[:-1], xs_and_dim[-1])


def cat(*xs_and_dim):
    return torch.cat(xs_and_dim[:-1], xs_and_dim[-1])


def cases():
    for shape, dims in (((3,), (0,)), ((2, 3, 4), (0, -1)), ((2, 3), ()), ((), ()), ((0, 3), (0, 1))):
        yield Case("flip", torch.flip, {"x": shape}, dims=dims, second=True)
    for shape, shifts, dims in (((5,), (2,), (0,)), ((2, 3, 4), (1, -5), (0, -1)), ((3, 4), (1, 2, -9), (1, 0, 1)),
                                ((2, 3), (0,), (1,)), ((0, 3), (1, 1), (0, 1)), ((2, 2), (2 ** 62,), (0,))):
        yield Case("roll", torch.roll, {"x": shape}, shifts=shifts, dims=dims, second=True)
    for shape, repeats in (((2, 3), (1, 1)), ((3,), (4, 2)), ((2, 1, 3), (3, 2, 5)), ((), (3,)), ((), ()),
                           ((2, 3), (2, 0)), ((2, 0), (2, 2)), ((2,), (3, 1, 7))):
        yield Case("repeat", torch.Tensor.repeat, {"x": shape}, repeats=repeats, second=True)
    for op in (torch.tril, torch.triu):
        for shape, diagonal in (((3, 3), 0), ((2, 4), 1), ((4, 2), -1), ((2, 2, 3), 0), ((3, 3), 2 ** 40),
                                ((3, 3), -9), ((0, 3), 0), ((1, 0), 0)):
            yield Case(op.__name__, op, {"x": shape}, diagonal=diagonal, second=True)
    for shape, count, dim in (((2, 1), 3, 1), ((2, 3), 2, 0), ((2, 3), 2, -1), ((), 4, 0), ((3,), 1, 1)):
        yield Case("stack", stack, {f"xs{i}": shape for i in range(count)}, dim=dim)
    for dim, *shapes in ((0, (2, 3), (1, 3)), (1, (2, 3), (2, 1), (2, 2)), (-1, (2,), (0,), (3,)), (0, (0,), (2, 3)),
                         (1, (2, 0, 3), (2, 2, 3)), (0, (0,), (0,)), (0, (4,))):
        yield Case("cat", cat, {f"xs{i}": shape for i, shape in enumerate(shapes)}, dim=dim, second=True)
