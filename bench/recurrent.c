/* recurrent.c -- LSTM layers, forward and backward with the gradient of x, beside their bound: the matrix products of
 * the same run alone, step by step with the rows that are still alive.
 *
 *     full      all rows have T steps
 *     half      lengths from T/2 + 1 to T
 *     any       lengths from 1 to T
 *     one long  one row of T steps among rows of 10
 *
 * The products are calls of wk_matmul; what as many calls cost on matrices of one element is taken off their time, as
 * is the time of the loss from the layer's. */
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "measure.h"

enum { MAX_B = 64, RUNS = 5 };
enum { FULL, HALF, ANY, ONE_LONG };

typedef struct layer {
    int64_t H, B, T;
    int lengths_kind;
    int64_t lengths[MAX_B], total, longest; /* lengths fall */
    wk_module *lstm;
    wk_optim *sgd; /* clears gradients */
    wk_tensor *x, *g, *given; /* input, gradient of the output, the lengths as a tensor or NULL */
} layer;

static int64_t length_of(const layer *l, int64_t row) {
    const uint32_t word = ((uint32_t)row * 2654435761u) >> 8;
    if (l->lengths_kind == HALF) return l->T / 2 + 1 + word % (l->T / 2);
    if (l->lengths_kind == ANY) return 1 + word % l->T;
    return l->lengths_kind == FULL || row == 0 ? l->T : 10;
}

static int falling(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (y > x) - (y < x);
}

static void layer_make(layer *l) {
    l->total = 0;
    for (int64_t row = 0; row < l->B; row++) l->total += l->lengths[row] = length_of(l, row);
    if (l->lengths_kind != FULL) l->given = wk_from_data(l->lengths, WK_SHAPE(l->B), WK_I64);
    qsort(l->lengths, (size_t)l->B, sizeof *l->lengths, falling);
    l->longest = l->lengths[0];
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    l->lstm = wk_lstm_new(NULL, "lstm", l->H, l->H, &options);
    l->sgd = wk_sgd_new(l->lstm, 0.1, NULL);
    l->x = wk_requires_grad_(wk_randn(WK_SHAPE(l->B, l->T, l->H), WK_F32), true);
    l->g = wk_randn(WK_SHAPE(l->B, l->T, l->H), WK_F32);
}

static wk_tensor *output(const layer *l) {
    return l->given == NULL ? wk_lstm_forward(l->lstm, l->x, NULL, NULL, NULL, NULL)
                            : wk_lstm_forward_ragged(l->lstm, l->x, l->given, NULL, NULL, NULL, NULL);
}

/* Forward and backward of sum(y g), where y is what the layer makes of x or, for comparison, x itself. */
static double step_time(const layer *l, bool with_layer) {
    WK_SCOPE;
    const double begin = seconds(CLOCK_MONOTONIC);
    wk_backward(wk_sum(wk_mul(with_layer ? output(l) : l->x, l->g)));
    const double time = seconds(CLOCK_MONOTONIC) - begin;
    wk_zero_grad(l->x);
    wk_optim_zero_grad(l->sgd);
    return time;
}

/* The least of several times, for what is compared are two limits; without the time of the loss. */
static double layer_time(const layer *l) {
    double whole = INFINITY, loss = INFINITY;
    for (int i = 0; i < RUNS && wk_ok(); i++) {
        whole = fmin(whole, step_time(l, true));
        loss = fmin(loss, step_time(l, false));
    }
    return whole - loss;
}

static wk_tensor *matrix(int64_t rows, int64_t cols) { return wk_randn(WK_SHAPE(rows, cols), WK_F32); }

static double product_time(wk_tensor *a, wk_tensor *b) {
    WK_SCOPE;
    const double begin = seconds(CLOCK_MONOTONIC);
    wk_matmul(a, b);
    return seconds(CLOCK_MONOTONIC) - begin;
}

static double least_product_time(wk_tensor *a, wk_tensor *b) {
    double least = INFINITY;
    for (int i = 0; i < RUNS; i++) least = fmin(least, product_time(a, b));
    return least;
}

/* All steps of one way through time: the rows alive, times the recurrent weight or its transpose. */
static double steps_time(const layer *l, wk_tensor *rows, wk_tensor *w) {
    WK_SCOPE;
    wk_tensor *one = wk_ones(WK_SHAPE(1, 1), WK_F32), *alive[MAX_B + 1];
    for (int64_t n = 1; n <= l->B; n++) alive[n] = wk_narrow(rows, 0, 0, n);
    double begin = seconds(CLOCK_MONOTONIC);
    int64_t n = l->B;
    for (int64_t t = 1; t < l->longest; t++) {
        while (n > 0 && l->lengths[n - 1] <= t) n--;
        WK_SCOPE;
        wk_matmul(alive[n], w);
    }
    const double time = seconds(CLOCK_MONOTONIC) - begin;
    begin = seconds(CLOCK_MONOTONIC);
    for (int64_t t = 1; t < l->longest; t++) {
        WK_SCOPE;
        wk_matmul(one, one);
    }
    return time - (seconds(CLOCK_MONOTONIC) - begin);
}

static double least_steps_time(const layer *l, wk_tensor *rows, wk_tensor *w) {
    double least = INFINITY;
    for (int i = 0; i < RUNS; i++) least = fmin(least, steps_time(l, rows, w));
    return least;
}

/* Six products: x W^T, h W_hh^T in each step; on the way back g W_hh in each step, g W, and two for the weights. */
static double bound_of(const layer *l) {
    WK_SCOPE;
    WK_NO_GRAD;
    wk_tensor *x = matrix(l->total, l->H), *g = matrix(l->total, 4 * l->H), *w = matrix(4 * l->H, l->H);
    wk_tensor *w_t = wk_transpose(w, 0, 1), *g_t = wk_transpose(g, 0, 1);
    return least_product_time(x, w_t) + least_product_time(g, w) + 2 * least_product_time(g_t, x) +
           least_steps_time(l, wk_narrow(x, 0, 0, l->B), w_t) + least_steps_time(l, wk_narrow(g, 0, 0, l->B), w);
}

static void row(FILE *csv, const char *name, layer l, const char *goal) {
    WK_SCOPE;
    layer_make(&l);
    const double time = layer_time(&l), bound = bound_of(&l);
    wk_optim_free(l.sgd);
    wk_module_free(l.lstm);
    printf("  %-34s %9.3f ms   products alone %9.3f ms   %5.2f x  %s\n", name, time * 1e3, bound * 1e3, time / bound,
           goal);
    if (csv != NULL) fprintf(csv, "%s,%.6g,ms\n%s products,%.6g,ms\n", name, time * 1e3, name, bound * 1e3);
}

int main(int argc, char **argv) {
    FILE *csv = argc > 1 ? fopen(argv[1], "a") : NULL;
    printf("LSTM layers, forward and backward, beside their own matrix products   (kernels: %s)\n", wk_isa());
    wk_manual_seed(1);
    static const int64_t sizes[][3] = {{64, 1, 50},   {64, 16, 50},  {64, 64, 50},  {64, 1, 4000}, {128, 1, 50},
                                       {128, 16, 50}, {128, 64, 50}, {256, 1, 50},  {256, 16, 50}, {256, 64, 50},
                                       {512, 1, 50},  {512, 16, 50}, {512, 64, 20}, {128, 16, 1},  {128, 16, 1000}};
    char name[64];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t *s = sizes[i];
        snprintf(name, sizeof name, "lstm H %d B %d T %d", (int)s[0], (int)s[1], (int)s[2]);
        row(csv, name, (layer){.H = s[0], .B = s[1], .T = s[2]}, "goal 1.2");
    }
    row(csv, "lstm H 128 B 64 lengths 21..40", (layer){.H = 128, .B = 64, .T = 40, .lengths_kind = HALF}, "goal 1.2");
    row(csv, "lstm H 128 B 64 T 31", (layer){.H = 128, .B = 64, .T = 31}, "as many steps, full");
    row(csv, "lstm H 128 B 64 lengths 1..40", (layer){.H = 128, .B = 64, .T = 40, .lengths_kind = ANY}, "");
    row(csv, "lstm H 128 B 64 one long", (layer){.H = 128, .B = 64, .T = 4000, .lengths_kind = ONE_LONG}, "");
    if (csv != NULL) fclose(csv);
    wk_error error;
    if (wk_check(&error) == WK_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}
