#!/bin/sh
# test_abi.sh BUILD [--set] -- the binary interface of libwick.so is the one written down in tests/abi: symbols.txt has
# the names that it exports, libwick.abi what is behind them (made by abidw of Debian's abigail-tools; without it that
# part is skipped). And it can be loaded late, beside libtorch too where that is installed. Functions that were added,
# and changes that are meant, are written down by --set; a change or a removal breaks programs, and needs a new SONAME.
build=$(cd "${1:-build}" && pwd) || exit 1
mode=${2-}
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

library=$build/libwick.so
if [ "$mode" = --set ]; then
    cp "$build/exports.txt" tests/abi/symbols.txt
    abidw --exported-interfaces-only --no-parameter-names --no-corpus-path --no-comp-dir-path \
        --no-elf-needed --out-file tests/abi/libwick.abi "$library" &&
        sed -i "s|$PWD/||g" tests/abi/libwick.abi # where it was built is nobody's business
    exit
fi

same_symbols() {
    ! diff tests/abi/symbols.txt "$build/exports.txt" |
        sed -n 's/^< /gone: /p; s/^> /new (sh tests\/test_abi.sh build --set): /p' | grep .
}

# Types that no public header defines are the library's own business. abidiff knows headers by their last name only,
# which some of ours share, so the types that are only declared there are named too.
same_interface() {
    opaque=$(sed -n 's/^typedef struct \([a-z_]*\) \1;.*/\1/p' include/wick/*.h | paste -s -d '|' -)
    printf '[suppress_type]\nname_regexp = ^(%s)$\n' "$opaque" > "$work/opaque"
    abidiff --no-added-syms --headers-dir1 include --headers-dir2 include --suppressions "$work/opaque" \
        tests/abi/libwick.abi "$library"
}

loads_late() {
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -O1 -I include -I "$build/include" \
        tests/abi/late.c -o "$work/late" -ldl -lpthread && "$work/late" "$library" "$@"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=0
check "exported names are those of tests/abi/symbols.txt" same_symbols
check "loaded late, by a second thread" loads_late
torch=$(PATH=$PATH:/sbin ldconfig -p 2> /dev/null | sed -n 's/.*libtorch_cpu\.so.* => //p' | head -n 1)
if [ -n "$torch" ]; then check "loaded late, beside libtorch" loads_late "$torch"; else skipped=$((skipped + 1)); fi
if command -v abidiff > /dev/null; then
    check "the interface is that of tests/abi/libwick.abi" same_interface
else
    echo "abidiff (abigail-tools) is not here: types are not compared"
    skipped=$((skipped + 1))
fi
rest=''
if [ "$skipped" -gt 0 ]; then rest=", $skipped skipped"; fi
echo "$passed passed, $failed failed$rest"
[ "$failed" -eq 0 ]
