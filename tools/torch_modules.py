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
from torch.nn.utils.stateless import functional_call


def module_case(make, inputs, outputs=("y",), label=None, **attributes):
    """A layer that `make` makes. Its inputs are shapes or tensors, None for what is absent at the end."""
    layer = make().double()
    names = [name for name, _ in layer.named_parameters()]

    def forward(*values):
        x = values[:len(inputs)]
        parameters = values[len(inputs):len(inputs) + len(names)]
        torch.manual_seed(5)  # DRAWS in test_layers.c
        layer._flat_weights = list(parameters)  # what RNN reads
        return functional_call(layer, dict(zip(names, parameters)), tuple(v for v in x if v is not None))

    case = Case(type(layer).__name__, forward, inputs, outputs,
                label=label or "_".join([*map(label_word, attributes.values()),
                                         "with" if all(x is not None for x in inputs.values()) else "without"]),
                **attributes)
    for name, value in layer.named_parameters():
        case.inputs[name] = case.normal(tuple(value.shape), 0.5)
    return case


def recurrent():
    # N, T, I, H
    for n, t, i, h in ((2, 4, 3, 5), (1, 3, 2, 4)):
        for layers in (1, 2, 3):
            for bidirectional in (0, 1):
                for relu in (0, 1):
                    bias, batch_first, state = (layers + relu) % 3 > 0, (layers + bidirectional) % 2, (relu + n) % 2
                    dropout = 0.5 if layers == 3 else 0.0
                    options = dict(num_layers=layers, bidirectional=bool(bidirectional), bias=bias,
                                   batch_first=bool(batch_first), nonlinearity="relu" if relu else "tanh",
                                   dropout=dropout)
                    shapes = {"x": (n, t, i) if batch_first else (t, n, i),
                              "h0": (layers * (1 + bidirectional), n, h) if state else None}
                    yield module_case(lambda: nn.RNN(i, h, **options), shapes, ("y", "hn"), hidden_size=h,
                                      bias=int(bias), batch_first=batch_first, num_layers=layers,
                                      bidirectional=bidirectional, nonlinearity=relu, dropout=dropout)


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


def main():
    with open(sys.argv[1], "w") as file:
        print(f"# made by tools/torch_modules.py with PyTorch {torch.__version__}", file=file)
        for family in (recurrent, pointwise, embeddings, normalization):
            for case in family():
                file.write(text_of(case.lines()))


if __name__ == "__main__":
    main()
