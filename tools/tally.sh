# tally.sh -- counting, for scripts that close with "N passed, N failed". Read by them with `. tools/tally.sh`.

passed=0 failed=0

# check LABEL COMMAND...: counts the command's status, and shows its output only when it fails.
check() {
    check_label=$1
    shift
    if check_output=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n%s\n' "$check_label" "$check_output"
    fi
}

# The last command of a script: the closing line, and its status.
tally() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
