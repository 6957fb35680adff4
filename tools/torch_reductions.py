"""The cases of torch_ops.py for reductions, scans, the softmax family and losses."""
import math

import torch

from torch_ops import Case, label_word

DIMS = (((), (), 0), ((3, 4), (), 1), ((3, 4), (0,), 0), ((3, 4), (-1,), 1), ((2, 3, 4), (0, -1), 0),
        ((2, 3, 4), (1,), 0), ((2, 1, 70), (2,), 1), ((5, 40), (0,), 0))


def over_dims(function):
    """The function with the dims of a row, where none means all, and keepdim as a number."""
    return lambda x, dims, keepdim: function(x, dims or tuple(range(x.dim())), bool(keepdim))


def norm(x, p, dims, keepdim):
    return torch.norm(x, p, dims or tuple(range(x.dim())) or None, bool(keepdim))


def var(function):
    return lambda x, dims, keepdim, correction: function(x, dims or None, correction=correction, keepdim=bool(keepdim))


def with_index(function):
    return lambda x, dim, keepdim: tuple(function(x, dim, bool(keepdim)))


def over_dimensions():
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


ONE_DIM = (((), 0, 0), ((4,), 0, 1), ((3, 4), 0, 0), ((3, 4), 1, 1), ((2, 3, 4), -2, 0), ((3, 1), 1, 0))


def along_one_dimension():
    for shape, dim, _ in (*ONE_DIM, ((0, 3), 0, 0), ((3, 40), 1, 0), ((40, 3), 0, 0)):
        for op in (torch.cumsum, torch.cumprod, torch.softmax, torch.log_softmax):
            yield Case(op.__name__, op, {"x": shape}, second=True, dim=dim)
    for shape in ((), (4,), (2, 3), (0, 2)):
        yield Case("prod", torch.prod, {"x": shape}, second=True)
    for zeros in ((1,), (0, 2)):
        x = torch.tensor([0.5, -1.5, 2.0, 0.75]).double()
        x[list(zeros)] = 0
        # of two zeros PyTorch says that the second gradient is zero, which it is not
        yield Case("prod", torch.prod, {"x": x}, second=len(zeros) < 2, label=f"zeros_{len(zeros)}")
        yield Case("prod_dim", lambda x, d, k: torch.prod(x, d, bool(k)), {"x": x.reshape(2, 2)}, second=True, dim=1,
                   keepdim=0, label=f"zeros_{len(zeros)}")
        yield Case("cumprod", torch.cumprod, {"x": x}, second=True, dim=0, label=f"zeros_{len(zeros)}")
    large = torch.tensor([[1000.0, 999.0, -1000.0], [-2000.0, -2000.5, -2001.0]]).double()
    for op in (torch.softmax, torch.log_softmax):
        yield Case(op.__name__, op, {"x": large}, second=True, dim=1, label="large")
    yield Case("logsumexp", over_dims(torch.logsumexp), {"x": large / 16}, second=True, label="large", dims=(1,),
               keepdim=0)


# ---- losses ----

REDUCTIONS = ("none", "mean", "sum")


def loss_cases(op, function, shapes, second=True, **more):
    """A case for each reduction, which a row has as a number."""
    for number, reduction in enumerate(REDUCTIONS):
        def call(*inputs_and_attributes, reduction=reduction):
            return function(*inputs_and_attributes[:len(shapes)], reduction=reduction, **more)
        label = "_".join([*(label_word(v) if not torch.is_tensor(v) else "x".join(map(str, v.shape)) for v in
                            shapes.values()), reduction, *map(str, more.values())])
        yield Case(op, call, shapes, second=second, label=label, reduction=number, **more)


def weighted(losses, weight, reduction):
    """PyTorch knows no gradients for weights of losses; with the product written out there are some."""
    losses = losses if weight is None else losses * weight
    return losses if reduction == "none" else getattr(torch, reduction)(losses)


def bce(x, target, weight, reduction):
    return weighted(torch.nn.functional.binary_cross_entropy(x, target, reduction="none"), weight, reduction)


def bce_with_logits(x, target, weight, pos_weight, reduction):
    f = torch.nn.functional
    if pos_weight is None:
        losses = f.binary_cross_entropy_with_logits(x, target, reduction="none")
    else:
        losses = -(pos_weight * target * f.logsigmoid(x) + (1 - target) * f.logsigmoid(-x))
    return weighted(losses, weight, reduction)


def class_loss(name):
    """nll_loss or cross_entropy. PyTorch knows no gradient for class weights; written out there is one."""
    def call(x, target, weight, reduction, **options):
        torchs = getattr(torch.nn.functional, name)(x, target, weight if weight is None else weight.detach(),
                                                    reduction=reduction, **options)
        if weight is None:
            return torchs
        dim, smoothing = (0 if x.dim() == 1 else 1), options.get("label_smoothing", 0)
        x = x if name == "nll_loss" else torch.log_softmax(x, dim)
        counted = target != options["ignore_index"]
        index = torch.where(counted, target, torch.zeros_like(target))
        share = weight[index] * counted
        losses = -x.gather(dim, index.unsqueeze(dim)).squeeze(dim) * share * (1 - smoothing)
        of_classes = weight.view(-1, *[1] * (x.dim() - 1 - dim))
        losses = losses - (x * of_classes).sum(dim) * counted * smoothing / x.shape[dim]
        y = losses if reduction == "none" else losses.sum() / (share.sum() if reduction == "mean" else 1)
        assert torch.allclose(y, torchs, rtol=1e-12)
        return y
    return call


def losses():
    f = torch.nn.functional
    for shape in ((), (2, 3)):
        pair = {"x": shape, "target": shape}
        yield from loss_cases("l1_loss", f.l1_loss, pair)
        for beta in (1.0, 0.5):
            yield from loss_cases("smooth_l1_loss", f.smooth_l1_loss, pair, beta=beta)
            yield from loss_cases("huber_loss", lambda x, t, reduction, beta: f.huber_loss(x, t, reduction, beta), pair,
                                  beta=beta)
    chances = torch.tensor([[0.375, 0.5, 0.75], [0.4375, 0.6875, 0.625]]).double()
    for weight in (None, (3,)):
        for x in (chances, torch.tensor(0.375).double()):
            # PyTorch adds 1e-12 to divisors of the second gradient
            yield from loss_cases("binary_cross_entropy", bce, {"x": x, "target": 1 - x / 2,
                                  "weight": weight if x.dim() else None}, second=False)
    for weight, pos_weight in ((None, None), ((3,), None), (None, (3,)), ((2, 3), (1,))):
        yield from loss_cases("binary_cross_entropy_with_logits", bce_with_logits, {
            "x": (2, 3), "target": (2, 3), "weight": weight, "pos_weight": pos_weight})
    weights = torch.tensor([0.5, 2.0, 1.25]).double()
    for shape, target in (((4, 3), [0, 2, 1, 2]), ((3,), 1), ((2, 3, 2), [[0, 1], [2, 0]])):
        target = torch.tensor(target)
        for ignore in (-100, 1):
            for w in (None, weights):
                if target.dim() == 0 and ignore == 1:
                    continue
                inputs = {"x": shape, "target": target, "weight": w}
                yield from loss_cases("nll_loss", class_loss("nll_loss"), inputs, ignore_index=ignore)
                for more in ({}, {"label_smoothing": 0.25}):
                    yield from loss_cases("cross_entropy", class_loss("cross_entropy"), inputs, ignore_index=ignore,
                                          **more)


FAMILIES = (over_dimensions, along_one_dimension, losses)
