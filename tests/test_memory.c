/* test_memory.c -- what memory is held, where it comes from, and that it goes back there. */
#include <stdlib.h>

#include "support.h"

static void what_a_scope_holds(void **state) {
    (void)state;
    WK_SCOPE;
    wk_scope_memory m = WK_SCOPE_MEMORY;
    const wk_scope outer = wk_scope_open();
    wk_tensor *x = wk_requires_grad_(wk_zeros(WK_SHAPE(100), WK_F32), true); /* 256 + 400 bytes, in lines of 64: 704 */
    const wk_scope inner = wk_scope_open();
    wk_sum(wk_select(wk_mul(x, x), 0, 3));
    assert_int_equal(wk_scope_memory_stats(outer, &m), WK_OK);
    assert_int_equal(m.handles, 1);
    assert_int_equal(m.nbytes, 704);
    assert_int_equal(m.nodes, 0);
    assert_int_equal(wk_scope_memory_stats(inner, &m), WK_OK);
    assert_int_equal(m.handles, 3);
    assert_int_equal(m.nbytes, 704 + 256 + 256); /* a view and a scalar have no elements beside the handle */
    assert_int_equal(m.nodes, 3);
    wk_scope_close(inner);
    assert_int_equal(wk_scope_memory_stats(inner, &m), WK_ESTATE);
    assert_int_equal(wk_scope_memory_stats(outer, NULL), WK_EINVAL);
    m.size = 2 * sizeof(int64_t); /* an older program's: no more is written than it has room for */
    m.handles = m.nbytes = -1;
    assert_int_equal(wk_scope_memory_stats(outer, &m), WK_OK);
    assert_int_equal(m.handles, 1);
    assert_int_equal(m.nbytes, -1);
    wk_scope_close(outer);
    assert_ok();
}

static void the_peak_begins_anew(void **state) {
    (void)state;
    WK_SCOPE;
    wk_memory m;
    {
        WK_SCOPE;
        wk_zeros(WK_SHAPE(100000), WK_F64);
    }
    wk_memory_stats(&m);
    assert_true(m.peak_nbytes >= m.nbytes + 800000);
    wk_memory_reset_peak();
    wk_memory_stats(&m);
    assert_int_equal(m.peak_nbytes, m.nbytes);
    assert_ok();
}

/* A hundred layers of a width, and a batch for them. */
enum { LAYERS = 100, WIDTH = 256, BATCH = 64, ACTIVATION = BATCH * WIDTH * 4 };

static wk_module *deep_net(void) {
    wk_module *net = wk_sequential_new(NULL, "net");
    for (int i = 0; i < LAYERS; i++) wk_linear_new(net, NULL, WIDTH, WIDTH, NULL), wk_relu_new(net, NULL);
    return net;
}

static int64_t peak_of(void (*run)(wk_module *net, wk_optim *optim), wk_module *net, wk_optim *optim) {
    wk_memory m;
    wk_memory_reset_peak();
    run(net, optim);
    assert_ok();
    wk_memory_stats(&m);
    return m.peak_nbytes;
}

static void infer(wk_module *net, wk_optim *optim) {
    (void)optim;
    WK_SCOPE;
    WK_NO_GRAD;
    wk_forward(net, wk_ones(WK_SHAPE(BATCH, WIDTH), WK_F32));
}

static void train(wk_module *net, wk_optim *optim) {
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(BATCH, WIDTH), WK_F32);
    wk_tensor *loss = wk_mse_loss(wk_forward(net, x), x);
    wk_optim_zero_grad(optim);
    wk_backward(loss);
    wk_optim_step(optim);
}

/* Inference has the input of a layer, its output and what comes of that; training has what the gradients read, which is
 * x and the output of each relu, and nothing of what linear makes before it. */
static void peaks(void **state) {
    (void)state;
    wk_memory start, built;
    wk_memory_stats(&start);
    wk_module *net = deep_net();
    wk_optim *optim = wk_sgd_new(net, 0.01, NULL);
    wk_memory_stats(&built);
    const int64_t held = built.nbytes - start.nbytes, weights = LAYERS * (WIDTH * WIDTH + WIDTH) * 4;
    assert_true(peak_of(infer, net, optim) - start.nbytes <= held + 3 * (ACTIVATION + 256));
    const int64_t trained = peak_of(train, net, optim) - start.nbytes, saved = (LAYERS + 1) * ACTIVATION;
    print_message("# peak in training: %.3f of weights, gradients and what is saved\n",
                  (double)trained / (double)(2 * weights + saved));
    assert_true((double)trained <= 1.05 * (double)(2 * weights + saved));
    wk_optim_free(optim);
    wk_module_free(net);
}

typedef struct account {
    int64_t nbytes, calls;
    bool refuses;
} account;

static void *take(void *user, size_t nbytes, size_t alignment) {
    account *a = user;
    assert_int_equal(nbytes % alignment, 0);
    if (a->refuses) return NULL;
    a->calls++;
    a->nbytes += (int64_t)nbytes;
    return aligned_alloc(alignment, nbytes);
}

static void give(void *user, void *block, size_t nbytes) {
    ((account *)user)->nbytes -= (int64_t)nbytes;
    free(block);
}

static void memory_of_ones_own(void **state) {
    (void)state;
    account a = {0};
    wk_allocator allocator = WK_ALLOCATOR;
    wk_ctx *ctx = wk_ctx_new(), *before = wk_ctx_use(ctx);
    allocator.alloc = take, allocator.user = &a;
    assert_int_equal(wk_set_allocator(&allocator), WK_EINVAL); /* without free */
    allocator.free = give;
    assert_int_equal(wk_set_allocator(&allocator), WK_OK);
    wk_tensor *x = wk_requires_grad_(wk_zeros(WK_SHAPE(1000000), WK_F32), true);
    wk_backward(wk_sum(wk_mul(x, x)));
    assert_ok();
    wk_memory m;
    wk_memory_stats(&m);
    assert_int_equal(a.calls, m.system_calls + 1); /* and the tape's */
    assert_true(a.nbytes > m.reserved_nbytes);
    assert_int_equal(wk_set_allocator(&allocator), WK_ESTATE);
    a.refuses = true;
    wk_zeros(WK_SHAPE(3000000), WK_F32);
    assert_fails(WK_ENOMEM, "zeros: out of memory");
    wk_ctx_use(before);
    wk_ctx_free(ctx);
    assert_int_equal(a.nbytes, 0);
}

static void keep_text(void *user, int32_t level, const char *message) {
    char *text = user;
    snprintf(text + strlen(text), 512 - strlen(text), "%d %s\n", (int)level, message);
}

static void what_the_log_hears(void **state) {
    (void)state;
    char text[512] = "", kernels[64];
    wk_ctx *ctx = wk_ctx_new(), *before = wk_ctx_use(ctx);
    wk_set_root_warning(1000000);
    wk_set_log(keep_text, text, WK_LOG_DEBUG);
    snprintf(kernels, sizeof kernels, "2 kernels: %s\n", wk_isa());
    assert_string_equal(text, kernels);
    text[0] = '\0';
    for (int i = 0; i < 4; i++) wk_zeros(WK_SHAPE(100000), WK_F64); /* 917760 bytes each, as blocks go */
    assert_string_equal(text, "1 the root scope holds 1835520 bytes in 2 tensors: open a scope around each step\n"
                              "1 the root scope holds 2753280 bytes in 3 tensors: open a scope around each step\n");
    text[0] = '\0';
    {
        WK_SCOPE;
        for (int i = 0; i < 9; i++) wk_zeros(WK_SHAPE(100000), WK_F64); /* a scope's own */
        wk_tensor *a = wk_requires_grad_(wk_zeros(WK_SHAPE(2), WK_F32), true);
        wk_backward(wk_sum(wk_add(a, wk_zeros(WK_SHAPE(3, 2), WK_F32))));
    }
    assert_string_equal(text, "3 backward: the kernels of add do not have this case: operations do it\n");
    wk_set_log(NULL, NULL, 0);
    assert_ok();
    wk_ctx_use(before);
    wk_ctx_free(ctx);
}

WK_TEST_MAIN("memory", cmocka_unit_test(what_a_scope_holds), cmocka_unit_test(the_peak_begins_anew),
             cmocka_unit_test(peaks), cmocka_unit_test(memory_of_ones_own), cmocka_unit_test(what_the_log_hears))
