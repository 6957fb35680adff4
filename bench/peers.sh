#!/bin/sh
# peers.sh [BUILD] -- all of bench/run.sh, and wick beside its peers on graphs that change: `make bench-peers`.
#
# Installs into BUILD/peers, with pip, what is not there yet: PyTorch (some 5 GB), JAX, TensorFlow, DyNet. A peer that
# cannot be had is left out, which is said. DYNET=DIR adds DyNet's C++ library, built in DIR/build; libtorch is the one
# that comes with PyTorch. All runs, compiling included, are bound to one processor, so that one thread is one thread.
# Rows go to BUILD/bench.csv (of what run.sh runs) and BUILD/peers/peers.csv; BUILD/peers/peers.md has the tables.
set -eu
build=$(cd "${1:-build}" && pwd)
cd "$(dirname "$0")/.."
peers=$build/peers
rows=$peers/peers.csv
log=$peers/install.log
python=$peers/python/bin/python
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

# --- wick, and what does in other libraries as its programs do

has torch torch && torch=$python || torch=none
# In ten minutes it does not finish, so not by `one`.
PEER_PYTHON=$torch taskset -c "$last" sh bench/run.sh "$build" || echo "bench/run.sh: not all of it"

# --- the tasks of bench/peers

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

if [ "$torch" != none ]; then
    one "$python" bench/peers/structures_torch.py "$rows"
    one "$python" bench/peers/recurrent_torch.py "$rows"
fi

if [ -n "${DYNET:-}" ]; then
    c++ -std=c++14 -O2 -w "-I$DYNET" -I/usr/include/eigen3 bench/peers/dynet_structures.cpp \
        -o "$peers/dynet_structures" "-L$DYNET/build/dynet" -ldynet "-Wl,-rpath,$DYNET/build/dynet"
    for strategy in 0 1 3; do
        one "$peers/dynet_structures" "$rows" --dynet-mem 512 --dynet-autobatch "$strategy" 2>> "$log"
    done
fi

python3 bench/tables.py "$build" | tee "$peers/peers.md"
