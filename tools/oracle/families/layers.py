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
