#!/usr/bin/env python3
"""The rows of steps.c, infer.c and start.c in PyTorch, eager, on one thread.

    torch_steps.py [CSV]     prints a row each; appends "torch name,value,unit" to the file
"""
import subprocess
import sys

from torch_rows import heading, row
import torch
from tutorial_torch import Net
from torch import nn

FIRST_GRADIENT = """
import torch
w = torch.full((1, 32), .1, requires_grad=True)
(torch.ones(4, 32) @ w.T).tanh().mean().backward()
"""


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


heading()
row("op", chain, 2000, 1e9, "ns")
for way in ("ops", "as_written", "fused"):
    row("tutorial_" + way, training(way), 60, 1e6, "us")
row("infer_step", inference(), 500, 1e9, "ns")
row("start", start, 1, 1e3, "ms", blocks=5)
