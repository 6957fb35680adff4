#!/bin/sh
# check-style.sh -- what a machine can see of style: short functions, short files, and a library that neither prints nor
# ends the program. Exceptions are listed here, each with its reason.
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

# NAME  REASON
long_functions='
'
# FILE  REASON
long_files='
./include/wick/ops.def  the list of operations is their manual, and one file
'

excepted() {
    printf '%s' "$1" | grep -q "^$2 "
}

# The code of a C file, line by line: comments, preprocessor lines and the content of strings taken out.
code() {
    awk '
        {
            line = $0
            was_continued = continued
            continued = line ~ /\\$/ && (was_continued || line ~ /^[ \t]*#/)
            if (was_continued || line ~ /^[ \t]*#/ && !in_comment) line = ""
            gsub(/\\./, "", line)
            gsub(/"[^"]*"/, "\"\"", line)
            gsub(/\047[^\047]*\047/, "0", line)
            if (in_comment && !sub(/^.*\*\//, "", line)) line = ""
            else in_comment = 0
            sub(/\/\/.*/, "", line)
            while (match(line, /\/\*/)) {
                before = substr(line, 1, RSTART - 1)
                line = substr(line, RSTART + 2)
                if (match(line, /\*\//)) line = before substr(line, RSTART + 2)
                else {
                    in_comment = 1
                    line = before
                }
            }
            print line
        }' "$1"
}

# "LINES FILE:LINE NAME" of every function, from the line of its { to that of its }. A function is a block outside all
# others that follows a ")" and stands in no initialiser.
functions() {
    code "$1" | awk -v file="$1" '
        {
            for (i = 1; i <= length($0); i++) {
                c = substr($0, i, 1)
                if (c == "{" && depth++ == 0) {
                    sub(/[ \t]+$/, "", head)
                    is_function = head ~ /\)$/ && head !~ /=/
                    sub(/[ \t]*\(.*/, "", head)
                    sub(/.*[ \t*]/, "", head)
                    start = NR
                } else if (c == "}" && --depth == 0) {
                    if (is_function) print NR - start + 1, file ":" start, head
                    head = ""
                } else if (depth == 0) head = c == ";" ? "" : head c
            }
            if (depth == 0) head = head " "
        }'
}

sources=$(find src examples bench tests tools -name '*.[ch]' -o -name '*.inc' | sort)
table=$(for file in $sources; do
    case $file in tests/*) ;; *) functions "$file" ;; esac
done | sort -n)
count=$(printf '%s\n' "$table" | wc -l)
percentile() {
    printf '%s\n' "$table" | sed -n "$(((count * $1 + 99) / 100))p" | cut -d ' ' -f 1
}
median=$(percentile 50)
echo "$count functions: median $median lines, p90 $(percentile 90), longest $(percentile 100)"

check "the median function has at most 12 lines" [ "$median" -le 12 ]

is_short() {
    [ "$1" -le 80 ] || excepted "$long_functions" "$3" || { echo "$2: $3 has $1 lines"; return 1; }
}
while read -r lines place name; do
    check "a function has at most 80 lines" is_short "$lines" "$place" "$name"
done <<END
$table
END

is_small() {
    lines=$(wc -l < "$1")
    [ "$lines" -le 400 ] || excepted "$long_files" "$1" || { echo "$1 has $lines lines"; return 1; }
}
fits() {
    # The bytes of UTF-8 that begin no character are not counted.
    ! LC_ALL=C awk '{ gsub(/[\200-\277]/, "") } length > 120 { print FILENAME ":" FNR ": " length }' "$1" | grep .
}
for file in $sources $(find . -path ./build -prune -o -name '*.def' -o -name '*.sh' -o -name '*.py' | sort) \
    $(find include -name '*.h' | sort); do
    check "a file has at most 400 lines" is_small "$file"
    check "a line has at most 120 columns" fits "$file"
done

is_quiet() {
    ! code "$1" | grep -nE -e '\<(abort|exit|_Exit|quick_exit|longjmp|assert)\(' \
        -e '\<(printf|puts|putchar|perror)\(|\<f(printf|puts)\((stdout|stderr)'
}
for file in $(find src -name '*.[ch]' -o -name '*.inc' | sort); do
    check "$file: the library never ends the program and never prints" is_quiet "$file"
done
tally
