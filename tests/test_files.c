/* test_files.c -- weights and named tensors in files: those that the format's own library wrote
 * (tools/torch_safetensors.py) are read, and written again byte for byte; a write that fails leaves the old file. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "files.h"

static void assert_same_files(const char *a, const char *b) {
    size_t na, nb;
    uint8_t *x = slurp(a, &na), *y = slurp(b, &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(x, y, na);
    free(x);
    free(y);
}

/* ------------------------------------------------------------------------------------------------------ reading --- */

static wk_module *net_new(void) {
    wk_module *net = wk_module_new(NULL, "net");
    wk_rnn_new(net, "rnn", 1, 3, NULL);
    wk_linear_new(net, "out", 3, 2, NULL);
    return net;
}

static void weights_of_pytorch(void **state) {
    (void)state;
    wk_module *net = net_new();
    assert_int_equal(wk_load(given("weights.safetensors"), net, 0, &error), WK_OK);
    for (int64_t k = 0; k < wk_module_parameter_count(net); k++) {
        const wk_tensor *p = wk_module_parameter_at(net, k);
        const float *values = wk_data(p);
        assert_true(wk_requires_grad(p));
        for (int64_t i = 0; i < wk_numel(p); i++)
            assert_close((double)values[i], (double)k + (double)i / 16, 0, wk_name(p));
    }
    assert_int_equal(wk_save(scratch("weights"), net, &error), WK_OK);
    assert_same_files(scratch("weights"), given("weights.safetensors"));
    wk_module_free(net);
    assert_int_equal(emptied(), 1);
    assert_ok();
}

static const char odd_name[] = "a \"name\"\\\n\t\x01 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";

static void every_kind_of_tensor(void **state) {
    (void)state;
    WK_SCOPE;
    static const char *const names[] = {"", odd_name, "doubles", "integers", "nothing", "scalar", "short"};
    static const char *const types[] = {"F32", "F32", "F64", "I64", "F32", "F32", "I16"};
    static const int32_t ndims[] = {1, 1, 1, 2, 2, 0, 1};
    int32_t ndim;
    wk_safetensors *file = wk_safetensors_open(given("mixed.safetensors"), &error);
    assert_int_equal(wk_safetensors_count(file), 7);
    for (int i = 0; i < 7; i++) {
        assert_string_equal(wk_safetensors_name(file, i), names[i]);
        assert_string_equal(wk_safetensors_type(file, i), types[i]);
        assert_non_null(wk_safetensors_dims(file, i, &ndim));
        assert_int_equal(ndim, ndims[i]);
    }
    assert_string_equal(wk_safetensors_metadata(file, "note"), "caf\xc3\xa9");
    assert_null(wk_safetensors_metadata(file, "format"));
    wk_tensor *integers = read_from(file, "integers"), *doubles = read_from(file, "doubles");
    const int64_t expected[] = {1, -2, INT64_C(1) << 62, 4, 5, INT64_MIN};
    assert_true(wk_dtype_of(integers) == WK_I64 && wk_dim(integers, 0) == 2 && wk_dim(integers, 1) == 3);
    assert_memory_equal(wk_data(integers), expected, sizeof expected);
    assert_memory_equal(wk_data(doubles), ((const double[]){0.1, INFINITY, -0.0}), 24);
    assert_close(wk_item(read_from(file, "scalar")), 1.5, 0, "scalar");
    assert_close(wk_item(read_from(file, odd_name)), 8, 0, "odd name");
    assert_int_equal(wk_numel(read_from(file, "nothing")), 0);
    assert_ok();
    wk_tensor *t = doubles;
    assert_int_equal(wk_safetensors_read(file, "short", &t, &error), WK_EDTYPE);
    assert_null(t);
    assert_reports(WK_EDTYPE, "safetensors_read", "mixed.safetensors: \"short\" has type I16, which wick has not");
    wk_safetensors_read(file, "shor", &t, &error);
    assert_reports(WK_EINVAL, "safetensors_read", "mixed.safetensors: there is no \"shor\"");
    wk_safetensors_close(file);
    file = wk_safetensors_open(given("empty.safetensors"), &error);
    assert_int_equal(wk_safetensors_count(file), 0);
    assert_int_equal(wk_safetensors_read(file, "x", &t, NULL), WK_EINVAL);
    wk_safetensors_close(file);
}

/* What a name, a shape and a type must be. */
static void what_does_not_fit_is_named(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *a = wk_module_add_parameter(net, "a", wk_full(WK_SHAPE(2), 1, WK_F32));
    wk_tensor *b = wk_module_add_parameter(net, "b", wk_full(WK_SHAPE(2), 1, WK_F32));
    wk_tensor *two = wk_full(WK_SHAPE(2), 2, WK_F32), *three = wk_full(WK_SHAPE(1, 3), 2, WK_F32);
    const char *const names[] = {"a", "b", "c"};
    wk_safetensors_write(scratch("f"), names, (wk_tensor *const[]){two, three}, 2, &error);
    assert_int_equal(wk_load(scratch("f"), net, 0, &error), WK_ESHAPE);
    assert_reports(WK_ESHAPE, "load", "/f: b is (1,3), not (2)");
    wk_load(scratch("f"), net, WK_LOAD_PARTIAL, &error);
    assert_reports(WK_ESHAPE, "load", "/f: b is (1,3), not (2)");
    wk_tensor *const other[] = {wk_full(WK_SHAPE(2), 2, WK_F64), two};
    wk_safetensors_write(scratch("f"), names + 1, other, 2, &error);
    wk_load(scratch("f"), net, 0, &error);
    assert_reports(WK_EINVAL, "load", "/f: a is missing; b has type F64, not F32; c is unexpected");
    assert_close(wk_get_f64(a, (const int64_t[]){0}) + wk_get_f64(b, (const int64_t[]){0}), 2, 0, "unchanged");
    wk_safetensors_write(scratch("f"), names + 1, (wk_tensor *const[]){two, three}, 2, &error);
    assert_int_equal(wk_load(scratch("f"), net, WK_LOAD_PARTIAL, &error), WK_OK);
    assert_close(wk_get_f64(a, (const int64_t[]){1}), 1, 0, "a is left alone");
    assert_close(wk_get_f64(b, (const int64_t[]){1}), 2, 0, "b is loaded");
    wk_load(scratch("none"), net, 0, &error);
    assert_reports(WK_EIO, "load", "/none: No such file or directory");
    wk_load(folder, net, 0, &error);
    assert_reports(WK_EIO, "load", ": Is a directory");
    wk_module_free(net);
    assert_int_equal(emptied(), 1);
    assert_ok();
}

/* A message that is too long ends behind a whole character, wherever the room ends. */
static void a_message_that_is_cut(void **state) {
    (void)state;
    WK_SCOPE;
    for (int shift = 0; shift < 3; shift++) {
        char name[500] = "", text[64];
        for (int i = 0; i < shift; i++) strcat(name, "a");
        for (int i = 0; i < 80; i++) strcat(name, "\u00e9\u4e2d");
        wk_module *saved = wk_module_new(NULL, "saved"), *m = wk_module_new(NULL, "m");
        wk_module_add_buffer(wk_module_new(m, name), "b", wk_zeros(WK_SCALAR, WK_F32));
        assert_int_equal(wk_save(scratch("f"), saved, &error), WK_OK);
        assert_int_equal(wk_load(scratch("f"), m, 0, &error), WK_EINVAL);
        wk_module_to_text(m, text, sizeof text);
        const unsigned char ends[] = {(unsigned char)error.message[strlen(error.message) - 1],
                                      (unsigned char)text[strlen(text) - 1]};
        for (int i = 0; i < 2; i++) assert_true(ends[i] == 0xa9 || ends[i] == 0xad); /* the last bytes of the two */
        wk_module_free(saved);
        wk_module_free(m);
    }
}

/* Any floating type may be loaded into any other when that is asked for; 1/3 is rounded. */
static void floating_types_are_converted_on_demand(void **state) {
    (void)state;
    WK_SCOPE;
    static const wk_dtype types[] = {WK_F32, WK_F64, WK_F16, WK_BF16};
    static const double thirds[] = {0x1.555556p-2, 0x1.5555555555555p-2, 0x1.554p-2, 0x1.56p-2};
    const char *const names[] = {"b"};
    for (int to = 0; to < 4; to++) {
        wk_module *m = wk_module_new(NULL, "m");
        wk_tensor *b = wk_module_add_buffer(m, "b", wk_zeros(WK_SHAPE(3), types[to]));
        for (int from = 0; from < 4; from++) {
            wk_tensor *values = wk_full(WK_SHAPE(3), thirds[from], types[from]);
            assert_int_equal(wk_safetensors_write(scratch("f"), names, &values, 1, NULL), WK_OK);
            wk_put_f64(b, (const int64_t[]){2}, 0);
            assert_int_equal(wk_load(scratch("f"), m, 0, NULL), from == to ? WK_OK : WK_EDTYPE);
            assert_close(wk_get_f64(b, (const int64_t[]){2}), from == to ? thirds[to] : 0, 0, "as it was");
            assert_int_equal(wk_load(scratch("f"), m, WK_LOAD_CONVERT, NULL), WK_OK);
            wk_tensor *rounded = wk_full(WK_SHAPE(3), thirds[from], types[to]);
            assert_memory_equal(wk_data(b), wk_data(rounded), 3 * wk_dtype_nbytes(types[to]));
        }
        wk_tensor *whole = wk_full(WK_SHAPE(3), 1, WK_I64);
        wk_safetensors_write(scratch("f"), names, &whole, 1, NULL);
        wk_load(scratch("f"), m, WK_LOAD_CONVERT | WK_LOAD_PARTIAL, &error);
        assert_int_equal(error.status, WK_EDTYPE);
        wk_module_free(m);
    }
    assert_int_equal(emptied(), 1);
    assert_ok();
}

/* A failure that pends is reported, and stays; nothing is read or written. */
static void while_a_failure_pends(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = net_new();
    wk_tensor *x = wk_ones(WK_SHAPE(2), WK_F32), *t = x;
    wk_safetensors *file = wk_safetensors_open(given("common.safetensors"), NULL);
    wk_add(x, wk_ones(WK_SHAPE(3), WK_F32));
    assert_int_equal(wk_save(scratch("f"), net, &error), WK_ESHAPE);
    assert_string_equal(error.op, "add");
    assert_int_equal(wk_load(given("weights.safetensors"), net, 0, &error), WK_ESHAPE);
    assert_int_equal(wk_safetensors_read(file, "x", &t, NULL), WK_ESHAPE);
    assert_null(t);
    assert_null(wk_safetensors_open(given("weights.safetensors"), &error));
    assert_string_equal(error.op, "add");
    assert_int_equal(wk_check(NULL), WK_ESHAPE);
    wk_safetensors_close(file);
    wk_module_free(net);
    assert_int_equal(emptied(), 0);
    assert_ok();
}

/* A shared parameter is written twice, and may be there once. */
static void shared_parameters_in_files(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *a = wk_module_add_parameter(net, "a", wk_scalar(1, WK_F32));
    wk_module_share_parameter(net, "tied", a);
    wk_save(scratch("f"), net, &error);
    wk_safetensors *file = wk_safetensors_open(scratch("f"), &error);
    assert_int_equal(wk_safetensors_count(file), 2);
    wk_safetensors_close(file);
    assert_int_equal(wk_load(scratch("f"), net, 0, &error), WK_OK);
    const char *const once[] = {"tied"};
    wk_safetensors_write(scratch("f"), once, (wk_tensor *const[]){wk_scalar(5, WK_F32)}, 1, &error);
    assert_int_equal(wk_load(scratch("f"), net, 0, &error), WK_OK);
    assert_close(wk_item(a), 5, 0, "under its other name");
    wk_module_free(net);
    assert_int_equal(emptied(), 1);
    assert_ok();
}

/* ------------------------------------------------------------------------------------------------------ writing --- */

/* In any order the tensors make the same file, and it is the one that the format's own library makes. */
static void written_as_the_format_wants(void **state) {
    (void)state;
    WK_SCOPE;
    wk_safetensors *file = wk_safetensors_open(given("common.safetensors"), &error);
    const char *names[6];
    wk_tensor *tensors[6];
    assert_int_equal(wk_safetensors_count(file), 6);
    for (int64_t i = 0; i < 6; i++) {
        names[i] = wk_safetensors_name(file, 5 - i);
        tensors[i] = read_from(file, names[i]);
    }
    assert_int_equal(wk_safetensors_write(scratch("f"), names, tensors, 6, &error), WK_OK);
    assert_same_files(scratch("f"), given("common.safetensors"));
    wk_safetensors_close(file);
    assert_int_equal(wk_safetensors_write(scratch("f"), NULL, NULL, 0, &error), WK_OK);
    assert_same_files(scratch("f"), given("empty.safetensors"));
    assert_int_equal(emptied(), 1);
    assert_ok();
}

static void any_strides_are_written(void **state) {
    (void)state;
    WK_SCOPE;
    const float rows[] = {1, 2, 3, 4, 5, 6}, columns[] = {1, 4, 2, 5, 3, 6}, repeated[] = {1, 1, 1, 2, 2, 2};
    wk_tensor *x = wk_from_data(rows, WK_SHAPE(2, 3), WK_F32), *one = wk_from_data(rows, WK_SHAPE(2, 1), WK_F32);
    const char *const names[] = {"expanded", "transposed"};
    wk_tensor *const tensors[] = {wk_expand(one, WK_SHAPE(2, 3)), wk_transpose(x, 0, 1)};
    assert_int_equal(wk_safetensors_write(scratch("f"), names, tensors, 2, &error), WK_OK);
    wk_safetensors *file = wk_safetensors_open(scratch("f"), &error);
    wk_tensor *transposed = read_from(file, "transposed");
    assert_int_equal(wk_dim(transposed, 0), 3);
    assert_memory_equal(wk_data(transposed), columns, sizeof columns);
    assert_memory_equal(wk_data(read_from(file, "expanded")), repeated, sizeof repeated);
    wk_safetensors_close(file);
    assert_int_equal(emptied(), 1);
    assert_ok();
}

static void names_that_cannot_be(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_scalar(1, WK_F32), *const tensors[] = {x, x}, *const none[] = {x, NULL};
    const char *const twice[] = {"a", "a"}, *const latin1[] = {"a", "caf\xe9"}, *const key[] = {"a", "__metadata__"};
    wk_safetensors_write(scratch("f"), twice, tensors, 2, &error);
    assert_reports(WK_EINVAL, "safetensors_write", "two tensors are called \"a\"");
    wk_safetensors_write(scratch("f"), latin1, tensors, 2, &error);
    assert_reports(WK_EINVAL, "safetensors_write", "the name \"caf\xe9\" is not UTF-8");
    wk_safetensors_write(scratch("f"), key, tensors, 2, &error);
    assert_reports(WK_EINVAL, "safetensors_write", "\"__metadata__\" is no name for a tensor");
    wk_safetensors_write(scratch("f"), latin1, none, 2, &error);
    assert_int_equal(error.status, WK_EINVAL);
    assert_int_equal(emptied(), 0);
}

/* Each way for a write to fail: the file that was there stays, and nothing is left beside it. */
static void failed_writes_leave_the_old_file(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = net_new();
    assert_int_equal(wk_load(given("weights.safetensors"), net, 0, &error), WK_OK);
    wk_save(scratch("f"), net, &error);
    wk_module_add_buffer(net, "large", wk_zeros(WK_SHAPE(5000), WK_F32));

    struct rlimit limit, before;
    getrlimit(RLIMIT_FSIZE, &before);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (rlim_t most = 0; most < 20000; most += 500) {
        limit = (struct rlimit){.rlim_cur = most, .rlim_max = before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
        const wk_status status = wk_save(scratch("f"), net, &error);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(status, WK_EIO);
        assert_reports(WK_EIO, "save", "/f: File too large");
        assert_same_files(scratch("f"), given("weights.safetensors"));
    }
    signal(SIGXFSZ, handler);

    assert_int_equal(wk_save(scratch("no/f"), net, &error), WK_EIO);
    assert_reports(WK_EIO, "save", "/no/f: No such file or directory");
    assert_int_equal(wk_save(folder, net, &error), WK_EIO);
    assert_reports(WK_EIO, "save", ": Is a directory");
    assert_int_equal(wk_save("/dev/full", net, &error), WK_EIO);
    assert_reports(WK_EIO, "save", "/dev/full: No space left on device");
    if (geteuid() != 0) { /* whom no folder refuses */
        chmod(folder, 0500);
        assert_int_equal(wk_save(scratch("f"), net, &error), WK_EIO);
        chmod(folder, 0700);
        assert_reports(WK_EIO, "save", "/f: Permission denied");
    }
    assert_same_files(scratch("f"), given("weights.safetensors"));
    assert_int_equal(emptied(), 1);
    wk_module_free(net);
    assert_ok();
}

#define refused(call) assert_true((call) == WK_EINVAL && error.status == WK_EINVAL && wk_ok())

static void files_of_null(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, NULL);
    wk_tensor *x = wk_ones(WK_SCALAR, WK_F32), *const tensors[] = {x};
    wk_tensor *t;
    wk_optim *const none[] = {NULL};
    const char *const names[] = {"x"}, *const nameless[] = {NULL};
    wk_safetensors *file = wk_safetensors_open(given("common.safetensors"), &error);
    refused(wk_save(NULL, net, &error));
    refused(wk_save("x", NULL, &error));
    refused(wk_load(NULL, net, 0, &error));
    refused(wk_load("x", NULL, 0, &error));
    refused(wk_load("x", net, 4, &error));
    refused(wk_checkpoint_save(NULL, net, NULL, 0, &error));
    refused(wk_checkpoint_save("x", NULL, NULL, 0, &error));
    refused(wk_checkpoint_save("x", net, NULL, 1, &error));
    refused(wk_checkpoint_save("x", net, none, 1, &error));
    refused(wk_checkpoint_save("x", net, none, -1, &error));
    refused(wk_checkpoint_load(NULL, net, NULL, 0, &error));
    refused(wk_checkpoint_load("x", net, none, 1, &error));
    assert_null(wk_safetensors_open(NULL, &error));
    refused(error.status);
    refused(wk_safetensors_read(NULL, "x", &t, &error));
    refused(wk_safetensors_read(file, NULL, &t, &error));
    refused(wk_safetensors_read(file, "x", NULL, &error));
    refused(wk_safetensors_write(NULL, names, tensors, 1, &error));
    refused(wk_safetensors_write("x", NULL, tensors, 1, &error));
    refused(wk_safetensors_write("x", names, NULL, 1, &error));
    refused(wk_safetensors_write("x", nameless, tensors, 1, &error));
    refused(wk_safetensors_write("x", names, tensors, -1, &error));
    wk_safetensors_close(file);
    wk_module_free(net);
    assert_ok();
}

/* Looking for a checkpoint that is not there does no harm. */
static void asking_for_a_file_does_not_stick(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_scalar(3, WK_F64));
    assert_int_equal(wk_load("/nowhere/checkpoint", net, 0, NULL), WK_EIO);
    assert_true(wk_ok());
    wk_backward(wk_mul(w, w));
    assert_close(wk_item(wk_grad_of(w)), 6, 0, "goes on");
    wk_module_free(net);
    assert_ok();
}

WK_TEST_MAIN("files", WITH_FOLDER(weights_of_pytorch), WITH_FOLDER(every_kind_of_tensor),
             WITH_FOLDER(a_message_that_is_cut), WITH_FOLDER(what_does_not_fit_is_named),
             WITH_FOLDER(floating_types_are_converted_on_demand), WITH_FOLDER(shared_parameters_in_files),
             WITH_FOLDER(while_a_failure_pends), WITH_FOLDER(written_as_the_format_wants),
             WITH_FOLDER(any_strides_are_written), WITH_FOLDER(names_that_cannot_be),
             WITH_FOLDER(failed_writes_leave_the_old_file), WITH_FOLDER(files_of_null),
             cmocka_unit_test(asking_for_a_file_does_not_stick))
