#!/bin/sh
# exports.sh INCLUDE BUILD CC... -- what follows from the declarations in the public headers:
#   BUILD/exports.txt           the names that libwick.so exports: every function marked WK_API
#   BUILD/wick.map              the same as a version script
#   BUILD/include/wick/trace.h  a macro for each call whose failure is worth a file and a line, used under -DWK_TRACE
# Files are rewritten only when their content changes, so that nothing is built again for nothing.
set -eu
include=$1 build=$2
shift 2
mkdir -p "$build/include/wick"

preprocess() {
    "$@" -E -P -I "$include" -I "$build/include" "$include/wick.h"
}

# One declaration a line, as "type name", of everything marked WK_API in preprocessed text.
declarations() {
    printf '%s\n' "$1" | tr '\n' ' ' | tr ';' '\n' |
        sed -n 's/.*__attribute__((visibility("default"))) *\([^(]*[ *]\)\([a-z0-9_]\{1,\}\) *(.*/\1 \2/p'
}

write_if_changed() {
    cat > "$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

trace_header() {
    cat <<'END'
/* wick/trace.h -- made by cmake/exports.sh from the other headers. Under -DWK_TRACE each call that makes, reads, writes
 * or differentiates something first notes where it stands, and a failure reports that as wk_error.file and .line. The
 * note is taken before the arguments: in wk_mul(block(x), y), with traced calls inside block, a failing wk_mul names
 * the last of those. */
#ifndef WICK_TRACE_H
#define WICK_TRACE_H

#include "wick/base.h"

WK_BEGIN_DECLS
WK_API void wk__at(const char *file, int line);
WK_END_DECLS

END
    made='^wk_\(tensor\|module\|optim\|list\|plan\) \* *' element='.* \(wk_\(item\|get\|put\).*\)'
    declarations "$1" | grep -v ' wk_check$' | sed -n "s/$made//p; s/^wk_status *//p; s/$element/\1/p" |
        sed 's/.*/#define &(...) (wk__at(__FILE__, __LINE__), &(__VA_ARGS__))/'
    printf '\n#endif\n'
}

headers=$(preprocess "$@")
trace_header "$headers" | write_if_changed "$build/include/wick/trace.h"

headers=$(preprocess "$@" -DWK_TRACE) # declares wk__at too
declarations "$headers" | sed 's/.* //' | LC_ALL=C sort | write_if_changed "$build/exports.txt"
sed '1s/^/WICK_0 {\nglobal:\n/; s/$/;/; $s/$/\nlocal: *;\n};/' "$build/exports.txt" | write_if_changed "$build/wick.map"
