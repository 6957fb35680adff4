/* test_halves.c -- every case of ops/ in f16 and bf16: what f32 gives for the same numbers, rounded once, bit for bit;
 * and its gradients. The numbers are those of the case, rounded to the half.
 *
 * Where sums gather in a tensor of halves, each addition is rounded there: a unit in the last place of the largest
 * element is allowed for the two to four that these cases have (measured: 0.58). */
#include "ops_file.h"
#include "support.h"
#include "tensor/array.h"

static int compared;
static char doing[256];

typedef struct run {
    wk_tensor *leaf[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS];
} run;

/* The case on inputs that were rounded to the half and are of type `dtype`, and its gradients. */
static run called(const ops_case *c, wk_dtype half, wk_dtype dtype) {
    run r = {.out = {NULL}};
    wk_tensor *loss = NULL;
    for (int i = 0; i < c->input_count; i++) {
        if (c->input[i].values == NULL) continue;
        wk_tensor *x = ops_tensor(&c->input[i], half);
        r.leaf[i] = ops_is_floating(&c->input[i]) ? wk_requires_grad_(wk_cast(x, dtype), true) : x;
    }
    wk_manual_seed(1);
    ops_call(c, r.leaf, r.out);
    for (int k = 0; k < c->output_count && wk_ok(); k++) {
        if (c->cotangent[k].values == NULL || !wk_requires_grad(r.out[k])) continue;
        wk_tensor *weights = wk_cast(ops_tensor(&c->cotangent[k], half), wk_dtype_of(r.out[k]));
        wk_tensor *part = wk_sum(wk_mul(r.out[k], weights));
        loss = loss != NULL ? wk_add(loss, part) : part;
    }
    if (loss != NULL) wk_backward(loss);
    return r;
}

/* Do terms of the output gather one by one? */
static bool gathers(const char *op) {
    return strcmp(op, "scatter_add") == 0 || strcmp(op, "index_add") == 0 || strcmp(op, "index_put") == 0;
}

/* Within `ulps` units in the last place of the largest element. */
static void compare(wk_tensor *actual, wk_tensor *wide, wk_dtype half, double ulps, const char *what) {
    WK_NO_GRAD;
    if (actual == NULL && wide == NULL) return;
    if (actual == NULL || wide == NULL) fail_msg("%s: no %s", doing, what);
    const wk_dtype expected = wk_dtype_of(wide) == WK_F32 ? half : wk_dtype_of(wide);
    if (wk_dtype_of(actual) != expected) fail_msg("%s: %s is %s", doing, what, wk_dtype_name(wk_dtype_of(actual)));
    wk_tensor *want = wk_cast(wide, expected);
    double a[4096], b[4096], most = 0;
    assert_true(wk_numel(want) == wk_numel(actual) && wk_numel(want) <= 4096);
    ops_values(actual, a), ops_values(want, b);
    for (int64_t i = 0; i < wk_numel(want); i++)
        if (isfinite(b[i])) most = fmax(most, fabs(b[i]));
    for (int64_t i = 0; i < wk_numel(want); i++)
        assert_close_or_nan(a[i], b[i], ulps * most * (half == WK_F16 ? 0x1p-10 : 0x1p-7), doing);
    compared++;
}

static void run_case(const ops_case *c, void *user) {
    WK_SCOPE;
    const wk_dtype half = *(wk_dtype *)user;
    wk_error e;
    snprintf(doing, sizeof doing, "%s %s, %s", c->op, c->label, wk_dtype_name(half));
    const run narrow = called(c, half, half), wide = called(c, half, WK_F32);
    if (wk_check(&e)) fail_msg("%s: %s", doing, e.message);
    for (int k = 0; k < c->output_count; k++) compare(narrow.out[k], wide.out[k], half, gathers(c->op), "output");
    for (int i = 0; i < c->input_count; i++)
        if (ops_is_floating(&c->input[i]))
            compare(wk_grad_of(narrow.leaf[i]), wk_grad_of(wide.leaf[i]), half, 1, "gradient");
}

static void all_cases(wk_dtype half) {
    compared = 0;
    assert_true(ops_each_case(wk_test_data, "ops", run_case, &half) >= 900);
    print_message("# %d arrays compared\n", compared);
}

static void f16(void **state) { (void)state, all_cases(WK_F16); }
static void bf16(void **state) { (void)state, all_cases(WK_BF16); }

WK_TEST_MAIN("halves", cmocka_unit_test(f16), cmocka_unit_test(bf16))
