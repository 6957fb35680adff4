/* counts.c -- a steady loop, for counting what it does:
 *
 *     counts WHAT N     WHAT: op, tutorial_ops, tutorial_as_written, tutorial_fused, trees; N: how often
 *
 * Prints how many times memory was asked of the C library in the last half of the loop, which has to be never, and
 * how many ops the last step recorded. Instructions are counted from outside (test_counts.sh). T is drawn at random. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick.h>

/* The C library's own names, so that these can stand in for the public ones, also for libwick.so. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static long asked;
void *malloc(size_t n) { return asked++, __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return asked++, __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return asked++, __libc_realloc(p, n); }
void *aligned_alloc(size_t alignment, size_t n) { return asked++, __libc_memalign(alignment, n); }

typedef struct network {
    wk_module *net, *rnn, *cell, *out;
    wk_optim *adam;
    wk_tensor *h;
} network;

static wk_tensor *predict(network *n, const char *what, wk_tensor *x, wk_tensor **hn) {
    wk_list *ys = wk_list_new();
    const bool ops = strcmp(what, "tutorial_ops") == 0;
    wk_tensor *r = ops ? NULL : wk_rnn_forward(n->rnn, x, n->h, hn), *h = n->h;
    if (strcmp(what, "tutorial_fused") == 0) return wk_linear_forward(n->out, r);
    for (int64_t t = 0; t < wk_dim(x, 1); t++) {
        if (ops) h = wk_rnn_cell_forward(n->cell, wk_select(x, 1, t), h);
        wk_list_push(ys, wk_linear_forward(n->out, ops ? h : wk_select(r, 1, t)));
    }
    if (ops) *hn = h;
    return wk_stack(ys, 1);
}

/* Returns how many ops were recorded. */
static int64_t step(network *n, const char *what, int64_t T) {
    WK_SCOPE;
    float sine[30], cosine[30];
    for (int64_t t = 0; t < T; t++) sine[t] = (float)sin(0.3 * (double)t), cosine[t] = (float)cos(0.3 * (double)t);
    wk_tensor *x = wk_from_data(sine, WK_SHAPE(1, T, 1), WK_F32), *y = wk_from_data(cosine, WK_SHAPE(1, T, 1), WK_F32);
    wk_tensor *hn, *loss = wk_mse_loss(predict(n, what, x, &hn), y);
    const int64_t recorded = wk_graph_size();
    wk_optim_zero_grad(n->adam);
    wk_backward(loss);
    wk_optim_step(n->adam);
    wk_keep(&n->h, wk_detach(hn));
    return recorded;
}

static void chain(wk_tensor *x, wk_tensor *a) {
    WK_SCOPE;
    wk_tensor *y = x;
    for (int i = 0; i < 50; i++) y = wk_add(wk_mul(y, a), a);
    wk_backward(y);
    wk_zero_grad(x);
}

/* A tree of so many leaves whose shape is drawn, of states so small that the calls are what takes time. */
static wk_tensor *tree(wk_tensor *x, wk_tensor *w, int64_t leaves) {
    if (leaves == 1) return wk_tanh(wk_linear(x, w, NULL));
    const int64_t on_the_left = wk_randint(1, leaves);
    wk_tensor *l = tree(x, w, on_the_left), *r = tree(x, w, leaves - on_the_left);
    return wk_tanh(wk_add(wk_linear(wk_add(l, r), w, NULL), wk_mul(l, r)));
}

static int64_t trees(wk_tensor *x, wk_tensor *w, int count) {
    WK_BATCH;
    wk_list *roots = wk_list_new();
    for (int i = 0; i < count; i++) wk_list_push(roots, tree(x, w, 12));
    wk_tensor *sum = wk_sum(wk_cat(roots, 0));
    wk_backward(sum);
    wk_zero_grad(w);
    return wk_graph_size();
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const char *what = argv[1];
    const int count = atoi(argv[2]);
    WK_SCOPE;
    wk_manual_seed(4);
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    network n = {.net = wk_module_new(NULL, "net")};
    n.rnn = wk_rnn_new(n.net, "rnn", 1, 32, &options);
    n.out = wk_linear_new(n.net, "out", 32, 1, NULL);
    n.cell = wk_rnn_cell_new(n.net, "cell", 1, 32, NULL);
    n.adam = wk_adam_new(n.net, 0.02, NULL);
    wk_tensor *x = wk_requires_grad_(wk_scalar(0.5, WK_F32), true), *a = wk_scalar(0.9, WK_F32);
    wk_tensor *row = wk_ones(WK_SHAPE(1, 8), WK_F32), *w = wk_requires_grad_(wk_eye(8, 8, WK_F32), true);
    long asked_half = 0;
    int64_t T = 30, recorded = 0;
    for (int i = 0; i < count; i++) {
        if (i == count / 2) asked_half = asked;
        if (strcmp(what, "op") == 0)
            chain(x, a);
        else if (strcmp(what, "trees") == 0)
            recorded = trees(row, w, i < count / 4 ? 12 : 8);
        else
            recorded = step(&n, what, T);
        T = i < count / 4 ? 30 : wk_randint(1, 31); /* the longest first, so that all memory is there */
    }
    printf("asked %ld recorded %lld T %lld\n", asked - asked_half, (long long)recorded, (long long)T);
    wk_release(&n.h);
    wk_optim_free(n.adam);
    wk_module_free(n.net);
    return wk_ok() ? 0 : 1;
}
