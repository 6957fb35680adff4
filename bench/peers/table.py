#!/usr/bin/env python3
"""Makes tables and a picture of the rows that bench/peers.sh measured.

    table.py CSV DIR     prints the tables; writes DIR/peers.md and DIR/peers.svg
"""
import csv
import math
import os
import sys
from html import escape

TASKS = {"tutorial": "T from 10, 20, 30", "any": "T from 1 .. 60"}
WHATS = (("first", "first step, ms"), ("warm", "first 240 steps, ms"), ("steady", "then a step, us"),
         ("compiled", "graphs compiled"), ("memory", "memory, MB"))
RATES = ("trees", "tagger")


def figure(value):
    """Three digits, and never an exponent."""
    if value == int(value):
        return f"{value:,.0f}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def read(path):
    with open(path, encoding="ascii") as rows:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(rows)}


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def dynamic(values, task):
    """Peers at one task, the fastest first."""
    peers = sorted((value, name.split("/")[0]) for name, value in values.items() if name.endswith(f"/{task}/steady"))
    return [(peer, {what: values.get(f"{peer}/{task}/{what}") for what, _ in WHATS} | {
        "load": values.get(f"{peer}/{task}/cpu/wall", 0)}) for _, peer in peers]


def dynamic_table(values, task):
    rows = []
    for peer, told in dynamic(values, task):
        cells = ["-" if told[what] is None else figure(told[what]) for what, _ in WHATS]
        rows.append([peer + (" (void: more than one thread)" if told["load"] > 1.05 else "")] + cells)
    return markdown([TASKS[task]] + [title for _, title in WHATS], rows)


def rates_table(values, kind):
    """Peers tell examples per second; bench/batch.c tells the time for one, in microseconds."""
    rates = {name: value for name, value in values.items() if f" {kind}: " in name}
    for cell, told in (("", ""), ("_cell", ", an LSTM cell as one call")):
        for way in ("at_once", "batch", "by_hand"):
            name = f"{kind.removesuffix('s')}{cell}_{way}"
            if name in values:
                rates[f"wick {kind}: {way.replace('_', ' ')}{told}"] = 1e6 / values[name]
    rows = sorted(((value, name) for name, value in rates.items()), reverse=True)
    return markdown([kind, "examples/s"], [[name, figure(round(value))] for value, name in rows])


def layers_table(values):
    rows = [[name, figure(value), figure(values[f"torch {name}"]), f"{values[f'torch {name}'] / value:.1f}"]
            for name, value in values.items() if name.startswith("lstm ") and f"torch {name}" in values]
    return markdown(["LSTM layers, forward and backward", "wick, ms", "PyTorch, ms", "times"], rows)


# ----------------------------------------------------------------------------------------------------------- picture

WIDTH, LEFT, RIGHT, TOP, ROW = 960, 230, 40, 112, 26
INK, FAINT, GRID, STEADY, WARM = "#1f2a37", "#5b6b7d", "#e5e7eb", "#2a9d8f", "#c9553d"


def text(x, y, words, size=13, fill=INK, anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">'
            f"{escape(words)}</text>")


def line(x1, y1, x2, y2, colour, width=1):
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def dot(x, y, colour, radius=5):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>'


def duration(us):
    for limit, unit in ((1e3, "us"), (1e6, "ms"), (math.inf, "s")):
        if us < limit:
            return f"{us / limit * 1e3 if limit < math.inf else us / 1e6:.0f} {unit}"
    return ""


def picture(values, task="any"):
    """Two dots for each peer: a step once all is compiled, and the mean of the first 240. Between them lies waiting."""
    rows = dynamic(values, task)
    spans = [(peer, told["steady"], told["warm"] * 1e3 / 240) for peer, told in rows]
    low = math.floor(math.log10(min(min(steady, warm) for _, steady, warm in spans)))
    high = math.ceil(math.log10(max(max(steady, warm) for _, steady, warm in spans)))
    height = TOP + ROW * len(spans) + 56

    def at(us):
        return LEFT + (math.log10(us) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           'font-family="DejaVu Sans, sans-serif">',
           f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           text(28, 40, "A training step whose length changes every time", 21),
           text(28, 62, f"{TASKS[task]}, drawn anew for each step; one thread; microseconds on a log scale", 13, FAINT),
           dot(34, 86, STEADY), text(46, 90, "a step, once all is compiled"),
           dot(254, 86, WARM), text(266, 90, "the mean of the first 240 steps")]
    for power in range(low, high + 1):
        x = at(10**power)
        out += [line(x, TOP - 8, x, height - 48, GRID), text(x, height - 28, duration(10**power), 12, FAINT, "middle")]
    for i, (peer, steady, warm) in enumerate(spans):
        y = TOP + ROW * i + 8
        is_ours = peer.startswith("wick")
        out += [text(LEFT - 14, y + 4, peer, 13, INK if is_ours else FAINT, "end"),
                line(at(steady), y, at(warm), y, "#c3c9d1", 3), dot(at(warm), y, WARM), dot(at(steady), y, STEADY)]
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    values = read(sys.argv[1])
    tables = [dynamic_table(values, task) for task in TASKS if dynamic(values, task)]
    tables += [rates_table(values, kind) for kind in RATES if any(f" {kind}: " in name for name in values)]
    if any(name.startswith("torch lstm ") for name in values):
        tables.append(layers_table(values))
    with open(os.path.join(sys.argv[2], "peers.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(tables))
    print("\n" + "\n".join(tables))
    if dynamic(values, "any"):
        path = os.path.join(sys.argv[2], "peers.svg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(picture(values))
        print("Picture: " + path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
