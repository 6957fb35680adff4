/* test_outers.c -- gradients of weights that one row after another goes through (NOTE [Outer products] in
 * grad/outers.h): collected, they have the bits that they have in a walk that is watched, which collects nothing. */
#include "each_table.h"

#include "grad/outers.h"

/* What happens to the weight's gradient in the middle. */
enum { NOTHING, PENALTY, ROW_OF_IT, LOOKED_AT, CLEARED, DIFFERENTIATED, WAYS };

typedef struct network {
    int64_t O, I, T;
    int way;
    wk_tensor *w, *x, *c; /* (O,I); for each step (I) and (O) */
    double seen;          /* of the gradient, in the middle */
} network;

static bool as_it_is(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_mul_scalar(in[0], 1);
    return true;
}

/* The gradient of the step in the middle, a function of the program: it may do anything. */
static bool meddle(void *user, wk_tensor *const *in, wk_tensor *const *out, wk_tensor *const *gy, wk_tensor **gx) {
    network *n = user;
    (void)in, (void)out;
    gx[0] = gy[0];
    if (n->way == LOOKED_AT && wk_grad_of(n->w) != NULL) n->seen = wk_item(wk_sum(wk_grad_of(n->w)));
    if (n->way == CLEARED) wk_zero_grad(n->w);
    if (n->way != DIFFERENTIATED) return true;
    const bool enabled = wk_set_grad_enabled(true);
    wk_backward(wk_sum(wk_mul(n->w, n->w)));
    wk_set_grad_enabled(enabled);
    return true;
}

static wk_tensor *middle(network *n, wk_tensor *y) {
    wk_tensor *changed = NULL;
    if (n->way == PENALTY) return wk_add(y, wk_sum(wk_mul(n->w, n->w)));
    if (n->way == ROW_OF_IT) return wk_add(y, wk_sum(wk_tanh(wk_select(n->w, 0, 1))));
    wk_function_apply(as_it_is, meddle, n, &y, 1, &changed, 1);
    return changed;
}

static wk_tensor *loss_of(network *n) {
    wk_tensor *loss = wk_zeros(0, NULL, wk_dtype_of(n->w));
    for (int64_t t = 0; t < n->T; t++) {
        wk_tensor *y = wk_linear(wk_narrow(n->x, 0, t, 1), n->w, NULL);
        loss = wk_add(loss, wk_sum(wk_mul(wk_tanh(y), wk_narrow(n->c, 0, t, 1))));
        if (t == n->T / 2 && n->way != NOTHING) loss = middle(n, loss);
    }
    return loss;
}

/* The kernel of the table in use, and how many products it was given. */
static wk_outers_kernel *working;
static int64_t products;

static void counted(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, const float *b, int64_t b_row,
                    float *c, int64_t c_row) {
    products += k;
    working(m, n, k, a, a_row, b, b_row, c, c_row);
}

static wk_tensor *nothing(void *user, wk_tensor *g) { return (void)user, (void)g, NULL; }

/* The gradient, twice over so that one is added to another. */
static wk_tensor *gradient(network *n, bool watched) {
    wk_tensor *other = wk_requires_grad_(wk_ones(WK_SHAPE(1), WK_F32), true);
    const int64_t hook = watched ? wk_register_hook(other, nothing, NULL) : 0;
    wk_zero_grad(n->w);
    n->seen = 0;
    for (int i = 0; i < 2; i++) wk_backward(loss_of(n));
    if (watched) wk_remove_hook(hook);
    assert_ok();
    assert_null(wk__ctx()->outers);
    return wk_clone(wk_grad_of(n->w));
}

static void compare(int64_t O, int64_t I, int64_t T, int way, wk_dtype dtype) {
    WK_SCOPE;
    network n = {O, I, T, way, NULL, NULL, NULL, 0};
    n.w = wk_requires_grad_(wk_randn(WK_SHAPE(O, I), dtype), true);
    n.x = wk_randn(WK_SHAPE(T, I), dtype);
    n.c = wk_randn(WK_SHAPE(T, O), dtype);
    products = 0;
    wk_tensor *collected = gradient(&n, false);
    const double seen = n.seen;
    const bool collects = dtype == WK_F32 && working != NULL && O * I >= 8 * (O + I);
    if (way == NOTHING) assert_int_equal(products, collects ? 2 * (T - 1) : 0);
    wk_tensor *at_once = gradient(&n, true);
    assert_memory_equal(wk_data(collected), wk_data(at_once), (size_t)(O * I) * wk_dtype_nbytes(dtype));
    assert_close(seen, n.seen, 0, "what the program saw of the gradient on the way");
}

static void all_cases(wk_dtype dtype) {
    static const int64_t sizes[][2] = {{32, 32}, {17, 33}, {64, 16}, {21, 40}, {16, 15}, {3, 70}, {100, 1}};
    static const int64_t steps[] = {1, 2, 3, 16, 17, 18, 19, 40};
    wk_kernels table = *wk__kernels; /* goes when the table of the next test is chosen */
    working = table.add_outers;
    if (working != NULL) table.add_outers = counted;
    wk__kernels = &table;
    wk_manual_seed(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
            for (int way = 0; way < WAYS; way++) compare(sizes[i][0], sizes[i][1], steps[k], way, dtype);
}

WITH_EACH_TABLE(all_cases)

static void a_failure_forgets_them(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = wk_requires_grad_(wk_ones(WK_SHAPE(32, 32), WK_F32), true), *x = wk_ones(WK_SHAPE(1, 32), WK_F32);
    wk_tensor *z = wk_mul(w, w), *loss = wk_sum(wk_mul(z, z));
    for (int t = 0; t < 5; t++) loss = wk_add(loss, wk_sum(wk_linear(x, w, NULL)));
    wk_mul_scalar_(wk_detach(z), 2); /* the oldest node finds that out, when five rows have been collected */
    wk_backward(loss);
    assert_int_equal(wk_check(NULL), WK_EVERSION);
    assert_null(wk__ctx()->outers);
    assert_null(wk_grad_of(w));
}

WK_TEST_MAIN("outer products", TESTS_WITH_EACH_TABLE, cmocka_unit_test(a_failure_forgets_them))
