"""Functions of one variable, element by element."""
import torch
import torch.nn.functional as F

from oracle.case import Case
from oracle.inputs import INF, away_from_zero, floats, inside, off_steps, positive

SAMPLES = """
    neg abs sign exp log sqrt rsqrt square     =    x
    floor ceil round trunc                     =    x
    sin cos tan asin acos atan sinh cosh tanh  =    x
    erf expm1 log1p sigmoid reciprocal         =    x
    relu silu                                  nn.  x
    leaky_relu                                 nn.  x negative_slope
    elu                                        nn.  x alpha
    gelu                                       nn.  x approximate=none
    softplus                                   nn.  x beta threshold
    hardtanh                                   nn.  x min_val max_val
    clamp_tensor                               clamp      x min max
    clamp_tensor                               clamp_min  x min
    clamp_tensor                               clamp_max  x max:2
    cast                                       float      x memory_format*
    cast                                       double     x memory_format*
    cast                                       half       x memory_format*
    cast                                       bfloat16   x memory_format*
    cast                                       long       x memory_format*
    cast                                       int        x memory_format*
    cast                                       byte       x memory_format*
    cast                                       bool       x memory_format*
"""


def gelu(x, tanh):
    return F.gelu(x, approximate="tanh" if tanh else "none")


def clamp(x, low, high):
    """torch.clamp, which in 1.13 has no gradient of an x that the bounds stretch."""
    shape = torch.broadcast_shapes(*(t.shape for t in (x, low, high) if t is not None))
    return torch.clamp(x.expand(shape), low, high)


# Where they have derivatives that are not too large, and values for the corners.
SIMPLE = {
    torch.exp: None, torch.expm1: None, torch.sin: None, torch.cos: None, torch.atan: None, torch.sinh: None,
    torch.cosh: None, torch.erf: None, torch.square: None, torch.sigmoid: None, F.silu: None,
    torch.log: positive, torch.sqrt: positive, torch.rsqrt: positive, torch.log1p: positive,
    torch.asin: inside, torch.acos: inside, torch.tan: inside,
    torch.reciprocal: away_from_zero, torch.abs: away_from_zero, torch.sign: away_from_zero,
    torch.round: off_steps, torch.floor: off_steps, torch.ceil: off_steps, torch.trunc: off_steps,
    torch.relu: away_from_zero,
}
WITH_NUMBERS = (
    ("pow_scalar", torch.pow, positive, {"exponent": (2.0, -1.5, 0.0, 1.0, 0.5, 3.0)}),
    ("leaky_relu", F.leaky_relu, away_from_zero, {"negative_slope": (0.25, 0.0)}),
    ("elu", F.elu, away_from_zero, {"alpha": (1.0, 0.5)}),
    ("hardtanh", F.hardtanh, off_steps, {"min_val": (-1.0, -2.0), "max_val": (1.0, 0.0)}),
    ("clamp", torch.clamp, off_steps, {"min": (-1.0, -INF), "max": (1.0, 0.0)}),
    ("softplus", F.softplus, None, {"beta": (1.0, 2.0), "threshold": (20.0, 1.0)}),
    ("gelu", gelu, None, {"tanh": (0, 1)}),
)


def cases():
    corners = floats(0, -0.0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, 7)
    for function, domain in SIMPLE.items():
        move = {"x": domain} if domain else {}
        for shape in ((), (2, 3), (0, 3), (37,)):
            yield Case(function.__name__, function, {"x": shape}, second=True).moved(**move)
        if domain not in (positive, inside, away_from_zero) or function in (torch.abs, torch.sign, torch.relu):
            yield Case(function.__name__, function, {"x": corners}, label="corners")
    for name, function, domain, numbers in WITH_NUMBERS:
        for values in zip(*numbers.values()):
            attributes, move = dict(zip(numbers, values)), {"x": domain} if domain else {}
            yield Case(name, function, {"x": (2, 3)}, second=True, **attributes).moved(**move)
            yield Case(name, function, {"x": (37,)}, **attributes).moved(**move)
            if domain != positive or values[0] > 1:
                yield Case(name, function, {"x": corners}, label="corners_" + "_".join(map(str, values)), **attributes)
    for x, low, high in (((2, 3), (2, 3), (2, 3)), ((2, 3), (3,), None), ((3, 1), None, (1, 4)), ((), (2,), ()),
                         ((0, 3), (3,), (1,)), ((37,), (), (37,))):
        yield Case("clamp_tensor", clamp, {"x": x, "min": low, "max": high}, second=True)
    bounds = {"x": floats(0, 1, 2, 1, 1, INF), "min": floats(0, 1, 0, 2, 0, -INF), "max": floats(1, 1, 1, 0, 1, INF)}
    yield Case("clamp_tensor", clamp, bounds, label="edges_bounds")
    for shape, scale in (((), 1.0), ((2, 3), 0.3), ((70,), 4.0), ((0,), 1.0)):
        yield Case("tanh", torch.tanh, {"x": shape}, second=True, scale=scale)
    extremes = floats(0.0, -0.0, 1e-30, -1e-6, 9.0, -20.0, 100.0)
    yield Case("tanh", torch.tanh, {"x": extremes}, label="extremes", second=True)
    f64 = 1  # WK_F64
    yield Case("cast", lambda x, dtype: x.double(), {"x": (2, 3)}, second=True, dtype=f64)
