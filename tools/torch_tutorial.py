#!/usr/bin/env python3
"""Train the tutorial's dynamic RNN in PyTorch and write down what a faithful other implementation must reproduce.

Usage: torch_tutorial.py DIRECTORY      needs python3-torch; made with 1.13.1; takes a few minutes

The program: RNN(1,32) and Linear(32,1) at each time step, MSE, Adam 0.02, the state carried and detached, for 60
iterations. After the net is made, each iteration draws d = randint(1, 4) and learns T = 10 d steps of cos from sin over
the next d pi. It writes, for seeds 0 to 40,

tutorial_losses.txt     seed iteration T loss spread
tutorial_steps.txt      seed 4, the first iterations, with gradients and predictions, for debugging

In both, a line that begins with # is a comment. A loss of an RNN in training has no single right value: rounding
differs from one build to the next, and training amplifies it. `spread` says by how much PyTorch differs from itself:
the greatest relative distance of the loss from that of the same training, from the same weights and data,
    - in float64,
    - with ATen's kernels for no particular CPU, for AVX2 and for AVX-512,
    - from weights moved by one rounding, each by a factor of 1 + 6e-8 or 1 - 6e-8, in five draws,
in this iteration or any before it. Seeds whose training is chaotic thereby get the room that they need, no other does.
"""
import os
import subprocess
import sys
import tempfile

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
import numpy as np
import torch
from torch import nn

SEEDS = range(41)
ITERATIONS = 60
CAPABILITIES = ("default", "avx2", "avx512")
PERTURBATIONS = 5


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, batch_first=True)
        self.out = nn.Linear(32, 1)

    def forward(self, x, h):
        r, h = self.rnn(x, h)
        return torch.stack([self.out(r[:, t]) for t in range(r.size(1))], dim=1), h


def draw(seed):
    """What the seed decides: the initial weights, and T / 10 of each iteration from the same stream."""
    torch.manual_seed(seed)
    weights = {name: value.clone() for name, value in Net().state_dict().items()}
    return weights, [int(torch.randint(1, 4, (1,))) for _ in range(ITERATIONS)]


def batches(spans):
    """(x, y) of shape (1,T,1) for each d in spans: a float64 linspace, rounded to float32, then NumPy's sin and cos."""
    begin = 0
    for d in spans:
        steps = np.linspace(begin * np.pi, (begin + d) * np.pi, 10 * d).astype(np.float32)
        yield [torch.from_numpy(f(steps)[None, :, None]) for f in (np.sin, np.cos)]
        begin += d


def train(weights, spans, dtype=torch.float32, data=batches, observe=lambda net, prediction, loss: None):
    """The losses of one training."""
    net = Net().to(dtype)
    net.load_state_dict(weights)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    h, losses = None, []
    for x, y in data(spans):
        prediction, h = net(x.to(dtype), h)
        h = h.detach()
        loss = nn.functional.mse_loss(prediction, y.to(dtype))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        observe(net, prediction, loss)
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def perturbed(weights, seed):
    """Each weight one rounding up or down: 6e-8 is a little more than half an ulp of 1."""
    choose = np.random.default_rng(seed)
    return {name: (value.double() * (1 + 6e-8 * torch.from_numpy(choose.choice((-1.0, 1.0), value.shape)))).float()
            for name, value in weights.items()}


def losses_with(capability, directory):
    """Losses of all seeds, (seeds, iterations), in a process whose ATen is held to a capability: it chooses once."""
    result = f"{directory}/{capability}.npy"
    environment = dict(os.environ, ATEN_CPU_CAPABILITY=capability)
    subprocess.run([sys.executable, __file__, "--worker", f"{directory}/start.pt", result], env=environment, check=True)
    return np.load(result)


def worker(start, result):
    np.save(result, [train(*weights_and_spans) for weights_and_spans in torch.load(start)])


def running_spread(losses, variants):
    return np.maximum.accumulate(np.max([np.abs(other - losses) for other in variants], axis=0) / np.abs(losses))


def header(*lines):
    made = f"made by tools/torch_tutorial.py, which tells the method, with PyTorch {torch.__version__}, "
    return "".join(f"# {line}\n" for line in (f"{made}NumPy {np.__version__}", *lines))


def write_losses(directory):
    starts = [draw(seed) for seed in SEEDS]
    with tempfile.TemporaryDirectory() as scratch:
        torch.save(starts, f"{scratch}/start.pt")
        by_capability = []
        for capability in CAPABILITIES:
            print(f"ATen {capability}: all seeds", flush=True)
            by_capability.append(losses_with(capability, scratch))
    with open(f"{directory}/tutorial_losses.txt", "w") as file:
        file.write(header(
            "spread: the greatest relative distance, so far, of float64, of ATen default, avx2 and avx512, and of five",
            "draws of the initial weights times 1 +- 6e-8; a loss agrees within 2e-6 + 4 spread, relative",
            "seed iteration T loss spread"))
        for seed, (weights, spans) in zip(SEEDS, starts):
            losses = train(weights, spans)
            variants = [train(weights, spans, torch.float64), *(every[seed] for every in by_capability),
                        *(train(perturbed(weights, 100 * seed + k), spans) for k in range(PERTURBATIONS))]
            spread = running_spread(losses, variants)
            for i, d in enumerate(spans):
                file.write(f"{seed} {i} {10 * d} {losses[i]:.9g} {spread[i]:.3e}\n")
            print(f"seed {seed:2}: loss {losses[0]:.4f} -> {losses[-1]:.4f}, spread {spread[-1]:.1e}, "
                  f"T = 10 in {spans.count(1)} iterations", flush=True)


def write_steps(directory, seed=4, iterations=3):
    with open(f"{directory}/tutorial_steps.txt", "w") as file:
        file.write(header("iteration I T LOSS, gradient NAME NORM of each parameter, prediction FIRST_FOUR"))
        weights, spans = draw(seed)
        count = iter(range(iterations))

        def observe(net, prediction, loss):
            file.write(f"iteration {next(count)} {prediction.size(1)} {loss.item():.9g}\n")
            for name, parameter in net.named_parameters():
                file.write(f"gradient {name} {parameter.grad.double().norm().item():.9g}\n")
            file.write("prediction " + " ".join(f"{p:.9g}" for p in prediction.flatten()[:4].tolist()) + "\n")

        train(weights, spans[:iterations], observe=observe)


def main():
    torch.set_num_threads(1)
    if sys.argv[1] == "--worker":
        worker(*sys.argv[2:])
    else:
        write_steps(sys.argv[1])
        write_losses(sys.argv[1])


if __name__ == "__main__":
    main()
