/* record.c -- see record.h. Each kernel of the table has a function here, made from kernels.def and from what is said
 * of its type below:
 *
 *     static void record_add_F32(int64_t n, void *y, ...) {
 *         does this thread's context capture?
 *             note "add", WK_F32, and its arguments as words
 *         else call the real kernel
 *     } */
#include "kernel/record.h"

#include <string.h>

#include "kernel/gemm_work.h"

/* The context that captures in this thread, or NULL. */
static const wk_ctx *capturing(void) {
    return wk__current != NULL && wk__current->capture != NULL ? wk__current : NULL;
}

/* --------------------------------------------------------------------------------------------- types of kernels --- */

/* TYPE_t makes the recording function of a kernel of type t: letters (capture.h), parameters, arguments, words. The
 * function call_t after it makes the call from words again. */
#define TYPE_wk_fill_loop(...)                                                       \
    RECORD(__VA_ARGS__, "nwnv", (int64_t n, void *y, int64_t sy, const void *value), \
           (INT(n), PTR(y), INT(sy), PTR(value)))
static void call_wk_fill_loop(wk_any_function *f, const wk_word *w) {
    ((wk_fill_loop *)f)(w[0].i, w[1].p, w[2].i, &w[3]);
}

#define TYPE_wk_unary_loop(...)                                                               \
    RECORD(__VA_ARGS__, "nwnrn", (int64_t n, void *y, int64_t sy, const void *x, int64_t sx), \
           (INT(n), PTR(y), INT(sy), PTR(x), INT(sx)))
static void call_wk_unary_loop(wk_any_function *f, const wk_word *w) {
    ((wk_unary_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i);
}

#define TYPE_wk_binary_loop(...)                                                                   \
    RECORD(__VA_ARGS__, "nwnrnrn",                                                                 \
           (int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb), \
           (INT(n), PTR(y), INT(sy), PTR(a), INT(sa), PTR(b), INT(sb)))
static void call_wk_binary_loop(wk_any_function *f, const wk_word *w) {
    ((wk_binary_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i);
}

#define TYPE_wk_scale_loop(...)                                                                          \
    RECORD(__VA_ARGS__, "nwnrnf", (int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s), \
           (INT(n), PTR(y), INT(sy), PTR(x), INT(sx), NUM(s)))
static void call_wk_scale_loop(wk_any_function *f, const wk_word *w) {
    ((wk_scale_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].f);
}

#define TYPE_wk_scaled_diff_loop(...)                                                                            \
    RECORD(__VA_ARGS__, "nwnrnrnrfnf",                                                                           \
           (int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb, const void *g, \
            double factor, int64_t count, double beta),                                                          \
           (INT(n), PTR(y), INT(sy), PTR(a), INT(sa), PTR(b), INT(sb), PTR(g), NUM(factor), INT(count), NUM(beta)))
static void call_wk_scaled_diff_loop(wk_any_function *f, const wk_word *w) {
    ((wk_scaled_diff_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].p, w[8].f, w[9].i, w[10].f);
}

#define TYPE_wk_pair_loop(...)                                                                               \
    RECORD(__VA_ARGS__, "nwnrnrnf",                                                                          \
           (int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb, double s), \
           (INT(n), PTR(y), INT(sy), PTR(a), INT(sa), PTR(b), INT(sb), NUM(s)))
static void call_wk_pair_loop(wk_any_function *f, const wk_word *w) {
    ((wk_pair_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].f);
}

#define TYPE_wk_where_loop(...)                                                                              \
    RECORD(__VA_ARGS__, "nwnrnrnrn",                                                                         \
           (int64_t n, void *y, int64_t sy, const uint8_t *condition, int64_t sc, const void *a, int64_t sa, \
            const void *b, int64_t sb),                                                                      \
           (INT(n), PTR(y), INT(sy), PTR(condition), INT(sc), PTR(a), INT(sa), PTR(b), INT(sb)))
static void call_wk_where_loop(wk_any_function *f, const wk_word *w) {
    ((wk_where_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].p, w[8].i);
}

#define TYPE_wk_map_loop(...)                                                                                       \
    RECORD(__VA_ARGS__, "nwnrnff", (int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s, double t), \
           (INT(n), PTR(y), INT(sy), PTR(x), INT(sx), NUM(s), NUM(t)))
static void call_wk_map_loop(wk_any_function *f, const wk_word *w) {
    ((wk_map_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].f, w[6].f);
}

#define TYPE_wk_map_grad_loop(...)                                                                                    \
    RECORD(__VA_ARGS__, "nwnrnrnff1",                                                                                 \
           (int64_t n, void *y, int64_t sy, const void *g, int64_t sg, const void *x, int64_t sx, double s, double t, \
            bool add),                                                                                                \
           (INT(n), PTR(y), INT(sy), PTR(g), INT(sg), PTR(x), INT(sx), NUM(s), NUM(t), INT(add)))
static void call_wk_map_grad_loop(wk_any_function *f, const wk_word *w) {
    ((wk_map_grad_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].f, w[8].f, w[9].i != 0);
}

#define TYPE_wk_reduce_loop(...) \
    RECORD(__VA_ARGS__, "nwrn", (int64_t n, void *y, const void *x, int64_t sx), (INT(n), PTR(y), PTR(x), INT(sx)))
static void call_wk_reduce_loop(wk_any_function *f, const wk_word *w) {
    ((wk_reduce_loop *)f)(w[0].i, w[1].p, w[2].p, w[3].i);
}

#define TYPE_wk_reduce2_loop(...)                                                                             \
    RECORD(__VA_ARGS__, "nwrnrn", (int64_t n, void *y, const void *a, int64_t sa, const void *b, int64_t sb), \
           (INT(n), PTR(y), PTR(a), INT(sa), PTR(b), INT(sb)))
static void call_wk_reduce2_loop(wk_any_function *f, const wk_word *w) {
    ((wk_reduce2_loop *)f)(w[0].i, w[1].p, w[2].p, w[3].i, w[4].p, w[5].i);
}

#define TYPE_wk_index_loop(...)                                                                                        \
    RECORD(__VA_ARGS__, "nwnrnrnnn",                                                                                   \
           (int64_t n, void *y, int64_t sy, const void *x, int64_t sx, const int64_t *index, int64_t si, int64_t step, \
            int64_t size),                                                                                             \
           (INT(n), PTR(y), INT(sy), PTR(x), INT(sx), PTR(index), INT(si), INT(step), INT(size)))
static void call_wk_index_loop(wk_any_function *f, const wk_word *w) {
    ((wk_index_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].i, w[8].i);
}

#define TYPE_wk_argsort_kernel(...)                                                                                  \
    RECORD_SCRATCH(argsort_scratch, __VA_ARGS__, "nnwnrn1k",                                                         \
                   (int64_t n, int64_t count, int64_t * index, int64_t si, const void *x, int64_t sx,                \
                    bool descending, void *work),                                                                    \
                   (INT(n), INT(count), PTR(index), INT(si), PTR(x), INT(sx), INT(descending), PTR(work)))
static void call_wk_argsort_kernel(wk_any_function *f, const wk_word *w) {
    ((wk_argsort_kernel *)f)(w[0].i, w[1].i, w[2].p, w[3].i, w[4].p, w[5].i, w[6].i != 0, w[7].p);
}

#define TYPE_wk_transpose_kernel(...)                                                                   \
    RECORD(__VA_ARGS__, "nnrnw", (int64_t rows, int64_t cols, const void *src, int64_t row, void *dst), \
           (INT(rows), INT(cols), PTR(src), INT(row), PTR(dst)))
static void call_wk_transpose_kernel(wk_any_function *f, const wk_word *w) {
    ((wk_transpose_kernel *)f)(w[0].i, w[1].i, w[2].p, w[3].i, w[4].p);
}

/* Whether a product is large, and packed for that, depends on sizes, so that it is noted as one thing and decided when
 * the scratch memory is given out. */
#define TYPE_wk_gemm_kernel(...)                                                                                     \
    RECORD_SCRATCH(                                                                                                  \
        gemm_scratch, __VA_ARGS__, "nnnrnnrnnfwnnk",                                                                 \
        (int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b, double beta, void *c, int64_t row, \
         int64_t col),                                                                                               \
        (INT(m), INT(n), INT(k), PTR(k > 0 ? a->data : NULL), INT(a->row), INT(a->col),                              \
         PTR(k > 0 ? b->data : NULL), INT(b->row), INT(b->col), NUM(beta), PTR(c), INT(row), INT(col), PTR(NULL)))
#define TYPE_wk_gemm_packed_kernel(name, type, NAME)                                                           \
    static void record_##name##_##NAME(int64_t m, int64_t n, int64_t k, const wk_matrix *a,                    \
                                       const wk_matrix *b, double beta, void *c, int64_t row, int64_t col,     \
                                       void *work) {                                                           \
        if (capturing() != NULL)                                                                               \
            record_gemm_##NAME(m, n, k, a, b, beta, c, row, col);                                              \
        else                                                                                                   \
            wk__kernels_working()->name[WK_##NAME](m, n, k, a, b, beta, c, row, col, work);                    \
    }
static void call_wk_gemm_kernel(wk_any_function *f, const wk_word *w) {
    const wk_matrix a = {w[3].p, w[4].i, w[5].i}, b = {w[6].p, w[7].i, w[8].i};
    const wk_kernels *table = wk__kernels_working();
    wk_dtype dtype = 0;
    if (wk_likely(w[13].p == NULL)) {
        ((wk_gemm_kernel *)f)(w[0].i, w[1].i, w[2].i, &a, &b, w[9].f, w[10].p, w[11].i, w[12].i);
        return;
    }
    while ((wk_any_function *)table->gemm[dtype] != f) dtype++;
    table->gemm_packed[dtype](w[0].i, w[1].i, w[2].i, &a, &b, w[9].f, w[10].p, w[11].i, w[12].i, w[13].p);
}

/* Scratch memory of types that have some, in bytes. */
static int64_t element_nbytes(const wk_noted *noted) { return noted->dtype == WK_F32 ? 4 : 8; }
static int64_t gemm_scratch(const wk_noted *noted, const wk_word *w) {
    return wk__gemm_work(noted->dtype, w[0].i, w[1].i, w[2].i) * element_nbytes(noted);
}
static int64_t argsort_scratch(const wk_noted *noted, const wk_word *w) {
    return wk__argsort_work(w[0].i, (int64_t)wk_dtype_nbytes(noted->dtype));
}
static int64_t chain_scratch(const wk_noted *noted, const wk_word *w) {
    return wk__rnn_chain_work(w[1].i) * element_nbytes(noted);
}
static int64_t chain_grad_scratch(const wk_noted *noted, const wk_word *w) {
    return wk__rnn_chain_grad_work(w[1].i) * element_nbytes(noted);
}
/* Types that take a struct, which is the words: a letter for each eight bytes of it. */
#define TYPE_wk_fibre_kernel(...) RECORD_STRUCT(__VA_ARGS__, "nnwnnrnnrnnf1", wk_fibres)
#define TYPE_wk_step_kernel(...) RECORD_STRUCT(__VA_ARGS__, "nnwrwwwwnr", wk_step_args)
#define TYPE_wk_step_grad_kernel(...) RECORD_STRUCT(__VA_ARGS__, "nnrrrrrrnnrrwwww", wk_step_grad_args)
#define TYPE_wk_rnn_chain_kernel(...) RECORD_STRUCT_SCRATCH(chain_scratch, __VA_ARGS__, "nnrrrwwn2k", wk_rnn_chain_args)
#define TYPE_wk_rnn_chain_grad_kernel(...) \
    RECORD_STRUCT_SCRATCH(chain_grad_scratch, __VA_ARGS__, "nnrrrnnwww2k", wk_rnn_chain_grad_args)
#define LETTERS_OF_NORM "nnrrrfw"
#define TYPE_wk_layer_norm_kernel(...) RECORD_STRUCT(__VA_ARGS__, LETTERS_OF_NORM, wk_layer_norm_args)
#define TYPE_wk_layer_norm_grad_kernel(...) RECORD_STRUCT(__VA_ARGS__, LETTERS_OF_NORM "rwww3", wk_layer_norm_grad_args)
#define TYPE_wk_adam_kernel(...) RECORD_STRUCT(__VA_ARGS__, "nwwwrfffffff", wk_adam_args)
#define TYPE_wk_sgd_kernel(...) RECORD_STRUCT(__VA_ARGS__, "nwwrffff2", wk_sgd_args)
#define TYPE_wk_rmsprop_kernel(...) RECORD_STRUCT(__VA_ARGS__, "nwwwwrfffff", wk_rmsprop_args)

#define CALL_BY_STRUCT(type, args) \
    static void call_##type(wk_any_function *f, const wk_word *w) { ((type *)f)((const args *)(const void *)w); }
CALL_BY_STRUCT(wk_fibre_kernel, wk_fibres)
CALL_BY_STRUCT(wk_step_kernel, wk_step_args)
CALL_BY_STRUCT(wk_step_grad_kernel, wk_step_grad_args)
CALL_BY_STRUCT(wk_rnn_chain_kernel, wk_rnn_chain_args)
CALL_BY_STRUCT(wk_rnn_chain_grad_kernel, wk_rnn_chain_grad_args)
CALL_BY_STRUCT(wk_layer_norm_kernel, wk_layer_norm_args)
CALL_BY_STRUCT(wk_layer_norm_grad_kernel, wk_layer_norm_grad_args)
CALL_BY_STRUCT(wk_adam_kernel, wk_adam_args)
CALL_BY_STRUCT(wk_sgd_kernel, wk_sgd_args)
CALL_BY_STRUCT(wk_rmsprop_kernel, wk_rmsprop_args)

/* Types whose result is for the program, not for a tensor. */
#define TYPE_wk_count_loop(name, type, NAME) \
    RECORD_REFUSING(name, NAME, (int64_t n, const void *x, int64_t sx), (n, x, sx))
#define TYPE_wk_find_loop(name, type, NAME)                                                                          \
    RECORD_REFUSING(name, NAME, (int64_t n, const void *x, int64_t sx, int64_t first, int64_t room, int64_t *found), \
                    (n, x, sx, first, room, found))

/* ------------------------------------------------------------------------------------------------------- noting --- */

const wk_signature wk__unary_signature = {"nwnrn", call_wk_unary_loop, NULL};

bool wk__note(const wk_ctx *ctx, const wk_noted *noted, const wk_word *words) {
    if (wk_likely(ctx == NULL || ctx->capture == NULL)) return false;
    ctx->capture->kernel(ctx->capture, noted, words);
    return true;
}

#define INT(x) \
    { .i = (x) }
#define NUM(x) \
    { .f = (x) }
#define PTR(x) \
    { .p = (void *)(uintptr_t)(x) }
#define UNWRAPPED(...) __VA_ARGS__

/* What a recording function knows of its kernel. */
typedef struct recorded_kernel {
    wk_signature signature;
    const char *name;
    size_t slot; /* in a table */
    wk_dtype dtype;
} recorded_kernel;

#define RECORDED(letters, type, scratch, name, NAME)                                                                \
    {                                                                                                               \
        {letters, call_##type, scratch}, #name, offsetof(wk_kernels, name) + WK_##NAME * sizeof(wk_any_function *), \
            WK_##NAME                                                                                               \
    }

/* Fibres of no elements are not read, and may lie anywhere. */
static const wk_word *without_elements(const wk_word *words, wk_fibres *copy) {
    memcpy(copy, words, sizeof *copy);
    copy->x = NULL;
    copy->x_next = 0;
    return (const wk_word *)(const void *)copy;
}

/* Notes the call, or makes it. An element that is given by its address becomes the word itself. */
static void note_or_call(const recorded_kernel *k, const wk_word *words) {
    wk_word with_element[4];
    wk_fibres none;
    const wk_noted noted = {
        .signature = &k->signature,
        .name = k->name,
        .dtype = k->dtype,
        .function = *(wk_any_function *const *)((const char *)wk__kernels_working() + k->slot),
    };
    if (k->signature.call == call_wk_fill_loop) {
        memcpy(with_element, words, sizeof with_element);
        with_element[3].i = 0;
        memcpy(&with_element[3], words[3].p, wk_dtype_nbytes(k->dtype));
        words = with_element;
    }
    if (k->signature.call == call_wk_fibre_kernel && words[1].i == 0) words = without_elements(words, &none);
    if (!wk__note(capturing(), &noted, words)) k->signature.call(noted.function, words);
}

#define RECORD(...) RECORD_SCRATCH(NULL, __VA_ARGS__)
#define RECORD_SCRATCH(scratch, name, type, NAME, letters, parameters, words)               \
    static void record_##name##_##NAME parameters {                                         \
        static const recorded_kernel kernel = RECORDED(letters, type, scratch, name, NAME); \
        note_or_call(&kernel, (const wk_word[]){UNWRAPPED words});                          \
    }

#define RECORD_STRUCT(...) RECORD_STRUCT_SCRATCH(NULL, __VA_ARGS__)
#define RECORD_STRUCT_SCRATCH(scratch, name, type, NAME, letters, args)                               \
    static void record_##name##_##NAME(const args *a) {                                               \
        _Static_assert(sizeof(args) == 8 * (sizeof letters - 1), "a letter for each word of " #args); \
        static const recorded_kernel kernel = RECORDED(letters, type, scratch, name, NAME);           \
        note_or_call(&kernel, (const wk_word *)(const void *)a);                                      \
    }

static bool refuses(const char *name) {
    wk_ctx *ctx = wk__current;
    return ctx != NULL && wk__capture_refuses(ctx, name, "what it finds would decide how the step goes on");
}

#define RECORD_REFUSING(name, NAME, parameters, arguments)                            \
    static int64_t record_##name##_##NAME parameters {                                \
        return refuses(#name) ? 0 : wk__kernels_working()->name[WK_##NAME] arguments; \
    }

/* with: (name, type) */
#define RECORD_SLOT(with, NAME, dtype, ctype, category) RECORD_PAIR(UNWRAPPED with, NAME)
#define RECORD_PAIR(...) RECORD_TYPED(__VA_ARGS__)
#define RECORD_TYPED(name, type, NAME) TYPE_##type(name, type, NAME)
#define RECORD_ANY(name, type) WK_DTYPES(RECORD_SLOT, (name, type))
#define RECORD_FLOAT(name, type) RECORD_TYPED(name, type, F32) RECORD_TYPED(name, type, F64)
#define RECORD_PLAIN RECORD_FLOAT
#define RECORD_NUMBER RECORD_ANY
#define RECORD_PLAIN_NUMBER RECORD_ANY

#define WK_KERNEL(name, type, dtypes) RECORD_##dtypes(name, type)
#include "kernel/kernels.def"
#undef WK_KERNEL

/* ---------------------------------------------------------------------------------------------------- the table --- */

#define RECORDING_SLOT(kernel, NAME, name, ctype, category) [WK_##NAME] = record_##kernel##_##NAME,
#define RECORDING_FLOAT(kernel) \
    { [WK_F32] = record_##kernel##_F32, [WK_F64] = record_##kernel##_F64 }
#define RECORDING_PLAIN RECORDING_FLOAT
#define RECORDING_NUMBER RECORDING_ANY
#define RECORDING_PLAIN_NUMBER RECORDING_ANY
#define RECORDING_ANY(kernel) \
    { WK_DTYPES(RECORDING_SLOT, kernel) }

const wk_kernels wk__kernels_recording = {
    .isa = "recording",
#define WK_KERNEL(name, type, dtypes) .name = RECORDING_##dtypes(name),
#include "kernel/kernels.def"
#undef WK_KERNEL
};
