/* test_no_memory.c -- the system refuses memory, at each place in turn where a whole program asks for it: every
 * context, chunk, piece of tape, list of handles, module and optimiser. Each time the program ends with one clean
 * failure, everything is given back, and the same context can run the program again. (Blocks that the heap refuses are
 * test_training's.) The linker leads the library's calls of malloc and its kin here: see CMakeLists.txt. */
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

static int64_t calls_left = -1; /* until one is refused; negative: none will be */

static bool refused(void) { return calls_left >= 0 && calls_left-- == 0; }

void *__real_malloc(size_t nbytes);
void *__real_calloc(size_t count, size_t nbytes);
void *__real_realloc(void *block, size_t nbytes);
void *__real_aligned_alloc(size_t alignment, size_t nbytes);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t nbytes);
void *__wrap_calloc(size_t count, size_t nbytes);
void *__wrap_realloc(void *block, size_t nbytes);
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t nbytes) { return refused() ? NULL : __real_malloc(nbytes); }
void *__wrap_calloc(size_t count, size_t nbytes) { return refused() ? NULL : __real_calloc(count, nbytes); }
void *__wrap_realloc(void *block, size_t nbytes) { return refused() ? NULL : __real_realloc(block, nbytes); }
void *__wrap_aligned_alloc(size_t alignment, size_t nbytes) {
    return refused() ? NULL : __real_aligned_alloc(alignment, nbytes);
}
char *__wrap_strdup(const char *text) { return refused() ? NULL : __real_strdup(text); }

/* ------------------------------------------------------------------------------------------------ the program --- */

enum { DEPTH = 60 }; /* of scopes: more than there is room for at first */

static wk_tensor *power(wk_tensor *x, int depth) {
    WK_SCOPE;
    return wk_yield(depth == 0 ? wk_tanh(x) : wk_mul(power(x, depth - 1), x));
}

static char path[] = "/tmp/wick-no-memory-XXXXXX";

typedef struct net {
    wk_module *root, *rnn, *out;
    wk_optim *adam, *sgd;
    wk_tensor *state;
    wk_graph *graph;
} net;

static net net_new(void) {
    net n = {.root = wk_module_new(NULL, "net")};
    wk_rnn_options options = WK_RNN_OPTIONS;
    wk_sgd_options momentum = WK_SGD_OPTIONS;
    options.batch_first = 1;
    momentum.momentum = 0.9;
    wk_manual_seed(1);
    n.rnn = wk_rnn_new(n.root, "rnn", 1, 33, &options);
    n.out = wk_linear_new(n.root, "out", 33, 1, NULL);
    n.adam = wk_adam_new(n.root, 0.01, NULL);
    n.sgd = wk_sgd_new(n.out, 0.01, &momentum);
    wk_rnn_cell_new(n.root, "late", 60, 60, NULL); /* begins another slab */
    wk_optim_add(n.adam);
    return n;
}

/* What a call that does not stick reported first. */
static wk_status reported;
static void note(wk_status status) {
    if (reported == WK_OK) reported = status;
}

/* Parts with buffers and shared weights, kept aside, written and read. */
static void parts_and_files(net *n) {
    WK_SCOPE;
    wk_optim *optims[] = {n->adam, n->sgd};
    wk_module *m = wk_sequential_new(n->root, "more");
    wk_tanh_new(m, NULL);
    wk_module_add_buffer(m, "buffer", wk_ones(WK_SHAPE(3), WK_F32));
    wk_module_share_parameter(m, "shared", wk_module_parameter(n->out, "weight"));
    wk_snapshot *snapshot = wk_snapshot_new(n->root);
    wk_snapshot_average(snapshot, 0.5);
    wk_snapshot_exchange(snapshot);
    wk_snapshot_free(snapshot);
    wk_clip_grad_norm(n->root, 1e-3);
    note(wk_save(path, n->root, NULL));
    note(wk_load(path, n->root, 0, NULL));
    note(wk_checkpoint_save(path, n->root, optims, 2, NULL));
    note(wk_checkpoint_load(path, n->root, optims, 2, NULL));
}

/* Longer from step to step, so that everything that grows has to. */
static void step(net *n, int64_t T) {
    WK_SCOPE;
    wk_tensor *x = wk_full(WK_SHAPE(1, T, 1), 0.5, WK_F32), *last = NULL, *g = NULL;
    wk_tensor *r = wk_rnn_forward(n->rnn, x, n->state, &last), *w = wk_module_parameter(n->out, "weight");
    wk_list *ys = wk_list_new();
    for (int64_t t = 0; t < T; t++) {
        WK_SCOPE;
        wk_list_push(ys, wk_linear_forward(n->out, wk_select(r, 1, t)));
    }
    wk_tensor *loss = wk_add(wk_mse_loss(wk_stack(ys, 1), x), power(wk_mean(r), DEPTH));
    wk_graph_free(n->graph);
    n->graph = wk_graph_copy();
    wk_grad(loss, &w, 1, &g, WK_CREATE_GRAPH);
    wk_optim_zero_grad(n->adam);
    wk_backward(wk_add(loss, wk_sum(wk_mul(g, g))));
    wk_optim_step(n->adam);
    wk_optim_step(n->sgd);
    wk_keep(&n->state, wk_detach(last));
}

static void program(void) {
    net n = net_new();
    for (int64_t T = 20; T <= 80; T += 30) step(&n, T);
    parts_and_files(&n);
    wk_graph_free(n.graph);
    wk_release(&n.state);
    wk_optim_free(n.sgd);
    wk_optim_free(n.adam);
    wk_module_free(n.root);
}

/* ------------------------------------------------------------------------------------------------------ tests --- */

/* The program in a context of its own, with call number `at` refused. True when one was. */
static bool run_with_one_refused(int64_t at) {
    wk_memory memory;
    wk_error e;
    calls_left = at;
    reported = WK_OK;
    wk_ctx *ctx = wk_ctx_new();
    if (ctx == NULL) return true;
    wk_ctx *before = wk_ctx_use(ctx);
    program();
    const bool fired = calls_left < 0;
    calls_left = -1;
    if (wk_check(&e) == WK_OK) e.status = reported;
    if (e.status != (fired ? WK_ENOMEM : WK_OK)) fail_msg("call %d: %s", (int)at, e.message);
    wk_memory_stats(&memory);
    assert_int_equal(memory.nbytes, 0);
    program(); /* all is well again */
    assert_ok();
    wk_ctx_use(before);
    wk_ctx_free(ctx);
    return fired;
}

static void refused_at_every_call(void **state) {
    (void)state;
    wk_check(NULL); /* this thread's own context is made before */
    close(mkstemp(path));
    int64_t at = 0;
    while (run_with_one_refused(at)) at++;
    print_message("# %d calls refused, one in each run\n", (int)at);
    unlink(path);
    assert_true(at > 50); /* else the linker has not led them here */
}

WK_TEST_MAIN("no_memory", cmocka_unit_test(refused_at_every_call))
