/* late.c -- late LIBWICK [OTHER]: loads another library, if one is named, and then wick, by a thread that is not the
 * first, as a binding in an interpreter does; and uses it. Ends with 0 when that works, and when the thread's
 * floating-point environment (rounding, tiny numbers, traps) is afterwards what it was. */
#include <dlfcn.h>
#include <fenv.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <wick.h>

/* How floats behave, without the flags that only say what has happened. */
static unsigned behaviour(void) {
#if defined(__x86_64__)
    return _mm_getcsr() & ~0x3fu;
#else
    return (unsigned)fegetround();
#endif
}

/* ISO C has no cast from a pointer to an object to one to a function. */
static bool find(void *library, const char *name, void *pointer) {
    void *address = dlsym(library, name);
    memcpy(pointer, &address, sizeof address);
    if (address == NULL) fprintf(stderr, "%s is not there\n", name);
    return address != NULL;
}

/* Products of numbers, one of them so small that it is lost where tiny numbers are flushed to zero. */
static bool use(void *library) {
    wk_tensor *(*full)(int32_t, const int64_t *, double, wk_dtype), *(*matmul)(wk_tensor *, wk_tensor *);
    double (*get)(const wk_tensor *, const int64_t *);
    const int64_t at[] = {3, 5};
    if (!find(library, "wk_full", &full) || !find(library, "wk_matmul", &matmul) || !find(library, "wk_get_f64", &get))
        return false;
    wk_tensor *a = full(WK_SHAPE(64, 64), 0.5, WK_F32), *tiny = full(WK_SHAPE(64, 64), 0x1p-140, WK_F32);
    return get(matmul(a, a), at) == 16 && get(matmul(a, tiny), at) == 0x1p-135;
}

/* Ends as main does. The library stays open: a thread's context is freed by a destructor in it. */
static void *load_late(void *path) {
    static int result;
    const unsigned before = behaviour();
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fprintf(stderr, "%s\n", dlerror());
    result = library == NULL || !use(library);
    if (behaviour() != before) result = fprintf(stderr, "floats behave otherwise: %x -> %x\n", before, behaviour());
    return &result;
}

int main(int argc, char **argv) {
    pthread_t thread;
    void *result;
    if (argc < 2 || (argc > 2 && dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL) == NULL)) {
        fprintf(stderr, "usage: late LIBWICK [OTHER]; %s\n", argc > 2 ? dlerror() : "no library named");
        return 2;
    }
    if (pthread_create(&thread, NULL, load_late, argv[1]) != 0) return 2;
    pthread_join(thread, &result);
    return *(int *)result;
}
