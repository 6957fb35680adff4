#!/bin/sh
# check-format.sh -- the part of the layout that has no exceptions. The rest is taste: tables of initialisers and
# drawings of memory are laid out by hand, so no formatter is let loose on whole files (`make format` formats the lines
# that have changed).
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

# For every kind of text: no tabs (but in a Makefile), no blanks at the end of a line, one empty line at most (two in
# Python), none at the end.
is_clean() {
    awk '
        function complain(what) { print FILENAME ":" FNR ": " what; bad = 1 }
        FNR == 1 { most_empty = FILENAME ~ /\.py$/ ? 2 : 1 }
        /\t/ && FILENAME != "Makefile" { complain("a tab") }
        /\r/ { complain("a carriage return") }
        /[ \t]$/ { complain("blanks at the end of the line") }
        { empty = /^$/ ? empty + 1 : 0 }
        empty == most_empty + 1 { complain("too many empty lines") }
        END {
            if (empty) complain("an empty line at the end of the file")
            exit bad
        }' "$1"
}

# A brace opens on the line of what it belongs to, else stands beside its brace, a keyword is set off from its "(".
has_braces_in_place() {
    awk '
        function complain(what) { print FILENAME ":" FNR ": " what; bad = 1 }
        /^[ ]*\{$/ && last ~ /\)$/ { complain("{ belongs on the line before") }
        /^ *else/ && last ~ /^ *\}$/ { complain("else belongs beside the }") }
        /(^|[^A-Za-z0-9_])(if|for|while|switch)\(/ && !/\/\*|^ \*|"/ { complain("a keyword without a space") }
        /^ *(\} else )?(if|for|while|switch) .*\)\{$/ || /^[a-z][^=]*\)\{$/ { complain("){ without a space") }
        { last = $0 }
        END { exit bad }' "$1"
}

c_files=$(find include src examples bench tests tools -name '*.[ch]' -o -name '*.inc' -o -name '*.cpp' | sort)
other_files=$(find . -path ./build -prune -o \
    \( -name '*.sh' -o -name '*.py' -o -name '*.cmake' -o -name '*.def' -o -name CMakeLists.txt \) -print | sort)
for file in $c_files $other_files Makefile run test .ci/run; do
    check "$file is clean" is_clean "$file"
done
for file in $c_files; do
    check "$file: braces" has_braces_in_place "$file"
done
tally
