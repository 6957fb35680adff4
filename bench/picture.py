"""picture.py -- the steps of training whose length changes, of wick and its peers, as SVG."""
import math
from html import escape

from tables import TASKS, dynamic

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


def draw(values, task="any"):
    """Two dots for each peer: a step once all is compiled, and the mean of the first 240. Between them lies waiting."""
    rows = dynamic(values, task)
    spans = [(peer, told["steady"], told["warm"] * 1e3 / 240) for peer, told in rows]
    low = math.floor(math.log10(min(min(steady, warm) for _, steady, warm in spans)))
    high = math.ceil(math.log10(max(max(steady, warm) for _, steady, warm in spans)))
    height = TOP + ROW * len(spans) + 56

    def at(us):
        return LEFT + (math.log10(us) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           'role="img" font-family="DejaVu Sans, sans-serif">',
           "<title>A training step whose length changes every time</title>",
           f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           text(28, 40, "A training step whose length changes every time", 21),
           text(28, 62, f"{TASKS[task]}, drawn anew for each step; one thread; time on a log scale", 13, FAINT),
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
