#!/usr/bin/env python3
"""The rows of matmul.c and elements.c in PyTorch.

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


def elements(n, m):
    """Every row of elements.c for one shape, by name, and its x."""
    x, y, index = torch.randn(n, m), torch.randn(n, m), torch.randint(0, m, (n, m))
    weight, bias, f = torch.randn(m), torch.randn(m), torch.nn.functional
    return {
        "add": lambda x: x + y, "add (a row)": lambda x: x + bias, "mul": lambda x: x * y, "tanh": torch.tanh,
        "exp": torch.exp, "sigmoid": torch.sigmoid, "gelu": f.gelu,
        "gelu tanh": lambda x: f.gelu(x, approximate="tanh"), "sum": torch.sum, "sum over rows": lambda x: x.sum(0),
        "sum over columns": lambda x: x.sum(1), "var": lambda x: x.var(1), "softmax": lambda x: x.softmax(1),
        "softmax down columns": lambda x: x.softmax(0), "log_softmax": lambda x: x.log_softmax(1),
        "logsumexp": lambda x: x.logsumexp(1), "amax": lambda x: x.amax(1), "amax over rows": lambda x: x.amax(0),
        "argmax": lambda x: x.argmax(1), "cumsum": lambda x: x.cumsum(1), "gather": lambda x: x.gather(1, index),
        "layer_norm": lambda x: f.layer_norm(x, (m,), weight, bias), "randn": lambda x: torch.randn(n, m),
    }, x


def with_gradient(function, x):
    leaf = x.clone().requires_grad_()

    def call():
        function(leaf).sum().backward()
        leaf.grad = None

    return call


def element_rows(n, m):
    functions, x = elements(n, m)
    for name, function in functions.items():
        with torch.inference_mode():
            timed_row(f"{name} {n}x{m}", lambda f=function: f(x), 1e9 / (n * m), "ns")
    for name in ("gelu", "softmax", "log_softmax", "logsumexp", "amax", "layer_norm"):
        timed_row(f"{name} and gradient {n}x{m}", with_gradient(functions[name], x), 1e9 / (n * m), "ns")


heading()
with torch.inference_mode():
    for shape in SHAPES:
        for kind in ("NN", "NT") if shape[0] == 1 else ("NN", "NT", "TN"):
            matmul(kind, *shape)
for size in ((8, 128), (32, 1024), (1024, 1024)):
    element_rows(*size)
