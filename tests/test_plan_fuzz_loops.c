/* test_plan_fuzz_loops.c -- random loops over time in plans: cells of random operations on the step's input and on
 * states of one to three steps before, forwards or backwards, over T or a part of it, one after another or in one
 * another. Whether one recording serves all lengths or each has its own, the bits are those of the function; so are
 * those of a plan for one length, in which loops are found without being asked for. A failure names its seed;
 * `test_plan_fuzz_loops DATA FIRST COUNT` runs others. */
#include "plan_pair.h"
#include "splitmix.h"

enum { POOL = 12, RUNS = 14, WRITTEN_OUT = 4 };

static uint64_t seed_now;
static int folded, single;

static void build(model *m) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (int i = 0; i < 5; i++) m->layers[i] = wk_linear_new(m->root, names[i], i < 2 ? IN : HIDDEN, HIDDEN, NULL);
}

typedef struct loop {
    uint64_t random;
    const model *m;
    int64_t t, T;
    wk_tensor *pool[POOL]; /* all (BATCH,HIDDEN), the newest last */
    int count;
} loop;

static int64_t below(loop *l, int64_t n) { return (int64_t)(next_word(&l->random) % (uint64_t)n); }
static wk_tensor *pick(loop *l) { return l->pool[l->count - 1 - below(l, l->count < 4 ? l->count : 4)]; }

static wk_tensor *normed(loop *l, wk_tensor *x) {
    const int64_t last[] = {1};
    switch (below(l, 3)) {
    case 0: return wk_softmax(x, 1);
    case 1: return wk_sub(x, wk_mean_dims(x, 1, last, true));
    default: return wk_layer_norm(x, 1, (const int64_t[]){HIDDEN}, NULL, NULL, 1e-5);
    }
}

/* A number of C, which is another one in each step. */
static double number_of(loop *l) {
    switch (below(l, 4)) {
    case 0: return 1 / (double)(l->t + 1);
    case 1: return 0.3 / (double)(l->T - l->t);
    case 2: return (double)(l->T - l->t) / (double)l->T;
    default: return 0.1 * (double)(l->t + 1);
    }
}

static wk_tensor *random_op(loop *l) {
    wk_tensor *x = pick(l), *y = pick(l);
    switch (below(l, 12)) {
    case 0: return wk_add(x, y);
    case 1: return wk_mul(x, wk_sigmoid(y));
    case 2: return wk_tanh(x);
    case 3: return wk_mul_scalar(x, 0.7);
    case 4: return layer(l->m, (int)(2 + below(l, 3)), x);
    case 5: return normed(l, x);
    case 6: return wk_dropout(x, 0.2, true);
    case 7: return wk_cat(wk_split(wk_narrow(x, 1, 0, HIDDEN), HIDDEN / 2, 1), 1);
    case 8: return wk_add_(wk_mul_scalar(x, 0.5), y);
    case 9: return wk_mul_scalar(x, number_of(l));
    case 10: return wk_tanh(wk_matmul(x, wk_transpose(wk_module_parameter(l->m->layers[3], "weight"), 0, 1)));
    default: return wk_where(wk_gt_scalar(x, 0), x, wk_mul_scalar(y, 0.1));
    }
}

/* A new state from a step's input and the states before it. The program of a cell is the same in each step. */
static wk_tensor *cell(const loop *of, wk_tensor *x, wk_tensor *const *states, int count) {
    loop l = *of;
    l.count = 0;
    l.pool[l.count++] = x;
    for (int i = 0; i < count; i++) l.pool[l.count++] = states[i];
    for (int64_t n = 2 + below(&l, 4); n > 0 && l.count < POOL; n--) {
        wk_tensor *y = random_op(&l);
        l.pool[l.count++] = y;
    }
    return wk_tanh(wk_add(l.pool[l.count - 1], wk_add(x, states[0])));
}

/* Runs a cell over a list of inputs; its states as a list. */
static wk_list *over_time(loop *l, const wk_list *xs) {
    const int64_t T = wk_list_length(xs), begin = below(l, 4) == 0 && T > 1, back = below(l, 3) == 0;
    const int memory = 1 + (int)below(l, 3);
    wk_tensor *states[3];
    wk_list *all = wk_list_new();
    for (int i = 0; i < 3; i++) states[i] = wk_zeros(WK_SHAPE(BATCH, HIDDEN), WK_F32);
    l->T = T;
    for (int64_t t = begin; t < T; t++) {
        l->t = t;
        wk_tensor *next = cell(l, wk_list_at(xs, back ? T - 1 - t : t), states, memory);
        for (int i = 2; i > 0; i--) states[i] = states[i - 1];
        wk_list_push(all, states[0] = next);
    }
    below(l, 2);
    return all;
}

/* Each state looks at all inputs. */
static wk_list *attend(loop *l, const wk_list *xs) {
    wk_list *all = wk_list_new();
    const int which = (int)(2 + below(l, 3));
    for (int64_t t = 0; t < wk_list_length(xs); t++) {
        wk_tensor *sum = layer(l->m, which, wk_list_at(xs, t)), *query = sum;
        for (int64_t u = 0; u < wk_list_length(xs); u++) sum = wk_add(sum, wk_mul(query, wk_list_at(xs, u)));
        wk_list_push(all, wk_tanh(sum));
    }
    return all;
}

static wk_tensor *random_loss(loop *l, const wk_list *ys) {
    const int64_t n = wk_list_length(ys);
    wk_tensor *y = wk_stack(ys, 1), *sum = wk_mean(wk_list_at(ys, 0));
    switch (below(l, 4)) {
    case 0: return wk_mean(wk_square(y));
    case 1: return wk_mul_scalar(wk_sum(wk_tanh(y)), 1 / (double)n);
    case 2:
        for (int64_t t = 1; t < n; t++) sum = wk_add(sum, wk_mean(wk_square(wk_list_at(ys, t))));
        return sum;
    default: return wk_mse_loss(wk_list_at(ys, n - 1), wk_list_at(ys, 0));
    }
}

static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    loop l = {.random = seed_now, .m = user};
    wk_list *xs = wk_list_new();
    const int first = (int)below(&l, 2);
    if (below(&l, 3) == 0) {
        wk_list *all = wk_split(layer(l.m, first, in[0]), 1, 1);
        for (int64_t t = 0; t < wk_list_length(all); t++) wk_list_push(xs, wk_squeeze(wk_list_at(all, t), 1));
    } else {
        for (int64_t t = 0; t < wk_dim(in[0], 1); t++) wk_list_push(xs, layer(l.m, first, wk_select(in[0], 1, t)));
    }
    const int64_t loops = 1 + below(&l, 2);
    for (int64_t i = 0; i < loops; i++) xs = below(&l, 5) == 0 ? attend(&l, xs) : over_time(&l, xs);
    out[0] = random_loss(&l, xs);
    finish(l.m, out[0]);
    out[1] = wk_detach(wk_list_at(xs, wk_list_length(xs) - 1));
    return true;
}

/* Side by side with the function for some runs, in no more memory; how many recordings were for a single size. */
static int64_t by_plan(const kind *k, bool by_trips, int runs) {
    model a = model_new(k, NULL), b = model_new(k, NULL);
    wk_plan *plan = by_trips ? plan_of(k, &b) : wk_plan_new(k->step, &b, INPUTS, OUTPUTS, NULL);
    wk_plan_stats stats = WK_PLAN_STATS;
    int64_t of_eager = 0;
    for (int i = 0; i < runs; i++) {
        const int64_t nbytes = one_step(k, i, &a, plan);
        if (nbytes > of_eager) of_eager = nbytes;
        wk_plan_stats_of(plan, &stats);
        if (stats.buffer_nbytes > of_eager)
            fail_msg("%s: %d bytes of buffers, and %d of eager at its peak", k->name, (int)stats.buffer_nbytes,
                     (int)of_eager);
    }
    for (int64_t i = 0; i < wk_module_parameter_count(a.root); i++)
        assert_same(k->name, -1, wk_module_parameter_at(a.root, i), wk_module_parameter_at(b.root, i));
    wk_plan_free(plan);
    model_free(&a);
    model_free(&b);
    return stats.unfolded;
}

static void one_program(uint64_t seed) {
    static char name[40];
    const kind k = {name, build, step, false};
    seed_now = seed;
    snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
    *(by_plan(&k, true, RUNS) == 0 ? &folded : &single) += 1;
    by_plan(&k, false, WRITTEN_OUT);
}

static uint64_t first_seed = 1, seed_count = 60;

static void random_loops(void **state) {
    (void)state;
    for (uint64_t i = 0; i < seed_count; i++) one_program(first_seed + i);
    print_message("# one recording for %d, one for each length of %d\n", folded, single);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_loops)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("plan_fuzz_loops", tests, 1);
}
