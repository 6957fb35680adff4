"""What goes along one dimension: scans, products, the softmax family."""
import torch

from oracle.case import Case
from oracle.families.reductions import ONE_DIM, over_dims

SAMPLES = """
    softmax log_softmax cumsum cumprod  =  x dim dtype=torch.float64
"""


def cases():
    for shape, dim, _ in (*ONE_DIM, ((0, 3), 0, 0), ((3, 40), 1, 0), ((40, 3), 0, 0)):
        for op in (torch.cumsum, torch.cumprod, torch.softmax, torch.log_softmax):
            yield Case(op.__name__, op, {"x": shape}, second=True, dim=dim)
    for shape in ((), (4,), (2, 3), (0, 2)):
        yield Case("prod", torch.prod, {"x": shape}, second=True)
    for shape, dim in ((200,), 0), ((2, 150), 1), ((70, 19), 0), ((2, 70, 3), 1):
        x = 0.5 + torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)
        x.view(-1)[::37] *= -1
        x.view(-1)[40] *= len(shape) % 2  # 0 in matrices
        yield Case("prod_dim", lambda x, d, k: torch.prod(x, d, bool(k)), {"x": x}, dim=dim, keepdim=0, label="long")
        yield Case("prod", torch.prod, {"x": x}, label="long")
    for zeros in ((1,), (0, 2)):
        x = torch.tensor([0.5, -1.5, 2.0, 0.75]).double()
        x[list(zeros)] = 0
        # of two zeros PyTorch says that the second gradient is zero, which it is not
        yield Case("prod", torch.prod, {"x": x}, second=len(zeros) < 2, label=f"zeros_{len(zeros)}")
        yield Case("prod_dim", lambda x, d, k: torch.prod(x, d, bool(k)), {"x": x.reshape(2, 2)}, second=True, dim=1,
                   keepdim=0, label=f"zeros_{len(zeros)}")
        yield Case("cumprod", torch.cumprod, {"x": x}, second=True, dim=0, label=f"zeros_{len(zeros)}")
    large = torch.tensor([[1000.0, 999.0, -1000.0], [-2000.0, -2000.5, -2001.0]]).double()
    for op in (torch.softmax, torch.log_softmax):
        yield Case(op.__name__, op, {"x": large}, second=True, dim=1, label="large")
    yield Case("logsumexp", over_dims(torch.logsumexp), {"x": large / 16}, second=True, label="large", dims=(1,),
               keepdim=0)
