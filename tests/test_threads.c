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

typedef double training(uint64_t seed);

typedef struct job {
    training *train;
    uint64_t seed;
    double loss;
} job;

static void *run(void *user) {
    job *j = user;
    j->loss = j->train(j->seed);
    return NULL;
}

/* Trainings in threads of their own come out as `alone` does, one after another. */
static void as_if_alone(training *at_once, training *alone) {
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){.train = at_once, .seed = (uint64_t)i};
        assert_int_equal(pthread_create(&threads[i], NULL, run, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) assert_close(jobs[i].loss, alone((uint64_t)i), 0, "as if alone");
    assert_ok();
}

/* Half of the threads begin with a failure, which is theirs alone. */
static double train_after_a_failure(uint64_t seed) {
    if (seed % 2 == 1) wk_matmul(NULL, NULL);
    if (seed % 2 == 1) wk_check(NULL);
    return train(seed);
}

static void models_trained_at_once(void **state) { (void)state, as_if_alone(train_after_a_failure, train); }

/* -------------------------------------------------------------------------------------------------------- plans --- */

typedef struct planned {
    wk_module *net, *out;
    wk_optim *adam;
    wk_plan *plan;
} planned;

/* A running mean over time of what a layer makes of each step, to be the mean of the inputs. */
static bool planned_step(void *user, wk_tensor *const *in, wk_tensor **out) {
    const planned *p = user;
    wk_tensor *state = wk_zeros(WK_SHAPE(1), WK_F32);
    for (int64_t t = 0; t < wk_dim(in[0], 0); t++)
        state = wk_add(wk_mul_scalar(state, 0.5), wk_tanh(wk_linear_forward(p->out, wk_select(in[0], 0, t))));
    out[0] = wk_square(wk_sub(wk_sum(state), wk_mean(in[0])));
    wk_optim_zero_grad(p->adam);
    wk_backward(out[0]);
    wk_optim_step(p->adam);
    return true;
}

static void planned_begin(planned *p, uint64_t seed) {
    wk_manual_seed(seed);
    *p = (planned){.net = wk_module_new(NULL, "net")};
    p->out = wk_linear_new(p->net, "out", 3, 1, NULL);
    p->adam = wk_adam_new(p->net, 0.05, NULL);
    const wk_plan_dim trips = {0, 0};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = &trips;
    o.trip_count = seed % 2 == 0; /* else a recording for each length */
    p->plan = wk_plan_new(planned_step, p, 1, 1, &o);
}

static double planned_run(planned *p) {
    WK_SCOPE;
    wk_tensor *x = wk_uniform(-1, 1, WK_SHAPE(wk_randint(1, 9), 3), WK_F32), *loss;
    return wk_plan_run(p->plan, &x, &loss) == WK_OK ? wk_item(loss) : NAN;
}

static void planned_end(planned *p) {
    wk_plan_free(p->plan);
    wk_optim_free(p->adam);
    wk_module_free(p->net);
}

/* Half of the threads record and run plans, while the others call operations. */
static double train_by_plan(uint64_t seed) {
    double last = 0;
    planned p;
    if (seed % 2 == 0) return train(seed);
    planned_begin(&p, seed / 2);
    for (int i = 0; i < STEPS; i++) last += planned_run(&p);
    planned_end(&p);
    return wk_ok() ? last : NAN;
}

static void plans_recorded_at_once(void **state) { (void)state, as_if_alone(train_by_plan, train_by_plan); }

/* A thread whose context is another one cannot run the plan, and may free it, as nobody uses its context now. */
static void *run_and_free(void *user) {
    const planned *p = user;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(4, 3), WK_F32), *loss = x;
    wk_error e;
    wk_plan_run(p->plan, &x, &loss);
    wk_check(&e);
    wk_plan_free(p->plan);
    return loss == NULL && e.status == WK_ECONTEXT && wk_ok() ? strdup(e.message) : NULL;
}

static void a_plan_in_another_thread(void **state) {
    (void)state;
    wk_ctx *ctx = wk_ctx_new(), *own = wk_ctx_use(ctx);
    planned p;
    pthread_t thread;
    void *message = NULL;
    wk_memory before, after;
    {
        WK_SCOPE;
        wk_rand(0, NULL, WK_F32); /* the generator is made at the first draw */
    }
    wk_memory_stats(&before);
    planned_begin(&p, 2);
    for (int i = 0; i < 20; i++) assert_true(planned_run(&p) >= 0);
    wk_ctx_use(own);
    pthread_create(&thread, NULL, run_and_free, &p);
    pthread_join(thread, &message);
    assert_non_null(message);
    assert_string_equal(message, "plan_run: the plan belongs to another context");
    free(message);
    wk_ctx_use(ctx);
    p.plan = NULL;
    planned_end(&p);
    wk_memory_stats(&after);
    assert_int_equal(after.nbytes, before.nbytes);
    assert_ok();
    wk_ctx_use(own);
    wk_ctx_free(ctx);
}

/* ------------------------------------------------------------------------------------------------------ sharing --- */

typedef struct server {
    wk_module *rnn, *out;
    wk_tensor *scale;
    double sum;
} server;

/* Reads the shared model in every way there is: as an input, through a view, saved by a node, kept in a slot. */
static void *serve(void *user) {
    server *s = user;
    wk_tensor *kept = NULL;
    wk_keep(&kept, s->scale);
    for (int i = 0; i < STEPS; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_requires_grad_(wk_full(WK_SHAPE(1, 1 + i % 5, 1), 0.1 * (i % 7), WK_F32), true), *hn;
        wk_tensor *r = wk_rnn_forward(s->rnn, x, NULL, &hn);
        wk_tensor *y = wk_mul(wk_linear_forward(s->out, r), wk_select(s->scale, 0, i % 2));
        wk_backward(wk_sum(wk_mul(y, wk_select(wk_transpose(kept, 0, 0), 0, 1))));
        s->sum += wk_item(wk_sum(wk_grad_of(x))) + wk_item(wk_sum(y));
    }
    wk_release(&kept);
    if (wk_check(NULL) != WK_OK) s->sum = NAN;
    return NULL;
}

/* All of them find what this one does, to the bit. */
static void in_four_threads(server *s, void *(*serving)(void *)) {
    server servers[THREADS] = {*s, *s, *s, *s};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, serving, &servers[i]);
    serving(s);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) assert_close(servers[i].sum, s->sum, 0, "as if alone");
    assert_true(s->sum == s->sum);
}

/* A network in net, and a number beside it, that any thread may use. */
static server shared_server(wk_module *net) {
    wk_manual_seed(3);
    wk_rnn_options options = WK_RNN_OPTIONS;
    options.batch_first = 1;
    server s = {wk_rnn_new(net, "rnn", 1, 8, &options), wk_linear_new(net, "out", 8, 2, NULL), NULL, 0};
    s.scale = wk_share(wk_from_data((float[]){2, -3}, WK_SHAPE(2), WK_F32));
    assert_int_equal(wk_module_share(net), WK_OK);
    return s;
}

static void one_model_in_four_threads(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    server s = shared_server(net);
    in_four_threads(&s, serve);
    wk_tensor *w = wk_module_parameter(net, "out.bias");
    assert_false(wk_requires_grad(w));
    wk_copy_(wk_select(w, 0, 0), wk_scalar(1, WK_F32));
    assert_fails(WK_ESTATE, "copy_: y is shared with other threads and cannot be changed: change a copy");
    wk_data_mut(s.scale);
    assert_fails(WK_ESTATE, "data_mut: t is shared with other threads and cannot be changed: change a copy");
    wk_requires_grad_(w, true);
    assert_fails(WK_ESTATE, "requires_grad_: t is shared with other threads and cannot be changed: change a copy");
    wk_release(&s.scale);
    wk_module_free(net);
}

/* The same by plans, which note what they find outside, and in batches, in which calls with one weight become one. */
static bool planned_answer(void *user, wk_tensor *const *in, wk_tensor **out) {
    const server *s = user;
    wk_tensor *y = wk_linear_forward(s->out, wk_rnn_forward(s->rnn, in[0], NULL, NULL));
    out[0] = wk_sum(wk_mul(y, wk_tanh(s->scale)));
    return true;
}

static double answer_in_a_batch(const server *s, wk_tensor *x) {
    WK_BATCH;
    wk_list *answers = wk_list_new();
    for (int k = 1; k < 6; k++) {
        wk_tensor *r = wk_rnn_forward(s->rnn, wk_mul_scalar(x, 0.3 * k), NULL, NULL);
        wk_list_push(answers, wk_linear_forward(s->out, wk_select(r, 1, -1)));
    }
    return wk_item(wk_sum(wk_cat(answers, 0)));
}

static void *serve_by_plan(void *user) {
    server *s = user;
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.capacity = 2; /* recorded again and again */
    wk_plan *plan = wk_plan_new(planned_answer, s, 1, 1, &o);
    for (int i = 0; i < STEPS; i++) {
        WK_SCOPE;
        wk_tensor *x = wk_full(WK_SHAPE(1, 1 + i % 5, 1), 0.1 * (i % 7), WK_F32), *y, *called;
        wk_plan_run(plan, &x, &y);
        planned_answer(s, &x, &called);
        s->sum += wk_item(y) == wk_item(called) ? wk_item(y) + answer_in_a_batch(s, x) : (double)NAN;
    }
    wk_plan_free(plan);
    if (wk_check(NULL) != WK_OK) s->sum = NAN;
    return NULL;
}

static void plans_and_batches_of_one_model(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    server s = shared_server(net);
    in_four_threads(&s, serve_by_plan);
    wk_release(&s.scale);
    wk_module_free(net);
}

/* A queue of one place between a loader and the test. */
typedef struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    wk_tensor *item;
} queue;

static void queue_put(queue *q, wk_tensor *item) {
    pthread_mutex_lock(&q->lock);
    while (q->item != NULL) pthread_cond_wait(&q->changed, &q->lock);
    q->item = item;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static wk_tensor *queue_get(queue *q) {
    pthread_mutex_lock(&q->lock);
    while (q->item == NULL) pthread_cond_wait(&q->changed, &q->lock);
    wk_tensor *item = q->item;
    q->item = NULL;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return item;
}

enum { BATCHES = 2000 };

static void *load(void *user) {
    for (int i = 0; i < BATCHES; i++) {
        WK_SCOPE;
        wk_tensor *rows = wk_full(WK_SHAPE(64, 4), i, WK_F32);
        queue_put(user, wk_send(wk_transpose(rows, 0, 1)));
    }
    return NULL;
}

static void tensors_from_a_loader_thread(void **state) {
    (void)state;
    queue q = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
    pthread_t loader;
    wk_memory early, late;
    pthread_create(&loader, NULL, load, &q);
    for (int i = 0; i < BATCHES; i++) {
        WK_SCOPE;
        wk_tensor *batch = wk_adopt(queue_get(&q));
        assert_int_equal(wk_dim(batch, 0), 4);
        assert_close(wk_item(wk_mean(batch)), i, 0, "in order");
        if (i == 10) wk_memory_stats(&early);
    }
    wk_memory_stats(&late);
    assert_int_equal(late.reserved_nbytes, early.reserved_nbytes);
    pthread_join(loader, NULL);
    WK_SCOPE;
    wk_tensor *sent = wk_send(wk_scalar(1, WK_F32));
    wk_neg(sent);
    assert_fails(WK_ECONTEXT, "neg: x was made by wk_send and belongs to no context yet: wk_adopt it");
    wk_adopt(sent);
    wk_adopt(sent);
    assert_fails(WK_EINVAL, "adopt: t is not a tensor that wk_send gave, or was adopted before");
    wk_tensor *never = wk_send(sent);
    wk_release(&never);
    assert_ok();
}

/* ---------------------------------------------------------------------------------------------------- late load --- */

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

WK_TEST_MAIN("threads", cmocka_unit_test(models_trained_at_once), cmocka_unit_test(plans_recorded_at_once),
             cmocka_unit_test(a_plan_in_another_thread), cmocka_unit_test(one_model_in_four_threads),
             cmocka_unit_test(plans_and_batches_of_one_model), cmocka_unit_test(tensors_from_a_loader_thread),
             cmocka_unit_test(a_library_loaded_late))
