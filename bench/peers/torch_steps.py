#!/usr/bin/env python3
"""The rows of steps.c, infer.c and start.c in PyTorch, eager, on one thread.

    torch_steps.py [CSV]     prints a row each; appends "torch name,value,unit" to the file

The settings are PyTorch's best on this machine: its AVX-512 kernels where there are some, and OpenBLAS free to choose
its own.
"""
import os
import statistics
import subprocess
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512" if "avx512f" in info.read() else "avx2")

FIRST_GRADIENT = """
import torch
w = torch.full((1, 32), .1, requires_grad=True)
(torch.ones(4, 32) @ w.T).tanh().mean().backward()
"""

import torch  # noqa: E402  (after the environment is set)
from torch import nn  # noqa: E402

torch.set_num_threads(1)
csv = open(sys.argv[1], "a", encoding="ascii") if len(sys.argv) > 1 else None


def row(name, block, count, scale, unit, blocks=11):
    """Median over blocks of the time per unit of work, of which a block has `count`."""
    block()
    times, cpu, wall = [], time.process_time(), time.perf_counter()
    for _ in range(blocks):
        begin = time.perf_counter()
        block()
        times.append((time.perf_counter() - begin) / count * scale)
    load = (time.process_time() - cpu) / (time.perf_counter() - wall)
    value = statistics.median(times)
    note = "  VOID: more than one thread" if load > 1.05 else ""
    spread = f"{min(times):7.2f} .. {max(times):<7.2f}"
    print(f"  {'torch ' + name:<34} {value:9.2f} {unit:<3}  {spread}  cpu/wall {load:.2f}{note}", flush=True)
    if csv and not note:
        csv.write(f"torch {name},{value:.6g},{unit}\n")


class Net(nn.Module):
    """RNN(1, 32) and a linear layer, spelled in one of three ways."""

    def __init__(self, spelling):
        super().__init__()
        self.spelling = spelling
        self.rnn = nn.RNNCell(1, 32) if spelling == "ops" else nn.RNN(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x, h):
        if self.spelling == "fused":
            r, h = self.rnn(x, h)
            return self.out(r), h
        ys = []
        if self.spelling == "as_written":
            r, h = self.rnn(x, h)
            ys = [self.out(r[:, t, :]) for t in range(r.size(1))]
        else:
            for t in range(x.size(1)):
                h = self.rnn(x[:, t, :], h)
                ys.append(self.out(h))
        return torch.stack(ys, dim=1), h


def training(spelling):
    """A block of training steps, T = 10, 20, 30 in turn."""
    data = []
    for steps in (10, 20, 30):
        at = torch.arange(steps) * torch.pi / 10
        data.append((at.sin().view(1, -1, 1), at.cos().view(1, -1, 1)))

    def block():
        torch.manual_seed(4)
        net, state = Net(spelling), None
        adam, loss_of = torch.optim.Adam(net.parameters(), lr=0.02), nn.MSELoss()
        for i in range(60):
            x, y = data[i % 3]
            prediction, state = net(x, state)
            state = state.detach()
            loss = loss_of(prediction, y)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()

    return block


def chain():
    x = torch.tensor(0.5, requires_grad=True)
    a, b = torch.tensor(1.0001), torch.tensor(0.1)
    y = x
    for _ in range(1000):
        y = y * a + b
    y.backward()
    x.grad = None


def inference():
    net, x = Net("fused"), torch.full((1, 1, 1), 0.5)

    def block():
        state = None
        with torch.inference_mode():
            for _ in range(500):
                y, state = net(x, state)
                y.item()

    return block


def start():
    subprocess.run([sys.executable, "-c", FIRST_GRADIENT], check=True)


print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread, kernels {os.environ['ATEN_CPU_CAPABILITY']}")
row("op", chain, 2000, 1e9, "ns")
for way in ("ops", "as_written", "fused"):
    row("tutorial_" + way, training(way), 60, 1e6, "us")
row("infer_step", inference(), 500, 1e9, "ns")
row("start", start, 1, 1e3, "ms", blocks=5)
