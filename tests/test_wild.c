/* test_wild.c -- calls that nobody would write: every row of ops.def by name, on inputs of any shape (empty, 0-d, eight
 * dimensions), type and layout, or none, with attributes from the edges of their types, and gradients of what comes
 * back. Each call ends in a result or in a failure with a message; the same calls give the same bits; nothing stays
 * behind. Memory ends at 16 MB, so that sizes without bounds meet its end. The sanitizers see what the tests cannot.
 * A failure names its seed; `test_wild DATA FIRST COUNT` runs others. */
#include <stdlib.h>

#include "kernel/kernel.h"
#include "splitmix.h"
#include "support.h"

enum { POOL = 8, CALLS = 12, MOST_INPUTS = 8, MOST_ATTRS = 8, MOST_OUTPUTS = 4, MOST_ELEMENTS = 4096 };

typedef struct wild {
    uint64_t random, hash; /* of all statuses and results */
    wk_tensor *pool[POOL];
    char doing[200];
} wild;

static int64_t below(wild *w, int64_t n) { return (int64_t)(next_word(&w->random) % (uint64_t)n); }
static bool chance(wild *w, int percent) { return below(w, 100) < percent; }

/* FNV-1a */
static void digest(wild *w, const void *bytes, size_t nbytes) {
    for (size_t i = 0; i < nbytes; i++) w->hash = (w->hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

/* ------------------------------------------------------------------------------------------------------ numbers --- */

static int64_t some_int(wild *w) {
    static const int64_t edges[] = {INT32_MAX,        INT32_MIN,           INT64_MAX, INT64_MIN,
                                    (int64_t)1 << 40, -((int64_t)1 << 40), 1000};
    return chance(w, 85) ? below(w, 8) - 3 : edges[below(w, sizeof edges / sizeof *edges)];
}

static double some_float(wild *w) {
    static const double edges[] = {0, -0.0, NAN, INFINITY, -INFINITY, 1e308, -1e-320, 0x1p63, -3, 0.5};
    return chance(w, 60) ? (double)below(w, 65) / 16 - 2 : edges[below(w, sizeof edges / sizeof *edges)];
}

static wk_attr some_attr(wild *w, const wk_op *op, int32_t index, int64_t *dims) {
    char kind;
    wk_attr a = {.name = wk_op_attr_name(op, index, &kind), .i = some_int(w), .f = some_float(w), .dims = dims};
    a.n = chance(w, 95) ? (int32_t)below(w, 5) : (int32_t)below(w, 12) - 1;
    for (int i = 0; i < WK_MAX_DIMS; i++) dims[i] = some_int(w);
    if (chance(w, 1)) a.name = "no such name";
    if (chance(w, 1)) a.dims = NULL;
    return a;
}

/* ------------------------------------------------------------------------------------------------------ tensors --- */

static wk_tensor *some_elements(wild *w) {
    static const int64_t sizes[] = {0, 1, 1, 2, 2, 3, 3, 4, 7};
    int64_t dims[WK_MAX_DIMS];
    const int32_t ndim = chance(w, 95) ? (int32_t)below(w, 5) : WK_MAX_DIMS;
    for (int32_t d = 0; d < ndim; d++) dims[d] = ndim == WK_MAX_DIMS ? 1 + below(w, 2) : sizes[below(w, 9)];
    wk_tensor *t = wk_empty(ndim, dims, (wk_dtype)below(w, WK_DTYPE_COUNT));
    wk_tensor *flat = wk_reshape(t, WK_SHAPE(-1));
    for (int64_t i = 0; i < wk_numel(t); i++)
        wk_put_f64(flat, &i, chance(w, 90) ? (double)below(w, 9) / 2 - 2 : some_float(w));
    return t;
}

static wk_tensor *stretched(wk_tensor *t) {
    int64_t dims[WK_MAX_DIMS + 1] = {2};
    for (int32_t d = 0; d < wk_ndim(t); d++) dims[d + 1] = wk_dim(t, d);
    return wk_expand(t, wk_ndim(t) + 1, dims);
}

/* Another look at it, mostly. */
static wk_tensor *some_layout(wild *w, wk_tensor *t) {
    if (wk_ndim(t) == 0) return t;
    const int32_t d = (int32_t)below(w, wk_ndim(t));
    switch (below(w, 4)) {
    case 0: return wk_transpose(t, 0, d);
    case 1: return wk_slice(t, d, 0, wk_dim(t, d), 2);
    case 2: return wk_ndim(t) < WK_MAX_DIMS ? stretched(t) : t;
    default: return t;
    }
}

static wk_tensor *some_tensor(wild *w) {
    wk_tensor *t = some_elements(w);
    const wk_dtype dtype = wk_dtype_of(t);
    const bool floating = dtype == WK_F32 || dtype == WK_F64 || dtype == WK_F16 || dtype == WK_BF16;
    if (floating && chance(w, 60)) wk_requires_grad_(t, true);
    t = some_layout(w, t);
    wk_check(NULL);
    return t;
}

/* -------------------------------------------------------------------------------------------------------- calls --- */

static void look_at(wild *w, wk_tensor *t) {
    static char bytes[MOST_ELEMENTS * sizeof(double)];
    const size_t nbytes = (size_t)wk_numel(t) * wk_dtype_nbytes(wk_dtype_of(t));
    digest(w, wk_dims(t), (size_t)wk_ndim(t) * sizeof(int64_t));
    if (wk_numel(t) > MOST_ELEMENTS || wk_read(t, bytes, nbytes) != WK_OK) return;
    digest(w, bytes, nbytes);
}

static bool begins_with(const char *message, const char *function) {
    const size_t n = strlen(function);
    return strncmp(message, function, n) == 0 && strncmp(message + n, ": ", 2) == 0;
}

/* A failure has a status, and a message that begins with the name of one of the functions that were called. */
static void take_failure(wild *w, const char *const *functions, int count) {
    wk_error e;
    if (wk_check(&e) == WK_OK) return;
    wk_list_failure(&e);
    digest(w, e.message, strlen(e.message));
    bool is_named = false;
    for (int i = 0; i < count; i++) is_named |= begins_with(e.message, functions[i]);
    if (e.status >= 0 || !is_named) fail_msg("%s: %d \"%s\"", w->doing, e.status, e.message);
}

static void go_back(wild *w, wk_tensor *y) {
    wk_tensor *gx[POOL] = {NULL}, *targets[POOL];
    int32_t count = 0;
    for (int i = 0; i < POOL; i++)
        if (wk_requires_grad(w->pool[i])) targets[count++] = w->pool[i];
    if (count == 0 || !wk_requires_grad(y)) return;
    wk_tensor *loss = wk_sum(wk_mul(y, y));
    const bool twice = chance(w, 30);
    wk_grad(loss, targets, count, gx, twice ? WK_CREATE_GRAPH : 0);
    for (int32_t i = 0; i < count; i++)
        if (gx[i] != NULL) look_at(w, gx[i]);
    if (twice && gx[0] != NULL && wk_requires_grad(gx[0])) wk_backward(wk_sum(gx[0]));
    take_failure(w, (const char *const[]){"mul", "sum", "grad", "backward"}, 4);
}

static void wild_call(wild *w) {
    const wk_op *op = wk_op_at((int32_t)below(w, wk_op_count()));
    wk_attr attrs[MOST_ATTRS];
    int64_t dims[MOST_ATTRS][WK_MAX_DIMS];
    wk_tensor *in[MOST_INPUTS], *out[MOST_OUTPUTS] = {NULL};
    int32_t attr_count = 0, in_count = wk_op_input_count(op);
    if (in_count < 0) in_count = (int32_t)below(w, 4);
    for (int32_t i = 0; i < in_count; i++) in[i] = chance(w, 3) ? NULL : w->pool[below(w, POOL)];
    for (int32_t a = 0; a < wk_op_attr_count(op); a++)
        if (chance(w, 80)) attrs[attr_count] = some_attr(w, op, a, dims[attr_count]), attr_count++;
    snprintf(w->doing, sizeof w->doing, "%s", wk_op_name(op));
    const wk_status status = wk_op_call(op, attrs, attr_count, in, in_count, out);
    digest(w, &status, sizeof status);
    for (int32_t k = 0; k < wk_op_output_count(op); k++) {
        if (status != WK_OK && out[k] != NULL) fail_msg("%s failed and gave output %d", w->doing, (int)k);
        if (out[k] == NULL || wk_numel(out[k]) > MOST_ELEMENTS) continue;
        look_at(w, out[k]);
        if (k == 0 && chance(w, 50)) go_back(w, out[k]);
        if (chance(w, 40)) w->pool[below(w, POOL)] = out[k];
    }
    take_failure(w, (const char *const[]){wk_op_name(op), "op_call"}, 2);
}

/* -------------------------------------------------------------------------------------------------------- tests --- */

static uint64_t program(uint64_t seed) {
    WK_SCOPE;
    wild w = {.random = seed, .hash = seed};
    wk_manual_seed(seed);
    for (int i = 0; i < POOL; i++) w.pool[i] = some_tensor(&w);
    for (int i = 0; i < CALLS; i++) wild_call(&w);
    return w.hash;
}

static void *bounded_alloc(void *user, size_t nbytes, size_t alignment) {
    (void)user;
    return nbytes <= (size_t)16 << 20 ? aligned_alloc(alignment, nbytes) : NULL;
}

static void plain_free(void *user, void *block, size_t nbytes) { (void)user, (void)nbytes, free(block); }

static uint64_t first_seed = 1, seed_count = 3000;

static void wild_calls(void **state) {
    (void)state;
#define NAME(isa) #isa,
    static const char *const isas[] = {WK_KERNEL_TABLES(NAME)};
#undef NAME
    const wk_allocator allocator = {sizeof allocator, bounded_alloc, plain_free, NULL, 0};
    wk_ctx *ctx = wk_ctx_new(), *before = wk_ctx_use(ctx);
    wk_memory memory;
    assert_int_equal(wk_set_allocator(&allocator), WK_OK);
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        if (!wk__kernels_select(isas[seed % (sizeof isas / sizeof *isas)])) wk__kernels_select(NULL);
        if (program(seed) != program(seed)) fail_msg("seed %llu: other bits the second time", (unsigned long long)seed);
        wk_memory_stats(&memory);
        if (memory.nbytes != 0) fail_msg("seed %llu: %d bytes stay", (unsigned long long)seed, (int)memory.nbytes);
    }
    wk__kernels_select(NULL);
    wk_ctx_use(before);
    wk_ctx_free(ctx);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(wild_calls)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("wild", tests, 1);
}
