/* safetensors.h -- files of named tensors, from the inside. https://github.com/huggingface/safetensors#format
 *
 *     | N: 8 bytes | header: N bytes of JSON, padded with blanks              | data: to the end of the file      |
 *                    {"__metadata__":{"format":"pt"},
 *                     "out.weight":{"dtype":"F32","shape":[1,32],"data_offsets":[0,128]}, ...}
 *
 * Numbers are little-endian, elements row-major. Offsets count from the beginning of the data, which the tensors cover
 * without gaps and without overlaps. Nothing in a file is believed: a header is read when the file is large enough to
 * hold it, and memory for elements is taken when the file is known to hold them. */
#ifndef WK_IO_SAFETENSORS_H
#define WK_IO_SAFETENSORS_H

#include "nn/state.h"
#include "wick/io.h"

/* A type of the format. */
typedef struct wk_format {
    const char *name;
    int32_t bits;
} wk_format;

/* What the header says of one tensor. */
typedef struct wk_entry {
    const char *name;
    int32_t format; /* place in wk__formats */
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS];
    int64_t begin, end;
    bool is_known; /* wk__load_check: the module has a tensor of this name */
} wk_entry;

typedef struct wk_pair {
    const char *key, *value;
} wk_pair;

/* The metadata that PyTorch's side of the format looks for. */
#define WK__FOR_PYTORCH \
    { "format", "pt" }

/* The tensor by which a checkpoint is known. */
#define WK__GENERATOR_STATE "generator.state"

struct wk_safetensors {
    char *path;
    int file;
    char *header;       /* names, keys and values point into it */
    int64_t data_begin; /* in the file */
    wk_entry *entries;  /* in the order of their names */
    int64_t count;
    wk_pair *metadata; /* in the order of keys */
    int64_t pair_count;
};

/* The types of the format, in its order; how many; the place of a name and of a type of wick, -1: none; and the type of
 * wick at a place, -1: none. */
extern const wk_format wk__formats[];
extern const int32_t wk__format_count;
int32_t wk__format_named(const char *name);
int32_t wk__format_of(wk_dtype dtype);
wk_dtype wk__dtype_of_format(int32_t format);

/* Records why the call that the user made cannot go on; it is named when it ends (NOTE [Calls that report]). */
#define wk__io_fail(status, ...) wk__fail(wk__ctx(), status, "io", __VA_ARGS__)
static inline wk_status wk__io_out_of_memory(void) { return wk__out_of_memory(wk__ctx(), "io"); }

/* Takes file->header, `nbytes` of text with a 0 behind it, apart. False, recorded, when it is none of a file with
 * data_nbytes of data. */
bool wk__header_parse(wk_safetensors *file, size_t nbytes, int64_t data_nbytes);

/* The entry of this name, or NULL. */
wk_entry *wk__entry_named(const wk_safetensors *file, const char *name);

/* Opens a file; reads one of its tensors; writes a file with these tensors, and with metadata if pair_count > 0. NULL
 * or false on failure, which is recorded. */
wk_safetensors *wk__safetensors_open(const char *path);
wk_tensor *wk__safetensors_read(const wk_safetensors *file, const char *name);
bool wk__safetensors_write(const char *path, const wk_named *items, int64_t count, const wk_pair *metadata,
                           int64_t pair_count);

/* Do the names, shapes and types of file and state fit? Else records all that does not, by name. flags are those of
 * wk_load, and one for checkpoints: what the file has of optimisers may be left out. */
enum { WK__LOAD_NO_OPTIMISERS = 1 << 30 };
bool wk__load_check(wk_safetensors *file, const wk_state *state, uint32_t flags);

/* Copies the file's values, converted where types differ, to the tensors of a state that was checked. Nothing is
 * changed on failure. */
bool wk__load_values(const wk_safetensors *file, const wk_state *state);

#endif
