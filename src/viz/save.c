/* save.c -- see save.h. */
#include "viz/save.h"

#include <errno.h>
#include <string.h>

#include "base/context.h"
#include "io/file.h"

wk_status wk__viz_fail(wk_error *error, wk_status status, const char *op, const char *path, const char *reason) {
    return wk__report(error, status, op, "%s%s%s", path, *path ? ": " : "", reason);
}

wk_status wk__save_file(const char *path, const char *bytes, size_t nbytes, const char *op, wk_error *error) {
    wk_new_file file;
    wk__file_begin(&file, path);
    wk__file_add(&file, bytes, nbytes);
    if (!wk__file_finish(&file)) return wk__viz_fail(error, WK_EIO, op, path, strerror(errno));
    if (error) *error = (wk_error){0};
    return WK_OK;
}
