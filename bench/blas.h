/* blas.h -- a CBLAS to hold wick's products against: found when the program runs, so that none is needed. The
 * environment variable CBLAS names its file; without it the usual ones are tried. The reference BLAS is not one of
 * them, being no rival. It runs with one thread where OPENBLAS_NUM_THREADS=1 and the like say so, as bench/run.sh
 * does. */
#ifndef BLAS_H
#define BLAS_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLAS_ROWS = 101, BLAS_AS_IT_IS = 111, BLAS_TRANSPOSED = 112 }; /* as every cblas.h has them */

typedef void blas_sgemm(int order, int a_as, int b_as, int m, int n, int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);

typedef struct blas {
    blas_sgemm *sgemm; /* NULL: there is none */
    char name[160];
} blas;

static inline void *blas_symbol(void *library, const char *name, size_t nbytes, void *function) {
    void *const found = dlsym(library, name);
    memcpy(function, &found, nbytes);
    return found;
}

static inline blas blas_of(void *library, const char *file) {
    blas found = {NULL, ""};
    char *(*text)(void);
    blas_symbol(library, "cblas_sgemm", sizeof found.sgemm, &found.sgemm);
    snprintf(found.name, sizeof found.name, "%s", file);
    if (blas_symbol(library, "openblas_get_config", sizeof text, &text) != NULL)
        snprintf(found.name, sizeof found.name, "%s", text());
    else if (blas_symbol(library, "bli_info_get_version_str", sizeof text, &text) != NULL)
        snprintf(found.name, sizeof found.name, "BLIS %s", text());
    return found;
}

static inline blas blas_find(void) {
    const char *const files[] = {getenv("CBLAS"), "libopenblas.so.0", "libmkl_rt.so.2", "libblis.so.4"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        void *library = files[i] == NULL ? NULL : dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) continue;
        const blas found = blas_of(library, files[i]);
        if (found.sgemm != NULL) return found;
    }
    return (blas){NULL, "none"};
}

#endif
