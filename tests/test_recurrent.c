/* test_recurrent.c -- RNN, LSTM and GRU over rows of several lengths, what they refuse, how they start and print. Their
 * numbers are held to PyTorch's by test_ops.c (a layer in one direction) and test_layers.c (modules). */
#include "support.h"

enum { RNN, LSTM, GRU, KINDS };
static const int64_t blocks[] = {1, 4, 3};

enum { N = 5, T = 6, I = 3, H = 4 };
static const int64_t several[N] = {2, 6, 0, 4, 2};

/* A layer's weights, requiring gradients. */
typedef struct layer {
    wk_tensor *w_ih, *w_hh, *b_ih, *b_hh;
} layer;

static layer layer_new(int kind, wk_dtype dtype) {
    const int64_t rows = blocks[kind] * H;
    layer l = {wk_uniform(-0.5, 0.5, WK_SHAPE(rows, I), dtype), wk_uniform(-0.5, 0.5, WK_SHAPE(rows, H), dtype),
               wk_uniform(-0.5, 0.5, WK_SHAPE(rows), dtype), wk_uniform(-0.5, 0.5, WK_SHAPE(rows), dtype)};
    wk_requires_grad_(l.w_ih, true), wk_requires_grad_(l.w_hh, true);
    wk_requires_grad_(l.b_ih, true), wk_requires_grad_(l.b_hh, true);
    return l;
}

static wk_tensor *run(int kind, const layer *l, wk_tensor *x, wk_tensor *lengths, wk_tensor *h0, bool reverse,
                      wk_tensor **hn) {
    wk_tensor *cn;
    if (kind == RNN) return wk_rnn(x, lengths, h0, l->w_ih, l->w_hh, l->b_ih, l->b_hh, false, reverse, hn);
    if (kind == GRU) return wk_gru(x, lengths, h0, l->w_ih, l->w_hh, l->b_ih, l->b_hh, reverse, hn);
    return wk_lstm(x, lengths, h0, h0, l->w_ih, l->w_hh, l->b_ih, l->b_hh, reverse, hn, &cn);
}

static wk_tensor *lengths_of(const int64_t *values, int64_t n) { return wk_from_data(values, WK_SHAPE(n), WK_I64); }

static void assert_same(wk_tensor *a, wk_tensor *b, double tolerance, const char *what) {
    assert_non_null(a), assert_non_null(b);
    assert_int_equal(wk_numel(a), wk_numel(b));
    wk_tensor *worst = wk_numel(a) > 0 ? wk_max(wk_abs(wk_sub(wk_cast(a, WK_F64), wk_cast(b, WK_F64)))) : NULL;
    if (worst != NULL) assert_close(wk_item(worst), 0, tolerance, what);
}

/* x whose rows are NaN behind their ends: nothing may look there. */
static wk_tensor *poisoned(wk_dtype dtype, const int64_t *lengths) {
    wk_tensor *x = wk_randn(WK_SHAPE(N, T, I), dtype);
    for (int64_t b = 0; b < N; b++)
        if (lengths[b] < T)
            wk_copy_(wk_narrow(wk_select(x, 0, b), 0, lengths[b], T - lengths[b]), wk_scalar(NAN, dtype));
    return wk_requires_grad_(x, true);
}

/* Each row as it comes out alone: states, last state and gradients. */
static void rows_are_as_if_alone(int kind, wk_dtype dtype, bool reverse, double tolerance) {
    WK_SCOPE;
    const layer l = layer_new(kind, dtype);
    wk_tensor *x = poisoned(dtype, several), *h0 = wk_requires_grad_(wk_randn(WK_SHAPE(1, N, H), dtype), true), *hn;
    wk_tensor *weight = wk_randn(WK_SHAPE(N, T, H), dtype), *last_weight = wk_randn(WK_SHAPE(1, N, H), dtype);
    wk_tensor *y = run(kind, &l, x, lengths_of(several, N), h0, reverse, &hn), *total = NULL, *gx[3], *alone[3];
    wk_tensor *loss = wk_add(wk_sum(wk_mul(y, weight)), wk_sum(wk_mul(hn, last_weight)));
    for (int64_t b = 0; b < N; b++) {
        wk_tensor *last, *row = wk_narrow(wk_narrow(x, 0, b, 1), 1, 0, several[b]);
        wk_tensor *out = run(kind, &l, row, NULL, wk_narrow(h0, 1, b, 1), reverse, &last);
        assert_same(wk_narrow(wk_narrow(y, 0, b, 1), 1, 0, several[b]), out, tolerance, "states");
        assert_same(wk_narrow(hn, 1, b, 1), last, tolerance, "last state");
        wk_tensor *rest = wk_narrow(wk_narrow(y, 0, b, 1), 1, several[b], T - several[b]);
        if (several[b] < T) assert_close(wk_item(wk_max(wk_abs(rest))), 0, 0, "behind the end");
        wk_tensor *part = wk_sum(wk_mul(out, wk_narrow(wk_narrow(weight, 0, b, 1), 1, 0, several[b])));
        part = wk_add(part, wk_sum(wk_mul(last, wk_narrow(last_weight, 1, b, 1))));
        total = total != NULL ? wk_add(total, part) : part;
    }
    wk_tensor *of[] = {x, h0, l.w_hh};
    wk_grad(loss, of, 3, gx, 0);
    wk_grad(total, of, 3, alone, 0);
    for (int i = 0; i < 3; i++) assert_same(gx[i], alone[i], 40 * tolerance, "gradient");
    assert_ok();
}

static void each_row_as_if_alone(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (int reverse = 0; reverse < 2; reverse++) {
            rows_are_as_if_alone(kind, WK_F64, reverse, 1e-15);
            rows_are_as_if_alone(kind, WK_F32, reverse, 1e-6);
        }
}

/* By kernels, and by what can be differentiated again, twice with the graph retained. */
static void gradients_agree(void **state) {
    (void)state;
    static const int64_t all[N] = {T, T, T, T, T};
    for (int run_of = 0; run_of < 4 * KINDS; run_of++) {
        WK_SCOPE;
        const int kind = run_of / 4;
        const bool ragged = run_of % 2, stretched = run_of % 4 < 2; /* the gradient of a sum is one number */
        const layer l = layer_new(kind, WK_F64);
        wk_tensor *x = poisoned(WK_F64, ragged ? several : all), *hn, *a[5], *b[5], *c[5];
        wk_tensor *of[] = {x, l.w_ih, l.w_hh, l.b_ih, l.b_hh};
        wk_tensor *y = run(kind, &l, x, ragged ? lengths_of(several, N) : NULL, NULL, kind == GRU, &hn);
        wk_tensor *loss = wk_add(wk_sum(stretched ? y : wk_square(y)), wk_sum(hn));
        wk_grad(loss, of, 5, a, WK_RETAIN_GRAPH);
        wk_grad(loss, of, 5, b, WK_RETAIN_GRAPH);
        wk_grad(loss, of, 5, c, WK_CREATE_GRAPH);
        for (int i = 0; i < 5; i++) assert_same(a[i], b[i], 0, "again");
        for (int i = 0; i < 5; i++) assert_same(a[i], c[i], ragged ? 0 : 1e-13, "with a graph"); /* near 10 */
        assert_ok();
    }
}

/* Many rows of wide gates, whose stretches are longer: the gradient by kernels and by small operations. */
static void wide_and_long(void **state) {
    (void)state;
    enum { ROWS = 1500, STEPS = 3, WIDE = 65 };
    WK_SCOPE;
    wk_tensor *x = wk_requires_grad_(wk_randn(WK_SHAPE(ROWS, STEPS, 1), WK_F64), true), *a[3], *c[3], *hn, *cn;
    wk_tensor *w_ih = wk_requires_grad_(wk_uniform(-0.1, 0.1, WK_SHAPE(4 * WIDE, 1), WK_F64), true);
    wk_tensor *w_hh = wk_requires_grad_(wk_uniform(-0.1, 0.1, WK_SHAPE(4 * WIDE, WIDE), WK_F64), true);
    wk_tensor *y = wk_lstm(x, NULL, NULL, NULL, w_ih, w_hh, NULL, NULL, false, &hn, &cn), *of[] = {x, w_ih, w_hh};
    wk_tensor *loss = wk_add(wk_mean(wk_square(y)), wk_mean(cn));
    wk_grad(loss, of, 3, a, WK_RETAIN_GRAPH);
    wk_grad(loss, of, 3, c, WK_CREATE_GRAPH);
    for (int i = 0; i < 3; i++) assert_same(a[i], c[i], 1e-14, "small operations");
    assert_ok();
}

static void nothing_to_do(void **state) {
    (void)state;
    static const int64_t none[N] = {0};
    for (int kind = 0; kind < KINDS; kind++) {
        WK_SCOPE;
        const layer l = layer_new(kind, WK_F32);
        wk_tensor *h0 = wk_requires_grad_(wk_randn(WK_SHAPE(1, N, H), WK_F32), true), *hn, *y;
        y = run(kind, &l, wk_ones(WK_SHAPE(N, T, I), WK_F32), lengths_of(none, N), h0, false, &hn);
        assert_same(hn, h0, 0, "no steps");
        wk_backward(wk_add(wk_sum(hn), wk_sum(y)));
        assert_close(wk_item(wk_sum(wk_grad_of(h0))), N * H, 0, "goes through");
        assert_close(wk_item(wk_sum(wk_abs(wk_grad_of(l.w_hh)))), 0, 0, "nothing");
        y = run(kind, &l, wk_ones(WK_SHAPE(N, 0, I), WK_F32), NULL, h0, true, &hn);
        assert_int_equal(wk_numel(y), 0);
        assert_same(hn, h0, 0, "no steps");
        y = run(kind, &l, wk_ones(WK_SHAPE(0, T, I), WK_F32), lengths_of(none, 0), NULL, true, &hn);
        assert_int_equal(wk_numel(y) + wk_numel(hn), 0);
        wk_backward(wk_sum(y));
        assert_ok();
    }
}

/* Sizes of 0, with lengths and without: every tensor that requires a gradient gets one. */
static void sizes_of_nothing(void **state) {
    (void)state;
    for (int run_of = 0; run_of < 64 * KINDS; run_of++) {
        WK_SCOPE;
        const int kind = run_of / 64;
        const int64_t n = run_of & 1 ? 2 : 0, t = run_of & 2 ? 2 : 0, in = run_of & 4 ? 2 : 0, h = run_of & 8 ? 2 : 0;
        const int64_t rows = blocks[kind] * h;
        wk_tensor *of[] = {wk_ones(WK_SHAPE(n, t, in), WK_F64), wk_ones(WK_SHAPE(1, n, h), WK_F64),
                           wk_ones(WK_SHAPE(rows, in), WK_F64), wk_ones(WK_SHAPE(rows, h), WK_F64),
                           wk_ones(WK_SHAPE(rows), WK_F64)};
        for (int i = 0; i < 5; i++) wk_requires_grad_(of[i], true);
        const layer l = {of[2], of[3], of[4], of[4]};
        wk_tensor *lengths = run_of & 16 ? wk_full(WK_SHAPE(n), (double)t, WK_I64) : NULL, *hn, *g[5];
        wk_tensor *y = run(kind, &l, of[0], lengths, of[1], run_of & 32, &hn);
        wk_tensor *loss = wk_add(wk_sum(y), wk_sum(wk_square(hn)));
        wk_grad(loss, of, 5, g, WK_CREATE_GRAPH);
        assert_ok();
        wk_backward(wk_add(loss, wk_sum(wk_square(g[1]))));
        for (int i = 0; i < 5; i++) assert_true(wk_numel(wk_grad_of(of[i])) == wk_numel(of[i]));
        assert_ok();
    }
}

/* Lengths of one step are the first step alone, whatever lies behind it. */
static void single_steps(void **state) {
    (void)state;
    static const int64_t ones[N] = {1, 1, 1, 1, 1};
    for (int kind = 0; kind < KINDS; kind++) {
        WK_SCOPE;
        const layer l = layer_new(kind, WK_F64);
        wk_tensor *x = poisoned(WK_F64, ones), *hn, *last;
        wk_tensor *y = run(kind, &l, x, wk_cast(lengths_of(ones, N), WK_I32), NULL, kind == LSTM, &hn);
        wk_tensor *first = run(kind, &l, wk_narrow(x, 1, 0, 1), NULL, NULL, false, &last);
        assert_same(wk_narrow(y, 1, 0, 1), first, 0, "the step");
        assert_close(wk_item(wk_sum(wk_abs(wk_narrow(y, 1, 1, T - 1)))), 0, 0, "behind it");
        assert_same(hn, last, 0, "last state");
        assert_ok();
    }
}

/* Halves are computed in f32; lengths stay what they are. */
static void halves(void **state) {
    (void)state;
    WK_SCOPE;
    const layer f = layer_new(LSTM, WK_F32);
    const layer l = {wk_cast(f.w_ih, WK_BF16), wk_cast(f.w_hh, WK_BF16), wk_cast(f.b_ih, WK_BF16),
                     wk_cast(f.b_hh, WK_BF16)};
    const layer wide = {wk_cast(l.w_ih, WK_F32), wk_cast(l.w_hh, WK_F32), wk_cast(l.b_ih, WK_F32),
                        wk_cast(l.b_hh, WK_F32)};
    wk_tensor *x = wk_ones(WK_SHAPE(N, T, I), WK_BF16), *hn, *hn_wide;
    wk_tensor *y = run(LSTM, &l, x, lengths_of(several, N), NULL, false, &hn);
    assert_int_equal(wk_dtype_of(y), WK_BF16);
    run(LSTM, &wide, wk_cast(x, WK_F32), lengths_of(several, N), NULL, false, &hn_wide);
    assert_same(hn, wk_cast(hn_wide, WK_BF16), 0, "rounded once");
    assert_ok();
}

static void what_is_refused(void **state) {
    (void)state;
    WK_SCOPE;
    static const int64_t long_one[2] = {3, 5}, negative[2] = {-1, 2};
    const layer l = layer_new(LSTM, WK_F32);
    wk_tensor *x = wk_ones(WK_SHAPE(2, 4, I), WK_F32), *h0 = wk_zeros(WK_SHAPE(1, 2, H), WK_F32), *hn = x, *cn = x;
    assert_null(run(LSTM, &l, x, lengths_of(long_one, 2), NULL, false, &hn));
    assert_fails(WK_EINVAL, "lstm: lengths[1] is 5 and must be from 0 to 4, the steps of x");
    assert_null(run(LSTM, &l, x, lengths_of(negative, 2), NULL, false, &hn));
    assert_fails(WK_EINVAL, "lstm: lengths[0] is -1 and must be from 0 to 4, the steps of x");
    assert_null(run(LSTM, &l, x, lengths_of(several, N), NULL, false, &hn));
    assert_fails(WK_ESHAPE, "lstm: lengths is (5) and must be (2)");
    assert_null(run(LSTM, &l, x, wk_ones(WK_SHAPE(2), WK_F32), NULL, false, &hn));
    assert_fails(WK_EDTYPE, "lstm: lengths has type f32, not i64: wk_cast it");
    assert_null(wk_lstm(x, NULL, h0, NULL, l.w_ih, l.w_hh, l.b_ih, l.b_hh, false, &hn, &cn));
    assert_null(cn);
    assert_fails(WK_EINVAL, "lstm: h0 and c0 come together or not at all");
    assert_null(wk_lstm(x, NULL, h0, h0, l.w_ih, l.w_hh, l.b_ih, NULL, false, &hn, &cn));
    assert_fails(WK_EINVAL, "lstm: b_ih and b_hh come together or not at all");
    assert_null(wk_gru(x, NULL, h0, l.w_ih, l.w_hh, NULL, NULL, false, &hn));
    assert_fails(WK_ESHAPE, "gru: w_ih is (16,3) and must be (3 H,I)");
    assert_null(wk_lstm(x, NULL, NULL, NULL, l.w_hh, l.w_hh, NULL, NULL, false, &hn, &cn));
    assert_fails(WK_ESHAPE, "lstm: w_ih is (16,4) and must be (16,3)");
}

static void what_modules_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_rnn_options o = WK_RNN_OPTIONS;
    o.nonlinearity = WK_RNN_RELU;
    assert_null(wk_gru_new(NULL, NULL, 2, 3, &o));
    assert_fails(WK_EINVAL, "gru_new: only RNN and RNNCell have another nonlinearity than tanh");
    o.nonlinearity = WK_RNN_TANH;
    o.dropout = 0.5;
    assert_null(wk_lstm_cell_new(NULL, NULL, 2, 3, &o));
    assert_fails(WK_EINVAL, "lstm_cell_new: dropout is 0.5, but a cell has no layers to drop between");
    o.num_layers = 2;
    wk_module *lstm = wk_lstm_new(NULL, NULL, 2, 3, &o);
    wk_tensor *x = wk_ones(WK_SHAPE(4, 5, 2), WK_F32), *h = wk_ones(WK_SHAPE(2, 5, 3), WK_F32), *hn, *cn = x;
    assert_null(wk_lstm_forward(lstm, x, h, wk_ones(WK_SHAPE(1, 5, 3), WK_F32), &hn, &cn));
    assert_null(cn);
    assert_fails(WK_ESHAPE, "lstm_forward: c0 is (1,5,3) and must be (2,5,3): layers times directions, N, H");
    assert_null(wk_lstm_forward(lstm, h, NULL, NULL, &hn, &cn));
    assert_fails(WK_ESHAPE, "lstm_forward: x is (2,5,3) and must be (T,N,2)");
    assert_null(wk_gru_forward(lstm, x, h, &hn));
    assert_fails(WK_EINVAL, "gru_forward: m is LSTM, not a module of class GRU");
    assert_null(wk_lstm_cell_forward(lstm, x, h, h, &cn));
    assert_fails(WK_EINVAL, "lstm_cell_forward: m is LSTM, not a module of class LSTMCell");
    assert_null(wk_forward(lstm, x));
    assert_fails(
        WK_EINVAL,
        "forward: m is LSTM, which has no forward with one input and output: call its own function, or its children");
    wk_module_free(lstm);
}

/* Also where a batch puts the step off. */
static void what_cells_refuse(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *lstm = wk_lstm_cell_new(NULL, NULL, 3, 4, NULL), *gru = wk_gru_cell_new(NULL, NULL, 3, 4, NULL);
    wk_module *rnn = wk_rnn_cell_new(NULL, NULL, 3, 4, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(2, 3), WK_F32), *h = wk_ones(WK_SHAPE(2, 4), WK_F32), *c = h;
    wk_tensor *wide = wk_ones(WK_SHAPE(2, 5), WK_F32), *row = wk_ones(WK_SHAPE(3), WK_F32);
    for (int batch = 0; batch < 2; batch++) {
        const wk_scope scope = batch ? wk_batch_open() : wk_scope_open();
        assert_null(wk_lstm_cell_forward(lstm, wide, h, h, &c));
        assert_null(c);
        assert_fails(WK_ESHAPE, "lstm_cell_forward: x is (2,5) and must be (N,3)");
        assert_null(wk_rnn_cell_forward(rnn, row, NULL));
        assert_fails(WK_ESHAPE, "rnn_cell_forward: x is (3) and must be (N,3)");
        assert_null(wk_gru_cell_forward(gru, x, wide));
        assert_fails(WK_ESHAPE, "gru_cell_forward: h is (2,5) and must be (2,4)");
        assert_null(wk_lstm_cell_forward(lstm, x, h, x, &c));
        assert_fails(WK_ESHAPE, "lstm_cell_forward: c is (2,3) and must be (2,4)");
        assert_null(wk_lstm_cell_forward(lstm, x, h, NULL, &c));
        assert_fails(WK_EINVAL, "lstm_cell_forward: h and c come together or not at all");
        assert_null(wk_rnn_cell_forward(rnn, NULL, h));
        assert_fails(WK_EINVAL, "rnn_cell_forward: x is NULL");
        wk_scope_close(scope);
    }
    wk_module_free(lstm), wk_module_free(gru), wk_module_free(rnn);
}

/* Lengths are data that the gradient reads again: changed meanwhile, they are refused. */
static void lengths_that_change(void **state) {
    (void)state;
    WK_SCOPE;
    const layer l = layer_new(GRU, WK_F32);
    wk_tensor *lengths = lengths_of(several, N), *hn;
    wk_tensor *y = run(GRU, &l, wk_ones(WK_SHAPE(N, T, I), WK_F32), lengths, NULL, false, &hn);
    wk_copy_(lengths, wk_zeros(WK_SHAPE(N), WK_I64));
    assert_int_equal(wk_backward(wk_sum(y)), WK_EVERSION);
    wk_check(NULL);
}

/* What torch.manual_seed(13); torch.nn.LSTM(1, 1) has, and GRU(1, 1) as far as it goes. */
static void first_weights(void **state) {
    (void)state;
    static const float expected[] = {-0x1.a1fab8p-1f, -0x1.51d4p-5f,   0x1.3e0128p-1f,  -0x1.f087cp-1f,
                                     -0x1.f05468p-1f, 0x1.a8362p-3f,   -0x1.12a43p-1f,  0x1.740264p-1f,
                                     0x1.f18bbp-1f,   -0x1.35c118p-1f, -0x1.ab0074p-1f, -0x1.31c66p-3f,
                                     0x1.a8d3dp-1f,   -0x1.49608p-5f,  0x1.1cf84p-4f,   -0x1.d8229p-2f};
    static const char *const names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    for (int kind = LSTM; kind <= GRU; kind++) {
        wk_manual_seed(13);
        wk_module *m = kind == LSTM ? wk_lstm_new(NULL, NULL, 1, 1, NULL) : wk_gru_new(NULL, NULL, 1, 1, NULL);
        const size_t rows = (size_t)blocks[kind];
        for (size_t p = 0; p < 4; p++)
            assert_memory_equal(wk_data(wk_module_parameter(m, names[p])), expected + p * rows, rows * sizeof(float));
        wk_module_free(m);
    }
    assert_ok();
}

static void printed_as_pytorch_prints_them(void **state) {
    (void)state;
    wk_rnn_options o = WK_RNN_OPTIONS;
    assert_module_text(wk_lstm_cell_new(NULL, NULL, 2, 3, NULL), "LSTMCell(2, 3)");
    o.bias = 0;
    assert_module_text(wk_gru_cell_new(NULL, NULL, 2, 3, &o), "GRUCell(2, 3, bias=False)");
    o.num_layers = 2;
    o.bidirectional = 1;
    assert_module_text(wk_lstm_new(NULL, NULL, 2, 3, &o), "LSTM(2, 3, num_layers=2, bias=False, bidirectional=True)");
    assert_module_text(wk_gru_new(NULL, NULL, 2, 3, NULL), "GRU(2, 3)");
    assert_ok();
}

WK_TEST_MAIN("recurrent", cmocka_unit_test(each_row_as_if_alone), cmocka_unit_test(gradients_agree),
             cmocka_unit_test(wide_and_long), cmocka_unit_test(nothing_to_do), cmocka_unit_test(sizes_of_nothing),
             cmocka_unit_test(single_steps), cmocka_unit_test(halves), cmocka_unit_test(what_is_refused),
             cmocka_unit_test(what_modules_refuse), cmocka_unit_test(what_cells_refuse),
             cmocka_unit_test(lengths_that_change), cmocka_unit_test(first_weights),
             cmocka_unit_test(printed_as_pytorch_prints_them))
