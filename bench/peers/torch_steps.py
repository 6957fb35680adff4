#!/usr/bin/env python3
"""The rows of steps.c, infer.c and start.c in PyTorch, eager, on one thread.

    torch_steps.py [CSV]     prints a row each; appends "torch name,value,unit" to the file
"""
import subprocess
import sys

from torch_rows import heading, row
import torch
from torch import nn

FIRST_GRADIENT = """
import torch
w = torch.full((1, 32), .1, requires_grad=True)
(torch.ones(4, 32) @ w.T).tanh().mean().backward()
"""


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


heading()
row("op", chain, 2000, 1e9, "ns")
for way in ("ops", "as_written", "fused"):
    row("tutorial_" + way, training(way), 60, 1e6, "us")
row("infer_step", inference(), 500, 1e9, "ns")
row("start", start, 1, 1e3, "ms", blocks=5)
