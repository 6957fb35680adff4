#!/bin/sh
# run.sh [BUILD] -- measures, as a user would get it. Every bench/*.c that includes <wick.h> is compiled with the flags of
# everyday (-O2) against the library installed in BUILD/stage (`make bench` installs it there), found by pkg-config. The
# others are what wick is compared with, such as the floor; they get all that the machine has. Then bench/bench.sh runs
# them, given the folder of the programs and the file for rows "name,value,unit", which is BUILD/bench.csv.
set -eu
build=$(cd "${1:-build}" && pwd)
cd "$(dirname "$0")/.."

export PKG_CONFIG_PATH="$build/stage/lib/pkgconfig"
flags=$(pkg-config --cflags --libs wick)
library=$(pkg-config --variable=libdir wick)
programs=$build/bench rows=$build/bench.csv
mkdir -p "$programs"
echo 'name,value,unit' > "$rows"

for source in bench/*.c; do
    program=$programs/$(basename "$source" .c)
    # shellcheck disable=SC2086 # $flags is several words
    if grep -q '^#include <wick.h>' "$source"; then
        ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 "$source" -o "$program" $flags "-Wl,-rpath,$library" -lm
    else
        ${CC:-cc} -std=c11 -O3 -march=native -ffp-contract=off "$source" -o "$program" -lm
    fi
done
sh bench/bench.sh "$programs" "$rows"
