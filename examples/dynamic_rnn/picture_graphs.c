/* picture_graphs.c -- graphs.svg: the graphs that one program made, below one another and at one scale.
 *
 *     [T = 10]  iteration 6: 23 ops      1 rnn, 10 select, 10 linear, 1 stack, 1 mse_loss
 *                                 .  .  .                     what goes in, x
 *     (rnn 4 parameters) ---> [ ]>[ ]>[ ]>//>                 the fused op as its cells, with the state that is carried
 *      select                  |   |   |
 *     (linear 2 parameters) - [ ]-[ ]-[ ]-                    ops that there are as many of as cells: one below each
 *      stack                  [=========]--> [mse_loss]       the others: one bar; the last is the result
 *
 * All that is drawn is read from the graph: no number of ops and no name is known here. */
#include <stdio.h>
#include <string.h>

#include "messages.h"
#include "pictures.h"

#define PARAMETER "#cfa94a"
#define PARAMETER_FILL "#fdf6e3"

enum {
    WIDTH = 1400,
    LEFT = 40,          /* where names and pills begin */
    CELLS_LEFT = 258,   /* where cells begin */
    CELLS_WIDTH = 990,  /* of the longest graph */
    MOST_PITCH = 33,    /* from cell to cell, for short graphs */
    HEADING = 112,      /* of the picture */
    MOST_KINDS = 12,    /* of ops that are drawn */
    MOST_GRAPHS = 4,
    KIND_PITCH = 30,    /* from one row of ops to the next */
    SERIES_HEIGHT = 52, /* of the chip and the dots of x above the rows */
    GRAPH_GAP = 42,
};

/* All ops of one name in a graph. */
typedef struct kind {
    const char *op;
    int64_t count, steps;    /* steps: cells of the fused op */
    int64_t parameter_count; /* leaves that they read, each counted once */
} kind;

typedef struct summary {
    kind kinds[MOST_KINDS]; /* in the order of computing */
    int kind_count;
    int64_t cell_count;
} summary;

/* ---- reading a graph ---- */

static kind *kind_of(summary *s, const char *op) {
    for (int i = 0; i < s->kind_count; i++) {
        if (strcmp(s->kinds[i].op, op) == 0) return &s->kinds[i];
    }
    if (s->kind_count == MOST_KINDS) return &s->kinds[MOST_KINDS - 1];
    s->kinds[s->kind_count] = (kind){.op = op};
    return &s->kinds[s->kind_count++];
}

/* Whether an op of this name reads the node. */
static bool is_read_by(const wk_graph *graph, int64_t leaf, const char *op) {
    wk_graph_node node;
    for (int64_t i = leaf; wk_graph_node_at(graph, i, &node) == WK_OK; i++) {
        if (strcmp(node.op, op) != 0) continue;
        for (int32_t k = 0; k < node.input_count; k++) {
            if (node.inputs[k] == leaf) return true;
        }
    }
    return false;
}

static summary summarize(const wk_graph *graph) {
    summary s = {0};
    wk_graph_node node;
    for (int64_t i = 0; wk_graph_node_at(graph, i, &node) == WK_OK; i++) {
        if (node.kind != WK_NODE_OP) continue;
        kind *k = kind_of(&s, node.op);
        k->count++;
        k->steps = node.steps;
        if (node.steps > s.cell_count) s.cell_count = node.steps;
    }
    for (int64_t i = 0; wk_graph_node_at(graph, i, &node) == WK_OK; i++) {
        if (node.kind != WK_NODE_LEAF) continue;
        for (int k = 0; k < s.kind_count; k++) s.kinds[k].parameter_count += is_read_by(graph, i, s.kinds[k].op);
    }
    return s;
}

/* ---- where things stand ---- */

typedef struct frame {
    const history *h;
    const iteration *it;
    summary summary;
    double top;
    double pitch, width; /* from cell to cell, and of a cell */
} frame;

static double middle_of(const frame *f, int64_t cell) {
    return CELLS_LEFT + ((double)cell + 0.5) * f->pitch;
}

static double cells_right(const frame *f) {
    return CELLS_LEFT + (double)f->summary.cell_count * f->pitch;
}

/* The middle of row number `row`, of which each kind of op but the last has one. */
static double row_y(const frame *f, int row) {
    return f->top + SERIES_HEIGHT + KIND_PITCH * (row + 0.5);
}

static int row_count(const summary *s) {
    return s->kind_count > 1 ? s->kind_count - 1 : s->kind_count;
}

static double graph_height(const summary *s) {
    return SERIES_HEIGHT + KIND_PITCH * row_count(s);
}

/* ---- ops ---- */

/* The name of the ops in a row; where they have parameters, in a pill with a thread to all of them. */
static void draw_row_name(wk_svg *svg, const frame *f, const kind *k, double y) {
    const double name_width = wk_svg_text_width(14, k->op);
    if (k->parameter_count > 0) {
        char parameters[80];
        snprintf(parameters, sizeof parameters, say(MESSAGE_PIC_PARAMETERS), (long long)k->parameter_count);
        const double width = name_width + wk_svg_text_width(11, parameters) + 32;
        wk_svg_line(svg, LEFT + width - 30, y - 6, middle_of(f, f->summary.cell_count - 1), y - 6, PARAMETER, 1.3);
        wk_svg_rect(svg, LEFT - 12, y - 12, width, 24, 12, PARAMETER_FILL, PARAMETER);
        wk_svg_text(svg, LEFT + 8 + name_width, y + 4.5, 11, 's', MUTED, parameters);
    }
    wk_svg_text(svg, LEFT, y + 5, 14, 's', wk_viz_color(k->op), k->op);
}

static void draw_boxes(wk_svg *svg, const frame *f, double y, double height, const char *color) {
    for (int64_t i = 0; i < f->summary.cell_count; i++) {
        wk_svg_rect(svg, middle_of(f, i) - f->width / 2, y - height / 2, f->width, height, height / 5, color, "none");
    }
}

/* The state goes from cell to cell; what comes in and goes out has no history: a cut through its arrow. */
static void draw_state(wk_svg *svg, const frame *f, double y, const char *color) {
    const int64_t last = f->summary.cell_count - 1;
    const double begin = middle_of(f, 0) - f->width / 2, end = middle_of(f, last) + f->width / 2;
    wk_svg_line(svg, middle_of(f, 0), y, middle_of(f, last), y, color, 1.6);
    wk_svg_edge(svg, begin - 46, y, begin - 2, y, color, 1.6, true);
    wk_svg_edge(svg, end, y, end + 44, y, color, 1.6, true);
    for (int i = 0; i < 2; i++) {
        const double into = begin - 30 + 4 * i, out_of = end + 14 + 4 * i;
        wk_svg_line(svg, into, y + 5, into + 4, y - 5, color, 1.2);
        wk_svg_line(svg, out_of, y + 5, out_of + 4, y - 5, color, 1.2);
    }
    wk_svg_text(svg, begin - 4, y + 18, 10.5, 'e', MUTED, say(MESSAGE_PIC_STATE_IN));
    wk_svg_text(svg, end + 4, y + 18, 10.5, 's', MUTED, say(MESSAGE_PIC_STATE_OUT));
}

static void draw_row(wk_svg *svg, const frame *f, int row) {
    const kind *k = &f->summary.kinds[row];
    const double y = row_y(f, row), bar = cells_right(f) - CELLS_LEFT - (f->pitch - f->width);
    const char *color = wk_viz_color(k->op);
    draw_row_name(svg, f, k, y);
    if (k->steps > 0) {
        draw_state(svg, f, y, color);
        draw_boxes(svg, f, y, 22, color);
    } else if (k->count == f->summary.cell_count) {
        draw_boxes(svg, f, y, k->parameter_count > 0 ? 17 : 11, color);
    } else {
        wk_svg_rect(svg, CELLS_LEFT + (f->pitch - f->width) / 2, y - 6, bar, 12, 3, color, "none");
    }
}

/* The last op, on the right of the last row. */
static void draw_result(wk_svg *svg, const frame *f) {
    const kind *last = &f->summary.kinds[f->summary.kind_count - 1];
    const double x = cells_right(f) + 34, y = row_y(f, row_count(&f->summary) - 1);
    wk_svg_edge(svg, cells_right(f) - (f->pitch - f->width) / 2, y, x - 2, y, MUTED, 1.4, true);
    const double width = wk_svg_text_width(13, last->op) + 20;
    wk_svg_rect(svg, x, y - 14, width, 28, 6, wk_viz_color(last->op), "none");
    wk_svg_text(svg, x + width / 2, y + 4.5, 13, 'm', PAPER, last->op);
}

/* ---- a graph ---- */

/* What goes in, above the cells, and the ways from each cell down to the last row. */
static void draw_ways(wk_svg *svg, const frame *f) {
    const double middle = f->top + SERIES_HEIGHT - 17, first = row_y(f, 0), last = row_y(f, row_count(&f->summary) - 1);
    wk_svg_text(svg, LEFT, middle + 5, 14, 's', MUTED, "x = sin");
    for (int64_t i = 0; i < f->summary.cell_count; i++) {
        const double x = middle_of(f, i), y = middle - (i < f->it->T ? 9 * f->h->x[f->it->first + i] : 0);
        wk_svg_line(svg, x, y, x, first, FAINT, 1);
        wk_svg_circle(svg, x, y, f->width < 9 ? 1 : 2.4, MUTED, "none");
        wk_svg_line(svg, x, first, x, last, "#9aa5b1", 1.2);
    }
}

static void draw_heading(wk_svg *svg, const frame *f) {
    const double y = f->top;
    char chip[40];
    snprintf(chip, sizeof chip, "T = %lld", (long long)f->it->T);
    const double chip_width = wk_svg_text_width(15, chip) + 22;
    wk_svg_rect(svg, LEFT - 12, y - 18, chip_width, 26, 5, steps_color(f->it->T), "none");
    wk_svg_text(svg, LEFT - 12 + chip_width / 2, y + 0.5, 15, 'm', PAPER, chip);

    double x = LEFT + chip_width;
    x += draw_textf(svg, x, y, 15, 's', INK, say(MESSAGE_PIC_GRAPH_ROW), (long long)(f->it - f->h->iterations) + 1,
                    (long long)f->it->op_count) + 18;
    for (int i = 0; i < f->summary.kind_count; i++) {
        const kind *k = &f->summary.kinds[i];
        x += draw_textf(svg, x, y, 13, 's', wk_viz_color(k->op), "%lld %s", (long long)k->count, k->op) + 12;
    }
}

static void draw_graph(wk_svg *svg, const frame *f) {
    draw_heading(svg, f);
    draw_ways(svg, f);
    for (int row = 0; row < row_count(&f->summary); row++) draw_row(svg, f, row);
    if (f->summary.kind_count > 1) draw_result(svg, f);
}

/* ---- the picture ---- */

/* Finds graphs of different T, the shortest first. */
static int choose_graphs(const history *h, const iteration **chosen) {
    int count = 0;
    for (int64_t T = 1; T <= 1000 && count < MOST_GRAPHS; T++) {
        const graph_shape *shape = history_shape_of(h, T);
        if (shape && shape->graph) chosen[count++] = &h->iterations[shape->first_iteration];
    }
    return count;
}

wk_svg *picture_graphs(const history *h) {
    const iteration *chosen[MOST_GRAPHS];
    frame frames[MOST_GRAPHS];
    const int count = choose_graphs(h, chosen);
    int64_t most_cells = 1;
    double y = HEADING;
    for (int i = 0; i < count; i++) {
        frames[i] = (frame){.h = h, .it = chosen[i], .summary = summarize(h->shapes[chosen[i]->shape].graph), .top = y};
        if (frames[i].summary.cell_count > most_cells) most_cells = frames[i].summary.cell_count;
        y += graph_height(&frames[i].summary) + GRAPH_GAP;
    }

    wk_svg *svg = wk_svg_new(WIDTH, y, PAPER, "wick: graphs");
    const message title = h->shape_count == 1 ? MESSAGE_PIC_ONE_GRAPH : MESSAGE_PIC_GRAPHS;
    draw_textf(svg, LEFT - 12, 46, 27, 's', INK, say(title), (long long)h->iteration_count, (long long)h->shape_count);
    draw_textf(svg, LEFT - 12, 72, 15, 's', MUTED, "%s", say(MESSAGE_PIC_GRAPHS_ABOUT));
    for (int i = 0; i < count; i++) {
        const double pitch = CELLS_WIDTH / (double)most_cells;
        frames[i].pitch = pitch < MOST_PITCH ? pitch : MOST_PITCH;
        frames[i].width = frames[i].pitch * 0.7;
        draw_graph(svg, &frames[i]);
    }
    return svg;
}
