"""A case: a function of PyTorch on tensors of given shapes, with its gradients, first and second.

Inputs, cotangents and weights are float32 numbers, so that an implementation in float32 begins with the same ones.
"""
import zlib

import numpy as np
import torch

from oracle.text import is_floating, label_word, named, opening_lines, tensor_lines


class Case:
    """`inputs` maps names to shapes, to tensors, or to None for absent."""

    def __init__(self, op, function, inputs, outputs=("y",), second=False, scale=1.0, label=None, **attributes):
        self.op, self.function, self.outputs, self.second, self.attributes = op, function, outputs, second, attributes
        self.label = label or "_".join(label_word(v) for v in (*inputs.values(), *attributes.values()))
        self.random = np.random.default_rng(zlib.crc32(f"{op} {self.label}".encode()))
        self.inputs = {name: self.normal(s, scale) if isinstance(s, tuple) else s for name, s in inputs.items()}

    def moved(self, **moves):
        """With inputs moved to where the operation is defined, or smooth."""
        for name, move in moves.items():
            self.inputs[name] = move(self.inputs[name]).float().double()
        return self

    def normal(self, shape, scale=1.0):
        values = scale * self.random.standard_normal(shape)
        return torch.from_numpy(np.asarray(values, dtype=np.float32)).double()

    def lines(self):
        present = {name: x.clone().requires_grad_() for name, x in self.inputs.items() if is_floating(x)}
        arguments = {**self.inputs, **present}
        yield from opening_lines(self.op, self.label, self.attributes, arguments)
        outputs = self.function(*arguments.values(), *self.attributes.values())
        outputs = dict(zip(self.outputs, outputs if isinstance(outputs, tuple) else (outputs,)))
        for name, y in outputs.items():
            yield from tensor_lines("output", name, y)
        yield from self.gradient_lines(present, {name: y for name, y in outputs.items() if is_floating(y)})
        yield ["end"]

    def gradient_lines(self, present, outputs):
        if not outputs:
            return
        cotangents = {name: self.normal(tuple(y.shape)) for name, y in outputs.items()}
        loss = sum((cotangents[name] * y).sum() for name, y in outputs.items())
        gradients = gradient_of(loss, present)
        yield from named("cotangent", cotangents)
        yield from named("gradient", gradients)
        if self.second:
            weights = {name: self.normal(tuple(x.shape)) for name, x in present.items()}
            g = sum((weights[name] * gradients[name]).sum() for name in present)
            yield from named("weight", weights)
            yield from named("second", gradient_of(g, present))


def gradient_of(scalar, inputs):
    """d scalar / d input by name; zeros where the scalar does not depend on an input, which torch answers with None,
    or with a tensor of zeros that has no elements to read."""
    found = [None] * len(inputs)
    if scalar.requires_grad:
        found = torch.autograd.grad(scalar, list(inputs.values()), create_graph=True, allow_unused=True)
    return {name: torch.zeros_like(x) if d is None or d._is_zerotensor() else d
            for (name, x), d in zip(inputs.items(), found)}
