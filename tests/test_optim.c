/* test_optim.c -- optimisers against PyTorch's over 200 steps in which parameters take part at random, bit for bit and
 * with every kernel table of this machine; clipping; learning rates. tools/torch_optim.py wrote the file. */
#include <stdlib.h>

#include "kernel/kernel.h"
#include "support.h"

enum { PARAMETERS = 2, STEPS = 200 };
static const int64_t sizes[PARAMETERS] = {7, 37};

/* ------------------------------------------------------------------------------------------------------ numbers --- */

/* The generator of tools/torch_optim.py. */
static uint64_t stream;
static wk_dtype dtype; /* of its numbers */

static uint64_t next_bits(void) { return (stream = stream * 6364136223846793005u + 1442695040888963407u) >> 40; }

static wk_tensor *numbers(int64_t count) {
    wk_tensor *t = wk_empty(WK_SHAPE(count), dtype);
    for (int64_t i = 0; i < count; i++) wk_put_f64(t, &i, (double)next_bits() * 0x1p-23 - 1);
    return t;
}

/* ------------------------------------------------------------------------------------------------ one optimiser --- */

/* The number after " NAME=" in the line, or what it would be by default. */
static double option(const char *line, const char *name, double fallback) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, " %s=", name);
    const char *at = strstr(line, pattern);
    return at != NULL ? strtod(at + strlen(pattern), NULL) : fallback;
}

#define SET(o, field) (o).field = option(line, #field, (o).field)
#define SET_FLAG(o, field) (o).field = (int32_t)option(line, #field, (o).field)

static wk_optim *sgd_of(wk_module *m, double lr, const char *line) {
    wk_sgd_options o = WK_SGD_OPTIONS;
    SET(o, momentum), SET(o, dampening), SET(o, weight_decay), SET_FLAG(o, nesterov);
    return wk_sgd_new(m, lr, &o);
}

static wk_optim *rmsprop_of(wk_module *m, double lr, const char *line) {
    wk_rmsprop_options o = WK_RMSPROP_OPTIONS;
    SET(o, alpha), SET(o, eps), SET(o, weight_decay), SET(o, momentum), SET_FLAG(o, centered);
    return wk_rmsprop_new(m, lr, &o);
}

static wk_optim *adam_of(wk_module *m, double lr, const char *line, bool decoupled) {
    const wk_adam_options coupled = WK_ADAM_OPTIONS, by_itself = WK_ADAMW_OPTIONS;
    wk_adam_options o = decoupled ? by_itself : coupled;
    SET(o, beta1), SET(o, beta2), SET(o, eps), SET(o, weight_decay);
    return decoupled ? wk_adamw_new(m, lr, &o) : wk_adam_new(m, lr, &o);
}

/* A line "optimiser KIND TYPE LR OPTION=VALUE...". */
static wk_optim *optim_of(wk_module *m, const char *line, double *lr) {
    char kind[16];
    assert_int_equal(sscanf(line, "optimiser %15s f%*d %lf", kind, lr), 2);
    if (strcmp(kind, "SGD") == 0) return sgd_of(m, *lr, line);
    if (strcmp(kind, "RMSprop") == 0) return rmsprop_of(m, *lr, line);
    assert_true(strncmp(kind, "Adam", 4) == 0);
    return adam_of(m, *lr, line, kind[4] == 'W');
}

/* A step with the gradients that the generator gives to some of the parameters. */
static void step(wk_optim *optim, wk_tensor *const *parameters) {
    WK_SCOPE;
    wk_tensor *loss = NULL;
    for (int i = 0; i < PARAMETERS; i++) {
        if (next_bits() % 3 == 0) continue;
        wk_tensor *part = wk_sum(wk_mul(parameters[i], numbers(sizes[i])));
        loss = loss != NULL ? wk_add(loss, part) : part;
    }
    wk_optim_zero_grad(optim);
    if (loss != NULL) wk_backward(loss);
    wk_optim_step(optim);
}

/* The values of "step NUMBER VALUES...". */
static void compare(const char *line, wk_tensor *const *parameters, const char *name) {
    char *at;
    assert_true(strtol(line + strlen("step "), &at, 10) > 0);
    for (int i = 0; i < PARAMETERS; i++) {
        for (int64_t j = 0; j < sizes[i]; j++) assert_close(wk_get_f64(parameters[i], &j), strtod(at, &at), 0, name);
    }
    assert_true(*at == '\n');
}

/* All that follows one line "optimiser ..."; the next of them is left in `line`. False at the end of the file. */
static bool run(FILE *file, char *line, size_t nbytes) {
    WK_SCOPE;
    char name[256];
    double lr;
    stream = 1;
    dtype = strstr(line, " f32 ") != NULL ? WK_F32 : WK_F64;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *parameters[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++)
        parameters[i] = wk_module_add_parameter(net, i == 0 ? "a" : "b", numbers(sizes[i]));
    wk_optim *optim = optim_of(net, line, &lr);
    snprintf(name, sizeof name, "%s, %.200s", wk_isa(), line);
    int done = 0;
    bool more;
    while ((more = fgets(line, (int)nbytes, file) != NULL) && strncmp(line, "step ", 5) == 0) {
        for (const int until = atoi(line + 5); done < until;) {
            if (++done == STEPS / 2) wk_optim_set_lr(optim, lr / 2);
            step(optim, parameters);
        }
        compare(line, parameters, name);
    }
    assert_int_equal(done, STEPS);
    wk_optim_free(optim);
    wk_module_free(net);
    assert_ok();
    return more;
}

static void as_pytorch_with(const char *isa) {
    if (!wk__kernels_select(isa)) skip_test("this machine lacks the instruction set");
    char path[512], line[2048];
    snprintf(path, sizeof path, "%s/optim.txt", wk_test_data);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int cases = 1;
    do assert_non_null(fgets(line, sizeof line, file));
    while (line[0] == '#');
    while (run(file, line, sizeof line)) cases++;
    fclose(file);
    assert_int_equal(cases, 28);
    wk__kernels_select(NULL);
}

#define AS_PYTORCH(isa) \
    static void as_pytorch_##isa(void **state) { (void)state, as_pytorch_with(#isa); }
WK_KERNEL_TABLES(AS_PYTORCH)

/* ----------------------------------------------------------------------------------------------------- the rest --- */

/* Gradients 3 and 4 x 12 with one parameter aside: the norm is 13. */
static void gradients_are_clipped(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *a = wk_module_add_parameter(net, "a", wk_scalar(1, WK_F64));
    wk_tensor *b = wk_module_add_parameter(net, "b", wk_ones(WK_SHAPE(2), WK_F32));
    wk_tensor *unused = wk_module_add_parameter(net, "unused", wk_scalar(1, WK_F32));
    assert_close(wk_clip_grad_norm(net, 1), 0, 0, "no gradients");
    wk_backward(wk_mul_scalar(a, 3));
    const float factors[] = {4, 12};
    wk_backward(wk_sum(wk_mul(b, wk_from_data(factors, WK_SHAPE(2), WK_F32))));
    assert_close(wk_clip_grad_norm(net, 14), 13, 0, "below the bound");
    assert_close(wk_item(wk_grad_of(a)), 3, 0, "untouched");
    assert_close(wk_clip_grad_norm(net, 1), 13, 0, "above it");
    assert_close(wk_item(wk_grad_of(a)), 3 / (13 + 1e-6), 1e-15, "a");
    assert_close(wk_get_f64(wk_grad_of(b), (const int64_t[]){1}), 12 / (13 + 1e-6), 6e-8, "b: a rounding of f32");
    assert_null(wk_grad_of(unused));
    assert_true(isnan(wk_clip_grad_norm(net, -1)));
    assert_fails(WK_EINVAL, "clip_grad_norm: max_norm is negative, or no number");
    assert_true(isnan(wk_clip_grad_norm(NULL, 1)));
    assert_fails(WK_EINVAL, "clip_grad_norm: module is NULL");
    wk_backward(wk_mul_scalar(a, INFINITY));
    assert_true(isinf(wk_clip_grad_norm(net, 1)));
    assert_true(isnan(wk_item(wk_grad_of(a))));
    assert_close(wk_get_f64(wk_grad_of(b), (const int64_t[]){1}), 0, 0, "scaled by 1 / inf");
    wk_module_free(net);
    assert_ok();
}

/* ------------------------------------------------------------------------------------------------------- groups --- */

enum { GROUPED = 4 };

/* One of every kind, with this rate and decay. */
static wk_optim *optim_of_kind(int kind, wk_module *m, double lr, double decay) {
    wk_adam_options a = WK_ADAM_OPTIONS;
    wk_adamw_options w = WK_ADAMW_OPTIONS;
    wk_rmsprop_options r = WK_RMSPROP_OPTIONS;
    wk_sgd_options s = WK_SGD_OPTIONS;
    a.weight_decay = w.weight_decay = r.weight_decay = s.weight_decay = decay;
    s.momentum = r.momentum = 0.9;
    return kind == 0   ? wk_adam_new(m, lr, &a)
           : kind == 1 ? wk_adamw_new(m, lr, &w)
           : kind == 2 ? wk_rmsprop_new(m, lr, &r)
                       : wk_sgd_new(m, lr, &s);
}

/* A network of four parameters in one slab, each a group of its own, beside four networks of one parameter that are
 * trained with these settings by optimisers of their own: the same bits. */
static void each_parameter_as_if_alone(void **state) {
    (void)state;
    static const double decays[GROUPED] = {0.1, 0.02, 0, 0.1}, scales[GROUPED] = {1, 1, 0.5, 0};
    dtype = WK_F32;
    for (int kind = 0; kind < 4; kind++) {
        WK_SCOPE;
        wk_module *net = wk_module_new(NULL, "net"), *alone[GROUPED];
        wk_tensor *together[GROUPED], *apart[GROUPED];
        wk_optim *each[GROUPED];
        stream = (uint64_t)kind;
        for (int i = 0; i < GROUPED; i++) {
            wk_tensor *init = numbers(37);
            together[i] = wk_module_add_parameter(net, (const char *[]){"a", "b", "c", "d"}[i], init);
            alone[i] = wk_module_new(NULL, "alone");
            apart[i] = wk_module_add_parameter(alone[i], "p", init);
            each[i] = optim_of_kind(kind, alone[i], 0.25 * scales[i], decays[i]);
        }
        wk_optim *all = optim_of_kind(kind, net, 0.5, 0.1);
        for (int i = 0; i < GROUPED; i++) wk_optim_set_lr_scale(all, together[i], scales[i]);
        wk_optim_set_weight_decay(all, together[1], 0.02);
        wk_optim_set_weight_decay(all, together[2], 0);
        wk_optim_set_lr(all, 0.25);
        for (int t = 0; t < 5; t++)
            for (int i = 0; i < GROUPED; i++) {
                wk_tensor *factors = numbers(37);
                wk_backward(wk_add(wk_sum(wk_mul(together[i], factors)), wk_sum(wk_mul(apart[i], factors))));
                if (i == GROUPED - 1) wk_optim_step(all), wk_optim_zero_grad(all);
                wk_optim_step(each[i]), wk_optim_zero_grad(each[i]);
            }
        wk_module_add_parameter(net, "late", wk_ones(WK_SHAPE(3), WK_F32));
        wk_optim_add(all); /* settings stay */
        wk_backward(wk_add(wk_sum(together[1]), wk_sum(apart[1])));
        wk_optim_step(all);
        wk_optim_step(each[1]);
        for (int i = 0; i < GROUPED; i++) {
            assert_true(wk_equal(together[i], apart[i]));
            wk_optim_free(each[i]);
            wk_module_free(alone[i]);
        }
        wk_optim_free(all);
        wk_module_free(net);
        assert_ok();
    }
}

static void settings_that_are_none(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_linear_new(NULL, "net", 2, 2, NULL);
    wk_optim *sgd = wk_sgd_new(net, 0.1, NULL);
    wk_tensor *p = wk_module_parameter(net, "bias");
    wk_optim_set_weight_decay(sgd, p, -1);
    assert_fails(WK_EINVAL, "optim_set_weight_decay: weight_decay is -1: it must be at least 0");
    wk_optim_set_lr_scale(sgd, p, NAN);
    assert_fails(WK_EINVAL, "optim_set_lr_scale: scale is nan: it must be at least 0");
    wk_optim_set_lr_scale(sgd, wk_ones(WK_SHAPE(2), WK_F32), 1);
    assert_fails(WK_EINVAL, "optim_set_lr_scale: parameter is none that the optimiser trains");
    refuses(wk_optim_set_weight_decay(sgd, NULL, 0));
    refuses(wk_optim_set_weight_decay(NULL, p, 0));
    wk_optim_free(sgd);
    wk_module_free(net);
    assert_ok();
}

/* In anomaly mode a step ends at the first run that gives a NaN. What comes after it has had no step, and its count
 * does not say so: its next one is Adam's first, of the rate's size. */
static void a_step_that_fails_part_way(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *one = wk_scalar(1, WK_F64), *spoilt = wk_module_add_parameter(net, "spoilt", one);
    wk_module_add_parameter(net, "unused", one); /* so that these are two runs */
    wk_tensor *fine = wk_module_add_parameter(net, "fine", one);
    wk_optim *adam = wk_adam_new(net, 0.125, NULL);
    wk_backward(wk_mul(spoilt, wk_scalar(NAN, WK_F64)));
    wk_backward(fine);
    wk_set_anomaly(true);
    assert_int_equal(wk_optim_step(adam), WK_ENAN);
    wk_check(NULL);
    wk_set_anomaly(false);
    assert_close(wk_item(fine), 1, 0, "not stepped");
    wk_zero_grad(spoilt);
    assert_int_equal(wk_optim_step(adam), WK_OK);
    assert_close(wk_item(fine), 1 - 0.125, 1e-8, "the first step, to eps");
    wk_optim_free(adam);
    wk_module_free(net);
    assert_ok();
}

static void options_out_of_range(void **state) {
    (void)state;
    wk_module *net = wk_module_new(NULL, "net");
    wk_rmsprop_options r = WK_RMSPROP_OPTIONS;
    r.momentum = -1;
    assert_null(wk_rmsprop_new(net, 0.1, &r));
    assert_fails(WK_EINVAL, "rmsprop_new: momentum is -1: it must be at least 0");
    assert_null(wk_rmsprop_new(net, NAN, NULL));
    assert_fails(WK_EINVAL, "rmsprop_new: lr is nan: it must be at least 0");
    assert_null(wk_rmsprop_new(net, INFINITY, NULL));
    assert_fails(WK_EINVAL, "rmsprop_new: lr is inf: it must be finite");
    wk_adam_options adam = WK_ADAM_OPTIONS;
    adam.beta2 = 1;
    assert_null(wk_adam_new(net, 0.1, &adam));
    assert_fails(WK_EINVAL, "adam_new: beta2 is 1: it must be at least 0 and below 1");
    wk_sgd_options sgd = WK_SGD_OPTIONS;
    sgd.nesterov = 1;
    assert_null(wk_sgd_new(net, 0.1, &sgd));
    assert_fails(WK_EINVAL, "sgd_new: nesterov needs a momentum above 0 and a dampening of 0, not 0 and 0");
    wk_adamw_options a = WK_ADAMW_OPTIONS;
    a.weight_decay = -0.5;
    assert_null(wk_adamw_new(net, 0.1, &a));
    assert_fails(WK_EINVAL, "adamw_new: weight_decay is -0.5: it must be at least 0");
    wk_optim *adamw = wk_adamw_new(net, 0.25, NULL);
    assert_close(wk_optim_lr(adamw), 0.25, 0, "lr");
    wk_optim_set_lr(adamw, -1);
    assert_fails(WK_EINVAL, "optim_set_lr: lr is -1: it must be at least 0");
    assert_close(wk_optim_lr(adamw), 0.25, 0, "lr");
    wk_optim_free(adamw);
    wk_module_free(net);
}

#define AS_PYTORCH_ROW(isa) cmocka_unit_test(as_pytorch_##isa),
WK_TEST_MAIN("optim", WK_KERNEL_TABLES(AS_PYTORCH_ROW) cmocka_unit_test(gradients_are_clipped),
             cmocka_unit_test(each_parameter_as_if_alone), cmocka_unit_test(settings_that_are_none),
             cmocka_unit_test(options_out_of_range), cmocka_unit_test(a_step_that_fails_part_way))
