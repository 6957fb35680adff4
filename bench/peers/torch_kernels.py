#!/usr/bin/env python3
"""The rows of matmul.c in PyTorch.

    torch_kernels.py [CSV]     prints a row each; appends "torch name,value,unit" to the file
"""
from torch_rows import heading, timed_row
import torch

SHAPES = (
    (1, 32, 32), (1, 128, 128), (1, 512, 512), (1, 2048, 2048), (32, 32, 32), (64, 64, 64), (128, 128, 128),
    (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (16, 128, 512), (512, 32, 512),
)


def matrix(rows, cols, transposed):
    return torch.randn(cols, rows).T if transposed else torch.randn(rows, cols)


def matmul(kind, m, n, k):
    a, b = matrix(m, k, kind[0] == "T"), matrix(k, n, kind[1] == "T")
    work, unit = (4 * n * k, "GB/s") if m == 1 else (2 * m * n * k, "GFLOP/s")
    timed_row(f"matmul {kind} {m}x{n}x{k}", lambda: torch.matmul(a, b), 1e-9, unit, work)


heading()
with torch.inference_mode():
    for shape in SHAPES:
        for kind in ("NN", "NT") if shape[0] == 1 else ("NN", "NT", "TN"):
            matmul(kind, *shape)
