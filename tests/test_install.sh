#!/bin/sh
# test_install.sh [BUILD] -- what `make install` leaves can be used: by pkg-config, shared and static, and by CMake's
# find_package, from C and from C++, wherever the tree is moved; and uninstall takes all of it away.
build=$(cd "${1:-build}" && pwd) || exit 1
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
prefix=$stage/usr/local
export DESTDIR="$stage" PKG_CONFIG_PATH="$prefix/lib/pkgconfig"

# A component of its own name keeps the manifest of a real install, which `make uninstall` reads, as it is.
installs() {
    cmake --install "$build" --prefix /usr/local --component Unspecified
}

with_pkg_config() {
    source=$1 program=$stage/$2
    shift 2
    # shellcheck disable=SC2046 # flags, as separate words
    "$@" "$source" -o "$program" $(pkg-config --cflags wick) $(pkg-config --libs wick) "-Wl,-rpath,$prefix/lib" &&
        "$program"
}

static_with_pkg_config() {
    # shellcheck disable=SC2046
    cc -std=c11 examples/first.c -o "$stage/static" $(pkg-config --cflags wick) -static \
        $(pkg-config --static --libs wick) && "$stage/static"
}

with_cmake() {
    mkdir -p "$stage/user" && cat > "$stage/user/CMakeLists.txt" <<END && (unset DESTDIR && cd "$stage/user" &&
cmake_minimum_required(VERSION 3.25)
project(user C CXX)
find_package(wick 0.1 REQUIRED)
add_executable(shared $PWD/examples/first.c)
target_link_libraries(shared wick::wick)
add_executable(static $PWD/examples/first.c)
target_link_libraries(static wick::wick_static)
add_executable(cpp $PWD/examples/first.cpp)
target_link_libraries(cpp wick::wick)
END
        cmake -S . -B build "-DCMAKE_PREFIX_PATH=$prefix" && cmake --build build &&
        ./build/shared && ./build/static && ./build/cpp)
}

names_no_source() {
    ! grep -rIlF "$PWD" "$prefix"
}

uninstalls() {
    cp "$build/install_manifest_Unspecified.txt" "$stage/install_manifest.txt" &&
        (root=$PWD && cd "$stage" && cmake -P "$root/cmake/uninstall.cmake") &&
        ! find "$prefix" -type f | grep .
}

check "install" installs
check "the shared library has its two links" test -e "$prefix/lib/libwick.so" -a -e "$prefix/lib/libwick.so.0"
check "pkg-config knows the version" test "$(pkg-config --modversion wick)" = \
    "$(sed -n 's/^#define WK_VERSION_STRING "\(.*\)"/\1/p' include/wick/base.h)"
check "pkg-config, C" with_pkg_config examples/first.c c cc -std=c11
check "pkg-config, C++" with_pkg_config examples/first.cpp cpp c++ -std=c++17
check "pkg-config, C, static" static_with_pkg_config
check "find_package" with_cmake
check "no installed text names the source tree" names_no_source
check "uninstall" uninstalls
tally
