/* save.c -- see save.h. */
#define _POSIX_C_SOURCE 200809L
#include "viz/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

wk_status wk__viz_fail(wk_error *error, wk_status status, const char *op, const char *path, const char *reason) {
    if (!error) return status;
    *error = (wk_error){.status = status};
    snprintf(error->op, sizeof error->op, "%s", op);
    snprintf(error->message, sizeof error->message, "%s: %s%s%s", op, path, *path ? ": " : "", reason);
    return status;
}

/* All bytes to the file, or false with errno set. */
static bool write_all(int file, const char *bytes, size_t nbytes) {
    while (nbytes > 0) {
        const ssize_t written = write(file, bytes, nbytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes += written;
        nbytes -= (size_t)written;
    }
    return true;
}

/* Writes and closes; close is where some file systems report a full disk. */
static bool write_and_close(int file, const char *bytes, size_t nbytes) {
    const bool written = write_all(file, bytes, nbytes);
    const int reason = errno;
    const bool closed = close(file) == 0;
    if (!written) errno = reason;
    return written && closed;
}

/* Devices and pipes are written as they are: a rename would put a plain file in the place of /dev/null. */
static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* Makes a new file beside path and leaves its name in `name`. A file that is there already is left alone. */
static int open_beside(const char *path, char *name, size_t nbytes) {
    int file = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(name, nbytes, "%s.%ld-%d.tmp", path, (long)getpid(), attempt);
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST) break;
    }
    return file;
}

static bool replace(const char *path, const char *bytes, size_t nbytes) {
    const size_t name_nbytes = strlen(path) + 40;
    char *name = malloc(name_nbytes);
    if (!name) return false;
    const int file = open_beside(path, name, name_nbytes);
    const bool done = file >= 0 && write_and_close(file, bytes, nbytes) && rename(name, path) == 0;
    const int reason = errno;
    if (file >= 0 && !done) unlink(name);
    free(name);
    errno = reason;
    return done;
}

static bool write_in_place(const char *path, const char *bytes, size_t nbytes) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    return file >= 0 && write_and_close(file, bytes, nbytes);
}

wk_status wk__save_file(const char *path, const char *bytes, size_t nbytes, const char *op, wk_error *error) {
    const bool saved = is_special(path) ? write_in_place(path, bytes, nbytes) : replace(path, bytes, nbytes);
    if (!saved) return wk__viz_fail(error, WK_EIO, op, path, strerror(errno));
    if (error) *error = (wk_error){0};
    return WK_OK;
}
