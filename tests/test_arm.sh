#!/bin/sh
# test_arm.sh [BUILD] -- wick on 64-bit ARM, by a cross compiler and an emulator, where these are here
# (gcc-aarch64-linux-gnu, qemu-user): the NEON kernels against the formulas, as test_kernels.c does with those of this
# machine, which takes some minutes; and wick as one file, which computes what this machine computes with the reference
# kernels, but for the last bits, where sums have another order and another libm rounds otherwise.
build=$(cd "${1:-build}" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
cc=aarch64-linux-gnu-gcc run='qemu-aarch64 -L /usr/aarch64-linux-gnu'
for needed in python3 $cc qemu-aarch64; do
    command -v "$needed" > /dev/null && continue
    echo "0 passed, 0 failed, 1 skipped: $needed is not here"
    exit 0
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

# alike A B: files of the same words, numbers among them up to a hundred-thousandth.
alike() {
    python3 - "$@" <<'END'
import math, sys
a, b = (open(name).read().split() for name in sys.argv[1:])
def near(x, y):
    try:
        return math.isclose(float.fromhex(x), float.fromhex(y), rel_tol=1e-5)
    except ValueError:
        return x == y
sys.exit(not a or len(a) != len(b) or not all(map(near, a, b)))
END
}

check "amalgamate.py" python3 tools/amalgamate.py . "$build" "$work"
check "no warning" $cc -O0 -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Werror -c "$work/wick.c" -o "$work/strict.o"
check "the one file" $cc -O2 -c "$work/wick.c" -o "$work/wick.o"
check "a program" $cc -O2 tests/amalgamation/losses.c "$work/wick.o" "-I$work" -lm -lpthread -o "$work/arm"
check "the library's program" cc -O2 tests/amalgamation/losses.c -Iinclude "-L$build" -lwick "-Wl,-rpath,$build" \
    -o "$work/here"
check "here" sh -c 'WK_ISA=ref "$0" > "$1"' "$work/here" "$work/expected"
for isa in ref neon; do
    check "on ARM, $isa" sh -c "$run -E WK_ISA=$isa"' "$0" > "$1"' "$work/arm" "$work/found"
    check "$isa: the same losses" alike "$work/expected" "$work/found"
done

check "configure" cmake -S . -B "$work/build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_C_COMPILER=$cc -DWK_CMOCKA_LIBRARY=OFF -DWK_WERROR=ON
check "build" cmake --build "$work/build" -j "$(nproc)" --target test_kernels wick_cli
check "NEON is the best that there is" sh -c "$run"' "$0/wick" info | grep -q "^kernels   neon, the best"' "$work/build"
check "the NEON kernels" $run "$work/build/tests/test_kernels" tests/data neon
tally
