# setup.sh -- what ./run and ./test share: progress, finding and installing what is missing, building.
# It is read by them (`. tools/setup.sh`) at the top of the tree. What goes on is told on standard error.

log=build/log.txt
PATH=$PWD/build/python/bin:$PATH # where a CMake that the system lacks is put

if [ -t 2 ] && [ -z "${NO_COLOR-}" ]; then
    green=$(printf '\033[32m') red=$(printf '\033[31m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
    green='' red='' dim='' plain=''
fi

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "${red}$*${plain}"
    exit 1
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# seconds_since START: "0.4 s"
seconds_since() {
    tenths=$((($(milliseconds) - $1 + 50) / 100))
    echo "$((tenths / 10)).$((tenths % 10)) s"
}

# phase LABEL COMMAND...: one line for a long command, whose output goes to the log. Returns its status.
phase() {
    label=$1 start=$(milliseconds)
    shift
    if [ -t 2 ]; then printf '%-36s %s' "$label" "${dim}...${plain}" >&2; fi
    printf '\n== %s: %s\n' "$label" "$*" >> "$log"
    "$@" >> "$log" 2>&1 < /dev/null
    status=$?
    if [ $status -eq 0 ]; then verdict=${green}ok${plain}; else verdict=${red}failed${plain}; fi
    if [ -t 2 ]; then printf '\r' >&2; fi
    say "$(printf '%-36s %s  %s' "$label" "$verdict" "${dim}$(seconds_since "$start")${plain}")"
    return $status
}

# The end of what the last phase wrote, without the lines that only tell of progress.
show_output() {
    awk '/^== / { text = "" } !/^(\[ *[0-9]+%\]|gmake|make)/ { text = text "    " $0 "\n" } END { printf "%s", text }' \
        "$log" | tail -n 60 >&2
}

# must LABEL COMMAND...: a phase without which nothing goes on.
must() {
    if ! phase "$@"; then
        show_output
        die "The whole output is in $log."
    fi
}

# ------------------------------------------------------------------------------------------------ what is missing ---

has() {
    command -v "$1" > /dev/null 2>&1
}

# compiles COMPILER LANGUAGE PROGRAM FLAG...
compiles() {
    compiler=$1 language=$2 program=$3
    shift 3
    printf '%b' "$program" | "$compiler" -x "$language" - -o /dev/null "$@" > /dev/null 2>&1
}

has_compiler() {
    compiles "${CC:-cc}" c '#include <math.h>\nint main(void) { return 0; }\n' -lm
}

has_cxx() {
    compiles "${CXX:-c++}" c++ '#include <cmath>\nint main() { return 0; }\n'
}

has_cmocka() {
    compiles "${CC:-cc}" c '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>
#include <cmocka.h>\nint main(void) { return 0; }\n' -lcmocka
}

# has_cblas [FLAG...]: without flags, linked as Debian's alternatives have it.
has_cblas() {
    if [ $# -eq 0 ]; then set -- -lblas; fi
    compiles "${CC:-cc}" c '#include <cblas.h>\nint main(void) { float x = 0;
cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1, &x, 1, &x, 1, 0, &x, 1); return 0; }\n' "$@"
}

cmake_wanted() {
    sed -n 's/^cmake_minimum_required(VERSION \(.*\))/\1/p' CMakeLists.txt
}

# new_enough VERSION: of CMake. "(none)" and "" are not.
new_enough() {
    [ "$(printf '%s\n' "$(cmake_wanted)" "$1" | sort -V | head -n 1)" = "$(cmake_wanted)" ]
}

has_cmake() {
    new_enough "$(cmake --version 2> /dev/null | sed -n '1s/.* //p')"
}

# True when the system's package is known to be too old, or is here and is.
cmake_is_old() {
    offered=$(apt-cache policy cmake 2> /dev/null | sed -n 's/ *Candidate: *\([0-9]\)/\1/p')
    has cmake || { [ -n "$offered" ] && ! new_enough "$offered"; }
}

has_venv() {
    python3 -c 'import ensurepip, venv' 2> /dev/null
}

has_make() {
    has make || has ninja
}

# missing run|test: the packages that are missing for it, in the names that Debian and Ubuntu give them.
missing() {
    has_compiler || echo gcc libc6-dev
    has_cmake || if cmake_is_old; then has_venv || echo python3-venv; else echo cmake; fi
    has_make || echo make
    if [ "$1" = test ]; then
        has_cmocka || echo libcmocka-dev
        has_cxx || echo g++
        has pkg-config || echo pkg-config
        has valgrind || echo valgrind libc6-dbg
        has_cblas || ! has apt-get || echo libblas-dev # small; any other does
    fi
}

# ------------------------------------------------------------------------------------------------------- installing ---

apt='env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends'

# shellcheck disable=SC2086 # $as_root and $apt are several words each
# The package lists are fetched only when the ones at hand do not do.
apt_install() {
    $as_root $apt install "$@" || { $as_root $apt update && $as_root $apt install "$@"; }
}

install() {
    as_root=''
    has apt-get || die "wick needs these, by the names of Debian's packages: $*. Install them, then come again."
    if [ "$(id -u)" -ne 0 ]; then
        as_root='sudo -n'
        if ! $as_root true 2> /dev/null; then
            say "wick needs: $*. Type this, then come again:"
            say
            has sudo || say "    su -c 'apt-get update && apt-get install -y $*'"
            has sudo && say "    sudo sh -c 'apt-get update && apt-get install -y $*'"
            say
            exit 1
        fi
    fi
    must "install $*" apt_install "$@"
}

# Where the system's CMake is too old, a new one comes from Python's package index, into build/ and nowhere else.
install_cmake() {
    python3 -m venv build/python && build/python/bin/pip install "cmake>=$(cmake_wanted)"
}

# setup run|test: all that it takes before the first build.
setup() {
    mkdir -p build 2> /dev/null
    (: > "$log") 2> /dev/null || die "The folder build/ cannot be written here."
    for _ in 1 2; do # that CMake is too old may be known only when it is there
        packages=$(missing "$1" | tr '\n' ' ')
        # shellcheck disable=SC2086 # the names are separate words
        [ -z "$packages" ] || install ${packages% }
    done
    has_cmake || must "install CMake $(cmake_wanted) or newer" install_cmake
    packages=$(missing "$1" | tr '\n' ' ')
    [ -z "$packages" ] || die "Still missing after installing: ${packages% }. See $log."
}

# --------------------------------------------------------------------------------------------------------- building ---

# A folder that was configured somewhere else: the tree was moved or copied since.
was_moved() {
    [ -f "$1/CMakeCache.txt" ] && ! grep -qxF -e "CMAKE_CACHEFILE_DIR:INTERNAL=$PWD/$1" \
        -e "CMAKE_CACHEFILE_DIR:INTERNAL=$(pwd -P)/$1" "$1/CMakeCache.txt"
}

# build DIR TARGET OPTION...: the options are CMake's.
build() {
    directory=$1 target=$2
    shift 2
    if was_moved "$directory"; then set -- --fresh "$@"; fi
    if [ ! -f "$directory/CMakeCache.txt" ] && ! has make; then set -- -G Ninja "$@"; fi
    cmake -S . -B "$directory" "$@" && cmake --build "$directory" --parallel "$(nproc)" --target "$target"
}
