#!/usr/bin/env python3
"""The rows of networks.c in PyTorch.

    torch_networks.py [CSV]     prints a row each; appends "torch name,value,unit" to the file
"""
from torch_rows import heading, row
import torch
from torch import nn

STEPS = 100
OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}


def network(inputs, hidden, outputs):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def training(net, optimiser, loss_of):
    optim = OPTIMISERS[optimiser](net.parameters())

    def block():
        for _ in range(STEPS):
            loss = loss_of()
            optim.zero_grad(set_to_none=True)
            loss.backward()
            optim.step()

    return block


def measure(name, net, optimiser, loss_of):
    row(name, training(net, optimiser, loss_of), STEPS, 1e6, "us")


def regression(name, batch, hidden, optimiser):
    net, x, loss = network(1, hidden, 1), torch.randn(batch, 1), nn.MSELoss()
    y = x.square()
    measure(name, net, optimiser, lambda: loss(net(x), y))


def classification():
    net, x, loss = network(2, 10, 2), torch.randn(200, 2), nn.CrossEntropyLoss()
    y = torch.randint(0, 2, (200,))
    measure("classification", net, "sgd", lambda: loss(net(x), y))


def q_learning():
    net, target, loss = network(4, 50, 2), network(4, 50, 2), nn.MSELoss()
    x, after = torch.randn(32, 4), torch.randn(32, 4)
    action, reward = torch.randint(0, 2, (32, 1)), torch.randn(32, 1)

    def loss_of():
        q = net(x).gather(1, action)
        with torch.no_grad():
            best = reward + 0.9 * target(after).max(1, keepdim=True)[0]
        return loss(q, best)

    measure("q_learning", net, "adam", loss_of)


heading()
torch.manual_seed(1)
regression("regression", 100, 10, "sgd")
classification()
for kind in OPTIMISERS:
    regression("optimiser " + kind, 32, 20, kind)
q_learning()
