/* read.c -- opening safetensors files, and tensors out of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/safetensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files hold the bytes of elements as they lie in memory");

enum { LENGTH_NBYTES = 8, MOST_HEADER_NBYTES = 100000000 };

/* ------------------------------------------------------------------------------------------------------ opening --- */

static bool refuse(const wk_safetensors *file, const char *why) {
    wk__io_fail(WK_EFORMAT, "%s: %s", file->path, why);
    return false;
}

static bool unreadable(const char *path) {
    const char *reason = errno != 0 ? strerror(errno) : "it became shorter while being read";
    wk__io_fail(WK_EIO, "%s: %s", path, reason);
    return false;
}

static bool read_header(wk_safetensors *file, int64_t file_nbytes) {
    uint64_t nbytes;
    if (file_nbytes < LENGTH_NBYTES) return refuse(file, "the file is too short to be safetensors");
    if (!wk__file_read(file->file, 0, &nbytes, sizeof nbytes)) return unreadable(file->path);
    if (nbytes > MOST_HEADER_NBYTES)
        return refuse(file, "the header would be longer than 100 MB, so this is no safetensors file");
    if (nbytes > (uint64_t)file_nbytes - LENGTH_NBYTES) return refuse(file, "the file ends within its header");
    file->header = malloc((size_t)nbytes + 1);
    if (file->header == NULL) return wk__io_out_of_memory(), false;
    if (!wk__file_read(file->file, LENGTH_NBYTES, file->header, (size_t)nbytes)) return unreadable(file->path);
    file->header[nbytes] = '\0';
    file->data_begin = LENGTH_NBYTES + (int64_t)nbytes;
    return wk__header_parse(file, (size_t)nbytes, file_nbytes - file->data_begin);
}

wk_safetensors *wk__safetensors_open(const char *path) {
    if (path == NULL) return wk__io_fail(WK_EINVAL, "path is NULL"), NULL;
    wk_safetensors *file = calloc(1, sizeof *file);
    char *copy = strdup(path);
    if (file == NULL || copy == NULL) {
        free(file);
        free(copy);
        return wk__io_out_of_memory(), NULL;
    }
    int64_t nbytes = 0;
    file->path = copy;
    file->file = wk__file_open(path, &nbytes);
    const bool fine = file->file >= 0 ? read_header(file, nbytes) : unreadable(path);
    if (fine) return file;
    wk_safetensors_close(file);
    return NULL;
}

wk_safetensors *wk_safetensors_open(const char *path, wk_error *error) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__pending(ctx, error), NULL;
    wk_safetensors *file = wk__safetensors_open(path);
    wk__settle("safetensors_open", error);
    return file;
}

void wk_safetensors_close(wk_safetensors *file) {
    if (file == NULL) return;
    if (file->file >= 0) close(file->file);
    free(file->entries);
    free(file->metadata);
    free(file->header);
    free(file->path);
    free(file);
}

/* ------------------------------------------------------------------------------------------------------- asking --- */

static const wk_entry *entry_at(const wk_safetensors *file, int64_t index) {
    return file != NULL && index >= 0 && index < file->count ? &file->entries[index] : NULL;
}

int64_t wk_safetensors_count(const wk_safetensors *file) { return file != NULL ? file->count : 0; }

const char *wk_safetensors_name(const wk_safetensors *file, int64_t index) {
    const wk_entry *e = entry_at(file, index);
    return e != NULL ? e->name : NULL;
}

const char *wk_safetensors_type(const wk_safetensors *file, int64_t index) {
    const wk_entry *e = entry_at(file, index);
    return e != NULL ? wk__formats[e->format].name : NULL;
}

const int64_t *wk_safetensors_dims(const wk_safetensors *file, int64_t index, int32_t *ndim) {
    const wk_entry *e = entry_at(file, index);
    if (ndim != NULL) *ndim = e != NULL ? e->ndim : 0;
    return e != NULL ? e->dims : NULL;
}

const char *wk_safetensors_metadata(const wk_safetensors *file, const char *key) {
    for (int64_t i = 0; file != NULL && key != NULL && i < file->pair_count; i++)
        if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------ reading --- */

wk_tensor *wk__safetensors_read(const wk_safetensors *file, const char *name) {
    const wk_entry *e = wk__entry_named(file, name);
    if (e == NULL) return wk__io_fail(WK_EINVAL, "%s: there is no \"%s\"", file->path, name), NULL;
    const wk_dtype dtype = wk__dtype_of_format(e->format);
    if (dtype < 0) {
        wk__io_fail(WK_EDTYPE, "%s: \"%s\" has type %s, which wick has not", file->path, name,
                    wk__formats[e->format].name);
        return NULL;
    }
    wk_tensor *t = wk_empty(e->ndim, e->dims, dtype);
    if (t == NULL) return NULL;
    if (wk__file_read(file->file, file->data_begin + e->begin, t->a.data, (size_t)(e->end - e->begin))) return t;
    unreadable(file->path);
    wk_drop(t);
    return NULL;
}

wk_status wk_safetensors_read(const wk_safetensors *file, const char *name, wk_tensor **t, wk_error *error) {
    wk_ctx *ctx = wk__ctx();
    if (t != NULL) *t = NULL;
    if (!wk__ready(ctx)) return wk__pending(ctx, error);
    if (file != NULL && name != NULL && t != NULL) *t = wk__safetensors_read(file, name);
    else wk__io_fail(WK_EINVAL, "%s is NULL", file == NULL ? "file" : name == NULL ? "name" : "t");
    return wk__settle("safetensors_read", error);
}
