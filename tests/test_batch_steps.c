/* test_batch_steps.c -- random steps of training, each of them a batch or a plain scope: values, gradients, parameters
 * and what is read in between are the same. What test_batch_fuzz's programs compute is mixed with all that a program
 * does around it: states carried in slots, buffers of outer scopes written from inner ones, scopes that are left early,
 * casts, gradients within a step, and losses of which each has its own backward. A failure names its seed;
 * `test_batch_steps DATA FIRST COUNT` runs others. */
#include "fuzz_program.h"
#include "base/context.h"
#include "support.h"

enum { EXAMPLES = 4, STEPS = 2, SLOTS = 3, MOST_READ = 4000, DEEPEST = 7 };

static uint64_t seed_now;

static const char *of_seed(const char *what) {
    static char text[480];
    snprintf(text, sizeof text, "seed %llu: %s", (unsigned long long)seed_now, what);
    return text;
}

/* ------------------------------------------------------------------------------------------------- what is seen --- */

/* All numbers that a program looks at, one after the other. */
typedef struct seen {
    wk_error error;
    int64_t count;
    double of[MOST_READ];
    bool narrow; /* something was f32 on its way */
} seen;

static seen *now;

/* What is absent is seen as zeros: calls beside the loss bring zeros to leaves that had no gradient. */
static void see(const wk_tensor *t, int64_t numel) {
    if (now->count + numel > MOST_READ) return;
    double *to = now->of + now->count;
    for (int64_t i = 0; i < numel; i++) to[i] = 0;
    if (t != NULL && wk_ok()) wk_read(t, to, (size_t)numel * sizeof *to);
    now->count += numel;
}

/* ------------------------------------------------------------------------------------------------------- a step --- */

typedef struct example {
    machine m;
    wk_tensor *part;         /* another loss, or NULL */
    wk_tensor *slots[SLOTS]; /* held */
} example;

/* What a seed decides beside the programs themselves. */
typedef struct course {
    uint64_t seed;
    int64_t losses;   /* how they are differentiated */
    bool one_buffer;  /* for all examples */
    bool takes_turns; /* examples go on in turn */
    int64_t bad_call; /* after so many calls one that fails; -1: none */
    bool is_late;     /* it fails when it runs */
    bool goes_on;     /* after a failure, in the same batch */
} course;

static wk_tensor *cast_and_back(machine *m) {
    now->narrow = true;
    wk_tensor *x = wk_tanh(wk_cast(pick(m), WK_F32));
    return wk_cast(chance(m, 50) ? wk_mul(x, x) : wk_mul_scalar(x, 0.5), m->dtype);
}

/* A value that has no gradient: by detach, or because nothing was recorded. */
static wk_tensor *without_gradient(machine *m) {
    wk_tensor *x = pick(m);
    if (chance(m, 40)) return wk_tanh(wk_detach(x));
    const bool enabled = wk_set_grad_enabled(false);
    wk_tensor *y = wk_tanh(wk_mul(x, x));
    if (chance(m, 50)) y = wk_add_(wk_clone(y), x);
    wk_set_grad_enabled(enabled);
    return y;
}

static wk_tensor *written_in_place(machine *m) {
    wk_tensor *x = pick(m), *y = chance(m, 50) ? wk_clone(x) : wk_copy_(wk_zeros(wk_ndim(x), wk_dims(x), m->dtype), x);
    wk_tensor *other = fitting(m, wk_ndim(x), wk_dims(x)), *before = wk_mul_scalar(y, 0.5);
    switch (below(m, 4)) {
    case 0: y = wk_tanh_(y); break;
    case 1: y = wk_mul_(y, wk_tanh(other)); break;
    case 2: y = wk_add_(y, other); break;
    default: y = wk_ndim(y) > 0 && wk_dim(y, 0) > 0 ? wk_tanh_(wk_select(y, 0, 0)) : wk_neg_(y);
    }
    return chance(m, 50) ? y : wk_numel(y) == wk_numel(before) ? wk_add(before, y) : before;
}

/* The outer buffer, written through a view from scopes inside, one of which is left early. */
static wk_tensor *written_from_inside(machine *m) {
    WK_SCOPE;
    wk_tensor *row = wk_select(m->buffer, 0, below(m, 2)), *x = fitting(m, WK_SHAPE(3)), *unused = wk_tanh(x);
    if (chance(m, 30)) return NULL;
    {
        WK_SCOPE;
        wk_tensor *y = wk_tanh(x);
        if (chance(m, 30)) return NULL;
        wk_copy_(row, chance(m, 50) ? y : wk_add(y, unused));
        wk_mul_scalar(row, 0.3); /* nobody asks for it */
    }
    return chance(m, 40) ? wk_yield(row) : wk_yield(wk_tanh(row));
}

/* The gradient of something, as an operand of what follows. */
static wk_tensor *gradient_within(machine *m) {
    wk_tensor *x = pick(m), *g = NULL, *y = wk_sum(wk_tanh(wk_mul(x, fitting(m, wk_ndim(x), wk_dims(x)))));
    if (!wk_requires_grad(x)) return NULL;
    const uint32_t flags = chance(m, 70) ? WK_CREATE_GRAPH : WK_RETAIN_GRAPH;
    wk_grad(y, &x, 1, &g, flags);
    return chance(m, 50) ? g : wk_tanh(wk_mul(g, x));
}

/* A slot takes a value, with or without its history, or gives one. */
static wk_tensor *state_in_slot(example *e) {
    machine *m = &e->m;
    wk_tensor **slot = &e->slots[below(m, SLOTS)], *x = pick(m);
    if (chance(m, 50)) {
        wk_keep(slot, chance(m, 60) ? wk_detach(x) : x);
        return NULL;
    }
    return *slot != NULL ? wk_tanh(chance(m, 50) ? wk_mul_scalar(wk_detach(*slot), 0.5) : wk_detach(*slot)) : NULL;
}

static void value_of_slot(example *e) {
    wk_tensor *x = e->slots[below(&e->m, SLOTS)];
    if (x != NULL) wk_tanh(wk_mul_scalar(x, 0.5));
}

static void look(example *e) {
    machine *m = &e->m;
    wk_tensor *x = pick(m);
    if (chance(m, 12)) see(x, wk_numel(x));
    if (chance(m, 8)) wk_data(pick(m));
    if (chance(m, 8)) value_of_slot(e);
    if (chance(m, 5) && wk_numel(x) > 0 && wk_requires_grad(x)) e->part = wk_mean(wk_tanh(x));
}

static const course *course_now;
static int64_t calls_until_bad;

static wk_tensor *bad_call(machine *m) {
    if (!course_now->is_late) return wk_add(m->leaf[2], m->leaf[3]);
    return wk_index_select(wk_tanh(m->leaf[2]), 0, wk_full(WK_SHAPE(1), 7, WK_I64));
}

static wk_tensor *some_call(example *e) {
    machine *m = &e->m;
    if (calls_until_bad-- == 0) return bad_call(m);
    if (chance(m, 55)) return random_op(m);
    switch (below(m, 7)) {
    case 0: return chance(m, 20) ? cast_and_back(m) : NULL;
    case 1: return without_gradient(m);
    case 2: return written_in_place(m);
    case 3: return written_from_inside(m);
    case 4: return chance(m, 30) ? gradient_within(m) : NULL;
    default: return state_in_slot(e);
    }
}

static void steps_block(example *e, int depth);

/* A scope of its own, of which one tensor is handed up, perhaps by a list two scopes further out. */
static void steps_inside(example *e, int depth) {
    machine *m = &e->m;
    const int32_t before = m->live_count;
    wk_tensor *up = NULL;
    const wk_scope scope = wk_scope_open();
    steps_block(e, depth + 1);
    if (m->live_count > before && chance(m, 80)) up = wk_yield(m->live[before + below(m, m->live_count - before)]);
    if (e->part != NULL) wk_yield(e->part);
    if (chance(m, 10)) wk_scope_open(); /* forgotten */
    wk_scope_close(scope);
    m->live_count = before;
    make_live(m, up);
}

static void steps_block(example *e, int depth) {
    machine *m = &e->m;
    const int32_t before = m->live_count;
    const int64_t count = 2 + below(m, 5);
    for (int64_t i = 0; i < count && wk_ok(); i++) {
        if (depth < DEEPEST && chance(m, 35))
            steps_inside(e, depth);
        else
            make_live(m, some_call(e));
        if (chance(m, 12)) drop_newest(m, before);
        if (wk_ok()) look(e);
        if (course_now->goes_on) wk_check(NULL);
        if (chance(m, 8)) break;
    }
}

/* ---------------------------------------------------------------------------------------------------- a program --- */

static void begin(example *e, const course *p, int step, int which, wk_tensor *const *leaves) {
    e->m = (machine){.dtype = WK_F64, .scoped = true, .random = p->seed * STEPS + (uint64_t)step + (which == 3)};
    e->part = NULL;
    for (int i = 0; i < LEAVES; i++) make_live(&e->m, e->m.leaf[i] = leaves[(which / 2 * LEAVES) + i]);
}

/* Half of what is left leads to the loss. */
static wk_tensor *loss_of(machine *m) {
    wk_tensor *loss = wk_mul(m->leaf[0], m->leaf[0]);
    for (int32_t i = 0; i < m->live_count; i++)
        if (wk_numel(m->live[i]) > 0 && chance(m, 50)) loss = wk_add(loss, wk_mean(wk_tanh(m->live[i])));
    return loss;
}

static void run_examples(example *all, const course *p, wk_tensor **losses) {
    wk_tensor *buffer = wk_zeros(WK_SHAPE(2, 3), WK_F64);
    for (int i = 0; i < EXAMPLES; i++) all[i].m.buffer = p->one_buffer ? buffer : wk_zeros(WK_SHAPE(2, 3), WK_F64);
    if (p->takes_turns)
        for (int i = 0; i < EXAMPLES && wk_ok(); i++) steps_block(&all[i], 2);
    for (int i = 0; i < EXAMPLES && wk_ok(); i++) {
        steps_block(&all[i], 0);
        losses[i] = loss_of(&all[i].m);
    }
}

static void see_gradients(wk_tensor *const *leaves) {
    for (int i = 0; i < 2 * LEAVES; i++) see(wk_grad_of(leaves[i]), wk_numel(leaves[i]));
}

static void one_by_one(wk_tensor **losses, wk_tensor *const *leaves, bool backwards) {
    wk_tensor *total = wk_zeros(WK_SCALAR, WK_F64);
    for (int i = 0; i < EXAMPLES && wk_ok(); i++) {
        wk_tensor *loss = losses[backwards ? EXAMPLES - 1 - i : i];
        wk_backward(loss);
        see_gradients(leaves);
        total = wk_add(total, wk_mul_scalar(loss, 0.5)); /* only looked at */
    }
    see(total, 1);
}

/* The loss, its gradients, and those of their squares. */
static void twice(wk_tensor *loss, wk_tensor *const *leaves) {
    wk_tensor *g[2 * LEAVES] = {NULL}, *sum = wk_zeros(WK_SCALAR, WK_F64);
    wk_grad(loss, leaves, 2 * LEAVES, g, WK_CREATE_GRAPH);
    for (int i = 0; i < 2 * LEAVES && wk_ok(); i++) sum = wk_add(sum, wk_sum(wk_mul(g[i], g[i])));
    wk_backward(wk_add(loss, sum));
}

static void differentiate(example *all, const course *p, wk_tensor **losses, wk_tensor *const *leaves) {
    wk_tensor *loss = losses[0];
    if (p->losses < 2) {
        one_by_one(losses, leaves, p->losses == 1);
        return;
    }
    for (int i = 0; i < EXAMPLES && wk_ok() && p->losses == 2; i++)
        if (all[i].part != NULL) wk_backward_flags(all[i].part, WK_RETAIN_GRAPH);
    see_gradients(leaves);
    for (int i = 1; i < EXAMPLES; i++) loss = wk_add(loss, losses[i]);
    if (p->losses == 3)
        twice(loss, leaves);
    else
        wk_backward(loss);
    see(loss, 1);
    see_gradients(leaves);
}

static void descend(wk_tensor *const *leaves) {
    WK_NO_GRAD;
    for (int i = 0; i < 2 * LEAVES && wk_ok(); i++) {
        if (wk_grad_of(leaves[i]) != NULL) wk_sub_(leaves[i], wk_mul_scalar(wk_grad_of(leaves[i]), 0.01));
        wk_zero_grad(leaves[i]);
    }
}

static void run(const course *p, const numbers *values, bool batched, seen *s) {
    example all[EXAMPLES] = {{.part = NULL}};
    wk_tensor *leaves[2 * LEAVES], *losses[EXAMPLES];
    now = s;
    s->count = 0;
    s->narrow = false;
    course_now = p;
    calls_until_bad = p->bad_call;
    const wk_scope outer = wk_scope_open();
    for (int i = 0; i < 2 * LEAVES; i++) leaves[i] = leaf_of(i % LEAVES, WK_F64, &values[i / LEAVES]);
    for (int step = 0; step < STEPS && wk_ok(); step++) {
        const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
        for (int i = 0; i < EXAMPLES; i++) begin(&all[i], p, step, i, leaves);
        run_examples(all, p, losses);
        if (wk_ok()) differentiate(all, p, losses, leaves);
        if (wk_ok()) descend(leaves);
        wk_scope_close(scope);
    }
    for (int i = 0; i < EXAMPLES * SLOTS; i++) wk_release(&all[i / SLOTS].slots[i % SLOTS]);
    wk_scope_close(outer);
    wk_check(&s->error);
}

/* ----------------------------------------------------------------------------------------------------- compared --- */

static course course_of(uint64_t seed, machine *random, numbers *values) {
    *random = (machine){.random = ~seed};
    for (int i = 0; i < 2 * NUMBERS; i++) values[i / NUMBERS].of[i % NUMBERS] = (double)below(random, 257) / 128 - 1;
    seed_now = seed;
    return (course){.seed = seed,
                    .losses = below(random, 5),
                    .one_buffer = chance(random, 30),
                    .takes_turns = chance(random, 40),
                    .bad_call = -1};
}

static void one_seed(uint64_t seed) {
    static numbers values[2];
    static seen alone, batched;
    machine random;
    const course p = course_of(seed, &random, values);
    run(&p, values, false, &alone);
    run(&p, values, true, &batched);
    if (alone.error.status != WK_OK) return; /* some programs are refused, as of a view that is stale */
    if (batched.error.status != WK_OK) fail_msg("%s", of_seed(batched.error.message));
    double largest = 1;
    for (int64_t i = 0; i < alone.count; i++) largest = fmax(largest, fabs(alone.of[i]));
    assert_int_equal(alone.count, batched.count);
    for (int64_t i = 0; i < alone.count; i++)
        assert_close(batched.of[i], alone.of[i], (alone.narrow ? 1e-4 : 1e-10) * largest, of_seed("a number"));
}

static uint64_t first_seed = 1, seed_count = 500;

static void random_steps(void **state) {
    (void)state;
    wk_run_seeds(one_seed, first_seed, seed_count);
}

/* A call that fails somewhere, or memory that runs out: all is given back, also where the program goes on. */
static void broken_seed(uint64_t seed) {
    static numbers values[2];
    static seen broken;
    machine random;
    course p = course_of(seed, &random, values);
    p.goes_on = chance(&random, 50);
    p.is_late = chance(&random, 50);
    p.bad_call = below(&random, 60);
    run(&p, values, true, &broken);
#ifdef WK_POISON
    p.bad_call = -1;
    wk__ctx()->heap.fail_after = below(&random, 1500);
    run(&p, values, true, &broken);
    wk__ctx()->heap.fail_after = -1;
#endif
}

static void broken_steps(void **state) {
    (void)state;
    wk_run_seeds(broken_seed, first_seed, seed_count);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_steps), cmocka_unit_test(broken_steps)};
    wk_read_seeds(argc, argv, &first_seed, &seed_count);
    return wk_test_main("batch_steps", tests, 2);
}
