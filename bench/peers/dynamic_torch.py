#!/usr/bin/env python3
"""dynamic.py's task in PyTorch, eager and compiled, at its best settings on one thread.

The spellings are tutorial_torch.py's; its "ops" is called unrolled here: what the compiler sees whole, as it does not
look into nn.RNN.
"""
import dynamic
import torch
from torch import nn
from tutorial_torch import Net

torch.set_num_threads(1)


def make_step(spelling, compiler):
    torch.manual_seed(4)
    net, loss_of = Net(spelling), nn.MSELoss()
    adam = torch.optim.Adam(net.parameters(), lr=0.02, fused=True)
    forward = compiler(net)
    state = torch.zeros(1, 32) if spelling == "ops" else torch.zeros(1, 1, 32)

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
    "torch-as-written": eager("as_written"),
    "torch-fused": eager("fused"),
    "torch-compile-as-written": compiled("as_written"),
    "torch-compile-fused": compiled("fused"),
    "torch-compile-unrolled": compiled("ops"),
    "torch-compile-unrolled-static": compiled("ops", dynamic=False),
})
