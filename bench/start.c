/* start.c -- from the start of a process to its first gradient, and the memory it took. The program starts itself
 * again and again, with an argument that says to compute one gradient and exit. */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wick.h>

#include "measure.h"

static int first_gradient(void) {
    WK_SCOPE;
    wk_tensor *w = wk_requires_grad_(wk_full(WK_SHAPE(1, 32), 0.1, WK_F32), true);
    wk_tensor *x = wk_ones(WK_SHAPE(4, 32), WK_F32);
    wk_backward(wk_mean(wk_tanh(wk_linear(x, w, NULL))));
    return wk_ok() && wk_grad_of(w) != NULL ? 0 : 1;
}

static long largest_kilobytes;

/* One process; its wall time. */
static double start_once(void *path) {
    struct rusage usage;
    int status = -1;
    const double begin = seconds(CLOCK_MONOTONIC);
    const pid_t child = fork();
    if (child == 0) {
        execl(path, path, "--child", (char *)NULL);
        _exit(1);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) exit(1);
    if (usage.ru_maxrss > largest_kilobytes) largest_kilobytes = usage.ru_maxrss;
    return seconds(CLOCK_MONOTONIC) - begin;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--child") == 0) return first_gradient();
    FILE *csv = argc > 1 ? fopen(argv[1], "a") : NULL;
    printf("Process start to first gradient\n");
    measurement m = measure(start_once, argv[0]);
    m.load = 1; /* the work is done in the children; this process only waits */
    report(csv, "start", m, 1e3, "ms", "goal 5");
    printf("  %-34s %9.2f MB   goal 10\n", "start_rss", (double)largest_kilobytes / 1024);
    if (csv != NULL) {
        fprintf(csv, "start_rss,%.6g,MB\n", (double)largest_kilobytes / 1024);
        fclose(csv);
    }
    return 0;
}
