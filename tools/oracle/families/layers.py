"""The rows that layers are made of: normalisation, recurrence."""
import torch

from oracle.case import Case

SAMPLES = """
    layer_norm  nn.  x dims weight bias eps
"""


def rnn(x, h0, w_ih, w_hh, b_ih, b_hh, relu, reverse):
    """The reverse direction alone, as the second half of a bidirectional layer would have it."""
    h0 = x.new_zeros(1, x.size(0), w_hh.size(0)) if h0 is None else h0
    weights = [w for w in (w_ih, w_hh, b_ih, b_hh) if w is not None]
    function = torch._VF.rnn_relu if relu else torch._VF.rnn_tanh
    y, hn = function(x.flip(1) if reverse else x, h0, weights, b_ih is not None, 1, 0.0, True, False, True)
    return y.flip(1) if reverse else y, hn


def normalization():
    def layer_norm(x, weight, bias, dims, eps):
        return torch.nn.functional.layer_norm(x, dims, weight, bias, eps)

    for shape, dims, weight, bias in (((2, 3), (3,), True, True), ((4, 37), (37,), True, True),
                                      ((3, 5), (5,), False, False), ((2, 3, 5), (3, 5), True, False),
                                      ((6,), (6,), False, True), ((0, 3), (3,), True, True),
                                      ((2, 3, 1, 4), (1, 4), True, True)):
        yield Case("layer_norm", layer_norm, {"x": shape, "weight": dims if weight else None,
                                              "bias": dims if bias else None}, dims=dims, eps=2.0 ** -10,
                   second=weight)  # PyTorch has none without a weight


def recurrent():
    # N, T, I, H, h0?, biases?, second order?, relu, reverse
    for n, t, i, h, state, bias, second, relu, reverse in (
            (1, 1, 1, 1, True, True, True, 0, 0), (1, 5, 1, 3, False, True, True, 0, 0),
            (2, 3, 3, 3, True, True, True, 0, 0), (2, 5, 3, 1, True, False, True, 0, 0),
            (3, 2, 1, 3, False, False, True, 0, 0), (1, 4, 1, 33, True, True, True, 0, 0),
            (3, 3, 3, 33, False, True, False, 0, 0), (1, 2, 33, 3, True, True, False, 0, 0),
            (2, 3, 3, 3, True, True, True, 1, 0), (1, 4, 1, 33, False, True, False, 1, 0),
            (2, 4, 3, 2, True, True, True, 0, 1), (1, 5, 1, 3, False, False, True, 1, 1),
            (1, 4, 9, 33, True, True, False, 0, 1), (3, 1, 2, 17, True, True, False, 1, 1)):
        shapes = {"x": (n, t, i), "h0": (1, n, h) if state else None, "w_ih": (h, i), "w_hh": (h, h),
                  "b_ih": (h,) if bias else None, "b_hh": (h,) if bias else None}
        case = Case("rnn", rnn, shapes, outputs=("y", "hn"), second=second, relu=relu, reverse=reverse)
        for name in ("w_ih", "w_hh"):
            case.inputs[name] = (case.inputs[name] / h ** 0.5).float().double()
        yield case


def cases():
    yield from normalization()
    yield from recurrent()
