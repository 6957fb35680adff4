#!/bin/sh
# test_why_dynamic.sh BUILD -- examples/why_dynamic.c: what it claims, its options and exit codes.
program=$1/why_dynamic
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

run() { # run ARGUMENTS...: leaves stdout, stderr and $status
    "$program" "$@" > "$work/stdout" 2> "$work/stderr" < /dev/null
    status=$?
}
exits() { [ "$status" -eq "$1" ]; }
says() { grep -q -e "$2" "$work/$1"; }
is_svg() { [ "$(head -c 4 "$1")" = "<svg" ] && [ "$(tail -n 1 "$1")" = "</svg>" ]; }

run --steps 300 --out "$work/pictures"
check "it runs" exits 0
check "the frozen plan refuses another T by both shapes" says stdout '(1,30,1).*(1,10,1)'
check "the frozen plan's row of the table says so" says stdout '^frozen plan .* 1   *refused'
check "eager records nothing beforehand" says stdout '^eager .* 0  .* 0$'
check "one recording serves every T" says stdout '^plan, T as trip count .* 1  .* 1$'
check "the plan's losses are eager's" says stdout 'equal to the last bit in 300 of 300 steps'
check "it draws" is_svg "$work/pictures/why_dynamic.svg"

run --steps 100 --out /dev/null/nowhere
check "a picture that cannot be written is exit 1" exits 1
check "and is named" says stderr '/dev/null/nowhere'
check "and loses no results" says stdout 'equal to the last bit in 100 of 100 steps'

run --help
check "--help exits with 0" exits 0
check "--help tells of --steps" says stdout '^  --steps '
for arguments in '--steps 99' '--steps ten' '--steps' 'more'; do
    # shellcheck disable=SC2086 # words
    run $arguments
    check "$arguments exits with 2" exits 2
    check "$arguments points to --help" says stderr 'see why_dynamic --help'
done
tally
