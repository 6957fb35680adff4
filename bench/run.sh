#!/bin/sh
# run.sh [BUILD] -- measures, as a user would get it. Every bench/*.c that uses wick is compiled with the flags of
# everyday (-O2) against the library installed in BUILD/stage (`make bench` installs it there), found by pkg-config. The
# floor is what wick is compared with; it gets all that the machine has. What is printed goes
# to BUILD/bench.txt too, and rows "name,value,unit" to BUILD/bench.csv.
#
# Beside them stand the same rows in PyTorch and libtorch, where there is one: PEER_PYTHON names the Python that has it
# ("none": leave them out), else Debian's or the first in PATH is asked. DYNET=DIR adds DyNet's C++ library, built in
# DIR/build.
set -eu
build=$(cd "${1:-build}" && pwd)
cd "$(dirname "$0")/.."

export PKG_CONFIG_PATH="$build/stage/lib/pkgconfig"
# One thread means one, for peers too, and OpenBLAS is left to find out what machine this is.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
if grep -q avx512f /proc/cpuinfo 2>/dev/null; then export ATEN_CPU_CAPABILITY=avx512; fi

flags=$(pkg-config --cflags --libs wick)
library=$(pkg-config --variable=libdir wick)
rows=$build/bench.csv
text=$build/bench.txt
failures=$build/bench/failures
mkdir -p "$build/bench"
echo 'name,value,unit' > "$rows"
: > "$text"
: > "$failures"

# heard COMMAND...: runs it, and keeps what it prints. One that fails does not end the others.
heard() { { "$@" || echo "$*" >> "$failures"; } | tee -a "$text"; }

heard echo "machine: $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)"
heard echo "wick $(pkg-config --modversion wick), $(${CC:-cc} --version | head -n 1)"
for source in bench/*.c; do
    program=$build/bench/$(basename "$source" .c)
    native=
    if [ "$program" = "$build/bench/floor" ]; then native='-O3 -march=native'; fi # it has no library to choose for it
    # shellcheck disable=SC2086 # $flags and $native are several words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 $native "$source" -o "$program" $flags "-Wl,-rpath,$library" -lm -ldl
    heard "$program" "$rows"
done
strip -o "$build/bench/libwick.so" "$library/libwick.so"
size=$(wc -c < "$build/bench/libwick.so")
heard awk -v size="$size" 'BEGIN { print "Size of libwick.so, stripped"
    printf "  %-34s %9.2f MB   goal 2\n", "size", size / 1e6 }'
awk -v size="$size" 'BEGIN { printf "size,%.6g,MB\n", size / 1e6 }' >> "$rows"

# --- peers

python=
for candidate in ${PEER_PYTHON:-/usr/bin/python3 python3}; do
    if "$candidate" -c 'import torch' 2>/dev/null; then python=$candidate; break; fi
done
if [ -n "$python" ]; then
    for peer in bench/peers/torch_[!r]*.py; do heard "$python" "$peer" "$rows"; done
    # pip's has headers and libraries of its own; Debian's are where the compiler looks.
    torch=$("$python" -c 'import torch, os; print(os.path.dirname(torch.__file__))')
    include=$torch/include
    [ -d "$include" ] || include=/usr/include
    rm -f "$build/bench/libtorch_steps"
    for standard in c++20 c++17; do # the newest headers need the former, Debian's do not compile with it
        c++ -std=$standard -O2 -w "-I$include" "-I$include/torch/csrc/api/include" bench/peers/libtorch_steps.cpp \
            -o "$build/bench/libtorch_steps" "-L$torch/lib" "-Wl,-rpath,$torch/lib" -ltorch -ltorch_cpu -lc10 \
            2>/dev/null && break
    done
    if [ -x "$build/bench/libtorch_steps" ]; then heard "$build/bench/libtorch_steps" "$rows"
    else echo "libtorch: there is none that compiles here"; fi
fi

if [ -n "${DYNET:-}" ]; then
    c++ -std=c++14 -O2 -w "-I$DYNET" -I/usr/include/eigen3 bench/peers/dynet_steps.cpp -o "$build/bench/dynet_steps" \
        "-L$DYNET/build/dynet" -ldynet "-Wl,-rpath,$DYNET/build/dynet"
    heard "$build/bench/dynet_steps" "$rows" 2>/dev/null
fi

[ ! -s "$failures" ] || { echo "failed:"; cat "$failures"; exit 1; }
