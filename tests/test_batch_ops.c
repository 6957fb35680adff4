/* test_batch_ops.c -- every operation in a batch: each case of ops/ and opinfo/, called three times beside one another,
 * on the case's values, on those in reverse and on those one further; with inputs of their own, and with some that they
 * share: each, and several. Values, gradients by kernels and by ops and gradients of gradients are those without the
 * batch. */
#include "ops_file.h"
#include "support.h"

enum {
    CALLS = 3,
    MOST_LEAVES = CALLS * OPS_MAX_INPUTS,
    MOST_TENSORS = CALLS * OPS_MAX_OUTPUTS + 3 * MOST_LEAVES,
    MOST_NUMBERS = 1 << 16,
    ALL_SUBSETS = 4, /* of more inputs only each is shared, and all but each */
};

/* ----------------------------------------------------------------------------------------------------- programs --- */

/* What the inputs of the calls are. */
typedef enum kind {
    LEAVES,
    SHARED_LEAVES, /* and what a call has of its own was put off: a group has such a leaf once, and stretches it */
    SHARED_LEAVES_ALONE, /* and what a call has of its own is constant */
    PROMISES,
    KINDS
} kind;

typedef struct way {
    bool batched;
    uint32_t shared; /* bit i: input i is one tensor for all calls */
    kind inputs;
} way;

typedef struct program {
    wk_tensor *x[CALLS][OPS_MAX_INPUTS], *y[CALLS][OPS_MAX_OUTPUTS], *leaf[MOST_LEAVES];
    int leaves;
} program;

/* What it comes to: the elements of all outputs and gradients, one after another. */
typedef struct numbers {
    double of[MOST_NUMBERS];
    int64_t start[MOST_TENSORS + 1];
    int ndim[MOST_TENSORS], count;
    wk_error error;
} numbers;

static void note(numbers *n, const wk_tensor *t) {
    const int at = n->count++;
    const int64_t numel = t != NULL ? wk_numel(t) : 0;
    assert_true(n->start[at] + numel <= MOST_NUMBERS);
    if (numel > 0) ops_values(t, n->of + n->start[at]);
    n->start[at + 1] = n->start[at] + numel;
    n->ndim[at] = t != NULL ? wk_ndim(t) : -1;
}

/* Input i as call p has it of its own. */
static wk_tensor *own(const ops_case *c, int i, int p) {
    const ops_array *a = &c->input[i];
    if (a->values == NULL) return NULL;
    wk_tensor *x = ops_tensor(a, WK_F64);
    double *values = ops_is_floating(a) ? wk_data_mut(x) : NULL;
    for (int64_t j = 0; values != NULL && p > 0 && j < a->numel; j++)
        values[j] = a->values[p == 1 ? a->numel - 1 - j : (j + 1) % a->numel];
    return x;
}

/* The inputs of a call; those that it is first to have become leaves, where they can. */
static void inputs_of_call(const ops_case *c, way w, int p, program *of) {
    for (int i = 0; i < c->input_count; i++) {
        const bool is_shared = w.shared >> i & 1;
        if (is_shared && p > 0) {
            of->x[p][i] = of->x[0][i];
            continue;
        }
        wk_tensor *x = own(c, i, p);
        if (x != NULL && ops_is_floating(&c->input[i])) {
            if (is_shared || w.inputs != SHARED_LEAVES_ALONE) of->leaf[of->leaves++] = wk_requires_grad_(x, true);
            if (is_shared ? w.inputs == PROMISES : w.inputs != LEAVES) x = wk_mul_scalar(x, 1);
        }
        of->x[p][i] = x;
    }
}

/* Either may be absent. */
static wk_tensor *sum_of(wk_tensor *a, wk_tensor *b) { return a == NULL ? b : b == NULL ? a : wk_add(a, b); }

/* sum over outputs of sum(cotangent * output^2): gradients of gradients are not zero where the row is linear. */
static wk_tensor *loss_of(const ops_case *c, wk_tensor *const *y) {
    wk_tensor *loss = NULL;
    for (int k = 0; k < c->output_count; k++)
        if (c->cotangent[k].values != NULL && y[k] != NULL && wk_requires_grad(y[k]))
            loss = sum_of(loss, wk_sum(wk_mul(wk_square(y[k]), ops_tensor(&c->cotangent[k], WK_F64))));
    return loss;
}

static void note_gradients(numbers *n, wk_tensor *loss, wk_tensor *const *leaf, int count, bool twice) {
    wk_tensor *g[MOST_LEAVES] = {NULL}, *gg[MOST_LEAVES] = {NULL}, *sum = NULL;
    wk_backward_flags(loss, WK_RETAIN_GRAPH);
    for (int i = 0; i < count; i++) note(n, wk_grad_of(leaf[i]));
    if (!twice) return;
    wk_grad(loss, leaf, count, g, WK_CREATE_GRAPH);
    for (int i = 0; i < count; i++) {
        note(n, g[i]);
        if (g[i] != NULL && wk_requires_grad(g[i])) sum = sum_of(sum, wk_sum(wk_square(g[i])));
    }
    if (sum != NULL) wk_grad(sum, leaf, count, gg, 0);
    for (int i = 0; i < count; i++) note(n, gg[i]);
}

/* Long sequences take their time, and short ones are of the same rows: of those the calls share nothing, and no second
 * gradients are compared. */
static bool is_long(const ops_case *c) {
    for (int d = 0; d < c->input[0].ndim; d++)
        if (c->input[0].dims[d] > 32) return true;
    return false;
}

static void run(const ops_case *c, way w, numbers *n) {
    program of = {.leaves = 0};
    wk_tensor *loss = NULL;
    n->count = 0;
    wk_manual_seed(1);
    const wk_scope scope = w.batched ? wk_batch_open() : wk_scope_open();
    for (int p = 0; p < CALLS; p++) {
        inputs_of_call(c, w, p, &of);
        ops_call(c, of.x[p], of.y[p]);
        loss = sum_of(loss, loss_of(c, of.y[p]));
    }
    for (int p = 0; p < CALLS; p++)
        for (int k = 0; k < c->output_count; k++) note(n, of.y[p][k]);
    if (loss != NULL) note_gradients(n, loss, of.leaf, of.leaves, !is_long(c));
    wk_scope_close(scope);
    wk_check(&n->error);
}

/* ---------------------------------------------------------------------------------------------------- comparing --- */

static int compared;

static void differ(const ops_case *c, way w, const char *format, ...) {
    static const char *const names[] = {"leaves", "promises and shared leaves", "constants and shared leaves",
                                        "promises"};
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail_msg("%s %s, of %s, where the calls share 0x%x: %s", c->op, c->label, names[w.inputs], w.shared, text);
}

/* Sums may round otherwise, of a few hundred terms. */
static bool agree(double a, double b, double largest) {
    return a == b || fabs(a - b) <= 1e-12 * largest || (isnan(a) && isnan(b));
}

static void compare_tensor(const ops_case *c, way w, int t, const numbers *a, const numbers *b) {
    const int64_t start = a->start[t], end = a->start[t + 1];
    double largest = 1;
    if (end != b->start[t + 1] || a->ndim[t] != b->ndim[t]) differ(c, w, "tensor %d is of another size", t);
    for (int64_t i = start; i < end; i++)
        if (isfinite(a->of[i])) largest = fmax(largest, fabs(a->of[i]));
    for (int64_t i = start; i < end; i++)
        if (!agree(a->of[i], b->of[i], largest))
            differ(c, w, "element %d of tensor %d is %.17g and in a batch %.17g", (int)(i - start), t, a->of[i],
                   b->of[i]);
    compared += end > start;
}

static void compare(const ops_case *c, uint32_t shared) {
    static numbers alone, batched;
    for (kind k = 0; k < KINDS; k++) {
        run(c, (way){false, shared, k}, &alone);
        const way w = {true, shared, k};
        run(c, w, &batched);
        if (alone.error.status || batched.error.status)
            differ(c, w, "\"%s\", and in a batch \"%s\"", alone.error.message, batched.error.message);
        if (alone.count != batched.count) differ(c, w, "%d tensors, and in a batch %d", alone.count, batched.count);
        for (int t = 0; t < alone.count; t++) compare_tensor(c, w, t, &alone, &batched);
    }
}

/* Rows in place are left out: what was computed in a batch is not to be written. */
static void one_case(const ops_case *c, void *user) {
    const int n = is_long(c) ? 0 : c->input_count;
    const uint32_t all = (uint32_t)(((uint64_t)1 << n) - 1);
    (void)user;
    if (c->refused[0] != '\0' || c->op[strlen(c->op) - 1] == '_') return;
    compare(c, 0);
    for (uint32_t shared = 1; n <= ALL_SUBSETS && shared <= all; shared++) compare(c, shared);
    for (int i = 0; n > ALL_SUBSETS && i < n; i++) {
        if (c->input[i].values == NULL) continue;
        compare(c, 1u << i);
        compare(c, all & ~(1u << i));
    }
}

static void every_op(void **state) {
    (void)state;
    assert_true(ops_each_case(wk_test_data, "ops", one_case, NULL) > 0);
    assert_true(ops_each_case(wk_test_data, "opinfo", one_case, NULL) > 0);
    assert_true(compared > 500000);
}

WK_TEST_MAIN("batches of every operation", cmocka_unit_test(every_op))
