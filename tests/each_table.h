/* each_table.h -- cases in f32 and in f64 with each kernel table: two tests for a table, of one function of the type.
 *
 *     static void all_cases(wk_dtype dtype) { ... }
 *     WITH_EACH_TABLE(all_cases)
 *     WK_TEST_MAIN("cases", TESTS_WITH_EACH_TABLE cmocka_unit_test(another)) */
#ifndef WK_TESTS_EACH_TABLE_H
#define WK_TESTS_EACH_TABLE_H

#include "kernel/kernel.h"
#include "support.h"

static void with_table(void (*all_cases)(wk_dtype dtype), wk_dtype dtype, const char *isa) {
    if (!wk__kernels_select(isa)) skip_test("this machine lacks the instruction set");
    all_cases(dtype);
    wk__kernels_select(NULL);
}

#define WITH_EACH_TABLE(all_cases)                                   \
    static void cases_of_table(wk_dtype dtype) { all_cases(dtype); } \
    WK_KERNEL_TABLES(TABLE_TESTS)
#define TABLE_TESTS(isa)                                                                           \
    static void f32_##isa(void **state) { (void)state, with_table(cases_of_table, WK_F32, #isa); } \
    static void f64_##isa(void **state) { (void)state, with_table(cases_of_table, WK_F64, #isa); }

/* A list that ends with a comma, as those of arrays may. */
#define TESTS_WITH_EACH_TABLE WK_KERNEL_TABLES(F32_TEST) WK_KERNEL_TABLES(F64_TEST)
#define F32_TEST(isa) cmocka_unit_test(f32_##isa),
#define F64_TEST(isa) cmocka_unit_test(f64_##isa),

#endif
