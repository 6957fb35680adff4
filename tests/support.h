/* support.h -- what every unit test stands on: a thin layer over cmocka.
 *
 *     static void doubles(void **state) { ... assert_close(twice(1.5), 3.0, 0.0, "1.5 is exact in binary"); }
 *
 *     WK_TEST_MAIN("twice", cmocka_unit_test(doubles), cmocka_unit_test(fails_on_null))
 *
 * A program prints one TAP line per test, and closes with "N passed, N failed", which ./test reads. */
#ifndef WK_TESTS_SUPPORT_H
#define WK_TESTS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wick.h"

#define WK_TEST_MAIN(name, ...)                                                    \
    int main(int argc, char **argv) {                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                           \
        if (argc > 1) wk_test_data = argv[1];                                      \
        return wk_test_main(name, tests, (int)(sizeof(tests) / sizeof(tests[0]))); \
    }

/* The folder of the files that tests read: a program's first argument. */
static const char *wk_test_data = "tests/data";

static int wk_tests_skipped;

/* Leaves a test that cannot run here. It counts as neither passed nor failed, and the closing line says so. */
#define skip_test(reason) (wk_tests_skipped++, print_message("# skipped: %s\n", reason), skip())

/* cmocka_run_group_tests is a macro for arrays; the function under it takes a count. */
static int wk_test_main(const char *name, const struct CMUnitTest *tests, int count) {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    printf("# %s\n", name);
    wk_manual_seed(1); /* a program that failed fails again */
    const int failed = _cmocka_run_group_tests(name, tests, (size_t)count, NULL, NULL);
    printf("\n%d passed, %d failed", count - failed - wk_tests_skipped, failed);
    if (wk_tests_skipped) printf(", %d skipped", wk_tests_skipped);
    printf("\n");
    return failed != 0;
}

/* |actual - expected| <= tolerance, or both the same infinity. Never true of a NaN, which is what calls that failed
 * give; where an oracle says NaN, there is the second. */
#define assert_close(actual, expected, tolerance, context) \
    wk_assert_close(actual, expected, tolerance, context, __FILE__, __LINE__)
#define assert_close_or_nan(actual, expected, tolerance, context) \
    (isnan(expected) ? assert_true(isnan(actual)) : assert_close(actual, expected, tolerance, context))

static inline void wk_assert_close(double actual, double expected, double tolerance, const char *context,
                                   const char *file, int line) {
    if (fabs(actual - expected) <= tolerance) return;
    if (isinf(actual) && actual == expected) return;
    print_message("# %s: %.9g, expected %.9g +- %.3g\n", context, actual, expected, tolerance);
    _fail(file, line);
}

/* assert_close for whole arrays of float; the message names the first element that differs. */
#define assert_all_close(actual, expected, count, tolerance, context) \
    wk_assert_all_close(actual, expected, count, tolerance, context, __FILE__, __LINE__)

static inline void wk_assert_all_close(const float *actual, const float *expected, int64_t count, double tolerance,
                                       const char *context, const char *file, int line) {
    for (int64_t i = 0; i < count; i++) {
        char where[128];
        snprintf(where, sizeof(where), "%s [%lld]", context, (long long)i);
        wk_assert_close((double)actual[i], (double)expected[i], tolerance, where, file, line);
    }
}

/* The call is a mistake, and is told so, whatever the words. */
#define refuses(call) (wk_check(NULL), (void)(call), assert_int_not_equal(wk_check(NULL), WK_OK))

/* No failure is pending; the message is the library's. Takes the failure, so that the next test starts without one. */
#define assert_ok() wk_assert_status(WK_OK, "", __FILE__, __LINE__)

/* The pending failure has this status and exactly this message. Takes it. */
#define assert_fails(status, message) wk_assert_status(status, message, __FILE__, __LINE__)

/* Tells tools/check-errors.sh of a failure that a test has met. */
static inline void wk_list_failure(const wk_error *e) {
    if (e->status != WK_OK && getenv("WK_LIST_FAILURES") != NULL)
        printf("# fails: %s %s\n", wk_status_name(e->status), e->message);
}

static inline void wk_assert_status(wk_status status, const char *message, const char *file, int line) {
    wk_error e;
    wk_check(&e);
    wk_list_failure(&e);
    if (e.status == status && strcmp(e.message, message) == 0) return;
    print_message("# %s \"%s\"\n", wk_status_name(e.status), e.message);
    print_message("# expected %s \"%s\"\n", wk_status_name(status), message);
    _fail(file, line);
}

/* m is printed so. Frees it. */
static inline void assert_module_text(wk_module *m, const char *expected) {
    char text[400];
    wk_module_to_text(m, text, sizeof(text));
    assert_string_equal(text, expected);
    wk_module_free(m);
}

/* For tests of many random programs: PROGRAM [FOLDER FIRST_SEED COUNT] runs others than those that the test has. */
static inline void wk_read_seeds(int argc, char **argv, uint64_t *first_seed, uint64_t *seed_count) {
    if (argc > 1) wk_test_data = argv[1];
    if (argc <= 3) return;
    *first_seed = strtoull(argv[2], NULL, 10);
    *seed_count = strtoull(argv[3], NULL, 10);
}

/* Runs the program of each of these seeds, which give back all memory that they take. */
static inline void wk_run_seeds(void (*program)(uint64_t seed), uint64_t first_seed, uint64_t seed_count) {
    wk_memory before, after;
    wk_memory_stats(&before);
    for (uint64_t i = 0; i < seed_count; i++) program(first_seed + i);
    wk_memory_stats(&after);
    assert_int_equal(after.nbytes, before.nbytes);
}

#endif
