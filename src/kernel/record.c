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
 * GIVES_t hands them on to note_t. With these go the type's signature, of letters (capture.h), and call_t, which makes
 * the call from words again. */
#define WITH_SLOT , float slot
#define SIGNATURE(type, letters, scratch) \
    static const wk_signature signature_of_##type = {letters, call_##type, scratch};

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

/* Types that take their arguments one by one, of which n comes first. All follow from a list of the others, each by
 * P(letter, type, name). */
#define TARGET(P, y) P(w, void *, y) P(n, int64_t, s##y)
#define SOURCE(P, x) P(r, const void *, x) P(n, int64_t, s##x)
#define REAL(P, s) P(f, double, s)

#define LIST_wk_fill_loop(P) TARGET(P, y) P(v, const void *, value)
#define LIST_wk_unary_loop(P) TARGET(P, y) SOURCE(P, x)
#define LIST_wk_binary_loop(P) TARGET(P, y) SOURCE(P, a) SOURCE(P, b)
#define LIST_wk_scale_loop(P) TARGET(P, y) SOURCE(P, x) REAL(P, s)
#define LIST_wk_range_loop(P) P(w, void *, y) REAL(P, a) REAL(P, b)
#define LIST_wk_pair_loop(P) TARGET(P, y) SOURCE(P, a) SOURCE(P, b) REAL(P, s)
#define LIST_wk_scaled_diff_loop(P) \
    TARGET(P, y) SOURCE(P, a) SOURCE(P, b) P(r, const void *, g) REAL(P, factor) P(n, int64_t, count) REAL(P, beta)
#define LIST_wk_where_loop(P) TARGET(P, y) P(r, const uint8_t *, condition) P(n, int64_t, sc) SOURCE(P, a) SOURCE(P, b)
#define LIST_wk_map_loop(P) TARGET(P, y) SOURCE(P, x) REAL(P, s) REAL(P, t)
#define LIST_wk_map_grad_loop(P) TARGET(P, y) SOURCE(P, g) SOURCE(P, x) REAL(P, s) REAL(P, t) P(1, bool, add)
#define LIST_wk_reduce_loop(P) P(w, void *, y) SOURCE(P, x)
#define LIST_wk_reduce2_loop(P) P(w, void *, y) SOURCE(P, a) SOURCE(P, b)
#define LIST_wk_index_loop(P) \
    TARGET(P, y) SOURCE(P, x) P(r, const int64_t *, index) P(n, int64_t, si) P(n, int64_t, step) P(n, int64_t, size)
#define LIST_wk_argsort_kernel(P) \
    P(n, int64_t, count) P(w, int64_t *, index) P(n, int64_t, si) SOURCE(P, x) P(1, bool, descending) P(k, void *, work)
#define LIST_wk_transpose_kernel(P) P(n, int64_t, cols) P(r, const void *, src) P(n, int64_t, row) P(w, void *, dst)

#define PARAMETER(letter, type, name) , type name
#define ARGUMENT(letter, type, name) , name
#define MEMBER(letter, type, name) type name;
#define OF_WORDS(letter, type, name) , words->name
#define LETTER(letter, type, name) #letter

#define TAKES_LIST(type, function, more) void function(int64_t n LIST_##type(PARAMETER) more)
#define GIVES_LIST(type, slot) note_##type(n LIST_##type(ARGUMENT), slot)
#define TAKES_wk_fill_loop(function, more) TAKES_LIST(wk_fill_loop, function, more)
#define TAKES_wk_unary_loop(function, more) TAKES_LIST(wk_unary_loop, function, more)
#define TAKES_wk_binary_loop(function, more) TAKES_LIST(wk_binary_loop, function, more)
#define TAKES_wk_scale_loop(function, more) TAKES_LIST(wk_scale_loop, function, more)
#define TAKES_wk_range_loop(function, more) TAKES_LIST(wk_range_loop, function, more)
#define TAKES_wk_pair_loop(function, more) TAKES_LIST(wk_pair_loop, function, more)
#define TAKES_wk_scaled_diff_loop(function, more) TAKES_LIST(wk_scaled_diff_loop, function, more)
#define TAKES_wk_where_loop(function, more) TAKES_LIST(wk_where_loop, function, more)
#define TAKES_wk_map_loop(function, more) TAKES_LIST(wk_map_loop, function, more)
#define TAKES_wk_map_grad_loop(function, more) TAKES_LIST(wk_map_grad_loop, function, more)
#define TAKES_wk_reduce_loop(function, more) TAKES_LIST(wk_reduce_loop, function, more)
#define TAKES_wk_reduce2_loop(function, more) TAKES_LIST(wk_reduce2_loop, function, more)
#define TAKES_wk_index_loop(function, more) TAKES_LIST(wk_index_loop, function, more)
#define TAKES_wk_argsort_kernel(function, more) TAKES_LIST(wk_argsort_kernel, function, more)
#define TAKES_wk_transpose_kernel(function, more) TAKES_LIST(wk_transpose_kernel, function, more)
#define GIVES_wk_fill_loop(slot) GIVES_LIST(wk_fill_loop, slot)
#define GIVES_wk_unary_loop(slot) GIVES_LIST(wk_unary_loop, slot)
#define GIVES_wk_binary_loop(slot) GIVES_LIST(wk_binary_loop, slot)
#define GIVES_wk_scale_loop(slot) GIVES_LIST(wk_scale_loop, slot)
#define GIVES_wk_range_loop(slot) GIVES_LIST(wk_range_loop, slot)
#define GIVES_wk_pair_loop(slot) GIVES_LIST(wk_pair_loop, slot)
#define GIVES_wk_scaled_diff_loop(slot) GIVES_LIST(wk_scaled_diff_loop, slot)
#define GIVES_wk_where_loop(slot) GIVES_LIST(wk_where_loop, slot)
#define GIVES_wk_map_loop(slot) GIVES_LIST(wk_map_loop, slot)
#define GIVES_wk_map_grad_loop(slot) GIVES_LIST(wk_map_grad_loop, slot)
#define GIVES_wk_reduce_loop(slot) GIVES_LIST(wk_reduce_loop, slot)
#define GIVES_wk_reduce2_loop(slot) GIVES_LIST(wk_reduce2_loop, slot)
#define GIVES_wk_index_loop(slot) GIVES_LIST(wk_index_loop, slot)
#define GIVES_wk_argsort_kernel(slot) GIVES_LIST(wk_argsort_kernel, slot)
#define GIVES_wk_transpose_kernel(slot) GIVES_LIST(wk_transpose_kernel, slot)

/* The words are a struct, and the call takes its members. */
#define WORDS_BY_LIST(type)                                                                               \
    typedef struct words_of_##type {                                                                      \
        int64_t n;                                                                                        \
        LIST_##type(MEMBER)                                                                               \
    } words_of_##type;                                                                                    \
    WK_APART TAKES_LIST(type, note_##type, WITH_SLOT) {                                                   \
        const words_of_##type words = {n LIST_##type(ARGUMENT)};                                          \
        _Static_assert(sizeof words == sizeof "n" LIST_##type(LETTER) * 8 - 8, "a letter for each word"); \
        note_or_call(slot, (const void *)&words);                                                         \
    }
#define BY_LIST_SCRATCH(type, scratch)                              \
    WORDS_BY_LIST(type)                                             \
    static void call_##type(wk_any_function *f, const wk_word *w) { \
        const words_of_##type *words = (const void *)w;             \
        ((type *)f)(words->n LIST_##type(OF_WORDS));                \
    }                                                               \
    SIGNATURE(type, "n" LIST_##type(LETTER), scratch)
#define BY_LIST(type) BY_LIST_SCRATCH(type, NULL)
BY_LIST(wk_unary_loop)
BY_LIST(wk_binary_loop)
BY_LIST(wk_scale_loop)
BY_LIST(wk_range_loop)
BY_LIST(wk_pair_loop)
BY_LIST(wk_scaled_diff_loop)
BY_LIST(wk_where_loop)
BY_LIST(wk_map_loop)
BY_LIST(wk_map_grad_loop)
BY_LIST(wk_reduce_loop)
BY_LIST(wk_reduce2_loop)
BY_LIST(wk_index_loop)
BY_LIST(wk_transpose_kernel)
BY_LIST_SCRATCH(wk_argsort_kernel, argsort_scratch)

/* The element lies in the word by the time of the call. */
WORDS_BY_LIST(wk_fill_loop)
static void call_wk_fill_loop(wk_any_function *f, const wk_word *w) {
    ((wk_fill_loop *)f)(w[0].i, w[1].p, w[2].i, &w[3]);
}
SIGNATURE(wk_fill_loop, "n" LIST_wk_fill_loop(LETTER), NULL)

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
SIGNATURE(wk_gemm_kernel, "nnnrnnrnnfwnnk", gemm_scratch)

/* Matrices of no elements are not read, and may lie anywhere. */
WK_APART TAKES_wk_gemm_kernel(note_wk_gemm_kernel, WITH_SLOT) {
    void *const at_a = k > 0 ? (void *)(uintptr_t)a->data : NULL;
    void *const at_b = k > 0 ? (void *)(uintptr_t)b->data : NULL;
    const wk_word words[] = {{.i = m},      {.i = n},    {.i = k},      {.p = at_a},   {.i = a->row},
                             {.i = a->col}, {.p = at_b}, {.i = b->row}, {.i = b->col}, {.f = beta},
                             {.p = c},      {.i = row},  {.i = col},    {.p = NULL}};
    note_or_call(slot, words);
}

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
    SIGNATURE(type, letters, scratch)
#define STRUCT(type, args, letters) STRUCT_SCRATCH(type, args, letters, NULL)
#define LETTERS_OF_NORM "nnrrrfw"
STRUCT(wk_fibre_kernel, wk_fibres, "nnwnnrnnrnnf1")
STRUCT(wk_step_kernel, wk_step_args, "nnwrwwwwnr")
STRUCT(wk_step_grad_kernel, wk_step_grad_args, "nnrrrrrrnnrrwwww")
STRUCT_SCRATCH(wk_rnn_chain_kernel, wk_rnn_chain_args, "nnrrrwwn2k", chain_scratch)
STRUCT_SCRATCH(wk_rnn_chain_grad_kernel, wk_rnn_chain_grad_args, "nnrrrnnwww2k", chain_grad_scratch)
STRUCT(wk_layer_norm_kernel, wk_layer_norm_args, LETTERS_OF_NORM)
STRUCT(wk_layer_norm_grad_kernel, wk_layer_norm_grad_args, LETTERS_OF_NORM "rwww3")
#define LETTERS_OF_WINDOWS "nnnnnnnnnnnnnnnnnnn"
STRUCT(wk_windows_kernel, wk_windows, LETTERS_OF_WINDOWS "rww")
STRUCT(wk_windows_back_kernel, wk_windows_back, LETTERS_OF_WINDOWS "wrr")
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
#define TAKES_wk_windows_kernel(name, more) void name(const wk_windows *a more)
#define TAKES_wk_windows_back_kernel(name, more) void name(const wk_windows_back *a more)
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
#define GIVES_wk_windows_kernel GIVES_wk_fibre_kernel
#define GIVES_wk_windows_back_kernel GIVES_wk_fibre_kernel
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
#define RECORD_MOVE RECORD_ANY
#define RECORD_PLAIN_NUMBER RECORD_NUMBER
#define RECORD_PLAIN_MOVE RECORD_MOVE

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
#define RECORDING_MOVE RECORDING_ANY
#define RECORDING_PLAIN_NUMBER RECORDING_NUMBER
#define RECORDING_PLAIN_MOVE RECORDING_MOVE

const wk_kernels wk__kernels_recording = {
    .isa = "recording",
#define WK_KERNEL(name, type, dtypes) .name = RECORDING_##dtypes(name),
#include "kernel/kernels.def"
#undef WK_KERNEL
};
