"""The samples of PyTorch (OpInfo) on which wick differs on purpose, each with the reason."""
import numpy as np
import torch


def has_nan(call):
    return torch.isnan(call.inputs["x"]).any()


def region_overlaps(call):
    places = torch.zeros(())
    for size, stride in zip(call.attributes["dims"], call.attributes["strides"]):
        places = places.unsqueeze(-1) + stride * torch.arange(size)
    return len(set(places.flatten().tolist())) < places.numel()


# What torch takes and wick refuses: row, which calls, why. The tests hold wick to it, so an entry that is out of date
# fails and has to go.
REFUSED = (
    ("transpose", lambda call: any(x.dim() == 0 for x in call.inputs.values()), "a 0-d tensor has no dimension 0"),
    ("gather", lambda call: call.inputs["x"].dim() != call.inputs["index"].dim(),
     "x and index have one number of dimensions, also where x is 0-d"),
    ("as_strided", region_overlaps, "no two elements of a region are the same element of x"),
    ("expand", lambda call: -1 in call.attributes["dims"], "sizes are given in full, never as -1"),
)

# What torch refuses and wick takes.
TAKEN = (
    ("gather", lambda call: call.inputs["index"].dtype == torch.int32, "indices of every whole type are taken"),
)

# Where torch's own number is worse than wick's: row, which calls, why.
WORSE = (
    ("norm", lambda call: float(np.float32(call.attributes.get("p", 2))) != call.attributes.get("p", 2),
     "torch rounds the exponent of a norm to float32"),
    ("elu", has_nan, "at NaN torch's gradient depends on where in the row the element lies"),
    ("hardtanh", has_nan, "at NaN torch's gradient depends on where in the row the element lies"),
    ("silu", lambda call: torch.isinf(call.inputs["x"]).any(), "silu of -infinity is 0, which torch has as NaN"),
    ("layer_norm", lambda call: call.inputs["x"].numel() > 0 and np.prod(call.attributes["dims"]) == 1,
     "one element less its mean is 0, which torch has with the mean's rounding"),
)


def reason(table, call):
    """Why the call differs, by one of the tables above; None if it does not."""
    return next((why for name, applies, why in table if name == call.name and applies(call)), None)
