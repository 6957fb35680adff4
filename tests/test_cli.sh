#!/bin/sh
# test_cli.sh BUILD -- the command line of examples/dynamic_rnn: options, output, files, languages, exit codes.
# Prints a line for each failure and closes with "N passed, N failed".
set -u

program=$1/dynamic_rnn
case $program in /*) ;; *) program=$PWD/$program ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM
cd "$work" || exit 1

# A known environment: whatever the person who runs the tests has set, these decide.
unset LC_MESSAGES LC_CTYPE LANG LANGUAGE NO_COLOR COLUMNS COLORTERM 2>/dev/null
LC_ALL=C TERM=xterm-256color
export LC_ALL TERM

passed=0 failed=0
check() { # check WHAT COMMAND...: the command must succeed
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED: %s\n' "$what"
    fi
}
run() { # run ARGUMENTS...: leaves stdout, stderr and $status
    "$program" "$@" >stdout 2>stderr </dev/null
    status=$?
}
has() { grep -q -e "$2" "$1"; }                # has FILE PATTERN
has_not() { ! grep -q -e "$2" "$1"; }
exits() { [ "$status" -eq "$1" ]; }
is_empty() { [ ! -s "$1" ]; }
count() { [ "$(grep -c -e "$2" "$1")" -eq "$3" ]; } # count FILE PATTERN NUMBER of lines
no_escapes() { [ "$(tr -cd '\033' <"$1" | wc -c)" -eq 0 ]; }
is_ascii() { [ "$(LC_ALL=C tr -d '\000-\177' <"$1" | wc -c)" -eq 0 ]; }
is_svg() { [ "$(head -c 4 "$1")" = "<svg" ] && [ "$(tail -n 1 "$1")" = "</svg>" ]; }
same() { [ "$1" = "$2" ]; }

line='^ *[0-9][0-9]*  *[0-9][0-9]*  *[#█]* *[0-9][0-9]*\.[0-9]* *[0-9][0-9]*$'

# --- help
for help in --help -h; do
    run "$help"
    check "$help exits with 0" exits 0
    check "$help writes nothing to stderr" is_empty stderr
done
for option in --help --seed --seeds --iterations --fixed-steps --fast --out; do
    check "--help tells of $option" has stdout "^  $option "
done
check "--help stays within 100 columns" has_not stdout '^.\{101\}'

# --- options that are wrong: exit 2, the option or value named, what is allowed, and where to read on
wrong() { # wrong PATTERN ARGUMENTS...
    pattern=$1
    shift
    run "$@"
    check "$* exits with 2" exits 2
    check "$* says what is wrong" has stderr "$pattern"
    check "$* points to --help" has stderr 'see dynamic_rnn --help'
    check "$* prints nothing to stdout" is_empty stdout
}
wrong '"--sead"; there are --help --seed' --sead 3
wrong '"-x"' -x
wrong '"seed" is not an option' seed
wrong '--seed: "abc" is not a whole number from 0 to 4294967295' --seed abc
wrong '--seed: "" is not' --seed=
wrong '--seed: "-1" is not' --seed -1
wrong '--seed: "4.5" is not' --seed 4.5
wrong '--seed: "4294967296" is not' --seed 4294967296
wrong '--seed: "99999999999999999999" is not' --seed 99999999999999999999
wrong '--seed needs a value' --seed
wrong '--seed needs a value' --seed --fast
wrong '--seeds: "0" is not a whole number from 1 to' --seeds 0
wrong '--iterations: "0" is not a whole number from 1 to' --iterations 0
wrong '--fixed-steps: "0" is not a whole number from 1 to' --fixed-steps=0
wrong '--out: the name of a directory' --out ''
wrong '--out needs a value' --out
wrong '--fast takes no value' --fast=yes
check "a bad option writes no pictures" test ! -e out

# --- a run into a file: 60 plain lines, no escapes, a summary, four pictures
run --out pictures
check "a run exits with 0" exits 0
check "a run writes nothing to stderr" is_empty stderr
check "a run prints 60 lines" count stdout "$line" 60
check "a run into a file has no escapes" no_escapes stdout
check "a run under LC_ALL=C prints ASCII only" is_ascii stdout
check "a run has no trailing carriage returns" has_not stdout "$(printf '\r')"
check "a run tells what computing took" has stdout '^Computing took [0-9.]* ms'
check "a run into a file has no animation" has_not stdout 'animation'
check "a run tells of the frozen graph" has stdout '^A graph frozen at T=10 could have run [0-9]* of these 60'
for picture in dynamic_rnn graphs graph_t10 graph_t30; do
    check "a run draws $picture.svg" is_svg "pictures/$picture.svg"
    check "a run names $picture.svg" has stdout "pictures/$picture.svg"
done
check "a run leaves no temporary files" same "$(ls pictures | wc -l | tr -d ' ')" 4
frozen=$(sed -n 's/^A graph frozen at T=10 could have run \([0-9]*\) .*/\1/p' stdout)
check "the frozen graph fits the lines with T=10" same "$frozen" "$(grep -c '^ *[0-9]*  *10 ' stdout)"

# The same seed gives the same run, and the default seed is 4.
grep -e "$line" stdout >first
run --fast --seed 4 --out=pictures/deeper/still
grep -e "$line" stdout >second
check "--seed 4 is the default, and repeats" cmp -s first second
check "--out makes the directories it needs" is_svg pictures/deeper/still/graphs.svg
for picture in dynamic_rnn graphs graph_t10 graph_t30; do
    check "the same run draws the same $picture.svg" cmp -s "pictures/$picture.svg" "pictures/deeper/still/$picture.svg"
done
run --fast --seed 5 --out pictures
grep -e "$line" stdout >second
check "another seed gives another run" test "$(cmp -s first second && echo same)" != same

# Graphs of equal T are equal, and no others: as many shapes, and as many changes, as the lines show.
for seed in 5 6 8 10; do
    run --fast --seed "$seed" --out pictures
    sed -n 's/^ *[0-9][0-9]*  *\([0-9]*\)  .*\.[0-9].*/\1/p' stdout >lengths
    shapes=$(sort -u lengths | wc -l | tr -d ' ')
    changes=$(uniq lengths | wc -l | tr -d ' ')
    check "seed $seed: shapes and changes are those of T" \
        has stdout "^The graph had $shapes shapes and changed $((changes - 1)) times"
    check "seed $seed: the frozen graph fits all lines with T=10" \
        has stdout "could have run $(grep -c '^10$' lengths) of these"
done

# --- other sizes
run --iterations 7 --out pictures
check "--iterations 7 prints 7 lines" count stdout "$line" 7
run --iterations 1 --out pictures
check "--iterations 1 exits with 0" exits 0
run --fixed-steps 17 --iterations 5 --out fixed
check "--fixed-steps 17 has T=17 in each line" count stdout '^ *[0-9]*  *17 ' 5
check "--fixed-steps says that the graph stayed the same" has stdout 'same shape every time: frozen at T=17 '
check "--fixed-steps draws graph_t17.svg" is_svg fixed/graph_t17.svg
check "--fixed-steps draws three pictures" same "$(ls fixed | wc -l | tr -d ' ')" 3
run --fixed-steps 1 --iterations 3 --out fixed
check "--fixed-steps 1 exits with 0" exits 0

# --- a directory that cannot be written: the training is shown, the message names the place, exit 1
# A path below a plain file cannot be made by root either.
: >file
run --out file/out
check "an unwritable --out exits with 1" exits 1
check "an unwritable --out prints all lines" count stdout "$line" 60
check "an unwritable --out prints the summary" has stdout '^Computing took'
check "an unwritable --out is named" has stderr 'could not be written: file'
run --out file
check "a file as --out exits with 1" exits 1
check "a file as --out is left as it is" is_empty file
mkdir -p taken/graphs.svg
run --out taken
check "one picture that cannot be written exits with 1" exits 1
check "one picture that cannot be written is named" has stderr 'taken/graphs.svg'
check "the other pictures are written" is_svg taken/dynamic_rnn.svg
check "a failed picture leaves no temporary file" same "$(ls taken | wc -l | tr -d ' ')" 4

# --- many seeds
run --seeds 6
check "--seeds exits with 0" exits 0
check "--seeds 6 prints 6 rows" count stdout '^ *[0-5]  *[0-9.]*  *[0-9.]*   ' 6
check "--seeds counts those that learned" has stdout "^$(grep -c ' learned$' stdout) of 6 seeds learned\."
check "--seeds has no escapes" no_escapes stdout
check "--seeds draws no pictures" test ! -e out
run --seeds 2 --seed 4
check "--seeds goes on from --seed" has stdout '^ *5  '
"$program" --fast --out pictures >run 2>&1
check "--seeds and a run agree" same "$(sed -n 's/^Loss \([0-9.]*\) -> \([0-9.]*\), .*/\1 \2/p' run)" \
    "$(awk '$1 == 4 && $2 ~ /^[0-9]/ { print $2, $3 }' stdout)"

run --help
promised=$(sed -n 's/.*of the seeds 0 to 40, \([0-9]*\) end below a loss of 0.05.*/\1/p' stdout)
run --seeds 41
check "--help knows how many of the seeds 0 to 40 learn" has stdout "^$promised of 41 seeds learned\."

# --- languages: decided by the environment, whether or not the system has the locale
LC_ALL=zh_CN.UTF-8 "$program" --fast --out pictures >stdout 2>stderr
check "LC_ALL=zh_CN.UTF-8 speaks Chinese" has stdout '^损失 '
check "LC_ALL=zh_CN.UTF-8 prints 60 lines" count stdout '^ *[0-9][0-9]*  *[123]0  ' 60
check "LC_ALL=zh_CN.UTF-8 has no English left" has_not stdout 'frozen\|Computing\|Pictures\|loss'
check "LC_ALL=zh_CN.UTF-8 titles the pictures in Chinese" has pictures/dynamic_rnn.svg '计算图'
LC_ALL=zh_CN.UTF-8 "$program" --help >stdout
check "--help speaks Chinese" has stdout '用法'
LC_ALL=zh_CN.UTF-8 "$program" --seed x 2>stderr >stdout
check "a bad option is told in Chinese" has stderr '整数'
LC_ALL='' LC_MESSAGES=zh_CN.UTF-8 LANG=de_DE.UTF-8 "$program" --help >stdout
check "LC_MESSAGES comes before LANG" has stdout '用法'
LC_ALL='' LANG=zh_SG.utf8 "$program" --help >stdout
check "LANG decides last" has stdout '用法'
LC_ALL=en_GB.UTF-8 LANG=zh_CN.UTF-8 "$program" --help >stdout
check "LC_ALL comes before LANG" has stdout 'usage'
LC_ALL=zh_CN.GBK "$program" --help >stdout
check "Chinese in another character set is English" is_ascii stdout
for locale in C.UTF-8 xx_XX.UTF-8; do
    LC_ALL=$locale "$program" --iterations 2 --out pictures >stdout
    check "LC_ALL=$locale draws bars of blocks" has stdout '█'
done
LC_ALL=de_DE.UTF-8 "$program" --iterations 2 --out pictures >stdout
check "numbers have points in every locale" has stdout '0\.[0-9]*'
check "pictures have points in every locale" has_not pictures/graphs.svg "='[0-9]*,[0-9]*'"

# --- a terminal, if there is `script` to make one
if command -v script >/dev/null 2>&1 && script -qec true /dev/null >/dev/null 2>&1; then
    escape=$(printf '\033')
    on_terminal() { # on_terminal COLUMNS VARIABLES
        script -qec "stty cols $1 rows 30; $2 $program --fast --out pictures" /dev/null </dev/null >stdout 2>&1
    }
    on_terminal 80 'LC_ALL=C.UTF-8'
    check "a terminal gets colours" has stdout "${escape}\[38;5;"
    check "a terminal gets a plot in braille" has stdout "$(printf '\342\240')"
    check "the cursor is hidden" has stdout "${escape}\[?25l"
    check "the cursor comes back" has stdout "${escape}\[?25h"
    on_terminal 80 'NO_COLOR=1 LC_ALL=C.UTF-8'
    check "NO_COLOR: no colours" has_not stdout "${escape}\[[0-9;]*[1-9]m"
    check "NO_COLOR: still a plot" has stdout "$(printf '\342\240')"
    on_terminal 80 'TERM=dumb'
    check "TERM=dumb: no escapes" no_escapes stdout
    on_terminal 40 'LC_ALL=C'
    sed -n '/^iter/,/^Loss/p' stdout | sed "s/${escape}\[[0-9;?]*[A-Za-z]//g" | tr -d '\r' | sed '$d' >shown
    check "40 columns: no line is longer" has_not shown '^.\{40\}'
    check "40 columns: there are lines" has shown '###'

    # Interrupted in the middle of the animation: the cursor comes back.
    script -qec "timeout -s INT 0.5 $program --out interrupted" /dev/null >stdout 2>&1 </dev/null
    check "the animation can be interrupted" test ! -e interrupted
    check "an interrupt gives the cursor back" has stdout "${escape}\[?25h"
else
    printf 'SKIPPED: the terminal checks, for lack of script(1)\n'
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
