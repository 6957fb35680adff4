/* test_recurrent_twice.c -- gradients of gradients of RNN, LSTM and GRU over rows of several lengths, with all options,
 * held to differences; test_ops.c holds those of single layers to PyTorch's, and test_plan_calls.c those in a plan to
 * these. And gradients of those. */
#include "support.h"

enum { RNN, LSTM, GRU, KINDS };
enum { N = 4, T = 3, I = 2, H = 2, MOST_INPUTS = 24 };
static const int64_t several[N] = {2, 3, 0, 1};

/* ----------------------------------------------------------------------------------------------------- modules --- */

typedef struct network {
    int kind;
    wk_module *m;
    wk_tensor *lengths; /* NULL: T each */
} network;

/* Two layers in two directions, and dropout between them, of f64. */
static network network_new(int kind, bool ragged) {
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.num_layers = 2, o.bidirectional = o.batch_first = 1, o.dropout = 0.25, o.dtype = WK_F64;
    wk_manual_seed((uint64_t)kind + 1);
    wk_module *m = kind == RNN    ? wk_rnn_new(NULL, "m", I, H, &o)
                   : kind == LSTM ? wk_lstm_new(NULL, "m", I, H, &o)
                                  : wk_gru_new(NULL, "m", I, H, &o);
    return (network){kind, m, ragged ? wk_from_data(several, WK_SHAPE(N), WK_I64) : NULL};
}

/* in: x, h0, of an LSTM c0; and the parameters, which the module reads itself. */
static bool run(void *user, wk_tensor *const *in, wk_tensor **out) {
    const network *n = user;
    if (n->kind == LSTM && n->lengths != NULL)
        out[0] = wk_lstm_forward_ragged(n->m, in[0], n->lengths, in[1], in[2], &out[1], &out[2]);
    else if (n->kind == LSTM)
        out[0] = wk_lstm_forward(n->m, in[0], in[1], in[2], &out[1], &out[2]);
    else if (n->kind == RNN)
        out[0] = n->lengths != NULL ? wk_rnn_forward_ragged(n->m, in[0], n->lengths, in[1], &out[1])
                                    : wk_rnn_forward(n->m, in[0], in[1], &out[1]);
    else
        out[0] = n->lengths != NULL ? wk_gru_forward_ragged(n->m, in[0], n->lengths, in[1], &out[1])
                                    : wk_gru_forward(n->m, in[0], in[1], &out[1]);
    return out[0] != NULL;
}

static wk_tensor *leaf(int32_t ndim, const int64_t *dims) {
    return wk_requires_grad_(wk_uniform(-1, 1, ndim, dims, WK_F64), true);
}

static void modules(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (int ragged = 0; ragged < 2; ragged++) {
            WK_SCOPE;
            network n = network_new(kind, ragged);
            wk_tensor *in[MOST_INPUTS] = {leaf(WK_SHAPE(N, T, I)), leaf(WK_SHAPE(4, N, H))};
            int32_t count = 2;
            if (kind == LSTM) in[count++] = leaf(WK_SHAPE(4, N, H));
            for (int64_t p = 0; p < wk_module_parameter_count(n.m); p++) in[count++] = wk_module_parameter_at(n.m, p);
            wk_gradcheck(run, &n, in, count, kind == LSTM ? 3 : 2, NULL);
            wk_gradgradcheck(run, &n, in, count, kind == LSTM ? 3 : 2, NULL);
            assert_ok();
            wk_module_free(n.m);
        }
}

/* --------------------------------------------------------------------------------------------- third gradients --- */

static wk_tensor *layer(int kind, wk_tensor *const *in, wk_tensor *lengths, bool reverse, wk_tensor **hn) {
    if (kind == RNN) return wk_rnn(in[0], lengths, in[1], in[2], in[3], in[4], in[4], false, reverse, hn);
    if (kind == GRU) return wk_gru(in[0], lengths, in[1], in[2], in[3], in[4], in[4], reverse, hn);
    return wk_lstm(in[0], lengths, in[1], in[1], in[2], in[3], in[4], in[4], reverse, NULL, hn);
}

typedef struct penalty {
    int kind;
    wk_tensor *lengths;
} penalty;

/* The gradient of a layer's results with respect to x and the state: what is checked twice is differentiated thrice. */
static bool gradient(void *user, wk_tensor *const *in, wk_tensor **out) {
    const penalty *p = user;
    wk_tensor *last, *y = layer(p->kind, in, p->lengths, p->kind == GRU, &last);
    wk_grad(wk_add(wk_sum(wk_square(y)), wk_sum(last)), in, 2, out, WK_CREATE_GRAPH);
    return wk_ok();
}

static int64_t gates_of(int kind) { return kind == RNN ? 1 : kind == LSTM ? 4 : 3; }

static void inputs(int kind, wk_tensor **in) {
    const int64_t rows = gates_of(kind) * H;
    in[0] = leaf(WK_SHAPE(N, T, I)), in[1] = leaf(WK_SHAPE(1, N, H));
    in[2] = leaf(WK_SHAPE(rows, I)), in[3] = leaf(WK_SHAPE(rows, H)), in[4] = leaf(WK_SHAPE(rows));
}

static void three_times(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        WK_SCOPE;
        wk_tensor *in[5];
        penalty p = {kind, wk_from_data(several, WK_SHAPE(N), WK_I64)};
        inputs(kind, in);
        wk_gradgradcheck(gradient, &p, in, 5, 2, NULL);
        assert_ok();
    }
}

/* By the kernels and by small operations; of these, which rows without lengths have, with lengths of T each. */
static void lengths_that_are_all_T(void **state) {
    (void)state;
    static const int64_t all[N] = {T, T, T, T};
    for (int kind = 0; kind < KINDS; kind++) {
        WK_SCOPE;
        wk_tensor *in[5], *a[2], *b[2], *ga[5], *gb[5];
        penalty with = {kind, wk_from_data(all, WK_SHAPE(N), WK_I64)}, without = {kind, NULL};
        inputs(kind, in);
        assert_true(gradient(&with, in, a) && gradient(&without, in, b));
        wk_grad(wk_add(wk_sum(wk_square(a[0])), wk_sum(a[1])), in, 5, ga, 0);
        wk_grad(wk_add(wk_sum(wk_square(b[0])), wk_sum(b[1])), in, 5, gb, 0);
        for (int i = 0; i < 2; i++) assert_true(wk_allclose(a[i], b[i], 1e-12, 1e-14, false));
        for (int i = 0; i < 5; i++) assert_true(wk_allclose(ga[i], gb[i], 1e-12, 1e-13, false));
        assert_ok();
    }
}

/* Where nothing runs, the state goes through and all else has zeros. */
static void no_steps(void **state) {
    (void)state;
    static const int64_t none[N] = {0};
    for (int kind = 0; kind < KINDS; kind++)
        for (int with_state = 0; with_state < 2; with_state++) {
            WK_SCOPE;
            wk_tensor *in[5], *g[3], *gg[5], *last;
            inputs(kind, in);
            wk_tensor *h0 = in[1], *of[] = {in[0], in[3], h0};
            if (!with_state) in[1] = NULL;
            wk_tensor *y = layer(kind, in, wk_from_data(none, WK_SHAPE(N), WK_I64), false, &last);
            wk_grad(wk_add(wk_sum(y), wk_sum(wk_square(last))), of, with_state ? 3 : 2, g, WK_CREATE_GRAPH);
            assert_true(wk_item(wk_sum(wk_abs(g[0]))) == 0 && wk_item(wk_sum(wk_abs(g[1]))) == 0);
            if (with_state) assert_true(wk_equal(g[2], wk_mul_scalar(h0, 2)));
            wk_tensor *loss = wk_add(wk_sum(wk_square(g[0])), wk_sum(wk_square(g[1])));
            if (with_state) loss = wk_add(loss, wk_sum(g[2]));
            wk_grad(loss, of, with_state ? 3 : 2, gg, 0);
            assert_true(wk_item(wk_sum(wk_abs(gg[0]))) == 0 && wk_item(wk_sum(wk_abs(gg[1]))) == 0);
            if (with_state) assert_true(wk_equal(gg[2], wk_full(WK_SHAPE(1, N, H), 2, WK_F64)));
            assert_ok();
        }
}

/* --------------------------------------------------------------------------------------------------- in a plan --- */

static bool once_more(void *user, wk_tensor *const *in, wk_tensor **out) {
    const penalty *p = user;
    wk_tensor *mine[5], *g[2];
    for (int i = 0; i < 5; i++) mine[i] = wk_requires_grad_(wk_clone(in[i]), true);
    const penalty with = {p->kind, in[5]};
    if (!gradient((void *)(uintptr_t)&with, mine, g)) return false;
    wk_grad(wk_sum(wk_square(g[0])), mine, 1, out, WK_CREATE_GRAPH);
    return wk_ok();
}

static bool both(void *user, wk_tensor *const *in, wk_tensor **out) {
    wk_tensor *mine[5], *g[2], *gg[5];
    for (int i = 0; i < 5; i++) mine[i] = wk_requires_grad_(wk_clone(in[i]), true);
    const penalty with = {((const penalty *)user)->kind, in[5]};
    if (!gradient((void *)(uintptr_t)&with, mine, g)) return false;
    wk_grad(wk_add(wk_sum(wk_square(g[0])), wk_sum(g[1])), mine, 5, gg, 0);
    for (int i = 0; i < 5; i++) out[i] = gg[i];
    return wk_ok();
}

/* For lengths one after another, and where calls are put off: the bits of the function. */
static void the_same_in_a_plan(void **state) {
    (void)state;
    static const int64_t others[][N] = {{2, 3, 0, 1}, {3, 3, 3, 3}, {0, 0, 0, 0}, {0, 1, 2, 3}};
    for (int kind = 0; kind < KINDS; kind++) {
        WK_SCOPE;
        penalty p = {kind, NULL};
        wk_plan *plan = wk_plan_new(both, &p, 6, 5, NULL);
        for (int i = 0; i < 8; i++) {
            const wk_scope scope = i % 2 ? wk_batch_open() : wk_scope_open();
            wk_tensor *in[6], *by_plan[5], *eager[5];
            inputs(kind, in);
            for (int k = 0; k < 5; k++) in[k] = wk_detach(in[k]);
            in[5] = wk_from_data(others[i / 2], WK_SHAPE(N), WK_I64);
            wk_plan_run(plan, in, by_plan);
            assert_true(both(&p, in, eager));
            for (int k = 0; k < 5; k++) assert_true(wk_equal(by_plan[k], eager[k]));
            wk_scope_close(scope);
        }
        wk_plan_free(plan);
        assert_ok();
    }
}

static void what_a_plan_refuses(void **state) {
    (void)state;
    WK_SCOPE;
    penalty p = {LSTM, NULL};
    wk_tensor *in[6], *out;
    inputs(LSTM, in);
    for (int i = 0; i < 5; i++) in[i] = wk_detach(in[i]);
    in[5] = wk_from_data(several, WK_SHAPE(N), WK_I64);
    wk_plan *plan = wk_plan_new(once_more, &p, 6, 1, NULL);
    wk_plan_run(plan, in, &out);
    assert_fails(WK_ESTATE, "grad: not inside a plan's step: lengths would decide which calls a third gradient of "
                            "recurrent rows makes; leave them out");
    wk_plan_free(plan);
}

WK_TEST_MAIN("recurrent networks differentiated twice", cmocka_unit_test(modules), cmocka_unit_test(three_times),
             cmocka_unit_test(lengths_that_are_all_T), cmocka_unit_test(no_steps), cmocka_unit_test(the_same_in_a_plan),
             cmocka_unit_test(what_a_plan_refuses))
