/* test_memory.c -- what memory is held, where it comes from, and that it goes back there. */
#include <stdlib.h>

#include "support.h"

static void what_a_scope_holds(void **state) {
    (void)state;
    WK_SCOPE;
    wk_scope_memory m = WK_SCOPE_MEMORY;
    const wk_scope outer = wk_scope_open();
    wk_tensor *x = wk_requires_grad_(wk_zeros(WK_SHAPE(100), WK_F32), true); /* 256 + 400 bytes, in lines of 64: 704 */
    const wk_scope inner = wk_scope_open();
    wk_sum(wk_select(wk_mul(x, x), 0, 3));
    assert_int_equal(wk_scope_memory_stats(outer, &m), WK_OK);
    assert_int_equal(m.handles, 1);
    assert_int_equal(m.nbytes, 704);
    assert_int_equal(m.nodes, 0);
    assert_int_equal(wk_scope_memory_stats(inner, &m), WK_OK);
    assert_int_equal(m.handles, 3);
    assert_int_equal(m.nbytes, 704 + 256 + 256); /* a view and a scalar have no elements beside the handle */
    assert_int_equal(m.nodes, 3);
    wk_scope_close(inner);
    assert_int_equal(wk_scope_memory_stats(inner, &m), WK_ESTATE);
    assert_int_equal(wk_scope_memory_stats(outer, NULL), WK_EINVAL);
    m.size = 2 * sizeof(int64_t); /* an older program's: no more is written than it has room for */
    m.handles = m.nbytes = -1;
    assert_int_equal(wk_scope_memory_stats(outer, &m), WK_OK);
    assert_int_equal(m.handles, 1);
    assert_int_equal(m.nbytes, -1);
    wk_scope_close(outer);
    assert_ok();
}

static void the_peak_begins_anew(void **state) {
    (void)state;
    WK_SCOPE;
    wk_memory m;
    {
        WK_SCOPE;
        wk_zeros(WK_SHAPE(100000), WK_F64);
    }
    wk_memory_stats(&m);
    assert_true(m.peak_nbytes >= m.nbytes + 800000);
    wk_memory_reset_peak();
    wk_memory_stats(&m);
    assert_int_equal(m.peak_nbytes, m.nbytes);
    assert_ok();
}

typedef struct account {
    int64_t nbytes, calls;
    bool refuses;
} account;

static void *take(void *user, size_t nbytes, size_t alignment) {
    account *a = user;
    assert_int_equal(nbytes % alignment, 0);
    if (a->refuses) return NULL;
    a->calls++;
    a->nbytes += (int64_t)nbytes;
    return aligned_alloc(alignment, nbytes);
}

static void give(void *user, void *block, size_t nbytes) {
    ((account *)user)->nbytes -= (int64_t)nbytes;
    free(block);
}

static void memory_of_ones_own(void **state) {
    (void)state;
    account a = {0};
    wk_allocator allocator = WK_ALLOCATOR;
    wk_ctx *ctx = wk_ctx_new(), *before = wk_ctx_use(ctx);
    allocator.alloc = take, allocator.user = &a;
    assert_int_equal(wk_set_allocator(&allocator), WK_EINVAL); /* without free */
    allocator.free = give;
    assert_int_equal(wk_set_allocator(&allocator), WK_OK);
    wk_tensor *x = wk_requires_grad_(wk_zeros(WK_SHAPE(1000000), WK_F32), true);
    wk_backward(wk_sum(wk_mul(x, x)));
    assert_ok();
    wk_memory m;
    wk_memory_stats(&m);
    assert_int_equal(a.calls, m.system_calls + 1); /* and the tape's */
    assert_true(a.nbytes > m.reserved_nbytes);
    assert_int_equal(wk_set_allocator(&allocator), WK_ESTATE);
    a.refuses = true;
    wk_zeros(WK_SHAPE(3000000), WK_F32);
    assert_fails(WK_ENOMEM, "zeros: out of memory");
    wk_ctx_use(before);
    wk_ctx_free(ctx);
    assert_int_equal(a.nbytes, 0);
}

static void keep_text(void *user, int32_t level, const char *message) {
    char *text = user;
    snprintf(text + strlen(text), 512 - strlen(text), "%d %s\n", (int)level, message);
}

static void what_the_log_hears(void **state) {
    (void)state;
    char text[512] = "", kernels[64];
    wk_ctx *ctx = wk_ctx_new(), *before = wk_ctx_use(ctx);
    wk_set_root_warning(1000000);
    wk_set_log(keep_text, text, WK_LOG_DEBUG);
    snprintf(kernels, sizeof kernels, "2 kernels: %s\n", wk_isa());
    assert_string_equal(text, kernels);
    text[0] = '\0';
    for (int i = 0; i < 4; i++) wk_zeros(WK_SHAPE(100000), WK_F64); /* 917504 bytes each, as blocks go */
    assert_string_equal(text, "1 the root scope holds 1835008 bytes in 2 tensors: open a scope around each step\n"
                              "1 the root scope holds 2752512 bytes in 3 tensors: open a scope around each step\n");
    text[0] = '\0';
    {
        WK_SCOPE;
        for (int i = 0; i < 9; i++) wk_zeros(WK_SHAPE(100000), WK_F64); /* a scope's own */
        wk_tensor *a = wk_requires_grad_(wk_zeros(WK_SHAPE(2), WK_F32), true);
        wk_backward(wk_sum(wk_add(a, wk_zeros(WK_SHAPE(3, 2), WK_F32))));
    }
    assert_string_equal(text, "3 backward: the kernels of add do not have this case: operations do it\n");
    wk_set_log(NULL, NULL, 0);
    assert_ok();
    wk_ctx_use(before);
    wk_ctx_free(ctx);
}

WK_TEST_MAIN("memory", cmocka_unit_test(what_a_scope_holds), cmocka_unit_test(the_peak_begins_anew),
             cmocka_unit_test(memory_of_ones_own), cmocka_unit_test(what_the_log_hears))
