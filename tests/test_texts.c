/* test_texts.c -- tensors as text, byte for byte as PyTorch's print() (tests/data/texts.txt, tools/torch_texts.py). */
#include "support.h"

#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>

static wk_dtype dtype_named(const char *name) {
    for (wk_dtype d = 0; d < WK_DTYPE_COUNT; d++)
        if (strcmp(wk_dtype_name(d), name) == 0) return d;
    fail_msg("no element type %s", name);
    return -1;
}

static void read_element(FILE *file, wk_tensor *flat, int64_t i) {
    char word[64];
    assert_int_equal(fscanf(file, "%63s", word), 1);
    if (wk_dtype_of(flat) == WK_I64)
        wk_put_i64(flat, &i, strtoll(word, NULL, 10));
    else
        wk_put_f64(flat, &i, strtod(word, NULL));
}

/* The tensor of the next case; NULL at the end of the file. */
static wk_tensor *read_tensor(FILE *file) {
    char type[8];
    int32_t ndim;
    int64_t dims[WK_MAX_DIMS] = {0};
    if (fscanf(file, " tensor %7s %" SCNd32, type, &ndim) != 2) return NULL;
    for (int32_t d = 0; d < ndim; d++) assert_int_equal(fscanf(file, "%" SCNd64, &dims[d]), 1);
    wk_tensor *t = wk_empty(ndim, dims, dtype_named(type));
    wk_tensor *flat = wk_reshape(t, WK_SHAPE(wk_numel(t)));
    for (int64_t i = 0; i < wk_numel(t); i++) read_element(file, flat, i);
    assert_ok();
    return t;
}

static wk_tensor *with_history(const char *history, wk_tensor *t) {
    if (strcmp(history, "none") == 0) return t;
    wk_requires_grad_(t, true);
    if (strcmp(history, "leaf") == 0) return t;
    if (strcmp(history, "neg") == 0) return wk_neg(t);
    if (strcmp(history, "sum") == 0) return wk_sum(t);
    if (strcmp(history, "add") == 0) return wk_add(t, t);
    if (strcmp(history, "transpose") == 0) return wk_transpose(t, 0, 1);
    assert_string_equal(history, "log_softmax");
    return wk_log_softmax(t, -1);
}

/* The text as it is, and whatever the room: cut, closed by a 0, and its whole length told. */
static void assert_text(const wk_tensor *t, const wk_text_options *options, const char *expected) {
    const size_t length = strlen(expected);
    char *text = malloc(length + 1);
    assert_int_equal(wk_to_text(t, text, length + 1, options), length);
    assert_string_equal(text, expected);
    assert_int_equal(wk_to_text(t, NULL, 0, options), length);
    assert_int_equal(wk_to_text(t, text, length, options), length);
    assert_memory_equal(text, expected, length - 1);
    assert_int_equal(text[length - 1], '\0');
    free(text);
    assert_ok();
}

static bool one_case(FILE *file) {
    WK_SCOPE;
    char history[32], *expected;
    size_t nbytes;
    wk_text_options o = WK_TEXT_OPTIONS;
    wk_tensor *t = read_tensor(file);
    if (t == NULL) return false;
    assert_int_equal(fscanf(file, " history %31s", history), 1);
    assert_int_equal(fscanf(file, " options %" SCNd32 " %" SCNd32 " %" SCNd64 " %" SCNd32 " %" SCNd32, &o.precision,
                            &o.edgeitems, &o.threshold, &o.linewidth, &o.sci_mode),
                     5);
    assert_int_equal(fscanf(file, " text %zu%*1[\n]", &nbytes), 1);
    expected = calloc(nbytes + 1, 1);
    assert_int_equal(fread(expected, 1, nbytes, file), nbytes);
    assert_text(with_history(history, t), &o, expected);
    free(expected);
    return true;
}

static void as_pytorch(void **state) {
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/texts.txt", wk_test_data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*[^\n]"), 0);
    int cases = 0;
    while (one_case(file)) cases++;
    assert_true(feof(file));
    fclose(file);
    assert_true(cases > 400);
}

static void without_options(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *t = wk_from_data((const float[]){1, -2.5f, 1.0f / 3, 4, 5, 6}, WK_SHAPE(2, 3), WK_F32);
    assert_text(wk_transpose(t, 0, 1), NULL,
                "tensor([[ 1.0000,  4.0000],\n        [-2.5000,  5.0000],\n"
                "        [ 0.3333,  6.0000]])");
    assert_text(wk_expand(wk_scalar(2, WK_F32), WK_SHAPE(3)), NULL, "tensor([2., 2., 2.])");
    assert_text(NULL, NULL, "None");
    wk_text_options o = WK_TEXT_OPTIONS;
    o.edgeitems = 0, o.threshold = 2;
    assert_text(t, &o, "tensor([...])");
}

static void cut(void **state) {
    (void)state;
    wk_tensor *kept = NULL;
    {
        WK_SCOPE;
        wk_keep(&kept, wk_neg(wk_requires_grad_(wk_scalar(2, WK_F32), true)));
        assert_text(kept, NULL, "tensor(-2., grad_fn=<NegBackward0>)");
    }
    assert_text(kept, NULL, "tensor(-2., grad_fn=<cut>)");
    wk_release(&kept);
}

static void failing(void **state) {
    (void)state;
    char text[64] = "before";
    WK_SCOPE;
    wk_tensor *t = wk_scalar(2, WK_F32);
    wk_matmul(t, NULL);
    assert_int_equal(wk_to_text(t, text, sizeof text, NULL), 10);
    assert_string_equal(text, "tensor(2.)");
    assert_fails(WK_EINVAL, "matmul: b is NULL");
    wk_text_options o = WK_TEXT_OPTIONS;
    o.precision = 101;
    assert_int_equal(wk_to_text(t, text, sizeof text, &o), 0);
    assert_string_equal(text, "");
    assert_fails(WK_EINVAL,
                 "to_text: options ask for precision 101 and edgeitems 3: they are 0 to 100, and at least 0");
    wk_drop(t);
    assert_int_equal(wk_to_text(t, text, sizeof text, NULL), 0);
    assert_fails(WK_ECLOSED, "to_text: t is used after its scope closed: wk_yield or wk_keep it");
}

static void any_locale(void **state) {
    (void)state;
    const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "es_ES.UTF-8", "ru_RU.UTF-8"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof commas / sizeof *commas && found == NULL; i++)
        found = setlocale(LC_NUMERIC, commas[i]);
    if (found == NULL) skip_test("no locale here writes a decimal comma");
    WK_SCOPE;
    wk_text_options o = WK_TEXT_OPTIONS;
    assert_text(wk_scalar(-1.5, WK_F32), &o, "tensor(-1.5000)");
    o.sci_mode = 1;
    assert_text(wk_scalar(-1.5, WK_F32), &o, "tensor(-1.5000e+00)");
    setlocale(LC_NUMERIC, "C");
}

WK_TEST_MAIN("tensors as text", cmocka_unit_test(as_pytorch), cmocka_unit_test(without_options), cmocka_unit_test(cut),
             cmocka_unit_test(failing), cmocka_unit_test(any_locale))
