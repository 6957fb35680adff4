/* wick/base.h -- export marks, version, element types, failure, contexts.
 *
 * NOTE [Failure sticks]. wick never aborts, exits, prints or jumps. The first call that fails records why in its
 * context; from then on every call that makes, reads, changes or differentiates tensors does nothing and returns NULL,
 * NaN or the status, until wk_check() takes the record. So a whole training step needs one check at its end:
 *
 *     wk_tensor *y = wk_tanh(wk_add(wk_matmul(x, w), b));    // a failure inside: y is NULL, and so is all that follows
 *     wk_error e;
 *     if (wk_check(&e)) fprintf(stderr, "%s\n", e.message);  // matmul: a (3,4) and b (5,6): inner sizes 4 and 5 differ
 *
 * Closing, releasing and asking (wk_scope_close, wk_release, wk_dim ...) always work.
 *
 * NOTE [Errors of every function]. The comment of a function, or the one at the head of its group, names what the
 * function fails with, by the statuses of status.def. One that names none fails with nothing but
 *
 *     EINVAL      an argument is NULL that must be there; options do not begin with their size
 *     ENOMEM      memory is out
 *     ECLOSED     a tensor is used after its scope has closed
 *     ECONTEXT    a tensor, a module or the like belongs to another context
 *     ESTATE      this cannot be done in a plan's step, to what a batch has computed, or to what threads share
 *     ENAN        in anomaly mode (wk_set_anomaly): what came out is not finite
 *
 * which may come from any function that takes or gives something of that kind, and which comments therefore leave
 * out. */
#ifndef WICK_BASE_H
#define WICK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WK_VERSION_MAJOR 0
#define WK_VERSION_MINOR 1
#define WK_VERSION_PATCH 0
#define WK_VERSION_STRING "0.1.0"

/* -DWK_API= beside -fvisibility=hidden, for the one file and for what includes its header, keeps wick's names inside a
 * plug-in that carries it. */
#ifndef WK_API
#ifdef __GNUC__
#define WK_API __attribute__((visibility("default")))
#else
#define WK_API
#endif
#endif

#ifdef __GNUC__
#define WK_CLEANUP(function) __attribute__((cleanup(function), unused))
#endif

#ifdef __cplusplus
#define WK_BEGIN_DECLS extern "C" {
#define WK_END_DECLS }
#else
#define WK_BEGIN_DECLS
#define WK_END_DECLS
#endif

#define WK__JOIN2(a, b) a##b
#define WK__JOIN(a, b) WK__JOIN2(a, b)

WK_BEGIN_DECLS

/* The version of the library that is running, as "0.1.0"; compare with WK_VERSION_STRING, which is the header's. */
WK_API const char *wk_version(void);

/* The instruction set whose kernels are in use: "ref" (plain C), "avx2", "avx512" or, on ARM, "neon". The best that the
 * machine has, unless the environment variable WK_ISA names another. */
WK_API const char *wk_isa(void);

/* The CBLAS that large products go through, as it calls itself ("OpenBLAS 0.3.21 ..., 1 thread"; the name of its file
 * where it does not tell) when this is first asked. NULL where wick was built without one, as it is unless told:
 * docs/numerics.md says what follows from it for the last bits. */
WK_API const char *wk_blas(void);

/* 0 to 2: what the environment variable WK_DEBUG asked for. From 1 on calls on tensors of other contexts and of closed
 * scopes are found by every function, at some cost of time and memory; docs/environment.md has the levels. */
WK_API int32_t wk_debug_level(void);

/* ------------------------------------------------------------------------------------------------ element types --- */

enum { WK_MAX_DIMS = 8 }; /* a tensor has 0 to 8 dimensions */

/* The list of element types; the enum, the names, the sizes and the kernels all come from here:
 *
 *   X(with, NAME, name, C type, category)      `with` is handed through
 *
 * A bool is a byte: 0 is false, anything else true, and wick writes 1. The halves f16 (IEEE 754 binary16) and bf16 (the
 * upper half of an f32) are C's 16 bits; they are stored and converted, and computed with in f32. New rows go to the
 * end: the position is the number that programs were compiled with. */
#define WK_DTYPES(X, with) X(with, F32, f32, float, FLOAT) WK_DTYPES_BUT_F32(X, with)
#define WK_DTYPES_BUT_F32(X, with)        \
    X(with, F64, f64, double, FLOAT)      \
    X(with, I64, i64, int64_t, INTEGER)   \
    X(with, I32, i32, int32_t, INTEGER)   \
    X(with, U8, u8, uint8_t, INTEGER)     \
    X(with, BOOL, bool, uint8_t, BOOLEAN) \
    X(with, F16, f16, uint16_t, HALF)     \
    X(with, BF16, bf16, uint16_t, HALF)

/* WK_F32, WK_F64, WK_I64, WK_I32, WK_U8, WK_BOOL, WK_F16, WK_BF16. */
typedef int32_t wk_dtype;
enum {
#define WK__DTYPE_NUMBER(with, NAME, name, type, category) WK_##NAME,
    WK_DTYPES(WK__DTYPE_NUMBER, )
#undef WK__DTYPE_NUMBER
    WK_DTYPE_COUNT
};

/* Name ("f32") and size in bytes of an element type; NULL and 0 for a number that is none. */
WK_API const char *wk_dtype_name(wk_dtype dtype);
WK_API size_t wk_dtype_nbytes(wk_dtype dtype);

/* ------------------------------------------------------------------------------------------------------ devices --- */

/* Where elements lie and are computed with. The numbers do not change. */
typedef int32_t wk_device;
enum { WK_CPU = 0 };

/* "cpu"; NULL for a number that stands for no device of this build. */
WK_API const char *wk_device_name(wk_device device);

/* ------------------------------------------------------------------------------------------------------ failure --- */

/* WK_OK is 0, failures are negative: see status.def. */
typedef int32_t wk_status;
enum {
#define WK_STATUS(NAME, number, meaning) WK_##NAME = (number),
#include "wick/status.def"
#undef WK_STATUS
};

/* "EINVAL" and the like, and what it means in a sentence. Never NULL. */
WK_API const char *wk_status_name(wk_status status);
WK_API const char *wk_status_meaning(wk_status status);

/* What failed first. The layout is fixed for ever: 512 bytes. */
typedef struct wk_error {
    wk_status status;
    int32_t line;      /* where the failed call stands in the caller's source, under -DWK_TRACE; else 0 */
    int64_t skipped;   /* how many calls did nothing since */
    char op[32];       /* the function that failed, without "wk_": "matmul" */
    char file[64];     /* as line; else "" */
    char message[400]; /* one line, made to be shown: "matmul: a (3,4) and b (5,6): inner sizes 4 and 5 differ" */
} wk_error;

/* True while no failure is pending in the current context: `for (int i = 0; i < n && wk_ok(); i++)`. */
WK_API bool wk_ok(void);

/* Takes the pending failure: copies it to *error (which may be NULL), clears it, and returns its status. WK_OK when
 * there was none; *error is then all zero. After it the context works again; tensors made before the failure are
 * untouched. */
WK_API wk_status wk_check(wk_error *error);

/* ----------------------------------------------------------------------------------------------------- contexts --- */

/* All that changes while programs run (scopes, tape, pending failure, random stream, free memory) hangs off a context.
 * Every thread has a default one, made at first use and freed at thread exit, so most programs never name one. Two
 * contexts train two models without touching each other. A context is used by one thread at a time, by any thread.
 *
 * What was made in a context is to be gone before it: slots are released, and modules, optimisers, snapshots and plans
 * freed. A thread's default goes when the thread ends, so a model that a loader thread hands on is made in a context
 * from wk_ctx_new. */
typedef struct wk_ctx wk_ctx;

/* A new context, or NULL when memory is out. The caller frees it. */
WK_API wk_ctx *wk_ctx_new(void);

/* Frees the context with every tensor that its scopes still own. NULL is allowed. If it is current in the calling
 * thread, the thread's default takes its place. ESTATE inside a function that it has called, such as a hook. */
WK_API void wk_ctx_free(wk_ctx *ctx);

/* Makes ctx (NULL: the thread's default) current in this thread and returns the one that was (never NULL unless memory
 * is out). */
WK_API wk_ctx *wk_ctx_use(wk_ctx *ctx);

/* Bytes that the current context holds for tensors now and at most so far, and from the system in all. */
typedef struct wk_memory {
    int64_t nbytes, peak_nbytes, reserved_nbytes;
    int64_t system_calls; /* how often memory was asked of the system: constant in a steady loop */
} wk_memory;
WK_API void wk_memory_stats(wk_memory *stats);

/* Where a context gets the memory of tensors and of its tape. alloc gives nbytes (a multiple of alignment, a power of 2
 * from 64), or NULL; free gets the same nbytes back. Both are called by the thread that uses the context. */
typedef struct wk_allocator {
    size_t size;
    void *(*alloc)(void *user, size_t nbytes, size_t alignment);
    void (*free)(void *user, void *block, size_t nbytes);
    void *user;
    int32_t huge_pages; /* ask the system for huge pages below blocks of 2 MB and more */
} wk_allocator;
#define WK_ALLOCATOR { sizeof(wk_allocator), NULL, NULL, NULL, 1 }

/* Sets the allocator of the current context, before it has made anything (ESTATE otherwise). Both functions NULL: the C
 * library's, so that only huge_pages matters. EINVAL when one is missing. Does not stick. */
WK_API wk_status wk_set_allocator(const wk_allocator *allocator);

/* What a context has to say beside failures. WARNING: the root scope, which is never closed, holds more than a set
 * number of bytes (256 MB unless set; then at each doubling). INFO: which kernels are in use, once, when the log is
 * set. DEBUG: a backward that takes an op's gradient from operations because its kernels do not have the case. */
enum { WK_LOG_WARNING = 1, WK_LOG_INFO = 2, WK_LOG_DEBUG = 3 };

/* Calls log with messages of this level and below, of the current context; NULL: no more. It must not call wick. */
typedef void wk_log_fn(void *user, int32_t level, const char *message);
WK_API void wk_set_log(wk_log_fn *log, void *user, int32_t level);
WK_API void wk_set_root_warning(int64_t nbytes);

/* Counts the peak anew, from what is held now. */
WK_API void wk_memory_reset_peak(void);

WK_END_DECLS

#endif
