#!/bin/sh
# test_docs.sh [BUILD] [--quotes] -- what the documents show is true. In README, docs/ and the public headers
#
#   ```c  or  ```cpp     with a main() is compiled without a warning, linked with libwick.so, and run;
#   ```text              right after such a program is what it prints;
#   ```c file=PATH       is found in that file of the tree, word for word (with --quotes nothing else is looked at).
build=$(cd "${1:-build}" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

blocks=$(mktemp -d)
trap 'rm -rf "$blocks"' EXIT

# Writes each block to its own file: NNN.c, NNN.cpp (with NNN.text beside it), or NNN.quote with its path in NNN.path.
# NNN.where says where it stands. In headers the " * " of the comment is taken off.
extract() {
    awk -v folder="$blocks" '
        function base(number) { return sprintf("%s/%03d", folder, number) }
        function keep(suffix) {
            count++
            printf "%s", body > (base(count) "." suffix)
            print FILENAME ":" first > (base(count) ".where")
        }
        FNR == 1 { inside = 0; program = 0 }
        {
            line = $0
            if (FILENAME ~ /\.h(pp)?$/) sub(/^ \* ?/, "", line)
        }
        line ~ /^```/ && !inside { inside = 1; info = substr(line, 4); body = ""; first = FNR; next }
        line ~ /^```/ {
            inside = 0
            if (info == "text" && program) printf "%s", body > (base(program) ".text")
            program = 0
            if (info == "c" || info == "cpp") {
                if (body ~ /main\(/) { keep(info); program = count }
            } else if (info ~ /^c file=/) {
                keep("quote")
                print substr(info, 8) > (base(count) ".path")
            }
            next
        }
        inside { body = body line "\n" }' "$@"
}

compiles() {
    "$@" -Wall -Wextra -Wpedantic -Werror -O1 -I include -I "$build/include"
}

# As it stands, and as it is compiled to have places in errors.
builds() {
    source=$1
    shift
    compiles "$@" "$source" -o "${source%.*}" -L "$build" -lwick -lm "-Wl,-rpath,$build" &&
        compiles "$@" -DWK_TRACE -c "$source" -o "$source.o"
}

# Programs run in a folder of their own: they may write files.
runs() {
    (mkdir "$1.d" && cd "$1.d" && "$1" > "$1.out" 2>&1) || { cat "$1.out"; return 1; }
}

quotes() {
    awk 'NR == FNR { quoted = quoted $0 "\n"; next } { text = text $0 "\n" } END { exit !index(text, quoted) }' \
        "$1" "$(cat "${1%.quote}.path")"
}

documents=$(ls README*.md CONTRIBUTING.md docs/*.md include/wick.h include/wick.hpp include/wick/*.h 2> /dev/null)
# shellcheck disable=SC2086 # names of files, as separate words
extract $documents

if [ "${2-}" = --quotes ]; then
    for block in "$blocks"/*.quote; do
        check "$(cat "${block%.quote}.where") quotes $(cat "${block%.quote}.path")" quotes "$block"
    done
    tally
    exit
fi

programs=''
for where in "$blocks"/*.where; do
    block=${where%.where} place=$(cat "$where")
    [ -f "$block.c" ] && check "$place compiles" builds "$block.c" cc -std=c11
    [ -f "$block.cpp" ] && check "$place compiles" builds "$block.cpp" c++ -std=c++17
    [ -x "$block" ] && programs="$programs $place" && check "$place runs" runs "$block"
    [ -f "$block.text" ] && check "$place prints what the document says" diff "$block.text" "$block.out"
    [ -f "$block.quote" ] && check "$place quotes $(cat "$block.path")" quotes "$block.quote"
done

# The documents that must hold a program; a fence misspelt must not go unseen.
for document in README.md README.zh-CN.md include/wick.h; do
    check "$document holds a program that runs" expr "$programs" : ".* $document:"
done
tally
