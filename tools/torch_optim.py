#!/usr/bin/env python3
"""Run PyTorch's optimisers over parameters that take part at random, and write down what the parameters become.

Usage: torch_optim.py FILE      needs python3-torch; made with 1.13.1

Two parameters take 200 steps. A generator that tests/test_optim.c has too decides in each whether a parameter takes
part and what its gradient is, so the file holds results alone; a parameter that takes no part has no gradient, as after
zero_grad(set_to_none=True). From step 100 on the learning rate is half. Lines: "optimiser KIND TYPE LR OPTION=VALUE",
then "step NUMBER" with the values of both parameters to the bit.
"""
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
import torch

SIZES = (7, 37)
STEPS = 200
SHOWN = (1, 2, 20, 100, 200)
CASES = (
    ("SGD", 0.1, {}),
    ("SGD", 0.1, dict(momentum=0.9)),
    ("SGD", 0.05, dict(momentum=0.9, dampening=0.2, weight_decay=0.01)),
    ("SGD", 0.05, dict(momentum=0.8, weight_decay=0.1, nesterov=1)),
    ("Adam", 0.02, {}),
    ("Adam", 0.01, dict(beta1=0.0, beta2=0.9, eps=1e-4, weight_decay=0.1)),
    ("AdamW", 0.02, dict(weight_decay=0.01)),
    ("AdamW", 0.1, dict(beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.5)),
    ("AdamW", 0.02, dict(weight_decay=0.0)),
    ("RMSprop", 0.01, {}),
    ("RMSprop", 0.01, dict(alpha=0.9, eps=1e-4, weight_decay=0.1)),
    ("RMSprop", 0.01, dict(momentum=0.9)),
    ("RMSprop", 0.01, dict(centered=1)),
    ("RMSprop", 0.02, dict(alpha=0.95, weight_decay=0.05, momentum=0.5, centered=1)),
)


class Stream:
    """Knuth's linear congruential generator; numbers are exact in float32."""

    def __init__(self, dtype):
        self.state, self.dtype = 1, dtype

    def bits(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.state >> 40

    def numbers(self, count):
        return torch.tensor([self.bits() * 2.0**-23 - 1 for _ in range(count)], dtype=self.dtype)


def make(kind, parameters, lr, options):
    options = dict(options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    for flag in ("nesterov", "centered"):
        if flag in options:
            options[flag] = bool(options[flag])
    return getattr(torch.optim, kind)(parameters, lr=lr, foreach=False, **options)


def run(file, dtype, kind, lr, options):
    stream = Stream(dtype)
    parameters = [torch.nn.Parameter(stream.numbers(size)) for size in SIZES]
    optimiser = make(kind, parameters, lr, options)
    name = "f32" if dtype == torch.float32 else "f64"
    file.write(" ".join(["optimiser", kind, name, repr(lr), *(f"{k}={v!r}" for k, v in options.items())]) + "\n")
    for step in range(1, STEPS + 1):
        if step == STEPS // 2:
            for group in optimiser.param_groups:
                group["lr"] = lr / 2
        for parameter in parameters:
            taken = stream.bits() % 3 != 0
            parameter.grad = stream.numbers(len(parameter)) if taken else None
        optimiser.step()
        if step in SHOWN:
            values = [float(value).hex() for parameter in parameters for value in parameter.detach()]
            file.write(f"step {step} " + " ".join(values) + "\n")


def main():
    torch.set_num_threads(1)
    with open(sys.argv[1], "w") as file:
        file.write(f"# made by tools/torch_optim.py, which tells the method, with PyTorch {torch.__version__}\n")
        for dtype in (torch.float32, torch.float64):
            for case in CASES:
                run(file, dtype, *case)


if __name__ == "__main__":
    main()
