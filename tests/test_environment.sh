#!/bin/sh
# test_environment.sh -- the environment variables that the library reads are those that docs/environment.md lists.
cd "$(dirname "$0")/.." || exit 1
. tools/tally.sh

read_in_source() {
    grep -rhoE 'getenv\("[A-Z_0-9]+"\)' src | sed 's/.*"\(.*\)".*/\1/' | sort -u
}

documented() {
    awk '/^## / { library = $0 == "## The library" } library' docs/environment.md |
        sed -n 's/^| `\([A-Z_0-9]*\)`.*/\1/p' | sort -u
}

same() {
    [ "$(read_in_source)" = "$(documented)" ] && return
    echo "read: $(read_in_source)"
    echo "listed: $(documented)"
    return 1
}

check "some variable is listed" test -n "$(documented)"
check "every getenv names its variable" sh -c '! grep -rn "getenv(" src | grep -v "getenv(\"[A-Z_0-9]*\")"'
check "docs/environment.md lists what src/ reads" same
tally
