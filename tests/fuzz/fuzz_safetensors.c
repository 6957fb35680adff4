/* fuzz_safetensors.c -- any bytes as a safetensors file: it is refused with a reason, or every tensor that it lists can
 * be read or is refused. For libFuzzer:
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ibuild/include -Isrc -Itests -D_GNU_SOURCE \
 *         tests/fuzz/fuzz_safetensors.c $(find src -name '*.c' ! -name 'simd_*') -lm -lpthread -o fuzz_safetensors
 *     ./fuzz_safetensors -max_total_time=300 corpus tests/data/safetensors
 *
 * tests/test_forged_files.c runs it over files cut at every byte and changed at every byte. */
#include "fuzz/fuzz_safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wick.h"

static void must(bool fine) {
    if (!fine) __builtin_trap();
}

/* A file in memory and its path. It is made once and rewritten. */
static const char *file_of(const uint8_t *bytes, size_t nbytes) {
    static char path[64];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("fuzz", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    must(ftruncate(file, 0) == 0 && pwrite(file, bytes, nbytes, 0) == (ssize_t)nbytes);
    return path;
}

static void read_all(const wk_safetensors *file) {
    for (int64_t i = 0; i < wk_safetensors_count(file); i++) {
        WK_SCOPE;
        int32_t ndim;
        const char *name = wk_safetensors_name(file, i);
        const int64_t *dims = wk_safetensors_dims(file, i, &ndim);
        wk_tensor *t;
        const wk_status status = wk_safetensors_read(file, name, &t, NULL);
        must((t != NULL) == (status == WK_OK) && (t != NULL || status == WK_EDTYPE));
        must(t == NULL || (wk_ndim(t) == ndim && memcmp(wk_dims(t), dims, (size_t)ndim * sizeof *dims) == 0));
        must(i == 0 || strcmp(wk_safetensors_name(file, i - 1), name) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes) {
    wk_error e;
    wk_safetensors *file = wk_safetensors_open(file_of(bytes, nbytes), &e);
    must(wk_ok());
    if (e.status != WK_OK) {
        must(file == NULL && (e.status == WK_EFORMAT || e.status == WK_ENOMEM));
        return 0;
    }
    must(file != NULL && wk_safetensors_metadata(file, "no such key") == NULL);
    read_all(file);
    wk_safetensors_close(file);
    return 0;
}
