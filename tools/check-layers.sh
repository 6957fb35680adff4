#!/bin/sh
# check-layers.sh -- an #include may only go down the order of src/LAYERS; programs include <wick.h> alone.
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

# Prints "FILE:LINE: #include "X" goes up" for each offence of one source of the library, and fails if there is one.
goes_down() {
    awk -v file="$1" '
        FNR == 1 { reading_layers = FILENAME == "src/LAYERS" }
        reading_layers && /^[a-z]/ {
            level[$1] = ++levels
            for (i = 2; i <= NF; i++) level["wick/" $i] = levels
        }
        !reading_layers && /^[ \t]*#[ \t]*include[ \t]*"/ {
            split($0, quoted, "\"")
            target = quoted[2]
            folder = target
            sub(/\/.*/, "", folder)
            split(file, path, "/")
            own = level[path[2]]
            other = target in level ? level[target] : folder in level ? level[folder] : 0
            if (!own) problem = "is in a folder that src/LAYERS does not name"
            else if (!other) problem = "is neither of a layer nor a public header"
            else if (other > own) problem = "goes up"
            else next
            printf "%s:%d: #include \"%s\" %s\n", file, FNR, target, problem
            bad = 1
        }
        END { exit bad }' src/LAYERS "$1"
}

# A program may include <wick.h>, the system, and headers of its own folder.
is_a_user() {
    awk -v file="$1" '
        /^[ \t]*#[ \t]*include/ {
            target = $0
            gsub(/^[^"<]*["<]|[">].*$/, "", target)
            if (target == "wick.h" || target !~ /^wick\// && $0 ~ /</) next
            if ($0 ~ /"/ && target !~ /\//) next
            printf "%s:%d: includes %s\n", file, FNR, target
            bad = 1
        }
        END { exit bad }' "$1"
}

for file in $(find src -name '*.[ch]' -o -name '*.inc' | sort); do
    check "$file" goes_down "$file"
done
for file in $(find cli examples bench -name '*.[ch]' -o -name '*.cpp' | sort); do
    check "$file" is_a_user "$file"
done
tally
