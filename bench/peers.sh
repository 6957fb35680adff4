#!/bin/sh
# peers.sh [BUILD] -- wick beside its peers on graphs that change: `make bench-peers`.
#
# Installs into BUILD/peers, with pip, what is not there yet: PyTorch (some 5 GB), JAX, TensorFlow, DyNet. A peer that
# cannot be had is left out, which is said. DYNET=DIR adds DyNet's C++ library, built in DIR/build; libtorch is the one
# that comes with PyTorch. All runs, compiling included, are bound to one processor, so that one thread is one thread.
# Rows go to BUILD/peers/peers.csv, the tables made of them to BUILD/peers/peers.md, the picture beside it.
set -eu
build=$(cd "${1:-build}" && pwd)
cd "$(dirname "$0")/.."
peers=$build/peers
rows=$peers/peers.csv
log=$peers/install.log
python=$peers/python/bin/python
export PKG_CONFIG_PATH="$build/stage/lib/pkgconfig"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
mkdir -p "$peers"
echo 'name,value,unit' > "$rows"
: > "$log"

# one COMMAND...: on the last processor, for ten minutes at the most.
last=$(($(nproc --all) - 1)) # plain nproc says what OMP_NUM_THREADS says
one() { timeout 600 taskset -c "$last" "$@" || echo "  $*: did not finish"; }

# --- what is there

[ -x "$python" ] || python3 -m venv "$peers/python" >> "$log" 2>&1 ||
    echo "no Python with venv: peers in Python are left out"
# has MODULE PACKAGE: is it there, or can it be installed?
has() {
    [ -x "$python" ] || return 1
    "$python" -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)" && return
    echo "installing $2 into $peers/python"
    "$python" -m pip install --quiet "$2" >> "$log" 2>&1 || { echo "$2 cannot be had: $log says why"; return 1; }
}

# --- wick

flags=$(pkg-config --cflags --libs wick)
library=$(pkg-config --variable=libdir wick)
compiled() {
    # shellcheck disable=SC2086 # $flags are several words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 "bench/$1.c" -o "$peers/$1" $flags "-Wl,-rpath,$library" -lm
}
sed -n 's/^model name[^:]*: */machine: /p' /proc/cpuinfo 2>/dev/null | head -n 1
echo "wick $(pkg-config --modversion wick), $(${CC:-cc} --version | head -n 1)"
for program in dynamic batch chains recurrent plan; do
    if [ -f "bench/$program.c" ] && compiled "$program"; then one "$peers/$program" "$rows"; fi
done
${CC:-cc} -std=c11 -D_GNU_SOURCE -O3 -march=native bench/floor.c -o "$peers/floor" -lm
one "$peers/floor" "$rows"

# --- peers

# dynamic MODULE PACKAGE PROGRAM PEER...: each peer of a program at each task, in a process of its own.
dynamic() {
    has "$1" "$2" || return 0
    program=$3
    shift 3
    for peer; do
        for task in tutorial any; do one "$python" "bench/peers/$program" "$peer" "$task" "$rows" 2>> "$log"; done
    done
}
dynamic torch torch dynamic_torch.py torch-as-written torch-fused torch-compile-as-written torch-compile-fused \
    torch-compile-unrolled
dynamic jax jax dynamic_jax.py jax-scan jax-padded
dynamic tensorflow tensorflow-cpu dynamic_tf.py tf-any-length tf-retraced
dynamic _dynet dyNET38 dynamic_dynet.py dynet-python

if has torch torch; then
    one "$python" bench/peers/structures_torch.py "$rows"
    [ ! -f bench/peers/recurrent_torch.py ] || one "$python" bench/peers/recurrent_torch.py "$rows"
    torch=$("$python" -c 'import torch, os; print(os.path.dirname(torch.__file__))')
    if command -v c++ > /dev/null &&
        c++ -std=c++20 -O2 -w "-I$torch/include" "-I$torch/include/torch/csrc/api/include" \
            bench/peers/libtorch_steps.cpp -o "$peers/libtorch_steps" "-L$torch/lib" "-Wl,-rpath,$torch/lib" \
            -ltorch -ltorch_cpu -lc10 >> "$log" 2>&1; then
        one "$peers/libtorch_steps" "$rows"
    else
        echo "libtorch: does not build here: $log says why"
    fi
fi

if [ -n "${DYNET:-}" ]; then
    for program in dynet_steps dynet_structures; do
        c++ -std=c++14 -O2 -w "-I$DYNET" -I/usr/include/eigen3 "bench/peers/$program.cpp" -o "$peers/$program" \
            "-L$DYNET/build/dynet" -ldynet "-Wl,-rpath,$DYNET/build/dynet"
    done
    one "$peers/dynet_steps" "$rows" 2>> "$log"
    for strategy in 0 1 3; do
        one "$peers/dynet_structures" "$rows" --dynet-mem 512 --dynet-autobatch "$strategy" 2>> "$log"
    done
fi

python3 bench/peers/table.py "$rows" "$peers"
