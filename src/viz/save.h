/* save.h -- pictures to files, and the errors of that. */
#ifndef WK_VIZ_SAVE_H
#define WK_VIZ_SAVE_H

#include "wick/base.h"

/* Puts `message` and the like into *error, which may be NULL, and returns the status. */
wk_status wk__viz_fail(wk_error *error, wk_status status, const char *op, const char *path, const char *reason);

/* Replaces the file at path by these bytes. EIO, with the path and what the system says. */
wk_status wk__save_file(const char *path, const char *bytes, size_t nbytes, const char *op, wk_error *error);

#endif
