/* test_opinfo.c -- PyTorch's own test samples (OpInfo; tools/torch_opinfo.py) through the call by name: values and
 * gradients in f32 and f64 with each kernel table, where the gradient by ops (vjp) is held to that by kernels too;
 * inputs with the strides that the samples have; calls that must fail. */
#include "each_table.h"
#include "ops_file.h"
#include "support.h"
#include "tensor/tensor.h"

typedef struct run {
    const ops_case *c;
    wk_dtype dtype;
    wk_tensor *in[OPS_MAX_INPUTS], *out[OPS_MAX_OUTPUTS];
    bool failed;
} run;

static int complaints; /* of this test; the first few are printed */

/* Notes that a case has failed; the others still run. */
static void complain(run *r, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    r->failed = true;
    if (complaints++ < 20)
        print_message("# %s, %s, %s: %s\n", r->c->label, wk_dtype_name(r->dtype), wk_isa(), text);
}

/* True while no failure is pending; else it is taken and noted. */
static bool fine(run *r, const char *what) {
    wk_error e;
    if (wk_check(&e) == WK_OK) return true;
    complain(r, "%s: %s", what, e.message);
    return false;
}

/* ------------------------------------------------------------------------------------------------------- inputs --- */

/* Where the element with this number in row-major order lies. */
static int64_t offset_of(const ops_array *a, int64_t element) {
    int64_t offset = 0;
    for (int d = a->ndim - 1; d >= 0; element /= a->dims[d--]) offset += element % a->dims[d] * a->strides[d];
    return offset;
}

/* A tensor on elements that lie with strides of their own, in a buffer that is otherwise NaN. */
static wk_tensor *strided(const ops_array *a, wk_dtype dtype) {
    const int64_t length = offset_of(a, a->numel - 1) + 1;
    wk_tensor *buffer = wk_full(1, &length, wk__dtype_is_float[dtype] ? (double)NAN : 99, dtype);
    for (int64_t i = 0; i < a->numel; i++) wk_put_f64(buffer, (int64_t[]){offset_of(a, i)}, a->values[i]);
    wk_tensor *t = wk_detach(buffer); /* another handle, which becomes the view */
    if (t == NULL) return NULL;
    wk__array_set_dims(&t->a, a->ndim, a->dims);
    memcpy(t->a.strides, a->strides, sizeof a->strides);
    t->flags &= (uint8_t)~WK__CONTIGUOUS;
    return t;
}

/* The index of the element with this number in row-major order. */
static const int64_t *index_of(const wk_tensor *t, int64_t number, int64_t index[WK_MAX_DIMS]) {
    for (int32_t d = wk_ndim(t) - 1; d >= 0; number /= wk_dim(t, d--)) index[d] = number % wk_dim(t, d);
    return index;
}

static void call(run *r) {
    const ops_case *c = r->c;
    for (int i = 0; i < c->input_count; i++) {
        if (c->input[i].values == NULL) continue;
        const ops_array *a = &c->input[i];
        r->in[i] = a->is_strided ? strided(a, ops_dtype(a, r->dtype)) : ops_tensor(a, r->dtype);
        if (c->gradient[i].values != NULL) wk_requires_grad_(r->in[i], true);
    }
    if (fine(r, "inputs")) ops_call(c, r->in, r->out);
}

/* ---------------------------------------------------------------------------------------------------- comparing --- */

static double element(const wk_tensor *t, int64_t number) {
    int64_t index[WK_MAX_DIMS] = {0};
    return wk_get_f64(t, index_of(t, number, index));
}

/* The largest number of an array, extremes aside: samples with numbers beyond 10^4 are elementwise, and there one
 * element does not touch another. */
static double scale_of(const ops_array *a) {
    double most = 0;
    for (int64_t i = 0; a->values != NULL && i < a->numel; i++)
        if (fabs(a->values[i]) <= 1e4) most = fmax(most, fabs(a->values[i]));
    return most;
}

static double scale_of_case(const ops_case *c) {
    double most = 1;
    for (int i = 0; i < c->input_count; i++) most = fmax(most, scale_of(&c->input[i]));
    for (int k = 0; k < c->output_count; k++) most = fmax(most, scale_of(&c->cotangent[k]));
    return most;
}

/* Half a unit in the last place for each rounding, relative to the number itself and to the largest that it may have
 * been made of by adding and subtracting: eight for a function that is right to 4 units in the last place, and as many
 * again for what follows it. The sums here have some twenty terms at most, whose roundings mostly cancel. */
static double tolerance(wk_dtype dtype, double expected, double scale) {
    return (dtype == WK_F32 ? 0x1p-24 : 0x1p-53) * 16 * (fabs(expected) + scale);
}

static bool agree(wk_dtype dtype, double actual, double expected, double scale) {
    if (dtype == WK_F32) expected = (double)(float)expected; /* which may be infinite then */
    if (isnan(expected)) return isnan(actual);
    if (isinf(expected)) return actual == expected;
    return fabs(actual - expected) <= tolerance(dtype, expected, scale);
}

static bool same_shape(const wk_tensor *t, const ops_array *a) {
    bool same = wk_ndim(t) == a->ndim;
    for (int d = 0; same && d < a->ndim; d++) same = wk_dim(t, d) == a->dims[d];
    return same;
}

static void compare(run *r, const wk_tensor *t, const ops_array *expected, const char *what) {
    if (t == NULL || !same_shape(t, expected) || wk_dtype_of(t) != ops_dtype(expected, r->dtype)) {
        complain(r, "%s has another shape or type", what);
        return;
    }
    const double scale = fmax(scale_of(expected), scale_of_case(r->c));
    for (int64_t i = 0; i < expected->numel; i++) {
        const double actual = element(t, i);
        if (agree(wk_dtype_of(t), actual, expected->values[i], scale)) continue;
        complain(r, "%s [%d]: %.17g, expected %.17g", what, (int)i, actual, expected->values[i]);
        return;
    }
}

/* --------------------------------------------------------------------------------------------------- gradients --- */

/* sum over differentiable outputs of sum(cotangent * output), or NULL when nothing is to be differentiated. */
static wk_tensor *loss_of(run *r) {
    wk_tensor *loss = NULL;
    for (int k = 0; k < r->c->output_count; k++) {
        if (r->c->cotangent[k].values == NULL) continue;
        wk_tensor *part = wk_sum(wk_mul(r->out[k], ops_tensor(&r->c->cotangent[k], r->dtype)));
        loss = loss != NULL ? wk_add(loss, part) : part;
    }
    return loss;
}

/* An input that the result does not depend on may have no gradient; then PyTorch's is zero. */
static void compare_by_kernels(run *r, int i) {
    const wk_tensor *g = wk_grad_of(r->in[i]);
    const ops_array *expected = &r->c->gradient[i];
    if (g == NULL) g = wk_zeros(expected->ndim, expected->dims, r->dtype);
    compare(r, g, expected, "gradient by kernels");
}

/* The gradient by ops against PyTorch's, and against the one by kernels. */
static void compare_by_ops(run *r, int i, wk_tensor *by_ops) {
    const wk_tensor *by_kernels = wk_grad_of(r->in[i]);
    compare(r, by_ops, &r->c->gradient[i], "gradient by ops");
    const double scale = fmax(scale_of(&r->c->gradient[i]), scale_of_case(r->c));
    for (int64_t e = 0; by_kernels != NULL && !r->failed && e < wk_numel(by_ops); e++)
        if (!agree(r->dtype, element(by_ops, e), element(by_kernels, e), scale))
            complain(r, "gradients by ops and by kernels differ at [%d]", (int)e);
}

static void check_gradients(run *r) {
    wk_tensor *loss = loss_of(r), *gx[OPS_MAX_INPUTS] = {NULL};
    if (!fine(r, "loss") || loss == NULL) return;
    const bool recorded = wk_requires_grad(loss); /* where gradients are zero, an op need not be recorded */
    if (recorded) wk_backward_flags(loss, WK_RETAIN_GRAPH);
    if (!fine(r, "backward")) return;
    for (int i = 0; i < r->c->input_count; i++)
        if (r->c->gradient[i].values != NULL) compare_by_kernels(r, i);
    if (!recorded || r->dtype != WK_F64) return;
    for (int i = 0; i < r->c->input_count; i++) {
        if (r->c->gradient[i].values == NULL) continue;
        wk_grad(loss, &r->in[i], 1, &gx[i], WK_CREATE_GRAPH);
        if (fine(r, "gradient by ops")) compare_by_ops(r, i, gx[i]);
    }
}

/* ----------------------------------------------------------------------------------------------------- one case --- */

/* A call that failed leaves its inputs as they were, and fit for others. */
static void check_refused(run *r) {
    if (wk_check(NULL) == WK_OK) complain(r, "succeeded, although %s", r->c->refused);
    for (int i = 0; i < r->c->input_count; i++) {
        if (r->in[i] == NULL) continue;
        compare(r, r->in[i], &r->c->input[i], "input after the failure");
        if (!wk__dtype_is_float[wk_dtype_of(r->in[i])]) continue;
        WK_SCOPE;
        wk_requires_grad_(r->in[i], true);
        wk_backward(wk_sum(wk_mul(r->in[i], r->in[i])));
        fine(r, "after the failure");
    }
}

static void run_case(const ops_case *c, void *dtype) {
    wk_memory before, after;
    run r = {.c = c, .dtype = *(const wk_dtype *)dtype};
    if (wk_op_find(c->op) == NULL) complain(&r, "no such row");
    wk_memory_stats(&before);
    {
        WK_SCOPE;
        call(&r);
        if (c->refused[0] != '\0') {
            check_refused(&r);
        } else if (fine(&r, "call")) {
            for (int k = 0; k < c->output_count; k++) compare(&r, r.out[k], &c->output[k], "value");
            check_gradients(&r);
        }
    }
    wk_memory_stats(&after);
    if (after.nbytes != before.nbytes) complain(&r, "%d bytes stay", (int)(after.nbytes - before.nbytes));
}

/* -------------------------------------------------------------------------------------------------------- tests --- */

static void all_cases(wk_dtype dtype) {
    complaints = 0;
    const int count = ops_each_case(wk_test_data, "opinfo", run_case, &dtype);
    print_message("# %d samples\n", count);
    assert_int_equal(complaints, 0);
    assert_true(count >= 3400);
}

WITH_EACH_TABLE(all_cases)

WK_TEST_MAIN("opinfo", TESTS_WITH_EACH_TABLE)
