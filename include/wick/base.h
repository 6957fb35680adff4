/* wick/base.h -- export marks, version, element types, failure, contexts.
 *
 * NOTE [Failure sticks]. wick never aborts, exits, prints or jumps. The first call that fails records the reason in its
 * context. From then on every call that makes, reads, changes or differentiates tensors does nothing and returns NULL,
 * NaN or the status, until wk_check() takes the record. So a whole training step needs one check, at its end:
 *
 *     wk_tensor *y = wk_tanh(wk_add(wk_matmul(x, w), b));    // a failure inside: y is NULL, and so is all that follows
 *     wk_error e;
 *     if (wk_check(&e)) fprintf(stderr, "%s\n", e.message);  // matmul: a (3,4) and b (5,6): inner sizes 4 and 5 differ
 *
 * Functions that close, release or inspect (wk_scope_close, wk_release, wk_dim ...) always work.
 *
 * NOTE [Errors of every function]. The comment of a function, or the one at the head of its group, names the statuses
 * of status.def that it fails with. Comments leave out the following, which any function that takes or returns an
 * object of the kind may give:
 *
 *     EINVAL      a required argument is NULL; options do not begin with their size
 *     ENOMEM      out of memory
 *     ECLOSED     a tensor is used after its scope has closed
 *     ECONTEXT    a tensor, a module or another object belongs to another context
 *     ESTATE      not possible inside a plan's step, for the result of a batch, or for what threads share
 *     ENAN        in anomaly mode (wk_set_anomaly): a result is not finite */
#ifndef WICK_BASE_H
#define WICK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WK_VERSION_MAJOR 0
#define WK_VERSION_MINOR 1
#define WK_VERSION_PATCH 0
#define WK_VERSION_STRING "0.1.0"

/* -DWK_API= with -fvisibility=hidden, for the amalgamation and for everything that includes its header, keeps wick's
 * names inside a plug-in that contains it. */
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

/* The version of the library in use, such as "0.1.0". WK_VERSION_STRING is the version of the header: compare the
 * two. */
WK_API const char *wk_version(void);

/* The instruction set of the kernels in use: "ref" (plain C), "avx2", "avx512" or, on ARM, "neon". It is the best one
 * that the machine supports, unless the environment variable WK_ISA names another. */
WK_API const char *wk_isa(void);

/* The CBLAS library that large matrix products are passed to, as the library describes itself ("OpenBLAS 0.3.21 ..., 1
 * thread"), or by the name of its file if it does not. The text is made at the first call. NULL if wick was built
 * without a CBLAS, which is the default; docs/numerics.md says how a CBLAS changes the last bits of results. */
WK_API const char *wk_blas(void);

/* The level that the environment variable WK_DEBUG asks for, 0 to 2. From 1 on, every function recognises tensors of
 * other contexts and of closed scopes, at some cost in time and memory; docs/environment.md describes the levels. */
WK_API int32_t wk_debug_level(void);

/* ------------------------------------------------------------------------------------------------ element types --- */

enum { WK_MAX_DIMS = 8 }; /* a tensor has 0 to 8 dimensions */

/* The one list of element types, from which the enum, the names, the sizes and the kernels are generated:
 *
 *   X(with, NAME, name, C type, category)      `with` is passed through
 *
 * A bool is one byte: 0 is false, anything else is true, and wick writes 1. The half-precision types f16 (IEEE 754
 * binary16) and bf16 (the upper half of an f32) are 16-bit integers in C; wick stores and converts them, and computes
 * with them in f32. New rows go to the end: the position is the number that programs were compiled with. */
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

/* The name ("f32") and the size in bytes of an element type; NULL and 0 for a number that is not an element type. */
WK_API const char *wk_dtype_name(wk_dtype dtype);
WK_API size_t wk_dtype_nbytes(wk_dtype dtype);

/* ------------------------------------------------------------------------------------------------------ devices --- */

/* Where the elements of a tensor are stored and computed. The numbers never change. */
typedef int32_t wk_device;
enum { WK_CPU = 0 };

/* The name of a device, "cpu"; NULL for a number that is not a device of this build. */
WK_API const char *wk_device_name(wk_device device);

/* ------------------------------------------------------------------------------------------------------ failure --- */

/* WK_OK is 0, failures are negative: see status.def. */
typedef int32_t wk_status;
enum {
#define WK_STATUS(NAME, number, meaning) WK_##NAME = (number),
#include "wick/status.def"
#undef WK_STATUS
};

/* The name of a status ("EINVAL") and a phrase that says what it means. Never NULL. */
WK_API const char *wk_status_name(wk_status status);
WK_API const char *wk_status_meaning(wk_status status);

/* The first failure. The layout never changes: 512 bytes. */
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

/* Takes the pending failure: copies it to *error (which may be NULL), clears it and returns its status. Without a
 * pending failure it returns WK_OK and sets *error to zero. Afterwards the context works again, and tensors made before
 * the failure are as they were. */
WK_API wk_status wk_check(wk_error *error);

/* ----------------------------------------------------------------------------------------------------- contexts --- */

/* All mutable state (scopes, tape, pending failure, random stream, free memory) belongs to a context. Every thread has
 * a default context, made at first use and freed when the thread ends, so most programs never name one. Two contexts
 * train two models independently of each other. A context may be used by any thread, but only by one at a time.
 *
 * Everything made in a context must be gone before the context is: release slots, and free modules, optimisers,
 * snapshots and plans first. A default context ends with its thread, so a loader thread that passes a model on makes it
 * in a context from wk_ctx_new. */
typedef struct wk_ctx wk_ctx;

/* A new context, which the caller frees; NULL when out of memory. */
WK_API wk_ctx *wk_ctx_new(void);

/* Frees the context and every tensor that its scopes still own. NULL is allowed. If the context is current in the
 * calling thread, the thread's default context becomes current. ESTATE inside a function that the context has called,
 * such as a hook. */
WK_API void wk_ctx_free(wk_ctx *ctx);

/* Makes ctx (NULL: the thread's default) the current context of this thread and returns the one that was current before
 * (NULL only when out of memory). */
WK_API wk_ctx *wk_ctx_use(wk_ctx *ctx);

/* Memory of the current context: bytes held for tensors now, the most that were held at once, and bytes obtained from
 * the system in total. */
typedef struct wk_memory {
    int64_t nbytes, peak_nbytes, reserved_nbytes;
    int64_t system_calls; /* how often memory was asked of the system: constant in a steady loop */
} wk_memory;
WK_API void wk_memory_stats(wk_memory *stats);

/* Where a context gets memory for tensors and for its tape. alloc returns a block of nbytes (a multiple of alignment,
 * which is a power of 2 and at least 64), or NULL; free receives the block with the same nbytes. Both are called by the
 * thread that uses the context. */
typedef struct wk_allocator {
    size_t size;
    void *(*alloc)(void *user, size_t nbytes, size_t alignment);
    void (*free)(void *user, void *block, size_t nbytes);
    void *user;
    int32_t huge_pages; /* ask the system for huge pages below blocks of 2 MB and more */
} wk_allocator;
#define WK_ALLOCATOR { sizeof(wk_allocator), NULL, NULL, NULL, 1 }

/* Sets the allocator of the current context, which must not have allocated anything yet (ESTATE). If both functions are
 * NULL, memory comes from the C library and only huge_pages has an effect; EINVAL if just one is NULL. A failure is
 * returned and does not stick. */
WK_API wk_status wk_set_allocator(const wk_allocator *allocator);

/* Messages other than failures. WARNING: the root scope, which is never closed, holds more bytes than
 * wk_set_root_warning allows (256 MB by default); repeated at each doubling. INFO: which kernels are in use, once, when
 * the log is set. DEBUG: backward computed the gradient of an operation from other operations, because its gradient
 * kernels do not cover the case. */
enum { WK_LOG_WARNING = 1, WK_LOG_INFO = 2, WK_LOG_DEBUG = 3 };

/* Calls log with the messages of the current context at this level and below; NULL stops them. log must not call
 * wick. */
typedef void wk_log_fn(void *user, int32_t level, const char *message);
WK_API void wk_set_log(wk_log_fn *log, void *user, int32_t level);
WK_API void wk_set_root_warning(int64_t nbytes);

/* Starts the peak again at the number of bytes held now. */
WK_API void wk_memory_reset_peak(void);

WK_END_DECLS

#endif
