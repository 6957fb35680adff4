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

WK_TEST_MAIN("memory", cmocka_unit_test(what_a_scope_holds), cmocka_unit_test(the_peak_begins_anew),
             cmocka_unit_test(memory_of_ones_own))
