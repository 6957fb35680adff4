/* test_plan_rows.c -- what a step does for each row of its input, a plan does for all rows at once where it can: with
 * the same bits, and only where no row reads what another one writes. */
#include "plan_pair.h"

enum { COLUMNS = 9, WIDE = 5 };

/* in: x (T,R,COLUMNS), R rows for each time step; out: what each step gave, stacked, and their mean. */
typedef struct row_kind {
    const char *name;
    wk_tensor *(*of_row)(const wk_module *m, wk_tensor *x);
    int64_t rows;
    bool one_call; /* no loop is left */
} row_kind;

static wk_tensor *of(const wk_module *m, const char *name) { return wk_module_parameter(m, name); }

static wk_tensor *number(const wk_module *m, wk_tensor *x) { return wk_linear(x, of(m, "thin"), of(m, "one")); }
static wk_tensor *several(const wk_module *m, wk_tensor *x) { return wk_linear(x, of(m, "wide"), NULL); }
static wk_tensor *biased(const wk_module *m, wk_tensor *x) { return wk_linear(x, of(m, "wide"), of(m, "bias")); }
static wk_tensor *by_rows(const wk_module *m, wk_tensor *x) { return wk_matmul(x, of(m, "rows")); }
static wk_tensor *few_terms(const wk_module *m, wk_tensor *x) {
    return wk_linear(wk_narrow(x, 1, 2, 3), of(m, "few"), NULL);
}
static wk_tensor *elements(const wk_module *m, wk_tensor *x) { return wk_mul(x, of(m, "scale")); }
static wk_tensor *chain(const wk_module *m, wk_tensor *x) {
    (void)m;
    return wk_mul_scalar(wk_sigmoid(wk_add_scalar(x, 0.5)), -2);
}
static wk_tensor *column(const wk_module *m, wk_tensor *x) {
    (void)m;
    return wk_exp(wk_narrow(x, 1, 4, 1));
}
static wk_tensor *some_rows(const wk_module *m, wk_tensor *x) { return column(m, wk_narrow(x, 0, 0, 2)); }
static wk_tensor *two_layers(const wk_module *m, wk_tensor *x) {
    return wk_linear(wk_tanh(biased(m, x)), of(m, "five"), NULL);
}

static const row_kind kinds[] = {
    {"a number", number, 1, true},
    {"a number of each of several", number, 3, true},
    {"several", several, 1, true},
    {"several of several", several, 4, true},
    {"biased", biased, 1, false},
    {"rows of a matrix", by_rows, 2, true},
    {"few terms", few_terms, 1, true},
    {"elements", elements, 1, false},
    {"a chain", chain, 2, false},
    {"a column", column, 1, true},
    {"a strided column", column, 3, true},
    {"two layers", two_layers, 1, false},
    {"a column of some rows", some_rows, 3, false},
};

typedef struct row_net {
    const row_kind *kind;
    wk_module *m;
} row_net;

static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    const row_net *n = user;
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < wk_dim(in[0], 0); t++) wk_list_push(ys, n->kind->of_row(n->m, wk_select(in[0], 0, t)));
    out[0] = wk_stack(ys, 0);
    out[1] = wk_mean(wk_square(out[0]));
    if (wk_requires_grad(out[1])) {
        for (int64_t i = 0; i < wk_module_parameter_count(n->m); i++) wk_zero_grad(wk_module_parameter_at(n->m, i));
        wk_backward(out[1]);
    }
    return true;
}

static wk_module *parameters(bool trains) {
    wk_module *m = wk_module_new(NULL, "m");
    wk_manual_seed(5);
    wk_module_add_parameter(m, "thin", wk_randn(WK_SHAPE(1, COLUMNS), WK_F32));
    wk_module_add_parameter(m, "one", wk_randn(WK_SHAPE(1), WK_F32));
    wk_module_add_parameter(m, "wide", wk_randn(WK_SHAPE(WIDE, COLUMNS), WK_F32));
    wk_module_add_parameter(m, "bias", wk_randn(WK_SHAPE(WIDE), WK_F32));
    wk_module_add_parameter(m, "rows", wk_randn(WK_SHAPE(COLUMNS, WIDE), WK_F32));
    wk_module_add_parameter(m, "few", wk_randn(WK_SHAPE(WIDE, 3), WK_F32));
    wk_module_add_parameter(m, "five", wk_randn(WK_SHAPE(1, WIDE), WK_F32));
    wk_module_add_parameter(m, "scale", wk_randn(WK_SHAPE(COLUMNS), WK_F32));
    wk_module_requires_grad_(m, trains);
    return m;
}

static wk_plan *plan_for(row_net *n, bool by_trips) {
    static const wk_plan_dim trips[] = {{0, 0}};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = trips;
    o.trip_count = by_trips;
    return wk_plan_new(step, n, 1, 2, &o);
}

static void gradients_same(const row_kind *of_rows, int i, const row_net *a, const row_net *b) {
    for (int64_t k = 0; k < wk_module_parameter_count(a->m); k++) {
        wk_tensor *ga = wk_grad_of(wk_module_parameter_at(a->m, k)), *gb = wk_grad_of(wk_module_parameter_at(b->m, k));
        assert_int_equal(ga == NULL, gb == NULL);
        if (ga != NULL) assert_same(of_rows->name, i, ga, gb);
    }
}

/* How many calls the plan makes for 7 rows at last. */
static int64_t check(const row_kind *r, bool trains, bool by_trips) {
    WK_SCOPE;
    row_net a = {r, parameters(trains)}, b = {r, parameters(trains)};
    wk_plan *plan = plan_for(&b, by_trips);
    for (int i = 0; i < 12; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_randn(WK_SHAPE(1 + (i * 17 + 3) % 23, r->rows, COLUMNS), WK_F32), *of_a[2], *of_b[2];
        step(&a, &x, of_a);
        wk_plan_run(plan, &x, of_b);
        for (int k = 0; k < 2; k++) assert_same(r->name, i, wk_detach(of_a[k]), of_b[k]);
        gradients_same(r, i, &a, &b);
    }
    char text[8192];
    wk_plan_text(plan, text, sizeof text);
    if (by_trips && !trains && r->one_call == (strstr(text, "times:") != NULL)) fail_msg("%s:\n%s", r->name, text);
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &stats);
    wk_plan_free(plan);
    wk_module_free(a.m);
    wk_module_free(b.m);
    assert_ok();
    return stats.kernels;
}

static void rows_at_once(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int trains = 0; trains < 2; trains++) {
            const int64_t by_trips = check(&kinds[i], trains, true), of_one_size = check(&kinds[i], trains, false);
            if (!trains && kinds[i].one_call && of_one_size != by_trips)
                fail_msg("%s: %d calls, by trips %d", kinds[i].name, (int)of_one_size, (int)by_trips);
        }
}

/* Each row takes what the one before it has become: one after the other. */
static bool runs_on(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *product = wk_select(in[0], 0, 0), *sum = wk_zeros(WK_SHAPE(1), WK_F32);
    wk_list *products = wk_list_new();
    for (int64_t t = 1; t < wk_dim(in[0], 0); t++) {
        product = wk_mul(product, wk_select(in[0], 0, t));
        wk_list_push(products, product);
    }
    for (int64_t t = 1; t < wk_dim(in[0], 0); t++) wk_add_(wk_select(in[0], 0, t), wk_list_at(products, t - 1));
    for (int64_t t = 1; t < wk_dim(in[0], 0); t++) wk_mul_(wk_list_at(products, t - 1), wk_list_at(products, 0));
    for (int64_t t = 0; t < wk_dim(in[0], 0); t++) wk_add_(sum, wk_select(in[0], 0, t));
    wk_list_push(products, product);
    out[0] = wk_stack(products, 0);
    out[1] = sum;
    return true;
}

static void rows_that_meet(void **state) {
    (void)state;
    WK_SCOPE;
    static const wk_plan_dim trips[] = {{0, 0}};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = trips;
    o.trip_count = 1;
    wk_plan *plan = wk_plan_new(runs_on, NULL, 1, 2, &o);
    for (int i = 0; i < 12; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_randn(WK_SHAPE(1 + (i * 17 + 3) % 23, 1), WK_F32), *y = wk_clone(x), *of_x[2], *of_y[2];
        runs_on(NULL, &x, of_x);
        wk_plan_run(plan, &y, of_y);
        assert_same("in place", i, x, y);
        for (int k = 0; k < 2; k++) assert_same("in place", i, of_x[k], of_y[k]);
    }
    wk_plan_stats s = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &s);
    assert_int_equal(s.unfolded, 0);
    wk_plan_free(plan);
    assert_ok();
}

/* A table of products: loops in a loop are even, one by one, and yet no formula has where they read. */
static bool multiplies(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_list *rows = wk_list_new();
    for (int64_t u = 0; u < 5; u++) {
        for (int64_t v = 0; v < 4; v++) wk_list_push(rows, wk_mul_scalar(wk_select(in[0], 0, u * v), 2));
        wk_list_push(rows, wk_tanh(wk_select(in[0], 0, u)));
    }
    for (int64_t u = 0; u < 9; u++) wk_list_push(rows, wk_exp(wk_select(in[0], 0, u)));
    out[0] = wk_stack(rows, 0);
    return true;
}

static void tables_of_products(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan *plan = wk_plan_new(multiplies, NULL, 1, 1, NULL);
    for (int i = 0; i < 3; i++) {
        wk_tensor *x = wk_randn(WK_SHAPE(13, 4), WK_F32), *of_x, *by_plan;
        multiplies(NULL, &x, &of_x);
        wk_plan_run(plan, &x, &by_plan);
        assert_same("a table of products", i, of_x, by_plan);
    }
    wk_plan_free(plan);
    assert_ok();
}

WK_TEST_MAIN("plans of rows", cmocka_unit_test(rows_at_once), cmocka_unit_test(rows_that_meet),
             cmocka_unit_test(tables_of_products))
