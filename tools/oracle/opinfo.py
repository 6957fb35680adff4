"""PyTorch's samples (OpInfo) as calls of rows.

SAMPLES of a family has the calls: wick's rows, OpInfo's name (with /variant where there are several; "=": the row's;
"nn.": that in nn.functional), and the arguments of torch's function in their order. A tensor becomes the row's next
input, a list of tensors the next ones, anything else the attribute of this name.

    name=value        this value is the attribute's default and not given
    name:other        the row calls it `other`, if it has that; else `name`
    name:0            input 0 of the row, or absent
    name!             samples without it are left out; name!=value: and those with another value
    name*             it makes no difference

A sample is left out when it gives an attribute that the row lacks, or a number where the row takes a tensor. Its
numbers are rounded to float32.
"""
import collections
import re
import sys
import types
import unittest
import zlib

import numpy as np
import torch

from oracle.case import gradient_of
from oracle.differences import REFUSED, TAKEN, WORSE, reason
from oracle.families.views import as_strided_scatter
from oracle.text import NAMES, named, opening_lines, tensor_lines

# What torch.testing wants of a module that Debian does not pack with it.
sys.modules.setdefault("expecttest", types.SimpleNamespace(ACCEPT=False, TestCase=unittest.TestCase))
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

MOST_NUMBERS = 5000     # of one case; larger samples are left out
TOO_LARGE = "larger than the files take"
WORDS = {"none": 0, "mean": 1, "sum": 2, "tanh": 1}  # a row has numbers


class LeftOut(Exception):
    """The row has no words for a sample; the message says why."""


def calls(tables):
    """SAMPLES of all families as: row -> pairs of an OpInfo and torch's arguments."""
    infos = {f"{info.name}/{info.variant_test_name}".rstrip("/"): info for info in op_db}
    found = collections.defaultdict(list)
    for names, torch_name, words in re.findall(r"^ +(\S.*?) {2,}(\S+) {2,}(.+)$", "".join(tables), re.M):
        for name in names.split():
            full = re.sub(r"^(=|nn\.$)", lambda m: name if m[0] == "=" else "nn." + name, torch_name)
            full = re.sub(r"^nn\.", "nn.functional.", full)
            if full in infos:
                found[name].append((infos[full], words))
            else:
                print(f"OpInfo has no {full}", file=sys.stderr)
    return found


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

def attribute_value(value, kind):
    if kind == "string":
        return value
    if isinstance(value, torch.Tensor) and value.dim() == 0 and not value.is_floating_point():
        value = value.item()
    if isinstance(value, str) and value in WORDS:
        value = WORDS[value]
    if kind == "dims":
        value = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        good = all(isinstance(v, int) and not isinstance(v, bool) for v in value) and len(value) <= 8
    else:
        good = isinstance(value, (int, float))
    if not good:
        raise LeftOut("an argument that no attribute can hold")
    return int(value) if isinstance(value, bool) else value


def indices_of(value):
    """Tensors of indices that are written as lists: one, or, by NumPy's old rule, a list of several."""
    if value and all(type(x) is int for x in value):
        return [torch.tensor(value)]
    return [torch.tensor(x) if isinstance(x, list) and all(type(i) is int for i in x) else x for x in value]


class Call:
    """A sample as a call of a row: inputs by name, None where absent, and attributes."""

    def __init__(self, name, row, sample, words):
        self.name, self.row, self.sample = name, row, sample
        self.placed, self.attributes = {}, {}
        specs = [re.fullmatch(r"(\w+)(?::(\w+))?([!*])?(?:=(\S+))?", word).groups() for word in words.split()]
        given = sample.named([spec[0] for spec in specs])
        for torch_name, other, mark, default in specs:
            if torch_name in given and mark != "*" and str(given[torch_name]) != default:
                self.take(torch_name, other or "", given[torch_name])
            elif mark == "!" and torch_name not in given:
                raise LeftOut(f"no {torch_name}")
        self.inputs = {input_name: self.placed.get(i) for i, input_name in enumerate(self.input_names())}
        if any(x is not None and x.dim() > 8 for x in self.inputs.values()) or len(self.inputs) > 8:
            raise LeftOut("more than 8 inputs or dimensions")

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
        if self.row.is_list and isinstance(value, list):
            value = indices_of(value)
        if isinstance(value, tuple) and len(value) == 1 and not self.row.is_list:
            value = value[0]
        tensors = value if isinstance(value, (list, tuple)) and self.row.is_list else [value]
        if any(not isinstance(x, (torch.Tensor, type(None))) for x in tensors):
            raise LeftOut(f"{torch_name} is no tensor, and no attribute")
        for x in tensors:
            self.placed[int(other) if other else max(self.placed, default=-1) + 1] = x

    def opening(self):
        for x in self.inputs.values():
            if x is not None and x.dtype not in NAMES:
                raise LeftOut(f"no type {x.dtype}")
        return opening_lines(self.name, self.sample.label, self.attributes, self.inputs)

    def refused_lines(self, why):
        yield from self.opening()
        yield ["refused", re.sub(r"\s+", "_", why.strip())[:100] or "by_torch"]
        yield ["end"]

    def lines(self):
        yield from self.opening()
        outputs = self.sample.run()
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        outputs = dict(zip(self.row.outputs, outputs))
        numbers = np.random.default_rng(zlib.crc32(self.sample.label.encode()))
        # Few digits, for short files; no zeros, so that no gradient goes unseen.
        cotangents = {name: torch.from_numpy(np.array((2 * numbers.integers(-32, 32, tuple(y.shape)) + 1) / 32))
                      for name, y in outputs.items() if y.requires_grad}
        for name, y in outputs.items():
            yield from tensor_lines("output", name, y, always_type=self.name == "cast")
        yield from named("cotangent", cotangents)
        if cotangents:
            loss = sum((cotangents[name] * outputs[name]).sum() for name in cotangents)
            yield from named("gradient", gradient_of(loss, {name: x for name, x in self.inputs.items()
                                                            if x is not None and x.requires_grad}))
        yield ["end"]


def written(sample):
    """expand as a write into a tensor of the new shape."""
    y = torch.zeros(sample.run().shape, dtype=torch.float64)
    sample.op, sample.input, sample.arguments = (lambda y, x: y.clone().copy_(x)), y, [sample.input]


def scaled(sample):
    """index_add without alpha: the source is multiplied by it."""
    *before, source = sample.arguments
    source = (sample.keywords.pop("alpha", 1) * source.detach()).float().double().requires_grad_(source.requires_grad)
    sample.arguments = [*before, source]


def scattered(sample):
    """as_strided_scatter by a function whose gradient is right."""
    def op(x, src, size, stride, storage_offset=0):
        return as_strided_scatter(x, src, size, stride, storage_offset)
    sample.op = op


ADAPTED = {"copy_": written, "index_add": scaled, "as_strided_scatter": scattered}


def lines_of(name, row, label, op, raw, words):
    """The lines of a sample; LeftOut where there can be none."""
    sample = Sample(op, raw, label)
    if name in ADAPTED:
        ADAPTED[name](sample)
    call = Call(name, row, sample, words)
    if name == "cast":  # torch has a function for each type
        call.attributes["dtype"] = list(NAMES).index(sample.run().dtype)
    if reason(WORSE, call):
        raise LeftOut(reason(WORSE, call))
    try:
        lines = list(call.lines())
        if "/error" in label:
            raise LeftOut("an error of float32 or of another type alone")
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        if "/error" not in label:
            raise
        if reason(TAKEN, call):
            raise LeftOut(reason(TAKEN, call)) from error
        return list(call.refused_lines(str(error).splitlines()[0]))
    return list(call.refused_lines(reason(REFUSED, call))) if reason(REFUSED, call) else lines
