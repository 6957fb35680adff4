"""Recurrent layers in one direction, on batches of one length and of several."""
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from oracle.case import Case


def layer(function, x, lengths, states, weights, reverse):
    """One direction alone: a half of a bidirectional layer, both halves of which have its weights."""
    h = weights[1].size(1)
    weights = [w for w in weights if w is not None] * 2
    lengths = torch.full((x.size(0),), x.size(1)) if lengths is None else lengths
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states = [x.new_zeros(1, x.size(0), h) if s is None else s for s in states]
    states = [torch.cat([s, s]).index_select(1, packed.sorted_indices) for s in states]
    data, *last = function(packed.data, packed.batch_sizes, states if len(states) > 1 else states[0], weights,
                           len(weights) == 8, 1, 0.0, True, True)
    y, _ = pad_packed_sequence(packed._replace(data=data), batch_first=True, total_length=x.size(1))
    last = [s.index_select(1, packed.unsorted_indices)[reverse:reverse + 1] for s in last]
    return y[..., reverse * h:(reverse + 1) * h], *last


def rnn(x, lengths, h0, w_ih, w_hh, b_ih, b_hh, relu, reverse):
    function = torch._VF.rnn_relu if relu else torch._VF.rnn_tanh
    return layer(function, x, lengths, [h0], (w_ih, w_hh, b_ih, b_hh), reverse)


def lstm(x, lengths, h0, c0, w_ih, w_hh, b_ih, b_hh, reverse):
    return layer(torch._VF.lstm, x, lengths, [h0, c0], (w_ih, w_hh, b_ih, b_hh), reverse)


def gru(x, lengths, h0, w_ih, w_hh, b_ih, b_hh, reverse):
    return layer(torch._VF.gru, x, lengths, [h0], (w_ih, w_hh, b_ih, b_hh), reverse)


def case_of(function, blocks, sizes, lengths, state, bias, outputs, second, **attributes):
    n, t, i, h = sizes
    shapes = {"x": (n, t, i), "lengths": None if lengths is None else torch.tensor(lengths)}
    shapes |= {s: (1, n, h) if state else None for s in ("h0", "c0")[:len(outputs) - 1]}
    shapes |= {"w_ih": (blocks * h, i), "w_hh": (blocks * h, h)}
    shapes |= {b: (blocks * h,) if bias else None for b in ("b_ih", "b_hh")}
    case = Case(function.__name__, function, shapes, outputs=outputs, second=second, **attributes)
    for name in ("w_ih", "w_hh"):
        case.inputs[name] = (case.inputs[name] / h ** 0.5).float().double()
    return case


def cases():
    # N, T, I, H, h0?, biases?, second order?, relu, reverse
    for *sizes, state, bias, second, relu, reverse in (
            (1, 1, 1, 1, True, True, True, 0, 0), (1, 5, 1, 3, False, True, True, 0, 0),
            (2, 3, 3, 3, True, True, True, 0, 0), (2, 5, 3, 1, True, False, True, 0, 0),
            (3, 2, 1, 3, False, False, True, 0, 0), (1, 4, 1, 33, True, True, True, 0, 0),
            (3, 3, 3, 33, False, True, False, 0, 0), (1, 2, 33, 3, True, True, False, 0, 0),
            (2, 3, 3, 3, True, True, True, 1, 0), (1, 4, 1, 33, False, True, False, 1, 0),
            (2, 4, 3, 2, True, True, True, 0, 1), (1, 5, 1, 3, False, False, True, 1, 1),
            (1, 4, 9, 33, True, True, False, 0, 1), (3, 1, 2, 17, True, True, False, 1, 1)):
        yield case_of(rnn, 1, sizes, None, state, bias, ("y", "hn"), second, relu=relu, reverse=reverse)
    # Long enough that layers go by several stretches of steps.
    long = (50, 43, 1, 50, 47, 29, 50, 31, 8, 44)
    for sizes, lengths, state, reverse in (
            ((2, 140, 1, 2), None, True, 0), ((10, 50, 1, 2), long, False, 1), ((1, 300, 1, 1), None, False, 0),
            ((1, 280, 1, 2), None, True, 1)):
        yield case_of(rnn, 1, sizes, lengths, state, True, ("y", "hn"), False, relu=0, reverse=reverse)
        yield case_of(lstm, 4, sizes, lengths, state, True, ("y", "hn", "cn"), False, reverse=reverse)
        yield case_of(gru, 3, sizes, lengths, state, True, ("y", "hn"), False, reverse=reverse)
    # N, T, I, H, lengths, h0?, biases?, second order?, reverse
    for *sizes, lengths, state, bias, second, reverse in (
            (1, 1, 1, 1, None, True, True, True, 0), (2, 3, 2, 3, None, True, True, True, 0),
            (1, 4, 3, 2, None, False, True, True, 1), (3, 2, 1, 2, None, False, False, True, 0),
            (2, 2, 5, 17, None, True, False, False, 1), (3, 3, 9, 31, None, False, True, False, 0),
            (3, 4, 2, 3, (2, 4, 1), True, True, True, 0), (3, 4, 2, 3, (2, 4, 1), False, True, True, 1),
            (4, 5, 1, 2, (3, 3, 5, 1), True, False, True, 1), (1, 3, 2, 2, (2,), True, True, True, 0),
            (2, 3, 2, 2, (2, 2), False, True, True, 1), (5, 6, 3, 16, (1, 6, 2, 5, 2), True, True, False, 0),
            (2, 4, 17, 9, (3, 4), False, False, False, 1)):
        yield case_of(lstm, 4, sizes, lengths, state, bias, ("y", "hn", "cn"), second, reverse=reverse)
        yield case_of(gru, 3, sizes, lengths, state, bias, ("y", "hn"), second, reverse=reverse)
        if lengths is not None:
            yield case_of(rnn, 1, sizes, lengths, state, bias, ("y", "hn"), second, relu=0, reverse=reverse)
