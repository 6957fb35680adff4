/* test_gradcheck.c -- gradients of every row of ops.def, and gradients of those, against central differences in f64.
 * The calls are the cases of ops.txt. Inputs lie as every second element of a buffer whose other half is NaN, so that a
 * kernel which reads or writes beside its input shows. */
#include <stdlib.h>

#include "ops_file.h"
#include "support.h"

enum { MAX_LEAVES = OPS_MAX_INPUTS + OPS_MAX_OUTPUTS, MAX_ELEMENTS = 90 };

/* A case as a function of its leaves: the inputs, then the cotangents of the outputs. */
typedef struct problem {
    const ops_case *c;
    int leaf_count, input_leaves;        /* absent inputs have no leaf */
    const ops_array *shape[MAX_LEAVES];
    double *values[MAX_LEAVES];          /* where the function is evaluated; differences move single elements */
    wk_tensor *leaf[MAX_LEAVES];         /* the buffers */
    wk_tensor *x[MAX_LEAVES];            /* the views on them */
} problem;

static void add_leaf(problem *p, const ops_array *a) {
    p->shape[p->leaf_count] = a;
    p->values[p->leaf_count] = calloc((size_t)a->numel + 1, sizeof(double));
    memcpy(p->values[p->leaf_count++], a->values, (size_t)a->numel * sizeof(double));
}

static problem problem_of(const ops_case *c) {
    problem p = {.c = c};
    for (int i = 0; i < c->input_count; i++)
        if (c->input[i].values != NULL && !c->input[i].whole) add_leaf(&p, &c->input[i]);
    p.input_leaves = p.leaf_count;
    for (int k = 0; k < c->output_count; k++)
        if (!c->output[k].whole) add_leaf(&p, &c->cotangent[k]);
    return p;
}

static void problem_free(problem *p) {
    for (int i = 0; i < p->leaf_count; i++) free(p->values[i]);
}

static int64_t element_count(const problem *p) {
    int64_t count = 0;
    for (int i = 0; i < p->leaf_count; i++) count += p->shape[i]->numel;
    return count;
}

/* ------------------------------------------------------------------------------------------------ the functions --- */

static void make_leaf(problem *p, int i) {
    const ops_array *a = p->shape[i];
    int64_t dims[OPS_MAX_DIMS + 1];
    for (int d = 0; d < a->ndim; d++) dims[d] = a->dims[d];
    dims[a->ndim] = 2;
    p->leaf[i] = wk_full(a->ndim + 1, dims, (double)NAN, WK_F64);
    double *data = wk_data_mut(p->leaf[i]);
    for (int64_t e = 0; e < a->numel; e++) data[2 * e + 1] = p->values[i][e];
    wk_requires_grad_(p->leaf[i], true);
    p->x[i] = wk_select(p->leaf[i], -1, 1);
}

static wk_tensor *whole_tensor(const ops_array *a) {
    wk_tensor *t = wk_empty(a->ndim, a->dims, WK_I64);
    for (int64_t e = 0; e < a->numel; e++) ((int64_t *)wk_data_mut(t))[e] = (int64_t)a->values[e];
    return t;
}

/* L = sum over outputs of sum(cotangent * output). */
static wk_tensor *loss_of(problem *p) {
    const ops_case *c = p->c;
    wk_attr attrs[OPS_MAX_ATTRS];
    wk_tensor *in[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS] = {NULL}, *loss = NULL;
    for (int i = 0; i < p->leaf_count; i++) make_leaf(p, i);
    for (int a = 0; a < c->attr_count; a++)
        attrs[a] = (wk_attr){c->attrs[a].name, c->attrs[a].i, c->attrs[a].f, c->attrs[a].dims, c->attrs[a].count};
    for (int i = 0, leaf = 0; i < c->input_count; i++)
        in[i] = c->input[i].whole ? whole_tensor(&c->input[i]) : c->input[i].values != NULL ? p->x[leaf++] : NULL;
    wk_op_call(wk_op_find(c->op), attrs, c->attr_count, in, c->input_count, out);
    for (int k = 0; k < c->output_count && !c->output[k].whole; k++) { /* indices come last */
        wk_tensor *part = wk_sum(wk_mul(out[k], p->x[p->input_leaves + k]));
        loss = loss != NULL ? wk_add(loss, part) : part;
    }
    return loss;
}

/* Fixed numbers of either sign, no two alike: the weights of gradients in g. */
static wk_tensor *weights_like(const wk_tensor *t) {
    wk_tensor *w = wk_empty(wk_ndim(t), wk_dims(t), WK_F64);
    double *data = wk_data_mut(w);
    for (int64_t e = 0; e < wk_numel(w); e++) data[e] = cos(3.7 * (double)e + 1);
    return w;
}

/* g = sum over inputs of sum(weight * dL/dinput), recorded. */
static wk_tensor *gradient_sum_of(problem *p) {
    wk_tensor *loss = loss_of(p), *gradients[MAX_LEAVES] = {NULL}, *g = NULL;
    wk_grad(loss, p->x, p->input_leaves, gradients, WK_CREATE_GRAPH);
    for (int i = 0; i < p->input_leaves; i++) {
        wk_tensor *part = gradients[i] != NULL ? wk_sum(wk_mul(gradients[i], weights_like(gradients[i]))) : NULL;
        g = g != NULL ? wk_add(g, part) : part;
    }
    return g;
}

typedef wk_tensor *function(problem *p);

static double value_of(problem *p, function *f) {
    WK_SCOPE;
    return wk_item(f(p));
}

/* -------------------------------------------------------------------------------------------------- differences --- */

/* (f(x + h) - f(x - h)) / 2h is wrong by h^2/6 f''' and by some 1e-16 f / h, both about 1e-10 for numbers near 1; the
 * largest sums here reach 100. */
static const double h = 1e-5, tolerance = 1e-7;

static double slope(problem *p, function *f, int leaf, int64_t element) {
    double *value = &p->values[leaf][element];
    const double middle = *value;
    *value = middle + h;
    const double above = value_of(p, f);
    *value = middle - h;
    const double below = value_of(p, f);
    *value = middle;
    return (above - below) / (2 * h);
}

static void compare_leaf(problem *p, function *f, int leaf, wk_tensor *gradient, const char *what) {
    char where[256];
    double found[2 * MAX_ELEMENTS];
    assert_int_equal(wk_read(gradient, found, (size_t)wk_numel(gradient) * sizeof *found), WK_OK);
    for (int64_t e = 0; e < p->shape[leaf]->numel; e++) {
        snprintf(where, sizeof where, "%s %s: %s, leaf %d [%d]", p->c->op, p->c->label, what, leaf, (int)e);
        assert_close(found[2 * e + 1], slope(p, f, leaf, e), tolerance, where);
        assert_close(found[2 * e], 0, 0, "beside the input");
    }
}

static void compare_all(problem *p, function *f, const char *what) {
    WK_SCOPE;
    wk_tensor *y = f(p), *by_grad[MAX_LEAVES];
    wk_tensor *leaves[MAX_LEAVES];
    memcpy(leaves, p->leaf, sizeof leaves); /* evaluating f elsewhere makes new ones */
    if (!wk_requires_grad(y)) return; /* a gradient that is a constant: there is nothing to compare */
    wk_grad(y, leaves, p->leaf_count, by_grad, WK_RETAIN_GRAPH);
    wk_backward(y);
    assert_ok();
    for (int i = 0; i < p->leaf_count; i++) {
        compare_leaf(p, f, i, by_grad[i], what);
        if (wk_grad_of(leaves[i]) != NULL) compare_leaf(p, f, i, wk_grad_of(leaves[i]), what);
    }
}

/* -------------------------------------------------------------------------------------------------------- tests --- */

static bool has_gradient(const char *op) {
    static const char *const others[] = {"detach", "rand", "uniform", "randn", "bernoulli", "randint_tensor",
                                         "randperm", "argmax", "argmin", "argmax_dim", "argmin_dim",
                                         "dropout", /* other masks: test_reductions.c */
                                         "copy_"};  /* copy_ writes into an input: below */
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(op, others[i]) == 0) return false;
    return true;
}

/* tanh is flat at its extremes, and a maximum has a kink where elements are equal. */
static bool no_derivative(const char *label) {
    return strcmp(label, "extremes") == 0 || strcmp(label, "ties") == 0;
}

static void cases_against_differences(function *f, const char *what) {
    char path[512], seen[16384] = " ";
    const char *broken;
    ops_case c;
    snprintf(path, sizeof path, "%s/ops.txt", wk_test_data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (; ops_case_read(file, &c, &broken); ops_case_free(&c)) {
        problem p = problem_of(&c);
        if (!c.output[0].whole && element_count(&p) <= MAX_ELEMENTS && !no_derivative(c.label)) {
            compare_all(&p, f, what);
            snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s ", c.op);
        }
        problem_free(&p);
    }
    fclose(file);
    assert_null(broken);
    for (int32_t row = 0; row < wk_op_count(); row++) {
        char word[64];
        snprintf(word, sizeof word, " %s ", wk_op_name(wk_op_at(row)));
        if (has_gradient(wk_op_name(wk_op_at(row))) && strstr(seen, word) == NULL)
            fail_msg("no small case for%s", word);
    }
}

static void gradients(void **state) {
    (void)state;
    cases_against_differences(loss_of, "gradient");
}

static void gradients_of_gradients(void **state) {
    (void)state;
    cases_against_differences(gradient_sum_of, "gradient of the gradient");
}

/* out <- w^2 stretched over three rows; then once more with 2w: only the last counts, but for what read the first. */
static wk_tensor *written_twice(problem *p) {
    make_leaf(p, 0);
    wk_tensor *w = p->x[0], *out = wk_zeros(WK_SHAPE(3, 2), WK_F64), *first, *second;
    wk_copy_(out, wk_mul(w, w));
    first = wk_sum(wk_tanh(out));
    wk_copy_(out, wk_mul_scalar(w, 2));
    second = wk_sum(wk_mul(wk_tanh(wk_select(out, 0, 1)), w));
    return wk_add(first, second);
}

static void writes_in_place(void **state) {
    (void)state;
    double values[] = {0.3, -0.8};
    const ops_array shape = {.ndim = 1, .dims = {2}, .numel = 2, .values = values};
    ops_case c = {.op = "copy_", .label = "twice"};
    problem p = {.c = &c};
    add_leaf(&p, &shape);
    compare_all(&p, written_twice, "gradient");
    problem_free(&p);
}

WK_TEST_MAIN("gradcheck", cmocka_unit_test(gradients), cmocka_unit_test(gradients_of_gradients),
             cmocka_unit_test(writes_in_place))
