"""Other looks at the same elements."""
import torch

from oracle.case import Case

SAMPLES = """
    clone contiguous        =        x
    unsqueeze               =        x dim dtype=torch.float64
    permute expand reshape  =        x dims
    reshape                 view     x dims
    select                  =        x dim index
    narrow                  =        x dim start length
    transpose               =        x dim0 dim1
    squeeze                 =        x dim!
    squeeze_all             squeeze  x
    flatten                 =        x start_dim end_dim
    diagonal                =        x offset dim1 dim2
    unfold                  =        x dim size step
    slice                   =        x dim start end step
    unflatten               =        x dim sizes
    as_strided              =        x size:dims stride:strides storage_offset:offset
    copy_                   expand   y x
    as_strided_scatter      =        x src size:dims stride:strides storage_offset:offset
"""


def as_strided_scatter(x, src, dims, strides, offset):
    """torch.as_strided_scatter, whose own gradient reads uninitialised memory in PyTorch 1.13."""
    y = x.clone(memory_format=torch.contiguous_format)
    y.as_strided(dims, strides, offset).copy_(src)
    return y


def cases():
    for shape, dim, index in (((2, 3, 4), 1, 0), ((2, 3, 4), -1, -1), ((2, 3, 4), 0, 1), ((5,), 0, -2)):
        yield Case("select", torch.select, {"x": shape}, dim=dim, index=index, second=True)
    for shape, dim, start, length in (((5,), 0, 1, 3), ((2, 4, 3), 1, -3, 2), ((2, 3), -1, 3, 0), ((0, 3), 0, 0, 0)):
        yield Case("narrow", torch.narrow, {"x": shape}, dim=dim, start=start, length=length, second=True)
    for shape, *at in (((7,), 0, 1, 7, 2), ((2, 7), 1, -6, -1, 3), ((4, 3), 0, -9, 99, 1), ((4, 3), -1, 2, 1, 1),
                       ((2, 3, 4), 1, 1, 2 ** 62, 2 ** 40)):
        yield Case("slice", torch.ops.aten.slice, {"x": shape}, second=True,
                   **dict(zip(("dim", "start", "end", "step"), at)))
    for shape, dims in (((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, -1, 1)), ((), ()), ((0, 3), (-1, 0))):
        yield Case("permute", torch.permute, {"x": shape}, dims=dims, second=True)
    for shape, offset, dim1, dim2 in (((3, 3), 0, 0, 1), ((2, 4), 1, 0, 1), ((4, 2), -2, -2, -1), ((2, 3, 4), 1, 2, 0),
                                      ((2, 3), 3, 0, 1), ((2, 3), -9, 0, 1), ((0, 3), 0, 0, 1)):
        yield Case("diagonal", torch.diagonal, {"x": shape}, offset=offset, dim1=dim1, dim2=dim2, second=True)
    for shape, dim, size, step in (((7,), 0, 3, 2), ((2, 5), 1, 2, 1), ((5, 2), 0, 5, 2 ** 40), ((5, 2), -2, 1, 3),
                                   ((3,), 0, 0, 1), ((2, 0), 1, 0, 1)):
        yield Case("unfold", torch.Tensor.unfold, {"x": shape}, dim=dim, size=size, step=step, second=True)
    for shape, start, end in (((2, 3, 4), 0, -1), ((2, 3, 4), 1, 2), ((2, 3), 1, 1), ((), 0, -1), ((0, 3), 0, 1)):
        yield Case("flatten", torch.flatten, {"x": shape}, start_dim=start, end_dim=end)
    for shape, dim, sizes in (((2, 6), 1, (3, 2)), ((2, 6), -1, (2, -1)), ((6, 2), 0, (1, 6)), ((0, 6), 1, (2, 3))):
        yield Case("unflatten", lambda x, dim, sizes: x.unflatten(dim, sizes), {"x": shape}, dim=dim, sizes=sizes)
    for shape, dim in (((2, 1, 3), 1), ((2, 1, 3), 0), ((1, 1), -1), ((), 0)):
        yield Case("squeeze", torch.squeeze, {"x": shape}, dim=dim)
    for shape, dim in (((2, 3), 1), ((2, 3), -1), ((2, 3), 0), ((), -1)):
        yield Case("unsqueeze", torch.unsqueeze, {"x": shape}, dim=dim)
    for shape in ((1, 2, 1, 3), (1, 1), (2, 3), ()):
        yield Case("squeeze_all", torch.squeeze, {"x": shape})
    for shape in ((2, 3), (2, 3, 4), (), (0, 2)):
        yield Case("contiguous", torch.Tensor.contiguous, {"x": shape})
        yield Case("clone", torch.clone, {"x": shape})
    for shape, dims, strides, offset in (((2, 4), (2,), (4,), 1), ((2, 3, 4), (2, 3), (12, 2), 3), ((5,), (), (), 4),
                                         ((6,), (3, 2), (1, 3), 0), ((4,), (0, 2), (1, 1), 2)):
        region = dict(dims=dims, strides=strides, offset=offset)
        yield Case("as_strided", torch.as_strided, {"x": shape}, second=True, **region)
        yield Case("as_strided_scatter", as_strided_scatter, {"x": shape, "src": dims}, second=True, **region)
    for shape, dims in (((2, 6), (3, 4)), ((2, 6), (-1,)), ((), (1, 1)), ((0, 3), (3, 0)), ((2, 3, 4), (6, -1))):
        yield Case("reshape", torch.reshape, {"x": shape}, dims=dims)
    for shape, dim0, dim1 in (((2, 3), 0, 1), ((2, 3, 4), 0, -1), ((2, 3, 4), 1, 1)):
        yield Case("transpose", torch.transpose, {"x": shape}, dim0=dim0, dim1=dim1)
    for shape, dims in (((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 3), (0, 3))):
        yield Case("expand", torch.Tensor.expand, {"x": shape}, dims=dims)
