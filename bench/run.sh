#!/bin/sh
# run.sh [BUILD] -- measures, as a user would get it. Every bench/*.c that includes <wick.h> is compiled with the flags
# of everyday (-O2) against the library installed in BUILD/stage (`make bench` installs it there), found by pkg-config.
# The others are what wick is compared with, such as the floor; they get all that the machine has. Then bench/bench.sh
# runs them, given the folder of the programs and the file for rows "name,value,unit", which is BUILD/bench.csv.
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
mkdir -p "$build/bench"
echo 'name,value,unit' > "$rows"

sed -n 's/^model name[^:]*: */machine: /p' /proc/cpuinfo 2>/dev/null | head -n 1
echo "wick $(pkg-config --modversion wick), $(${CC:-cc} --version | head -n 1)"
for source in bench/*.c; do
    program=$build/bench/$(basename "$source" .c)
    native=
    if [ "$program" = "$build/bench/floor" ]; then native='-O3 -march=native'; fi # it has no library to choose for it
    # shellcheck disable=SC2086 # $flags and $native are several words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 $native "$source" -o "$program" $flags "-Wl,-rpath,$library" -lm -ldl
    "$program" "$rows"
done
strip -o "$build/bench/libwick.so" "$library/libwick.so"
size=$(wc -c < "$build/bench/libwick.so")
echo "$size" | awk '{ printf "Size of libwick.so, stripped\n  %-34s %9.2f MB   goal 2\n", "size", $1 / 1e6 }'
echo "$size" | awk '{ printf "size,%.6g,MB\n", $1 / 1e6 }' >> "$rows"

# --- peers

for python in /usr/bin/python3 python3; do
    if "$python" -c 'import torch' 2>/dev/null; then
        for peer in bench/peers/torch_[!r]*.py; do "$python" "$peer" "$rows"; done
        break
    fi
done

if [ -d /usr/include/torch/csrc/api/include ] && command -v c++ > /dev/null &&
    c++ -std=c++17 -O2 -w -I/usr/include/torch/csrc/api/include bench/peers/libtorch_steps.cpp \
        -o "$build/bench/libtorch_steps" -ltorch -ltorch_cpu -lc10 2>/dev/null; then
    "$build/bench/libtorch_steps" "$rows"
fi

if [ -n "${DYNET:-}" ]; then
    c++ -std=c++11 -O2 -w "-I$DYNET" -I/usr/include/eigen3 bench/peers/dynet_steps.cpp -o "$build/bench/dynet_steps" \
        "-L$DYNET/build/dynet" -ldynet "-Wl,-rpath,$DYNET/build/dynet"
    "$build/bench/dynet_steps" "$rows" 2>/dev/null
fi
