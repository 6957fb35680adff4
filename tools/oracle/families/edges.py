"""Where derivatives are not what formulas say: at corners, poles and ties, and with infinities."""
import torch
import torch.nn.functional as F

from oracle.case import Case
from oracle.inputs import INF, NAN, floats, truths, whole

POWERS = {"a": floats(0, 0, 0, 0, 0, 1, 2, -2, -2, -2, INF, 0), "b": floats(0, 1, 2, .5, -1, 0, 0, 2, 0, -1, 0, -2)}


def functions():
    for function, *values in ((torch.sqrt, 0, -0.0, 1, INF), (torch.rsqrt, 0, 1, INF), (torch.log, 0, 1, INF),
                              (torch.log1p, -1, 0, INF), (torch.reciprocal, 0, -0.0, INF), (torch.asin, 1, -1, 0),
                              (torch.acos, 1, -1, 0), (torch.abs, 0, -0.0, INF, -INF), (torch.sign, 0),
                              (torch.relu, 0, INF, -INF), (torch.tanh, INF, -INF, 100), (torch.sigmoid, 1000, -1000)):
        yield Case(function.__name__, function, {"x": floats(*values)}, label="edges_poles")
    bounded = floats(-1, 1, 0, 2, -2, INF, -INF)
    yield Case("clamp", torch.clamp, {"x": bounded}, label="edges_bounds", min=-1.0, max=1.0)
    yield Case("clamp", torch.clamp, {"x": bounded}, label="edges_crossed", min=1.0, max=-1.0)
    yield Case("hardtanh", F.hardtanh, {"x": bounded}, label="edges_bounds", min_val=-1.0, max_val=1.0)
    for s in (0.0, 1.0, 2.0, 0.5, -1.0):
        yield Case("pow_scalar", torch.pow, {"x": floats(0, 1, 2)}, label=f"edges_{s}", exponent=s)
    yield Case("pow", torch.pow, POWERS, label="edges_zeros")
    yield Case("div", torch.div, {"a": floats(1, 0, -1, INF, 0), "b": floats(0, 0, 0, INF, 2)}, label="edges_zeros")
    yield Case("maximum", torch.maximum, {"a": floats(1, 0, INF), "b": floats(1, 0, INF)}, label="edges_ties")
    yield Case("where", torch.where, {"condition": truths(1, 0, 1), "a": floats(NAN, INF, 1), "b": floats(1, 2, NAN)},
               label="edges_unused")


def dims(function):
    return lambda x, dims, keepdim: function(x, dims, bool(keepdim))


def spread(function):
    return lambda x, dims, correction, keepdim: function(x, dims, correction=correction, keepdim=bool(keepdim))


def reductions():
    for p in (0.0, 1.0, 2.0, 3.0, INF, -INF, 1.5):
        norm = lambda x, p, dims, keepdim: torch.linalg.vector_norm(x, p, dims, bool(keepdim))
        yield Case("norm", norm, {"x": floats(0, 0, 0, 0, 1, 0, 1, -1, 1).reshape(3, 3)}, label=f"edges_zeros_{p}", p=p,
                   dims=(1,), keepdim=0)
    for values in ((1, 3, 3, 2), (INF, INF, 1, 1), (-INF, -INF, -INF, -INF), (1, -INF, 1, 0)):
        label = "edges_" + "_".join(map(str, values))
        for op in (torch.max, torch.min):
            yield Case(op.__name__, op, {"x": floats(*values)}, label=label)
        for op in (torch.amax, torch.amin, torch.logsumexp):
            yield Case(op.__name__, dims(op), {"x": floats(*values)}, label=label, dims=(0,), keepdim=0)
        for op in (torch.softmax, torch.log_softmax):
            yield Case(op.__name__, op, {"x": floats(*values)}, label=label, dim=0)
    for op in (torch.var, torch.std):
        for correction in (0, 1):
            for value in (0.1, 2.0, -7.3):
                x = floats(*[value] * 3, 1, 1, value).reshape(2, 3)
                yield Case(op.__name__, spread(op), {"x": x}, label=f"edges_equal_{value}_{correction}", dims=(1,),
                           correction=correction, keepdim=0)
    for values in ((0, 1, 2, 3), (0, 0, 2, 3), (0, 0, 0, 0), (1, 2, 3, 0)):
        label = "edges_" + "_".join(map(str, values))
        yield Case("prod", torch.prod, {"x": floats(*values)}, label=label)
        for op in (torch.cumprod, torch.cumsum):
            yield Case(op.__name__, op, {"x": floats(*values)}, label=label, dim=0)


def indexing():
    x, index, values = floats(1, 2, 3), whole(0, 0, 2), floats(5, 6, 7)
    yield Case("index_put", lambda x, i, v, accumulate: torch.index_put(x, (i,), v, bool(accumulate)),
               {"x": x, "index": index, "values": values}, label="edges_twice", accumulate=1)
    yield Case("scatter_add", lambda x, i, s, dim: torch.scatter_add(x, dim, i, s), {"x": x, "index": index,
                                                                                      "src": values},
               label="edges_twice", dim=0)
    yield Case("gather", lambda x, i, dim: torch.gather(x, dim, i), {"x": x, "index": index}, label="edges_twice",
               dim=0)
    yield Case("masked_fill", torch.masked_fill, {"x": floats(NAN, INF, 1), "mask": truths(1, 1, 0)},
               label="edges_unused", value=0.0)


def losses():
    masked, ignored = floats(1, -INF, 2, 0, 0, 0).reshape(2, 3), floats(-INF, 1, 2, 0, 0, 0).reshape(2, 3)
    for logits, target in ((masked, (0, 2)), (masked, (-100, 2)), (masked, (1, 2)), (ignored, (-100, 2)),
                           (ignored, (-100, -100))):
        yield Case("cross_entropy", lambda x, t, w: F.cross_entropy(x, t),
                   {"x": logits, "target": torch.tensor(target), "weight": None},
                   label="_".join(map(str, ("edges", *logits[0].tolist(), *target))))
    saturated = lambda x, t, w, p: F.binary_cross_entropy_with_logits(x, t)
    yield Case("binary_cross_entropy_with_logits", saturated,
               {"x": floats(0, 1000, -1000, 1000, -1000), "target": floats(0, 1, 1, 0, 0), "weight": None,
                "pos_weight": None}, label="edges_saturated")


def cases():
    for group in (functions, reductions, indexing, losses):
        yield from group()
