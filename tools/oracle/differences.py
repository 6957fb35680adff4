"""The samples of PyTorch (OpInfo) on which wick differs on purpose, each with the reason."""
import numpy as np
import torch


def has_nan(call):
    return torch.isnan(call.inputs["x"]).any()


def held_by_no_whole_type(call):
    x = call.inputs["x"]
    return call.attributes["dtype"] in (2, 3, 4) and not (x.abs() < 2**31).all()


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
    ("as_strided_scatter", region_overlaps, "no two elements of a region are the same element of x"),
)

# What torch refuses and wick takes.
TAKEN = (
    ("gather", lambda call: call.inputs["index"].dtype == torch.int32, "indices of every whole type are taken"),
)

# Of whole numbers and bools (oracle/whole.py), what torch takes and wick refuses: rows, types, why.
WHOLE_REFUSED = (
    ("l1_loss", "i64 i32 u8 bool", "a loss is a floating number"),
    ("hardtanh", "i64 i32 u8 bool", "it is an activation; clamp bounds whole numbers"),
    ("rnn", "i64 i32 u8 bool", "the states of a network are floating; torch means its relu alone"),
    ("softmax log_softmax", "i64 i32 u8 bool", "torch takes them where there are no elements alone"),
    ("avg_pool1d avg_pool2d avg_pool3d", "i64 i32 u8 bool", "a mean is a floating number"),
    ("matmul linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d", "bool",
     "torch takes them where there is nothing to sum alone"),
)

# And what is something else there.
WHOLE_OTHERWISE = (
    ("any all any_dims all_dims", "u8", "truths are bools; torch has those of bytes as bytes, from times before bool"),
    ("clamp", "u8", "bounds are numbers; torch takes -1 for 255"),
    ("topk", "i64 i32 u8 bool", "equal ones keep their order, and torch's do not"),
    ("sum_to_size", "i32 u8 bool", "a sum of whole numbers is i64; torch's has x's type where nothing is stretched"),
)

# Where torch's own number is worse than wick's: row, which calls, why.
WORSE = (
    ("cast", held_by_no_whole_type, "what a whole type makes of a number that it does not hold is undefined in C"),
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


def reason_of_type(table, name, dtype):
    """Why a row differs in a type of whole numbers; None if it does not."""
    return next((why for names, types, why in table if name in names.split() and dtype in types.split()), None)
