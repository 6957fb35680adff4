"""How the PyTorch programs beside this file measure, and PyTorch's best settings on this machine: one thread, its
AVX-512 kernels where there are some, and OpenBLAS free to choose its own. Import it before torch."""
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx512" if "avx512f" in info.read() else "avx2")

import torch  # noqa: E402  (after the environment is set)

torch.set_num_threads(1)
csv = open(sys.argv[1], "a", encoding="ascii") if len(sys.argv) > 1 else None


def blas():
    """The library behind matrix products. Debian's reference BLAS is some fifty times slower than OpenBLAS."""
    with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
        files = {os.path.basename(line.split()[-1]) for line in maps if "blas" in line}
    fast = sorted(f for f in files if "openblas" in f or "blis" in f)
    return fast[0] if fast else "the reference BLAS: install libopenblas0 for rows with products to mean something"


def heading():
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} thread, kernels {os.environ['ATEN_CPU_CAPABILITY']}")
    print(f"  BLAS: {blas()}")


def row(name, block, count, scale, unit, blocks=11, work=None):
    """Median over blocks of the time per unit, of which a block has `count`; given `work`, of so much work per time."""
    block()
    values, cpu, wall = [], time.process_time(), time.perf_counter()
    for _ in range(blocks):
        begin = time.perf_counter()
        block()
        seconds = (time.perf_counter() - begin) / count
        values.append((work / seconds if work else seconds) * scale)
    load = (time.process_time() - cpu) / (time.perf_counter() - wall)
    value = statistics.median(values)
    note = "  VOID: more than one thread" if load > 1.05 else ""
    spread = f"{min(values):7.2f} .. {max(values):<7.2f}"
    print(f"  {'torch ' + name:<34} {value:9.2f} {unit:<3}  {spread}  cpu/wall {load:.2f}{note}", flush=True)
    if csv and not note:
        csv.write(f"torch {name},{value:.6g},{unit}\n")


def timed_row(name, call, scale, unit, work=None):
    """A row of one call, in blocks of some milliseconds."""
    call()
    begin = time.perf_counter()
    call()
    count = max(1, int(3e-3 / (time.perf_counter() - begin)))

    def block():
        for _ in range(count):
            call()

    row(name, block, count, scale, unit, work=work)
