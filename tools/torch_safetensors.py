#!/usr/bin/env python3
"""Write files in the safetensors format with its own library, for wick to read and to write again byte for byte.

Usage: torch_safetensors.py DIRECTORY      needs python3-torch and the package safetensors; made with 1.13.1 and 0.8.0

weights.safetensors     the state_dict of RNN(1, 3) under "rnn" and Linear(3, 2) under "out": element i of parameter k
                        is k + i / 16
common.safetensors      every type that both sides have, shapes () and (0, 3), odd names
mixed.safetensors       the same, a type that wick has not, and metadata
empty.safetensors       nothing
"""
import sys

import torch
from safetensors.torch import save_file
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 3)
        self.out = nn.Linear(3, 2)
        for k, parameter in enumerate(self.parameters()):
            parameter.data = (k + torch.arange(parameter.numel()) / 16).reshape(parameter.shape)


def main():
    folder = sys.argv[1]
    save_file(Net().state_dict(), f"{folder}/weights.safetensors", {"format": "pt"})
    common = {
        "integers": torch.tensor([[1, -2, 2**62], [4, 5, -2**63]]),
        "doubles": torch.tensor([0.1, float("inf"), -0.0], dtype=torch.float64),
        "scalar": torch.tensor(1.5),
        "nothing": torch.zeros(0, 3),
        "": torch.tensor([7.0]),
        "a \"name\"\\\n\t\x01 \u00e9\u20ac\U0001f600": torch.tensor([8.0]),
    }
    save_file(common, f"{folder}/common.safetensors")
    mixed = dict(common, short=torch.tensor([1, 2], dtype=torch.int16))
    save_file(mixed, f"{folder}/mixed.safetensors", {"note": "caf\u00e9"})
    save_file({}, f"{folder}/empty.safetensors")


if __name__ == "__main__":
    main()
