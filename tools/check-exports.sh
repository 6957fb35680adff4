#!/bin/sh
# check-exports.sh [BUILD] -- libwick.so exports what the headers declare and nothing else, needs nothing but libc, libm
# and threads, and keeps its thread-local memory within the small reserve that dlopen has for it.
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

library=$build/libwick.so
exported=$(mktemp)
trap 'rm -f "$exported"' EXIT
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort > "$exported"

same_names() {
    ! diff "$build/exports.txt" "$exported" |
        sed -n 's/^< /declared in a header but not exported: /p; s/^> /exported but declared in no header: /p' | grep .
}

needs_only_the_c_library() {
    ! readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -vE '^(libc|libm|libpthread|ld-linux[-a-z0-9_]*)\.so\.[0-9]+$'
}

tls_nbytes() {
    size=$(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }')
    echo $((${size:-0}))
}

check "$library is there" test -s "$library"
check "some names are exported" test -s "$exported"
check "exported names are the declared ones" same_names
check "libraries needed" needs_only_the_c_library
check "thread-local memory of $(tls_nbytes) bytes is at most 64" test "$(tls_nbytes)" -le 64
tally
