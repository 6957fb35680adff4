"""structures.py -- two tasks whose graphs differ from example to example, as all peers and bench/batch.c run them.

    trees     a child-sum Tree-LSTM, 128 wide, over 256 random binary trees of 20 leaves; 1000 words, 5 classes
    tagger    a bidirectional LSTM, 64 wide each way, over 256 sentences of 5 to 40 words; 1000 words, 10 tags

An update takes 16 examples: cross entropy summed and divided by 16, SGD 0.01. Told is examples per second, training.
"""
import os
import statistics
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

THREADS = 1
WORDS, CLASSES, TAGS, LEAVES, EXAMPLES, TOGETHER = 1000, 5, 10, 20, 256, 16


class Draw:
    """The generator that the programs in C use too."""

    def __init__(self, seed):
        self.word = seed

    def below(self, n):
        self.word = (self.word * 1664525 + 1013904223) % 2**32
        return (self.word >> 8) % n


def tree(draw, leaves):
    """A leaf is a word, anything else a pair."""
    if leaves == 1:
        return draw.below(WORDS)
    left = 1 + draw.below(leaves - 1)
    return tree(draw, left), tree(draw, leaves - left)


def trees():
    draw = Draw(42)
    return [(tree(draw, LEAVES), draw.below(CLASSES)) for _ in range(EXAMPLES)]


def sentences():
    draw = Draw(42)
    lengths = [5 + draw.below(36) for _ in range(EXAMPLES)]
    return [[(draw.below(WORDS), draw.below(TAGS)) for _ in range(length)] for length in lengths]


def run(peer, update, examples, blocks=7):
    """One block goes once through all examples."""
    def epoch():
        for at in range(0, EXAMPLES, TOGETHER):
            update(examples[at:at + TOGETHER])

    epoch()
    rates, cpu, wall = [], time.process_time(), time.perf_counter()
    for _ in range(blocks):
        begin = time.perf_counter()
        epoch()
        rates.append(EXAMPLES / (time.perf_counter() - begin))
    load = (time.process_time() - cpu) / (time.perf_counter() - wall)
    rate = statistics.median(rates)
    note = "  VOID: more than one thread" if load > 1.05 else ""
    spread = f"{min(rates):7.0f} .. {max(rates):<7.0f}"
    print(f"  {peer:<34} {rate:9.0f} 1/s  {spread}  cpu/wall {load:.2f}{note}", flush=True)
    if len(sys.argv) > 1 and not note:
        with open(sys.argv[1], "a", encoding="ascii") as rows:
            rows.write(f"{peer},{rate:.6g},1/s\n")
