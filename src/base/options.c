/* options.c -- see options.h. */
#include "base/options.h"

#include <string.h>

#include "base/context.h"

enum { LARGEST_OPTIONS = 4096 }; /* a size beyond this was never set */

bool wk__options(void *options, const void *defaults, const void *given, size_t nbytes, const char *function) {
    memcpy(options, defaults, nbytes);
    if (given == NULL) return true;
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > LARGEST_OPTIONS) {
        wk__fail(wk__ctx(), WK_EINVAL, function, "the options have no size: begin them with the WK_..._OPTIONS macro");
        return false;
    }
    for (size_t i = nbytes; i < size; i++) {
        if (((const char *)given)[i] == 0) continue;
        wk__fail(wk__ctx(), WK_EINVAL, function, "the options use a field that this version of wick does not know");
        return false;
    }
    memcpy(options, given, size < nbytes ? size : nbytes);
    return true;
}
