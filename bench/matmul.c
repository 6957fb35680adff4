/* matmul.c -- matrix products: how much of the peak they reach that is measured beside them.
 *
 *     NN  a (m,k) b (k,n)        the gradient of a linear layer's input
 *     NT  a (m,k) b (n,k)^T      a linear layer
 *     TN  a (k,m)^T b (k,n)      the gradient of its weight
 *
 * One row (m = 1) is bound by how fast b can be read; it is given in GB/s, and as part of what a loop of loads reaches
 * on so many bytes. */
#include "machine.h"

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

/* A matrix (rows,cols), or one (cols,rows) seen through a transpose. */
static wk_tensor *matrix(int64_t rows, int64_t cols, bool transposed) {
    if (transposed) return wk_transpose(wk_randn(WK_SHAPE(cols, rows), WK_F32), 0, 1);
    return wk_randn(WK_SHAPE(rows, cols), WK_F32);
}

static void row(FILE *csv, const char *kind, int64_t m, int64_t n, int64_t k) {
    enum { BLOCK_MICROSECONDS = 2000 };
    WK_SCOPE;
    product p = {matrix(m, k, kind[0] == 'T'), matrix(k, n, kind[1] == 'T'), 1};
    const double work = m == 1 ? 4.0 * (double)(n * k) : 2.0 * (double)m * (double)n * (double)k;
    char name[64], note[96] = "";
    block(&p);
    p.repetitions = 1 + (int64_t)(BLOCK_MICROSECONDS * 1e-6 / block(&p));
    const double limit = m == 1 ? machine_bandwidth((size_t)work) : machine_peak();
    const measurement rate = measured_rate(measure_blocks(block, &p, p.repetitions > 1 ? BLOCKS : 7), work);
    snprintf(name, sizeof name, "matmul %s %lldx%lldx%lld", kind, (long long)m, (long long)n, (long long)k);
    if (limit > 0)
        snprintf(note, sizeof note, "%3.0f%% of %.0f, goal %s", 100 * rate.median / limit, limit * 1e-9,
                 m == 1             ? "80%"
                 : n < 64 || k < 64 ? "-"
                                    : "85%");
    report(csv, name, rate, 1e-9, m == 1 ? "GB/s" : "GFLOP/s", note);
}

int main(int argc, char **argv) {
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
    FILE *csv = argc > 1 ? fopen(argv[1], "a") : NULL;
    printf("Matrix products, m x n x k, beside what one core can do   (kernels: %s)\n", wk_isa());
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int t = 0; t < (shapes[i][0] == 1 ? 2 : 3); t++)
            row(csv, kinds[t], shapes[i][0], shapes[i][1], shapes[i][2]);
    if (csv != NULL) fclose(csv);
    wk_error error;
    if (wk_check(&error) == WK_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}
