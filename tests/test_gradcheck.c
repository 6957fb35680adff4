/* test_gradcheck.c -- gradients of every row of ops.def, and gradients of those, against central differences in f64, by
 * the public wk_gradcheck and wk_gradgradcheck; and that those see a mistake. The calls are the cases of ops/.
 * Inputs lie as every second element of a buffer whose other half is NaN, so that a kernel which reads or writes beside
 * its input shows. */
#include <stdlib.h>

#include "grad/op.h"
#include "ops_file.h"
#include "support.h"

enum { MAX_ELEMENTS = 90 };

/* (f(x + h) - f(x - h)) / 2h is wrong by h^2/6 f''' and by some 1e-16 f / h, both about 1e-10 for numbers near 1; the
 * largest sums here reach 100. */
static const wk_gradcheck_options strict = {sizeof strict, 1e-5, 1e-7, 0};

/* ------------------------------------------------------------------------------------------------ rows as cases --- */

/* A leaf whose last dimension is 2: NaN, value. */
static wk_tensor *buffer_of(const ops_array *a) {
    int64_t dims[OPS_MAX_DIMS + 1];
    for (int d = 0; d < a->ndim; d++) dims[d] = a->dims[d];
    dims[a->ndim] = 2;
    wk_tensor *buffer = wk_full(a->ndim + 1, dims, (double)NAN, WK_F64);
    double *data = wk_data_mut(buffer);
    for (int64_t e = 0; e < a->numel; e++) data[2 * e + 1] = a->values[e];
    return wk_requires_grad_(buffer, true);
}

/* The call of a case, on the values in the buffers; whole numbers come as they are. */
static bool call(void *user, wk_tensor *const *buffers, wk_tensor **out) {
    const ops_case *c = *(const ops_case **)user;
    wk_tensor *in[OPS_MAX_INPUTS];
    for (int i = 0; i < c->input_count; i++)
        in[i] = buffers[i] != NULL && ops_is_floating(&c->input[i]) ? wk_select(buffers[i], -1, 1) : buffers[i];
    return ops_call(c, in, out) == WK_OK;
}

static int64_t element_count(const ops_case *c) {
    int64_t count = 0;
    for (int i = 0; i < c->input_count; i++) count += c->input[i].numel;
    for (int k = 0; k < c->output_count; k++) count += c->output[k].numel;
    return count;
}

typedef wk_status checker(wk_function *f, void *user, wk_tensor *const *inputs, int32_t input_count,
                          int32_t output_count, const wk_gradcheck_options *options);

static void check_case(const ops_case *c, checker *check) {
    WK_SCOPE;
    wk_tensor *buffers[OPS_MAX_INPUTS] = {NULL};
    wk_error e;
    for (int i = 0; i < c->input_count; i++)
        if (c->input[i].values != NULL)
            buffers[i] = ops_is_floating(&c->input[i]) ? buffer_of(&c->input[i]) : ops_tensor(&c->input[i], WK_F64);
    int32_t floating = 0; /* indices come last */
    while (floating < c->output_count && ops_is_floating(&c->output[floating])) floating++;
    check(call, &c, buffers, c->input_count, floating, &strict);
    if (wk_check(&e)) fail_msg("%s %s: %s", c->op, c->label, e.message);
    for (int i = 0; i < c->input_count; i++) assert_null(wk_grad_of(buffers[i]));
}

/* In place is the same row once more (test_in_place.c); copy_ is below. Dropout has another mask each time:
 * test_reductions.c. */
static bool has_gradient(const char *op) {
    if (op[strlen(op) - 1] == '_' || (wk_op_find(op)->flags & (WK__OP_NO_GRAD | WK__OP_RANDOM))) return false;
    static const char *const others[] = {"argmax", "argmin", "argmax_dim", "argmin_dim", "dropout"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(op, others[i]) == 0) return false;
    return true;
}

/* Bends and steps have no difference quotient, and where a function is flat it is too coarse. The gradient of an
 * embedding leaves the padding out on purpose. */
static bool is_smooth(const char *label) {
    static const char *const others[] = {"extremes", "edges", "corners", "ties", "padding"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strncmp(label, others[i], strlen(others[i])) == 0) return false;
    return true;
}

static char seen[16384]; /* the rows that had a case, between blanks */

static void check_if_small(const ops_case *c, void *user) {
    const bool small = element_count(c) <= MAX_ELEMENTS;
    if (c->cotangent[0].values == NULL || !small || !is_smooth(c->label) || !has_gradient(c->op)) return;
    check_case(c, *(checker **)user);
    snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s ", c->op);
}

static void cases_against_differences(checker *check) {
    strcpy(seen, " ");
    assert_true(ops_each_case(wk_test_data, "ops", check_if_small, &check) > 0);
    for (int32_t row = 0; row < wk_op_count(); row++) {
        char word[64];
        snprintf(word, sizeof word, " %s ", wk_op_name(wk_op_at(row)));
        if (has_gradient(wk_op_name(wk_op_at(row))) && strstr(seen, word) == NULL)
            fail_msg("no small case for%s", word);
    }
}

static void gradients(void **state) {
    (void)state;
    cases_against_differences(wk_gradcheck);
}

static void gradients_of_gradients(void **state) {
    (void)state;
    cases_against_differences(wk_gradgradcheck);
}

/* out <- w^2 stretched over three rows; then once more with 2w: only the last counts, but for what read the first. */
static bool written_twice(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *w = wk_select(in[0], -1, 1), *written = wk_zeros(WK_SHAPE(3, 2), WK_F64), *first, *second;
    wk_copy_(written, wk_mul(w, w));
    first = wk_sum(wk_tanh(written));
    wk_copy_(written, wk_mul_scalar(w, 2));
    second = wk_sum(wk_mul(wk_tanh(wk_select(written, 0, 1)), w));
    out[0] = wk_add(first, second);
    return true;
}

/* Rows of one tensor, one after another, through views: of zeros, of something with a history, over an earlier write,
 * and across. What read the whole before a write keeps what it read. */
static bool written_by_rows(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    wk_tensor *w = wk_select(in[0], -1, 1), *rows = wk_zeros(WK_SHAPE(3, 2), WK_F64);
    for (int64_t t = 0; t < 3; t++) wk_copy_(wk_select(rows, 0, t), wk_tanh(wk_mul_scalar(w, (double)(t + 1))));
    out[0] = wk_tanh(rows);
    wk_copy_(wk_select(rows, 0, 1), wk_mul(w, w));
    wk_tensor *used_on = wk_copy_(wk_select(wk_transpose(rows, 0, 1), 0, 1), wk_select(w, 0, 0));
    wk_tensor *product = wk_mul_scalar(wk_expand(w, WK_SHAPE(3, 2)), 3);
    wk_copy_(wk_select(product, 0, 2), wk_full(WK_SCALAR, 0.5, WK_F64)); /* a constant over a history */
    out[1] = wk_mul(wk_tanh(rows), product);
    out[2] = wk_mul(used_on, used_on);
    return true;
}

static void writes_in_place(void **state) {
    (void)state;
    WK_SCOPE;
    double values[] = {0.3, -0.8};
    wk_tensor *w = buffer_of(&(ops_array){.ndim = 1, .dims = {2}, .numel = 2, .values = values});
    wk_gradcheck(written_twice, NULL, &w, 1, 1, &strict);
    wk_gradcheck(written_by_rows, NULL, &w, 1, 3, &strict);
    assert_ok();
}

/* ------------------------------------------------------------------------------------------- what checking sees --- */

static wk_tensor *leaf(wk_dtype dtype, const char *name) {
    wk_tensor *t = wk_requires_grad_(wk_full(WK_SHAPE(1, 2), 0.5, dtype), true);
    wk_set_name(t, name);
    return t;
}

/* y = sum x^2, half of whose gradient is cut off. */
static bool half(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_sum(wk_mul(in[0], wk_detach(in[0])));
    return true;
}

/* Random factors, the first of which is told to the user. */
static bool noise(void *user, wk_tensor *const *in, wk_tensor **out) {
    *(double *)user = wk_item(wk_rand(WK_SCALAR, WK_F64));
    out[0] = wk_mul(in[0], wk_rand(WK_SHAPE(1, 2), WK_F64));
    out[1] = wk_mul(in[0], in[0]);
    return true;
}

static bool without_history(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)user;
    out[0] = wk_detach(in[0]);
    return true;
}

static bool gives_up(void *user, wk_tensor *const *in, wk_tensor **out) {
    (void)in, (void)out;
    return user != NULL;
}

static void mistakes_are_named(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(WK_F64, "w"), *nameless = leaf(WK_F64, "");
    assert_int_equal(wk_gradcheck(half, NULL, &w, 1, 1, NULL), WK_EDIFFERS);
    assert_fails(WK_EDIFFERS, "gradcheck: the gradient of w at [0,0] is 0.270151153 by wk_grad, expected 0.540302306 "
                              "by differences");
    wk_gradgradcheck(half, NULL, &nameless, 1, 1, NULL);
    assert_fails(WK_EDIFFERS, "gradgradcheck: the gradient of input 0 at [0,0] is 0 by wk_grad, expected 0.291926582 "
                              "by differences");
    assert_close(wk_get_f64(w, (const int64_t[]){0, 1}), 0.5, 0, "w has its values back");
}

static void the_stream_and_gradients_are_as_before(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(WK_F64, "w"), *one = wk_ones(WK_SHAPE(1, 2), WK_F64), *out[2];
    double first, again;
    wk_backward(wk_sum(wk_mul(w, one)));
    wk_manual_seed(5);
    wk_gradcheck(noise, &first, &w, 1, 2, NULL);
    assert_ok();
    noise(&again, &w, out);
    assert_close(first, again, 0, "the same numbers");
    assert_close(wk_get_f64(wk_grad_of(w), (const int64_t[]){0, 0}), 1, 0, "its own gradient");
}

static void what_cannot_be_checked(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *w = leaf(WK_F64, "w"), *f32 = leaf(WK_F32, "f"), *x = wk_zeros(WK_SHAPE(2), WK_F64), *y = wk_mul(w, w);
    wk_gradcheck(half, NULL, &f32, 1, 1, NULL);
    assert_fails(WK_EDTYPE, "gradcheck: f has type f32: differences need f64");
    wk_gradcheck(half, NULL, &x, 1, 1, NULL);
    assert_fails(WK_EGRAD, "gradcheck: no input requires a gradient");
    wk_gradcheck(half, NULL, &y, 1, 1, NULL);
    assert_fails(WK_EGRAD, "gradcheck: input 0 was computed by an op: only leaves are checked");
    wk_gradcheck(gives_up, NULL, &w, 1, 1, NULL);
    assert_fails(WK_EINVAL, "gradcheck: the function returned false");
    wk_gradcheck(without_history, NULL, &w, 1, 1, NULL);
    assert_fails(WK_EGRAD, "gradcheck: no output depends on an input that requires a gradient");
    wk_gradgradcheck(gives_up, w, &w, 1, 1, NULL);
    assert_fails(WK_EINVAL, "gradgradcheck: output 0 is NULL");
    wk_gradcheck(NULL, NULL, &w, 1, 1, NULL);
    assert_fails(WK_EINVAL, "gradcheck: f or inputs is NULL, or there are not 1 to 32 outputs of at most 32 inputs");
}

WK_TEST_MAIN("gradcheck", cmocka_unit_test(gradients), cmocka_unit_test(gradients_of_gradients),
             cmocka_unit_test(writes_in_place), cmocka_unit_test(mistakes_are_named),
             cmocka_unit_test(the_stream_and_gradients_are_as_before), cmocka_unit_test(what_cannot_be_checked))
