"""The rows of wick, as `wick ops --json` prints them, and the families of oracle/families that know them."""
import importlib
import json
import pkgutil
import subprocess
import types

import oracle.families


def families():
    """The modules, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(oracle.families.__path__))
    return {name: importlib.import_module(f"oracle.families.{name}") for name in names}


def rows(program):
    """Name -> names of inputs and outputs, whether the inputs are a list, and attributes: name -> kind."""
    table = json.loads(subprocess.run([program, "ops", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    return {row["name"]: types.SimpleNamespace(
        inputs=row["inputs"], is_list=row["variadic"], outputs=[f"y{k}" if k else "y" for k in range(row["outputs"])],
        attributes={a["name"]: a["kind"] for a in row["attributes"]}) for row in table}
