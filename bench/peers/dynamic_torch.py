#!/usr/bin/env python3
"""dynamic.py's task in PyTorch, eager and compiled, at its best settings on one thread.

    as-written   the tutorial's spelling: nn.RNN, then select and Linear at each time step, stack
    fused        nn.RNN and one Linear over all time steps: what a user who knows PyTorch writes
    unrolled     an RNNCell at each time step: what the compiler sees whole, as it does not look into nn.RNN
"""
import dynamic
import torch
from torch import nn

torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self, spelling):
        super().__init__()
        self.spelling = spelling
        self.rnn = nn.RNNCell(1, 32) if spelling == "unrolled" else nn.RNN(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x, h):
        if self.spelling == "fused":
            r, h = self.rnn(x, h)
            return self.out(r), h
        ys = []
        if self.spelling == "as-written":
            r, h = self.rnn(x, h)
            ys = [self.out(r[:, t, :]) for t in range(r.size(1))]
        else:
            for t in range(x.size(1)):
                h = self.rnn(x[:, t, :], h)
                ys.append(self.out(h))
        return torch.stack(ys, dim=1), h


def make_step(spelling, compiler):
    torch.manual_seed(4)
    net, loss_of = Net(spelling), nn.MSELoss()
    adam = torch.optim.Adam(net.parameters(), lr=0.02, fused=True)
    forward = compiler(net)
    state = torch.zeros(1, 32) if spelling == "unrolled" else torch.zeros(1, 1, 32)

    def step(x, y):
        nonlocal state
        prediction, state = forward(torch.from_numpy(x), state)
        state = state.detach()
        loss = loss_of(prediction, torch.from_numpy(y))
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def graphs():
    """PyTorch gives up on a function that was compiled 8 times, and runs it eagerly from then on."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def eager(spelling):
    return lambda: make_step(spelling, lambda net: net), lambda: 0


def compiled(spelling, **options):
    return lambda: make_step(spelling, lambda net: torch.compile(net, **options)), graphs


print(f"PyTorch {torch.__version__}")
dynamic.main({
    "torch-as-written": eager("as-written"),
    "torch-fused": eager("fused"),
    "torch-compile-as-written": compiled("as-written"),
    "torch-compile-fused": compiled("fused"),
    "torch-compile-unrolled": compiled("unrolled"),
    "torch-compile-unrolled-static": compiled("unrolled", dynamic=False),
})
