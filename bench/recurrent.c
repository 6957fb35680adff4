/* recurrent.c -- RNN, LSTM and GRU layers, forward and backward with the gradient of x, beside their bound: the matrix
 * products of the same run alone, step by step with the rows that are still alive, each by the faster of wick's kernels
 * and those of a CBLAS, if one is here (blas.h).
 *
 *     full      all rows have T steps
 *     half      lengths from T/2 + 1 to T
 *     any       lengths from 1 to T
 *     one long  one row of T steps among rows of 10
 *
 * Layers of several inputs, layers or directions have the products of each; forward alone, those of the way forward.
 * wick's products are calls of wk_matmul; what as many calls cost on matrices of one element is taken off their time,
 * as is the time of the loss from the layer's. All are measured in turns, and the least CPU time of each counts: of all
 * threads, so that one thread means one. What is short is done several times for each look at the clock, which takes as
 * long as a small product. */
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "rows.h"

enum { MAX_B = 64, LEAST_TURNS = 7, MOST_TURNS = 400 };
enum { FULL, HALF, ANY, ONE_LONG };
enum { RNN, LSTM, GRU };
enum { REPEATED_TERMS = 1 << 16 };
static const double TURNS_SECONDS = 1;

static const struct kind {
    const char *name;
    int64_t gates;
    wk_module *(*make)(wk_module *parent, const char *name, int64_t input_size, int64_t hidden_size,
                       const wk_rnn_options *options);
} kinds[] = {{"rnn", 1, wk_rnn_new}, {"lstm", 4, wk_lstm_new}, {"gru", 3, wk_gru_new}};

static double cpu_now(void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }

static double clock_cost(void) {
    static double least;
    if (least > 0) return least;
    least = INFINITY;
    for (int i = 0; i < 1000; i++) {
        const double begin = cpu_now();
        least = fmin(least, cpu_now() - begin);
    }
    return least;
}

/* What is left out is 1, or, of I, H. */
typedef struct shape {
    const char *name; /* NULL: the sizes */
    int64_t H, B, T, I;
    int num_layers, directions, lengths_kind;
    bool forward; /* alone, without gradients */
} shape;

typedef struct layer {
    int kind;
    shape of;
    int64_t gates;                          /* the width of all gates: those of the kind, times H */
    int64_t lengths[MAX_B], total, longest; /* lengths fall */
    int repeats;                            /* so often for each look at the clock */
    wk_module *module;
    wk_optim *sgd;                     /* clears gradients */
    wk_tensor *x, *like_y, *g, *given; /* input, a leaf in the output's place, its gradient, the lengths or NULL */
} layer;

static int64_t length_of(const layer *l, int64_t row) {
    const uint32_t word = ((uint32_t)row * 2654435761u) >> 8;
    const int64_t T = l->of.T;
    if (l->of.lengths_kind == HALF) return T / 2 + 1 + word % (T / 2);
    if (l->of.lengths_kind == ANY) return 1 + word % T;
    return l->of.lengths_kind == FULL || row == 0 ? T : 10;
}

static int falling(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (y > x) - (y < x);
}

static void layer_make(layer *l, int kind, const shape *of) {
    *l = (layer){.kind = kind, .of = *of, .gates = kinds[kind].gates * of->H};
    const int64_t B = of->B, T = of->T, width = of->H * of->directions;
    for (int64_t row = 0; row < B; row++) l->total += l->lengths[row] = length_of(l, row);
    if (of->lengths_kind != FULL) l->given = wk_from_data(l->lengths, WK_SHAPE(B), WK_I64);
    qsort(l->lengths, (size_t)B, sizeof *l->lengths, falling);
    l->longest = l->lengths[0];
    l->repeats = 1 + (int)(REPEATED_TERMS / (l->total * l->gates * of->H));
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    options.num_layers = of->num_layers;
    options.bidirectional = of->directions == 2;
    l->module = kinds[kind].make(NULL, "layer", of->I, of->H, &options);
    l->sgd = wk_sgd_new(l->module, 0.1, NULL);
    l->x = wk_requires_grad_(wk_randn(WK_SHAPE(B, T, of->I), WK_F32), true);
    l->like_y = wk_requires_grad_(wk_randn(WK_SHAPE(B, T, width), WK_F32), true);
    l->g = wk_randn(WK_SHAPE(B, T, width), WK_F32);
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

static void forward(const layer *l, bool with_layer) {
    WK_SCOPE;
    WK_NO_GRAD;
    if (with_layer) output(l);
}

/* Forward and backward of sum(y g), where y is what the layer makes of x or, for comparison, a leaf. */
static void forward_and_backward(const layer *l, bool with_layer) {
    WK_SCOPE;
    wk_backward(wk_sum(wk_mul(with_layer ? output(l) : l->like_y, l->g)));
    wk_zero_grad(l->x);
    wk_zero_grad(l->like_y);
    wk_optim_zero_grad(l->sgd);
}

static double step_time(const layer *l, bool with_layer) {
    const double begin = cpu_now();
    for (int i = 0; i < l->repeats; i++) (l->of.forward ? forward : forward_and_backward)(l, with_layer);
    return (cpu_now() - begin) / l->repeats;
}

/* ---- the products ---- */

/* y (rows, cols) = a b, for a whole run at once or, where `steps`, for the rows alive in each step after the first. */
typedef struct product {
    wk_tensor *a, *b;
    bool a_transposed, b_transposed, steps;
    int count;                /* so many layers and directions have it */
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
    int64_t n = l->of.B;
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
    const double begin = cpu_now();
    for (int i = 0; i < l->repeats; i++) each_call(l, p, multiply, user);
    return (cpu_now() - begin) / l->repeats;
}

static void measure_wick(const layer *l, product *p) {
    WK_SCOPE;
    wick_call call = {{NULL}, p->a, p->b}, empty = {{NULL}, wk_ones(WK_SHAPE(1, 1), WK_F32), NULL};
    empty.b = empty.a;
    for (int64_t n = 1; p->steps && n <= l->of.B; n++) call.alive[n] = wk_narrow(p->a, 0, 0, n);
    p->least = fmin(p->least, time_of(l, p, multiply_wick, &call));
    p->calls = fmin(p->calls, time_of(l, p, multiply_wick, &empty));
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

/* Of each layer and direction: h W_hh^T in each step; on the way back g W_hh in each step, and g^T h for the weight. Of
 * the first layer, and of those above it, whose inputs are the states of all directions: x W^T, g W, g^T x. */
enum { OF_H = 3, OF_INPUT = 3, PRODUCTS = OF_H + 2 * OF_INPUT };

static void products_of_h(const layer *l, wk_tensor *g, int count, product *p) {
    wk_tensor *h = matrix(l->total, l->of.H), *w = matrix(l->gates, l->of.H);
    wk_tensor *h_t = wk_narrow(h, 0, 0, l->of.B), *g_t = wk_narrow(g, 0, 0, l->of.B);
    p[0] = (product){.a = h_t, .b = wk_transpose(w, 0, 1), .b_transposed = true, .steps = true, .count = count};
    p[1] = (product){.a = g_t, .b = w, .steps = true, .count = count};
    p[2] = (product){.a = wk_transpose(g, 0, 1), .b = h, .a_transposed = true, .count = count};
}

static void products_of_input(const layer *l, wk_tensor *g, int64_t features, int count, product *p) {
    wk_tensor *x = matrix(l->total, features), *w = matrix(l->gates, features);
    p[0] = (product){.a = x, .b = wk_transpose(w, 0, 1), .b_transposed = true, .count = count};
    p[1] = (product){.a = g, .b = w, .count = count};
    p[2] = (product){.a = wk_transpose(g, 0, 1), .b = x, .a_transposed = true, .count = count};
}

static void products_make(const layer *l, product p[PRODUCTS]) {
    const int directions = l->of.directions, layers = l->of.num_layers;
    wk_tensor *g = matrix(l->total, l->gates);
    products_of_h(l, g, directions * layers, p);
    products_of_input(l, g, l->of.I, directions, p + OF_H);
    products_of_input(l, g, directions * l->of.H, directions * (layers - 1), p + OF_H + OF_INPUT);
    for (int i = 0; i < PRODUCTS; i++) {
        if (l->of.forward && i % 3 > 0) p[i].count = 0;
        p[i].least = p[i].least_blas = p[i].calls = INFINITY;
    }
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
            if (p[i].count == 0) continue;
            measure_wick(l, &p[i]);
            if (rival->sgemm != NULL) measure_blas(l, &p[i], rival);
        }
    }
    found.layer = whole - loss;
    for (int i = 0; i < PRODUCTS; i++) {
        if (p[i].count == 0) continue;
        const double wick = p[i].least - p[i].calls;
        found.wick += p[i].count * wick;
        found.faster += p[i].count * fmin(wick, p[i].least_blas - clock_cost() / l->repeats);
    }
    return found;
}

static void row(FILE *csv, const blas *rival, int kind, shape of) {
    char name[96];
    if (of.I == 0) of.I = of.H;
    if (of.num_layers == 0) of.num_layers = 1;
    if (of.directions == 0) of.directions = 1;
    if (of.name != NULL)
        snprintf(name, sizeof name, "%s %s", kinds[kind].name, of.name);
    else
        snprintf(name, sizeof name, "%s H %d B %d T %d", kinds[kind].name, (int)of.H, (int)of.B, (int)of.T);
    WK_SCOPE;
    layer l;
    layer_make(&l, kind, &of);
    const times t = measure_layer(&l, rival);
    wk_optim_free(l.sgd);
    wk_module_free(l.module);
    printf("  %-48s %9.3f ms   products alone %9.3f ms (wick's %9.3f)   %5.2f x\n", name, t.layer * 1e3, t.faster * 1e3,
           t.wick * 1e3, t.layer / t.faster);
    if (csv != NULL) fprintf(csv, "%s,%.6g,ms\n%s products,%.6g,ms\n", name, t.layer * 1e3, name, t.faster * 1e3);
}

/* The goal is 1.2; lengths 21..40 are to cost what T 31 does, a full batch of as many steps. */
static const shape shapes[] = {
    {.H = 64, .B = 1, .T = 50},
    {.H = 64, .B = 16, .T = 50},
    {.H = 64, .B = 64, .T = 50},
    {.H = 64, .B = 1, .T = 1},
    {.H = 64, .B = 1, .T = 4000},
    {.H = 128, .B = 1, .T = 50},
    {.H = 128, .B = 16, .T = 50},
    {.H = 128, .B = 64, .T = 50},
    {.H = 128, .B = 16, .T = 1},
    {.H = 128, .B = 16, .T = 1000},
    {.H = 256, .B = 1, .T = 50},
    {.H = 256, .B = 16, .T = 50},
    {.H = 256, .B = 64, .T = 50},
    {.H = 512, .B = 1, .T = 50},
    {.H = 512, .B = 16, .T = 50},
    {.H = 512, .B = 64, .T = 20},
    {.H = 512, .B = 1, .T = 1},
    {.H = 256, .B = 1, .T = 1000},
    {.name = "H 128 B 64 lengths 21..40", .H = 128, .B = 64, .T = 40, .lengths_kind = HALF},
    {.name = "H 128 B 64 T 31", .H = 128, .B = 64, .T = 31},
    {.name = "H 128 B 64 lengths 1..40", .H = 128, .B = 64, .T = 40, .lengths_kind = ANY},
    {.name = "H 128 B 64 one long", .H = 128, .B = 64, .T = 4000, .lengths_kind = ONE_LONG},
    {.name = "H 128 B 64 lengths 21..40 forward", .H = 128, .B = 64, .T = 40, .lengths_kind = HALF, .forward = true},
    {.name = "H 128 B 64 T 31 forward", .H = 128, .B = 64, .T = 31, .forward = true},
    {.name = "H 128 B 64 lengths 1..40 forward", .H = 128, .B = 64, .T = 40, .lengths_kind = ANY, .forward = true},
    {.H = 100, .B = 3, .T = 50},
    {.H = 33, .B = 17, .T = 50},
    {.name = "I 300 H 128 B 17 T 50", .I = 300, .H = 128, .B = 17, .T = 50},
    {.name = "I 7 H 64 B 3 T 50", .I = 7, .H = 64, .B = 3, .T = 50},
    {.name = "H 128 B 16 T 50 two directions", .H = 128, .B = 16, .T = 50, .directions = 2},
    {.name = "H 100 B 17 T 50 three layers two directions",
     .H = 100,
     .B = 17,
     .T = 50,
     .num_layers = 3,
     .directions = 2},
};

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    const blas rival = blas_find();
    printf("Recurrent layers, forward and backward, beside their own matrix products   (kernels: %s; CBLAS: %s)\n",
           wk_isa(), rival.name);
    wk_manual_seed(1);
    for (int kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) row(csv, &rival, kind, shapes[i]);
    return rows_end(csv);
}
