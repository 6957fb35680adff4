"""What somebody who knows PyTorch writes on the first day: calls that count from the end, that leave something out, or
that reach an edge."""
import torch
import torch.nn.functional as F

from oracle.case import Case
from oracle.inputs import INF, NAN, floats, truths, whole

TIES = floats(2, 1, 2, -1, 1, 2)
SOME = floats(1, -2, INF, 0, NAN, -INF)


def sliced(x, dim, start, end, step):
    where = [slice(None)] * x.dim()
    where[dim] = slice(start, end, step)
    return x[tuple(where)]


def views():
    for dim, index in ((0, -1), (-1, -2), (-2, 0)):
        yield Case("select", torch.select, {"x": (3, 4)}, dim=dim, index=index)
    for start, end, step in ((-3, 2**62, 1), (0, -1, 2), (1, 100, 3), (-100, 2, 1), (3, 1, 1)):
        yield Case("slice", sliced, {"x": (2, 5)}, dim=-1, start=start, end=end, step=step)
    yield Case("narrow", torch.narrow, {"x": (3, 4)}, dim=-1, start=-2, length=2)
    yield Case("unsqueeze", torch.unsqueeze, {"x": (3,)}, dim=-1)
    yield Case("squeeze", torch.squeeze, {"x": (2, 3)}, dim=-1)
    yield Case("transpose", torch.transpose, {"x": (2, 3, 4)}, dim0=-1, dim1=-3)
    yield Case("permute", torch.permute, {"x": (2, 3, 4)}, dims=(-1, 0, -2))
    yield Case("reshape", torch.reshape, {"x": (2, 6)}, dims=(-1,))
    yield Case("reshape", torch.reshape, {"x": (2, 0)}, dims=(0, 5), label="empty")
    yield Case("flatten", torch.flatten, {"x": ()}, start_dim=0, end_dim=-1)
    yield Case("diagonal", torch.diagonal, {"x": (3, 3)}, offset=-1, dim1=0, dim2=1)


def indexing():
    yield Case("index_select", lambda x, index, dim: torch.index_select(x, dim, index),
               {"x": (2, 3), "index": whole(2, 0, 2)}, label="last", dim=-1)
    yield Case("gather", lambda x, index, dim: torch.gather(x, dim, index),
               {"x": (2, 3), "index": whole(0, 2, 1, 1, shape=(2, 2))}, label="last", dim=-1)
    yield Case("one_hot", F.one_hot, {"index": whole(0, 2, 1)}, num_classes=-1)
    yield Case("masked_fill", torch.masked_fill, {"x": (2, 3), "mask": truths(1, 0, 1)}, label="edges_row", value=-INF)
    yield Case("masked_select", torch.masked_select, {"x": (2, 3), "mask": truths(1, 0, 1)}, label="row")
    yield Case("nonzero", torch.nonzero, {"x": floats(0, 3, -1, NAN)}, label="some")


def orders():
    for descending in (0, 1):
        yield Case("sort", lambda x, dim, descending: torch.sort(x, dim=dim, descending=bool(descending), stable=True),
                   {"x": TIES}, outputs=("y", "y1"), label=f"ties_{descending}", dim=-1, descending=descending)
        yield Case("argsort", lambda x, dim, descending: torch.sort(x, dim=dim, descending=bool(descending),
                                                                    stable=True).indices,
                   {"x": SOME}, label=f"edges_{descending}", dim=0, descending=descending)
    yield Case("topk", lambda x, k, dim, largest: torch.topk(x, k, dim, bool(largest)), {"x": (2, 5)},
               outputs=("y", "y1"), k=3, dim=-1, largest=0)
    yield Case("max_dim", lambda x, dim, keepdim: torch.max(x, dim, bool(keepdim)), {"x": (2, 3)},
               outputs=("y", "y1"), dim=-1, keepdim=1)
    yield Case("argmax", torch.argmax, {"x": floats(1, NAN, 3)}, label="edges_nan")


def reductions():
    for correction in (0, 1, 2):
        yield Case("var", lambda x, dims, correction, keepdim: torch.var(x, dims, correction=correction,
                                                                         keepdim=bool(keepdim)),
                   {"x": (2, 4)}, dims=(-1,), correction=correction, keepdim=0)
    for p in (INF, -INF, 0.0, 1.0, 2.0, 3.0):
        yield Case("norm", lambda x, p, dims, keepdim: torch.linalg.vector_norm(x, p, dims, bool(keepdim)),
                   {"x": (3, 4)}, p=p, dims=(-2,), keepdim=0)
    yield Case("mean", torch.mean, {"x": (0,)}, label="edges_nothing")
    yield Case("cumsum", torch.cumsum, {"x": (2, 3)}, dim=-1)
    yield Case("softmax", torch.softmax, {"x": floats(1, -INF, 2)}, label="edges_masked", dim=-1)
    yield Case("logsumexp", lambda x, dims, keepdim: torch.logsumexp(x, dims, bool(keepdim)),
               {"x": floats(-INF, -INF, 1000, 1000).reshape(2, 2)}, label="edges_masked", dims=(0,), keepdim=0)


def moving():
    yield Case("cat", lambda *xs: torch.cat(xs[:-1], xs[-1]), {"xs0": (2, 1), "xs1": (2, 3)}, dim=-1)
    yield Case("stack", lambda *xs: torch.stack(xs[:-1], xs[-1]), {"xs0": (2,), "xs1": (2,)}, dim=-1)
    yield Case("flip", torch.flip, {"x": (2, 3)}, dims=(-1,))
    yield Case("roll", torch.roll, {"x": (2, 3)}, shifts=(-1,), dims=())
    yield Case("tril", torch.tril, {"x": (3, 4)}, diagonal=-1)
    yield Case("triu", torch.triu, {"x": (2, 3, 3)}, diagonal=1)
    yield Case("repeat", lambda x, repeats: x.repeat(repeats), {"x": (2,)}, repeats=(3, 1))


def losses():
    target = torch.tensor([[0, -100], [2, 1]])
    yield Case("cross_entropy", lambda x, t, w: F.cross_entropy(x, t), {"x": (2, 3, 2), "target": target,
                                                                         "weight": None}, label="images")
    yield Case("clamp", torch.clamp, {"x": SOME}, label="edges_min", min=0.0, max=INF)
    yield Case("where", torch.where, {"condition": truths(1, 0, 1), "a": (2, 3), "b": ()}, label="number")
    yield Case("pow", torch.pow, {"a": floats(2).reshape(()), "b": (3,)}, label="two_to")


def cases():
    for group in (views, indexing, orders, reductions, moving, losses):
        yield from group()
