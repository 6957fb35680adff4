/* memory.c -- how much memory a network of 100 layers takes at its peak: without gradients, beyond what the network
 * itself holds, and in training, beside weights, gradients and what those read. */

#include "rows.h"

enum { LAYERS = 100, WIDTH = 256, BATCH = 256, ACTIVATION = BATCH * WIDTH * 4 };

static wk_memory memory(void) {
    wk_memory m;
    wk_memory_stats(&m);
    return m;
}

static int64_t inference(wk_module *net) {
    WK_SCOPE;
    WK_NO_GRAD;
    wk_forward(net, wk_ones(WK_SHAPE(BATCH, WIDTH), WK_F32));
    return memory().peak_nbytes;
}

static int64_t training(wk_module *net, wk_optim *sgd) {
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(BATCH, WIDTH), WK_F32);
    wk_optim_zero_grad(sgd);
    wk_backward(wk_mse_loss(wk_forward(net, x), x));
    wk_optim_step(sgd);
    return memory().peak_nbytes;
}

static void row(FILE *csv, const char *name, double value, const char *unit, const char *goal) {
    printf("  %-34s %9.3f %s   goal %s\n", name, value, unit, goal);
    if (csv != NULL) fprintf(csv, "%s,%.6g,%s\n", name, value, unit);
}

int main(int argc, char **argv) {
    FILE *csv = rows_begin(argc, argv);
    wk_module *net = wk_sequential_new(NULL, "net");
    for (int i = 0; i < LAYERS; i++) wk_linear_new(net, NULL, WIDTH, WIDTH, NULL), wk_relu_new(net, NULL);
    wk_optim *sgd = wk_sgd_new(net, 0.01, NULL);
    const double weights = LAYERS * (WIDTH * WIDTH + WIDTH) * 4.0, saved = (LAYERS + 1.0) * ACTIVATION;
    const int64_t held = memory().nbytes;
    wk_memory_reset_peak();
    printf("Memory at its peak, 100 layers\n");
    row(csv, "peak_inference", (double)(inference(net) - held) / ACTIVATION, "activations", "3");
    wk_memory_reset_peak();
    row(csv, "peak_training", (double)training(net, sgd) / (2 * weights + saved), "of weights + gradients + saved",
        "1.05");
    wk_optim_free(sgd);
    wk_module_free(net);
    return rows_end(csv);
}
