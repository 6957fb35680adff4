"""What reads or writes at indices, or finds them."""
import numpy as np
import torch

from oracle.case import Case
from oracle.inputs import truths, whole
from oracle.text import label_word

SAMPLES = """
    index_select gather scatter scatter_add  =    x dim index src
    index_add                                =    x dim index source alpha*
    take_along_dim                           =    x index dim!
    index             __getitem__                 x indices
    index_put                                =    x indices values accumulate
    masked_fill                              =    x mask value
    masked_select                            =    x mask
    one_hot                                  nn.  x num_classes
    nonzero                                  =    x as_tuple=False
    argsort                                  =    x dim descending stable*
    embedding                                nn.  weight:1 input:0 padding_idx
    sort                                     =    x dim descending stable*
    topk                                     =    x k dim largest sorted=True
"""


def argsort(x, dim, descending):
    return torch.sort(x, dim=dim, descending=bool(descending), stable=True).indices


def embedding(index, weight, padding_idx):
    return torch.nn.functional.embedding(index, weight, padding_idx if padding_idx >= 0 else None)


def cases():
    for shape, dim, index in (((3, 4), 0, whole(2, 0, 2, 1, shape=(1, 4))), ((3, 4), 1, whole(3, 3, 0, shape=(3, 1))),
                              ((2, 3, 2), -2, whole(*[0, 1, 2, 2] * 2, shape=(2, 2, 2))), ((5,), 0, whole(4, 4, 1)),
                              ((), 0, whole(0, shape=())), ((2, 3), 1, whole(shape=(2, 0)))):
        yield Case("gather", lambda x, i, dim: x.gather(dim, i), {"x": shape, "index": index}, dim=dim, second=True,
                   label=label_word(index) + f"_of_{label_word(shape)}")
        add = {"x": shape, "index": index, "src": tuple(index.shape)}
        yield Case("scatter_add", lambda x, i, src, dim: x.scatter_add(dim, i, src), add, dim=dim, second=True)
    for shape, dim, index in (((3, 4), 0, whole(2, 0, 1, shape=(1, 3))), ((3, 4), 1, whole(3, 1, 0, shape=(3, 1))),
                              ((5,), 0, whole(4, 0)), ((2, 3), 0, whole(shape=(0, 3)))):
        put = {"x": shape, "index": index, "src": tuple(index.shape)}
        yield Case("scatter", lambda x, i, src, dim: x.scatter(dim, i, src), put, dim=dim, second=True)
    for shape, dim, index in (((3, 4), 0, whole(2, 0, 2)), ((3, 4), -1, whole(1, 1, 3, 0, 0)), ((4,), 0, whole(3)),
                              ((2, 3, 2), 1, whole(2, 0)), ((4, 2), 0, whole()), ((), 0, whole(0)),
                              ((20, 9), 0, whole(*range(19)))):
        yield Case("index_select", lambda x, i, dim: x.index_select(dim, i), {"x": shape, "index": index}, dim=dim,
                   second=True)
        source = tuple(torch.empty(shape).index_select(dim, index).shape)
        yield Case("index_add", lambda x, i, source, dim: x.index_add(dim, i, source),
                   {"x": shape, "index": index, "source": source}, dim=dim, second=True)
    for weight, index in (((5, 3), whole(4, 0, 4)), ((5, 3), whole(1, 2, 2, 2, shape=(2, 2))), ((3, 2), whole()),
                          ((4, 2), whole(3, shape=())), ((30, 17), whole(*[7, 29] * 4, shape=(2, 4)))):
        inputs = {"input": index, "weight": weight}
        yield Case("embedding", embedding, inputs, padding_idx=-1, second=True)
        padding = int(index.flatten()[-1]) if index.numel() > 0 else 0
        yield Case("embedding", embedding, inputs, padding_idx=padding, second=True,
                   label=f"padding_{label_word(index)}_{padding}")
    for shape, index in (((4, 3), whole(-1, 2, -1)), ((5,), whole(0, -5, 2, 2, shape=(2, 2))), ((3, 2), whole()),
                         ((3, 2, 2), whole(1, shape=()))):
        yield Case("index", lambda x, i: x[i], {"x": shape, "index": index}, second=True)
        for values in (tuple(index.shape) + shape[1:], shape[1:], ()):
            for accumulate in (0, 1) if len(set(index.flatten().tolist())) == index.numel() else (1,):
                yield Case("index_put", lambda x, i, v, accumulate: x.index_put((i,), v, bool(accumulate)),
                           {"x": shape, "index": index, "values": values}, accumulate=accumulate, second=True)
    for values in ((3., 1, 2, 1, 3, 0), (0.,), (), (2., float("nan"), -1, float("inf"), float("nan"), 2)):
        x = torch.tensor(values, dtype=torch.float64)
        for descending in (0, 1):
            yield Case("argsort", argsort, {"x": x}, dim=0, descending=descending)
    for shape, dim in (((7, 3), 0), ((2, 33), -1), ((), 0), ((2, 0), 1), ((0, 2), 1), ((2, 3, 2), 1), ((100,), 0)):
        x = torch.from_numpy(np.random.default_rng(3).integers(-4, 5, shape).astype(np.int64)).reshape(shape)
        yield Case("argsort", argsort, {"x": x.double()}, dim=dim, descending=0, label=f"ties_{label_word(shape)}")
        yield Case("argsort", argsort, {"x": x}, dim=dim, descending=1, label=f"whole_{label_word(shape)}")
        yield Case("nonzero", torch.nonzero, {"x": x}, label=f"whole_{label_word(shape)}")
        yield Case("nonzero", torch.nonzero, {"x": (x / 2).trunc().double()}, label=label_word(shape))
    for shape, dim in (((7,), 0), ((2, 5), -1), ((4, 3), 0), ((), 0), ((0, 2), 1), ((2, 0), 1)):
        for descending in (0, 1):
            yield Case("sort", lambda x, dim, d: tuple(torch.sort(x, dim=dim, descending=bool(d), stable=True)),
                       {"x": shape}, outputs=("y", "index"), second=True, dim=dim, descending=descending)
            for k in sorted({0, min(shape[dim], 1), min(shape[dim], 3)}) if shape else (1,):
                yield Case("topk", lambda x, k, dim, d: tuple(torch.topk(x, k, dim, bool(d))), {"x": shape},
                           outputs=("y", "index"), second=True, k=k, dim=dim, largest=descending)
    for shape, mask in (((4,), truths(1, 0, 0, 1)), ((2, 2), truths(0, 1)), ((3,), truths(1, 0).reshape(2, 1)),
                        ((), truths(1).reshape(())), ((2, 0), truths(1, 1).reshape(2, 1)), ((3,), truths(0, 0, 0))):
        yield Case("masked_select", torch.masked_select, {"x": shape, "mask": mask}, second=True)
        if shape == tuple(torch.broadcast_shapes(shape, mask.shape)):
            yield Case("masked_fill", torch.masked_fill, {"x": shape, "mask": mask}, second=True, value=-2.5)
    for shape, index, dim in (((2, 3), whole(2, 0, shape=(2, 1)), 1), ((1, 3), whole(1, 0, 0, 2, shape=(2, 2)), -1),
                              ((3, 2), whole(1, 1, shape=(1, 2)), 0), ((3, 4), whole(2, shape=(1, 1)), 0)):
        yield Case("take_along_dim", torch.take_along_dim, {"x": shape, "index": index}, second=True, dim=dim)
    for index, classes in ((whole(2, 0, 1), 4), (whole(2, 0, 1, 1, shape=(2, 2)), -1), (whole(), 3),
                           (whole(0, shape=()), 1)):
        yield Case("one_hot", torch.nn.functional.one_hot, {"index": index}, num_classes=classes)
