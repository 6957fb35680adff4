"""The tutorial's network in PyTorch, which torch_steps.py and dynamic_torch.py train."""
import torch
from torch import nn


class Net(nn.Module):
    """RNN(1, 32) and a linear layer, spelled in one of three ways.

    as_written   the tutorial's spelling: nn.RNN, then select and Linear at each time step, stack
    fused        nn.RNN and one Linear over all time steps: what a user who knows PyTorch writes
    ops          an RNNCell and a Linear at each time step
    """

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
