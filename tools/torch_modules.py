#!/usr/bin/env python3
"""Write tests/data/modules.txt: layers with all their options, and gradients, as torch.nn computes them in float64.

Usage: torch_modules.py FILE        needs python3-torch; made with 1.13.1

The format is told in oracle/text.py, the OP of a case being the name of the class. Its inputs are those of forward,
then the parameters in the order of named_parameters(); its attributes are what the layer is made with.
"""
import sys

from oracle import torch
from oracle.case import Case
from oracle.text import label_word, text_of

from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.nn.utils.stateless import functional_call


def plain(run, *inputs):
    return run(*(x for x in inputs if x is not None))


def module_case(make, inputs, outputs=("y",), label=None, call=plain, **attributes):
    """A layer that `make` makes. Its inputs are shapes or tensors, None for what is absent; `call` gets them, and a
    function that runs the layer."""
    layer = make().double()
    names = [name for name, _ in layer.named_parameters()]

    def forward(*values):
        parameters = values[len(inputs):len(inputs) + len(names)]
        torch.manual_seed(5)  # DRAWS in test_layers.c
        layer._flat_weights = list(parameters)  # what RNN reads
        return call(lambda *x: functional_call(layer, dict(zip(names, parameters)), x), *values[:len(inputs)])

    case = Case(type(layer).__name__, forward, inputs, outputs,
                label=label or "_".join([*map(label_word, attributes.values()),
                                         "with" if all(x is not None for x in inputs.values()) else "without"]),
                **attributes)
    for name, value in layer.named_parameters():
        case.inputs[name] = case.normal(tuple(value.shape), 0.5)
    return case


def sequences(batch_first):
    """The call of a recurrent layer, on padded sequences, or on packed ones where there are lengths."""
    def call(run, x, lengths, *states):
        states = None if states[0] is None else states if len(states) > 1 else states[0]
        if lengths is None:
            y, last = run(x, states)
        else:
            packed = pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
            y, last = run(packed, states)
            y, _ = pad_packed_sequence(y, batch_first, total_length=x.size(1 if batch_first else 0))
        return y, *(last if isinstance(last, tuple) else (last,))
    return call


def recurrent_case(kind, sizes, lengths, state, **options):
    n, t, i, h = sizes
    make_options = {name: value if name in ("num_layers", "dropout") else bool(value)
                    for name, value in options.items() if name != "nonlinearity"}
    if kind is nn.RNN:
        make_options["nonlinearity"] = "relu" if options["nonlinearity"] else "tanh"
    names = ("h", "c") if kind is nn.LSTM else ("h",)
    first = (options["num_layers"] * (1 + options["bidirectional"]), n, h)
    inputs = {"x": (n, t, i) if options["batch_first"] else (t, n, i),
              "lengths": None if lengths is None else torch.tensor(lengths),
              **{f"{name}0": first if state else None for name in names}}
    return module_case(lambda: kind(i, h, **make_options), inputs, ("y", *(f"{name}n" for name in names)),
                       label="_".join(map(str, (*sizes, lengths, state, *options.values()))).replace(" ", ""),
                       call=sequences(bool(options["batch_first"])), hidden_size=h, **options)


def recurrent():
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        # N, T, I, H
        for sizes, lengths in (((2, 4, 3, 5), None), ((1, 3, 2, 4), None), ((4, 5, 2, 3), (3, 5, 1, 3))):
            for layers in (1, 2, 3):
                for bidirectional in (0, 1):
                    for relu in (0, 1):  # with the other kinds, the other options alone
                        bias, batch_first = int((layers + relu) % 3 > 0), (layers + bidirectional + relu) % 2
                        yield recurrent_case(kind, sizes, lengths, (relu + sizes[0]) % 2, bias=bias,
                                             batch_first=batch_first, num_layers=layers, bidirectional=bidirectional,
                                             nonlinearity=relu if kind is nn.RNN else 0,
                                             dropout=0.5 if layers == 3 else 0.0)


def cells():
    for kind in (nn.RNNCell, nn.LSTMCell, nn.GRUCell):
        names = ("h", "c") if kind is nn.LSTMCell else ("h",)
        for bias, state in ((1, 1), (0, 1), (1, 0)):
            def call(run, x, *states):
                return run(x, None if not state else states if len(states) > 1 else states[0])

            inputs = {"x": (2, 3), **{name: (2, 5) if state else None for name in names}}
            yield module_case(lambda: kind(3, 5, bias=bool(bias)), inputs, tuple(f"{name}_after" for name in names),
                              call=call, hidden_size=5, bias=bias)


def pointwise():
    x = {"x": (3, 4)}
    for make in (nn.Tanh, nn.Sigmoid, nn.ReLU, nn.SiLU):
        yield module_case(make, x)
    yield module_case(lambda: nn.Dropout(0.25), x, number=0.25)
    yield module_case(lambda: nn.LeakyReLU(0.25), x, number=0.25)
    yield module_case(lambda: nn.ELU(0.5), x, number=0.5)
    for tanh in (0, 1):
        yield module_case(lambda: nn.GELU("tanh" if tanh else "none"), x, tanh=tanh)


def embeddings():
    for padding in (-1, 4):
        yield module_case(lambda: nn.Embedding(5, 3, padding if padding >= 0 else None),
                          {"input": torch.tensor([[4, 0], [4, 1]])}, label=f"twice_{padding}", num_embeddings=5,
                          embedding_dim=3, padding_idx=padding)


def normalization():
    for shape, dims, affine in (((3, 5), (5,), 1), ((2, 3, 4), (3, 4), 1), ((2, 3), (3,), 0)):
        yield module_case(lambda: nn.LayerNorm(dims, 0.25, bool(affine)), {"x": shape}, dims=dims, eps=0.25,
                          elementwise_affine=affine)


def convolutions():
    for make, x, out, kernel, options in (
            (nn.Conv1d, (2, 3, 6), 4, (3,), {}), (nn.Conv1d, (4, 6), 2, (2,), {"stride": (2,), "groups": 2}),
            (nn.Conv2d, (2, 3, 5, 4), 4, (3, 3), {"padding": (1, 1)}),
            (nn.Conv2d, (1, 4, 5, 6), 6, (2, 3), {"stride": (1, 2), "padding": (1, 0), "dilation": (2, 1), "groups": 2,
                                                  "bias": 0}),
            (nn.Conv3d, (1, 2, 3, 2, 3), 2, (2, 1, 2), {}),
            (nn.ConvTranspose1d, (2, 3, 4), 2, (3,), {"stride": (2,), "padding": (1,), "output_padding": (1,)}),
            (nn.ConvTranspose2d, (1, 4, 2, 3), 4, (3, 2), {"stride": (2, 1), "groups": 2}),
            (nn.ConvTranspose3d, (1, 2, 1, 2, 1), 1, (2, 2, 1), {"bias": 0})):
        given = {"stride": (1,), "padding": (0,), "dilation": (1,), "groups": 1, "bias": 1, **options}
        if "Transpose" in make.__name__:
            given.setdefault("output_padding", (0,))
        n = len(kernel)
        arguments = {name: v * n if isinstance(v, tuple) and len(v) == 1 else v for name, v in given.items()}
        yield module_case(lambda: make(x[-n - 1], out, kernel, **{**arguments, "bias": bool(given["bias"])}), {"x": x},
                          label=f"{make.__name__}_{label_word(x)}", out_channels=out, kernel_size=kernel, **arguments)


def pools():
    for make, x, sizes in ((nn.MaxPool1d, (2, 3, 6), ((2,),)), (nn.MaxPool2d, (2, 2, 5, 5), ((3, 2), (2, 1), (1, 0))),
                           (nn.MaxPool3d, (1, 2, 2, 2, 4), ((2, 1, 2),)), (nn.AvgPool1d, (2, 3, 6), ((3,), (1,), (1,))),
                           (nn.AvgPool2d, (2, 2, 4, 6), ((2, 2),)), (nn.AvgPool3d, (1, 2, 2, 2, 4), ((1, 2, 2),))):
        yield module_case(lambda: make(*sizes), {"x": x}, label=f"{make.__name__}_{label_word(x)}",
                          **dict(zip(("kernel_size", "stride", "padding"), sizes)))
    yield module_case(nn.Flatten, {"x": (2, 3, 2, 2)}, label="flatten")


def attentions():
    for sizes, bias, batch_first in (((3, 2, 4), 1, 1), ((2, 3, 6), 1, 0), ((1, 3, 4), 0, 1)):
        rows, features = sizes[:2], sizes[2]
        keys = (rows[0], rows[1] + 2) if batch_first else (rows[0] + 2, rows[1])
        yield module_case(lambda: nn.MultiheadAttention(features, 2, bias=bool(bias), batch_first=bool(batch_first)),
                          {"query": (*rows, features), "key": (*keys, features), "value": (*keys, features)},
                          label=f"{sizes}_{bias}_{batch_first}".replace(" ", ""), num_heads=2, bias=bias,
                          batch_first=batch_first)


def batch_norms():
    for make, x, affine, training in ((nn.BatchNorm1d, (5, 3), 1, 1), (nn.BatchNorm1d, (2, 3, 4), 1, 1),
                                      (nn.BatchNorm1d, (5, 3), 0, 1), (nn.BatchNorm1d, (1, 3), 1, 0),
                                      (nn.BatchNorm2d, (2, 3, 2, 2), 1, 1), (nn.BatchNorm2d, (1, 2, 2, 3), 1, 0),
                                      (nn.BatchNorm3d, (2, 2, 1, 2, 2), 1, 1)):
        def layer():
            return make(x[1], eps=0.25, affine=bool(affine)).train(bool(training))

        yield module_case(layer, {"x": x}, eps=0.25, affine=affine, training=training)


def main():
    with open(sys.argv[1], "w") as file:
        print(f"# made by tools/torch_modules.py with PyTorch {torch.__version__}", file=file)
        for family in (recurrent, cells, pointwise, embeddings, normalization, convolutions, pools,
                       batch_norms, attentions):
            for case in family():
                file.write(text_of(case.lines()))


if __name__ == "__main__":
    main()
