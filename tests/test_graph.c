/* test_graph.c -- the graph as data: what was called, in words, how it is joined, and that it outlives its scope. */
#include "support.h"

static wk_tensor *loss_of(wk_tensor *w, int64_t index) {
    wk_tensor *x = wk_select(w, 1, index);
    return wk_mse_loss(wk_gelu(x, false), wk_zeros(WK_SHAPE(3), WK_F64));
}

static wk_tensor *new_leaf(void) {
    wk_tensor *w = wk_requires_grad_(wk_ones(WK_SHAPE(3, 2), WK_F64), true);
    wk_set_name(w, "w");
    return w;
}

static void is_node(const wk_graph *graph, int64_t index, const char *op, const char *detail, int64_t input) {
    wk_graph_node node;
    assert_int_equal(wk_graph_node_at(graph, index, &node), WK_OK);
    assert_int_equal(node.kind, WK_NODE_OP);
    assert_string_equal(node.op, op);
    assert_string_equal(node.detail, detail);
    assert_string_equal(node.name, "");
    assert_int_equal(node.input_count, 1);
    assert_int_equal(node.inputs[0], input);
}

static void a_copy_tells_what_was_called(void **state) {
    (void)state;
    wk_graph *graph;
    wk_graph_node leaf;
    {
        WK_SCOPE;
        loss_of(new_leaf(), 1);
        assert_int_equal(wk_graph_size(), 3);
        graph = wk_graph_copy();
    }
    assert_int_equal(wk_graph_node_count(graph), 4);
    assert_int_equal(wk_graph_node_at(graph, 0, &leaf), WK_OK);
    assert_int_equal(leaf.kind, WK_NODE_LEAF);
    assert_string_equal(leaf.name, "w");
    assert_int_equal(leaf.ndim, 2);
    assert_int_equal(leaf.dims[0], 3);
    assert_int_equal(leaf.dims[1], 2);
    is_node(graph, 1, "select", "dim=1, index=1", 0);
    is_node(graph, 2, "gelu", "tanh=false", 1);
    is_node(graph, 3, "mse_loss", "reduction=mean", 2);
    assert_int_equal(wk_graph_node_at(graph, 4, &leaf), WK_EINDEX);
    assert_int_equal(wk_graph_node_at(graph, -1, &leaf), WK_EINDEX);
    assert_ok(); /* a look past the end does not stick */
    wk_graph_free(graph);
}

/* One number for one shape of graph: numbers such as an index do not show in it, another op does. */
static void a_signature_is_of_the_form(void **state) {
    (void)state;
    uint64_t signatures[3];
    for (int i = 0; i < 3; i++) {
        WK_SCOPE;
        wk_tensor *loss = loss_of(new_leaf(), i % 2);
        if (i == 2) wk_neg(loss);
        signatures[i] = wk_graph_signature();
    }
    assert_true(signatures[0] == signatures[1]);
    assert_true(signatures[0] != signatures[2]);
}

/* One colour for each kind of operations; none is left out. */
static void every_row_has_a_colour(void **state) {
    (void)state;
    const char *none = wk_viz_color("no row");
    for (int32_t i = 0; i < wk_op_count(); i++)
        if (strcmp(wk_viz_color(wk_op_name(wk_op_at(i))), none) == 0) fail_msg("%s has none", wk_op_name(wk_op_at(i)));
    assert_string_equal(wk_viz_color("lstm"), wk_viz_color("rnn"));
    assert_string_equal(wk_viz_color(NULL), none);
}

WK_TEST_MAIN("graph", cmocka_unit_test(a_copy_tells_what_was_called), cmocka_unit_test(a_signature_is_of_the_form),
             cmocka_unit_test(every_row_has_a_colour))
