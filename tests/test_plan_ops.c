/* test_plan_ops.c -- every operation in a plan: each case of ops/, its values and its gradients, as the function itself
 * gives them, bit for bit; or a refusal. */
#include "ops_file.h"
#include "same_bits.h"

enum { MOST = OPS_MAX_INPUTS + OPS_MAX_OUTPUTS };

static int compared;
static char refused_ops[4096]; /* " one two " */

/* Inputs are the case's, and then a cotangent for each output. */
static bool step(void *user, wk_tensor *const *in, wk_tensor **out) {
    const ops_case *c = user;
    wk_tensor *x[OPS_MAX_INPUTS] = {NULL}, *y[OPS_MAX_OUTPUTS] = {NULL}, *loss = NULL;
    for (int i = 0; i < c->input_count; i++) {
        x[i] = in[i];
        if (in[i] != NULL && ops_is_floating(&c->input[i])) x[i] = wk_requires_grad_(wk_clone(in[i]), true);
    }
    if (ops_call(c, x, y) != WK_OK) return false;
    for (int k = 0; k < c->output_count; k++) {
        out[k] = wk_detach(y[k]);
        wk_tensor *cotangent = in[c->input_count + k];
        if (cotangent == NULL || !wk_requires_grad(y[k])) continue;
        wk_tensor *part = wk_sum(wk_mul(y[k], cotangent));
        loss = loss != NULL ? wk_add(loss, part) : part;
    }
    if (loss != NULL) wk_backward(loss);
    for (int i = 0; i < c->input_count; i++) {
        wk_tensor *g = x[i] != NULL ? wk_grad_of(x[i]) : NULL;
        out[c->output_count + i] = g != NULL ? g : wk_zeros(0, NULL, WK_F32);
    }
    return wk_ok();
}

static void assert_same(const ops_case *c, int k, wk_tensor *a, wk_tensor *b) {
    if (a == NULL || b == NULL) fail_msg("%s %s: output %d is missing", c->op, c->label, k);
    if (wk_numel(a) == 0) return;
    if (!same_bits(a, b)) fail_msg("%s %s: output %d differs", c->op, c->label, k);
    compared++;
}

static void note_refusal(const ops_case *c, const char *message) {
    char entry[80];
    snprintf(entry, sizeof entry, "%s ", c->op);
    if (strstr(refused_ops, entry) != NULL) return;
    print_message("# %s: %s\n", c->label, message);
    strncat(refused_ops, entry, sizeof refused_ops - strlen(refused_ops) - 1);
}

static void run_plan(const ops_case *c, wk_tensor *const *in, wk_tensor *const *expected) {
    const int count = c->input_count + c->output_count;
    wk_tensor *out[MOST];
    wk_plan *plan = wk_plan_new(step, (void *)(uintptr_t)c, count, count, NULL);
    for (int run = 0; run < 3; run++) {
        wk_error e;
        wk_plan_run(plan, in, out);
        if (wk_check(&e) == WK_ESTATE) {
            note_refusal(c, e.message);
            break;
        }
        if (e.status != WK_OK) fail_msg("%s %s: %s", c->op, c->label, e.message);
        for (int k = 0; k < count; k++) assert_same(c, k, expected[k], out[k]);
    }
    wk_plan_free(plan);
}

static void one_case(const ops_case *c, void *user) {
    WK_SCOPE;
    wk_tensor *in[MOST] = {NULL}, *out[MOST];
    if (c->refused[0] != '\0') return;
    for (int i = 0; i < c->input_count; i++)
        if (c->input[i].values != NULL) in[i] = ops_tensor(&c->input[i], *(wk_dtype *)user);
    for (int k = 0; k < c->output_count; k++)
        if (c->cotangent[k].values != NULL) in[c->input_count + k] = ops_tensor(&c->cotangent[k], *(wk_dtype *)user);
    wk_manual_seed(1);
    step((void *)(uintptr_t)c, in, out);
    wk_error e;
    if (wk_check(&e) != WK_OK) fail_msg("%s %s: %s", c->op, c->label, e.message);
    run_plan(c, in, out);
}

static void every_op(void **state) {
    (void)state;
    const wk_dtype types[] = {WK_F32, WK_F64};
    for (int t = 0; t < 2; t++)
        assert_true(ops_each_case(wk_test_data, "ops", one_case, (void *)(uintptr_t)&types[t]) > 0);
    assert_true(compared > 10000);
    /* Shapes that depend on values. */
    assert_string_equal(refused_ops, "one_hot masked_select nonzero ");
}

WK_TEST_MAIN("plans of every operation", cmocka_unit_test(every_op))
