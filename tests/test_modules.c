/* test_modules.c -- buffers, sharing, freezing, snapshots, Sequential, modules as text. */
#include <pthread.h>

#include "support.h"

static void set(wk_tensor *t, double value) {
    WK_SCOPE;
    WK_NO_GRAD;
    wk_copy_(t, wk_scalar(value, wk_dtype_of(t)));
}

/* ------------------------------------------------------------------------------------------ buffers and sharing --- */

static void buffers_are_not_trained(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net"), *norm = wk_module_new(net, "norm");
    wk_tensor *w = wk_module_add_parameter(norm, "w", wk_scalar(2, WK_F32)), *source = wk_full(WK_SHAPE(3), 5, WK_F64);
    wk_tensor *mean = wk_module_add_buffer(norm, "mean", source);
    wk_tensor *count = wk_module_add_buffer(net, "count", wk_scalar(7, WK_I64));
    wk_put_f64(source, (const int64_t[]){0}, 9);
    assert_close(wk_get_f64(mean, (const int64_t[]){0}), 5, 0, "a copy");
    assert_false(wk_requires_grad(mean));
    assert_string_equal(wk_name(mean), "norm.mean");
    assert_ptr_equal(wk_module_buffer(net, "norm.mean"), mean);
    assert_ptr_equal(wk_module_buffer(norm, "mean"), mean);
    assert_ptr_equal(wk_module_buffer(net, "count"), count);
    assert_null(wk_module_buffer(net, "norm.w"));
    assert_null(wk_module_buffer(net, "norm"));
    assert_null(wk_module_buffer(net, "nor.mean"));
    assert_null(wk_module_parameter(net, "norm.mean"));
    assert_int_equal(wk_module_parameter_count(net), 1);
    assert_ptr_equal(wk_module_parameter_at(net, 0), w);
    wk_module_add_parameter(norm, "mean", w);
    assert_fails(WK_EINVAL, "module_add_parameter: Module \"norm\" has a member \"mean\" already");
    wk_module_add_buffer(norm, "w", w);
    assert_fails(WK_EINVAL, "module_add_buffer: Module \"norm\" has a member \"w\" already");
    wk_copy_(count, wk_scalar(8, WK_I64));
    assert_close(wk_item(count), 8, 0, "written");
    wk_module_free(net);
    assert_ok();
}

/* y = w (w x) with w under two names: both uses count, one step is taken. */
static void a_shared_parameter_counts_once(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net"), *early = wk_module_new(net, "early");
    wk_module *encoder = wk_linear_new(net, "encoder", 1, 1, NULL);
    wk_linear_options o = WK_LINEAR_OPTIONS;
    o.bias = 0;
    o.weight = wk_module_parameter(encoder, "weight");
    wk_module *decoder = wk_linear_new(net, "decoder", 1, 1, &o);
    assert_ptr_equal(wk_module_share_parameter(early, "w", o.weight), o.weight);
    assert_ptr_equal(wk_module_parameter(net, "decoder.weight"), o.weight);
    assert_string_equal(wk_name(o.weight), "encoder.weight");
    wk_module_add_parameter(decoder, "own", wk_scalar(1, WK_F32));
    assert_int_equal(wk_module_parameter_count(net), 3);
    assert_ptr_equal(wk_module_parameter_at(net, 0), o.weight); /* early.w */
    assert_ptr_equal(wk_module_parameter_at(net, 1), wk_module_parameter(net, "encoder.bias"));
    assert_ptr_equal(wk_module_parameter_at(net, 2), wk_module_parameter(net, "decoder.own"));
    assert_int_equal(wk_module_parameter_count(decoder), 2);
    assert_ptr_equal(wk_module_parameter_at(decoder, 0), o.weight);

    set(o.weight, 3);
    wk_optim *sgd = wk_sgd_new(net, 0.5, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(1, 1), WK_F32);
    wk_backward(wk_sum(wk_forward(decoder, wk_linear(x, o.weight, NULL))));
    wk_optim_step(sgd);
    assert_close(wk_item(o.weight), 3 - 0.5 * 6, 0, "d w^2 / dw = 2 w, once");
    wk_optim_free(sgd);
    wk_module_free(net);
    assert_ok();
}

static void what_cannot_be_shared(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net"), *other = wk_module_new(NULL, "other");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_zeros(WK_SHAPE(2, 3), WK_F32));
    wk_module_share_parameter(other, "w", w);
    assert_fails(WK_EINVAL, "module_share_parameter: t is not a parameter of the tree that \"other\" belongs to");
    wk_module_share_parameter(net, "w", w);
    assert_fails(WK_EINVAL, "module_share_parameter: Module \"net\" has a member \"w\" already");
    wk_linear_options o = WK_LINEAR_OPTIONS;
    o.weight = w;
    wk_linear_new(net, "l", 2, 3, &o);
    assert_fails(WK_ESHAPE, "linear_new: weight is (2,3), not (3,2)");
    wk_module_free(net);
    wk_module_free(other);
    assert_ok();
}

/* ------------------------------------------------------------------------------------------- freezing and modes --- */

static void frozen_parameters_stay(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_sequential_new(NULL, "net");
    wk_module *below = wk_linear_new(net, NULL, 1, 1, NULL), *above = wk_linear_new(net, NULL, 1, 1, NULL);
    wk_optim *adam = wk_adam_new(net, 0.1, NULL);
    wk_tensor *frozen = wk_module_parameter(below, "weight"), *free_one = wk_module_parameter(above, "weight");
    const double frozen_was = wk_item(frozen), free_was = wk_item(free_one);
    wk_module_requires_grad_(below, false);
    wk_backward(wk_sum(wk_forward(net, wk_ones(WK_SHAPE(1, 1), WK_F32))));
    wk_optim_step(adam);
    assert_null(wk_grad_of(frozen));
    assert_close(wk_item(frozen), frozen_was, 0, "frozen");
    assert_true(wk_item(free_one) != free_was);
    wk_module_requires_grad_(net, true);
    assert_true(wk_requires_grad(frozen));
    wk_optim_free(adam);
    wk_module_free(net);
    assert_ok();
}

static void modes_reach_all_below(void **state) {
    (void)state;
    wk_module *net = wk_module_new(NULL, "net"), *child = wk_sequential_new(net, "child");
    wk_module *leaf = wk_tanh_new(child, NULL);
    assert_true(wk_module_training(net) && wk_module_training(leaf));
    wk_module_train(net, false);
    assert_false(wk_module_training(net) || wk_module_training(child) || wk_module_training(leaf));
    wk_module_train(child, true);
    assert_true(!wk_module_training(net) && wk_module_training(leaf));
    wk_module_free(net);
    assert_ok();
}

/* ---------------------------------------------------------------------------------------------------- snapshots --- */

/* As load_state_dict: by name, whatever the order of making, and all or nothing. */
static void modules_are_copied(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *a = wk_module_new(NULL, "a"), *b = wk_module_new(NULL, "b"), *c = wk_module_new(NULL, "c");
    wk_linear_new(a, "in", 2, 3, NULL), wk_linear_new(a, "out", 3, 1, NULL);
    wk_linear_new(b, "out", 3, 1, NULL), wk_linear_new(b, "in", 2, 3, NULL);
    wk_linear_new(c, "in", 2, 3, NULL), wk_linear_new(c, "out", 3, 2, NULL);
    assert_int_equal(wk_module_copy(a, b), WK_OK);
    for (int64_t i = 0; i < wk_module_parameter_count(a); i++) {
        static const char *const names[] = {"in.weight", "in.bias", "out.weight", "out.bias"};
        assert_true(wk_equal(wk_module_parameter(a, names[i]), wk_module_parameter(b, names[i])));
    }
    wk_module_copy(c, a);
    assert_fails(WK_ESHAPE, "module_copy: out.weight is (2,3) in to and (1,3) in from");
    assert_false(wk_equal(wk_module_parameter(c, "in.weight"), wk_module_parameter(a, "in.weight")));
    wk_module_copy(a, wk_module_child(a, "in"));
    assert_fails(WK_EINVAL, "module_copy: from has no in.weight");
    wk_module_add_buffer(b, "count", wk_scalar(0, WK_I64));
    wk_module_copy(a, b);
    assert_fails(WK_EINVAL, "module_copy: from has 5 parameters and buffers, to has 4");
    wk_module_free(a);
    wk_module_free(b);
    wk_module_free(c);
    assert_ok();
}

static void snapshots_keep_and_exchange(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net"), *child = wk_module_new(net, "child");
    wk_tensor *w = wk_module_add_parameter(child, "w", wk_scalar(1, WK_F64));
    wk_tensor *n = wk_module_add_buffer(net, "n", wk_scalar(10, WK_I64));
    wk_module_share_parameter(net, "tied", w);
    wk_snapshot *s = wk_snapshot_new(net);
    set(w, 2), set(n, 20);
    wk_snapshot_exchange(s);
    assert_close(wk_item(w), 1, 0, "kept");
    assert_close(wk_item(n), 10, 0, "kept");
    wk_snapshot_exchange(s);
    assert_close(wk_item(w), 2, 0, "and back");
    wk_snapshot_average(s, 0.75); /* 0.75 x 1 + 0.25 x 2 */
    wk_snapshot_restore(s);
    assert_close(wk_item(w), 1.25, 0, "the mean");
    assert_close(wk_item(n), 20, 0, "an integer is copied");
    assert_true(wk_requires_grad(w));
    set(w, 5);
    wk_snapshot_take(s);
    set(w, 6);
    wk_snapshot_restore(s);
    assert_close(wk_item(w), 5, 0, "taken again");
    assert_int_equal(wk_snapshot_average(s, 1.5), WK_EINVAL);
    assert_fails(WK_EINVAL, "snapshot_average: decay is 1.5, which is not from 0 to 1");
    wk_module_free(net); /* the snapshot still holds it */
    wk_snapshot_restore(s);
    assert_close(wk_item(w), 5, 0, "alive");
    wk_snapshot_free(s);
    wk_snapshot_free(NULL);
    assert_ok();
}

/* A value that backward needs, changed by a snapshot, is refused as any other change in place. */
static void restoring_counts_as_a_change(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net");
    wk_tensor *w = wk_module_add_parameter(net, "w", wk_scalar(1, WK_F32));
    wk_snapshot *s = wk_snapshot_new(net);
    wk_tensor *y = wk_mul(w, w);
    wk_snapshot_restore(s);
    assert_int_equal(wk_backward(y), WK_EVERSION);
    wk_check(NULL);
    wk_snapshot_free(s);
    wk_module_free(net);
}

/* --------------------------------------------------------------------------------------------- Sequential, text --- */

static void sequential_counts_and_runs(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_sequential_new(NULL, "net");
    wk_module *first = wk_linear_new(net, NULL, 2, 3, NULL);
    wk_tanh_new(net, NULL);
    wk_linear_new(net, "2", 3, 1, NULL);
    assert_string_equal(wk_module_name(first), "0");
    assert_int_equal(wk_module_child_count(net), 3);
    assert_ptr_equal(wk_module_child_at(net, 0), first);
    assert_null(wk_module_child_at(net, 3));
    assert_null(wk_module_child_at(net, -1));
    assert_non_null(wk_module_parameter(net, "2.weight"));
    wk_tensor *x = wk_ones(WK_SHAPE(4, 2), WK_F32), *y = wk_forward(net, x);
    wk_tensor *by_hand = wk_forward(wk_module_child(net, "2"), wk_tanh(wk_forward(first, x)));
    assert_memory_equal(wk_data(y), wk_data(by_hand), 4 * sizeof(float));
    wk_rnn_new(net, NULL, 1, 1, NULL);
    assert_null(wk_forward(net, x));
    assert_fails(
        WK_EINVAL,
        "forward: m is RNN, which has no forward with one input and output: call its own function, or its children");
    wk_module_free(net);
    assert_ok();
}

/* Printed by PyTorch 1.13 for the same modules, where the class of the root was called Module. */
static const char printed[] =
    "Module(\n"
    "  (rnn): RNN(1, 32, batch_first=True)\n"
    "  (cell): RNNCell(3, 4, bias=False)\n"
    "  (head): Sequential(\n"
    "    (0): Linear(in_features=32, out_features=8, bias=True)\n"
    "    (1): Tanh()\n"
    "    (2): Linear(in_features=8, out_features=1, bias=False)\n"
    "  )\n"
    "  (nothing): Module()\n"
    ")";

static void text_is_pytorchs(void **state) {
    (void)state;
    char text[600], little[20];
    wk_module *net = wk_module_new(NULL, "net");
    wk_rnn_options r = WK_RNN_OPTIONS;
    r.batch_first = 1;
    wk_rnn_new(net, "rnn", 1, 32, &r);
    r.bias = 0;
    wk_rnn_cell_new(net, "cell", 3, 4, &r);
    wk_module *head = wk_sequential_new(net, "head");
    wk_linear_options l = WK_LINEAR_OPTIONS;
    l.bias = 0;
    wk_linear_new(head, NULL, 32, 8, NULL);
    wk_tanh_new(head, NULL);
    wk_linear_new(head, NULL, 8, 1, &l);
    wk_module_new(net, "nothing");
    assert_int_equal(wk_module_to_text(net, text, sizeof text), strlen(printed));
    assert_string_equal(text, printed);
    assert_int_equal(wk_module_to_text(net, NULL, 0), strlen(printed));
    assert_int_equal(wk_module_to_text(net, little, sizeof little), strlen(printed));
    assert_memory_equal(little, printed, sizeof little - 1);
    assert_int_equal(little[sizeof little - 1], '\0');
    assert_int_equal(wk_module_to_text(NULL, little, sizeof little), 0);
    assert_string_equal(little, "");
    wk_module_free(net);
    assert_ok();
}

/* What could not be completed is not there, and its name is free again. */
static void a_layer_that_fails_leaves_nothing(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, "net"), *below = wk_module_new(net, "below");
    wk_module *first = wk_linear_new(below, "first", 2, 3, NULL);
    wk_linear_options tied = WK_LINEAR_OPTIONS;
    tied.weight = wk_module_parameter(first, "weight");
    wk_optim *sgd = wk_sgd_new(net, 0.5, NULL);
    const int64_t most = INT64_C(1) << 40;
    assert_null(wk_linear_new(below, "big", most, most, NULL));
    assert_int_equal(wk_check(NULL), WK_ENOMEM);
    assert_null(wk_linear_new(below, "big", most, 1, &tied));
    assert_fails(WK_ESHAPE, "linear_new: weight is (3,2), not (1,1099511627776)");
    assert_null(wk_lstm_new(below, "big", most, most, NULL));
    assert_int_equal(wk_check(NULL), WK_ENOMEM);
    assert_null(wk_linear_new(NULL, "root", most, most, NULL));
    assert_int_equal(wk_check(NULL), WK_ENOMEM);
    assert_int_equal(wk_module_child_count(below), 1);
    assert_int_equal(wk_module_parameter_count(net), 2);
    wk_backward(wk_sum(wk_linear_forward(first, wk_ones(WK_SHAPE(1, 2), WK_F32))));
    assert_int_equal(wk_optim_step(sgd), WK_OK);
    assert_non_null(wk_linear_new(below, "big", 2, 3, &tied));
    assert_int_equal(wk_module_parameter_count(net), 3); /* the tied weight counts once */
    wk_optim_free(sgd);
    wk_module_free(net);
    assert_ok();
}

static void parts_of_null(void **state) {
    (void)state;
    WK_SCOPE;
    wk_module *net = wk_module_new(NULL, NULL);
    wk_tensor *x = wk_ones(WK_SHAPE(1), WK_F32);
    refuses(wk_module_add_buffer(NULL, "b", x));
    refuses(wk_module_add_buffer(net, NULL, x));
    refuses(wk_module_add_buffer(net, "b", NULL));
    refuses(wk_module_share_parameter(NULL, "b", x));
    refuses(wk_module_share_parameter(net, "b", NULL));
    refuses(wk_module_share_parameter(net, "b", x));
    refuses(wk_module_requires_grad_(NULL, true));
    refuses(wk_module_train(NULL, true));
    refuses(wk_sequential_new(net, ""));
    refuses(wk_tanh_new(net, NULL));
    refuses(wk_snapshot_new(NULL));
    refuses(wk_snapshot_take(NULL));
    refuses(wk_snapshot_restore(NULL));
    refuses(wk_snapshot_exchange(NULL));
    refuses(wk_snapshot_average(NULL, 0.5));
    refuses(wk_adamw_new(NULL, 0.1, NULL));
    refuses(wk_rmsprop_new(NULL, 0.1, NULL));
    refuses(wk_clip_grad_norm(NULL, 1));
    assert_int_equal(wk_module_child_count(net), 0);
    wk_module_free(net);
    assert_ok();
}

static wk_error refusal;

static void *add_elsewhere(void *net) {
    wk_module_new(net, "child");
    wk_check(&refusal);
    return NULL;
}

static void a_tree_stays_in_its_context(void **state) {
    (void)state;
    wk_module *net = wk_module_new(NULL, "net");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_elsewhere, net), 0);
    pthread_join(thread, NULL);
    assert_int_equal(refusal.status, WK_ECONTEXT);
    assert_string_equal(refusal.message, "module_new: parent belongs to another context");
    assert_int_equal(wk_module_child_count(net), 0);
    wk_module_free(net);
    assert_ok();
}

WK_TEST_MAIN("modules", cmocka_unit_test(a_tree_stays_in_its_context), cmocka_unit_test(buffers_are_not_trained),
             cmocka_unit_test(a_shared_parameter_counts_once), cmocka_unit_test(what_cannot_be_shared),
             cmocka_unit_test(frozen_parameters_stay), cmocka_unit_test(modes_reach_all_below),
             cmocka_unit_test(modules_are_copied), cmocka_unit_test(snapshots_keep_and_exchange),
             cmocka_unit_test(restoring_counts_as_a_change), cmocka_unit_test(sequential_counts_and_runs),
             cmocka_unit_test(text_is_pytorchs), cmocka_unit_test(parts_of_null),
             cmocka_unit_test(a_layer_that_fails_leaves_nothing))
