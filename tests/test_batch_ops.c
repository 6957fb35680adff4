/* test_batch_ops.c -- every operation in a batch: each case of ops/, called three times beside one another, on the
 * case's values, on those in reverse and on the case's again. Values and gradients are those without the batch. */
#include "ops_file.h"
#include "support.h"

enum { CALLS = 3, MOST_NUMEL = 4096 };

static int compared;

/* What a program comes to: the elements of all outputs and gradients, one after another. */
typedef struct numbers {
    double of[CALLS * (OPS_MAX_INPUTS + OPS_MAX_OUTPUTS)][MOST_NUMEL];
    int64_t numel[CALLS * (OPS_MAX_INPUTS + OPS_MAX_OUTPUTS)];
    int count;
    wk_error error;
} numbers;

static void note(numbers *n, const wk_tensor *t) {
    const int at = n->count++;
    n->numel[at] = t != NULL && wk_numel(t) <= MOST_NUMEL ? wk_numel(t) : 0;
    if (n->numel[at] > 0) ops_values(t, n->of[at]);
}

/* Input i of call p: a leaf, if it can be one. */
static wk_tensor *input(const ops_case *c, int i, int p) {
    if (c->input[i].values == NULL) return NULL;
    wk_tensor *x = ops_tensor(&c->input[i], WK_F64);
    if (!ops_is_floating(&c->input[i])) return x;
    double *values = wk_data_mut(x);
    const int64_t n = wk_numel(x);
    for (int64_t j = 0; p == 1 && j < n / 2; j++) {
        const double other = values[n - 1 - j];
        values[n - 1 - j] = values[j];
        values[j] = other;
    }
    return wk_requires_grad_(x, true);
}

/* `computed`: the operations read what was itself put off. */
static void run(const ops_case *c, bool batched, bool computed, numbers *n) {
    wk_tensor *leaf[CALLS][OPS_MAX_INPUTS] = {{NULL}}, *y[CALLS][OPS_MAX_OUTPUTS] = {{NULL}}, *loss = NULL;
    n->count = 0;
    wk_manual_seed(1);
    const wk_scope scope = batched ? wk_batch_open() : wk_scope_open();
    for (int p = 0; p < CALLS; p++) {
        wk_tensor *x[OPS_MAX_INPUTS] = {NULL};
        for (int i = 0; i < c->input_count; i++) {
            leaf[p][i] = x[i] = input(c, i, p);
            if (computed && x[i] != NULL && wk_requires_grad(x[i])) x[i] = wk_mul_scalar(x[i], 1);
        }
        ops_call(c, x, y[p]);
        for (int k = 0; k < c->output_count; k++) {
            if (c->cotangent[k].values == NULL || y[p][k] == NULL || !wk_requires_grad(y[p][k])) continue;
            wk_tensor *part = wk_sum(wk_mul(y[p][k], ops_tensor(&c->cotangent[k], WK_F64)));
            loss = loss != NULL ? wk_add(loss, part) : part;
        }
    }
    for (int p = 0; p < CALLS; p++)
        for (int k = 0; k < c->output_count; k++) note(n, y[p][k]);
    if (loss != NULL) wk_backward(loss);
    for (int p = 0; p < CALLS; p++)
        for (int i = 0; i < c->input_count; i++) note(n, leaf[p][i] != NULL ? wk_grad_of(leaf[p][i]) : NULL);
    wk_scope_close(scope);
    wk_check(&n->error);
}

/* Sums may round otherwise, of a few hundred terms. */
static void compare(const ops_case *c, const numbers *a, const numbers *b) {
    if (a->error.status != b->error.status)
        fail_msg("%s %s: %s, and in a batch %s", c->op, c->label, a->error.message, b->error.message);
    if (a->error.status != WK_OK) return;
    for (int t = 0; t < a->count; t++) {
        double largest = 1;
        if (a->numel[t] != b->numel[t]) fail_msg("%s %s: tensor %d is of another size", c->op, c->label, t);
        for (int64_t i = 0; i < a->numel[t]; i++)
            if (isfinite(a->of[t][i])) largest = fmax(largest, fabs(a->of[t][i]));
        for (int64_t i = 0; i < a->numel[t]; i++)
            if (a->of[t][i] != b->of[t][i] && !(fabs(a->of[t][i] - b->of[t][i]) <= 1e-12 * largest) &&
                !(isnan(a->of[t][i]) && isnan(b->of[t][i])))
                fail_msg("%s %s: element %d of tensor %d is %.17g and in a batch %.17g", c->op, c->label, (int)i, t,
                         a->of[t][i], b->of[t][i]);
        compared += a->numel[t] > 0;
    }
}

static void one_case(const ops_case *c, void *user) {
    static numbers alone, batched;
    (void)user;
    if (c->refused[0] != '\0') return;
    for (int computed = 0; computed < 2; computed++) {
        run(c, false, computed, &alone);
        run(c, true, computed, &batched);
        compare(c, &alone, &batched);
    }
}

static void every_op(void **state) {
    (void)state;
    assert_true(ops_each_case(wk_test_data, "ops", one_case, NULL) > 0);
    assert_true(compared > 10000);
}

WK_TEST_MAIN("batches of every operation", cmocka_unit_test(every_op))
