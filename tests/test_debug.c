/* test_debug.c -- what WK_DEBUG adds, level by level, and what the heap hides from AddressSanitizer. */
#include "support.h"

#include "base/context.h"

static void at_level(int32_t level) {
    wk__debug = level;
    assert_int_equal(wk_debug_level(), level);
}

static wk_tensor *closed(wk_tensor *(*make)(void)) {
    WK_SCOPE;
    return make();
}

static wk_tensor *some(void) { return wk_ones(WK_SHAPE(20), WK_F32); }

static void make_and_close(int tensors) {
    for (int i = 0; i < tensors; i++) {
        WK_SCOPE;
        wk_neg(wk_tanh(some()));
    }
}

static void used_after_close(void **state) {
    (void)state;
    at_level(1);
    WK_SCOPE;
    wk_tensor *gone = closed(some);
    wk_list *list;
    {
        WK_SCOPE;
        list = wk_list_new();
    }
    make_and_close(10000); /* 10 MB; without WK_DEBUG the first of them takes the block */
    wk_neg(gone);
    assert_fails(WK_ECLOSED, "neg: x is used after its scope closed: wk_yield or wk_keep it");
    wk_list_push(list, some());
    assert_fails(WK_ECLOSED, "list_push: list is used after its scope closed: make it in the scope that uses it");
    assert_int_equal(wk_dim(gone, 0), 0);
    assert_fails(WK_ECLOSED, "dim: t is used after its scope closed: wk_yield or wk_keep it");
    wk_release(&gone);
    assert_fails(WK_ECLOSED, "release: t is used after its scope closed: wk_yield or wk_keep it");
    at_level(0);
}

static void of_another_context(void **state) {
    (void)state;
    at_level(1);
    WK_SCOPE;
    wk_tensor *mine = some();
    wk_ctx *other = wk_ctx_new(), *before = wk_ctx_use(other);
    char message[200];
    snprintf(message, sizeof message,
             "numel: t belongs to another context than the current one (%d, not %d): "
             "wk_ctx_use that, or wk_share or wk_send t there",
             (int)before->number, (int)other->number);
    assert_int_equal(wk_numel(mine), 0);
    assert_fails(WK_ECONTEXT, message);
    wk_tensor *shared = wk_share(some()), *sent = wk_send(some());
    wk_ctx_use(before);
    assert_int_equal(wk_numel(shared), 20);
    assert_int_equal(wk_numel(sent), 20);
    wk_release(&shared);
    wk_release(&sent);
    wk_ctx_free(other);
    assert_ok();
    at_level(0);
}

/* A queue, not a hoard: the memory of the context stays bounded, and the oldest blocks are used again. */
static void quarantine_ends(void **state) {
    (void)state;
    at_level(2);
    wk_ctx *other = wk_ctx_new(), *before = wk_ctx_use(other);
    wk_memory early, late;
    make_and_close(80000);
    wk_memory_stats(&early);
    make_and_close(80000);
    wk_memory_stats(&late);
    assert_true(late.reserved_nbytes < INT64_C(80) << 20);
    assert_int_equal(late.reserved_nbytes, early.reserved_nbytes);
    wk_ctx_use(before);
    wk_ctx_free(other);
    assert_ok();
    at_level(0);
}

#ifdef WK_ASAN
static void old_values(void **state) {
    (void)state;
    const float *values;
    {
        WK_SCOPE;
        values = wk_data(some());
        assert_false(__asan_address_is_poisoned(values));
    }
    assert_true(__asan_address_is_poisoned(values));
}
#else
static void old_values(void **state) {
    (void)state;
    at_level(2);
    const volatile float *values;
    {
        WK_SCOPE;
        values = wk_data(some());
        assert_true(values[0] == 1);
    }
    assert_true(isnan(values[0]) && isnan(values[19]));
    WK_SCOPE;
    assert_true(isnan(*(const float *)wk_data(wk_empty(WK_SHAPE(1000), WK_F32))));
    at_level(0);
}
#endif

static void size_classes(void **state) {
    (void)state;
    assert_int_equal(wk__heap_class_nbytes(WK__PROMISE_CLASS), WK__PROMISE_NBYTES);
    assert_int_equal(wk__heap_class(0), wk__heap_class(1));
    for (int32_t i = WK__PROMISE_CLASS + 1; i < WK__HEAP_CLASSES; i++) {
        const size_t nbytes = wk__heap_class_nbytes(i);
        assert_int_equal(wk__heap_class(nbytes), i);
        assert_int_equal(wk__heap_class(nbytes + 1), i + 1);
    }
}

WK_TEST_MAIN("debug", cmocka_unit_test(used_after_close), cmocka_unit_test(of_another_context),
             cmocka_unit_test(quarantine_ends), cmocka_unit_test(old_values), cmocka_unit_test(size_classes))
