/* each_table.h -- cases in f32 and in f64 with each kernel table: six tests of one function of the type.
 *
 *     static void all_cases(wk_dtype dtype) { ... }
 *     WITH_EACH_TABLE(all_cases)
 *     WK_TEST_MAIN("cases", TESTS_WITH_EACH_TABLE) */
#ifndef WK_TESTS_EACH_TABLE_H
#define WK_TESTS_EACH_TABLE_H

#include "kernel/kernel.h"
#include "support.h"

static void with_table(void (*all_cases)(wk_dtype dtype), wk_dtype dtype, const char *isa) {
    if (!wk__kernels_select(isa)) skip_test("this machine lacks the instruction set");
    all_cases(dtype);
    wk__kernels_select(NULL);
}

#define WITH_EACH_TABLE(all_cases)                                                                 \
    static void f32_ref(void **state) { (void)state, with_table(all_cases, WK_F32, "ref"); }       \
    static void f32_avx2(void **state) { (void)state, with_table(all_cases, WK_F32, "avx2"); }     \
    static void f32_avx512(void **state) { (void)state, with_table(all_cases, WK_F32, "avx512"); } \
    static void f64_ref(void **state) { (void)state, with_table(all_cases, WK_F64, "ref"); }       \
    static void f64_avx2(void **state) { (void)state, with_table(all_cases, WK_F64, "avx2"); }     \
    static void f64_avx512(void **state) { (void)state, with_table(all_cases, WK_F64, "avx512"); }

#define TESTS_WITH_EACH_TABLE                                                                                       \
    cmocka_unit_test(f32_ref), cmocka_unit_test(f32_avx2), cmocka_unit_test(f32_avx512), cmocka_unit_test(f64_ref), \
        cmocka_unit_test(f64_avx2), cmocka_unit_test(f64_avx512)

#endif
