/* graph_model.c -- see graph_model.h. */
#include "viz/graph_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"

enum {
    DROPPER_DISTANCE = 10, /* from the boxes to the nearest dropper, and between the pills and the first dropper */
    DROPPER_PITCH = 9,     /* from one dropper to the next */
};

void wk__graph_model_free(wk_graph_model *model) {
    wk__layout_free(&model->layout);
    free(model->nodes);
    free(model->readers);
    free(model->buses);
    *model = (wk_graph_model){0};
}

/* -------------------------------------------------------------------------------------------------------- nodes --- */

static void write_shape(const wk_graph_node *node, char *text, size_t nbytes) {
    wk_shape_text shape;
    snprintf(text, nbytes, "%s", node->ndim == 0 ? "scalar" : wk__shape_text(&shape, node->ndim, node->dims));
}

static bool read_nodes(wk_graph_model *model, const wk_graph *graph) {
    model->node_count = (int32_t)wk_graph_node_count(graph);
    model->nodes = calloc((size_t)model->node_count + 1, sizeof *model->nodes);
    if (model->nodes == NULL) return false;
    for (int32_t i = 0; i < model->node_count; i++) {
        wk_drawn_node *drawn = &model->nodes[i];
        wk_graph_node_at(graph, i, &drawn->node);
        write_shape(&drawn->node, drawn->shape, sizeof drawn->shape);
        drawn->box = drawn->bus = -1;
    }
    return true;
}

static int32_t count_inputs(const wk_graph_model *model) {
    int32_t count = 0;
    for (int32_t i = 0; i < model->node_count; i++) count += model->nodes[i].node.input_count;
    return count;
}

/* Turns round "what a node reads" into "who reads it". */
static bool find_readers(wk_graph_model *model) {
    model->readers = calloc((size_t)count_inputs(model) + 1, sizeof *model->readers);
    if (model->readers == NULL) return false;
    for (int32_t i = 0; i < model->node_count; i++) {
        const wk_graph_node *node = &model->nodes[i].node;
        for (int32_t k = 0; k < node->input_count; k++) model->nodes[node->inputs[k]].reader_count++;
    }
    for (int32_t i = 0, first = 0; i < model->node_count; i++) {
        model->nodes[i].first_reader = first;
        first += model->nodes[i].reader_count;
        model->nodes[i].reader_count = 0; /* counted again below, as they are written down */
    }
    for (int32_t i = 0; i < model->node_count; i++) {
        const wk_graph_node *node = &model->nodes[i].node;
        for (int32_t k = 0; k < node->input_count; k++) {
            wk_drawn_node *input = &model->nodes[node->inputs[k]];
            model->readers[input->first_reader + input->reader_count++] = i;
        }
    }
    return true;
}

/* -------------------------------------------------------------------------------------------------------- buses --- */

static bool have_same_readers(const wk_graph_model *model, const wk_drawn_node *a, const wk_drawn_node *b) {
    const int32_t *readers_of_a = model->readers + a->first_reader, *readers_of_b = model->readers + b->first_reader;
    return a->reader_count == b->reader_count &&
           memcmp(readers_of_a, readers_of_b, (size_t)a->reader_count * sizeof *readers_of_a) == 0;
}

/* The bus of the leaves with this one's readers, or the number of buses where there is none yet. */
static int32_t bus_of(const wk_graph_model *model, const wk_drawn_node *leaf) {
    int32_t k = 0;
    while (k < model->bus_count && !have_same_readers(model, leaf, &model->nodes[model->buses[k].leaf])) k++;
    return k;
}

double wk__pill_width(const wk_drawn_node *leaf) {
    return wk_svg_text_width(WK__NAME_SIZE, leaf->node.name) + wk_svg_text_width(WK__SMALL_SIZE, leaf->shape) +
           3 * WK__PADDING;
}

static bool find_buses(wk_graph_model *model) {
    model->buses = calloc((size_t)model->node_count + 1, sizeof *model->buses);
    if (model->buses == NULL) return false;
    for (int32_t i = 0; i < model->node_count; i++) {
        wk_drawn_node *leaf = &model->nodes[i];
        if (leaf->node.kind != WK_NODE_LEAF || leaf->reader_count < WK__BUS_READERS) continue;
        const int32_t bus = bus_of(model, leaf);
        if (bus == model->bus_count) model->buses[model->bus_count++] = (wk_bus){.leaf = i};
        model->buses[bus].width += wk__pill_width(leaf) + WK__BOX_GAP;
        leaf->bus = bus;
    }
    return true;
}

const wk_box *wk__bus_reader(const wk_graph_model *model, const wk_bus *bus, int32_t i) {
    const int32_t reader = model->readers[model->nodes[bus->leaf].first_reader + i];
    return &model->layout.boxes[model->nodes[reader].box];
}

double wk__dropper_x(const wk_graph_model *model, const wk_bus *bus, int32_t rank) {
    return model->layout.column_x[rank] - DROPPER_DISTANCE - DROPPER_PITCH * bus->lane;
}

/* A bus that begins further right, or is found later, gets a higher lane, so no dropper crosses a pill. */
static int compare_buses(const void *a, const void *b) {
    const wk_bus *x = a, *y = b;
    if (x->first_rank != y->first_rank) return x->first_rank > y->first_rank ? -1 : 1;
    return x->leaf > y->leaf ? -1 : x->leaf < y->leaf;
}

/* Finds the ranks that a bus has readers in, and makes room there for the droppers. */
static void span_bus(wk_graph_model *model, wk_bus *bus) {
    bus->first_rank = model->layout.rank_count;
    for (int32_t k = 0; k < model->nodes[bus->leaf].reader_count; k++) {
        const int32_t rank = wk__bus_reader(model, bus, k)->rank;
        if (rank < bus->first_rank) bus->first_rank = rank;
        if (rank > bus->last_rank) bus->last_rank = rank;
        model->layout.gutters[rank] = DROPPER_DISTANCE + DROPPER_PITCH * model->bus_count;
    }
}

/* Gives the buses their lanes, and the leaves their buses anew. */
static void arrange_buses(wk_graph_model *model) {
    for (int32_t i = 0; i < model->bus_count; i++) span_bus(model, &model->buses[i]);
    qsort(model->buses, (size_t)model->bus_count, sizeof *model->buses, compare_buses);
    for (int32_t i = 0; i < model->bus_count; i++) model->buses[i].lane = i;
    for (int32_t i = 0; i < model->node_count; i++)
        if (model->nodes[i].bus >= 0) model->nodes[i].bus = bus_of(model, &model->nodes[i]);
}

/* ---------------------------------------------------------------------------------------------- boxes and wires --- */

static double larger(double a, double b) { return a > b ? a : b; }

bool wk__is_tall(const wk_box *box) { return box->height > WK__BOX_HEIGHT; }

static wk_box make_box(const wk_drawn_node *drawn, int32_t wires_in) {
    const wk_graph_node *node = &drawn->node;
    if (node->kind == WK_NODE_LEAF) return (wk_box){.width = wk__pill_width(drawn), .height = WK__BOX_HEIGHT};
    const int32_t fan = wires_in > drawn->reader_count ? wires_in : drawn->reader_count;
    const double name = wk_svg_text_width(WK__NAME_SIZE, node->op);
    const double detail = wk_svg_text_width(WK__SMALL_SIZE, node->detail);
    const double shape = wk_svg_text_width(WK__SMALL_SIZE, drawn->shape);
    if (fan >= WK__TALL_FAN) {
        const double cells = node->steps > 0 ? WK__CELL_WIDTH + WK__PADDING : 0;
        return (wk_box){.width = larger(name, larger(detail, shape)) + cells + 2 * WK__PADDING,
                        .height = fan * WK__BOX_PITCH - WK__BOX_GAP};
    }
    return (wk_box){.width = name + shape + (*node->detail ? detail + WK__PADDING : 0) + 3 * WK__PADDING,
                    .height = WK__BOX_HEIGHT};
}

/* One box for each node that is on no bus, one wire for each time it is read. */
static int32_t make_boxes(wk_graph_model *model, wk_box *boxes, wk_wire *wires, int32_t *wire_count) {
    int32_t box_count = 0;
    *wire_count = 0;
    for (int32_t i = 0; i < model->node_count; i++) {
        wk_drawn_node *drawn = &model->nodes[i];
        if (drawn->bus >= 0) continue;
        const int32_t before = *wire_count;
        for (int32_t k = 0; k < drawn->node.input_count; k++) {
            const int32_t from = model->nodes[drawn->node.inputs[k]].box;
            if (from >= 0) wires[(*wire_count)++] = (wk_wire){.from = from, .to = box_count};
        }
        boxes[box_count] = make_box(drawn, *wire_count - before);
        boxes[box_count].node = i;
        boxes[box_count].late = *wire_count == before; /* what reads nothing stands near its reader */
        drawn->box = box_count++;
    }
    return box_count;
}

static bool lay_out(wk_graph_model *model) {
    wk_box *boxes = calloc((size_t)model->node_count + 1, sizeof *boxes);
    wk_wire *wires = calloc((size_t)count_inputs(model) + 1, sizeof *wires);
    int32_t wire_count;
    const int32_t box_count = boxes && wires ? make_boxes(model, boxes, wires, &wire_count) : 0;
    const bool done = boxes && wires &&
                      wk__layout_begin(&model->layout, boxes, box_count, wires, wire_count, WK__BOX_GAP, WK__BOX_PITCH);
    free(boxes);
    free(wires);
    return done;
}

/* How far the pills of the buses, which stand on the left of their first droppers, reach out of the picture. */
static double missing_room(const wk_graph_model *model) {
    double missing = 0;
    for (int32_t i = 0; i < model->bus_count; i++) {
        const wk_bus *bus = &model->buses[i];
        missing = larger(missing, bus->width + DROPPER_DISTANCE - wk__dropper_x(model, bus, bus->first_rank));
    }
    return missing;
}

static void move_by(wk_layout *layout, double x, double y) {
    for (int32_t i = 0; i < layout->box_count; i++) {
        layout->boxes[i].x += x;
        layout->boxes[i].y += y;
    }
    for (int32_t i = 0; i < layout->wire_count; i++) {
        layout->wires[i].from_y += y;
        layout->wires[i].to_y += y;
    }
    for (int32_t r = 0; r < layout->rank_count; r++) layout->column_x[r] += x;
    layout->width += x;
    layout->height += y;
}

wk_status wk__graph_model_make(wk_graph_model *model, const wk_graph *graph, double left, double top) {
    *model = (wk_graph_model){0};
    if (!read_nodes(model, graph) || !find_readers(model) || !find_buses(model) || !lay_out(model)) return WK_ENOMEM;
    arrange_buses(model);
    if (!wk__layout_place(&model->layout)) return WK_ENOMEM;
    move_by(&model->layout, left + missing_room(model), top + model->bus_count * WK__LANE_HEIGHT);
    return WK_OK;
}
