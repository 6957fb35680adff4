/* record.c -- see record.h. Each kernel of the table has a function here, made from kernels.def and from what is said
 * of its type below. There are hundreds, so that each is short: it says which slot of the table is its own, and leaves
 * the rest to a function that there is once for each type.
 *
 *     static void record_add_F32(int64_t n, void *y, ...) { note_wk_binary_loop(n, y, ..., slot of add, WK_F32); }
 *
 *     static void note_wk_binary_loop(int64_t n, void *y, ..., float slot) {
 *         does this thread's context capture?
 *             note the kernel's name and type, and its arguments as words
 *         else call the real kernel
 *     }
 *
 * A slot is a number, and goes as a float: there is always a register left for one, so that the arguments before it
 * stay where they are and the call is a jump. */
#include "kernel/record.h"

#include <string.h>

#include "kernel/gemm_work.h"
#include "kernel/ref.h"

/* The context that captures in this thread, or NULL. */
static const wk_ctx *capturing(void) {
    return wk__current != NULL && wk__current->capture != NULL ? wk__current : NULL;
}

/* -------------------------------------------------------------------------------------------------------- slots --- */

#define SLOT(name, NAME) (WK__KERNEL_##name * WK_DTYPE_COUNT + WK_##NAME)
static int32_t row_of(float slot) { return (int32_t)slot / WK_DTYPE_COUNT; }
static wk_dtype dtype_of(float slot) { return (int32_t)slot % WK_DTYPE_COUNT; }

static const char *name_of(float slot);
static wk_any_function *kernel_of(float slot);
static void note_or_call(float slot, const wk_word *words);

/* --------------------------------------------------------------------------------------------- types of kernels --- */

/* Of a type t, TAKES_t is the head of a function with its parameters and, after them, what may be given as `more`;
 * GIVES_t hands them on to note_t. NOTES makes that function and the type's signature, of letters (capture.h), the
 * bytes of scratch memory if there is some, and words. call_t makes the call from words again. */
#define WITH_SLOT , float slot
#define NOTES_SCRATCH(type, letters, scratch, ...)                                                        \
    WK_APART TAKES_##type(note_##type, WITH_SLOT) { note_or_call(slot, (const wk_word[]){__VA_ARGS__}); } \
    static const wk_signature signature_of_##type = {letters, call_##type, scratch};
#define NOTES(type, letters, ...) NOTES_SCRATCH(type, letters, NULL, __VA_ARGS__)

#define INT(x) \
    { .i = (x) }
#define NUM(x) \
    { .f = (x) }
#define PTR(x) \
    { .p = (void *)(uintptr_t)(x) }

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

#define TAKES_wk_fill_loop(name, more) void name(int64_t n, void *y, int64_t sy, const void *value more)
#define GIVES_wk_fill_loop(slot) note_wk_fill_loop(n, y, sy, value, slot)
static void call_wk_fill_loop(wk_any_function *f, const wk_word *w) {
    ((wk_fill_loop *)f)(w[0].i, w[1].p, w[2].i, &w[3]);
}
NOTES(wk_fill_loop, "nwnv", INT(n), PTR(y), INT(sy), PTR(value))

#define TAKES_wk_unary_loop(name, more) void name(int64_t n, void *y, int64_t sy, const void *x, int64_t sx more)
#define GIVES_wk_unary_loop(slot) note_wk_unary_loop(n, y, sy, x, sx, slot)
static void call_wk_unary_loop(wk_any_function *f, const wk_word *w) {
    ((wk_unary_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i);
}
NOTES(wk_unary_loop, "nwnrn", INT(n), PTR(y), INT(sy), PTR(x), INT(sx))

#define TAKES_wk_binary_loop(name, more) \
    void name(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb more)
#define GIVES_wk_binary_loop(slot) note_wk_binary_loop(n, y, sy, a, sa, b, sb, slot)
static void call_wk_binary_loop(wk_any_function *f, const wk_word *w) {
    ((wk_binary_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i);
}
NOTES(wk_binary_loop, "nwnrnrn", INT(n), PTR(y), INT(sy), PTR(a), INT(sa), PTR(b), INT(sb))

#define TAKES_wk_scale_loop(name, more) \
    void name(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s more)
#define GIVES_wk_scale_loop(slot) note_wk_scale_loop(n, y, sy, x, sx, s, slot)
static void call_wk_scale_loop(wk_any_function *f, const wk_word *w) {
    ((wk_scale_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].f);
}
NOTES(wk_scale_loop, "nwnrnf", INT(n), PTR(y), INT(sy), PTR(x), INT(sx), NUM(s))

#define TAKES_wk_scaled_diff_loop(name, more)                                                                      \
    void name(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb, const void *g, \
              double factor, int64_t count, double beta more)
#define GIVES_wk_scaled_diff_loop(slot) note_wk_scaled_diff_loop(n, y, sy, a, sa, b, sb, g, factor, count, beta, slot)
static void call_wk_scaled_diff_loop(wk_any_function *f, const wk_word *w) {
    ((wk_scaled_diff_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].p, w[8].f, w[9].i, w[10].f);
}
NOTES(wk_scaled_diff_loop, "nwnrnrnrfnf", INT(n), PTR(y), INT(sy), PTR(a), INT(sa), PTR(b), INT(sb), PTR(g),
      NUM(factor), INT(count), NUM(beta))

#define TAKES_wk_pair_loop(name, more) \
    void name(int64_t n, void *y, int64_t sy, const void *a, int64_t sa, const void *b, int64_t sb, double s more)
#define GIVES_wk_pair_loop(slot) note_wk_pair_loop(n, y, sy, a, sa, b, sb, s, slot)
static void call_wk_pair_loop(wk_any_function *f, const wk_word *w) {
    ((wk_pair_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].f);
}
NOTES(wk_pair_loop, "nwnrnrnf", INT(n), PTR(y), INT(sy), PTR(a), INT(sa), PTR(b), INT(sb), NUM(s))

#define TAKES_wk_where_loop(name, more)                                                                        \
    void name(int64_t n, void *y, int64_t sy, const uint8_t *condition, int64_t sc, const void *a, int64_t sa, \
              const void *b, int64_t sb more)
#define GIVES_wk_where_loop(slot) note_wk_where_loop(n, y, sy, condition, sc, a, sa, b, sb, slot)
static void call_wk_where_loop(wk_any_function *f, const wk_word *w) {
    ((wk_where_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].p, w[8].i);
}
NOTES(wk_where_loop, "nwnrnrnrn", INT(n), PTR(y), INT(sy), PTR(condition), INT(sc), PTR(a), INT(sa), PTR(b), INT(sb))

#define TAKES_wk_map_loop(name, more) \
    void name(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, double s, double t more)
#define GIVES_wk_map_loop(slot) note_wk_map_loop(n, y, sy, x, sx, s, t, slot)
static void call_wk_map_loop(wk_any_function *f, const wk_word *w) {
    ((wk_map_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].f, w[6].f);
}
NOTES(wk_map_loop, "nwnrnff", INT(n), PTR(y), INT(sy), PTR(x), INT(sx), NUM(s), NUM(t))

#define TAKES_wk_map_grad_loop(name, more)                                                                    \
    void name(int64_t n, void *y, int64_t sy, const void *g, int64_t sg, const void *x, int64_t sx, double s, \
              double t, bool add more)
#define GIVES_wk_map_grad_loop(slot) note_wk_map_grad_loop(n, y, sy, g, sg, x, sx, s, t, add, slot)
static void call_wk_map_grad_loop(wk_any_function *f, const wk_word *w) {
    ((wk_map_grad_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].f, w[8].f, w[9].i != 0);
}
NOTES(wk_map_grad_loop, "nwnrnrnff1", INT(n), PTR(y), INT(sy), PTR(g), INT(sg), PTR(x), INT(sx), NUM(s), NUM(t),
      INT(add))

#define TAKES_wk_reduce_loop(name, more) void name(int64_t n, void *y, const void *x, int64_t sx more)
#define GIVES_wk_reduce_loop(slot) note_wk_reduce_loop(n, y, x, sx, slot)
static void call_wk_reduce_loop(wk_any_function *f, const wk_word *w) {
    ((wk_reduce_loop *)f)(w[0].i, w[1].p, w[2].p, w[3].i);
}
NOTES(wk_reduce_loop, "nwrn", INT(n), PTR(y), PTR(x), INT(sx))

#define TAKES_wk_reduce2_loop(name, more) \
    void name(int64_t n, void *y, const void *a, int64_t sa, const void *b, int64_t sb more)
#define GIVES_wk_reduce2_loop(slot) note_wk_reduce2_loop(n, y, a, sa, b, sb, slot)
static void call_wk_reduce2_loop(wk_any_function *f, const wk_word *w) {
    ((wk_reduce2_loop *)f)(w[0].i, w[1].p, w[2].p, w[3].i, w[4].p, w[5].i);
}
NOTES(wk_reduce2_loop, "nwrnrn", INT(n), PTR(y), PTR(a), INT(sa), PTR(b), INT(sb))

#define TAKES_wk_index_loop(name, more)                                                                    \
    void name(int64_t n, void *y, int64_t sy, const void *x, int64_t sx, const int64_t *index, int64_t si, \
              int64_t step, int64_t size more)
#define GIVES_wk_index_loop(slot) note_wk_index_loop(n, y, sy, x, sx, index, si, step, size, slot)
static void call_wk_index_loop(wk_any_function *f, const wk_word *w) {
    ((wk_index_loop *)f)(w[0].i, w[1].p, w[2].i, w[3].p, w[4].i, w[5].p, w[6].i, w[7].i, w[8].i);
}
NOTES(wk_index_loop, "nwnrnrnnn", INT(n), PTR(y), INT(sy), PTR(x), INT(sx), PTR(index), INT(si), INT(step), INT(size))

#define TAKES_wk_argsort_kernel(name, more)                                                                     \
    void name(int64_t n, int64_t count, int64_t *index, int64_t si, const void *x, int64_t sx, bool descending, \
              void *work more)
#define GIVES_wk_argsort_kernel(slot) note_wk_argsort_kernel(n, count, index, si, x, sx, descending, work, slot)
static void call_wk_argsort_kernel(wk_any_function *f, const wk_word *w) {
    ((wk_argsort_kernel *)f)(w[0].i, w[1].i, w[2].p, w[3].i, w[4].p, w[5].i, w[6].i != 0, w[7].p);
}
NOTES_SCRATCH(wk_argsort_kernel, "nnwnrn1k", argsort_scratch, INT(n), INT(count), PTR(index), INT(si), PTR(x), INT(sx),
              INT(descending), PTR(work))

#define TAKES_wk_transpose_kernel(name, more) \
    void name(int64_t rows, int64_t cols, const void *src, int64_t row, void *dst more)
#define GIVES_wk_transpose_kernel(slot) note_wk_transpose_kernel(rows, cols, src, row, dst, slot)
static void call_wk_transpose_kernel(wk_any_function *f, const wk_word *w) {
    ((wk_transpose_kernel *)f)(w[0].i, w[1].i, w[2].p, w[3].i, w[4].p);
}
NOTES(wk_transpose_kernel, "nnrnw", INT(rows), INT(cols), PTR(src), INT(row), PTR(dst))

/* Whether a product is large, and packed for that, depends on sizes, so that it is noted as one thing and decided when
 * the scratch memory is given out. */
#define TAKES_wk_gemm_kernel(name, more)                                                                     \
    void name(int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b, double beta, void *c, \
              int64_t row, int64_t col more)
#define GIVES_wk_gemm_kernel(slot) note_wk_gemm_kernel(m, n, k, a, b, beta, c, row, col, slot)
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
NOTES_SCRATCH(wk_gemm_kernel, "nnnrnnrnnfwnnk", gemm_scratch, INT(m), INT(n), INT(k), PTR(k > 0 ? a->data : NULL),
              INT(a->row), INT(a->col), PTR(k > 0 ? b->data : NULL), INT(b->row), INT(b->col), NUM(beta), PTR(c),
              INT(row), INT(col), PTR(NULL))

#define TAKES_wk_gemm_packed_kernel(name, more)                                                              \
    void name(int64_t m, int64_t n, int64_t k, const wk_matrix *a, const wk_matrix *b, double beta, void *c, \
              int64_t row, int64_t col, void *work more)
#define GIVES_wk_gemm_packed_kernel(slot) note_wk_gemm_packed_kernel(m, n, k, a, b, beta, c, row, col, work, slot)
#define signature_of_wk_gemm_packed_kernel signature_of_wk_gemm_kernel
static TAKES_wk_gemm_packed_kernel(note_wk_gemm_packed_kernel, WITH_SLOT) {
    if (capturing() != NULL)
        note_wk_gemm_kernel(m, n, k, a, b, beta, c, row, col, slot + SLOT(gemm, F32) - SLOT(gemm_packed, F32));
    else ((wk_gemm_packed_kernel *)kernel_of(slot))(m, n, k, a, b, beta, c, row, col, work);
}

/* Types that take a struct, which is the words: a letter for each eight bytes of it. */
static void note_struct(const void *words, float slot) { note_or_call(slot, words); }
#define STRUCT_SCRATCH(type, args, letters, scratch)                                                              \
    _Static_assert(sizeof(args) == 8 * (sizeof letters - 1), "a letter for each word of " #args);                 \
    static void call_##type(wk_any_function *f, const wk_word *w) { ((type *)f)((const args *)(const void *)w); } \
    static const wk_signature signature_of_##type = {letters, call_##type, scratch};
#define STRUCT(type, args, letters) STRUCT_SCRATCH(type, args, letters, NULL)
#define LETTERS_OF_NORM "nnrrrfw"
STRUCT(wk_fibre_kernel, wk_fibres, "nnwnnrnnrnnf1")
STRUCT(wk_step_kernel, wk_step_args, "nnwrwwwwnr")
STRUCT(wk_step_grad_kernel, wk_step_grad_args, "nnrrrrrrnnrrwwww")
STRUCT_SCRATCH(wk_rnn_chain_kernel, wk_rnn_chain_args, "nnrrrwwn2k", chain_scratch)
STRUCT_SCRATCH(wk_rnn_chain_grad_kernel, wk_rnn_chain_grad_args, "nnrrrnnwww2k", chain_grad_scratch)
STRUCT(wk_layer_norm_kernel, wk_layer_norm_args, LETTERS_OF_NORM)
STRUCT(wk_layer_norm_grad_kernel, wk_layer_norm_grad_args, LETTERS_OF_NORM "rwww3")
STRUCT(wk_adam_kernel, wk_adam_args, "nwwwrfffffff")
STRUCT(wk_sgd_kernel, wk_sgd_args, "nwwrffff2")
STRUCT(wk_rmsprop_kernel, wk_rmsprop_args, "nwwwwrfffff")

#define TAKES_wk_fibre_kernel(name, more) void name(const wk_fibres *a more)
#define TAKES_wk_step_kernel(name, more) void name(const wk_step_args *a more)
#define TAKES_wk_step_grad_kernel(name, more) void name(const wk_step_grad_args *a more)
#define TAKES_wk_rnn_chain_kernel(name, more) void name(const wk_rnn_chain_args *a more)
#define TAKES_wk_rnn_chain_grad_kernel(name, more) void name(const wk_rnn_chain_grad_args *a more)
#define TAKES_wk_layer_norm_kernel(name, more) void name(const wk_layer_norm_args *a more)
#define TAKES_wk_layer_norm_grad_kernel(name, more) void name(const wk_layer_norm_grad_args *a more)
#define TAKES_wk_adam_kernel(name, more) void name(const wk_adam_args *a more)
#define TAKES_wk_sgd_kernel(name, more) void name(const wk_sgd_args *a more)
#define TAKES_wk_rmsprop_kernel(name, more) void name(const wk_rmsprop_args *a more)

#define GIVES_wk_fibre_kernel(slot) note_struct(a, slot)
#define GIVES_wk_step_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_step_grad_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_rnn_chain_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_rnn_chain_grad_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_layer_norm_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_layer_norm_grad_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_adam_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_sgd_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_rmsprop_kernel GIVES_wk_fibre_kernel

/* Types whose result is for the program, not for a tensor. */
static bool refuses(float slot) {
    wk_ctx *ctx = wk__current;
    return ctx != NULL && wk__capture_refuses(ctx, name_of(slot), "what it finds would decide how the step goes on");
}

static const wk_signature signature_of_what_refuses = {"", NULL, NULL};
#define signature_of_wk_count_loop signature_of_what_refuses
#define signature_of_wk_find_loop signature_of_what_refuses

#define TAKES_wk_count_loop(name, more) int64_t name(int64_t n, const void *x, int64_t sx more)
#define GIVES_wk_count_loop(slot) return note_wk_count_loop(n, x, sx, slot)
static TAKES_wk_count_loop(note_wk_count_loop, WITH_SLOT) {
    return refuses(slot) ? 0 : ((wk_count_loop *)kernel_of(slot))(n, x, sx);
}

#define TAKES_wk_find_loop(name, more) \
    int64_t name(int64_t n, const void *x, int64_t sx, int64_t first, int64_t room, int64_t *found more)
#define GIVES_wk_find_loop(slot) return note_wk_find_loop(n, x, sx, first, room, found, slot)
static TAKES_wk_find_loop(note_wk_find_loop, WITH_SLOT) {
    return refuses(slot) ? 0 : ((wk_find_loop *)kernel_of(slot))(n, x, sx, first, room, found);
}

/* ------------------------------------------------------------------------------------------------------- noting --- */

static const struct {
    const char *name;
    const wk_signature *signature;
    size_t at; /* where its kernels begin in a table */
} recorded[] = {
#define WK_KERNEL(name, type, dtypes) {#name, &signature_of_##type, offsetof(wk_kernels, name)},
#include "kernel/kernels.def"
#undef WK_KERNEL
};

static const char *name_of(float slot) { return recorded[row_of(slot)].name; }

/* In the table that works. */
static wk_any_function *kernel_of(float slot) {
    const char *kernels = (const char *)wk__kernels_working() + recorded[row_of(slot)].at;
    return ((wk_any_function *const *)(const void *)kernels)[dtype_of(slot)];
}

const wk_signature wk__unary_signature = {"nwnrn", call_wk_unary_loop, NULL};

bool wk__note(const wk_ctx *ctx, const wk_noted *noted, const wk_word *words) {
    if (wk_likely(ctx == NULL || ctx->capture == NULL)) return false;
    ctx->capture->kernel(ctx->capture, noted, words);
    return true;
}

/* Fibres of no elements are not read, and may lie anywhere. */
static const wk_word *without_elements(const wk_word *words, wk_fibres *copy) {
    memcpy(copy, words, sizeof *copy);
    copy->x = NULL;
    copy->x_next = 0;
    return (const wk_word *)(const void *)copy;
}

/* Notes the call, or makes it. An element that is given by its address becomes the word itself. */
static void note_or_call(float slot, const wk_word *words) {
    wk_word with_element[4];
    wk_fibres none;
    const wk_signature *signature = recorded[row_of(slot)].signature;
    const wk_noted noted = {
        .signature = signature, .name = name_of(slot), .dtype = dtype_of(slot), .function = kernel_of(slot)};
    if (signature == &signature_of_wk_fill_loop) {
        memcpy(with_element, words, sizeof with_element);
        with_element[3].i = 0;
        memcpy(&with_element[3], words[3].p, wk_dtype_nbytes(noted.dtype));
        words = with_element;
    }
    if (signature == &signature_of_wk_fibre_kernel && words[1].i == 0) words = without_elements(words, &none);
    if (!wk__note(capturing(), &noted, words)) signature->call(noted.function, words);
}

/* ---------------------------------------------------------------------------------------------------- the table --- */

/* with: name, type, in parentheses */
#define UNWRAPPED(...) __VA_ARGS__
#define RECORD(name, type, NAME) \
    static TAKES_##type(record_##name##_##NAME, ) { GIVES_##type(SLOT(name, NAME)); }
#define RECORD_OF(...) RECORD(__VA_ARGS__)
#define RECORD_ONE(with, NAME, dtype, ctype, category) RECORD_OF(UNWRAPPED with, NAME)
#define RECORD_NUMBER_ONE(with, NAME, dtype, ctype, category) WK_BUT_HALF_##category(RECORD_OF(UNWRAPPED with, NAME))
#define RECORD_ANY(name, type) WK_DTYPES(RECORD_ONE, (name, type))
#define RECORD_NUMBER(name, type) WK_DTYPES(RECORD_NUMBER_ONE, (name, type))
#define RECORD_FLOAT(name, type) RECORD(name, type, F32) RECORD(name, type, F64)
#define RECORD_PLAIN RECORD_FLOAT
#define RECORD_PLAIN_NUMBER RECORD_NUMBER

#define WK_KERNEL(name, type, dtypes) RECORD_##dtypes(name, type)
#include "kernel/kernels.def"
#undef WK_KERNEL

#define RECORDING_SLOT(kernel, NAME, name, ctype, category) [WK_##NAME] = record_##kernel##_##NAME,
#define RECORDING_NUMBER_SLOT(kernel, NAME, name, ctype, category) \
    WK_BUT_HALF_##category([WK_##NAME] = record_##kernel##_##NAME, )
#define RECORDING_ANY(kernel) \
    { WK_DTYPES(RECORDING_SLOT, kernel) }
#define RECORDING_NUMBER(kernel) \
    { WK_DTYPES(RECORDING_NUMBER_SLOT, kernel) }
#define RECORDING_FLOAT(kernel) \
    { [WK_F32] = record_##kernel##_F32, [WK_F64] = record_##kernel##_F64 }
#define RECORDING_PLAIN RECORDING_FLOAT
#define RECORDING_PLAIN_NUMBER RECORDING_NUMBER

const wk_kernels wk__kernels_recording = {
    .isa = "recording",
#define WK_KERNEL(name, type, dtypes) .name = RECORDING_##dtypes(name),
#include "kernel/kernels.def"
#undef WK_KERNEL
};
