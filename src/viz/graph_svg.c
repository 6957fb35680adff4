/* graph_svg.c -- the drawing of a graph: see graph_model.h for what stands where. */
#include <stdio.h>
#include <string.h>

#include "viz/graph_model.h"
#include "viz/save.h"

#define INK "#1f2933"
#define MUTED "#5f6c7b"
#define WIRE "#9aa5b1"
#define TIMES "\xc3\x97" /* the multiplication sign */
#define LEAF_COLOR "#cfa94a"
#define LEAF_FILL "#fdf6e3"
#define WIRE_WIDTH 1.3
#define STUB_OFFSET 9.5 /* of a bus's stub from the middle of a box, where the wire arrives */

enum {
    MARGIN = 28,
    TITLE_SIZE = 19,
    TITLE_HEIGHT = 42,
};

/* ------------------------------------------------------------------------------------------------------ colours --- */

/* The kinds of operations that ops.def tells apart. */
enum kind { ELEMENTWISE, REDUCTION, PRODUCT, RECURRENT, SHAPING, INDEXING, WRITING, LOSS, OTHER };

const char *wk_viz_color(const char *op) {
    static const char *const colors[] = {
        [ELEMENTWISE] = "#3c8d5a", [REDUCTION] = "#a8487c", [PRODUCT] = "#2f7fc1",
        [RECURRENT] = "#6a4c9c",   [SHAPING] = "#7b8794",   [INDEXING] = "#a0603c",
        [WRITING] = "#8a7a2a",     [LOSS] = "#16324f",      [OTHER] = "#7b8794",
    };
    static const struct {
        const char *op; /* NULL where another file begins */
        enum kind kind;
    } rows[] = {
#define WK_OP_FILE(file, kind) {NULL, kind},
#define WK_OP(name, formula, parameters) {#name, OTHER},
#include "wick/ops.def"
#undef WK_OP
#undef WK_OP_FILE
    };
    enum kind kind = OTHER;
    for (size_t i = 0; op != NULL && i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == NULL) kind = rows[i].kind;
        else if (strcmp(rows[i].op, op) == 0) return colors[kind];
    return "#52606d"; /* of user-defined operations */
}

/* A colour of the form "#rrggbb" mixed with white: the fill of a box with an outline of that colour. */
static void lighten(const char *color, char *tint, size_t nbytes) {
    unsigned red = 0, green = 0, blue = 0;
    sscanf(color, "#%2x%2x%2x", &red, &green, &blue);
    const unsigned white = 7 * 0xff; /* seven parts of it */
    red = (red + white) / 8 & 0xff;
    green = (green + white) / 8 & 0xff;
    blue = (blue + white) / 8 & 0xff;
    snprintf(tint, nbytes, "#%02x%02x%02x", red, green, blue);
}

/* -------------------------------------------------------------------------------------------------------- boxes --- */

static void draw_pill(wk_svg *svg, const wk_drawn_node *leaf, double x, double y, double width) {
    wk_svg_rect(svg, x, y - WK__BOX_HEIGHT / 2.0, width, WK__BOX_HEIGHT, WK__BOX_HEIGHT / 2.0, LEAF_FILL, LEAF_COLOR);
    wk_svg_text(svg, x + WK__PADDING, y + 4.5, WK__NAME_SIZE, 's', INK, leaf->node.name);
    wk_svg_text(svg, x + width - WK__PADDING, y + 4, WK__SMALL_SIZE, 'e', MUTED, leaf->shape);
}

/* A fused sequence op shows its cells and the state that goes from each to the next. */
static void draw_cells(wk_svg *svg, const wk_box *box, int64_t steps, const char *color) {
    const double pitch = (box->height + WK__BOX_GAP) / (double)steps;
    const double height = pitch - 14 < 5 ? pitch * 0.6 : pitch - 14, width = WK__CELL_WIDTH;
    const double x = box->x + box->width - width - WK__PADDING;
    const double top = box->y - box->height / 2 - WK__BOX_GAP / 2.0;
    if (pitch < 3) return;
    wk_svg_line(svg, x + width / 2, top + pitch / 2, x + width / 2, top + pitch * ((double)steps - 0.5), color, 1.5);
    for (int64_t i = 0; i < steps; i++)
        wk_svg_rect(svg, x, top + pitch * ((double)i + 0.5) - height / 2, width, height, 3, color, "none");
}

static void draw_tall_op(wk_svg *svg, const wk_drawn_node *drawn, const wk_box *box, const char *color) {
    const wk_graph_node *node = &drawn->node;
    char steps[32] = "";
    if (node->steps > 0) snprintf(steps, sizeof steps, TIMES " %lld", (long long)node->steps);
    const char *lines[] = {drawn->shape, node->detail, steps};
    const double x = box->x + (node->steps > 0 ? WK__PADDING : box->width / 2);
    const char anchor = node->steps > 0 ? 's' : 'm';

    double y = box->y - 4;
    wk_svg_text(svg, x, y, WK__NAME_SIZE + 1, anchor, color, node->op);
    for (int i = 0; i < 3; i++)
        if (*lines[i]) wk_svg_text(svg, x, y += 16, WK__SMALL_SIZE, anchor, MUTED, lines[i]);
    if (node->steps > 0) draw_cells(svg, box, node->steps, color);
}

static void draw_small_op(wk_svg *svg, const wk_drawn_node *drawn, const wk_box *box, const char *ink,
                          const char *muted) {
    const double after_name = box->x + 2 * WK__PADDING + wk_svg_text_width(WK__NAME_SIZE, drawn->node.op);
    wk_svg_text(svg, box->x + WK__PADDING, box->y + 4.5, WK__NAME_SIZE, 's', ink, drawn->node.op);
    wk_svg_text(svg, after_name, box->y + 4, WK__SMALL_SIZE, 's', muted, drawn->node.detail);
    wk_svg_text(svg, box->x + box->width - WK__PADDING, box->y + 4, WK__SMALL_SIZE, 'e', muted, drawn->shape);
}

static void draw_op(wk_svg *svg, const wk_drawn_node *drawn, const wk_box *box) {
    const bool is_result = drawn->reader_count == 0 && drawn->node.ndim == 0; /* the loss: filled with its colour */
    const char *color = wk_viz_color(drawn->node.op);
    char tint[8];
    lighten(color, tint, sizeof tint);
    wk_svg_rect(svg, box->x, box->y - box->height / 2, box->width, box->height, 6, is_result ? color : tint, color);
    if (wk__is_tall(box))
        draw_tall_op(svg, drawn, box, is_result ? "#ffffff" : color);
    else
        draw_small_op(svg, drawn, box, is_result ? "#ffffff" : color, is_result ? "#dbe4ee" : MUTED);
}

static void draw_node(wk_svg *svg, const wk_drawn_node *drawn, const wk_box *box) {
    const wk_graph_node *node = &drawn->node;
    char title[256];
    const char *name = node->kind == WK_NODE_LEAF ? node->name : node->op;
    snprintf(title, sizeof title, "%s %s %s", name, node->detail, drawn->shape);
    wk_svg_group(svg, title);
    if (node->kind == WK_NODE_LEAF)
        draw_pill(svg, drawn, box->x, box->y, box->width);
    else
        draw_op(svg, drawn, box);
    wk_svg_group_end(svg);
}

/* ---------------------------------------------------------------------------------------------- wires and buses --- */

static void draw_wires(wk_svg *svg, const wk_graph_model *model) {
    const wk_layout *layout = &model->layout;
    for (int32_t i = 0; i < layout->wire_count; i++) {
        const wk_wire *wire = &layout->wires[i];
        const wk_box *from = &layout->boxes[wire->from], *to = &layout->boxes[wire->to];
        const char *color = model->nodes[from->node].node.kind == WK_NODE_LEAF ? LEAF_COLOR : WIRE;
        wk_svg_edge(svg, from->x + from->width, wire->from_y, to->x, wire->to_y, color, WIRE_WIDTH, !to->bend);
        if (to->bend) wk_svg_line(svg, to->x, to->y, to->x + to->width, to->y, color, WIRE_WIDTH);
    }
}

/* The line down on the left of a column, to the lowest reader there. */
static void draw_dropper(wk_svg *svg, const wk_graph_model *model, const wk_bus *bus, int32_t rank, double lane_y) {
    const double x = wk__dropper_x(model, bus, rank);
    double lowest = lane_y;
    for (int32_t i = 0; i < model->nodes[bus->leaf].reader_count; i++) {
        const wk_box *box = wk__bus_reader(model, bus, i);
        const double y = box->y + (bus->lane % 2 == 0 ? STUB_OFFSET : -STUB_OFFSET);
        if (box->rank != rank) continue;
        wk_svg_line(svg, x, y, box->x, y, LEAF_COLOR, WIRE_WIDTH);
        wk_svg_circle(svg, box->x, y, 2.5, LEAF_COLOR, "none");
        if (y > lowest) lowest = y;
    }
    if (lowest > lane_y) wk_svg_line(svg, x, lane_y, x, lowest, LEAF_COLOR, WIRE_WIDTH);
}

static void draw_bus(wk_svg *svg, const wk_graph_model *model, int32_t number, double lane_y) {
    const wk_bus *bus = &model->buses[number];
    double right = wk__dropper_x(model, bus, bus->first_rank) - WK__BOX_GAP;
    wk_svg_line(svg, right - bus->width + WK__BOX_PITCH, lane_y, wk__dropper_x(model, bus, bus->last_rank), lane_y,
                LEAF_COLOR, WIRE_WIDTH);
    for (int32_t rank = bus->first_rank; rank <= bus->last_rank; rank++) draw_dropper(svg, model, bus, rank, lane_y);
    for (int32_t i = model->node_count - 1; i >= 0; i--) {
        const wk_drawn_node *leaf = &model->nodes[i];
        if (leaf->bus != number) continue;
        const double width = wk__pill_width(leaf);
        draw_pill(svg, leaf, right - width, lane_y, width);
        right -= width + WK__BOX_GAP;
    }
}

/* -------------------------------------------------------------------------------------------------- the picture --- */

static wk_svg *draw(const wk_graph_model *model, const char *title, double lanes_y) {
    const wk_layout *layout = &model->layout;
    const double title_width = wk_svg_text_width(TITLE_SIZE, title);
    const double right = layout->width > MARGIN + title_width ? layout->width : MARGIN + title_width;
    wk_svg *svg = wk_svg_new(right + MARGIN, layout->height + MARGIN, "#ffffff", title ? title : "graph");

    if (title) wk_svg_text(svg, MARGIN, MARGIN + 0.8 * TITLE_SIZE, TITLE_SIZE, 's', INK, title);
    draw_wires(svg, model);
    for (int32_t i = 0; i < model->node_count; i++) {
        const wk_drawn_node *drawn = &model->nodes[i];
        if (drawn->box >= 0) draw_node(svg, drawn, &layout->boxes[drawn->box]);
    }
    for (int32_t i = 0; i < model->bus_count; i++)
        draw_bus(svg, model, i, lanes_y + i * WK__LANE_HEIGHT + WK__BOX_HEIGHT / 2.0);
    return svg;
}

wk_status wk_graph_save_svg(const wk_graph *graph, const char *title, const char *path, wk_error *error) {
    if (graph == NULL) return wk__viz_fail(error, WK_EINVAL, "graph_save_svg", path ? path : "", "no graph was given");
    const double lanes_y = MARGIN + (title ? TITLE_HEIGHT : 0);
    wk_graph_model model;
    wk_svg *svg = wk__graph_model_make(&model, graph, MARGIN, lanes_y) == WK_OK ? draw(&model, title, lanes_y) : NULL;
    wk__graph_model_free(&model);
    const wk_status status = wk_svg_save(svg, path, error);
    wk_svg_free(svg);
    return status;
}
