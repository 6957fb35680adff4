"""Numbers for cases: some by name, and where the random ones may lie."""
import torch

INF = float("inf")
NAN = float("nan")


def floats(*values):
    return torch.tensor(values, dtype=torch.float32).double()


def whole(*numbers, shape=None):
    x = torch.tensor(numbers, dtype=torch.int64)
    return x if shape is None else x.reshape(shape)


def truths(*values):
    return torch.tensor(values).bool()


def away_from_zero(x):
    return torch.where(x < 0, x - 0.5, x + 0.5)


def positive(x):
    return x.abs() + 0.5


def inside(x):
    return 0.9 * torch.tanh(x)


def off_steps(x):
    return torch.floor(x) + 0.1 + 0.35 * (x - torch.floor(x))
