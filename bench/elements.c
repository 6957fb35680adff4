/* elements.c -- element-wise operations and reductions, in ns for each element that is read, of matrices that fit the
 * first level cache, the second, and neither; beside each a matrix of odd sizes, of which no row fills whole vectors.
 * "and gradient": the operation, recorded, and the gradient of the sum of its result. */

#include "rows.h"

typedef struct operands {
    wk_tensor *x, *y;         /* (rows,cols) */
    wk_tensor *index;         /* (rows,cols) of columns */
    wk_tensor *weight, *bias; /* (cols) */
} operands;

typedef wk_tensor *function(const operands *o);

typedef struct row {
    const char *name;
    function *call;
    bool gradient;
} row;

static const int64_t over_rows[] = {0}, over_columns[] = {1};

#define FUNCTION(name, call) \
    static wk_tensor *do_##name(const operands *o) { return call; }
FUNCTION(add, wk_add(o->x, o->y))
FUNCTION(add_row, wk_add(o->x, o->bias))
FUNCTION(mul, wk_mul(o->x, o->y))
FUNCTION(tanh, wk_tanh(o->x))
FUNCTION(exp, wk_exp(o->x))
FUNCTION(sigmoid, wk_sigmoid(o->x))
FUNCTION(gelu, wk_gelu(o->x, false))
FUNCTION(gelu_tanh, wk_gelu(o->x, true))
FUNCTION(sum, wk_sum(o->x))
FUNCTION(sum_over_rows, wk_sum_dims(o->x, 1, over_rows, false))
FUNCTION(sum_over_columns, wk_sum_dims(o->x, 1, over_columns, false))
FUNCTION(var, wk_var(o->x, 1, over_columns, 1, false))
FUNCTION(softmax, wk_softmax(o->x, 1))
FUNCTION(softmax_down, wk_softmax(o->x, 0))
FUNCTION(log_softmax, wk_log_softmax(o->x, 1))
FUNCTION(logsumexp, wk_logsumexp(o->x, 1, over_columns, false))
FUNCTION(amax, wk_amax(o->x, 1, over_columns, false))
FUNCTION(amax_over_rows, wk_amax(o->x, 1, over_rows, false))
FUNCTION(argmax, wk_argmax_dim(o->x, 1, false))
FUNCTION(cumsum, wk_cumsum(o->x, 1))
FUNCTION(gather, wk_gather(o->x, 1, o->index))
FUNCTION(layer_norm, wk_layer_norm(o->x, 1, wk_dims(o->weight), o->weight, o->bias, 1e-5))
FUNCTION(randn, wk_randn(2, wk_dims(o->x), WK_F32))

static const row rows[] = {
    {"add", do_add, false}, {"add (a row)", do_add_row, false}, {"mul", do_mul, false}, {"tanh", do_tanh, false},
    {"exp", do_exp, false}, {"sigmoid", do_sigmoid, false}, {"gelu", do_gelu, false},
    {"gelu tanh", do_gelu_tanh, false}, {"sum", do_sum, false}, {"sum over rows", do_sum_over_rows, false},
    {"sum over columns", do_sum_over_columns, false}, {"var", do_var, false}, {"softmax", do_softmax, false},
    {"softmax down columns", do_softmax_down, false}, {"log_softmax", do_log_softmax, false},
    {"logsumexp", do_logsumexp, false}, {"amax", do_amax, false}, {"amax over rows", do_amax_over_rows, false},
    {"argmax", do_argmax, false}, {"cumsum", do_cumsum, false}, {"gather", do_gather, false},
    {"layer_norm", do_layer_norm, false}, {"randn", do_randn, false},
    {"gelu and gradient", do_gelu, true}, {"softmax and gradient", do_softmax, true},
    {"log_softmax and gradient", do_log_softmax, true}, {"logsumexp and gradient", do_logsumexp, true},
    {"amax and gradient", do_amax, true}, {"layer_norm and gradient", do_layer_norm, true},
};

typedef struct work {
    const row *row;
    operands o;
    int64_t repetitions;
} work;

static void once(const work *w) {
    WK_SCOPE;
    if (!w->row->gradient) {
        WK_NO_GRAD;
        w->row->call(&w->o);
        return;
    }
    wk_backward(wk_sum(w->row->call(&w->o)));
    wk_zero_grad(w->o.x);
}

/* Seconds for each element. */
static double block(void *user) {
    const work *w = user;
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int64_t i = 0; i < w->repetitions; i++) once(w);
    return (seconds(CLOCK_MONOTONIC) - begin) / (double)w->repetitions / (double)wk_numel(w->o.x);
}

static operands operands_make(int64_t n, int64_t m, bool gradient) {
    wk_tensor *x = wk_randn(WK_SHAPE(n, m), WK_F32);
    return (operands){
        .x = gradient ? wk_requires_grad_(x, true) : x, .y = wk_randn(WK_SHAPE(n, m), WK_F32),
        .index = wk_randint_tensor(0, m, WK_SHAPE(n, m)),
        .weight = wk_randn(WK_SHAPE(m), WK_F32), .bias = wk_randn(WK_SHAPE(m), WK_F32),
    };
}

static void measure_row(FILE *csv, const row *r, int64_t n, int64_t m) {
    enum { BLOCK_MICROSECONDS = 1000, FEW = 21 };
    WK_SCOPE;
    work w = {r, operands_make(n, m, r->gradient), 1};
    char name[64];
    block(&w);
    w.repetitions = 1 + (int64_t)(BLOCK_MICROSECONDS * 1e-6 / block(&w) / (double)(n * m));
    snprintf(name, sizeof name, "%s %lldx%lld", r->name, (long long)n, (long long)m);
    report(csv, name, measure_blocks(block, &w, FEW), 1e9, "ns", "");
}

int main(int argc, char **argv) {
    static const int64_t shapes[][2] = {{8, 128}, {7, 143}, {32, 1024}, {31, 1057}, {1024, 1024}, {1021, 1027}};
    FILE *csv = rows_begin(argc, argv);
    printf("Time for each element, in nanoseconds   (kernels: %s)\n", wk_isa());
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            measure_row(csv, &rows[r], shapes[i][0], shapes[i][1]);
    return rows_end(csv);
}
