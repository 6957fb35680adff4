#!/usr/bin/env python3
"""The rows of recurrent.c in PyTorch: nn.LSTM on a full batch, and packed where rows differ in length.

    recurrent_torch.py [CSV]
"""
import sys
import time

import structures  # its environment: one thread
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_num_threads(structures.THREADS)
ROWS = [(64, 1, 50), (64, 16, 50), (64, 64, 50), (128, 1, 50), (128, 16, 50), (128, 64, 50), (256, 16, 50),
        (512, 1, 50), (512, 16, 50), (512, 64, 20)]


def lengths(kind, rows, steps):
    """As recurrent.c draws them."""
    words = [((row * 2654435761) % 2**32) >> 8 for row in range(rows)]
    if kind == "half":
        return [steps // 2 + 1 + word % (steps // 2) for word in words]
    return [1 + word % steps for word in words]


def step(lstm, x, g, ragged):
    def run():
        if ragged is None:
            y, _ = lstm(x)
        else:
            packed, _ = lstm(pack_padded_sequence(x, ragged, batch_first=True, enforce_sorted=False))
            y, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.size(1))
        lstm.zero_grad(set_to_none=True)
        x.grad = None
        y.backward(g)

    return run


def row(name, hidden, rows, steps, ragged=None):
    torch.manual_seed(1)
    lstm = torch.nn.LSTM(hidden, hidden, batch_first=True)
    x, g = torch.randn(rows, steps, hidden, requires_grad=True), torch.randn(rows, steps, hidden)
    run, least = step(lstm, x, g, None if ragged is None else torch.tensor(ragged)), float("inf")
    for _ in range(6):
        begin = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - begin)
    print(f"  {'torch ' + name:<40} {least * 1e3:9.3f} ms", flush=True)
    if len(sys.argv) > 1:
        with open(sys.argv[1], "a", encoding="ascii") as csv:
            csv.write(f"torch {name},{least * 1e3:.6g},ms\n")


print(f"PyTorch {torch.__version__}, LSTM layers, forward and backward")
for size in ROWS:
    row("lstm H {} B {} T {}".format(*size), *size)
row("lstm H 128 B 64 lengths 21..40", 128, 64, 40, lengths("half", 64, 40))
row("lstm H 128 B 64 T 31", 128, 64, 31)
row("lstm H 128 B 64 lengths 1..40", 128, 64, 40, lengths("any", 64, 40))
