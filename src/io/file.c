/* file.c -- see file.h. */
#define _POSIX_C_SOURCE 200809L
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------------ writing --- */

static void failed(wk_new_file *f) {
    if (f->reason == 0) f->reason = errno != 0 ? errno : EIO;
}

/* Devices and pipes are written as they are: a rename would put a plain file in the place of /dev/null. */
static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* Makes a new file beside path and leaves its name in f. A file that is there already is left alone. */
static int open_beside(wk_new_file *f) {
    const size_t nbytes = strlen(f->path) + 40;
    int file = -1;
    f->name = malloc(nbytes);
    if (f->name == NULL) {
        errno = ENOMEM;
        return -1;
    }
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(f->name, nbytes, "%s.%ld-%d.tmp", f->path, (long)getpid(), attempt);
        file = open(f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST) break;
    }
    return file;
}

void wk__file_begin(wk_new_file *f, const char *path) {
    *f = (wk_new_file){.path = path};
    f->file = is_special(path) ? open(path, O_WRONLY | O_CLOEXEC) : open_beside(f);
    if (f->file < 0) failed(f);
}

void wk__file_add(wk_new_file *f, const void *bytes, size_t nbytes) {
    const char *next = bytes;
    while (f->reason == 0 && nbytes > 0) {
        const ssize_t written = write(f->file, next, nbytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            failed(f);
            return;
        }
        next += written;
        nbytes -= (size_t)written;
    }
}

/* The new name is durable when its folder is; f->name, which has done its work, becomes the folder's. Where a folder
 * cannot be synced, the file is whole all the same. */
static void sync_folder(wk_new_file *f) {
    char *slash = strrchr(f->name, '/');
    if (slash == NULL) strcpy(f->name, ".");
    else slash[slash == f->name] = '\0';
    const int folder = open(f->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
}

/* Closing, too, is where some file systems report a full disk. */
bool wk__file_finish(wk_new_file *f) {
    if (f->reason == 0 && f->name != NULL && fsync(f->file) != 0) failed(f);
    if (f->file >= 0 && close(f->file) != 0) failed(f);
    if (f->reason == 0 && f->name != NULL && rename(f->name, f->path) != 0) failed(f);
    if (f->reason == 0 && f->name != NULL) sync_folder(f);
    if (f->reason != 0 && f->file >= 0 && f->name != NULL) unlink(f->name);
    free(f->name);
    errno = f->reason;
    return f->reason == 0;
}

void wk__file_abandon(wk_new_file *f) {
    if (f->reason == 0) f->reason = ECANCELED;
    wk__file_finish(f);
}

/* ------------------------------------------------------------------------------------------------------ reading --- */

/* Without O_NONBLOCK, opening a pipe would wait for somebody to write into it. */
int wk__file_open(const char *path, int64_t *nbytes) {
    struct stat status;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return -1;
    const bool known = fstat(file, &status) == 0;
    if (known && S_ISREG(status.st_mode)) {
        *nbytes = status.st_size;
        return file;
    }
    const int reason = !known ? errno : S_ISDIR(status.st_mode) ? EISDIR : ESPIPE;
    close(file);
    errno = reason;
    return -1;
}

bool wk__file_read(int file, int64_t offset, void *bytes, size_t nbytes) {
    char *next = bytes;
    while (nbytes > 0) {
        const ssize_t count = pread(file, next, nbytes, (off_t)offset);
        if (count < 0 && errno == EINTR) continue;
        if (count == 0) errno = 0;
        if (count <= 0) return false;
        next += count;
        offset += count;
        nbytes -= (size_t)count;
    }
    return true;
}
