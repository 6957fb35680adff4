/* recurrent.c -- RNN, LSTM and GRU layers, forward and backward with the gradient of x, beside their bound: the matrix
 * products of the same run alone, step by step with the rows that are still alive, each by the faster of wick's kernels
 * and those of a CBLAS, if one is here (blas.h).
 *
 *     full      all rows have T steps
 *     half      lengths from T/2 + 1 to T
 *     any       lengths from 1 to T
 *     one long  one row of T steps among rows of 10
 *
 * wick's products are calls of wk_matmul; what as many calls cost on matrices of one element is taken off their time,
 * as is the time of the loss from the layer's. All are measured in turns, and the least CPU time of each counts: of all
 * threads, so that one thread means one. */
#include <stdlib.h>
#include <string.h>
#include <wick.h>

#include "blas.h"
#include "measure.h"

enum { MAX_B = 64, LEAST_TURNS = 7, MOST_TURNS = 400 };
enum { FULL, HALF, ANY, ONE_LONG };
enum { RNN, LSTM, GRU };
static const double TURNS_SECONDS = 1;

static const struct kind {
    const char *name;
    int64_t gates;
    wk_module *(*make)(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                       const wk_rnn_options *options);
} kinds[] = {{"rnn", 1, wk_rnn_new}, {"lstm", 4, wk_lstm_new}, {"gru", 3, wk_gru_new}};

/* CPU time is asked of the system, which takes as long as a small product. */
static double cpu_since(double begin) { return seconds(CLOCK_PROCESS_CPUTIME_ID) - begin; }

static double clock_cost(void) {
    static double least;
    if (least > 0) return least;
    least = INFINITY;
    for (int i = 0; i < 1000; i++) least = fmin(least, cpu_since(seconds(CLOCK_PROCESS_CPUTIME_ID)));
    return least;
}

typedef struct layer {
    int kind;
    int64_t H, B, T;
    int lengths_kind;
    int64_t gates;                          /* the width of all gates: those of the kind, times H */
    int64_t lengths[MAX_B], total, longest; /* lengths fall */
    wk_module *module;
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
    l->gates = kinds[l->kind].gates * l->H;
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    l->module = kinds[l->kind].make(NULL, "layer", l->H, l->H, &options);
    l->sgd = wk_sgd_new(l->module, 0.1, NULL);
    l->x = wk_requires_grad_(wk_randn(WK_SHAPE(l->B, l->T, l->H), WK_F32), true);
    l->g = wk_randn(WK_SHAPE(l->B, l->T, l->H), WK_F32);
}

static wk_tensor *output(const layer *l) {
    wk_module *m = l->module;
    if (l->given == NULL)
        return l->kind == RNN   ? wk_rnn_forward(m, l->x, NULL, NULL)
               : l->kind == GRU ? wk_gru_forward(m, l->x, NULL, NULL)
                                : wk_lstm_forward(m, l->x, NULL, NULL, NULL, NULL);
    return l->kind == RNN   ? wk_rnn_forward_ragged(m, l->x, l->given, NULL, NULL)
           : l->kind == GRU ? wk_gru_forward_ragged(m, l->x, l->given, NULL, NULL)
                            : wk_lstm_forward_ragged(m, l->x, l->given, NULL, NULL, NULL, NULL);
}

/* Forward and backward of sum(y g), where y is what the layer makes of x or, for comparison, x itself. */
static double step_time(const layer *l, bool with_layer) {
    WK_SCOPE;
    const double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
    wk_backward(wk_sum(wk_mul(with_layer ? output(l) : l->x, l->g)));
    const double time = cpu_since(begin);
    wk_zero_grad(l->x);
    wk_optim_zero_grad(l->sgd);
    return time;
}

/* ---- the products ---- */

/* y (rows, cols) = a b, for a whole run at once or, where `steps`, for the rows alive in each step after the first. */
typedef struct product {
    wk_tensor *a, *b;
    bool a_transposed, b_transposed, steps;
    double least, least_blas; /* wick's with the cost of as many calls, `calls` */
    double calls;
} product;

/* Calls `multiply` for the whole run once, or for each step. */
static void each_call(const layer *l, const product *p, void (*multiply)(const void *user, int64_t rows),
                      const void *user) {
    if (!p->steps) {
        multiply(user, wk_dim(p->a, 0));
        return;
    }
    int64_t n = l->B;
    for (int64_t t = 1; t < l->longest; t++) {
        while (n > 0 && l->lengths[n - 1] <= t) n--;
        multiply(user, n);
    }
}

typedef struct wick_call {
    wk_tensor *alive[MAX_B + 1], *a, *b;
} wick_call;

static void multiply_wick(const void *user, int64_t rows) {
    const wick_call *c = user;
    WK_SCOPE;
    wk_matmul(rows <= MAX_B && c->alive[rows] != NULL ? c->alive[rows] : c->a, c->b);
}

static double time_of(const layer *l, const product *p, void (*multiply)(const void *user, int64_t rows),
                      const void *user) {
    const double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
    each_call(l, p, multiply, user);
    return cpu_since(begin);
}

static void measure_wick(const layer *l, product *p) {
    WK_SCOPE;
    wick_call call = {{NULL}, p->a, p->b}, empty = {{NULL}, wk_ones(WK_SHAPE(1, 1), WK_F32), NULL};
    empty.b = empty.a;
    for (int64_t n = 1; p->steps && n <= l->B; n++) call.alive[n] = wk_narrow(p->a, 0, 0, n);
    p->least = fmin(p->least, time_of(l, p, multiply_wick, &call));
    p->calls = fmin(p->calls, p->steps ? time_of(l, p, multiply_wick, &empty) : clock_cost());
}

typedef struct blas_call {
    blas_sgemm *sgemm;
    const product *p;
    const float *a, *b;
    float *y;
} blas_call;

static void multiply_blas(const void *user, int64_t rows) {
    const blas_call *c = user;
    const product *p = c->p;
    const int n = (int)wk_dim(p->b, 1), k = (int)wk_dim(p->b, 0), m = (int)rows;
    c->sgemm(BLAS_ROWS, p->a_transposed ? BLAS_TRANSPOSED : BLAS_AS_IT_IS,
             p->b_transposed ? BLAS_TRANSPOSED : BLAS_AS_IT_IS, m, n, k, 1, c->a, p->a_transposed ? m : k, c->b,
             p->b_transposed ? k : n, 0, c->y, n);
}

static void measure_blas(const layer *l, product *p, const blas *rival) {
    WK_SCOPE;
    wk_tensor *y = wk_zeros(WK_SHAPE(wk_dim(p->a, 0), wk_dim(p->b, 1)), WK_F32);
    const blas_call call = {rival->sgemm, p, wk_data(p->a), wk_data(p->b), wk_data_mut(y)};
    p->least_blas = fmin(p->least_blas, time_of(l, p, multiply_blas, &call));
}

static wk_tensor *matrix(int64_t rows, int64_t cols) { return wk_randn(WK_SHAPE(rows, cols), WK_F32); }

/* x W^T, h W_hh^T in each step; on the way back g W_hh in each step, g W, and two g^T x for the weights. */
enum { PRODUCTS = 5 };

static void products_make(const layer *l, product p[PRODUCTS]) {
    wk_tensor *x = matrix(l->total, l->H), *g = matrix(l->total, l->gates), *w = matrix(l->gates, l->H);
    wk_tensor *w_t = wk_transpose(w, 0, 1), *g_t = wk_transpose(g, 0, 1);
    wk_tensor *h = wk_narrow(x, 0, 0, l->B), *d = wk_narrow(g, 0, 0, l->B);
    p[0] = (product){.a = x, .b = w_t, .b_transposed = true};
    p[1] = (product){.a = h, .b = w_t, .b_transposed = true, .steps = true};
    p[2] = (product){.a = d, .b = w, .steps = true};
    p[3] = (product){.a = g, .b = w};
    p[4] = (product){.a = g_t, .b = x, .a_transposed = true};
    for (int i = 0; i < PRODUCTS; i++) p[i].least = p[i].least_blas = p[i].calls = INFINITY;
}

typedef struct times {
    double layer, wick, faster; /* the products by wick's kernels, and each by the faster ones */
} times;

static times measure_layer(const layer *l, const blas *rival) {
    product p[PRODUCTS];
    double whole = INFINITY, loss = INFINITY;
    times found = {0};
    WK_SCOPE;
    products_make(l, p);
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int turn = 0; wk_ok() && turn < MOST_TURNS; turn++) {
        if (turn >= LEAST_TURNS && seconds(CLOCK_MONOTONIC) - begin > TURNS_SECONDS) break;
        whole = fmin(whole, step_time(l, true));
        loss = fmin(loss, step_time(l, false));
        WK_NO_GRAD;
        for (int i = 0; i < PRODUCTS; i++) {
            measure_wick(l, &p[i]);
            if (rival->sgemm != NULL) measure_blas(l, &p[i], rival);
        }
    }
    found.layer = whole - loss;
    for (int i = 0; i < PRODUCTS; i++) {
        const double times = i == PRODUCTS - 1 ? 2 : 1, wick = p[i].least - p[i].calls;
        found.wick += times * wick;
        found.faster += times * fmin(wick, p[i].least_blas - clock_cost());
    }
    return found;
}

static void row(FILE *csv, const blas *rival, const char *name, layer l, const char *goal) {
    WK_SCOPE;
    layer_make(&l);
    const times t = measure_layer(&l, rival);
    wk_optim_free(l.sgd);
    wk_module_free(l.module);
    printf("  %-34s %9.3f ms   products alone %9.3f ms (wick's %9.3f)   %5.2f x  %s\n", name, t.layer * 1e3,
           t.faster * 1e3, t.wick * 1e3, t.layer / t.faster, goal);
    if (csv != NULL) fprintf(csv, "%s,%.6g,ms\n%s products,%.6g,ms\n", name, t.layer * 1e3, name, t.faster * 1e3);
}

static void rows_of_kind(FILE *csv, const blas *rival, int kind) {
    static const int64_t sizes[][3] = {{64, 1, 50},   {64, 16, 50},  {64, 64, 50},  {64, 1, 1},   {64, 1, 4000},
                                       {128, 1, 50},  {128, 16, 50}, {128, 64, 50}, {128, 16, 1}, {128, 16, 1000},
                                       {256, 1, 50},  {256, 16, 50}, {256, 64, 50}, {512, 1, 50}, {512, 16, 50},
                                       {512, 64, 20}, {512, 1, 1},   {256, 1, 1000}};
    static const struct {
        const char *name, *goal;
        int64_t T;
        int lengths;
    } ragged[] = {{"lengths 21..40", "goal 1.2", 40, HALF},
                  {"T 31", "as many steps, full", 31, FULL},
                  {"lengths 1..40", "goal 1.2", 40, ANY},
                  {"one long", "goal 1.2", 4000, ONE_LONG}};
    char name[64];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t *s = sizes[i];
        snprintf(name, sizeof name, "%s H %d B %d T %d", kinds[kind].name, (int)s[0], (int)s[1], (int)s[2]);
        row(csv, rival, name, (layer){.kind = kind, .H = s[0], .B = s[1], .T = s[2]}, "goal 1.2");
    }
    for (size_t i = 0; i < sizeof ragged / sizeof *ragged; i++) {
        snprintf(name, sizeof name, "%s H 128 B 64 %s", kinds[kind].name, ragged[i].name);
        row(csv, rival, name,
            (layer){.kind = kind, .H = 128, .B = 64, .T = ragged[i].T, .lengths_kind = ragged[i].lengths},
            ragged[i].goal);
    }
}

int main(int argc, char **argv) {
    FILE *csv = argc > 1 ? fopen(argv[1], "a") : NULL;
    const blas rival = blas_find();
    printf("Recurrent layers, forward and backward, beside their own matrix products   (kernels: %s; CBLAS: %s)\n",
           wk_isa(), rival.name);
    wk_manual_seed(1);
    for (int kind = 0; kind < 3; kind++) rows_of_kind(csv, &rival, kind);
    if (csv != NULL) fclose(csv);
    wk_error error;
    if (wk_check(&error) == WK_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}
