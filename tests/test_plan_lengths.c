/* test_plan_lengths.c -- steps that do the same for nearly every T, and plans that find out at which they do not. */
#include "same_bits.h"

/* From FAR on they read no more of the past, count no further, and do something else in a late trip. */
enum { FAR = 128 };

static bool of_the_last(void *user, wk_tensor *const *in, wk_tensor **out) {
    const int64_t T = wk_dim(in[0], 1), taken = T < FAR ? T : FAR;
    (void)user;
    out[0] = wk_sum(wk_narrow(in[0], 1, T - taken, taken));
    return true;
}

static bool of_a_count(void *user, wk_tensor *const *in, wk_tensor **out) {
    const int64_t T = wk_dim(in[0], 1);
    (void)user;
    out[0] = wk_mul_scalar(wk_select(in[0], 1, 0), (double)(T < FAR ? T : FAR));
    return true;
}

static bool of_a_late_trip(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_select(in[0], 1, 0);
    for (int64_t t = 0; t < wk_dim(in[0], 1); t++) {
        out[0] = wk_tanh(wk_add(out[0], wk_select(in[0], 1, t)));
        if (t % FAR == FAR - 1) out[0] = wk_neg(out[0]);
    }
    return true;
}

/* Rows that become one call: what is compared later is what they were before. */
static bool of_rows(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_list *ys = wk_list_new();
    const int64_t T = wk_dim(in[0], 1);
    for (int64_t t = 0; t < T; t++) wk_list_push(ys, wk_linear_forward(user, wk_select(in[0], 1, t)));
    out[0] = wk_stack(ys, 1);
    if (T > FAR) out[0] = wk_neg(out[0]);
    return true;
}

/* Only at one length, or in bands, of which that below has a length in it that steps are recorded at. */
static bool of_seven(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_sum_dims(in[0], 1, (int64_t[]){1}, false);
    if (wk_dim(in[0], 1) == 7) out[0] = wk_neg(out[0]);
    return true;
}

static bool is_in_band(int64_t T) { return (T >= 12 && T < 20) || (T >= 33 && T < 41); }
static bool of_a_band(void *user, wk_tensor *const *in, wk_tensor **out) {
    if (!of_a_late_trip(user, in, out)) return false;
    if (is_in_band(wk_dim(in[0], 1))) out[0] = wk_mul_scalar(out[0], 3);
    return true;
}

static wk_plan *plan_of_all_T(wk_function *f, void *user, int32_t frozen, int32_t trust) {
    static const wk_plan_dim trips[] = {{0, 1}};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.frozen = frozen;
    o.trips = trips;
    o.trip_count = 1;
    o.trust_trips = trust;
    return wk_plan_new(f, user, 1, 1, &o);
}

static wk_plan_stats stats_of(const wk_plan *plan) {
    wk_plan_stats stats = WK_PLAN_STATS;
    wk_plan_stats_of(plan, &stats);
    return stats;
}

/* Is the plan's result the function's? */
static bool is_same(wk_plan *plan, wk_function *f, void *user, int64_t T) {
    WK_SCOPE;
    WK_NO_GRAD;
    wk_tensor *x = wk_randn(WK_SHAPE(2, T, 3), WK_F32), *of_eager = NULL, *by_plan = NULL;
    f(user, &x, &of_eager);
    wk_plan_run(plan, &x, &by_plan);
    return same_bits(of_eager, by_plan);
}

static void more_trips_than_ever(void **state) {
    (void)state;
    WK_SCOPE;
    static const int64_t Ts[] = {12, 100, FAR - 1, FAR, FAR + 1, 300, FAR + 1, FAR - 1, 50};
    wk_function *const steps[] = {of_the_last, of_a_count, of_a_late_trip, of_rows};
    wk_module *m = wk_linear_new(NULL, "m", 3, 2, NULL);
    for (int s = 0; s < 8; s++)
        for (size_t first = 0; first < 2; first++) { /* a long sequence may be the first of all */
            wk_plan *plan = plan_of_all_T(steps[s % 4], m, 0, s / 4);
            for (size_t i = first * 5; i < sizeof Ts / sizeof *Ts; i++)
                assert_true(is_same(plan, steps[s % 4], m, Ts[i]));
            assert_in_range(stats_of(plan).captures, 3, 4); /* for all, and for two or three lengths that are beyond */
            wk_plan_free(plan);
        }
    wk_module_free(m);
}

/* Each T is another once it was met, in any order, and all others are the one recording's. */
static void some_trips_alone(void **state) {
    (void)state;
    WK_SCOPE;
    static const struct {
        wk_function *step;
        int64_t alone;
    } kinds[] = {{of_seven, 0}, {of_a_band, 8}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int64_t by = 1; by < 61; by += 22) {
            wk_plan *plan = plan_of_all_T(kinds[k].step, NULL, 0, 0);
            for (int64_t i = 0; i < 3 * 61; i++) assert_true(is_same(plan, kinds[k].step, NULL, 1 + i * by % 61));
            assert_int_equal(stats_of(plan).captures, 1 + kinds[k].alone);
            assert_in_range(stats_of(plan).compared, 35, 61);
            wk_plan_free(plan);
        }
}

/* Where the user says that there is no such T, none is looked for. */
static void trust_is_trust(void **state) {
    (void)state;
    WK_SCOPE;
    wk_plan *plan = plan_of_all_T(of_a_band, NULL, 0, 1);
    for (int64_t T = 1; T < 102; T++) is_same(plan, of_a_band, NULL, T);
    assert_int_equal(stats_of(plan).compared, 0);
    wk_plan_free(plan);
}

/* What was compared in training says nothing about evaluation. */
static bool of_a_band_in_training(void *user, wk_tensor *const *in, wk_tensor **out) {
    const wk_module *m = user;
    if (!of_a_late_trip(user, in, out)) return false;
    if (wk_module_training(m) && is_in_band(wk_dim(in[0], 1))) out[0] = wk_mul_scalar(out[0], 3);
    return true;
}

static void a_band_in_one_mode(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *m = wk_linear_new(NULL, "m", 3, 2, NULL);
    for (int first = 0; first < 2; first++) {
        wk_plan *plan = plan_of_all_T(of_a_band_in_training, m, 0, 0);
        for (int i = 0; i < 4; i++) {
            wk_module_train(m, (first + i) % 2 == 0);
            for (int64_t T = 28; T < 44; T++) assert_true(is_same(plan, of_a_band_in_training, m, T));
        }
        assert_int_equal(stats_of(plan).captures, 1 + 8);
        wk_plan_free(plan);
    }
    wk_module_free(m);
}

/* -------------------------------------------------------------------------------------------------------- pairs --- */

/* T and S that were met, but not together: what their product decides, and what both being in a band does. */
static bool of_a_product(int64_t T, int64_t S) { return T * S > 5000; }
static bool of_bands(int64_t T, int64_t S) { return is_in_band(T) && is_in_band(S) && T != S; }

static bool of_pairs(void *user, wk_tensor *const *in, wk_tensor **out) {
    bool (*const differs)(int64_t, int64_t) = *(bool (**)(int64_t, int64_t))user;
    const double more = differs(wk_dim(in[0], 1), wk_dim(in[1], 1)) ? 2 : 1;
    out[0] = wk_add_scalar(wk_add(wk_sum(in[0]), wk_sum(in[1])), more);
    return true;
}

static wk_plan *plan_of_pairs(void *user, int32_t trust) {
    static const wk_plan_dim T_is[] = {{0, 1}}, S_is[] = {{1, 1}};
    wk_plan_options o = WK_PLAN_OPTIONS;
    o.trips = T_is, o.trip_count = 1, o.second_trips = S_is, o.second_trip_count = 1;
    o.trust_trips = trust;
    return wk_plan_new(of_pairs, user, 2, 1, &o);
}

static void assert_same_pair(wk_plan *plan, void *user, int64_t T, int64_t S) {
    WK_SCOPE;
    wk_tensor *in[] = {wk_randn(WK_SHAPE(2, T), WK_F32), wk_randn(WK_SHAPE(2, S), WK_F32)}, *of_eager = NULL, *by_plan;
    of_pairs(user, in, &of_eager);
    wk_plan_run(plan, in, &by_plan);
    if (!same_bits(of_eager, by_plan)) fail_msg("T %d, S %d", (int)T, (int)S);
}

static void more_pairs_than_ever(void **state) {
    (void)state;
    WK_SCOPE;
    static const int64_t pairs[][2] = {{9, 3}, {150, 5}, {4, 150}, {100, 80}, {9, 3}, {60, 100}};
    bool (*differs)(int64_t, int64_t) = of_a_product;
    for (int trust = 0; trust < 2; trust++) {
        wk_plan *plan = plan_of_pairs(&differs, trust);
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
            assert_same_pair(plan, &differs, pairs[i][0], pairs[i][1]);
        wk_plan_free(plan);
    }
}

static void some_pairs_alone(void **state) {
    (void)state;
    WK_SCOPE;
    bool (*differs)(int64_t, int64_t) = of_bands;
    wk_plan *plan = plan_of_pairs(&differs, 0);
    for (int64_t i = 0; i < 2 * 23 * 23; i++) assert_same_pair(plan, &differs, 1 + i % 23, 1 + i / 23 % 23);
    assert_in_range(stats_of(plan).compared, 300, 23 * 23);
    wk_plan_free(plan);
}

/* ------------------------------------------------------------------------------------------------ what it costs --- */

/* What goes on as it was needs no other recording; each T is looked at once, or, with trust, a few of them. */
static bool counts_calls(void *user, wk_tensor *const *in, wk_tensor **out) {
    ++*(int *)user;
    out[0] = wk_sum(in[0]);
    return true;
}

static void more_trips_each_time(void **state) {
    (void)state;
    WK_SCOPE;
    for (int32_t trust = 0; trust < 2; trust++) {
        int calls = 0, at_first = 0;
        wk_plan *plan = plan_of_all_T(counts_calls, &calls, 0, trust);
        for (int64_t i = 1; i <= 4000; i++) {
            WK_SCOPE;
            wk_tensor *x = wk_ones(WK_SHAPE(1, 1 + i % 2000, 1), WK_F32), *y;
            assert_int_equal(wk_plan_run(plan, &x, &y), WK_OK);
            if (i == 100) at_first = calls;
        }
        assert_int_equal(stats_of(plan).captures, 1);
        assert_in_range(calls - at_first, trust ? 5 : 1895, trust ? 20 : 1905);
        wk_plan_free(plan);
    }
}

static void a_frozen_plan_says_so(void **state) {
    (void)state;
    WK_SCOPE;
    static const struct {
        wk_function *step;
        int64_t T;
        const char *message;
    } kinds[] = {
        {of_the_last, FAR + 1,
         "plan_run: with so many trips (129) the step does something else than with those it was "
         "recorded for: have a plan for each, that is not frozen or has no trips"},
        {of_a_band, 35,
         "plan_run: with so many trips (35) the step does something else than with those it was "
         "recorded for: have a plan for each, that is not frozen or has no trips"},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        wk_plan *plan = plan_of_all_T(kinds[k].step, NULL, 1, 0);
        for (int i = 0; i < 2; i++) {
            assert_true(is_same(plan, kinds[k].step, NULL, 50));
            wk_tensor *x = wk_ones(WK_SHAPE(2, kinds[k].T, 3), WK_F32), *y;
            wk_plan_run(plan, &x, &y);
            assert_fails(WK_ESTATE, kinds[k].message);
        }
        wk_plan_free(plan);
    }
}

WK_TEST_MAIN("plans of lengths", cmocka_unit_test(more_trips_than_ever), cmocka_unit_test(some_trips_alone),
             cmocka_unit_test(trust_is_trust), cmocka_unit_test(a_band_in_one_mode),
             cmocka_unit_test(more_pairs_than_ever), cmocka_unit_test(some_pairs_alone),
             cmocka_unit_test(more_trips_each_time), cmocka_unit_test(a_frozen_plan_says_so))
