/* test_calls.c -- every public call with NULL, and every call that makes, reads, changes or differentiates tensors
 * while a failure is pending: nothing crashes, and nothing happens. */
#include "support.h"

static const int64_t two[] = {2};

/* -------------------------------------------------------------------------------------------------- with NULL --- */

/* What a program may pass without being wrong. */
static void null_is_allowed(void **state) {
    (void)state;
    wk_tensor *slot = NULL;
    wk_release(NULL);
    wk_release(&slot);
    wk_drop(NULL);
    wk_keep(&slot, NULL);
    assert_null(wk_yield(NULL));
    wk_scope_close(0);
    wk_ctx_free(NULL);
    wk_module_free(NULL);
    wk_optim_free(NULL);
    wk_snapshot_free(NULL);
    wk_safetensors_close(NULL);
    wk_graph_free(NULL);
    wk_memory_stats(NULL);
    assert_int_equal(wk_check(NULL), WK_OK);
    assert_ptr_equal(wk_ctx_use(NULL), wk_ctx_use(NULL));
    assert_non_null(wk_zeros(WK_SCALAR, WK_F32));
    assert_non_null(wk_from_data(NULL, WK_SHAPE(0), WK_F32));
    assert_ok();
}

static void asking_of_null(void **state) {
    (void)state;
    char kind = 'x';
    wk_graph_node node;
    assert_int_equal(wk_ndim(NULL), 0);
    assert_int_equal(wk_dim(NULL, 0), 0);
    assert_null(wk_dims(NULL));
    assert_null(wk_strides(NULL));
    assert_int_equal(wk_numel(NULL), 0);
    assert_int_equal(wk_dtype_of(NULL), -1);
    assert_int_equal(wk_device_of(NULL), -1);
    assert_false(wk_is_contiguous(NULL));
    assert_false(wk_requires_grad(NULL));
    assert_null(wk_grad_of(NULL));
    assert_string_equal(wk_name(NULL), "");
    assert_int_equal(wk_list_length(NULL), 0);
    assert_null(wk_list_at(NULL, 0));
    assert_null(wk_op_find(NULL));
    assert_string_equal(wk_op_name(NULL), "");
    assert_string_equal(wk_op_formula(NULL), "");
    assert_int_equal(wk_op_input_count(NULL), 0);
    assert_int_equal(wk_op_output_count(NULL), 0);
    assert_int_equal(wk_op_attr_count(NULL), 0);
    assert_null(wk_op_attr_name(NULL, 0, &kind));
    assert_int_equal(kind, 0);
    assert_null(wk_op_attr_name(wk_op_find("add"), 0, NULL));
    assert_string_equal(wk_module_name(NULL), "");
    assert_null(wk_module_child(NULL, "x"));
    assert_null(wk_module_parameter(NULL, "x"));
    assert_null(wk_module_parameter_at(NULL, 0));
    assert_int_equal(wk_module_parameter_count(NULL), 0);
    assert_null(wk_module_buffer(NULL, "x"));
    assert_null(wk_module_child_at(NULL, 0));
    assert_int_equal(wk_module_child_count(NULL), 0);
    assert_int_equal(wk_module_to_text(NULL, NULL, 0), 0);
    assert_false(wk_module_training(NULL));
    assert_int_equal(wk_safetensors_count(NULL), 0);
    assert_null(wk_safetensors_name(NULL, 0));
    assert_null(wk_safetensors_type(NULL, 0));
    assert_null(wk_safetensors_dims(NULL, 0, NULL));
    assert_null(wk_safetensors_metadata(NULL, "x"));
    assert_null(wk_module_self(NULL));
    assert_null(wk_module_class_of(NULL));
    assert_close(wk_optim_lr(NULL), 0, 0, "no optimiser");
    assert_int_equal(wk_graph_node_count(NULL), 0);
    assert_int_equal(wk_graph_node_at(NULL, 0, &node), WK_EINDEX);
    assert_null(wk_dtype_name(-1));
    assert_int_equal(wk_dtype_nbytes(WK_DTYPE_COUNT), 0);
    assert_non_null(wk_status_name(-1000));
    assert_non_null(wk_status_meaning(1));
    assert_ok();
}

static void ops_of_null(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 2), WK_F32), *out[4], *none[8] = {NULL};
    refuses(wk_add(NULL, NULL));
    refuses(wk_add(x, NULL));
    refuses(wk_linear(x, NULL, NULL));
    refuses(wk_linear(NULL, x, NULL));
    refuses(wk_rnn(NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false, NULL));
    refuses(wk_lstm(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL));
    refuses(wk_gru(NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL));
    refuses(wk_reshape(x, 2, NULL));
    refuses(wk_expand(NULL, 0, NULL));
    refuses(wk_sum_to_size(x, 1, NULL));
    refuses(wk_permute(x, 2, NULL));
    refuses(wk_unflatten(x, 0, 1, NULL));
    refuses(wk_flip(x, 1, NULL));
    refuses(wk_roll(x, 1, NULL, 1, NULL));
    refuses(wk_repeat(x, 2, NULL));
    refuses(wk_cat(NULL, 0));
    refuses(wk_split(NULL, 1, 0));
    refuses(wk_chunk(NULL, 1, 0));
    refuses(wk_stack(NULL, 0));
    refuses(wk_copy_(x, NULL));
    refuses(wk_rand(1, NULL, WK_F32));
    for (int32_t row = 0; row < wk_op_count(); row++) {
        const wk_op *op = wk_op_at(row);
        const int32_t count = wk_op_input_count(op);
        if (count != 0) refuses(wk_op_call(op, NULL, 0, none, count < 0 ? 2 : count, out));
        refuses(wk_op_call(op, NULL, 1, none, count < 0 ? 2 : count, out));
        refuses(wk_op_call(op, NULL, 0, none, count, NULL));
        if (count > 0) refuses(wk_op_call(op, NULL, 0, NULL, count, out));
        refuses(wk_op_call(op, NULL, 0, none, -7, out));
    }
    refuses(wk_op_call(NULL, NULL, 0, NULL, 0, out));
}

static void tensors_of_null(void **state) {
    (void)state;
    WK_SCOPE;
    wk_tensor *x = wk_ones(WK_SHAPE(2, 2), WK_F32), *out;
    double room[4];
    refuses(wk_zeros(1, NULL, WK_F32));
    refuses(wk_from_data(NULL, 1, two, WK_F32));
    refuses(wk_data(NULL));
    refuses(wk_data_mut(NULL));
    refuses(wk_item(NULL));
    refuses(wk_to_device(NULL, WK_CPU));
    refuses(wk_get_f64(NULL, two));
    refuses(wk_get_f64(x, NULL));
    refuses(wk_put_f64(NULL, two, 1));
    refuses(wk_put_f64(x, NULL, 1));
    refuses(wk_read(NULL, room, sizeof room));
    refuses(wk_read(x, NULL, 16));
    refuses(wk_set_name(NULL, "x"));
    wk_set_name(x, NULL);
    assert_string_equal(wk_name(x), "");
    refuses(wk_keep(NULL, x));
    refuses(wk_list_push(NULL, x));
    refuses(wk_list_push(wk_list_new(), NULL));
    refuses(wk_requires_grad_(NULL, true));
    refuses(wk_zero_grad(NULL));
    refuses(wk_backward(NULL));
    refuses(wk_grad(NULL, &x, 1, &out, 0));
    wk_tensor *y = wk_sum(wk_requires_grad_(x, true)), *nothing = NULL;
    refuses(wk_grad(y, NULL, 1, &out, 0));
    refuses(wk_grad(y, &x, 1, NULL, 0));
    refuses(wk_grad(y, &nothing, 1, &out, 0));
    refuses(wk_grad(y, &x, -1, &out, 0));
}

static void modules_of_null(void **state) {
    (void)state;
    WK_SCOPE;
    static const wk_module_class nameless = {.size = sizeof nameless};
    wk_module *net = wk_module_new(NULL, NULL); /* a root needs no name */
    wk_tensor *x = wk_ones(WK_SHAPE(1, 1, 1), WK_F32), *hn = x;
    assert_ok();
    refuses(wk_module_new(net, NULL));
    refuses(wk_module_new(net, ""));
    refuses(wk_module_new_of(net, "a", NULL));
    refuses(wk_module_new_of(net, "a", &nameless));
    refuses(wk_module_add_parameter(NULL, "w", x));
    refuses(wk_module_add_parameter(net, NULL, x));
    refuses(wk_module_add_parameter(net, "w", NULL));
    assert_int_equal(wk_module_parameter_count(net), 0);
    refuses(wk_linear_new(net, NULL, 1, 1, NULL));
    refuses(wk_linear_new(net, "l", 0, 1, NULL));
    refuses(wk_rnn_new(net, "r", 1, -1, NULL));
    refuses(wk_forward(NULL, x));
    refuses(wk_linear_forward(NULL, x));
    refuses(wk_rnn_forward(NULL, x, NULL, &hn));
    assert_null(hn);
    refuses(wk_rnn_cell_forward(NULL, x, NULL));
    wk_module *linear = wk_linear_new(net, "linear", 1, 1, NULL), *rnn = wk_rnn_new(net, "rnn", 1, 1, NULL);
    wk_module *cell = wk_rnn_cell_new(net, "cell", 1, 1, NULL);
    refuses(wk_forward(linear, NULL));
    refuses(wk_forward(cell, NULL));
    refuses(wk_rnn_forward(rnn, NULL, NULL, NULL));
    refuses(wk_rnn_cell_forward(cell, NULL, x));
    refuses(wk_adam_new(NULL, 0.1, NULL));
    refuses(wk_sgd_new(NULL, 0.1, NULL));
    refuses(wk_optim_step(NULL));
    refuses(wk_optim_zero_grad(NULL));
    refuses(wk_optim_add(NULL));
    refuses(wk_optim_set_lr(NULL, 1));
    wk_module_free(net);
    assert_ok();
}

/* Pictures report and do not stick. */
static void pictures_of_null(void **state) {
    (void)state;
    wk_error e;
    wk_svg *svg = wk_svg_new(10, 10, NULL, NULL);
    wk_svg_free(NULL);
    wk_svg_rect(NULL, 0, 0, 1, 1, 0, NULL, NULL);
    wk_svg_rect(svg, 0, 0, 1, 1, 0, NULL, NULL);
    wk_svg_circle(NULL, 0, 0, 1, NULL, NULL);
    wk_svg_circle(svg, 0, 0, 1, NULL, NULL);
    wk_svg_line(NULL, 0, 0, 1, 1, NULL, 1);
    wk_svg_line(svg, 0, 0, 1, 1, NULL, 1);
    wk_svg_polyline(NULL, NULL, 0, NULL, 1, 1);
    wk_svg_polyline(svg, NULL, 0, NULL, 1, 1);
    wk_svg_edge(NULL, 0, 0, 1, 1, NULL, 1, true);
    wk_svg_edge(svg, 0, 0, 1, 1, NULL, 1, true);
    wk_svg_text(NULL, 0, 0, 9, 'm', NULL, NULL);
    wk_svg_text(svg, 0, 0, 9, 'm', NULL, NULL);
    assert_close(wk_svg_text_width(9, NULL), 0, 0, "no text");
    wk_svg_group(NULL, NULL);
    wk_svg_group(svg, NULL);
    wk_svg_group_end(NULL);
    wk_svg_group_end(svg);
    assert_int_equal(wk_svg_save(svg, NULL, &e), WK_EINVAL);
    assert_int_equal(wk_svg_save(svg, NULL, NULL), WK_EINVAL);
    assert_int_not_equal(wk_svg_save(NULL, NULL, &e), WK_OK);
    assert_int_not_equal(wk_graph_save_svg(NULL, NULL, NULL, NULL), WK_OK);
    assert_non_null(wk_viz_color(NULL));
    wk_svg_free(svg);
    assert_ok();
}

/* -------------------------------------------------------------------------------------- while a failure pends --- */

/* Everything that the calls below might change. */
typedef struct world {
    wk_module *net, *linear, *rnn;
    wk_optim *adam;
    wk_snapshot *snapshot;
    wk_tensor *x, *w, *y, *slot, *other;
    wk_list *list;
} world;

typedef struct picture {
    double x[4], w[4], gradient;
    int64_t nbytes, graph_size, list_length, parameters;
    double lr;
    const wk_tensor *slot;
} picture;

static picture picture_of(const world *p) {
    picture now = {0};
    wk_memory memory;
    wk_memory_stats(&memory);
    wk_read(p->x, now.x, sizeof now.x);
    wk_read(p->w, now.w, sizeof now.w);
    now.gradient = wk_grad_of(p->w) != NULL ? wk_get_f64(wk_grad_of(p->w), (const int64_t[]){1, 1}) : -1;
    now.nbytes = memory.nbytes;
    now.graph_size = wk_graph_size();
    now.list_length = wk_list_length(p->list);
    now.parameters = wk_module_parameter_count(p->net);
    now.lr = wk_optim_lr(p->adam);
    now.slot = p->slot;
    return now;
}

static void every_maker_is_skipped(world *p) {
    const double ones[4] = {1, 1, 1, 1};
    wk_tensor *hn = p->x, *x = p->x;
    assert_null(wk_zeros(WK_SCALAR, WK_F32));
    assert_null(wk_ones(1, two, WK_F32));
    assert_null(wk_full(1, two, 3, WK_F32));
    assert_null(wk_empty(1, two, WK_F32));
    assert_null(wk_scalar(1, WK_F32));
    assert_null(wk_from_data(ones, WK_SHAPE(2, 2), WK_F64));
    assert_null(wk_list_new());
    assert_null(wk_stack(p->list, 0));
    assert_null(wk_rand(1, two, WK_F32));
    assert_null(wk_randperm(5));
    assert_true(wk_randint(0, 1000) == 0);
    assert_null(wk_add(x, x));
    assert_null(wk_select(x, 0, 0));
    assert_null(wk_detach(x));
    assert_true(wk_rnn(x, NULL, NULL, x, x, NULL, NULL, false, false, &hn) == NULL && hn == NULL);
    assert_null(wk_module_new(p->net, "more"));
    assert_null(wk_linear_new(p->net, "more", 1, 1, NULL));
    assert_null(wk_rnn_new(p->net, "more", 1, 1, NULL));
    assert_null(wk_module_add_parameter(p->net, "more", x));
    assert_null(wk_sequential_new(p->net, "more"));
    assert_null(wk_tanh_new(p->net, "more"));
    assert_null(wk_module_add_buffer(p->net, "more", x));
    assert_null(wk_module_share_parameter(p->net, "more", p->w));
    assert_null(wk_snapshot_new(p->net));
    assert_null(wk_safetensors_open("/dev/null", NULL));
    assert_null(wk_adamw_new(p->net, 0.1, NULL));
    assert_null(wk_rmsprop_new(p->net, 0.1, NULL));
    assert_null(wk_forward(p->linear, x));
    assert_null(wk_linear_forward(p->linear, x));
    hn = x;
    assert_true(wk_rnn_forward(p->rnn, x, NULL, &hn) == NULL && hn == NULL);
    assert_null(wk_adam_new(p->net, 0.1, NULL));
    assert_null(wk_sgd_new(p->net, 0.1, NULL));
    assert_null(wk_graph_copy());
}

static void every_change_is_skipped(world *p) {
    wk_tensor *out[2] = {p->x, p->x};
    double room[4] = {7, 7, 7, 7};
    assert_null(wk_copy_(p->x, p->other));
    wk_put_f64(p->x, (const int64_t[]){0, 0}, 99);
    assert_null(wk_data_mut(p->x));
    assert_null(wk_data(p->x));
    assert_true(isnan(wk_item(p->y)));
    assert_true(isnan(wk_get_f64(p->x, (const int64_t[]){0, 0})));
    assert_true(wk_read(p->x, room, sizeof room) == WK_ESHAPE && room[0] == 7);
    assert_true(wk_requires_grad_(p->x, true) == NULL && !wk_requires_grad(p->x));
    wk_zero_grad(p->w);
    wk_keep(&p->slot, p->other);
    wk_keep(&p->slot, NULL);
    wk_list_push(p->list, p->x);
    wk_set_name(p->x, "other");
    assert_null(wk_yield(p->x));
    assert_true(wk_backward(p->y) == WK_ESHAPE);
    assert_true(wk_grad(p->y, &p->w, 1, out, 0) == WK_ESHAPE && out[0] == NULL);
    out[0] = p->x;
    assert_true(wk_op_call(wk_op_find("neg"), NULL, 0, &p->x, 1, out) == WK_ESHAPE && out[0] == NULL);
    wk_optim_zero_grad(p->adam);
    assert_true(wk_optim_step(p->adam) == WK_ESHAPE);
    assert_true(wk_optim_add(p->adam) == WK_ESHAPE);
    wk_optim_set_lr(p->adam, 7);
    wk_module_train(p->net, false);
    wk_module_requires_grad_(p->net, false);
    assert_true(wk_module_training(p->net) && wk_requires_grad(p->w));
    assert_true(isnan(wk_clip_grad_norm(p->net, 1e-3)));
    assert_true(wk_snapshot_restore(p->snapshot) == WK_ESHAPE);
    assert_true(wk_snapshot_average(p->snapshot, 0.5) == WK_ESHAPE);
    assert_true(wk_save("/nowhere/at/all", p->net, NULL) == WK_ESHAPE);
    assert_true(wk_load("/nowhere/at/all", p->net, 0, NULL) == WK_ESHAPE);
    assert_true(wk_checkpoint_save("/nowhere/at/all", p->net, &p->adam, 1, NULL) == WK_ESHAPE);
    assert_true(wk_checkpoint_load("/nowhere/at/all", p->net, &p->adam, 1, NULL) == WK_ESHAPE);
    assert_true(wk_safetensors_write("/nowhere/at/all", NULL, NULL, 0, NULL) == WK_ESHAPE);
    wk_manual_seed(99);
}

static void nothing_happens_while_a_failure_pends(void **state) {
    (void)state;
    WK_SCOPE;
    wk_error e;
    world p = {.net = wk_module_new(NULL, "net"), .list = wk_list_new()};
    p.linear = wk_linear_new(p.net, "linear", 2, 2, NULL);
    p.rnn = wk_rnn_new(p.net, "rnn", 2, 2, NULL);
    p.w = wk_module_add_parameter(p.net, "w", wk_full(WK_SHAPE(2, 2), 3, WK_F64));
    p.adam = wk_adam_new(p.net, 0.1, NULL);
    p.snapshot = wk_snapshot_new(p.net);
    wk_put_f64(p.w, (const int64_t[]){0, 0}, 4); /* not what the snapshot has */
    p.x = wk_full(WK_SHAPE(2, 2), 2, WK_F64);
    p.other = wk_full(WK_SHAPE(2, 2), 5, WK_F64);
    p.y = wk_sum(wk_mul(p.w, p.x));
    wk_keep(&p.slot, p.x);
    wk_list_push(p.list, p.x);
    wk_backward_flags(p.y, WK_RETAIN_GRAPH);
    assert_ok();
    wk_tensor *unfit = wk_ones(WK_SHAPE(3, 3), WK_F64);
    const int64_t first = (wk_manual_seed(1), wk_randint(0, 1 << 30));
    wk_manual_seed(1);
    const picture before = picture_of(&p);

    wk_matmul(p.x, unfit);
    every_maker_is_skipped(&p);
    every_change_is_skipped(&p);
    assert_int_equal(wk_check(&e), WK_ESHAPE);
    assert_true(e.skipped >= 40); /* about one for each call */
    assert_string_equal(e.op, "matmul");

    const picture after = picture_of(&p);
    assert_memory_equal(&after, &before, sizeof before);
    assert_string_equal(wk_name(p.x), "");
    assert_int_equal(wk_randint(0, 1 << 30), first);
    wk_release(&p.slot);
    wk_snapshot_free(p.snapshot);
    wk_optim_free(p.adam);
    wk_module_free(p.net);
}

WK_TEST_MAIN("calls", cmocka_unit_test(null_is_allowed), cmocka_unit_test(asking_of_null),
             cmocka_unit_test(ops_of_null), cmocka_unit_test(tensors_of_null),
             cmocka_unit_test(modules_of_null), cmocka_unit_test(pictures_of_null),
             cmocka_unit_test(nothing_happens_while_a_failure_pends))
