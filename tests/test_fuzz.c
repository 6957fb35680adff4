/* test_fuzz.c -- random programs, differentiated by roads that share little code and must agree: wk_backward with
 * nested scopes, wk_grad without, recorded gradients, gradients of those, central differences; and all that in f32 with
 * each kernel table. A failure names its seed; `test_fuzz DATA FIRST COUNT` runs others. */

#include "fuzz_program.h"
#include "kernel/kernel.h"
#include "support.h"

/* -------------------------------------------------------------------------------------------------- comparing --- */

static uint64_t seed_now;

/* "seed 17: what", in one place that the next call reuses. */
static const char *of_seed(const char *what) {
    static char text[480]; /* room for any message */
    snprintf(text, sizeof text, "seed %llu: %s", (unsigned long long)seed_now, what);
    return text;
}

/* The program of a seed on new leaves with these values; returns its loss. */
static wk_tensor *run_program(machine *m, uint64_t seed, wk_dtype dtype, bool scoped, const numbers *values) {
    *m = (machine){.dtype = dtype, .scoped = scoped};
    for (int i = 0; i < LEAVES; i++) m->leaf[i] = leaf_of(i, dtype, values);
    return run_on_leaves(m, seed);
}

/* What gradients are asked for. */
enum { TARGETS = LEAVES + 1 };
typedef struct targets { wk_tensor *of[TARGETS]; } targets;

static targets targets_of(const machine *m) {
    targets t;
    for (int i = 0; i < LEAVES; i++) t.of[i] = m->leaf[i];
    t.of[LEAVES] = m->middle;
    return t;
}

/* NULL stands for a gradient that is absent: zeros. */
static numbers read_all(wk_tensor *const *ts) {
    numbers out = {{0}};
    for (int i = 0; i < TARGETS; i++) {
        const int64_t count = wk_numel(ts[i]); /* 0 of NULL */
        float narrow[MAX_NUMEL];
        if (wk_dtype_of(ts[i]) == WK_F64) wk_read(ts[i], out.of + i * MAX_LEAF, (size_t)count * sizeof(double));
        if (wk_dtype_of(ts[i]) == WK_F32) wk_read(ts[i], narrow, (size_t)count * sizeof(float));
        for (int64_t k = 0; k < count && wk_dtype_of(ts[i]) == WK_F32; k++)
            out.of[i * MAX_LEAF + k] = (double)narrow[k];
    }
    return out;
}

static double largest_of(const numbers *a) {
    double largest = 1;
    for (int i = 0; i < NUMBERS; i++) largest = fmax(largest, fabs(a->of[i]));
    return largest;
}

/* Relative to the largest gradient: what the roads do differently is the order of sums of a few hundred terms. */
static void agree(const numbers *a, const numbers *b, int count, double tolerance, const char *what) {
    char where[128];
    for (int i = 0; i < count; i++) {
        snprintf(where, sizeof where, "%s, leaf %d [%d]", what, i / MAX_LEAF, i % MAX_LEAF);
        assert_close(a->of[i], b->of[i], tolerance * largest_of(a), of_seed(where));
    }
}

/* sum over leaves of sum(weight * gradient), with fixed weights. */
static wk_tensor *gradient_sum(wk_tensor *const *gradients) {
    machine weights = {.random = 5, .dtype = wk_dtype_of(gradients[0])};
    wk_tensor *g = wk_scalar(0, weights.dtype);
    for (int i = 0; i < LEAVES; i++)
        g = wk_add(g, wk_sum(wk_mul(gradients[i], constant(&weights, shapes[i].ndim, shapes[i].dims))));
    return g;
}

/* The value of the program (order 0) or of the sum of its gradients (1) at values + step * direction. */
static double value_at(int order, const numbers *values, const numbers *direction, double step) {
    WK_SCOPE;
    machine m;
    numbers moved;
    wk_tensor *gradients[LEAVES];
    for (int i = 0; i < NUMBERS; i++) moved.of[i] = values->of[i] + step * direction->of[i];
    wk_tensor *y = run_program(&m, seed_now, WK_F64, false, &moved);
    if (order == 0) return wk_item(y);
    wk_grad(y, m.leaf, LEAVES, gradients, 0);
    return wk_item(gradient_sum(gradients));
}

/* Along one direction. h = 1e-5 leaves errors of h^2 f''' / 6 and 1e-16 f / h: 1e-5 is far above both, and far below
 * any term that a gradient might lack. */
static void agree_with_differences(int order, const numbers *values, const numbers *gradient, const char *what) {
    numbers direction;
    machine m = {.random = seed_now + 1};
    double slope = 0;
    for (int i = 0; i < NUMBERS; i++) {
        direction.of[i] = i < OF_LEAVES ? (double)below(&m, 257) / 128 - 1 : 0;
        slope += direction.of[i] * gradient->of[i];
    }
    const double h = 1e-5;
    const double above = value_at(order, values, &direction, h), under = value_at(order, values, &direction, -h);
    assert_close(slope, (above - under) / (2 * h), 1e-5 * largest_of(gradient), of_seed(what));
}

typedef struct roads {
    double value;
    bool twice; /* the gradients depend on the leaves: there are second ones */
    numbers backward, recorded, second, second_recorded, second_backward, grad;
} roads;

/* In nested scopes, everything from one tape. */
static void run_scoped(const numbers *values, wk_dtype dtype, roads *r) {
    WK_SCOPE;
    machine m;
    wk_tensor *gradients[TARGETS], *found[TARGETS] = {NULL};
    wk_tensor *loss = run_program(&m, seed_now, dtype, true, values);
    r->value = wk_item(loss);
    wk_backward_flags(loss, WK_RETAIN_GRAPH);
    for (int i = 0; i < LEAVES; i++) found[i] = wk_grad_of(m.leaf[i]);
    r->backward = read_all(found);
    wk_grad(loss, targets_of(&m).of, TARGETS, gradients, WK_CREATE_GRAPH);
    r->recorded = read_all(gradients);
    wk_tensor *g = gradient_sum(gradients);
    r->twice = wk_requires_grad(g);
    if (!r->twice) return;
    wk_grad(g, m.leaf, LEAVES, found, WK_CREATE_GRAPH);
    r->second_recorded = read_all(found);
    wk_grad(g, m.leaf, LEAVES, found, WK_RETAIN_GRAPH);
    r->second = read_all(found);
    for (int i = 0; i < LEAVES; i++) wk_zero_grad(m.leaf[i]);
    wk_backward(g);
    for (int i = 0; i < LEAVES; i++) found[i] = wk_grad_of(m.leaf[i]);
    r->second_backward = read_all(found);
}

static void run_flat(const numbers *values, wk_dtype dtype, roads *r) {
    WK_SCOPE;
    machine m;
    wk_tensor *found[TARGETS];
    wk_tensor *loss = run_program(&m, seed_now, dtype, false, values);
    wk_error e;
    const double value = wk_item(loss);
    if (wk_check(&e) != WK_OK) fail_msg("%s", of_seed(e.message));
    assert_close(value, r->value, 0, of_seed("the value does not depend on scopes"));
    wk_grad(loss, targets_of(&m).of, TARGETS, found, 0);
    r->grad = read_all(found);
}

/* The roads of one type among themselves. */
static void agree_on_all(const roads *r, double first, double second) {
    agree(&r->backward, &r->grad, OF_LEAVES, first, "backward and grad");
    agree(&r->recorded, &r->grad, NUMBERS, first, "recorded and grad");
    if (!r->twice) return;
    agree(&r->second, &r->second_recorded, OF_LEAVES, second, "second and recorded second");
    agree(&r->second, &r->second_backward, OF_LEAVES, second, "second and backward of gradients");
}

/* In f32 a number of a program of some 50 ops is off by some 1e-6, a gradient by more, with now and then an unlucky
 * cancellation: 1e-3 of the largest finds what is wrong in a lane or an address, and nothing else. */
static void one_program_f32(const numbers *values, const roads *wide) {
    roads narrow;
    run_scoped(values, WK_F32, &narrow);
    run_flat(values, WK_F32, &narrow);
    assert_ok();
    agree_on_all(&narrow, 1e-3, 1e-2);
    agree(&wide->grad, &narrow.grad, NUMBERS, 1e-3, "f64 and f32");
}

static void one_program(uint64_t seed) {
#define NAME(isa) #isa,
    static const char *const isas[] = {WK_KERNEL_TABLES(NAME)};
#undef NAME
    machine values_from = {.random = ~seed};
    numbers values;
    roads wide;
    seed_now = seed;
    for (int i = 0; i < NUMBERS; i++) values.of[i] = (double)below(&values_from, 257) / 128 - 1;
    run_scoped(&values, WK_F64, &wide);
    run_flat(&values, WK_F64, &wide);
    assert_ok();
    agree_on_all(&wide, 1e-12, 1e-11);
    if (wk__kernels_select(isas[seed % (sizeof isas / sizeof *isas)])) one_program_f32(&values, &wide);
    wk__kernels_select(NULL);
    if (seed % 4 == 0) return; /* may detach */
    agree_with_differences(0, &values, &wide.grad, "gradient by differences");
    if (wide.twice) agree_with_differences(1, &values, &wide.second, "second gradient by differences");
}

/* ------------------------------------------------------------------------------------------------------ tests --- */

static uint64_t first_seed = 1, seed_count = 1500;

static void random_programs(void **state) {
    (void)state;
    wk_run_seeds(one_program, first_seed, seed_count);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_programs)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("fuzz", tests, 1);
}
