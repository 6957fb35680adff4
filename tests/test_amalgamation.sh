#!/bin/sh
# test_amalgamation.sh [BUILD] [--quick] -- wick as one file: it compiles without a warning and without a flag, has
# every kernel table in it, and computes what the library computes, to the bit. --quick looks whether it would compile.
build=$(cd "${1:-build}" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
if ! command -v python3 > /dev/null; then
    echo "0 passed, 0 failed, 1 skipped: python3, which writes the file, is not here"
    exit 0
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

strict() { cc -O0 -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Werror "$@" "$work/wick.c"; }
check "names that files define for themselves" python3 -m doctest tools/amalgamate.py
check "amalgamate.py" python3 tools/amalgamate.py . "$build" "$work"
if [ "${2-}" = --quick ]; then
    check "no warning" strict -fsyntax-only
    tally
    exit
fi
check "no warning" strict -c -fPIC -fvisibility=hidden -DWK_API= -o "$work/strict.o"
check "a plug-in" cc -shared "$work/strict.o" -lm -lpthread -o "$work/plugin.so"
check "its names are its own" sh -c '! nm -D --defined-only "$0" | grep wk_' "$work/plugin.so"
check "the library's program" cc -O2 tests/amalgamation/losses.c -Iinclude "-L$build" -lwick "-Wl,-rpath,$build" \
    -o "$work/library"
for compiler in cc clang; do
    command -v $compiler > /dev/null || continue
    check "one file, $compiler" $compiler -O2 tests/amalgamation/losses.c "$work/wick.c" "-I$work" -lm -lpthread \
        -o "$work/single"
    for isa in ref avx2 avx512; do
        export WK_ISA=$isa
        check "$isa, library" sh -c '"$0" > "$1"' "$work/library" "$work/expected"
        check "$isa, one file" sh -c '"$0" > "$1"' "$work/single" "$work/found"
        check "$isa, $compiler: the same losses" cmp "$work/expected" "$work/found"
    done
    unset WK_ISA
done
tally
