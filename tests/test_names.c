/* test_names.c -- a message begins with the function that the program called (NOTE [Whose failure] in base/context.h),
 * whatever it is made of: errors/names.def has calls that fail for every function that can, and together with ops.def
 * the list is whole. Where blocks can be refused, calls that are right end with that name, too, when memory is out. */
#include "base/context.h"
#include "support.h"

#define large WK_SHAPE((int64_t)1 << 20, (int64_t)1 << 20, 3)

static wk_module *net, *linear, *lstm, *cell;
static wk_optim *adam;
static wk_list *indices;
static wk_tensor *x, *y, *cube, *half, *one, *leaf, *loss, *deep, *shared;
static wk_error error; /* what a call that does not stick has reported */

static wk_tensor *gone(void) {
    WK_SCOPE;
    return wk_tanh(x);
}

static bool says_no(void *user, wk_tensor *const *in, wk_tensor **out) {
    return (void)user, (void)in, (void)out, false;
}

static bool no_gradient(void *user, wk_tensor *const *in, wk_tensor *const *out, wk_tensor *const *gout,
                        wk_tensor **gin) {
    return (void)user, (void)in, (void)out, (void)gout, (void)gin, false;
}

static void run_plan(wk_function *f) {
    wk_plan *plan = wk_plan_new(f, NULL, 1, 1, NULL);
    wk_plan_run(plan, &x, &y);
    wk_plan_free(plan);
}

typedef struct call {
    const char *function;
    int line;
    void (*run)(void);
} call;

#define SILENT(function)
#define CALLED(function, ...) \
    static void WK__JOIN(call_, __LINE__)(void) { __VA_ARGS__; }
#define RIGHT(function, ...) CALLED(function, __VA_ARGS__)
#include "errors/names.def"
#undef CALLED
#undef RIGHT

static const call wrong[] = {
#define CALLED(function, ...) {#function, __LINE__, WK__JOIN(call_, __LINE__)},
#define RIGHT(function, ...)
#include "errors/names.def"
#undef CALLED
#undef RIGHT
};

static const call right[] = {
#define CALLED(function, ...)
#define RIGHT(function, ...) {#function, __LINE__, WK__JOIN(call_, __LINE__)},
#include "errors/names.def"
#undef CALLED
#undef RIGHT
#undef SILENT
};

/* Every name that has a line, here or in ops.def. */
static const char *const known[] = {
#define SILENT(function) #function,
#define CALLED(function, ...) SILENT(function)
#define RIGHT(function, ...) SILENT(function)
#include "errors/names.def"
#define WK_OP_FILE(file, kind)
#define WK_OP(name, formula, parameters) SILENT(name)
#include "wick/ops.def"
#undef WK_OP
#undef WK_OP_FILE
};

enum {
    WRONG = sizeof wrong / sizeof *wrong,
    RIGHT_ONES = sizeof right / sizeof *right,
    KNOWN = sizeof known / sizeof *known,
};

static void make_world(void) {
    memset(&error, 0, sizeof error);
    net = wk_module_new(NULL, "net");
    linear = wk_linear_new(net, "linear", 3, 4, NULL);
    lstm = wk_lstm_new(net, "lstm", 3, 4, NULL);
    cell = wk_rnn_cell_new(net, "cell", 3, 4, NULL);
    adam = wk_adam_new(net, 0.1, NULL);
    x = wk_ones(WK_SHAPE(2, 3), WK_F32);
    cube = wk_zeros(WK_SHAPE(2, 5, 3), WK_F32);
    half = wk_cast(x, WK_F16);
    one = wk_ones(WK_SHAPE(1), WK_F32);
    indices = wk_list_new();
    wk_list_push(indices, wk_zeros(WK_SHAPE(2), WK_I64));
    leaf = wk_requires_grad_(wk_clone(one), true);
    loss = wk_sum(wk_mul(leaf, leaf));
    wk_backward(wk_sum(wk_linear_forward(linear, x)));
    wk_tensor *row = wk_expand(leaf, WK_SHAPE(2, 5, 3));
    deep = wk_mean(wk_var(wk_layer_norm(wk_lstm_forward(lstm, row, NULL, NULL, NULL, NULL), WK_SHAPE(4), NULL, NULL, 0),
                          WK_SHAPE(1), 1, false));
    assert_ok();
}

static void free_world(void) {
    wk_optim_free(adam);
    wk_module_free(net);
}

static bool is_named(const call *c) {
    const size_t n = strlen(c->function);
    if (strncmp(error.message, c->function, n) == 0 && strncmp(error.message + n, ": ", 2) == 0) return true;
    print_message("# names.def:%d: %s \"%s\"\n", c->line, c->function, error.message);
    return false;
}

static void wrong_calls(void **state) {
    (void)state;
    int misnamed = 0;
    for (int i = 0; i < WRONG; i++) {
        const wk_scope scope = wk_scope_open();
        make_world();
        wrong[i].run();
        if (error.status == WK_OK) wk_check(&error);
        assert_ok();
        wk_scope_close(scope);
        free_world();
        wk_list_failure(&error);
        misnamed += !is_named(&wrong[i]);
    }
    assert_int_equal(misnamed, 0);
}

/* The call with room for n blocks. True when that was enough. */
static bool enough(const call *c, int64_t n, int *misnamed) {
    const wk_scope scope = wk_scope_open();
    make_world();
    wk__ctx()->heap.fail_after = n;
    c->run();
    wk__ctx()->heap.fail_after = -1;
    const bool done = wk_check(&error) == WK_OK;
    wk_scope_close(scope);
    free_world();
    if (!done && error.status != WK_ENOMEM) fail_msg("names.def:%d: block %d: %s", c->line, (int)n, error.message);
    *misnamed += !done && !is_named(c);
    return done;
}

static void right_calls_without_memory(void **state) {
    (void)state;
#ifndef WK_POISON
    skip_test("blocks can be refused in builds with WK_POISON only");
#endif
    int misnamed = 0;
    for (int i = 0; i < RIGHT_ONES; i++)
        for (int64_t n = 0; !enough(&right[i], n, &misnamed); n++) assert_true(n < 1000);
    assert_int_equal(misnamed, 0);
}

/* tests/abi/symbols.txt has what the library exports. */
static void every_function_has_a_line(void **state) {
    (void)state;
    char path[500], name[100];
    int missing = 0;
    snprintf(path, sizeof path, "%s/../abi/symbols.txt", wk_test_data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fscanf(file, "wk_%99s ", name) == 1) {
        int i = 0;
        while (i < KNOWN && strcmp(known[i], name) != 0) i++;
        if (i < KNOWN || name[0] == '_') continue; /* wk__scope_cleanup and the like stand in macros */
        print_message("# %s has no line in names.def\n", name);
        missing++;
    }
    assert_true(feof(file));
    fclose(file);
    assert_int_equal(missing, 0);
}

WK_TEST_MAIN("names", cmocka_unit_test(wrong_calls), cmocka_unit_test(right_calls_without_memory),
             cmocka_unit_test(every_function_has_a_line))
