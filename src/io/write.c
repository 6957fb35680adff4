/* write.c -- writing safetensors files, byte for byte as the format's own library writes them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "wick/grad.h"
#include "wick/ops.h"

/* Larger types first, so that every element lies at a multiple of its size; then by name. */
static int in_order(const void *a, const void *b) {
    const wk_named *x = a, *y = b;
    const int32_t fx = wk__format_of(x->tensor->a.dtype), fy = wk__format_of(y->tensor->a.dtype);
    return fx != fy ? fy - fx : strcmp(x->name, y->name);
}

/* ------------------------------------------------------------------------------------------------------- header --- */

static void put(wk_buffer *buffer, const char *text) { wk__buffer_add(buffer, text, strlen(text)); }

static void put_integer(wk_buffer *buffer, int64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    put(buffer, digits);
}

/* "out.weight":{"dtype":"F32","shape":[1,32],"data_offsets":[0,128]} */
static bool put_entry(wk_buffer *buffer, const wk_named *item, int64_t begin) {
    const wk_array *a = &item->tensor->a;
    if (!wk__json_put_string(buffer, item->name)) return false;
    put(buffer, ":{\"dtype\":\"");
    put(buffer, wk__formats[wk__format_of(a->dtype)].name);
    put(buffer, "\",\"shape\":[");
    for (int32_t d = 0; d < a->ndim; d++) {
        if (d > 0) put(buffer, ",");
        put_integer(buffer, a->dims[d]);
    }
    put(buffer, "],\"data_offsets\":[");
    put_integer(buffer, begin);
    put(buffer, ",");
    put_integer(buffer, begin + wk__array_nbytes(a));
    put(buffer, "]}");
    return true;
}

static void put_metadata(wk_buffer *buffer, const wk_pair *metadata, int64_t pair_count) {
    put(buffer, "\"__metadata__\":{");
    for (int64_t i = 0; i < pair_count; i++) {
        if (i > 0) put(buffer, ",");
        wk__json_put_string(buffer, metadata[i].key);
        put(buffer, ":");
        wk__json_put_string(buffer, metadata[i].value);
    }
    put(buffer, "}");
}

/* NULL, or the name that is not UTF-8. */
static const char *put_header(wk_buffer *buffer, const wk_named *items, int64_t count, const wk_pair *metadata,
                              int64_t pair_count) {
    int64_t begin = 0;
    put(buffer, "{");
    if (pair_count > 0) put_metadata(buffer, metadata, pair_count);
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 || pair_count > 0) put(buffer, ",");
        if (!put_entry(buffer, &items[i], begin)) return items[i].name;
        begin += wk__array_nbytes(&items[i].tensor->a);
    }
    put(buffer, "}");
    while (!buffer->failed && buffer->length % 8 != 0) put(buffer, " ");
    return NULL;
}

/* --------------------------------------------------------------------------------------------------------- file --- */

/* The elements in row-major order. */
static void add_elements(wk_new_file *f, wk_tensor *t) {
    const wk_scope scope = wk_scope_open();
    const bool enabled = wk_set_grad_enabled(false);
    if (!wk__array_is_contiguous(&t->a)) t = wk_copy_(wk_empty(t->a.ndim, t->a.dims, t->a.dtype), t);
    if (t != NULL) wk__file_add(f, t->a.data, (size_t)wk__array_nbytes(&t->a));
    wk_set_grad_enabled(enabled);
    wk_scope_close(scope);
}

static bool write_file(const char *path, const wk_buffer *header, const wk_named *items, int64_t count) {
    wk_new_file f;
    const uint64_t nbytes = header->length;
    wk__file_begin(&f, path);
    wk__file_add(&f, &nbytes, sizeof nbytes);
    wk__file_add(&f, header->text, header->length);
    for (int64_t i = 0; i < count && wk_ok(); i++) add_elements(&f, items[i].tensor);
    if (!wk_ok()) wk__file_abandon(&f);
    else if (!wk__file_finish(&f)) wk__io_fail(errno == ENOMEM ? WK_ENOMEM : WK_EIO, "%s: %s", path, strerror(errno));
    return wk_ok();
}

/* The items in the order of the file, checked; NULL, recorded, when they are no set of tensors. */
static wk_named *ordered(const wk_named *items, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (items[i].name == NULL) return wk__io_fail(WK_EINVAL, "a name is NULL"), NULL;
        if (!wk__usable(wk__ctx(), items[i].tensor, "io", items[i].name)) return NULL;
        if (strcmp(items[i].name, "__metadata__") == 0)
            return wk__io_fail(WK_EINVAL, "\"__metadata__\" is no name for a tensor"), NULL;
    }
    wk_named *sorted = malloc(((size_t)count + 1) * sizeof *sorted);
    if (sorted == NULL) return wk__io_out_of_memory(), NULL;
    if (count > 0) memcpy(sorted, items, (size_t)count * sizeof *sorted);
    if (count > 0) qsort(sorted, (size_t)count, sizeof *sorted, in_order);
    return sorted;
}

static bool check_header(const wk_buffer *header, const char *unwritable) {
    if (unwritable != NULL) wk__io_fail(WK_EINVAL, "the name \"%s\" is not UTF-8", unwritable);
    else if (header->failed) wk__io_out_of_memory();
    return wk_ok();
}

bool wk__safetensors_write(const char *path, const wk_named *items, int64_t count, const wk_pair *metadata,
                           int64_t pair_count) {
    wk_named *sorted = ordered(items, count);
    if (sorted == NULL) return false;
    wk_buffer header = {0};
    const char *unwritable = put_header(&header, sorted, count, metadata, pair_count);
    const bool written = check_header(&header, unwritable) && write_file(path, &header, sorted, count);
    wk__buffer_free(&header);
    free(sorted);
    return written;
}

/* Are two of the names equal? */
static const char *repeated(const char *const *names, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < i && names[i] != NULL; k++)
            if (names[k] != NULL && strcmp(names[i], names[k]) == 0) return names[i];
    return NULL;
}

static void write_named(const char *path, const char *const *names, wk_tensor *const *tensors, int64_t count) {
    const char *twice = repeated(names, count);
    wk_named *items = malloc(((size_t)count + 1) * sizeof *items);
    for (int64_t i = 0; items != NULL && i < count; i++) items[i] = (wk_named){(char *)names[i], tensors[i]};
    if (items == NULL) wk__io_out_of_memory();
    else if (twice != NULL) wk__io_fail(WK_EINVAL, "two tensors are called \"%s\"", twice);
    else wk__safetensors_write(path, items, count, NULL, 0);
    free(items);
}

wk_status wk_safetensors_write(const char *path, const char *const *names, wk_tensor *const *tensors, int64_t count,
                               wk_error *error) {
    wk_ctx *ctx = wk__ctx();
    if (!wk__ready(ctx)) return wk__pending(ctx, error);
    if (path == NULL) wk__io_fail(WK_EINVAL, "path is NULL");
    else if (count < 0) wk__io_fail(WK_EINVAL, "count is %" PRId64, count);
    else if (count > 0 && (names == NULL || tensors == NULL))
        wk__io_fail(WK_EINVAL, "%s are NULL", names == NULL ? "names" : "tensors");
    else write_named(path, names, tensors, count);
    return wk__settle("safetensors_write", error);
}
