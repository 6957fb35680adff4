#!/bin/sh
# test_trees.sh BUILD -- examples/trees.c: it learns, batched and as written alike; its options and exit codes.
program=$1/trees
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

run() { # run FILE ARGUMENTS...: leaves what was printed, without times, in FILE, and $status
    file=$work/$1
    shift
    "$program" "$@" > "$work/stdout" 2> "$work/stderr" < /dev/null
    status=$?
    sed 's/ *[0-9]* trees.s$//' "$work/stdout" > "$file"
}
exits() { [ "$status" -eq "$1" ]; }
learns() { awk '/^step/ { loss[++n] = $4 } END { exit !(n == 10 && loss[1] > loss[10]) }' "$work/$1"; }

run batched --steps 300
check "it runs batched" exits 0
check "it learns" learns batched
run written --steps 300 --no-batch
check "it runs as written" exits 0
check "both print the same" cmp "$work/batched" "$work/written"

run help --help
check "--help exits with 0" exits 0
for arguments in '--steps 0' '--steps ten' '--steps' 'more'; do
    # shellcheck disable=SC2086 # words
    run wrong $arguments
    check "$arguments exits with 2" exits 2
    check "$arguments points to --help" grep -q 'trees --help' "$work/stderr"
done
tally
