"""What looks through windows: convolutions, pools, padding."""
import torch
import torch.nn.functional as F

from oracle.case import Case

SAMPLES = """
    pad                                       nn.pad/constant  x dims:pads mode* value
    conv1d conv2d                             nn.  x w b stride=1 padding=0 dilation=1 groups=1
    conv_transpose1d conv_transpose2d         nn.  x w b stride=1 padding=0 output_padding=0 groups=1 dilation=1
    conv_transpose3d                          nn.  x w b stride=1 padding=0 output_padding=0 groups=1 dilation=1
    max_pool1d max_pool2d          nn.  x kernel_size stride padding dilation ceil_mode=False return_indices=False
    max_pool3d                     nn.  x kernel_size stride padding dilation ceil_mode=False return_indices=False
    avg_pool1d avg_pool2d avg_pool3d          nn.  x kernel_size stride padding ceil_mode=False count_include_pad
"""


def pads():
    for shape, of, value in (((3,), (1, 2), 0.5), ((2, 3), (1, 0, 0, 2), 0), ((2, 3, 4), (1, 1), -2),
                             ((2, 4), (-1, -2), 0), ((2, 4), (-3, 2, 1, -1), 3), ((2, 3), (), 0),
                             ((0, 3), (0, 0, 1, 1), 1),
                             ((2, 2, 2), (1, 0, 0, 1, 2, 0), 0), ((3,), (-3, 0), 0), ((2, 3), (-2, -1, 0, 0), 0)):
        yield Case("pad", lambda x, pads, value: F.pad(x, pads, value=value), {"x": shape}, pads=of, value=value,
                   second=True)


def case(op, x, w, bias, second=True, **options):
    names = list(options)
    transposed = "transpose" in op
    channels = w[1] * options.get("groups", 1) if transposed else w[0]

    def run(x, w, b, *values):
        return getattr(F, op)(x, w, b, **dict(zip(names, values)))

    return Case(op, run, {"x": x, "w": w, "b": (channels,) if bias else None}, second=second, **options)


def convolutions():
    yield case("conv1d", (2, 3, 7), (4, 3, 3), True)
    yield case("conv1d", (3, 7), (4, 3, 2), True, stride=(2,), padding=(1,))
    yield case("conv1d", (1, 2, 9), (2, 1, 3), False, dilation=(2,), groups=2)
    yield case("conv1d", (0, 2, 5), (3, 2, 2), True)
    yield case("conv1d", (2, 2, 5), (3, 2, 1), True)
    yield case("conv2d", (2, 3, 5, 6), (4, 3, 3, 2), True)
    yield case("conv2d", (1, 1, 4, 4), (1, 1, 4, 4), False)
    yield case("conv2d", (2, 4, 5, 5), (6, 2, 3, 3), True, stride=(2,), padding=(1,), dilation=(1,), groups=2)
    yield case("conv2d", (2, 3, 6, 5), (3, 1, 2, 3), True, stride=(1, 2), padding=(2, 0), dilation=(2, 1), groups=3)
    yield case("conv2d", (2, 3, 4), (5, 2, 1, 1), True)
    yield case("conv2d", (2, 2, 4, 4), (3, 2, 3, 3), False, padding=(1,))
    yield case("conv3d", (2, 2, 3, 4, 3), (3, 2, 2, 2, 2), True, second=False, padding=(0, 1, 0), stride=(1, 2, 1))
    yield case("conv3d", (1, 2, 2, 2, 2), (2, 1, 1, 2, 1), False, groups=2)


def transposed():
    yield case("conv_transpose1d", (2, 3, 4), (3, 2, 3), True)
    yield case("conv_transpose1d", (3, 4), (3, 2, 2), True, stride=(3,), padding=(1,), output_padding=(2,))
    yield case("conv_transpose1d", (1, 4, 3), (4, 1, 3), False, stride=(2,), padding=(0,), output_padding=(0,),
               groups=2, dilation=(2,))
    yield case("conv_transpose2d", (2, 3, 2, 3), (3, 2, 3, 2), True)
    yield case("conv_transpose2d", (1, 2, 3, 2), (2, 3, 3, 3), True, stride=(2,), padding=(1,), output_padding=(1,))
    yield case("conv_transpose2d", (2, 4, 2, 2), (4, 1, 2, 3), True, stride=(1, 2), padding=(0, 1),
               output_padding=(0, 1), groups=2, dilation=(2, 1))
    yield case("conv_transpose2d", (2, 1, 1), (2, 1, 2, 2), False)
    yield case("conv_transpose3d", (1, 2, 2, 1, 2), (2, 2, 2, 2, 2), True, second=False, stride=(1, 2, 2),
               padding=(0, 0, 1))


def pools():
    for op, x, *sizes in (("pool1d", (2, 3, 7), (2,)), ("pool1d", (3, 7), (3,), (2,), (1,)),
                          ("pool2d", (2, 2, 4, 6), (2,)),
                          ("pool2d", (2, 5, 5), (3, 2), (2, 1), (1, 0)), ("pool2d", (1, 2, 5, 5), (3,), (3,), (1,)),
                          ("pool2d", (0, 2, 4, 4), (2,)), ("pool3d", (1, 2, 2, 3, 4), (2, 1, 2)),
                          ("pool3d", (1, 2, 4, 4), (2,), (1,))):
        names = ("kernel_size", "stride", "padding")
        options = dict(zip(names, sizes))
        yield Case(f"max_{op}", lambda x, *v, op=op: getattr(F, f"max_{op}")(x, *v), {"x": x}, second=True, **options)
        yield Case(f"avg_{op}", lambda x, *v, op=op: getattr(F, f"avg_{op}")(x, *v), {"x": x}, second=True, **options)
    yield Case("max_pool2d", F.max_pool2d, {"x": (1, 1, 6, 5)}, second=True, kernel_size=(2,), stride=(1, 2),
               padding=(1,), dilation=(2,))
    yield Case("avg_pool2d", lambda x, k, s, p, c: F.avg_pool2d(x, k, s, p, count_include_pad=bool(c)),
               {"x": (2, 2, 5, 4)}, second=True, kernel_size=(3,), stride=(2,), padding=(1,), count_include_pad=0)
    yield Case("max_pool1d", F.max_pool1d, {"x": torch.tensor([[1., 1, 0, 2, 2, 2]]).double()}, label="ties",
               kernel_size=(3,), stride=(3,))


def cases():
    yield from pads()
    yield from convolutions()
    yield from transposed()
    yield from pools()
