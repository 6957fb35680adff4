#!/bin/sh
# test_wick_cli.sh [BUILD] -- the program `wick`: what it lists, as lines and as JSON, and its exit codes.
build=$(cd "${1:-build}" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh
wick=$build/wick
rows=$(grep -c '^WK_OP(' include/wick/ops.def)

exits() { # exits CODE COMMAND...
    wanted=$1
    shift
    "$@" > /dev/null 2>&1
    test $? -eq "$wanted"
}

says() { # says PATTERN COMMAND...: on standard error
    pattern=$1
    shift
    "$@" 2>&1 > /dev/null | grep -q -e "$pattern"
}

lists() { test "$("$wick" ops | grep -c '^[a-z]')" -eq "$rows"; }

json() {
    "$wick" ops --json | python3 -c '
import json, sys
ops = {op["name"]: op for op in json.load(sys.stdin)}
assert len(ops) == int(sys.argv[1])
assert ops["linear"]["inputs"] == ["x", "w", "b"] and ops["stack"]["variadic"]
assert ops["select"]["attributes"] == [{"name": "dim", "kind": "int"}, {"name": "index", "kind": "int"}]
assert ops["rnn"]["outputs"] == 2
every = ["f32", "f64", "i64", "i32", "u8", "bool", "f16", "bf16"]
assert ops["add"]["dtypes"] == every == ops["transpose"]["dtypes"] and ops["rand"]["dtypes"] == []
assert ops["silu"]["dtypes"] == ["f32", "f64", "f16", "bf16"] and ops["one_hot"]["dtypes"] == ["i64", "i32", "u8"]
' "$rows"
}

check "help" exits 0 "$wick" --help
check "without a command" exits 2 "$wick"
check "version" sh -c '"$0" --version | grep -q "^wick [0-9]"' "$wick"
check "ops lists every row" lists
in_place=$("$wick" ops | grep -c '^[a-z0-9_]*_(')
check "README counts the operations" grep -q "^| operations | $((rows - in_place)), and $in_place in place" README.md
check "README.zh-CN counts them" grep -q "^| 运算 | $((rows - in_place)) 个，另有 $in_place 个原地版本" README.zh-CN.md
check "one op" sh -c '"$0" ops linear | grep -qx "linear(x, w, b)  *y = x w^T + b   \[numbers\]"' "$wick"
if command -v python3 > /dev/null; then check "ops as JSON" json; fi
check "info names the kernels" sh -c 'WK_ISA=ref "$0" info | grep -q "^kernels   ref, asked for by WK_ISA$"' "$wick"
check "info does not name kernels that there are not" \
    sh -c 'WK_ISA=vax "$0" info | grep -q "^kernels   .*, the best .*; WK_ISA=vax names none"' "$wick"
check "info tells the level of WK_DEBUG" \
    sh -c 'WK_DEBUG=2 "$0" info | grep -q "^debug     2, asked for by WK_DEBUG"' "$wick"
check "an unknown op" exits 2 "$wick" ops nothing
check "an unknown op is named" says 'no operation nothing' "$wick" ops nothing
check "an unknown command" exits 2 "$wick" swim
check "an unknown command is named" says 'no command swim' "$wick" swim
check "an unknown option" says 'no option --xml' "$wick" ops --xml
check "a full disk" sh -c '"$0" ops > /dev/full; test $? -eq 1' "$wick"
tally
