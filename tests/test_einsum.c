/* test_einsum.c -- what wk_einsum refuses, and what it makes of views and halves. Its values and gradients are among
 * the cases of ops/. */
#include "support.h"

/* The wrong equations, and what is said of each. */
static const struct {
    const char *equation, *message;
    wk_status status;
} wrong[] = {
    {"ij,jk->ik,", "einsum: \"ij,jk->ik,\": there is one result", WK_EINVAL},
    {"ij,j1->i", "einsum: \"ij,j1->i\": a term has letters, blanks and once \"...\"", WK_EINVAL},
    {"ij,j..k->i", "einsum: \"ij,j..k->i\": a term has letters, blanks and once \"...\"", WK_EINVAL},
    {"ij->i", "einsum: \"ij->i\": there are more operands than terms", WK_EINVAL},
    {"ij,jk,k->i", "einsum: \"ij,jk,k->i\": there are more terms than operands", WK_EINVAL},
    {"ij,jk-ik", "einsum: \"ij,jk-ik\": the result stands behind \"->\"", WK_EINVAL},
    {"ij,jk->il", "einsum: \"ij,jk->il\": an index of the result stands in no operand", WK_EINVAL},
    {"ij,jk->ii", "einsum: \"ij,jk->ii\": an index of the result stands there twice", WK_EINVAL},
    {"ijk,jk->i", "einsum: \"ijk,jk->i\": operand 0 is (2,3) and has 3 indices", WK_ESHAPE},
    {"i,jk->i", "einsum: \"i,jk->i\": operand 0 is (2,3) and has 1 indices", WK_ESHAPE},
    {"ij,kj->ik", "einsum: \"ij,kj->ik\": index j is 3 and 4", WK_ESHAPE},
    {"ii,jk->ij", "einsum: \"ii,jk->ij\": index i is 2 and 3", WK_ESHAPE},
};

static void what_is_refused(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *const x[] = {wk_ones(WK_SHAPE(2, 3), WK_F32), wk_ones(WK_SHAPE(3, 4), WK_F32), NULL};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(wk_einsum(wrong[i].equation, 2, x));
        assert_fails(wrong[i].status, wrong[i].message);
    }
    assert_null(wk_einsum("i,i,i", 3, x));
    assert_fails(WK_EINVAL, "einsum: operands is NULL");
    assert_null(wk_einsum("i", 1, NULL));
    assert_fails(WK_EINVAL, "einsum: there is no equation, or there are no operands");
    assert_null(wk_einsum(NULL, 1, x));
    assert_fails(WK_EINVAL, "einsum: there is no equation, or there are no operands");
    wk_tensor *const wide[] = {wk_ones(WK_SHAPE(1, 1, 1, 1, 1), WK_F32), wk_ones(WK_SHAPE(1, 1, 1, 1, 1), WK_F32)};
    assert_null(wk_einsum("abcde,fghij", 2, wide));
    assert_fails(WK_ESHAPE, "einsum: \"abcde,fghij\": the result has too many dimensions");
    assert_null(wk_einsum("abcde,fghij,abcdefghij->", 2, wide));
    assert_fails(WK_EINVAL, "einsum: \"abcde,fghij,abcdefghij->\": there are more terms than operands");
}

/* A view of the operand is a view of it, and halves are computed in f32. */
static void views_and_halves(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F16), *y = wk_einsum("ij -> ji", 1, &x);
    wk_put_f64(x, (const int64_t[]){1, 2}, 5);
    assert_close(wk_get_f64(y, (const int64_t[]){2, 1}), 5, 0, "the same memory");
    y = wk_einsum("ij->ij", 1, &x);
    assert_ptr_not_equal(y, x);
    wk_drop(y);
    assert_close(wk_item(wk_sum(x)), 10, 0, "the operand is still there");
    y = wk_einsum("ij,kj", 2, (wk_tensor *const[]){x, x});
    assert_ok();
    assert_int_equal(wk_dtype_of(y), WK_F16);
    assert_close(wk_get_f64(y, (const int64_t[]){1, 1}), 27, 0, "1 + 1 + 25");
}

WK_TEST_MAIN("einsum", cmocka_unit_test(what_is_refused), cmocka_unit_test(views_and_halves))
