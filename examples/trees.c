/* trees.c -- a network in the shape of its data: expressions such as max(3, min(7, add(9, 4))) are trees, no two alike,
 * and the network for each is the recursion over it. What differs from a program for one tree is one line, WK_BATCH.
 *
 *     trees [--steps N] [--no-batch]
 *
 * A digit is a vector of a table, an operation a layer of its own that joins the vectors of its two sides; from the
 * root's vector a last layer tells the value, one of ten classes. add is taken modulo 10. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wick.h>

enum { WIDTH = 64, CLASSES = 10, TOGETHER = 32, MAX_DEPTH = 4, DIGIT = 3 /* after the operations */ };

static const char *const op_names[DIGIT] = {"max", "min", "add"};

/* ----------------------------------------------------------------------------------------------------- the data --- */

typedef struct tree {
    int op;    /* an operation, or DIGIT */
    int value; /* of the whole tree */
    struct tree *left, *right;
} tree;

static void tree_free(tree *t) {
    if (t == NULL) return;
    tree_free(t->left);
    tree_free(t->right);
    free(t);
}

static int apply(int op, int a, int b) {
    if (op == 2) return (a + b) % 10;
    return (op == 0) == (a > b) ? a : b;
}

/* A random tree of at most this depth; not just a digit when that is MAX_DEPTH. NULL when memory is out. */
static tree *tree_new(int depth) {
    tree *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->op = depth == MAX_DEPTH || (depth > 1 && wk_randint(0, 3) > 0) ? (int)wk_randint(0, DIGIT) : DIGIT;
    t->value = (int)wk_randint(0, 10);
    if (t->op == DIGIT) return t;
    t->left = tree_new(depth - 1);
    t->right = tree_new(depth - 1);
    if (t->left == NULL || t->right == NULL) return tree_free(t), NULL;
    t->value = apply(t->op, t->left->value, t->right->value);
    return t;
}

static void tree_print(const tree *t) {
    if (t->op == DIGIT) {
        printf("%d", t->value);
        return;
    }
    printf("%s(", op_names[t->op]);
    tree_print(t->left);
    printf(", ");
    tree_print(t->right);
    printf(")");
}

/* -------------------------------------------------------------------------------------------------- the network --- */

typedef struct network {
    wk_module *net, *digits, *ops[DIGIT], *out;
    wk_optim *adam;
} network;

static void network_make(network *n) {
    n->net = wk_module_new(NULL, "net");
    n->digits = wk_embedding_new(n->net, "digits", 10, WIDTH, NULL);
    for (int op = 0; op < DIGIT; op++) n->ops[op] = wk_linear_new(n->net, op_names[op], 2 * WIDTH, WIDTH, NULL);
    n->out = wk_linear_new(n->net, "out", WIDTH, CLASSES, NULL);
    n->adam = wk_adam_new(n->net, 0.002, NULL);
}

static void network_free(network *n) {
    wk_optim_free(n->adam);
    wk_module_free(n->net);
}

/* The vector (1,WIDTH) of a tree. The graph is what this recursion does. */
static wk_tensor *vector_of(network *n, const tree *t) {
    if (t->op == DIGIT) return wk_narrow(wk_module_parameter(n->digits, "weight"), 0, t->value, 1);
    wk_list *sides = wk_list_new();
    wk_list_push(sides, vector_of(n, t->left));
    wk_list_push(sides, vector_of(n, t->right));
    return wk_tanh(wk_linear_forward(n->ops[t->op], wk_cat(sides, 1)));
}

/* What the network makes of some trees: scores (count,CLASSES). */
static wk_tensor *scores_of(network *n, tree *const *trees, int count) {
    wk_list *roots = wk_list_new();
    for (int i = 0; i < count; i++) wk_list_push(roots, vector_of(n, trees[i]));
    return wk_linear_forward(n->out, wk_cat(roots, 0));
}

/* ----------------------------------------------------------------------------------------------------- training --- */

static wk_tensor *values_of(tree *const *trees) {
    int64_t values[TOGETHER];
    for (int i = 0; i < TOGETHER; i++) values[i] = trees[i]->value;
    return wk_from_data(values, WK_SHAPE(TOGETHER), WK_I64);
}

static int count_right(wk_tensor *scores, tree *const *trees) {
    wk_tensor *best = wk_argmax_dim(scores, 1, false);
    int right = 0;
    for (int i = 0; i < TOGETHER && wk_ok(); i++) right += wk_get_i64(best, &(int64_t){i}) == trees[i]->value;
    return right;
}

static void step(network *n, tree *const *trees, double *loss, int *right) {
    wk_tensor *scores = scores_of(n, trees, TOGETHER);
    wk_tensor *l = wk_cross_entropy(scores, values_of(trees));
    wk_optim_zero_grad(n->adam);
    wk_backward(l);
    wk_optim_step(n->adam);
    *loss = wk_item(l);
    *right = count_right(scores, trees);
}

/* The same in a scope in which calls are put off: those of one kind, on whichever trees, run as one. */
static void step_batched(network *n, tree *const *trees, double *loss, int *right) {
    WK_BATCH;
    step(n, trees, loss, right);
}

static void step_as_written(network *n, tree *const *trees, double *loss, int *right) {
    WK_SCOPE;
    step(n, trees, loss, right);
}

static bool trees_make(tree **trees) {
    bool fine = true;
    for (int i = 0; i < TOGETHER; i++) fine = (trees[i] = tree_new(MAX_DEPTH)) != NULL && fine;
    return fine;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct progress {
    long right, seen; /* since the last line */
    double loss, time;
} progress;

static void print_progress(progress *p, int i) {
    printf("step %5d   loss %.4f   right %5.1f %%   %7.0f trees/s\n", i, p->loss,
           100.0 * (double)p->right / (double)p->seen, (double)p->seen / p->time);
    fflush(stdout);
    p->right = p->seen = 0;
    p->time = 0;
}

static bool train(network *n, bool batched, int steps) {
    progress p = {0};
    for (int i = 1; i <= steps && wk_ok(); i++) {
        tree *trees[TOGETHER];
        int right = 0;
        const bool made = trees_make(trees);
        const double begin = seconds();
        if (made && batched)
            step_batched(n, trees, &p.loss, &right);
        else if (made)
            step_as_written(n, trees, &p.loss, &right);
        p.time += seconds() - begin;
        p.right += right;
        p.seen += TOGETHER;
        for (int k = 0; k < TOGETHER; k++) tree_free(trees[k]);
        if (!made) return false;
        if (i % ((steps + 9) / 10) == 0 || i == steps) print_progress(&p, i);
    }
    return true;
}

/* A few trees and what the network says to them. */
static void show(network *n) {
    for (int i = 0; i < 4 && wk_ok(); i++) {
        WK_SCOPE;
        WK_NO_GRAD;
        tree *t = tree_new(MAX_DEPTH);
        if (t == NULL) return;
        tree_print(t);
        printf(" = %d, the network says %d\n", t->value, (int)wk_item(wk_argmax(scores_of(n, &t, 1))));
        tree_free(t);
    }
}

static const char help[] = "usage: trees [--steps N] [--no-batch]\n\n"
                           "Trains a network to work out expressions of digits, each a tree of its own shape, such as\n"
                           "max(3, min(7, add(9, 4))); add counts modulo 10.\n\n"
                           "  --steps N     updates of 32 trees each, 1 .. 1000000 (default 5000)\n"
                           "  --no-batch    one operation after another, as written\n";

int main(int argc, char **argv) {
    long steps = 5000;
    bool batched = true;
    for (int i = 1; i < argc; i++) {
        char *end = argv[i];
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return fputs(help, stdout), 0;
        if (strcmp(argv[i], "--no-batch") == 0)
            batched = false;
        else if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc && (steps = strtol(argv[++i], &end, 10)) >= 1 &&
                 steps <= 1000000 && *end == '\0')
            continue;
        else
            return fprintf(stderr, "trees: what is \"%s\"? See trees --help\n", argv[i]), 2;
    }
    wk_manual_seed(1);
    network n;
    network_make(&n);
    const bool fine = train(&n, batched, (int)steps);
    show(&n);
    network_free(&n);
    wk_error error;
    if (wk_check(&error) != WK_OK) return fprintf(stderr, "trees: %s\n", error.message), 1;
    if (!fine) return fputs("trees: out of memory\n", stderr), 1;
    return 0;
}
