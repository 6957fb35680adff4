/* test_batch_sequences.c -- sequences of several lengths in a batch, with weights of the size that they have in use:
 * every gradient is what it is without one, to the order of sums, however it is asked for. */
#include "tensors.h"

enum { H = 80, I = 64, SEQUENCES = 5, LONGEST = 37, WEIGHTS = 3, WAYS = 4 };

/* How a network is run. */
enum { PLAIN, TWO_BACKWARDS, HOOKED, BY_GRAD };

/* tanh(w x + b + u h) from small operations, or the library's cell (then w is w_ih, and u is w_hh). */
typedef struct network {
    wk_tensor *w[WEIGHTS];
    wk_module *cell; /* or NULL */
} network;

static wk_tensor *numbers(int64_t rows, int64_t cols, wk_dtype dtype) {
    return wk_mul_scalar(wk_randn(WK_SHAPE(rows, cols), dtype), 0.1);
}

static wk_tensor *large_leaf(int64_t rows, int64_t cols, wk_dtype dtype) {
    return wk_requires_grad_(numbers(rows, cols, dtype), true);
}

static network network_new(bool is_cell, wk_dtype dtype) {
    network n = {{NULL}, NULL};
    wk_manual_seed(3);
    if (!is_cell) return (network){{large_leaf(H, I, dtype), large_leaf(H, H, dtype), large_leaf(1, H, dtype)}, NULL};
    n.cell = wk_lstm_cell_new(NULL, "cell", I, H, NULL);
    n.w[0] = wk_module_parameter(n.cell, "weight_ih");
    n.w[1] = wk_module_parameter(n.cell, "weight_hh");
    n.w[2] = wk_module_parameter(n.cell, "bias_ih");
    return n;
}

static wk_tensor *loss_of_sequence(const network *n, int s, wk_dtype dtype) {
    static const int lengths[SEQUENCES] = {20, LONGEST, 1, 7, 31};
    wk_tensor *h = wk_zeros(WK_SHAPE(1, H), dtype), *c = wk_zeros(WK_SHAPE(1, H), dtype);
    for (int t = 0; t < lengths[s]; t++) {
        wk_tensor *x = numbers(1, I, dtype);
        if (n->cell != NULL)
            h = wk_lstm_cell_forward(n->cell, x, h, c, &c);
        else
            h = wk_tanh(wk_add(wk_linear(x, n->w[0], wk_select(n->w[2], 0, 0)), wk_linear(h, n->w[1], NULL)));
    }
    return wk_mean(wk_square(h));
}

static wk_tensor *doubled(void *user, wk_tensor *gradient) { return (void)user, wk_mul_scalar(gradient, 2); }

static void differentiate(const network *n, int way, wk_tensor **losses, wk_tensor **gradients) {
    if (way == HOOKED) wk_register_hook(n->w[1], doubled, NULL);
    if (way == TWO_BACKWARDS) {
        for (int s = 0; s < SEQUENCES; s++) wk_backward(losses[s]);
    } else {
        wk_tensor *sum = losses[0];
        for (int s = 1; s < SEQUENCES; s++) sum = wk_add(sum, losses[s]);
        if (way == BY_GRAD)
            wk_grad(sum, n->w, WEIGHTS, gradients, 0);
        else
            wk_backward(sum);
    }
    for (int i = 0; i < WEIGHTS && way != BY_GRAD; i++) gradients[i] = wk_grad_of(n->w[i]);
}

/* The gradients one after the other. */
static void run(bool batched, bool is_cell, wk_dtype dtype, int way, double *all) {
    WK_SCOPE;
    const network n = network_new(is_cell, dtype);
    wk_tensor *losses[SEQUENCES], *gradients[WEIGHTS];
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    for (int s = 0; s < SEQUENCES; s++) losses[s] = loss_of_sequence(&n, s, dtype);
    differentiate(&n, way, losses, gradients);
    for (int i = 0; i < WEIGHTS; i++) {
        wk_tensor *g = wk_contiguous(wk_cast(gradients[i], WK_F64));
        const double *values = wk_data(g);
        for (int64_t k = 0; values != NULL && k < wk_numel(g); k++) *all++ = values[k];
    }
    wk_scope_close(scope);
    wk_module_free(n.cell);
}

static void compare(bool is_cell, wk_dtype dtype, int way, double tolerance) {
    static double once[4 * H * (I + H + 1)], batch[4 * H * (I + H + 1)];
    const int count = (is_cell ? 4 * H : H) * (I + H + 1);
    double largest = 0;
    run(false, is_cell, dtype, way, once);
    run(true, is_cell, dtype, way, batch);
    assert_ok();
    for (int i = 0; i < count; i++) largest = fmax(largest, fabs(once[i]));
    assert_true(largest > 0);
    for (int i = 0; i < count; i++) assert_close(batch[i], once[i], tolerance * largest, "gradient");
}

/* Sums of some hundred terms in another order. */
static void gradients_are_the_same(void **state) {
    (void)state;
    for (int way = 0; way < WAYS; way++)
        for (int is_cell = 0; is_cell < 2; is_cell++) {
            if (!is_cell) compare(is_cell, WK_F64, way, 1e-13);
            compare(is_cell, WK_F32, way, 1e-5);
        }
}

WK_TEST_MAIN("batch_sequences", cmocka_unit_test(gradients_are_the_same))
