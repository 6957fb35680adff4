#!/usr/bin/env python3
"""Write tests/data/ops.txt: operations with their gradients, first and second, as PyTorch computes them in float64.

Usage: torch_ops.py OPS_DEF FILE        needs python3-torch; made with 1.13.1

OPS_DEF is include/wick/ops.def: a case is written when the operation has a row there with the case's attributes as
parameters; the others are printed as left out. FILE is text of words between blanks; a line that begins with # is a
comment. ARRAY is: NDIM DIM*NDIM VALUE*(product of the DIMs), row-major, values in exact hexadecimal.

    case OP LABEL
    attribute NAME i INTEGER            zero or more, in the order of the row's parameters
    attribute NAME f REAL
    attribute NAME d COUNT INTEGER*COUNT
    input NAME ARRAY                    in the order of the row's parameters; a list's tensors one after the other
    input NAME absent                   a NULL for an optional input
    index NAME ARRAY                    an input of integers, which has no gradient
    indices NAME ARRAY                  an output of integers, which has no cotangent
    output NAME ARRAY
    cotangent NAME ARRAY                one for each output: L = sum over outputs of sum(cotangent * output)
    gradient NAME ARRAY                 one for each present input: dL/dinput
    weight NAME ARRAY                   with second order only, for each present input: g = sum(weight * gradient) ...
    second NAME ARRAY                   ... and dg/dinput, the cotangents held fixed
    end

Inputs, cotangents and weights are float32 numbers, so that an implementation in float32 begins with the same ones.
"""
import os
import re
import sys
import zlib

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)
import numpy as np
import torch


class Case:
    """An operation on tensors of given shapes. `inputs` maps names to shapes, to tensors, or to None for absent."""

    def __init__(self, op, function, inputs, outputs=("y",), second=False, scale=1.0, label=None, **attributes):
        self.op, self.function, self.outputs, self.second, self.attributes = op, function, outputs, second, attributes
        self.label = label or "_".join(label_word(v) for v in (*inputs.values(), *attributes.values()))
        self.random = np.random.default_rng(zlib.crc32(f"{op} {self.label}".encode()))
        self.inputs = {name: self.normal(s, scale) if isinstance(s, tuple) else s for name, s in inputs.items()}

    def normal(self, shape, scale=1.0):
        values = scale * self.random.standard_normal(shape)
        return torch.from_numpy(np.asarray(values, dtype=np.float32)).double()

    def lines(self):
        yield ["case", self.op, self.label]
        for name, value in self.attributes.items():
            yield ["attribute", name, *attribute_words(value)]
        present = {name: x.clone().requires_grad_() for name, x in self.inputs.items() if is_floating(x)}
        arguments = {**self.inputs, **present}
        for name, x in arguments.items():
            yield [input_word(x), name, *(["absent"] if x is None else array_words(x))]

        outputs = self.function(*arguments.values(), *self.attributes.values())
        outputs = dict(zip(self.outputs, outputs if isinstance(outputs, tuple) else (outputs,)))
        for name, y in outputs.items():
            yield ["output" if is_floating(y) else "indices", name, *array_words(y)]
        outputs = {name: y for name, y in outputs.items() if is_floating(y)}
        if not outputs:
            yield ["end"]
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
        yield ["end"]


def is_floating(x):
    return x is not None and x.is_floating_point()


def input_word(x):
    return "input" if x is None or is_floating(x) else "index"


def gradient_of(scalar, inputs):
    """d scalar / d input by name; zeros where the scalar does not depend on an input, which torch answers with None."""
    found = [None] * len(inputs)
    if scalar.requires_grad:
        found = torch.autograd.grad(scalar, list(inputs.values()), create_graph=True, allow_unused=True)
    return {name: torch.zeros_like(x) if d is None or d._is_zerotensor() else d
            for (name, x), d in zip(inputs.items(), found)}


def real_word(value):
    return re.sub(r"\.?0*p", "p", float(value).hex())


def array_words(x):
    return [x.dim(), *x.shape, *map(real_word, x.detach().flatten().tolist())]


def attribute_words(value):
    if isinstance(value, tuple):
        return ["d", len(value), *value]
    return ["i", value] if isinstance(value, int) else ["f", real_word(value)]


def named(word, arrays):
    return ([word, name, *array_words(x)] for name, x in arrays.items())


def label_word(value):
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "0d"
    return "absent" if value is None else str(value)


# ---- the operations that torch spells otherwise ----

def rnn(x, h0, w_ih, w_hh, b_ih, b_hh):
    h0 = x.new_zeros(1, x.size(0), w_hh.size(0)) if h0 is None else h0
    weights = [w for w in (w_ih, w_hh, b_ih, b_hh) if w is not None]
    return torch._VF.rnn_tanh(x, h0, weights, b_ih is not None, 1, 0.0, True, False, True)


def stack(*xs_and_dim):
    return torch.stack(xs_and_dim[:-1], xs_and_dim[-1])


# ---- the cases ----

PAIRS = (((2, 3), (2, 3)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((), ()), ((2, 1, 3), (4, 1)),
         ((70,), (70,)))


def arithmetic():
    for a, b in PAIRS:
        for op in (torch.add, torch.sub, torch.mul):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=op is not torch.sub)
        quotient = Case("div", torch.div, {"a": a, "b": b})
        quotient.inputs["b"] = quotient.inputs["b"].sign() * (0.5 + quotient.inputs["b"].float().abs()).double()
        yield quotient
    for shape in ((), (2, 3), (0, 3), (70,)):
        yield Case("neg", torch.neg, {"x": shape})
    for s in (float(np.float32(0.1)), -3.0, 0.0):
        yield Case("mul_scalar", torch.mul, {"x": (2, 3)}, s=s)
        yield Case("add_scalar", torch.add, {"x": (2, 3)}, s=s)
    for shape, scale in (((), 1.0), ((2, 3), 0.3), ((70,), 4.0), ((0,), 1.0)):
        yield Case("tanh", torch.tanh, {"x": shape}, second=True, scale=scale)
    extremes = torch.tensor([0.0, -0.0, 1e-30, -1e-6, 9.0, -20.0, 100.0], dtype=torch.float32).double()
    yield Case("tanh", torch.tanh, {"x": extremes}, label="extremes", second=True)


def reductions():
    for op in (torch.sum, torch.mean):
        for shape in ((), (2, 3), (70,), (3, 4, 5)):
            yield Case(op.__name__, op, {"x": shape})
    yield Case("sum", torch.sum, {"x": (0, 3)})
    for shape, dims in (((2, 3), (2, 3)), ((3, 4), (3, 1)), ((3, 4), (4,)), ((2, 3, 4), (3, 1)), ((2, 3), ()),
                        ((0, 3), (3,))):
        yield Case("sum_to_size", torch.Tensor.sum_to_size, {"x": shape}, dims=dims)


def products():
    for m, k, n, second in ((2, 3, 4, True), (1, 1, 1, True), (2, 0, 3, True), (5, 7, 1, True), (1, 32, 32, False),
                            (17, 9, 33, False)):
        yield Case("matmul", torch.matmul, {"a": (m, k), "b": (k, n)}, second=second)
    for a, b in (((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)),
                 ((4, 2, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((2, 1, 2, 3), (3, 3, 1)),
                 ((2, 0, 3), (2, 3, 2)), ((0, 2, 3), (3, 2))):
        yield Case("matmul", torch.matmul, {"a": a, "b": b}, second=True)
    for op, a, b in ((torch.mm, (2, 3), (3, 4)), (torch.bmm, (2, 2, 3), (2, 3, 1)), (torch.dot, (5,), (5,)),
                     (torch.outer, (2,), (3,))):
        yield Case(op.__name__, op, {"a": a, "b": b}, second=True)
    for beta, alpha in ((1.0, 1.0), (0.5, -2.0), (0.0, 1.0)):
        yield Case("addmm", lambda x, a, b, beta, alpha: torch.addmm(x, a, b, beta=beta, alpha=alpha),
                   {"x": (4,), "a": (2, 3), "b": (3, 4)}, second=True, beta=beta, alpha=alpha)
    linear = torch.nn.functional.linear
    for x, w, bias, second in (((3, 5), (4, 5), True, True), ((3, 5), (4, 5), False, True),
                               ((2, 3, 5), (4, 5), True, True), ((5,), (4, 5), True, False),
                               ((0, 5), (4, 5), True, False), ((1, 32), (1, 32), True, False)):
        yield Case("linear", linear, {"x": x, "w": w, "b": w[:1] if bias else None}, second=second)
    for shape in ((), (2, 3), (1, 20, 1)):
        yield Case("mse_loss", torch.nn.functional.mse_loss, {"x": shape, "target": shape}, second=True)


def views():
    for shape, dim, index in (((2, 3, 4), 1, 0), ((2, 3, 4), -1, -1), ((2, 3, 4), 0, 1), ((5,), 0, -2)):
        slice_shape = tuple(torch.empty(shape).select(dim, index).shape)
        yield Case("select", torch.select, {"x": shape}, dim=dim, index=index)
        yield Case("select_backward", torch.ops.aten.select_backward, {"x": slice_shape},
                   dims=shape, dim=dim, index=index)
    for shape, dims in (((2, 6), (3, 4)), ((2, 6), (-1,)), ((), (1, 1)), ((0, 3), (3, 0)), ((2, 3, 4), (6, -1))):
        yield Case("reshape", torch.reshape, {"x": shape}, dims=dims)
    for shape, dim0, dim1 in (((2, 3), 0, 1), ((2, 3, 4), 0, -1), ((2, 3, 4), 1, 1)):
        yield Case("transpose", torch.transpose, {"x": shape}, dim0=dim0, dim1=dim1)
    for shape, dims in (((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 3), (0, 3))):
        yield Case("expand", torch.Tensor.expand, {"x": shape}, dims=dims)
    for shape, count, dim in (((2, 1), 3, 1), ((2, 3), 2, 0), ((2, 3), 2, -1), ((), 4, 0), ((3,), 1, 1)):
        yield Case("stack", stack, {f"xs{i}": shape for i in range(count)}, dim=dim)


def recurrent():
    # N, T, I, H, h0?, biases?, second order?
    for n, t, i, h, state, bias, second in ((1, 1, 1, 1, True, True, True), (1, 5, 1, 3, False, True, True),
                                            (2, 3, 3, 3, True, True, True), (2, 5, 3, 1, True, False, True),
                                            (3, 2, 1, 3, False, False, True), (1, 4, 1, 33, True, True, True),
                                            (3, 3, 3, 33, False, True, False), (1, 2, 33, 3, True, True, False)):
        shapes = {"x": (n, t, i), "h0": (1, n, h) if state else None, "w_ih": (h, i), "w_hh": (h, h),
                  "b_ih": (h,) if bias else None, "b_hh": (h,) if bias else None}
        case = Case("rnn", rnn, shapes, outputs=("y", "hn"), second=second)
        for name in ("w_ih", "w_hh"):
            case.inputs[name] = (case.inputs[name] / h ** 0.5).float().double()
        yield case


LOSS_OPTIONS = {"reduction", "ignore_index", "beta", "label_smoothing"}  # of wk_loss_options in ops.h


def rows(path):
    """The rows of ops.def: name -> text of its parameters."""
    text = open(path).read()
    return dict(re.findall(r'WK_OP\((\w+),\s*"[^"]*",\s*\(([^)]*)\)\)', text))


def main():
    import torch_reductions  # which has its cases made of what is here
    torch.set_num_threads(1)
    table, left_out, count = rows(sys.argv[1]), set(), 0
    with open(sys.argv[2], "w") as file:
        print(f"# made by tools/torch_ops.py, which tells the format, with PyTorch {torch.__version__}", file=file)
        for family in (arithmetic, reductions, *torch_reductions.FAMILIES, products, views, recurrent):
            for case in family():
                known = set(re.findall(r"\w+", table.get(case.op, ""))) | LOSS_OPTIONS
                if set(case.attributes) <= known and case.op in table:
                    count += 1
                    for line in case.lines():
                        print(*line, file=file)
                else:
                    left_out.add(" ".join((case.op, *case.attributes)))
    print(f"{count} cases; no row for: {', '.join(sorted(left_out)) or 'none left out'}")


if __name__ == "__main__":
    main()
