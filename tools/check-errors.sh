#!/bin/sh
# check-errors.sh [BUILD] -- the manual names every failure. Whatever the tests make a public function fail with stands
# in its comment, in that of its group, or in that at the head of its section; but for what holds for all functions
# (NOTE [Errors of every function] in wick/base.h) and for all rows (NOTE [Errors of every row] in wick/ops.def).
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

failures=$(mktemp)
trap 'rm -f "$failures"' EXIT
for name in names errors wild failures calls modules in_place rules optim plan_refusals checkpoint files; do
    WK_LIST_FAILURES=1 "$build/tests/test_$name" tests/data
done | sed -n 's/^# fails: //p' | LC_ALL=C sort -u > "$failures"

# Prints "FUNCTION STATUS: MESSAGE" for each failure that is not documented.
undocumented() {
    awk '
        # What holds for every function or row.
        function is_general(name, status, message) {
            if (status ~ /^(ENOMEM|ECLOSED|ECONTEXT|ENAN)$/ || message ~ / NULL$/) return 1
            if (message ~ /not inside a plan.s step|was computed in a batch|shared with other threads/) return 1
            if (message ~ /the options (have no size|use a field)/) return 1
            if (!(name in is_row)) return 0
            return status ~ /^(EDTYPE|ESTATE|EVERSION)$/ ||
                message ~ /no dimension|no place for a dimension|is named twice|negative size/ ||
                message ~ /dimensions: a tensor has 0 to 8|there is no attribute|it takes [0-9]+ input/
        }
        FILENAME ~ /include/ && FNR == 1 { section = comment = "" }
        FILENAME ~ /include/ && !in_comment && /^\/\*/ { in_comment = 1; text = ""; behind_comment = 0 }
        FILENAME ~ /include/ && in_comment {
            text = text " " $0
            if (!/\*\//) next
            in_comment = 0
            behind_comment = 1
            if (text ~ /^ \/\* ---/) section = comment = ""
            else comment = text
            next
        }
        # A comment that no declaration follows is about its section.
        FILENAME ~ /include/ && behind_comment && (/^$/ || /^WK_OP_FILE/) { section = section comment }
        FILENAME ~ /include/ { behind_comment = 0 }
        FILENAME ~ /include/ && match($0, /wk_[a-z0-9_]+\(/) && /^WK_API/ {
            name = substr($0, RSTART + 3, RLENGTH - 4)
            sub(/_(flags|options)$/, "", name) # messages have the name of the short form
            manual[name] = manual[name] section comment $0
        }
        FILENAME ~ /include/ && match($0, /^WK_OP\([a-z0-9_]+/) {
            name = substr($0, RSTART + 6, RLENGTH - 6)
            manual[name] = manual[name] section comment
            is_row[name] = 1
        }
        FILENAME !~ /include/ {
            status = $1
            message = substr($0, length(status) + 2)
            name = message
            sub(/:.*/, "", name)
            if (!(name in manual) || manual[name] ~ status || is_general(name, status, message)) next
            if (!told[name status]++) print name " " status ": " message
            bad = 1
        }
        END { exit bad }' include/wick/*.h include/wick/ops.def "$failures"
}

check "the tests make functions fail" test "$(wc -l < "$failures")" -gt 500
check "failures are named where the function is documented" undocumented
tally
