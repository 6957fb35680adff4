"""The rows of ops.def, and the families of oracle/families that have cases and samples for them."""
import importlib
import pkgutil
import re
import types

import oracle.families

LOSS_OPTIONS = {"reduction", "ignore_index", "beta", "label_smoothing"}  # of wk_loss_options in ops.h


def families():
    """The modules, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(oracle.families.__path__))
    return {name: importlib.import_module(f"oracle.families.{name}") for name in names}


def rows(path):
    """The rows of ops.def: name -> row."""
    found = re.findall(r'WK_OP\((\w+),\s*"[^"]*",\s*\(([^)]*)\)\)', open(path).read())
    return {name: row_of(parameters) for name, parameters in found}


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
