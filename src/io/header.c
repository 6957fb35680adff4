/* header.c -- what the header of a safetensors file says, and whether it may be believed. */
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "io/safetensors.h"

/* ------------------------------------------------------------------------------------------------------ grammar --- */

static void read_shape(wk_json *j, wk_entry *e) {
    wk__json_expect(j, '[');
    if (wk__json_take(j, ']')) return;
    do {
        if (e->ndim == WK_MAX_DIMS) wk__json_refuse(j, "a shape of more than 8 dimensions");
        else if (wk__json_integer(j, &e->dims[e->ndim])) e->ndim++;
    } while (wk__json_take(j, ','));
    wk__json_expect(j, ']');
}

static void read_offsets(wk_json *j, wk_entry *e) {
    wk__json_expect(j, '[');
    wk__json_integer(j, &e->begin);
    wk__json_expect(j, ',');
    wk__json_integer(j, &e->end);
    wk__json_expect(j, ']');
}

static void read_dtype(wk_json *j, wk_entry *e) {
    const char *name = wk__json_string(j);
    e->format = name != NULL ? wk__format_named(name) : -1;
    if (e->format < 0) wk__json_refuse(j, "a dtype that the format does not have");
}

/* {"dtype":..., "shape":..., "data_offsets":...}, each once, in any order. */
static void read_entry(wk_json *j, wk_entry *e) {
    static const struct {
        const char *name;
        void (*read)(wk_json *j, wk_entry *e);
    } fields[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    enum { FIELDS = sizeof fields / sizeof *fields };
    uint32_t seen = 0;
    wk__json_expect(j, '{');
    do {
        const char *key = wk__json_string(j);
        uint32_t field = 0;
        while (key != NULL && field < FIELDS && strcmp(fields[field].name, key) != 0) field++;
        if (field == FIELDS) wk__json_refuse(j, "a field that is not dtype, shape or data_offsets");
        else if (seen >> field & 1) wk__json_refuse(j, "a field that is there twice");
        seen |= 1u << field;
        if (wk__json_expect(j, ':')) fields[field].read(j, e);
    } while (wk__json_take(j, ','));
    wk__json_expect(j, '}');
    if (seen != (1u << FIELDS) - 1) wk__json_refuse(j, "a tensor without dtype, shape or data_offsets");
}

/* The one problem that is not the file's. */
static const char no_memory[] = "out of memory";

/* Room for one more entry or pair; without memory, that is the problem. */
static bool more(wk_json *j, void **array, int64_t count, size_t nbytes) {
    return j->problem == NULL && (wk__grow(array, (int32_t)count, nbytes) || wk__json_refuse(j, no_memory));
}

static void read_metadata(wk_json *j, wk_safetensors *file) {
    if (file->metadata != NULL) wk__json_refuse(j, "a second __metadata__");
    wk__json_expect(j, '{');
    if (!more(j, (void **)&file->metadata, 0, sizeof *file->metadata) || wk__json_take(j, '}')) return;
    do {
        const char *key = wk__json_string(j);
        wk__json_expect(j, ':');
        const char *value = wk__json_string(j);
        if (more(j, (void **)&file->metadata, file->pair_count, sizeof *file->metadata))
            file->metadata[file->pair_count++] = (wk_pair){key, value};
    } while (wk__json_take(j, ','));
    wk__json_expect(j, '}');
}

/* A header may have blanks behind its end, but none before its beginning. */
static void read_header(wk_json *j, wk_safetensors *file) {
    if (j->nbytes == 0 || j->text[0] != '{') wk__json_refuse(j, "a header begins with {");
    wk__json_expect(j, '{');
    if (wk__json_take(j, '}')) return;
    do {
        wk_entry e = {.name = wk__json_string(j)};
        wk__json_expect(j, ':');
        if (e.name != NULL && strcmp(e.name, "__metadata__") == 0) {
            read_metadata(j, file);
            continue;
        }
        if (j->problem == NULL) read_entry(j, &e);
        if (more(j, (void **)&file->entries, file->count, sizeof *file->entries)) file->entries[file->count++] = e;
    } while (wk__json_take(j, ','));
    wk__json_expect(j, '}');
}

/* ------------------------------------------------------------------------------------------------------ meaning --- */

static int by_place(const void *a, const void *b) {
    const wk_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const wk_entry *)a)->name, ((const wk_entry *)b)->name);
}

static int by_key(const void *a, const void *b) { return strcmp(((const wk_pair *)a)->key, ((const wk_pair *)b)->key); }

static bool bad(const wk_safetensors *file, const char *name, const char *what) {
    wk__io_fail(WK_EFORMAT, "%s: \"%.64s\" %s", file->path, name, what);
    return false;
}

/* How many bytes the tensor has; -1 when they are no whole number, or more than can be. */
static int64_t nbytes_of(const wk_entry *e) {
    wk_array shape = {.dtype = WK_F32};
    if (!wk__array_set_dims(&shape, e->ndim, e->dims)) return -1;
    const int64_t bits = shape.numel * wk__formats[e->format].bits; /* fewer than 2^44 elements */
    return bits % 8 == 0 ? bits / 8 : -1;
}

/* The tensors follow one another from the first byte of the data to the last. */
static bool check_places(wk_safetensors *file, int64_t data_nbytes) {
    int64_t end = 0;
    if (file->count > 0) qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_place);
    for (int64_t i = 0; i < file->count; i++) {
        const wk_entry *e = &file->entries[i];
        if (e->end < e->begin) return bad(file, e->name, "ends before it begins");
        if (e->begin < end) return bad(file, e->name, "overlaps another tensor");
        if (e->begin > end) return bad(file, e->name, "does not begin where the tensor before it ends");
        if (e->end > data_nbytes) return bad(file, e->name, "ends behind the end of the file");
        if (e->end - e->begin != nbytes_of(e)) return bad(file, e->name, "has another size than its shape and dtype");
        end = e->end;
    }
    if (end == data_nbytes) return true;
    wk__io_fail(WK_EFORMAT, "%s: the tensors cover %lld of %lld bytes of data", file->path, (long long)end,
                (long long)data_nbytes);
    return false;
}

static bool check_names(wk_safetensors *file) {
    if (file->count > 0) qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_name);
    for (int64_t i = 1; i < file->count; i++)
        if (by_name(&file->entries[i - 1], &file->entries[i]) == 0)
            return bad(file, file->entries[i].name, "is there twice");
    if (file->pair_count > 0) qsort(file->metadata, (size_t)file->pair_count, sizeof *file->metadata, by_key);
    for (int64_t i = 1; i < file->pair_count; i++)
        if (by_key(&file->metadata[i - 1], &file->metadata[i]) == 0)
            return bad(file, file->metadata[i].key, "is there twice in __metadata__");
    return true;
}

bool wk__header_parse(wk_safetensors *file, size_t nbytes, int64_t data_nbytes) {
    wk_json j = {.text = file->header, .nbytes = nbytes};
    read_header(&j, file);
    wk__json_end(&j);
    if (j.problem == NULL) return check_places(file, data_nbytes) && check_names(file);
    const wk_status status = j.problem == no_memory ? WK_ENOMEM : WK_EFORMAT;
    wk__io_fail(status, "%s: byte %zu of the header: %s", file->path, j.at, j.problem);
    return false;
}

wk_entry *wk__entry_named(const wk_safetensors *file, const char *name) {
    const wk_entry key = {.name = name};
    if (file->count == 0) return NULL;
    return bsearch(&key, file->entries, (size_t)file->count, sizeof key, by_name);
}
