/* test_threads.c -- every thread has a context of its own: models trained at once do not meet, and a library loaded
 * late, by a thread that is not the first, finds its thread-local word. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "support.h"

enum { THREADS = 4, STEPS = 200 };

/* Trains y = 3x from a seed; the last loss depends on every number drawn and computed. */
static double train(uint64_t seed) {
    wk_manual_seed(seed);
    wk_module *net = wk_module_new(NULL, "net"), *out = wk_linear_new(net, "out", 4, 1, NULL);
    wk_optim *adam = wk_adam_new(net, 0.05, NULL);
    double last = 0;
    for (int i = 0; i < STEPS; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_uniform(-1, 1, WK_SHAPE(8, 4), WK_F32), *y = wk_linear_forward(out, x);
        for (int64_t depth = wk_randint(0, 4); depth > 0; depth--) y = wk_tanh(y);
        wk_tensor *loss = wk_mse_loss(y, wk_mul_scalar(wk_linear(x, wk_ones(WK_SHAPE(1, 4), WK_F32), NULL), 0.1));
        wk_optim_zero_grad(adam);
        wk_backward(loss);
        wk_optim_step(adam);
        last = wk_item(loss);
    }
    wk_optim_free(adam);
    wk_module_free(net);
    return wk_ok() ? last : NAN;
}

typedef struct job {
    uint64_t seed;
    double loss;
} job;

static void *run(void *user) {
    job *j = user;
    if (j->seed % 2 == 1) wk_matmul(NULL, NULL); /* half of the threads begin with a failure, which is theirs alone */
    if (j->seed % 2 == 1) wk_check(NULL);
    j->loss = train(j->seed);
    return NULL;
}

static void models_trained_at_once(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.seed = (uint64_t)i};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) assert_close(jobs[i].loss, train((uint64_t)i), 0, "as if alone");
    assert_ok();
}

static void *load_late(void *user) {
    void *library = dlopen(WK_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    *(char **)user = library != NULL ? NULL : strdup(dlerror());
    bool (*ok)(void) = NULL;
    if (library != NULL) *(void **)(&ok) = dlsym(library, "wk_ok");
    if (library != NULL && (ok == NULL || !ok())) *(char **)user = strdup("wk_ok is not there, or false");
    return NULL;
}

/* The handle stays open: a thread's context is freed by a destructor in the library. */
static void a_library_loaded_late(void **state) {
    (void)state;
    pthread_t thread;
    char *trouble = NULL;
    assert_int_equal(pthread_create(&thread, NULL, load_late, &trouble), 0);
    pthread_join(thread, NULL);
    if (trouble != NULL) print_message("# %s\n", trouble);
    assert_null(trouble);
}

WK_TEST_MAIN("threads", cmocka_unit_test(models_trained_at_once), cmocka_unit_test(a_library_loaded_late))
