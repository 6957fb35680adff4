/* graph_model.h -- what there is to draw of a graph, and where: nodes with their texts, boxes, buses.
 *
 * NOTE [Buses]. A leaf that many ops read would be a fan of lines over everything else. It is drawn once, at the top,
 * and reaches its readers by a bus; leaves with the same readers (weight and bias) share one:
 *
 *     (out.weight) (out.bias) ──┬─────────────┐        a lane at the top, a dropper on the left of each column
 *                               ├• linear     │        that holds readers, a stub with a dot into each reader
 *                               └• linear     └• ...
 */
#ifndef WK_VIZ_GRAPH_MODEL_H
#define WK_VIZ_GRAPH_MODEL_H

#include "viz/layout.h"
#include "wick/viz.h"

enum {
    WK__BUS_READERS = 3, /* a leaf with at least so many readers goes on a bus */
    WK__TALL_FAN = 4,    /* a box with at least so many wires on one side is as tall as these need */
    WK__BOX_HEIGHT = 29,
    WK__BOX_GAP = 9,
    WK__BOX_PITCH = WK__BOX_HEIGHT + WK__BOX_GAP,
    WK__CELL_WIDTH = 20, /* of a fused sequence op, which stand in its box on the right */
    WK__LANE_HEIGHT = 38,
    WK__PADDING = 11,    /* between a box's sides and its letters, and between texts */
    WK__NAME_SIZE = 13,  /* of letters: names of ops and leaves ... */
    WK__SMALL_SIZE = 11, /* ... shapes and details */
};

typedef struct wk_drawn_node {
    wk_graph_node node;
    char shape[96];       /* "(1,10,32)" */
    int32_t reader_count;
    int32_t first_reader; /* in wk_graph_model.readers */
    int32_t box;          /* in the layout; -1: on a bus */
    int32_t bus;          /* of a leaf, or -1 */
} wk_drawn_node;

typedef struct wk_bus {
    int32_t leaf;       /* its first one; all have the same readers */
    int32_t first_rank; /* the leftmost column that holds readers ... */
    int32_t last_rank;  /* ... and the rightmost */
    int32_t lane;       /* from the top */
    double width;       /* of its leaves side by side */
} wk_bus;

typedef struct wk_graph_model {
    wk_drawn_node *nodes;
    int32_t *readers; /* of each node, one node's after another's */
    wk_bus *buses;
    int32_t node_count, bus_count;
    wk_layout layout;
} wk_graph_model;

/* Reads a graph and lays it out, with lanes and boxes right of `left` and below `top`; layout.width and layout.height
 * are where it ends. ENOMEM. In any case the caller calls wk__graph_model_free. */
wk_status wk__graph_model_make(wk_graph_model *model, const wk_graph *graph, double left, double top);
void wk__graph_model_free(wk_graph_model *model);

bool wk__is_tall(const wk_box *box);
double wk__pill_width(const wk_drawn_node *leaf);

/* The box of a bus's reader number i. */
const wk_box *wk__bus_reader(const wk_graph_model *model, const wk_bus *bus, int32_t i);

/* Where the dropper of a bus stands, left of a column. */
double wk__dropper_x(const wk_graph_model *model, const wk_bus *bus, int32_t rank);

#endif
