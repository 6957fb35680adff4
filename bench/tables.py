#!/usr/bin/env python3
"""Tables of what bench/run.sh and bench/peers.sh measured.

    tables.py BUILD [NAME ...]     prints those of these names, or all, from BUILD/bench.csv and BUILD/peers/peers.csv
"""
import csv
import math
import os
import sys

TASKS = {"tutorial": "T from 10, 20, 30", "any": "T from 1 to 60"}
WHATS = (("first", "first step, ms"), ("warm", "first 240 steps, ms"), ("steady", "then a step, us"),
         ("compiled", "graphs compiled"), ("memory", "memory, MB"))


def figure(value):
    """Three digits, and never an exponent; nothing for what was not measured."""
    if value is None:
        return ""
    if value == int(value):
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def ratio(a, b):
    """How many times b goes into a."""
    if a is None or b is None:
        return ""
    return f"{a / b:.0f}" if a / b >= 10 else f"{a / b:.2f}"


def read(build):
    """What was measured, by name; of a row that both files have, the one beside its peers."""
    values = {}
    for path in (os.path.join(build, "bench.csv"), os.path.join(build, "peers", "peers.csv")):
        if os.path.exists(path):
            with open(path, encoding="ascii") as rows:
                values.update((row["name"], float(row["value"])) for row in csv.DictReader(rows))
    return values


def markdown(head, rows):
    """A table without a row is none."""
    if not rows:
        return ""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


# ------------------------------------------------------------------------------------------------- graphs that change


def dynamic(values, task):
    """Peers at one task, the fastest first."""
    peers = sorted((value, name.split("/")[0]) for name, value in values.items() if name.endswith(f"/{task}/steady"))
    return [(peer, {what: values.get(f"{peer}/{task}/{what}") for what, _ in WHATS} | {
        "load": values.get(f"{peer}/{task}/cpu/wall", 0)}) for _, peer in peers]


def dynamic_table(values, task):
    rows = []
    for peer, told in dynamic(values, task):
        cells = [figure(told[what]) or "-" for what, _ in WHATS]
        rows.append([peer + (" (void: more than one thread)" if told["load"] > 1.05 else "")] + cells)
    return markdown([TASKS[task]] + [title for _, title in WHATS], rows)


def rates(values, kind):
    """Peers tell examples per second; bench/batch.c tells the time for one, in microseconds."""
    told = {name: value for name, value in values.items() if f" {kind}: " in name}
    for cell, words in (("", ""), ("_cell", ", an LSTM cell as one call")):
        for way in ("at_once", "batch", "by_hand"):
            name = f"{kind.removesuffix('s')}{cell}_{way}"
            if name in values:
                told[f"wick {kind}: {way.replace('_', ' ')}{words}"] = 1e6 / values[name]
    return sorted(((value, name) for name, value in told.items()), reverse=True)


def rates_table(values, kind):
    """Each rate beside the best of DyNet's."""
    told = rates(values, kind)
    best = max((value for value, name in told if name.startswith("dynet")), default=None)
    return markdown([kind, "examples/s", "of DyNet's best"],
                    [[name, figure(round(value)), ratio(value, best)] for value, name in told])


def batching_table(values):
    """How much of batching by hand, and how many times one call after another, a batch is worth."""
    rows = []
    for name, words in (("tree", "trees"), ("tagger", "tagger"), ("tagger_cell", "tagger, an LSTM cell as one call"),
                        ("chain_h8_t27", "a chain of 27, H 8"), ("chain_h128_t27", "a chain of 27, H 128"),
                        ("chain_h128_t1", "a chain of 1, H 128"), ("call_2000", "one call of half a microsecond")):
        batch = values.get(f"{name}_batch")
        if batch is not None:
            rows.append([words, figure(batch), ratio(values.get(f"{name}_at_once"), batch),
                         ratio(values.get(f"{name}_by_hand"), batch)])
    return markdown(["", "in a batch, us", "of at once", "of by hand"], rows)


# ------------------------------------------------------------------------------------------------------- wick's own


def recurrent_table(values):
    """Milliseconds, and how many times the layer's own products."""
    shapes = [name.removeprefix("rnn ") for name in values if name.startswith("rnn ") and f"{name} products" in values]
    rows = []
    for shape in shapes:
        row = [shape]
        for kind in ("rnn", "lstm", "gru"):
            layer, products = values.get(f"{kind} {shape}"), values.get(f"{kind} {shape} products")
            row += [figure(layer), ratio(layer, products)]
        rows.append(row)
    return markdown(["", "rnn", "", "lstm", "", "gru", ""], rows)


def beside_torch(values, names, head):
    rows = [[name, figure(values[name]), figure(values.get(f"torch {name}")),
             ratio(values.get(f"torch {name}"), values[name])] for name in names]
    return markdown(head, rows)


def layers_table(values):
    names = [name for name in values if name.startswith("lstm ") and f"torch {name}" in values]
    return beside_torch(values, names, ["LSTM layers, forward and backward", "wick, ms", "PyTorch, ms", "times"])


def networks_table(values):
    kinds = ("regression", "classification", "optimiser ", "q_learning")
    names = [name for name in values if name.startswith(kinds)]
    return beside_torch(values, names, ["step", "wick, us", "PyTorch, us", "times"])


def elements_table(values):
    """Two shapes side by side, wick and PyTorch in each."""
    rows = []
    for name in [name.removesuffix(" 32x1024") for name in values if name.endswith(" 32x1024")]:
        row = [name]
        for shape in ("32x1024", "1024x1024"):
            ours, theirs = values.get(f"{name} {shape}"), values.get(f"torch {name} {shape}")
            row += [f"{x:.2f}" if x is not None else "" for x in (ours, theirs)] + [ratio(theirs, ours)]
        if not name.startswith("torch "):
            rows.append(row)
    return markdown(["", "32x1024", "PyTorch", "times", "1024x1024", "PyTorch", "times"], rows)


def products_table(values):
    """wick over PyTorch, for the shapes that both have."""
    rows = {}
    for name, value in values.items():
        if name.startswith("matmul ") and f"torch {name}" in values:
            _, kind, shape = name.split()
            rows.setdefault(shape, {})[kind] = ratio(value, values[f"torch {name}"])
    return markdown(["wick over PyTorch", "NN", "NT", "TN"],
                    [[shape] + [row.get(kind, "") for kind in ("NN", "NT", "TN")] for shape, row in rows.items()])


# ----------------------------------------------------------------------------------------------------- the tutorial's

STEPS = (("op", "ns", "one op, forward + backward + build + free", "一个运算：前向、反向、建图、释放"),
         ("tutorial_ops", "us", "training step, every op per time step", "训练一步：每个时间步逐个运算"),
         ("tutorial_as_written", "us", "training step, as the tutorial writes it", "训练一步：照教程的写法"),
         ("tutorial_plan", "us", "the same, replayed by a plan", "同上，用计划重放"),
         ("tutorial_fused", "us", "training step, fused RNN and one linear", "训练一步：融合 RNN 加一个 linear"),
         ("infer_step", "ns", "one inference step, state carried", "推理一步，状态延续"),
         ("start", "ms", "process start to first gradient", "从进程启动到第一个梯度"))


def steps_table(values, language="en"):
    rows = []
    for name, unit, english, chinese in STEPS:
        told = [values.get(name)] + [values.get(f"{peer} {name}") for peer in ("dynet", "libtorch", "torch")]
        told.append(values.get("tutorial_floor") if name == "tutorial_fused" else None)
        rows.append([english if language == "en" else chinese] + [f"{figure(x)} {unit}" if x else "" for x in told])
    floor = "hand-written C, no graph" if language == "en" else "手写 C，没有图"
    return markdown(["", "wick", "DyNet", "libtorch", "PyTorch", floor], rows if "op" in values else [])


def times_table(values):
    """The same as multiples: of the floor, and how many times wick's each peer takes."""
    rows = []
    for name, unit, english, _ in STEPS:
        ours, floor = values.get(name), values.get("tutorial_floor") if name.startswith("tutorial") else None
        if ours is not None:
            rows.append([english, f"{figure(ours)} {unit}", ratio(ours, floor)] + [
                ratio(values.get(f"{peer} {name}"), ours) for peer in ("dynet", "libtorch", "torch")])
    return markdown(["", "wick", "floors", "times DyNet", "times libtorch", "times PyTorch"], rows)


TABLES = {
    "dynamic-tutorial": lambda values: dynamic_table(values, "tutorial"),
    "dynamic-any": lambda values: dynamic_table(values, "any"),
    "steps": steps_table,
    "steps-zh": lambda values: steps_table(values, "zh"),
    "times": times_table,
    "trees": lambda values: rates_table(values, "trees"),
    "tagger": lambda values: rates_table(values, "tagger"),
    "batching": batching_table,
    "recurrent": recurrent_table,
    "layers": layers_table,
    "products": products_table,
    "elements": elements_table,
    "networks": networks_table,
}


def main():
    unknown = [name for name in sys.argv[2:] if name not in TABLES]
    if len(sys.argv) < 2 or unknown:
        print(__doc__ + "\nNames: " + " ".join(TABLES), file=sys.stderr)
        return 2
    values = read(sys.argv[1])
    tables = [TABLES[name](values) for name in sys.argv[2:] or TABLES if name != "steps-zh"]
    print("\n" + "\n".join(table for table in tables if table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
