#!/bin/sh
# test_bench_docs.sh [BUILD] -- `make bench-docs` makes the tables of the documents from what was measured: here from a
# few rows that are made up, in a copy of the documents.
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
if ! command -v python3 > /dev/null; then
    echo "skipped: there is no python3"
    tally
    exit
fi

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
mkdir -p "$room/docs/images" "$room/build/peers"
cp -r bench "$room/bench"
cp README.md README.zh-CN.md "$room"
cp docs/benchmarks.md "$room/docs"

cat > "$room/build/bench.csv" << 'END'
name,value,unit
tutorial_floor,2,us
tutorial_fused,3,us
rnn H 64 B 1 T 50,0.03,ms
rnn H 64 B 1 T 50 products,0.025,ms
END
cat > "$room/build/peers/peers.csv" << 'END'
name,value,unit
torch tutorial_fused,1500,us
END
printf '  %-34s %9.2f us\n' tutorial_fused 3 > "$room/build/bench.txt"
cat > "$room/README.md" << 'END'
before
<!-- measured: table times -->
old
<!-- end -->
between
<!-- measured: lines tutorial_f.* -->
<!-- end -->
<!-- measured: table trees -->
stays
<!-- end -->
END
cat > "$room/expected" << 'END'
before
<!-- measured: table times -->

|  | wick | floors | times DyNet | times libtorch | times PyTorch |
|---|--:|--:|--:|--:|--:|
| training step, fused RNN and one linear | 3 us | 1.50 |  |  | 500 |

<!-- end -->
between
<!-- measured: lines tutorial_f.* -->

```
  tutorial_fused                          3.00 us
```

<!-- end -->
<!-- measured: table trees -->
stays
<!-- end -->
END
python3 "$room/bench/docs.py" "$room/build" > "$room/told" 2>&1
check "docs.py runs" test $? = 0
check "blocks are made anew, and those without rows left alone" diff "$room/expected" "$room/README.md"
check "what was not measured is told" grep 'README.md: changed; not measured: trees' "$room/told"
python3 bench/tables.py "$room/build" recurrent > "$room/told"
check "a layer stands beside its products" grep 'H 64 B 1 T 50 | 0.0300 | 1.20 |' "$room/told"
python3 bench/tables.py "$room/build" nothing > "$room/told" 2>&1
check "a table of no such name is refused" test $? = 2
tally
