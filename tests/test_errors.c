/* test_errors.c -- the wrong programs in errors/: each fails with its exact message, and the context works after. */
#include "support.h"

#include <stdlib.h>
#include <unistd.h>

#define zeros(...) wk_zeros(WK_SHAPE(__VA_ARGS__), WK_F32)
#define whole(...) wk_zeros(WK_SHAPE(__VA_ARGS__), WK_I64)
#define leaf(...) wk_requires_grad_(zeros(__VA_ARGS__), true)

static wk_module *net, *linear;
static wk_optim *adam;
static wk_error error; /* what a call that does not stick has reported */

static wk_tensor *returned_without_yield(void) {
    WK_SCOPE;
    return wk_tanh(zeros(3));
}

static wk_tensor *returns_null(wk_module *m, wk_tensor *x) {
    (void)m, (void)x;
    return NULL;
}

/* The failure of the context that is current now. */
static void error_of_context(void) { wk_check(&error); }

/* Relative to a folder of the test's own. */
static const char path[] = "net.safetensors";

static const char *text_file(void) {
    FILE *file = fopen(path, "w");
    fputs("these are no weights\n", file);
    fclose(file);
    return path;
}

static const char *weights_of_another_net(void) {
    wk_module *other = wk_module_new(NULL, "other");
    wk_linear_new(other, "linear", 3, 5, NULL);
    wk_save(path, other, NULL);
    wk_module_free(other);
    return path;
}

/* The programs ... */
#define WRONG(mistake, status, message, ...) \
    static void WK__JOIN(WRONG_FILE, __LINE__)(void) { __VA_ARGS__; }
#define WRONG_FILE arguments_
#include "errors/arguments.def"
#undef WRONG_FILE
#define WRONG_FILE programs_
#include "errors/programs.def"
#undef WRONG_FILE
#undef WRONG

/* ... and what is to come of them. */
static const struct {
    const char *mistake, *message;
    wk_status status;
    void (*program)(void);
} wrong[] = {
#define WRONG(mistake, status, message, ...) {mistake, message, WK_##status, WK__JOIN(WRONG_FILE, __LINE__)},
#define WRONG_FILE arguments_
#include "errors/arguments.def"
#undef WRONG_FILE
#define WRONG_FILE programs_
#include "errors/programs.def"
#undef WRONG_FILE
#undef WRONG
};

enum { COUNT = sizeof wrong / sizeof *wrong };

static void make_net(void) {
    net = wk_module_new(NULL, "net");
    linear = wk_linear_new(net, "linear", 3, 4, NULL);
    adam = wk_adam_new(net, 0.02, NULL);
    memset(&error, 0, sizeof error);
}

static bool one(int i) {
    make_net();
    const wk_scope scope = wk_scope_open();
    wrong[i].program();
    if (error.status == WK_OK)
        wk_check(&error);
    else
        assert_ok();
    wk_scope_close(scope);
    wk_optim_free(adam);
    wk_module_free(net);
    wk_list_failure(&error);
    if (error.status == wrong[i].status && strcmp(error.message, wrong[i].message) == 0) return true;
    print_message("# %s\n#   %s \"%s\"\n# expected\n#   %s \"%s\"\n", wrong[i].mistake, wk_status_name(error.status),
                  error.message, wk_status_name(wrong[i].status), wrong[i].message);
    return false;
}

static void messages(void **state) {
    (void)state;
    int differ = 0;
    char folder[] = "/tmp/wick-errors-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    for (int i = 0; i < COUNT; i++) differ += !one(i);
    unlink(path);
    rmdir(folder);
    assert_int_equal(differ, 0);
    assert_ok();
}

/* One line that names the function first and fits into the record. */
static void form(void **state) {
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        const char *colon = strchr(wrong[i].message, ':');
        assert_non_null(colon);
        assert_true(strspn(wrong[i].message, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
                    (size_t)(colon - wrong[i].message));
        assert_null(strchr(wrong[i].message, '\n'));
        assert_true(strlen(wrong[i].message) < sizeof error.message - 1);
    }
}

WK_TEST_MAIN("errors", cmocka_unit_test(messages), cmocka_unit_test(form))
