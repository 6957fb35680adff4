"""Losses."""
import torch

from oracle.case import Case
from oracle.text import label_word

SAMPLES = """
    mse_loss l1_loss                  nn.  x target reduction=mean
    smooth_l1_loss                    nn.  x target beta reduction=mean
    huber_loss                        nn.  x target delta:beta reduction=mean
    nll_loss                          nn.  x target weight:2 ignore_index reduction=mean
    cross_entropy                     nn.  x target weight:2 ignore_index label_smoothing reduction=mean
    binary_cross_entropy              nn.  x target weight:2 reduction=mean
    binary_cross_entropy_with_logits  nn.  x target weight:2 reduction=mean pos_weight:3
"""


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


def cases():
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
    for shape, weight in (((3,), None), ((2, 3, 2), None), ((4, 3), weights)):
        for more in ({}, {"label_smoothing": 0.25}):
            yield from loss_cases("cross_entropy", f.cross_entropy, {"x": shape, "target": shape, "weight": weight},
                                  **more)
    for name in ("int32", "uint8"):  # torch does not take them everywhere
        target = torch.tensor([0, 2, 1, 2], dtype=getattr(torch, name))
        for function in (f.nll_loss, f.cross_entropy):
            def call(x, target, weight, function=function):
                return function(x, target.long(), weight)
            yield Case(function.__name__, call, {"x": (4, 3), "target": target, "weight": None}, second=True,
                       label=f"4x3_{name}")
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
