#!/bin/sh
# test_gpt.sh BUILD -- examples/gpt.c: it learns, and writes the same with and without its cache; options, exit codes.
program=$1/gpt
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

run() { # run FILE ARGUMENTS...: leaves what was printed in FILE, errors in stderr, and $status
    file=$work/$1
    shift
    "$program" "$@" > "$file" 2> "$work/stderr" < /dev/null
    status=$?
}
exits() { [ "$status" -eq "$1" ]; }
learns() { awk '/^step/ { loss[++n] = $4 } END { exit !(n == 10 && loss[1] > 1.2 * loss[10]) }' "$work/$1"; }
is_plain() { ! grep -q "$(printf '\033')" "$work/$1"; }
sample() { sed '/^step/d' "$work/$1"; }

run text --steps 60
check "it runs" exits 0
check "it learns" learns text
check "it writes 600 characters" [ "$(sample text | wc -c)" -eq 601 ]
check "beginning as the text does" [ "$(sample text | head -c 1)" = / ]
check "a file has no colours" is_plain text
run again --steps 60
check "it does the same again" cmp "$work/text" "$work/again"
run whole --steps 60 --no-cache
check "it writes the same without the cache" cmp "$work/text" "$work/whole"
run other --steps 10 --text README.zh-CN.md
check "it reads any text" exits 0

run help --help
check "--help exits with 0" exits 0
for arguments in '--steps 0' '--steps ten' '--steps' '--text' 'more'; do
    # shellcheck disable=SC2086 # words
    run wrong $arguments
    check "$arguments exits with 2" exits 2
    check "$arguments points to --help" grep -q 'gpt --help' "$work/stderr"
done
for text in nowhere tests /dev/null; do
    run none --text "$text"
    check "the text $text is exit 1" exits 1
    check "and is named" grep -q "\"$text\"" "$work/stderr"
done
tally
