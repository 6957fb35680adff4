#!/bin/sh
# test_cblas.sh [BUILD] -- wick built with the CBLAS that is here, and every product of it, however small, sent that
# way: the results are those of the oracles, plans still equal eager calls, and the library says whose products they
# are.
cd "$(dirname "$0")/.." || exit 1
. tools/setup.sh
. tools/tally.sh
if ! has_cblas; then
    echo "0 passed, 0 failed, 1 skipped: no CBLAS is here (packages libblas-dev, libopenblas-dev ...)"
    exit 0
fi
folder=build/cblas
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

programs='kernels ops opinfo gradcheck layers recurrent batch plan plan_networks plan_ops tutorial threads'

# shellcheck disable=SC2086 # the names are separate words
builds() {
    targets=$(printf 'test_%s ' $programs)
    cmake -S . -B "$folder" -DWK_CBLAS=ON -DWK_CBLAS_FROM=1 -DWK_WERROR=ON \
        -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O1 -DNDEBUG' &&
        cmake --build "$folder" --parallel "$(nproc)" --target wick wick_cli $targets
}

refuses_what_is_none() {
    ! cmake -S . -B "$work/none" -DWK_CBLAS=ON -DWK_CBLAS_LIBRARIES=/nowhere/libnone.so > "$work/none.txt" 2>&1 &&
        grep -q 'no library with cblas_sgemm was found' "$work/none.txt"
}

losses() {
    cc -O1 "$@" tests/amalgamation/losses.c "$work/wick.c" "-I$work" -lblas -lm -lpthread -o "$work/losses" &&
        "$work/losses" > "$work/losses.txt" && test -s "$work/losses.txt"
}

check "built with a CBLAS, no warning" builds
check "what is no CBLAS is refused" refuses_what_is_none
for program in $programs; do
    check "$program" "$folder/tests/test_$program" tests/data
done
check "wick info names it" sh -c '"$0" info | grep -q "^products .* large ones by [A-Za-z]"' "$folder/wick"
check "without one, wick info says so" sh -c '"$0" info | grep -q "no BLAS is used"' "${1:-build}/wick"
check "it sets nothing" sh -c '! nm -D "$0" | grep -iE "(openblas|bli|mkl|omp)_.*set"' "$folder/libwick.so"
check "wick.pc links it statically" grep -q '^Libs.private: .*blas' "$folder/wick.pc"
if command -v python3 > /dev/null; then
    check "amalgamate.py" python3 tools/amalgamate.py . "$folder" "$work"
    check "one file, -DWK_CBLAS" losses -DWK_CBLAS -DWK_CBLAS_FROM=1
fi
tally
