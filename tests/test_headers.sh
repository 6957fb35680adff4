#!/bin/sh
# test_headers.sh [BUILD] -- each public header compiles alone, as C11 and as C++17, with and without WK_TRACE, without
# a warning, by every compiler that is here.
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror'

# compiles COMPILER LANGUAGE STANDARD HEADER FLAG...
compiles() {
    compiler=$1 language=$2 standard=$3 header=$4
    shift 4
    # shellcheck disable=SC2086 # $warnings is several words
    echo "#include <$header>" |
        "$compiler" -x "$language" -std="$standard" $warnings -I include -I "$build/include" "$@" -fsyntax-only -
}

headers=$(cd include && ls wick.h wick/*.h)
for header in $headers wick/trace.h; do
    for compiler in cc clang; do
        command -v $compiler > /dev/null || continue
        check "$header as C11, $compiler" compiles $compiler c c11 "$header"
        check "$header as C11, $compiler, WK_TRACE" compiles $compiler c c11 "$header" -DWK_TRACE
    done
    for compiler in c++ clang++; do
        command -v $compiler > /dev/null || continue
        check "$header as C++17, $compiler" compiles $compiler c++ c++17 "$header"
        check "$header as C++17, $compiler, WK_TRACE" compiles $compiler c++ c++17 "$header" -DWK_TRACE
    done
done
for compiler in c++ clang++; do
    command -v $compiler > /dev/null || continue
    for standard in c++17 c++20; do
        check "wick.hpp as $standard, $compiler" compiles $compiler c++ $standard wick.hpp
    done
done
tally
