#!/usr/bin/env python3
"""Write tests/data/opinfo/ROW.txt: PyTorch's own test samples (OpInfo) of every operation that wick has too.

Usage: torch_opinfo.py INCLUDE/WICK FOLDER        needs python3-torch; made with 1.13

A sample gives shapes, strides, arguments and numbers; PyTorch's float64 gives results and gradients. The format is that
of torch_ops.py, with four more lines:

    strides NAME STRIDE*NDIM            of an input that is not contiguous, after its line
    type NAME TYPE                      of an input or output that is not floating, after its line
    refused REASON                      the call must fail; what is refused by wick alone stands in DIFFERENCES
    output, cotangent, gradient         only where there is one: not every output is differentiable, nor every input

Inputs are rounded to float32. A file begins with what was left out of it, and why. Rows of ROWS that ops.def does not
have are printed as left out.
"""
import collections
import os
import random
import re
import sys
import types
import unittest
import warnings
import zlib

import numpy as np
from torch_ops import array_words, attribute_words, gradient_of, named, rows, torch

# What torch.testing wants of a module that Debian does not pack with it.
sys.modules.setdefault("expecttest", types.SimpleNamespace(ACCEPT=False, TestCase=unittest.TestCase))
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

MOST_NUMBERS = 1700     # of one case; larger samples are left out
MOST_BYTES = 32_000     # of one file
TOO_LARGE = "larger than the files take"
MOST_ALIKE = 2          # samples of the same shapes, strides and attributes

# The calls: wick's rows, OpInfo's name (with /variant where there are several; "=": the row's; "nn.": that in
# nn.functional), and the arguments of torch's function in their order. A tensor becomes the row's next input, a list of
# tensors the next ones, anything else the attribute of this name.
#
#     name=value        this value is the attribute's default and not given
#     name:other        the row calls it `other`, if it has that; else `name`
#     name:0            input 0 of the row, or absent
#     name!             samples without it are left out
#
# A sample is left out when it gives an attribute that the row lacks, or a number where the row takes a tensor.
ROWS = """
    add                        =                        a b alpha=1
    sub                        =                        a b alpha=1
    mul                        =                        a b
    div                        =/no_rounding_mode       a b
    pow                        =                        a b
    add_scalar                 add                      x s alpha=1
    sub_scalar                 sub                      x s alpha=1
    mul_scalar                 mul                      x s
    div_scalar                 div/no_rounding_mode     x s
    pow_scalar                 pow                      x s
    neg abs sign exp log sqrt rsqrt square  =           x
    floor ceil round clone contiguous  =                        x
    sin cos tan asin acos atan sinh cosh tanh  =        x
    erf expm1 log1p sigmoid reciprocal  =               x
    relu silu                  nn.                      x
    leaky_relu                 nn.                      x negative_slope
    elu                        nn.                      x alpha
    gelu                       nn.                      x approximate=none
    softplus                   nn.                      x beta threshold
    hardtanh                   nn.                      x min_val max_val
    unsqueeze softmax log_softmax cumsum cumprod  =                        x dim dtype=torch.float64
    logsumexp                  =                        x dim:dims keepdim=False
    eq ne lt le gt ge maximum minimum  =                        a b
    where                      =                        x:1 condition:0 y:2
    clamp                      =                        x:0 min:1 max:2
    sum mean amax amin         =                        x dim:dims keepdim=False
    prod                       =                        x dim:dims keepdim=False dtype=torch.float64
    max min                    =/reduction_with_dim     x dim keepdim=False
    argmax argmin any all      =                        x dim keepdim=False
    var std                    =                        x dim:dims unbiased=True keepdim=False correction=1
    norm                       linalg.vector_norm       x ord:p dim:dims keepdim=False
    matmul mm bmm dot outer    =                        a b
    matmul                     mm                       a b
    addmm                      =                        x a b beta=1 alpha=1
    linear                     nn.                      x w b
    cat stack                  =                        xs dim=0
    roll                       =                        x shifts dims
    repeat flip permute expand reshape  =               x dims
    tril triu                  =                        x diagonal
    reshape                    view                     x dims
    select                     =                        x dim index
    narrow                     =                        x dim start length
    transpose                  =                        x dim0 dim1
    squeeze                    =                        x dim!
    squeeze_all                squeeze                  x
    flatten                    =                        x start_dim end_dim
    diagonal                   =                        x offset dim1 dim2
    unfold                     =                        x dim size step
    index_select gather scatter scatter_add  =                        x dim index src
    take_along_dim             =                        x index dim
    masked_fill                =                        x mask value
    masked_select              =                        x mask
    one_hot                    nn.                      x num_classes
    nonzero                    =                        x as_tuple=False
    sort                       =                        x dim descending stable
    topk                       =                        x k dim largest sorted
    mse_loss l1_loss           nn.                      x target reduction=mean
    smooth_l1_loss             nn.                      x target beta reduction=mean
    huber_loss                 nn.                      x target delta reduction=mean
    nll_loss                   nn.                      x target weight ignore_index reduction=mean
    cross_entropy              nn.                      x target weight ignore_index label_smoothing reduction=mean
    bce                        nn.binary_cross_entropy  x target weight reduction=mean
    bce_with_logits            nn.binary_cross_entropy_with_logits  x target weight reduction=mean pos_weight
    layer_norm                 nn.                      x dims weight bias eps
    copy_                      expand                   y x
"""

# What torch takes and wick refuses, on purpose: row, which calls, why. The test holds wick to it, so an entry that is
# out of date fails and has to go.
DIFFERENCES = (
    ("transpose", lambda call: any(x.dim() == 0 for x in call.inputs.values()), "a 0-d tensor has no dimension 0"),
    ("gather", lambda call: call.inputs["x"].dim() != call.inputs["index"].dim(),
     "x and index have one number of dimensions, also where x is 0-d"),
    ("gather", lambda call: call.inputs["index"].dtype != torch.int64, "indices are i64"),
    ("expand", lambda call: -1 in call.attributes["dims"], "sizes are given in full, never as -1"),
)

# Where torch's own number is worse than wick's: row, which calls, why.
WORSE = (
    ("silu", lambda call: torch.isinf(call.inputs["x"]).any(), "silu of -infinity is 0, which torch has as NaN"),
    ("layer_norm", lambda call: call.inputs["x"].numel() > 0 and np.prod(call.attributes["dims"]) == 1,
     "one element less its mean is 0, which torch has with the mean's rounding"),
)

# Rows some of whose samples differ (NaN and infinities, 0-d, f32 near a pole, p of the norm rounded to f32, optional
# weights), and nobody has judged yet how each should: they are not written.
UNJUDGED = {"acos", "asin", "cross_entropy", "elu", "hardtanh", "nll_loss", "norm", "relu", "roll", "unfold"}

WORDS = {"none": 0, "mean": 1, "sum": 2, "tanh": 1}  # a row has numbers


class LeftOut(Exception):
    """The row has no words for a sample; the message says why."""


def row_of(parameters):
    """A row's parameters: names of its inputs and outputs, and attributes: name -> is a shape."""
    row = types.SimpleNamespace(inputs=[], outputs=["y"], attributes={}, is_list="wk_list" in parameters)
    for kind, name in re.findall(r"([^,]*?)(\w+)(?:,|$)", parameters):
        if "**" in kind:
            row.outputs.append(name)
        elif "*" in kind and "int64_t" not in kind:
            row.inputs.append(name)
        else:
            row.attributes[name] = "*" in kind
    return row


def wick_types(path):
    names = re.findall(r"\bX\(with, \w+, (\w+)", open(path).read())
    known = {"f64": torch.float64, "i64": torch.int64, "i32": torch.int32, "u8": torch.uint8, "bool": torch.bool}
    return {known[name]: name for name in names if name in known}


# ---- samples ----

def settled(value):
    """A tensor of a sample as float64, its numbers rounded to float32, its strides as they were."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(settled, value))
    if not isinstance(value, torch.Tensor):
        return value
    if value.numel() > MOST_NUMBERS:
        raise LeftOut(TOO_LARGE)
    flat = torch.tensor([], dtype=value.dtype).set_(value.detach().storage())
    flat = flat.float().double() if value.is_floating_point() else flat.clone()
    flat = flat.as_strided(value.shape, value.stride(), value.storage_offset())
    return flat.requires_grad_(value.requires_grad)


class Sample:
    def __init__(self, op, sample, label):
        self.op, self.label = op, label
        self.input, self.arguments = settled(sample.input), [settled(a) for a in sample.args]
        self.keywords = {name: settled(a) for name, a in sample.kwargs.items()}

    def run(self):
        return self.op(self.input, *self.arguments, **self.keywords)

    def named(self, names):
        """torch's arguments by name."""
        values = [self.input, *self.arguments]
        if len(values) > len(names) or not set(self.keywords) <= set(names):
            raise LeftOut("arguments without a counterpart")
        return {**dict(zip(names, values)), **self.keywords}


def samples_of(info, name):
    """The samples of an OpInfo, then its reference inputs, which have odder strides and numbers."""
    sources = [("sample", info.sample_inputs)]
    dtype = torch.float64 if torch.float64 in info.dtypes else torch.int64
    if info.reference_inputs_func is not None:
        sources.append(("reference", info.reference_inputs))
    for kind, source in sources:
        try:
            samples = list(source("cpu", dtype, requires_grad=dtype.is_floating_point))
        except ValueError:  # some of its inputs are integers, which can ask for no gradient
            samples = list(source("cpu", dtype, requires_grad=False))
        for i, sample in enumerate(samples):
            yield f"{name}/{kind}{i}", sample
    for i, error in enumerate(info.error_inputs("cpu") if info.error_inputs_func else ()):
        yield f"{name}/error{i}", error.sample_input


# ---- calls ----

def attribute_value(value, is_shape):
    if isinstance(value, torch.Tensor) and value.dim() == 0 and not value.is_floating_point():
        value = value.item()
    if isinstance(value, str) and value in WORDS:
        value = WORDS[value]
    if is_shape:
        value = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        good = all(isinstance(v, int) and not isinstance(v, bool) for v in value) and len(value) <= 8
    else:
        good = isinstance(value, (int, float))
    if not good:
        raise LeftOut("an argument that no attribute can hold")
    return int(value) if isinstance(value, bool) else value


class Call:
    """A sample as a call of a row: inputs by name, None where absent, and attributes."""

    def __init__(self, name, row, sample, words):
        self.name, self.row, self.sample = name, row, sample
        self.placed, self.attributes = {}, {}
        specs = [re.fullmatch(r"(\w+)(?::(\w+))?(!)?(?:=(\S+))?", word).groups() for word in words.split()]
        given = sample.named([spec[0] for spec in specs])
        for torch_name, other, needed, default in specs:
            if torch_name in given and str(given[torch_name]) != default:
                self.take(torch_name, other or "", given[torch_name])
            elif needed:
                raise LeftOut(f"no {torch_name}")
        self.inputs = {input_name: self.placed.get(i) for i, input_name in enumerate(self.input_names())}

    def input_names(self):
        count = max(self.placed, default=-1) + 1
        if self.row.is_list:
            return [f"xs{i}" for i in range(count)]
        if count > len(self.row.inputs):
            raise LeftOut("more tensors than the row takes")
        return self.row.inputs

    def take(self, torch_name, other, value):
        name = other if other in self.row.attributes else torch_name
        if name in self.row.attributes and not other.isdigit():
            if value is not None:
                self.attributes[name] = attribute_value(value, self.row.attributes[name])
            return
        tensors = value if isinstance(value, (list, tuple)) and self.row.is_list else [value]
        if any(not isinstance(x, (torch.Tensor, type(None))) for x in tensors):
            raise LeftOut(f"{torch_name} is no tensor, and no attribute")
        for x in tensors:
            self.placed[int(other) if other else max(self.placed, default=-1) + 1] = x

    def difference(self):
        return next((why for name, applies, why in DIFFERENCES if name == self.name and applies(self)), None)

    def opening(self, known_types):
        yield ["case", self.name, self.sample.label]
        for name, value in self.attributes.items():
            yield ["attribute", name, *attribute_words(value)]
        for name, x in self.inputs.items():
            yield ["input", name, *(["absent"] if x is None else array_words(x))]
            if x is not None:
                yield from type_line(name, x, known_types)
                if not x.is_contiguous() and x.numel() > 0:
                    yield ["strides", name, *x.stride()]

    def refused_lines(self, known_types, reason):
        yield from self.opening(known_types)
        yield ["refused", re.sub(r"\s+", "_", reason.strip())[:100] or "by_torch"]
        yield ["end"]

    def lines(self, known_types):
        yield from self.opening(known_types)
        outputs = self.sample.run()
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        outputs = dict(zip(self.row.outputs, outputs))
        numbers = np.random.default_rng(zlib.crc32(self.sample.label.encode()))
        # Few digits, for short files; no zeros, so that no gradient goes unseen.
        cotangents = {name: torch.from_numpy(np.array((2 * numbers.integers(-32, 32, tuple(y.shape)) + 1) / 32))
                      for name, y in outputs.items() if y.requires_grad}
        for name, y in outputs.items():
            yield ["output", name, *array_words(y)]
            yield from type_line(name, y, known_types)
        yield from named("cotangent", cotangents)
        if cotangents:
            loss = sum((cotangents[name] * outputs[name]).sum() for name in cotangents)
            yield from named("gradient", gradient_of(loss, {name: x for name, x in self.inputs.items()
                                                            if x is not None and x.requires_grad}))
        yield ["end"]


def type_line(name, x, known_types):
    if x.dtype not in known_types:
        raise LeftOut(f"no type {x.dtype}")
    if not x.is_floating_point():
        yield ["type", name, known_types[x.dtype]]


def written(sample):
    """expand as a write into a tensor of the new shape."""
    y = torch.zeros(sample.run().shape, dtype=torch.float64)
    sample.op, sample.input, sample.arguments = (lambda y, x: y.clone().copy_(x)), y, [sample.input]


def lines_of(name, row, label, op, raw, words, known_types):
    sample = Sample(op, raw, label)
    if name == "copy_":
        written(sample)
    call = Call(name, row, sample, words)
    if any(x is not None and x.dim() > 8 for x in call.inputs.values()) or len(call.inputs) > 8:
        raise LeftOut("more than 8 inputs or dimensions")
    for row_name, applies, why in WORSE:
        if row_name == name and applies(call):
            raise LeftOut(why)
    try:
        lines = list(call.lines(known_types))
        if "/error" in label:
            raise LeftOut("an error of float32 or of another type alone")
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        if "/error" not in label:
            raise
        return list(call.refused_lines(known_types, str(error).splitlines()[0]))
    reason = call.difference()
    return list(call.refused_lines(known_types, reason)) if reason else lines


# ---- files ----

def shape_of_case(lines):
    """What makes two cases alike: shapes, strides and attributes."""
    return str([line[:3 + line[2]] if line[0] == "input" and line[2] != "absent" else line for line in lines[1:]
                if line[0] in ("input", "strides", "attribute", "refused")])


def candidates(name, row, calls, known_types, left_out):
    """The texts of all cases, but for those like others."""
    alike = collections.Counter()
    for info, words in calls:
        for variable in (torch.manual_seed, np.random.seed, random.seed):
            variable(zlib.crc32(name.encode()))
        label = info.name + ("." + info.variant_test_name).rstrip(".")
        for label, raw in samples_of(info, label):
            try:
                lines = lines_of(name, row, label, info.op, raw, words, known_types)
                shape = shape_of_case(lines)
                alike[shape] += 1
                if alike[shape] > MOST_ALIKE:
                    raise LeftOut("like others")
                if sum(map(len, lines)) > MOST_NUMBERS:
                    raise LeftOut(TOO_LARGE)
            except LeftOut as reason:
                left_out[str(reason)] += 1
            else:
                yield "".join(" ".join(map(str, line)) + "\n" for line in lines)


def cases_of(*arguments):
    """As many as fit: the shortest, which have the odd shapes and strides."""
    size, left_out = 0, arguments[-1]
    for text in sorted(candidates(*arguments), key=len):
        size += len(text)
        if size > MOST_BYTES:
            left_out[TOO_LARGE] += 1
        else:
            yield text


def calls():
    """ROWS as: row -> pairs of an OpInfo and torch's arguments."""
    infos = {f"{info.name}/{info.variant_test_name}".rstrip("/"): info for info in op_db}
    found = collections.defaultdict(list)
    for line in ROWS.strip().splitlines():
        names, torch_name, words = re.split(r" {2,}", line.strip())
        for name in names.split():
            full = re.sub(r"^(=|nn\.$)", lambda m: name if m[0] == "=" else "nn." + name, torch_name)
            full = re.sub(r"^nn\.", "nn.functional.", full)
            if full in infos:
                found[name].append((infos[full], words))
            else:
                print(f"OpInfo has no {full}", file=sys.stderr)
    return found


def main():
    include, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    table, known_types, missing, count = rows(f"{include}/ops.def"), wick_types(f"{include}/base.h"), [], 0
    os.makedirs(folder, exist_ok=True)
    for name, pairs in calls().items():
        if name in UNJUDGED:
            continue
        if name not in table:
            missing.append(name)
            continue
        left_out = collections.Counter()
        cases = list(cases_of(name, row_of(table[name]), pairs, known_types, left_out))
        count += len(cases)
        with open(f"{folder}/{name}.txt", "w") as file:
            print(f"# {len(cases)} samples, made by tools/torch_opinfo.py with PyTorch {torch.__version__}", file=file)
            for reason, times in sorted(left_out.items()):
                print(f"# left out: {times}, {reason}", file=file)
            file.writelines(cases)
    print(f"{count} samples; no row for: {' '.join(missing) or 'none left out'}", file=sys.stderr)


if __name__ == "__main__":
    main()
