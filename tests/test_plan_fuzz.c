/* test_plan_fuzz.c -- random programs (fuzz_program.h, fuzz_wide.h) by plans: outputs, inputs, gradients, parameters,
 * buffers and the generator have the bits that the function gives them, over several runs with other numbers, among
 * them NaN, infinities, denormal numbers and -0. What fails in the function fails in the plan. A plan's buffers are no
 * larger than what the function has at its peak. A failure names its seed; `test_plan_fuzz DATA FIRST COUNT` runs
 * others. */
#include "fuzz_wide.h"
#include "same_bits.h"

enum { RUNS = 4, GIVEN = 4, PARAMETERS = LEAVES - GIVEN, EXTRAS = 3, INPUTS = GIVEN + EXTRAS, OUTPUTS = 4 };

/* Leaves are inputs or parameters. */
static const int given[GIVEN] = {0, 2, 4, 6}, owned[PARAMETERS] = {1, 3, 5};

typedef struct side {
    uint64_t seed;
    wk_dtype dtype;
    wk_module *net;
    wk_tensor *parameters[PARAMETERS], *average;
    wk_optim *optim;
    int steps; /* of the optimiser */
} side;

static const char *of_seed(uint64_t seed, const char *what) {
    static char text[480]; /* room for any message */
    snprintf(text, sizeof text, "seed %llu: %s", (unsigned long long)seed, what);
    return text;
}

/* --------------------------------------------------------------------------------------------------- the step --- */

/* Some of what the program has at its end: any type, any layout, perhaps one tensor twice. */
static void choose_outputs(machine *m, wk_tensor **out) {
    for (int k = 1; k < OUTPUTS; k++) out[k] = wk_detach(pick(m));
}

static void train(side *s, machine *m, wk_tensor *loss) {
    const int64_t road = below(m, 5);
    if (road == 0 || !wk_requires_grad(loss)) return;
    if (road > 1) wk_optim_zero_grad(s->optim);
    wk_backward(loss);
    if (road == 3) wk_clip_grad_norm(s->net, 0.5);
    if (road > 1) s->steps += wk_optim_step(s->optim) == WK_OK;
}

static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    side *s = user;
    machine m = {.dtype = s->dtype, .more = wide_op, .scoped = s->seed % 3 == 0};
    for (int i = 0; i < GIVEN; i++)
        m.leaf[given[i]] = s->seed % 2 == 0 ? wk_requires_grad_(wk_clone(in[i]), true) : in[i];
    for (int i = 0; i < PARAMETERS; i++) m.leaf[owned[i]] = s->parameters[i];
    for (int i = 0; i < EXTRAS; i++) make_live(&m, in[GIVEN + i]);
    wk_tensor *loss = wk_cast(run_on_leaves(&m, s->seed), s->dtype);
    choose_outputs(&m, out);
    wk_set_grad_enabled(true);
    train(s, &m, loss);
    const bool enabled = wk_set_grad_enabled(false);
    if (s->seed % 5 == 0) wk_copy_(s->average, wk_add(wk_mul_scalar(s->average, 0.9), wk_cast(loss, s->dtype)));
    wk_set_grad_enabled(enabled);
    out[0] = wk_detach(loss);
    return !m.was_in_a_plan;
}

/* ----------------------------------------------------------------------------------------------- side by side --- */

static wk_optim *random_optim(machine *m, wk_module *net) {
    wk_sgd_options sgd = WK_SGD_OPTIONS;
    sgd.momentum = 0.9;
    switch (below(m, 4)) {
    case 0: return wk_adam_new(net, 0.01, NULL);
    case 1: return wk_adamw_new(net, 0.01, NULL);
    case 2: return wk_rmsprop_new(net, 0.01, NULL);
    default: return wk_sgd_new(net, 0.01, &sgd);
    }
}

/* A number of any kind, the odd ones seldom. */
static double any_number(machine *m) {
    return chance(m, 92) ? (double)below(m, 513) / 128 - 2 : some_number(m) * (chance(m, 50) ? 1 : -1);
}

static wk_tensor *any_tensor(machine *m, int32_t ndim, const int64_t *dims, wk_dtype dtype) {
    double values[MAX_LEAF];
    for (int i = 0; i < MAX_LEAF; i++) values[i] = any_number(m);
    return wk_cast(wk_from_data(values, ndim, dims, WK_F64), dtype);
}

static side side_new(uint64_t seed) {
    machine m = {.random = seed * 3 + 1, .dtype = seed % 4 == 1 ? WK_F64 : WK_F32};
    side s = {.seed = seed, .dtype = m.dtype, .net = wk_module_new(NULL, "net")};
    WK_SCOPE;
    for (int i = 0; i < PARAMETERS; i++) {
        const int leaf = owned[i];
        const char name[] = {(char)('a' + i), 0};
        s.parameters[i] =
            wk_module_add_parameter(s.net, name, any_tensor(&m, shapes[leaf].ndim, shapes[leaf].dims, m.dtype));
    }
    s.average = wk_module_add_buffer(s.net, "average", wk_scalar(0.5, m.dtype));
    s.optim = random_optim(&m, s.net);
    return s;
}

static void side_free(side *s) {
    wk_optim_free(s->optim);
    wk_module_free(s->net);
}

static void inputs_of(const side *s, int run, wk_tensor **in) {
    static const wk_dtype types[EXTRAS] = {WK_F64, WK_I64, WK_BOOL};
    machine m = {.random = s->seed * 7 + (uint64_t)run};
    for (int i = 0; i < GIVEN; i++) in[i] = any_tensor(&m, shapes[given[i]].ndim, shapes[given[i]].dims, s->dtype);
    for (int i = 0; i < EXTRAS; i++) in[GIVEN + i] = any_tensor(&m, WK_SHAPE(2, 3), types[i]);
}

static void same(uint64_t seed, const char *what, wk_tensor *a, wk_tensor *b) {
    WK_SCOPE;
    if ((a == NULL) != (b == NULL)) fail_msg("%s is there on one side only", of_seed(seed, what));
    if (a == NULL) return;
    if (!same_bits(a, b)) {
        char of_a[400], of_b[400];
        wk_to_text(a, of_a, sizeof of_a, NULL);
        wk_to_text(b, of_b, sizeof of_b, NULL);
        fail_msg("%s: %s\nby the plan %s", of_seed(seed, what), of_a, of_b);
    }
}

static void same_state(const side *a, const side *b) {
    for (int i = 0; i < PARAMETERS; i++) {
        same(a->seed, "a parameter", a->parameters[i], b->parameters[i]);
        same(a->seed, "a gradient", wk_grad_of(a->parameters[i]), wk_grad_of(b->parameters[i]));
    }
    same(a->seed, "the buffer", a->average, b->average);
}

static int refused, ran, stepped;

/* How much the function had at once, beyond what it began with. */
static int64_t eager(side *a, wk_tensor *const *in, wk_tensor **out, wk_error *e) {
    wk_memory before, after;
    wk_memory_reset_peak();
    wk_memory_stats(&before);
    const wk_scope scope = wk_scope_open();
    step(a, in, out);
    for (int k = 0; k < OUTPUTS; k++)
        if (wk_ok()) wk_yield(out[k]);
    wk_check(e);
    wk_scope_close(scope);
    wk_memory_stats(&after);
    return after.peak_nbytes - before.nbytes;
}

/* False when the step fails. */
static bool one_run(side *a, side *b, wk_plan *plan, int run, int64_t *most) {
    WK_SCOPE;
    wk_tensor *in[INPUTS], *in_b[INPUTS], *of_a[OUTPUTS] = {NULL}, *of_b[OUTPUTS] = {NULL};
    wk_error by_eager, by_plan;
    inputs_of(a, run, in);
    inputs_of(a, run, in_b);
    wk_manual_seed(a->seed + (uint64_t)run);
    const int64_t nbytes = eager(a, in, of_a, &by_eager);
    if (nbytes > *most) *most = nbytes;
    const double drawn = wk_item(wk_rand(0, NULL, WK_F32));
    wk_manual_seed(a->seed + (uint64_t)run);
    wk_plan_run(plan, in_b, of_b);
    wk_check(&by_plan);
    if (by_eager.status == WK_OK && strcmp(by_plan.message, "plan_run: the step returned false") == 0) return false;
    if (by_eager.status != by_plan.status) fail_msg("%s, %s", of_seed(a->seed, by_eager.message), by_plan.message);
    if (by_eager.status != WK_OK) return false;
    if (drawn != wk_item(wk_rand(0, NULL, WK_F32))) fail_msg("%s", of_seed(a->seed, "the generator"));
    for (int k = 0; k < OUTPUTS; k++) same(a->seed, "an output", of_a[k], of_b[k]);
    for (int i = 0; i < INPUTS; i++) same(a->seed, "an input", in[i], in_b[i]);
    same_state(a, b);
    return true;
}

static void one_program(uint64_t seed) {
    side a = side_new(seed), b = side_new(seed);
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan *plan = wk_plan_new(step, &b, INPUTS, OUTPUTS, NULL);
    bool fine = true;
    int64_t most = 0;
    for (int run = 0; run < RUNS && fine; run++) fine = one_run(&a, &b, plan, run, &most);
    wk_plan_stats_of(plan, &stats);
    ran += fine, refused += !fine, stepped += fine && a.steps > 0;
    if (stats.buffer_nbytes > most)
        fail_msg("%s: %d bytes of buffers, and %d of eager at its peak", of_seed(seed, "memory"),
                 (int)stats.buffer_nbytes, (int)most);
    wk_plan_free(plan);
    side_free(&a);
    side_free(&b);
}

static uint64_t first_seed = 1, seed_count = 1500;

static void random_programs(void **state) {
    (void)state;
    wk_run_seeds(one_program, first_seed, seed_count);
    print_message("# %d ran, %d refused, %d trained\n", ran, refused, stepped);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_programs)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("plan_fuzz", tests, 1);
}
