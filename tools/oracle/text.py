"""The files that tests/ops_file.c reads: text of words between blanks; a line that begins with # is a comment.

ARRAY is: NDIM DIM*NDIM VALUE*(product of the DIMs), row-major, values in exact hexadecimal.

    case OP LABEL
    attribute NAME i INTEGER            zero or more, in the order of the row's parameters
    attribute NAME f REAL
    attribute NAME d COUNT INTEGER*COUNT
    attribute NAME s WORD
    input NAME ARRAY                    in the order of the row's parameters; a list's tensors one after the other
    input NAME absent                   a NULL for an optional input
    output NAME ARRAY
    type NAME TYPE                      of an input or output that is not of the run's floating type, after its line:
                                        it has no gradient
    strides NAME STRIDE*NDIM            of an input that is not contiguous, after its line
    cotangent NAME ARRAY                of each differentiable output: L = sum over outputs of sum(cotangent * output)
    gradient NAME ARRAY                 of each differentiable input: dL/dinput
    weight NAME ARRAY                   with second order only, of each such input: g = sum(weight * gradient) ...
    second NAME ARRAY                   ... and dg/dinput, the cotangents held fixed
    refused REASON                      the call must fail: in place of everything from `output` on
    end
"""
import re

import torch

TYPES = {"f32": torch.float32, "f64": torch.float64, "i64": torch.int64, "i32": torch.int32, "u8": torch.uint8,
         "bool": torch.bool, "f16": torch.float16, "bf16": torch.bfloat16}
NAMES = {dtype: name for name, dtype in TYPES.items()}


def is_floating(x):
    return x is not None and x.is_floating_point()


def real_word(value):
    return re.sub(r"\.?0*p", "p", float(value).hex())


def array_words(x):
    return [x.dim(), *x.shape, *map(real_word, x.detach().flatten().tolist())]


def attribute_words(value):
    if isinstance(value, tuple):
        return ["d", len(value), *value]
    if isinstance(value, str):
        return ["s", value.replace(" ", "")]
    return ["i", value] if isinstance(value, int) else ["f", real_word(value)]


def tensor_lines(word, name, x, always_type=False):
    """The line of an input or output, and what there is to say of its type and strides."""
    if x is None:
        yield [word, name, "absent"]
        return
    yield [word, name, *array_words(x)]
    if always_type or not x.is_floating_point():
        yield ["type", name, NAMES[x.dtype]]
    if word == "input" and not x.is_contiguous() and x.numel() > 0:
        yield ["strides", name, *x.stride()]


def opening_lines(op, label, attributes, inputs):
    yield ["case", op, label]
    for name, value in attributes.items():
        yield ["attribute", name, *attribute_words(value)]
    for name, x in inputs.items():
        yield from tensor_lines("input", name, x)


def named(word, arrays):
    return ([word, name, *array_words(x)] for name, x in arrays.items())


def text_of(lines):
    return "".join(" ".join(map(str, line)) + "\n" for line in lines)


def label_word(value):
    if isinstance(value, torch.Tensor):
        value = "_".join(map(str, value.flatten().tolist())) or "empty"
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "0d"
    return "absent" if value is None else str(value)
