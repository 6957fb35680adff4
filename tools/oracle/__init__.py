"""What the tests compare wick with: PyTorch's results and gradients in float64, for every row of ops.def.

    families/       a file for each family of rows: its cases, and how PyTorch's own samples (OpInfo) call its rows
    differences.py  the samples on which wick differs from PyTorch, each with the reason
    case.py         a case: a function of PyTorch on given shapes
    opinfo.py       a sample of OpInfo as a call of a row
    text.py         the files that become of both

tools/torch_ops.py and tools/torch_opinfo.py write the files. Results are the same on every machine: PyTorch is told to
use one thread and no instruction set in particular.
"""
import os

os.environ.update(ATEN_CPU_CAPABILITY="default", OPENBLAS_CORETYPE="Haswell", OPENBLAS_NUM_THREADS="1",
                  OMP_NUM_THREADS="1")
os.environ.pop("OPENBLAS_L2_SIZE", None)
import torch  # noqa: E402, which reads them

torch.set_num_threads(1)
