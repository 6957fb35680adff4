#!/bin/sh
# test_counts.sh BUILD [--set] -- what a steady loop does, counted, not timed: calls of malloc (none) and, by valgrind,
# instructions with the AVX2 kernels, which must stay below the ceilings in tests/counts/ceilings.txt. --set measures
# those anew, with a tenth to spare for other compilers: gcc 13 takes 5 % more than gcc 12.
set -u
build=$(cd "$1" && pwd) || exit 1
mode=${2-}
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
ceilings=tests/counts/ceilings.txt
passed=0 failed=0 skipped=0

verdict() { # verdict STATUS WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
    fi
}

${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Iinclude tests/counts/counts.c -o "$work/counts" "-L$build" -lwick -lm \
    "-Wl,-rpath,$build" || exit 1

for what in op tutorial_ops tutorial_as_written tutorial_fused trees; do
    "$work/counts" $what 2000 > "$work/out"
    verdict $? "$what runs"
    grep -q '^asked 0 ' "$work/out"
    verdict $? "$what: memory is asked of the C library in a steady loop: $(cat "$work/out")"
done

# instructions WHAT: per round of the loop; the start of the process is the difference of two runs
instructions() {
    for rounds in 200 1200; do
        WK_ISA=avx2 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$work/counts" "$1" $rounds 2>&1 \
            > /dev/null |
            sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
    done | awk 'NR == 1 { first = $1 } NR == 2 { printf "%d\n", ($1 - first) / 1000 }'
}

if ! command -v valgrind > /dev/null || ! grep -q avx2 /proc/cpuinfo; then
    skipped=5
    echo "instructions are not counted: valgrind or AVX2 is missing"
elif [ "$mode" = --set ]; then
    for what in op tutorial_ops tutorial_as_written tutorial_fused trees; do
        echo "$what $(instructions $what)" | awk '{ printf "%s %d\n", $1, $2 * 1.10 }'
    done | tee "$ceilings"
else
    while read -r what ceiling; do
        count=$(instructions "$what")
        [ -n "$count" ] && [ "$count" -le "$ceiling" ]
        verdict $? "$what takes $count instructions a round, more than $ceiling"
    done < "$ceilings"
fi
rest=''
if [ $skipped -gt 0 ]; then rest=", $skipped skipped"; fi
echo "$passed passed, $failed failed$rest"
[ $failed -eq 0 ]
