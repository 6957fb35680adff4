/* test_outers.c -- gradients of weights that one row after another goes through (NOTE [Outer products] in
 * grad/outers.h): collected, they have the bits that they have in a walk that is watched, which collects nothing. */
#include "each_table.h"

#include "grad/outers.h"

/* ------------------------------------------------------------------------------------------------------- linear --- */

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

static wk_tensor *loss_of(void *user) {
    network *n = user;
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

/* A backward of the loss, twice over so that one gradient is added to another. */
static void differentiate(wk_tensor *loss_of_user(void *user), void *user, bool watched) {
    WK_SCOPE;
    wk_tensor *other = wk_requires_grad_(wk_ones(WK_SHAPE(1), WK_F32), true);
    const int64_t hook = watched ? wk_register_hook(other, nothing, NULL) : 0;
    for (int i = 0; i < 2; i++) wk_backward(loss_of_user(user));
    if (watched) wk_remove_hook(hook);
    assert_ok();
    assert_null(wk__ctx()->outers);
}

static wk_tensor *gradient(network *n, bool watched) {
    wk_zero_grad(n->w);
    n->seen = 0;
    differentiate(loss_of, n, watched);
    return wk_clone(wk_grad_of(n->w));
}

static void assert_equal_bits(const wk_tensor *a, const wk_tensor *b) {
    assert_memory_equal(wk_data(a), wk_data(b), (size_t)wk_numel(a) * wk_dtype_nbytes(wk_dtype_of(a)));
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
    assert_equal_bits(collected, at_once);
    assert_close(seen, n.seen, 0, "what the program saw of the gradient on the way");
}

/* -------------------------------------------------------------------------------------------------------- cells --- */

/* A recurrent row, called for one step after another. */
enum { RNN, LSTM, GRU, KINDS };

typedef struct cell {
    int kind;
    int64_t T;
    wk_tensor *w[2], *b[2], *x, *out; /* w: of x and of h; x (T,1,1,I); out (H) */
} cell;

static wk_tensor *loss_of_cell(void *user) {
    const cell *c = user;
    wk_tensor *h = NULL, *state = NULL, *y, *loss = wk_zeros(0, NULL, wk_dtype_of(c->x));
    for (int64_t t = 0; t < c->T; t++) {
        wk_tensor *x = wk_select(c->x, 0, t), *const *w = c->w, *const *b = c->b;
        if (c->kind == RNN)
            y = wk_rnn(x, NULL, h, w[0], w[1], b[0], b[1], false, false, &h);
        else if (c->kind == GRU)
            y = wk_gru(x, NULL, h, w[0], w[1], b[0], b[1], false, &h);
        else
            y = wk_lstm(x, NULL, h, state, w[0], w[1], b[0], b[1], false, &h, &state);
        loss = wk_add(loss, wk_sum(wk_mul(y, c->out)));
    }
    return loss;
}

static void differentiate_cell(cell *c, bool watched) {
    for (int i = 0; i < 2; i++) wk_zero_grad(c->w[i]);
    differentiate(loss_of_cell, c, watched);
}

static void gradients(const cell *c, wk_tensor *found[2]) {
    for (int i = 0; i < 2; i++) found[i] = wk_clone(wk_grad_of(c->w[i]));
}

static void cell_make(cell *c, int kind, int64_t I, int64_t H, int64_t T, wk_dtype dtype) {
    const int64_t rows = (kind == RNN ? 1 : kind == GRU ? 3 : 4) * H, columns[] = {I, H};
    *c = (cell){.kind = kind, .T = T};
    for (int i = 0; i < 2; i++) {
        c->w[i] = wk_requires_grad_(wk_mul_scalar(wk_randn(WK_SHAPE(rows, columns[i]), dtype), 0.2), true);
        c->b[i] = wk_randn(WK_SHAPE(rows), dtype);
    }
    c->x = wk_randn(WK_SHAPE(T, 1, 1, I), dtype);
    c->out = wk_randn(WK_SHAPE(H), dtype);
}

/* Both weights are worth it. At the first step there is no h yet, and so no product. */
static void compare_cell(int kind, int64_t I, int64_t H, int64_t T, wk_dtype dtype) {
    WK_SCOPE;
    cell c;
    wk_tensor *collected[2], *at_once[2];
    cell_make(&c, kind, I, H, T, dtype);
    products = 0;
    differentiate_cell(&c, false);
    gradients(&c, collected);
    assert_int_equal(products, dtype == WK_F32 && working != NULL ? 2 * (2 * T - 3) : 0);
    differentiate_cell(&c, true);
    gradients(&c, at_once);
    for (int i = 0; i < 2; i++) assert_equal_bits(collected[i], at_once[i]);
}

static void *refuse(void *user, size_t nbytes, size_t alignment) {
    return (void)user, (void)nbytes, (void)alignment, NULL;
}

/* Without memory to collect in, products are added at once. All else finds what a walk before has given back. */
static void no_memory(wk_dtype dtype) {
    WK_SCOPE;
    cell c;
    wk_tensor *collected[2], *at_once[2];
    wk_allocator *allocator = &wk__ctx()->heap.allocator, before = *allocator;
    cell_make(&c, LSTM, 130, 129, 4, dtype);
    differentiate_cell(&c, true);
    gradients(&c, at_once);
    products = 0;
    allocator->alloc = refuse;
    differentiate_cell(&c, false);
    *allocator = before;
    gradients(&c, collected);
    assert_int_equal(products, 0);
    for (int i = 0; i < 2; i++) assert_equal_bits(collected[i], at_once[i]);
}

static void all_cases(wk_dtype dtype) {
    static const int64_t sizes[][2] = {{32, 32}, {17, 33}, {64, 16}, {21, 40}, {16, 15}, {3, 70}, {100, 1}};
    static const int64_t steps[] = {1, 2, 3, 16, 17, 18, 19, 40};
    wk_kernels table = *wk__kernels; /* goes when the table of the next test is chosen */
    working = table.add_outers;
    if (working != NULL) table.add_outers = counted;
    wk__kernels_in_use = &table;
    wk_manual_seed(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
            for (int way = 0; way < WAYS; way++) compare(sizes[i][0], sizes[i][1], steps[k], way, dtype);
    for (int kind = 0; kind < KINDS; kind++)
        for (int64_t T = 2; T < 40; T += T < 4 ? 1 : 14) compare_cell(kind, 40, 33, T, dtype);
    no_memory(dtype);
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

WK_TEST_MAIN("outer products", TESTS_WITH_EACH_TABLE cmocka_unit_test(a_failure_forgets_them))
