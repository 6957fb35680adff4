/* layout_place.c -- where exactly the boxes and the ends of the wires lie: steps 4 to 6 of layout.h. */
#include <math.h>
#include <stdlib.h>

#include "viz/layout.h"

enum {
    SWEEPS = 8,
    GUTTER = 34,       /* between columns, where wires are level ... */
    STEEP_GUTTER = 46, /* ... and what is added where one climbs ... */
    STEEP = 320,       /* ... this far, or more */
};

/* ----------------------------------------------------------------------------------------------------- 4. ports --- */

static int compare_wires(const void *a, const void *b) {
    const wk_wire *x = a, *y = b;
    if (x->above != y->above) return x->above < y->above ? -1 : 1;
    return x->below < y->below ? -1 : x->below > y->below;
}

/* How far below the middle of a box its wire number `port` of `count` lies. A tall box gives each wire as much room as
 * a small box takes, so that wires to a column of small boxes run level. */
static double port_offset(const wk_layout *layout, const wk_box *box, int32_t port, int32_t count) {
    if (box->bend) return 0;
    const double step = fmin(layout->pitch, (box->height + layout->gap) / count);
    return (port - (count - 1) / 2.0) * step;
}

/* Gives each wire that leaves column r its ports, relative to the middles of its boxes, in the order of the boxes at
 * the other ends. */
static void assign_ports(wk_layout *layout, int32_t r) {
    const int32_t count = layout->first_wire[r + 1] - layout->first_wire[r];
    wk_wire *wires = layout->wires + layout->first_wire[r];
    for (int side = 0; side < 2; side++) {
        for (int32_t i = 0; i < count; i++) {
            const int32_t from = layout->boxes[wires[i].from].order, to = layout->boxes[wires[i].to].order;
            wires[i].above = side == 0 ? from : to;
            wires[i].below = side == 0 ? to : from;
        }
        qsort(wires, (size_t)count, sizeof *wires, compare_wires);
        for (int32_t i = 0, port = 0; i < count; i++, port++) {
            if (i > 0 && wires[i].above != wires[i - 1].above) port = 0;
            const wk_box *box = &layout->boxes[side == 0 ? wires[i].from : wires[i].to];
            *(side == 0 ? &wires[i].from_y : &wires[i].to_y) =
                port_offset(layout, box, port, side == 0 ? box->outs : box->ins);
        }
    }
}

/* --------------------------------------------------------------------------------------------------- 5. heights --- */

/* Boxes that have moved against each other and now move as one. */
typedef struct run {
    double sum; /* of where they would like to be, each less its distance from the first box of the column */
    int32_t count;
} run;

static double mean(const run *r) { return r->sum / r->count; }

/* From the middle of the box in a slot to the middle of the next one of its column. */
static double distance_to_next(const wk_layout *layout, int32_t slot) {
    const wk_box *box = &layout->boxes[layout->slots[slot].box], *next = &layout->boxes[layout->slots[slot + 1].box];
    return (box->height + next->height) / 2 + layout->gap;
}

/* Puts the boxes of column r as near as the order and the gaps allow to the keys of their slots: the least sum of
 * squares, by pooling neighbours that violate (Kruskal 1964, https://doi.org/10.1007/BF02289694). `runs` has room for
 * all. */
static void settle_column(wk_layout *layout, int32_t r, run *runs) {
    const int32_t begin = layout->first_slot[r], end = layout->first_slot[r + 1];
    int32_t last = -1;
    double distance = 0;
    for (int32_t i = begin; i < end; i++) {
        runs[++last] = (run){layout->slots[i].key - distance, 1};
        while (last > 0 && mean(&runs[last - 1]) > mean(&runs[last])) {
            runs[last - 1].sum += runs[last].sum;
            runs[last - 1].count += runs[last].count;
            last--;
        }
        if (i + 1 < end) distance += distance_to_next(layout, i);
    }

    distance = 0;
    for (int32_t i = begin, pool = 0, used = 0; i < end; i++, used++) {
        if (used == runs[pool].count) pool++, used = 0;
        layout->boxes[layout->slots[i].box].y = mean(&runs[pool]) + distance;
        if (i + 1 < end) distance += distance_to_next(layout, i);
    }
}

/* Moves the boxes of column r towards the ports of what they read (side -1) or of what reads them (side 1). */
static void pull_column(wk_layout *layout, int32_t r, int side, run *runs) {
    const int32_t begin = layout->first_slot[r], end = layout->first_slot[r + 1], joint = side < 0 ? r - 1 : r;
    for (int32_t i = begin; i < end; i++) {
        const wk_box *box = &layout->boxes[layout->slots[i].box];
        layout->slots[i].key = (side < 0 ? box->ins : box->outs) > 0 ? 0 : box->y;
    }
    for (int32_t i = layout->first_wire[joint]; i < layout->first_wire[joint + 1]; i++) {
        const wk_wire *wire = &layout->wires[i];
        const wk_box *from = &layout->boxes[wire->from], *to = &layout->boxes[wire->to];
        if (side < 0)
            layout->slots[to->order].key += (from->y + wire->from_y - wire->to_y) / to->ins;
        else
            layout->slots[from->order].key += (to->y + wire->to_y - wire->from_y) / from->outs;
    }
    settle_column(layout, r, runs);
}

static bool settle(wk_layout *layout) {
    run *runs = malloc(((size_t)layout->box_count + 1) * sizeof *runs);
    if (runs == NULL) return false;
    for (int32_t r = 0; r < layout->rank_count; r++) { /* one below another, about the middle */
        for (int32_t i = layout->first_slot[r]; i < layout->first_slot[r + 1]; i++) layout->slots[i].key = 0;
        settle_column(layout, r, runs);
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int32_t r = 1; r < layout->rank_count; r++) pull_column(layout, r, -1, runs);
        for (int32_t r = layout->rank_count - 2; r >= 0; r--) pull_column(layout, r, 1, runs);
    }
    free(runs);
    return true;
}

/* Moves all up or down so that the highest box begins at 0, and tells the wires. */
static void measure_heights(wk_layout *layout) {
    double top = 0, bottom = 0;
    for (int32_t i = 0; i < layout->box_count; i++) {
        const wk_box *box = &layout->boxes[i];
        top = i == 0 ? box->y - box->height / 2 : fmin(top, box->y - box->height / 2);
        bottom = i == 0 ? box->y + box->height / 2 : fmax(bottom, box->y + box->height / 2);
    }
    for (int32_t i = 0; i < layout->box_count; i++) layout->boxes[i].y -= top;
    for (int32_t i = 0; i < layout->wire_count; i++) {
        wk_wire *wire = &layout->wires[i];
        wire->from_y += layout->boxes[wire->from].y;
        wire->to_y += layout->boxes[wire->to].y;
    }
    layout->height = bottom - top;
}

/* --------------------------------------------------------------------------------------------------- 6. columns --- */

static double steepest_wire(const wk_layout *layout, int32_t r) {
    double climb = 0;
    for (int32_t i = layout->first_wire[r]; i < layout->first_wire[r + 1]; i++)
        climb = fmax(climb, fabs(layout->wires[i].to_y - layout->wires[i].from_y));
    return climb;
}

static void place_columns(wk_layout *layout) {
    double x = 0;
    for (int32_t r = 0; r < layout->rank_count; r++) {
        x += layout->gutters[r];
        if (r > 0) x += GUTTER + STEEP_GUTTER * fmin(1, steepest_wire(layout, r - 1) / STEEP);
        layout->column_x[r] = x;
        double width = 0;
        for (int32_t i = layout->first_slot[r]; i < layout->first_slot[r + 1]; i++)
            width = fmax(width, layout->boxes[layout->slots[i].box].width);
        for (int32_t i = layout->first_slot[r]; i < layout->first_slot[r + 1]; i++) {
            layout->boxes[layout->slots[i].box].x = x;
            layout->boxes[layout->slots[i].box].width = width;
        }
        x += width;
    }
    layout->width = x;
}

bool wk__layout_place(wk_layout *layout) {
    for (int32_t r = 0; r < layout->rank_count; r++) assign_ports(layout, r);
    if (!settle(layout)) return false;
    measure_heights(layout);
    place_columns(layout);
    return true;
}
