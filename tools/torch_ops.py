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
    index NAME ARRAY                    an input of whole numbers (int64), which has no gradient
    indices NAME ARRAY                  an output of whole numbers, which has no cotangent
    output NAME ARRAY
    cotangent NAME ARRAY                one for each output: L = sum over outputs of sum(cotangent * output)
    gradient NAME ARRAY                 one for each present input: dL/dinput; neither for an output of whole numbers
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
import torch.nn.functional as F


class Case:
    """An operation on tensors of given shapes. `inputs` maps names to shapes, to tensors, or to None for absent."""

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
    """d scalar / d input by name; zeros where the scalar does not depend on an input, which torch answers with None,
    or with a tensor of zeros that has no elements to read."""
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
    if isinstance(value, torch.Tensor):
        value = "_".join(map(str, value.flatten().tolist())) or "empty"
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "0d"
    return "absent" if value is None else str(value)


# ---- the operations that torch spells otherwise ----

def rnn(x, h0, w_ih, w_hh, b_ih, b_hh, relu, reverse):
    """The reverse direction alone, as the second half of a bidirectional layer would have it."""
    h0 = x.new_zeros(1, x.size(0), w_hh.size(0)) if h0 is None else h0
    weights = [w for w in (w_ih, w_hh, b_ih, b_hh) if w is not None]
    function = torch._VF.rnn_relu if relu else torch._VF.rnn_tanh
    y, hn = function(x.flip(1) if reverse else x, h0, weights, b_ih is not None, 1, 0.0, True, False, True)
    return y.flip(1) if reverse else y, hn


def embedding(index, weight, padding_idx):
    return F.embedding(index, weight, padding_idx if padding_idx >= 0 else None)


def stack(*xs_and_dim):
    return torch.stack(xs_and_dim[:-1], xs_and_dim[-1])


def cat(*xs_and_dim):
    return torch.cat(xs_and_dim[:-1], xs_and_dim[-1])


# ---- where inputs may lie ----

INF = float("inf")


def floats(*values):
    return torch.tensor(values, dtype=torch.float32).double()


def away_from_zero(x):
    return torch.where(x < 0, x - 0.5, x + 0.5)


def positive(x):
    return x.abs() + 0.5


def inside(x):
    return 0.9 * torch.tanh(x)


def off_steps(x):
    return torch.floor(x) + 0.1 + 0.35 * (x - torch.floor(x))


# ---- the cases ----

PAIRS = (((2, 3), (2, 3)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((), ()), ((2, 1, 3), (4, 1)),
         ((70,), (70,)))


def as_strided_scatter(x, src, dims, strides, offset):
    """torch.as_strided_scatter, whose own gradient reads uninitialised memory in PyTorch 1.13."""
    y = x.clone(memory_format=torch.contiguous_format)
    y.as_strided(dims, strides, offset).copy_(src)
    return y


def arithmetic():
    for a, b in PAIRS:
        for op in (torch.add, torch.sub, torch.mul):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=op is not torch.sub)
        for op in (torch.maximum, torch.minimum):
            yield Case(op.__name__, op, {"a": a, "b": b}, second=True)
        yield Case("div", torch.div, {"a": a, "b": b}, second=True).moved(b=away_from_zero)
        yield Case("pow", torch.pow, {"a": a, "b": b}, second=True).moved(a=positive)
    for shape in ((), (2, 3), (0, 3), (70,)):
        yield Case("neg", torch.neg, {"x": shape})
    for s in (float(np.float32(0.1)), -3.0, 0.0):
        yield Case("mul_scalar", torch.mul, {"x": (2, 3)}, s=s)
        yield Case("add_scalar", torch.add, {"x": (2, 3)}, s=s)
    yield Case("pow", torch.pow, {"a": floats(0, 0, 2, -2, 0, 1), "b": floats(0, 2, 0, 2, 1.5, -1)}, label="edges")
    for op in (torch.maximum, torch.minimum):
        yield Case(op.__name__, op, {"a": floats(0, -0.0, 2, -INF), "b": floats(0, 0, 2, -INF)}, label="edges")
    for shape, scale in (((), 1.0), ((2, 3), 0.3), ((70,), 4.0), ((0,), 1.0)):
        yield Case("tanh", torch.tanh, {"x": shape}, second=True, scale=scale)
    f64 = 1  # WK_F64
    yield Case("cast", lambda x, dtype: x.double(), {"x": (2, 3)}, second=True, dtype=f64)
    extremes = torch.tensor([0.0, -0.0, 1e-30, -1e-6, 9.0, -20.0, 100.0], dtype=torch.float32).double()
    yield Case("tanh", torch.tanh, {"x": extremes}, label="extremes", second=True)


def gelu(x, tanh):
    return F.gelu(x, approximate="tanh" if tanh else "none")


# Functions of one variable: where they have derivatives that are not too large, and values for the corners.
SIMPLE = {
    torch.exp: None, torch.expm1: None, torch.sin: None, torch.cos: None, torch.atan: None, torch.sinh: None,
    torch.cosh: None, torch.erf: None, torch.square: None, torch.sigmoid: None, F.silu: None,
    torch.log: "positive", torch.sqrt: "positive", torch.rsqrt: "positive", torch.log1p: "positive",
    torch.asin: "inside", torch.acos: "inside", torch.tan: "inside",
    torch.reciprocal: "away_from_zero", torch.abs: "away_from_zero", torch.sign: "away_from_zero",
    torch.round: "off_steps", torch.floor: "off_steps", torch.ceil: "off_steps", torch.relu: "away_from_zero",
}
WITH_NUMBERS = (
    ("pow_scalar", torch.pow, "positive", {"exponent": (2.0, -1.5, 0.0, 1.0, 0.5, 3.0)}),
    ("leaky_relu", F.leaky_relu, "away_from_zero", {"negative_slope": (0.25, 0.0)}),
    ("elu", F.elu, "away_from_zero", {"alpha": (1.0, 0.5)}),
    ("hardtanh", F.hardtanh, "off_steps", {"min_val": (-1.0, -2.0), "max_val": (1.0, 0.0)}),
    ("clamp", torch.clamp, "off_steps", {"min": (-1.0, -INF), "max": (1.0, 0.0)}),
    ("softplus", F.softplus, None, {"beta": (1.0, 2.0), "threshold": (20.0, 1.0)}),
    ("gelu", gelu, None, {"tanh": (0, 1)}),
)


def of_one_variable():
    corners = floats(0, -0.0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, 7)
    for function, domain in SIMPLE.items():
        move = {"x": globals()[domain]} if domain else {}
        for shape in ((), (2, 3), (0, 3), (37,)):
            yield Case(function.__name__, function, {"x": shape}, second=True).moved(**move)
        if domain not in ("positive", "inside", "away_from_zero") or function in (torch.abs, torch.sign, torch.relu):
            yield Case(function.__name__, function, {"x": corners}, label="corners")
    for name, function, domain, numbers in WITH_NUMBERS:
        for values in zip(*numbers.values()):
            attributes, move = dict(zip(numbers, values)), {"x": globals()[domain]} if domain else {}
            yield Case(name, function, {"x": (2, 3)}, second=True, **attributes).moved(**move)
            yield Case(name, function, {"x": (37,)}, **attributes).moved(**move)
            if domain != "positive" or values[0] > 1:
                yield Case(name, function, {"x": corners}, label="corners_" + "_".join(map(str, values)), **attributes)


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
    linear = F.linear
    for x, w, bias, second in (((3, 5), (4, 5), True, True), ((3, 5), (4, 5), False, True),
                               ((2, 3, 5), (4, 5), True, True), ((5,), (4, 5), True, False),
                               ((0, 5), (4, 5), True, False), ((1, 32), (1, 32), True, False)):
        yield Case("linear", linear, {"x": x, "w": w, "b": w[:1] if bias else None}, second=second)
    for shape in ((), (2, 3), (1, 20, 1)):
        yield Case("mse_loss", F.mse_loss, {"x": shape, "target": shape}, second=True)


def views():
    for shape, dim, index in (((2, 3, 4), 1, 0), ((2, 3, 4), -1, -1), ((2, 3, 4), 0, 1), ((5,), 0, -2)):
        yield Case("select", torch.select, {"x": shape}, dim=dim, index=index, second=True)
    for shape, dim, start, length in (((5,), 0, 1, 3), ((2, 4, 3), 1, -3, 2), ((2, 3), -1, 3, 0), ((0, 3), 0, 0, 0)):
        yield Case("narrow", torch.narrow, {"x": shape}, dim=dim, start=start, length=length, second=True)
    for shape, *at in (((7,), 0, 1, 7, 2), ((2, 7), 1, -6, -1, 3), ((4, 3), 0, -9, 99, 1), ((4, 3), -1, 2, 1, 1),
                       ((2, 3, 4), 1, 1, 2 ** 62, 2 ** 40)):
        yield Case("slice", torch.ops.aten.slice, {"x": shape}, second=True,
                   **dict(zip(("dim", "start", "end", "step"), at)))
    for shape, dims in (((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, -1, 1)), ((), ()), ((0, 3), (-1, 0))):
        yield Case("permute", torch.permute, {"x": shape}, dims=dims, second=True)
    for shape, offset, dim1, dim2 in (((3, 3), 0, 0, 1), ((2, 4), 1, 0, 1), ((4, 2), -2, -2, -1), ((2, 3, 4), 1, 2, 0),
                                      ((2, 3), 3, 0, 1), ((2, 3), -9, 0, 1), ((0, 3), 0, 0, 1)):
        yield Case("diagonal", torch.diagonal, {"x": shape}, offset=offset, dim1=dim1, dim2=dim2, second=True)
    for shape, dim, size, step in (((7,), 0, 3, 2), ((2, 5), 1, 2, 1), ((5, 2), 0, 5, 2 ** 40), ((5, 2), -2, 1, 3),
                                   ((3,), 0, 0, 1), ((2, 0), 1, 0, 1)):
        yield Case("unfold", torch.Tensor.unfold, {"x": shape}, dim=dim, size=size, step=step, second=True)
    for shape, start, end in (((2, 3, 4), 0, -1), ((2, 3, 4), 1, 2), ((2, 3), 1, 1), ((), 0, -1), ((0, 3), 0, 1)):
        yield Case("flatten", torch.flatten, {"x": shape}, start_dim=start, end_dim=end)
    for shape, dim, sizes in (((2, 6), 1, (3, 2)), ((2, 6), -1, (2, -1)), ((6, 2), 0, (1, 6)), ((0, 6), 1, (2, 3))):
        yield Case("unflatten", lambda x, dim, sizes: x.unflatten(dim, sizes), {"x": shape}, dim=dim, sizes=sizes)
    for shape, dim in (((2, 1, 3), 1), ((2, 1, 3), 0), ((1, 1), -1), ((), 0)):
        yield Case("squeeze", torch.squeeze, {"x": shape}, dim=dim)
    for shape, dim in (((2, 3), 1), ((2, 3), -1), ((2, 3), 0), ((), -1)):
        yield Case("unsqueeze", torch.unsqueeze, {"x": shape}, dim=dim)
    for shape in ((1, 2, 1, 3), (1, 1), (2, 3), ()):
        yield Case("squeeze_all", torch.squeeze, {"x": shape})
    for shape in ((2, 3), (2, 3, 4), (), (0, 2)):
        yield Case("contiguous", torch.Tensor.contiguous, {"x": shape})
        yield Case("clone", torch.clone, {"x": shape})
    for shape, dims, strides, offset in (((2, 4), (2,), (4,), 1), ((2, 3, 4), (2, 3), (12, 2), 3), ((5,), (), (), 4),
                                         ((6,), (3, 2), (1, 3), 0), ((4,), (0, 2), (1, 1), 2)):
        region = dict(dims=dims, strides=strides, offset=offset)
        yield Case("as_strided", torch.as_strided, {"x": shape}, second=True, **region)
        yield Case("as_strided_scatter", as_strided_scatter, {"x": shape, "src": dims}, second=True, **region)
    for shape, dims in (((2, 6), (3, 4)), ((2, 6), (-1,)), ((), (1, 1)), ((0, 3), (3, 0)), ((2, 3, 4), (6, -1))):
        yield Case("reshape", torch.reshape, {"x": shape}, dims=dims)
    for shape, dim0, dim1 in (((2, 3), 0, 1), ((2, 3, 4), 0, -1), ((2, 3, 4), 1, 1)):
        yield Case("transpose", torch.transpose, {"x": shape}, dim0=dim0, dim1=dim1)
    for shape, dims in (((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 3), (0, 3))):
        yield Case("expand", torch.Tensor.expand, {"x": shape}, dims=dims)
    for shape, count, dim in (((2, 1), 3, 1), ((2, 3), 2, 0), ((2, 3), 2, -1), ((), 4, 0), ((3,), 1, 1)):
        yield Case("stack", stack, {f"xs{i}": shape for i in range(count)}, dim=dim)
    for dim, *shapes in ((0, (2, 3), (1, 3)), (1, (2, 3), (2, 1), (2, 2)), (-1, (2,), (0,), (3,)), (0, (0,), (2, 3)),
                         (1, (2, 0, 3), (2, 2, 3)), (0, (0,), (0,)), (0, (4,))):
        yield Case("cat", cat, {f"xs{i}": shape for i, shape in enumerate(shapes)}, dim=dim, second=True)


def moves():
    for shape, dims in (((3,), (0,)), ((2, 3, 4), (0, -1)), ((2, 3), ()), ((), ()), ((0, 3), (0, 1))):
        yield Case("flip", torch.flip, {"x": shape}, dims=dims, second=True)
    for shape, shifts, dims in (((5,), (2,), (0,)), ((2, 3, 4), (1, -5), (0, -1)), ((3, 4), (1, 2, -9), (1, 0, 1)),
                                ((2, 3), (0,), (1,)), ((0, 3), (1, 1), (0, 1)), ((2, 2), (2 ** 62,), (0,))):
        yield Case("roll", torch.roll, {"x": shape}, shifts=shifts, dims=dims, second=True)
    for shape, repeats in (((2, 3), (1, 1)), ((3,), (4, 2)), ((2, 1, 3), (3, 2, 5)), ((), (3,)), ((), ()),
                           ((2, 3), (2, 0)), ((2, 0), (2, 2)), ((2,), (3, 1, 7))):
        yield Case("repeat", torch.Tensor.repeat, {"x": shape}, repeats=repeats, second=True)
    for op in (torch.tril, torch.triu):
        for shape, diagonal in (((3, 3), 0), ((2, 4), 1), ((4, 2), -1), ((2, 2, 3), 0), ((3, 3), 2 ** 40),
                                ((3, 3), -9), ((0, 3), 0), ((1, 0), 0)):
            yield Case(op.__name__, op, {"x": shape}, diagonal=diagonal, second=True)


def whole(*numbers, shape=None):
    x = torch.tensor(numbers, dtype=torch.int64)
    return x if shape is None else x.reshape(shape)


def indexing():
    for shape, dim, index in (((3, 4), 0, whole(2, 0, 2, 1, shape=(1, 4))), ((3, 4), 1, whole(3, 3, 0, shape=(3, 1))),
                              ((2, 3, 2), -2, whole(*[0, 1, 2, 2] * 2, shape=(2, 2, 2))), ((5,), 0, whole(4, 4, 1)),
                              ((), 0, whole(0, shape=())), ((2, 3), 1, whole(shape=(2, 0)))):
        yield Case("gather", lambda x, i, dim: x.gather(dim, i), {"x": shape, "index": index}, dim=dim, second=True,
                   label=label_word(index) + f"_of_{label_word(shape)}")
        add = {"x": shape, "index": index, "src": tuple(index.shape)}
        yield Case("scatter_add", lambda x, i, src, dim: x.scatter_add(dim, i, src), add, dim=dim, second=True)
    for shape, dim, index in (((3, 4), 0, whole(2, 0, 1, shape=(1, 3))), ((3, 4), 1, whole(3, 1, 0, shape=(3, 1))),
                              ((5,), 0, whole(4, 0)), ((2, 3), 0, whole(shape=(0, 3)))):
        put = {"x": shape, "index": index, "src": tuple(index.shape)}
        yield Case("scatter", lambda x, i, src, dim: x.scatter(dim, i, src), put, dim=dim, second=True)
    for shape, dim, index in (((3, 4), 0, whole(2, 0, 2)), ((3, 4), -1, whole(1, 1, 3, 0, 0)), ((4,), 0, whole(3)),
                              ((2, 3, 2), 1, whole(2, 0)), ((4, 2), 0, whole()), ((), 0, whole(0)),
                              ((20, 9), 0, whole(*range(19)))):
        yield Case("index_select", lambda x, i, dim: x.index_select(dim, i), {"x": shape, "index": index}, dim=dim,
                   second=True)
        source = tuple(torch.empty(shape).index_select(dim, index).shape)
        yield Case("index_add", lambda x, i, source, dim: x.index_add(dim, i, source),
                   {"x": shape, "index": index, "source": source}, dim=dim, second=True)
    for weight, index in (((5, 3), whole(4, 0, 4)), ((5, 3), whole(1, 2, 2, 2, shape=(2, 2))), ((3, 2), whole()),
                          ((4, 2), whole(3, shape=())), ((30, 17), whole(*[7, 29] * 4, shape=(2, 4)))):
        inputs = {"input": index, "weight": weight}
        yield Case("embedding", embedding, inputs, padding_idx=-1, second=True)
        padding = int(index.flatten()[-1]) if index.numel() > 0 else 0
        yield Case("embedding", embedding, inputs, padding_idx=padding, second=True,
                   label=f"padding_{label_word(index)}_{padding}")
    for shape, index in (((4, 3), whole(-1, 2, -1)), ((5,), whole(0, -5, 2, 2, shape=(2, 2))), ((3, 2), whole()),
                         ((3, 2, 2), whole(1, shape=()))):
        yield Case("index", lambda x, i: x[i], {"x": shape, "index": index}, second=True)
        for values in (tuple(index.shape) + shape[1:], shape[1:], ()):
            for accumulate in (0, 1) if len(set(index.flatten().tolist())) == index.numel() else (1,):
                yield Case("index_put", lambda x, i, v, accumulate: x.index_put((i,), v, bool(accumulate)),
                           {"x": shape, "index": index, "values": values}, accumulate=accumulate, second=True)
    for values in ((3., 1, 2, 1, 3, 0), (0.,), (), (2., float("nan"), -1, float("inf"), float("nan"), 2)):
        x = torch.tensor(values, dtype=torch.float64)
        for descending in (0, 1):
            yield Case("argsort", argsort, {"x": x}, dim=0, descending=descending)
    for shape, dim in (((7, 3), 0), ((2, 33), -1), ((), 0), ((2, 0), 1), ((0, 2), 1), ((2, 3, 2), 1), ((100,), 0)):
        x = torch.from_numpy(np.random.default_rng(3).integers(-4, 5, shape).astype(np.int64)).reshape(shape)
        yield Case("argsort", argsort, {"x": x.double()}, dim=dim, descending=0, label=f"ties_{label_word(shape)}")
        yield Case("argsort", argsort, {"x": x}, dim=dim, descending=1, label=f"whole_{label_word(shape)}")
        yield Case("nonzero", torch.nonzero, {"x": x}, label=f"whole_{label_word(shape)}")
        yield Case("nonzero", torch.nonzero, {"x": (x / 2).trunc().double()}, label=label_word(shape))
    for index, classes in ((whole(2, 0, 1), 4), (whole(2, 0, 1, 1, shape=(2, 2)), -1), (whole(), 3),
                           (whole(0, shape=()), 1)):
        yield Case("one_hot", torch.nn.functional.one_hot, {"index": index}, num_classes=classes)


def argsort(x, dim, descending):
    return torch.sort(x, dim=dim, descending=bool(descending), stable=True).indices


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
        for family in (arithmetic, of_one_variable, reductions, *torch_reductions.FAMILIES, products, views, moves,
                       indexing, normalization, recurrent):
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
