"""The cases of the families once more in whole numbers and bools, with what PyTorch makes of these types.

Small numbers for every row, and for results that are whole too also such as wrap round. What PyTorch refuses is left
out, and so is a number with a fraction beside whole numbers, of which it makes floating ones and wick nothing.
"""
import collections

import torch

from oracle.differences import WHOLE_OTHERWISE, WHOLE_REFUSED, reason_of_type
from oracle.text import TYPES, is_floating, opening_lines, tensor_lines

MOST_ELEMENTS = 40     # of the inputs of a case
MOST_CASES = 3         # of a row in one type
SIZES = {"small": 3, "large": {"i64": 1e6, "i32": 3e5, "u8": 100, "bool": 3}}


def whole(x, name, size, odd):
    """Floating numbers of a case as numbers of a type; `odd`: none of them 0."""
    if not is_floating(x):
        return x
    x = (x * size).round()
    x = 2 * x + 1 if odd else x
    return (x.abs() % 256 if name == "u8" else x).to(TYPES[name])


def plain_numbers(case):
    numbers = [v for v in case.attributes.values() if isinstance(v, float)]
    inputs = [x for x in case.inputs.values() if is_floating(x)]
    return (inputs and all(v.is_integer() for v in numbers) and all(torch.isfinite(x).all() for x in inputs)
            and sum(x.numel() for x in inputs) <= MOST_ELEMENTS)


def results(case, name, size):
    """Inputs and outputs by name; None where PyTorch refuses."""
    attributes = [int(v) if isinstance(v, float) else v for v in case.attributes.values()]
    for odd in (False, True):
        inputs = {key: whole(x, name, size, odd) for key, x in case.inputs.items()}
        try:
            outputs = case.function(*inputs.values(), *attributes)
        except RuntimeError as error:
            if "ZeroDivision" in str(error):
                continue
            return None
        return inputs, dict(zip(case.outputs, outputs if isinstance(outputs, tuple) else (outputs,)))


def lines_of(case, name, kind):
    size = SIZES[kind] if kind == "small" else SIZES[kind][name]
    found = results(case, name, size) if not reason_of_type(WHOLE_OTHERWISE, case.op, name) else None
    if found is None or kind == "large" and any(map(is_floating, found[1].values())):
        return None
    inputs, outputs = found
    lines = list(opening_lines(case.op, f"{case.label[:90]}_{name}_{kind}", case.attributes, inputs))
    refused = reason_of_type(WHOLE_REFUSED, case.op, name)
    if refused:
        return [*lines, ["refused", refused.replace(" ", "_")], ["end"]]
    for key, y in outputs.items():
        lines += tensor_lines("output", key, y, always_type=True)
    return [*lines, ["end"]]


def cases(family):
    """The lines of every case."""
    count = collections.Counter()
    for case in filter(plain_numbers, family.cases()):
        for name in ("i64", "i32", "u8", "bool"):
            for kind in SIZES:
                key = case.op, name, kind
                lines = lines_of(case, name, kind) if count[key] < MOST_CASES else None
                if lines is not None:
                    count[key] += 1
                    yield lines
