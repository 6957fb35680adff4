/* file.h -- reading files, and writing a whole file or none.
 *
 * A new file is written beside its place, made durable, and then renamed, so whoever reads the path finds the old file
 * or the new one, also after a crash; when anything fails, the old file stays. */
#ifndef WK_IO_FILE_H
#define WK_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wk_new_file {
    const char *path; /* borrowed */
    char *name;       /* of the file beside it; NULL: devices and pipes are written as they are */
    int file;         /* -1: none */
    int reason;       /* errno of what failed first, else 0 */
} wk_new_file;

/* The three calls of writing. Failures are remembered for the last, which returns false with errno set. */
void wk__file_begin(wk_new_file *f, const char *path);
void wk__file_add(wk_new_file *f, const void *bytes, size_t nbytes);
bool wk__file_finish(wk_new_file *f);

/* Ends writing without replacing the file at path. */
void wk__file_abandon(wk_new_file *f);

/* Opens a regular file for reading and tells its size; -1 with errno set. */
int wk__file_open(const char *path, int64_t *nbytes);

/* Reads nbytes at an offset; false with errno set, to 0 when the file ends before. */
bool wk__file_read(int file, int64_t offset, void *bytes, size_t nbytes);

#endif
