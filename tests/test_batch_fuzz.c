/* test_batch_fuzz.c -- random programs in a batch give what they give without one. Three of a kind run at once, so that
 * nearly all calls find others to run with: two on the same leaves, as models share weights, the third on its own; and
 * one of another kind between them. Gradients are compared for programs of smooth functions, values also for programs
 * of operations of every kind, on all types and numbers. A failure names its seed; `test_batch_fuzz DATA FIRST COUNT`
 * runs others. */

#include "fuzz_wide.h"
#include "support.h"

enum { PROGRAMS = 4, TARGETS = 2 * LEAVES + 3 };

static uint64_t seed_now;

static const char *of_seed(const char *what) {
    static char text[480]; /* room for any message */
    snprintf(text, sizeof text, "seed %llu: %s", (unsigned long long)seed_now, what);
    return text;
}

/* The loss, and the gradients by backward and by grad of all leaves, and by grad of what lies on the way. */
typedef struct outcome {
    double loss, backward[2 * LEAVES][MAX_LEAF], grad[TARGETS][MAX_NUMEL], second[2 * LEAVES][MAX_LEAF];
} outcome;

static void read_into(double *to, const wk_tensor *t) {
    if (t != NULL && wk_numel(t) > 0) wk_read(t, to, (size_t)wk_numel(t) * sizeof *to);
}

static wk_tensor *loss_of(machine *m, uint64_t seed, const numbers *values, bool scoped) {
    wk_tensor *loss = NULL;
    for (int p = 0; p < PROGRAMS; p++) {
        m[p] = (machine){.dtype = WK_F64, .scoped = scoped, .reads = true};
        for (int i = 0; i < LEAVES; i++) m[p].leaf[i] = p % 2 == 0 ? leaf_of(i, WK_F64, &values[p]) : m[p - 1].leaf[i];
        wk_tensor *l = run_on_leaves(&m[p], p < 3 ? seed : seed + 1);
        loss = loss != NULL ? wk_add(loss, l) : l;
    }
    return loss;
}

static void targets_of(const machine *m, wk_tensor **targets) {
    for (int i = 0; i < LEAVES; i++) targets[i] = m[0].leaf[i], targets[LEAVES + i] = m[2].leaf[i];
    for (int p = 0; p < 3; p++) targets[2 * LEAVES + p] = m[p].middle;
}

/* Gradients of a sum of squared gradients. */
static void second_into(outcome *o, wk_tensor *const *targets, wk_tensor *const *gradients) {
    wk_tensor *sum = wk_zeros(WK_SCALAR, WK_F64), *found[2 * LEAVES];
    for (int i = 0; i < 2 * LEAVES; i++) sum = wk_add(sum, wk_sum(wk_mul(gradients[i], gradients[i])));
    if (!wk_requires_grad(sum) || wk_grad(sum, targets, 2 * LEAVES, found, 0) != WK_OK) return;
    for (int i = 0; i < 2 * LEAVES; i++) read_into(o->second[i], found[i]);
}

static void run(uint64_t seed, const numbers *values, bool batched, bool scoped, outcome *o) {
    machine m[PROGRAMS];
    wk_tensor *targets[TARGETS], *gradients[TARGETS] = {NULL};
    memset(o, 0, sizeof *o);
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    wk_tensor *loss = loss_of(m, seed, values, scoped);
    wk_backward_flags(loss, WK_RETAIN_GRAPH);
    o->loss = wk_item(loss);
    targets_of(m, targets);
    for (int i = 0; i < 2 * LEAVES; i++) read_into(o->backward[i], wk_grad_of(targets[i]));
    wk_grad(loss, targets, TARGETS, gradients, WK_CREATE_GRAPH);
    for (int i = 0; i < TARGETS; i++) read_into(o->grad[i], gradients[i]);
    if (wk_ok()) second_into(o, targets, gradients);
    wk_scope_close(scope);
}

static void agree(const double *a, const double *b, int count, double tolerance, const char *what) {
    double largest = 1;
    for (int i = 0; i < count; i++) largest = fmax(largest, fabs(a[i]));
    for (int i = 0; i < count; i++) assert_close(b[i], a[i], tolerance * largest, of_seed(what));
}

/* What the two do differently is the order of sums of a few hundred terms, in f64. */
static void compare(const outcome *alone, const outcome *batched) {
    agree(&alone->loss, &batched->loss, 1, 1e-12, "loss");
    agree(alone->backward[0], batched->backward[0], 2 * LEAVES * MAX_LEAF, 1e-11, "backward");
    agree(alone->grad[0], batched->grad[0], TARGETS * MAX_NUMEL, 1e-11, "grad");
    agree(alone->second[0], batched->second[0], 2 * LEAVES * MAX_LEAF, 1e-10, "second");
}

static void one_seed(uint64_t seed) {
    static numbers values[PROGRAMS];
    static outcome alone, batched;
    machine from = {.random = ~seed};
    wk_error e;
    seed_now = seed;
    for (int p = 0; p < PROGRAMS; p++)
        for (int i = 0; i < NUMBERS; i++) values[p].of[i] = (double)below(&from, 257) / 128 - 1;
    run(seed, values, false, seed % 2 == 0, &alone);
    if (wk_check(&e) != WK_OK) fail_msg("%s", of_seed(e.message));
    run(seed, values, true, seed % 2 == 0, &batched);
    if (wk_check(&e) != WK_OK) fail_msg("%s", of_seed(e.message));
    compare(&alone, &batched);
}

/* ----------------------------------------------------------------------------------- operations of every kind --- */

enum { MOST_VALUES = PROGRAMS * MAX_LIVE * MAX_NUMEL };

typedef struct results {
    int64_t count;
    double of[MOST_VALUES];
} results;

static void run_wide(uint64_t seed, const numbers *values, bool batched, results *r) {
    machine m[PROGRAMS];
    r->count = 0;
    wk_manual_seed(seed);
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    for (int p = 0; p < PROGRAMS; p++) {
        m[p] = (machine){.dtype = WK_F64, .scoped = seed % 2, .reads = seed % 3 == 0, .more = wide_op, .copies = true};
        for (int i = 0; i < LEAVES; i++) m[p].leaf[i] = p % 2 == 0 ? leaf_of(i, WK_F64, &values[p]) : m[p - 1].leaf[i];
        run_on_leaves(&m[p], p < 3 ? seed : seed + 1);
    }
    for (int i = 0; i < PROGRAMS * MAX_LIVE; i++) {
        const machine *of = &m[i / MAX_LIVE];
        const wk_tensor *t = i % MAX_LIVE < of->live_count ? of->live[i % MAX_LIVE] : NULL;
        if (r->count + wk_numel(t) > MOST_VALUES) break;
        read_into(r->of + r->count, t != NULL ? wk_cast(wk_detach((wk_tensor *)t), WK_F64) : NULL);
        r->count += wk_numel(t);
    }
    wk_scope_close(scope);
}

/* Whatever is refused by the call is passed over, in both. Sums of f32 have another order. */
static void one_wide_seed(uint64_t seed) {
    static numbers values[PROGRAMS];
    static results alone, batched;
    machine from = {.random = ~seed};
    seed_now = seed;
    for (int i = 0; i < PROGRAMS * NUMBERS; i++)
        values[i / NUMBERS].of[i % NUMBERS] = (double)below(&from, 257) / 128 - 1;
    run_wide(seed, values, false, &alone);
    wk_check(NULL);
    run_wide(seed, values, true, &batched);
    wk_check(NULL);
    assert_int_equal(batched.count, alone.count);
    for (int64_t i = 0; i < alone.count; i++) {
        const double a = alone.of[i], b = batched.of[i];
        if (a == b || (isnan(a) && isnan(b))) continue;
        assert_close(b, a, 1e-6 * fmax(1, fabs(a)), of_seed("a value"));
    }
}

static uint64_t first_seed = 1, seed_count = 1000;

static void random_programs(void **state) {
    (void)state;
    wk_run_seeds(one_seed, first_seed, seed_count);
}

static void operations_of_every_kind(void **state) {
    (void)state;
    wk_run_seeds(one_wide_seed, first_seed, seed_count / 2);
}

/* Seeds beyond the first ones whose programs went wrong once. */
static void programs_that_went_wrong(void **state) {
    static const uint64_t seeds[] = {
        7152,   /* a scope cut off the history of an operand */
        211291, /* gradients of a batch and those without one differed */
    };
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) wk_run_seeds(one_seed, seeds[i], 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_programs), cmocka_unit_test(operations_of_every_kind),
                                       cmocka_unit_test(programs_that_went_wrong)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("batch_fuzz", tests, argc > 2 ? 2 : 3);
}
