"""The rows that layers are made of."""
import torch

from oracle.case import Case

SAMPLES = """
    layer_norm  nn.  x dims weight bias eps
"""


def cases():
    def layer_norm(x, weight, bias, dims, eps):
        return torch.nn.functional.layer_norm(x, dims, weight, bias, eps)

    for shape, dims, weight, bias in (((2, 3), (3,), True, True), ((4, 37), (37,), True, True),
                                      ((3, 5), (5,), False, False), ((2, 3, 5), (3, 5), True, False),
                                      ((6,), (6,), False, True), ((0, 3), (3,), True, True),
                                      ((2, 3, 1, 4), (1, 4), True, True)):
        yield Case("layer_norm", layer_norm, {"x": shape, "weight": dims if weight else None,
                                              "bias": dims if bias else None}, dims=dims, eps=2.0 ** -10,
                   second=weight)  # PyTorch has none without a weight

    def batch_norm(x, mean, var, weight, bias, eps):
        return torch.nn.functional.batch_norm(x, mean, var, weight, bias, training=mean is None, eps=eps)

    for shape, given, affine in (((4, 3), False, True), ((4, 3), True, True), ((3, 2, 4), False, False),
                                 ((2, 3, 2, 2), False, True), ((1, 3, 2, 2), True, False),
                                 ((2, 2, 1, 2, 2), False, True), ((0, 3), True, True)):
        numbers = (shape[1],)
        yield Case("batch_norm", batch_norm if not given else normalized,
                   {"x": shape, "mean": numbers if given else None, "var": numbers if given else None,
                    "weight": numbers if affine else None, "bias": numbers if affine else None}, eps=2.0 ** -10,
                   second=True).moved(**({"var": torch.abs} if given else {}))


    def attention(q, k, v, mask, dropout_p, is_causal):
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if is_causal:
            mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        if mask is not None and mask.dtype == torch.bool:
            scores = scores.masked_fill(~mask, -torch.inf)
        elif mask is not None:
            scores = scores + mask
        return scores.softmax(-1) @ v

    upper = torch.tensor([[True, True, False, True], [False, True, True, False], [True, False, True, True]])
    for batch, mask, is_causal in (((), None, 0), ((2,), None, 1), ((2, 2), upper, 0), ((1, 2), (3, 4), 0),
                                   ((2,), (2, 1, 4), 0)):
        yield Case("scaled_dot_product_attention", attention,
                   {"q": (*batch, 3, 2), "k": (*batch, 4, 2), "v": (*batch, 4, 3), "mask": mask}, second=True,
                   label=f"{len(batch)}_{is_causal}_{'bool' if mask is upper else mask}".replace(" ", ""),
                   dropout_p=0.0, is_causal=is_causal)


def normalized(x, mean, var, weight, bias, eps):
    """PyTorch has no gradient by moments that are given."""
    mean, var, *affine = (t if t is None else t.view(1, -1, *(1,) * (x.dim() - 2)) for t in (mean, var, weight, bias))
    y = (x - mean) / (var + eps).sqrt()
    return y if weight is None else y * affine[0] + affine[1]
