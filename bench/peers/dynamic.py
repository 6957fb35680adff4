"""dynamic.py -- the task that shows what a changing graph costs, as all peers run it, and how it is measured.

The network is the tutorial's: RNN(1,32), Linear at each time step, mean squared error, Adam 0.02, the state carried
from step to step and cut off from its history. The number of time steps T is drawn anew for every training step:

    tutorial    from 10, 20, 30
    any         from 1 .. 60

A peer is a function that makes `step(x, y)`, which trains on NumPy arrays (1,T,1) and returns the loss. Told are

    first       the first step, with whatever is traced and compiled in it
    warm        the first 240 steps together: what a user waits for before all is compiled
    steady      one step after that, the median of blocks of 60
    compiled    how many graphs were compiled for that (`compiled`, asked at the end); 0 where nothing is compiled
    memory      the largest resident set of the process
"""
import os
import resource
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
             "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # they hold a library back from what it would choose itself
    os.environ.pop(name, None)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np  # noqa: E402  (after the environment is set)

TASKS = {"tutorial": (10, 20, 30), "any": tuple(range(1, 61))}
WARM, BLOCK, BLOCKS = 240, 60, 11


def wave(begin, steps):
    at = np.pi / 10 * (begin + np.arange(steps))
    return np.sin(at).astype(np.float32)[None, :, None], np.cos(at).astype(np.float32)[None, :, None]


def batches(lengths, count):
    """`count` pairs (x, y), made beforehand: no peer is timed while NumPy works. T is drawn as in bench/dynamic.c."""
    word, begin, made = 1, 0, []
    for _ in range(count):
        word = (word * 1664525 + 1013904223) % 2**32
        steps = lengths[(word >> 8) % len(lengths)]
        made.append(wave(begin, steps))
        begin += steps
    return made


def run(make_step, compiled):
    peer, task, csv = sys.argv[1], sys.argv[2], sys.argv[3:]

    def tell(what, value, unit):
        print(f"  {peer + ', ' + task + ', ' + what:<52} {value:14.2f} {unit}", flush=True)
        for path in csv:
            with open(path, "a", encoding="ascii") as rows:
                rows.write(f"{peer}/{task}/{what},{value:.6g},{unit}\n")

    step, data, times = make_step(), batches(TASKS[task], WARM + BLOCK * BLOCKS), []
    for i, (x, y) in enumerate(data):
        if i == WARM:
            cpu, wall = time.process_time(), time.perf_counter()
        begin = time.perf_counter()
        loss = step(x, y)
        times.append(time.perf_counter() - begin)
    load = (time.process_time() - cpu) / (time.perf_counter() - wall)
    blocks = [sum(times[i:i + BLOCK]) / BLOCK for i in range(WARM, len(times), BLOCK)]
    tell("first", times[0] * 1e3, "ms")
    tell("warm", sum(times[:WARM]) * 1e3, "ms")
    tell("steady", statistics.median(blocks) * 1e6, "us")
    tell("compiled", compiled(), "graphs")
    tell("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")
    tell("cpu/wall", load, "")
    tell("loss", float(loss), "")


def main(peers):
    """`peers`: name -> (a function that makes a step, a function that counts graphs). One process runs one peer at one
    task, so that its memory and its first step are its own."""
    if len(sys.argv) < 3 or sys.argv[1] not in peers or sys.argv[2] not in TASKS:
        print(f"usage: {sys.argv[0]} PEER TASK [CSV]", file=sys.stderr)
        print(f"peers: {', '.join(peers)}\ntasks: {', '.join(TASKS)}", file=sys.stderr)
        sys.exit(2)
    run(*peers[sys.argv[1]])
