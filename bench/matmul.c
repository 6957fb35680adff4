/* matmul.c -- matrix products: how much of the peak they reach that is measured beside them.
 *
 *     NN  a (m,k) b (k,n)        the gradient of a linear layer's input
 *     NT  a (m,k) b (n,k)^T      a linear layer
 *     TN  a (k,m)^T b (k,n)      the gradient of its weight
 *
 * One row (m = 1) is bound by how fast b can be read; it is given in GB/s, and as part of what a loop of loads reaches
 * on so many bytes, across lines where rows of b do not begin on one. A row times a small matrix takes less time than a
 * call, so there are also 64 such products in one call, each with a matrix of its own, read from where so many lie. */
#include "machine.h"
#include "rows.h"

typedef struct product {
    wk_tensor *a, *b;
    int64_t repetitions;
} product;

static double block(void *user) {
    const product *p = user;
    WK_NO_GRAD;
    const double begin = seconds(CLOCK_MONOTONIC);
    for (int64_t i = 0; i < p->repetitions; i++) {
        WK_SCOPE;
        wk_matmul(p->a, p->b);
    }
    return (seconds(CLOCK_MONOTONIC) - begin) / (double)p->repetitions;
}

/* How much is multiplied: so many products of one kind and size. */
typedef struct task {
    const char *kind;
    int64_t count, m, n, k;
} task;

/* Matrices (rows,cols), or as many (cols,rows) seen through a transpose. */
static wk_tensor *matrices(int64_t count, int64_t rows, int64_t cols, bool transposed) {
    if (transposed) return wk_transpose(wk_randn(WK_SHAPE(count, cols, rows), WK_F32), -2, -1);
    return wk_randn(WK_SHAPE(count, rows, cols), WK_F32);
}

/* One product is of matrices, several are of batches. */
static product product_of(const task *t) {
    wk_tensor *a = matrices(t->count, t->m, t->k, t->kind[0] == 'T');
    wk_tensor *b = matrices(t->count, t->k, t->n, t->kind[1] == 'T');
    if (t->count == 1) a = wk_squeeze(a, 0), b = wk_squeeze(b, 0);
    return (product){a, b, 1};
}

/* Bytes, or operations. */
static double work_of(const task *t) {
    const double one = t->m == 1 ? 4.0 * (double)(t->n * t->k) : 2.0 * (double)t->m * (double)t->n * (double)t->k;
    return one * (double)t->count;
}

static double limit_of(const task *t) {
    enum { LINE_ELEMENTS = 16 };
    if (t->m > 1) return machine_peak();
    return machine_bandwidth((size_t)work_of(t), (t->kind[1] == 'T' ? t->k : t->n) % LINE_ELEMENTS != 0);
}

static void row(FILE *csv, task t) {
    enum { BLOCK_MICROSECONDS = 2000 };
    WK_SCOPE;
    product p = product_of(&t);
    const double work = work_of(&t);
    char name[64], note[96] = "", count[32] = "";
    block(&p);
    p.repetitions = 1 + (int64_t)(BLOCK_MICROSECONDS * 1e-6 / block(&p));
    const double limit = limit_of(&t);
    const measurement rate = measured_rate(measure_blocks(block, &p, p.repetitions > 1 ? BLOCKS : 7), work);
    if (t.count > 1) snprintf(count, sizeof count, " %lld of", (long long)t.count);
    snprintf(name, sizeof name, "matmul %s%s %lldx%lldx%lld", t.kind, count, (long long)t.m, (long long)t.n,
             (long long)t.k);
    if (limit > 0)
        snprintf(note, sizeof note, "%3.0f%% of %.0f, goal %s", 100 * rate.median / limit, limit * 1e-9,
                 t.m == 1               ? "80%"
                 : t.n < 64 || t.k < 64 ? "-"
                                        : "85%");
    report(csv, name, rate, 1e-9, t.m == 1 ? "GB/s" : "GFLOP/s", note);
}

int main(int argc, char **argv) {
    enum { SMALL = 4096 };
    static const char *const kinds[] = {"NN", "NT", "TN"};
    static const int64_t shapes[][3] = {
        /* m, n, k, and beside each a size that fits no vector and no tile */
        {1, 32, 32},        {1, 33, 31},        {1, 128, 128},   {1, 130, 127},      {1, 512, 512},
        {1, 500, 525},      {1, 2048, 2048},    {1, 2050, 2047}, {32, 32, 32},       {33, 31, 35},
        {64, 64, 64},       {65, 63, 67},       {128, 128, 128}, {130, 127, 125},    {256, 256, 256},
        {250, 260, 253},    {512, 512, 512},    {500, 525, 510}, {1024, 1024, 1024}, {1000, 1050, 1020},
        {2048, 2048, 2048}, {2000, 2100, 2050}, {16, 128, 512},  {17, 130, 510},     {512, 32, 512},
        {510, 33, 500},
    };
    FILE *csv = rows_begin(argc, argv);
    printf("Matrix products, m x n x k, beside what one core can do   (kernels: %s)\n", wk_isa());
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int t = 0; t < (shapes[i][0] == 1 ? 2 : 3); t++) {
            const int64_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
            row(csv, (task){kinds[t], 1, m, n, k});
            if (m == 1 && n * k < SMALL) row(csv, (task){kinds[t], 64, m, n, k});
        }
    return rows_end(csv);
}
