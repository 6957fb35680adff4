/* test_plan_cache.c -- the recordings that a plan keeps: which one goes, what is counted, and that bytes come back. */
#include "support.h"

static bool infer(void *user, wk_tensor *const *in, wk_tensor **out) {
    WK_NO_GRAD;
    out[0] = wk_mean(wk_tanh(wk_linear_forward(user, in[0])));
    return true;
}

/* What a step refuses is no entry, and pushes none out. */
static bool refuses_two(void *user, wk_tensor *const *in, wk_tensor **out) {
    if (wk_dim(in[0], 0) == 2) return wk_item(in[0]) > 0;
    return infer(user, in, out);
}

typedef struct cached {
    wk_module *m;
    wk_plan *plan;
} cached;

static cached cached_new(wk_function *f, int32_t capacity) {
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.capacity = capacity;
    cached c = {.m = wk_linear_new(NULL, "m", 3, 2, NULL)};
    c.plan = wk_plan_new(f, c.m, 1, 1, &o);
    return c;
}

static void cached_free(cached *c) {
    wk_plan_free(c->plan);
    wk_module_free(c->m);
}

static wk_plan_stats stats_of(const cached *c) {
    wk_plan_stats s = WK_PLAN_STATS;
    wk_plan_stats_of(c->plan, &s);
    return s;
}

static void run_rows(const cached *c, int64_t rows) {
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(rows, 3), WK_F32), *y;
    assert_int_equal(wk_plan_run(c->plan, &x, &y), WK_OK);
}

static void the_least_recently_used_goes(void **state) {
    (void)state;
    WK_SCOPE;
    cached c = cached_new(infer, 3);
    static const struct {
        int64_t rows, hits, captures, evictions, entries;
    } runs[] = {
        {1, 0, 1, 0, 1}, {2, 0, 2, 0, 2}, {3, 0, 3, 0, 3}, {1, 1, 3, 0, 3}, /* 2 is the oldest now */
        {4, 1, 4, 1, 3}, {1, 2, 4, 1, 3}, {3, 3, 4, 1, 3}, {2, 3, 5, 2, 3}, /* 4 went */
        {3, 4, 5, 2, 3}, {1, 5, 5, 2, 3}, {4, 5, 6, 3, 3},
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        run_rows(&c, runs[i].rows);
        const wk_plan_stats s = stats_of(&c);
        if (s.hits != runs[i].hits || s.captures != runs[i].captures || s.evictions != runs[i].evictions ||
            s.entries != runs[i].entries)
            fail_msg("run %d: %d hits, %d captures, %d evictions, %d entries", (int)i, (int)s.hits, (int)s.captures,
                     (int)s.evictions, (int)s.entries);
    }
    cached_free(&c);
}

static void a_recording_that_fails(void **state) {
    (void)state;
    WK_SCOPE;
    cached c = cached_new(refuses_two, 1);
    run_rows(&c, 1);
    for (int i = 0; i < 3; i++) {
        wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *y;
        wk_error e;
        assert_int_equal(wk_plan_run(c.plan, &x, &y), WK_ESTATE);
        wk_check(&e);
        assert_non_null(strstr(e.message, "item: not inside a plan's step"));
    }
    const wk_plan_stats s = stats_of(&c);
    assert_int_equal(s.entries, 1);
    assert_int_equal(s.evictions, 0);
    run_rows(&c, 1);
    assert_int_equal(stats_of(&c).hits, s.hits + 1);
    cached_free(&c);
}

/* Bytes come back when entries go, and all of them with the plan. */
static void bytes(void **state) {
    (void)state;
    WK_SCOPE;
    wk_memory before, after;
    wk_memory_stats(&before);
    cached c = cached_new(infer, 1);
    run_rows(&c, 7);
    const int64_t once = stats_of(&c).nbytes;
    for (int64_t rows = 1; rows < 7; rows++) run_rows(&c, rows);
    assert_true(stats_of(&c).nbytes <= once);
    run_rows(&c, 7);
    assert_int_equal(stats_of(&c).nbytes, once);
    cached_free(&c);
    wk_memory_stats(&after);
    assert_int_equal(after.nbytes, before.nbytes);
}

WK_TEST_MAIN("recordings that a plan keeps", cmocka_unit_test(the_least_recently_used_goes),
             cmocka_unit_test(a_recording_that_fails), cmocka_unit_test(bytes))
