/* layout.c -- which column a box stands in, and its place there: steps 1 to 3 of layout.h. */
#include "viz/layout.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEPS = 6 }; /* times to and fro; more change next to nothing */

void wk__layout_free(wk_layout *layout) {
    free(layout->boxes);
    free(layout->wires);
    free(layout->slots);
    free(layout->first_slot);
    free(layout->first_wire);
    free(layout->gutters);
    free(layout->column_x);
    *layout = (wk_layout){0};
}

/* ----------------------------------------------------------------------------------------------------- 1. ranks --- */

/* Wires are sorted by the box they go to, so what a box reads has its rank when the box gets its own. Returns how many
 * columns there are. */
static int32_t rank_boxes(wk_box *boxes, int32_t box_count, const wk_wire *wires, int32_t wire_count) {
    int32_t last = 0;
    for (int32_t i = 0; i < box_count; i++) boxes[i].rank = 0;
    for (int32_t i = 0; i < wire_count; i++) {
        const int32_t next = boxes[wires[i].from].rank + 1;
        wk_box *to = &boxes[wires[i].to];
        if (to->rank < next) to->rank = next;
        if (last < next) last = next;
    }
    return last + 1;
}

/* Moves the late boxes, which read nothing, to just before the first box that reads them. */
static void rank_late_boxes(wk_box *boxes, const wk_wire *wires, int32_t wire_count, int32_t rank_count) {
    for (int32_t i = 0; i < wire_count; i++)
        if (boxes[wires[i].from].late) boxes[wires[i].from].rank = rank_count;
    for (int32_t i = 0; i < wire_count; i++) {
        wk_box *from = &boxes[wires[i].from];
        const int32_t before = boxes[wires[i].to].rank - 1;
        if (from->late && before < from->rank) from->rank = before;
    }
}

/* ----------------------------------------------------------------------------------------------------- 2. bends --- */

static int32_t count_bends(const wk_box *boxes, const wk_wire *wires, int32_t wire_count) {
    int32_t count = 0;
    for (int32_t i = 0; i < wire_count; i++) count += boxes[wires[i].to].rank - boxes[wires[i].from].rank - 1;
    return count;
}

static void add_short_wire(wk_layout *layout, int32_t from, int32_t to) {
    layout->wires[layout->wire_count++] = (wk_wire){.from = from, .to = to, .rank = layout->boxes[from].rank};
    layout->boxes[from].outs++;
    layout->boxes[to].ins++;
}

/* Adds a wire as a chain of short ones over bends, one in each column between. */
static void add_wire(wk_layout *layout, int32_t from, int32_t to) {
    for (int32_t rank = layout->boxes[from].rank + 1; rank < layout->boxes[to].rank; rank++) {
        const int32_t bend = layout->box_count++;
        layout->boxes[bend] = (wk_box){.bend = true, .rank = rank, .node = layout->boxes[from].node};
        add_short_wire(layout, from, bend);
        from = bend;
    }
    add_short_wire(layout, from, to);
}

/* -------------------------------------------------------------------------------------------- sorting by column --- */

static int compare_slots(const void *a, const void *b) {
    const wk_slot *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->box < y->box ? -1 : x->box > y->box;
}

static int compare_wires(const void *a, const void *b) {
    const wk_wire *x = a, *y = b;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Sorts one column, or all of them, by the slots' keys, and tells the boxes. */
static void sort_slots(wk_layout *layout, int32_t begin, int32_t end) {
    qsort(layout->slots + begin, (size_t)(end - begin), sizeof *layout->slots, compare_slots);
    for (int32_t i = begin; i < end; i++) layout->boxes[layout->slots[i].box].order = i;
}

static void fill_columns(wk_layout *layout) {
    for (int32_t i = 0; i < layout->box_count; i++) {
        layout->slots[i] = (wk_slot){.rank = layout->boxes[i].rank, .box = i, .key = i};
        layout->first_slot[layout->boxes[i].rank + 1]++;
    }
    for (int32_t i = 0; i < layout->wire_count; i++) layout->first_wire[layout->wires[i].rank + 1]++;
    for (int32_t r = 0; r < layout->rank_count; r++) {
        layout->first_slot[r + 1] += layout->first_slot[r];
        layout->first_wire[r + 1] += layout->first_wire[r];
    }
    sort_slots(layout, 0, layout->box_count);
    qsort(layout->wires, (size_t)layout->wire_count, sizeof *layout->wires, compare_wires);
}

/* ----------------------------------------------------------------------------------------------------- 3. order --- */

/* Sorts column r by the mean place of what its boxes read (side -1) or of what reads them (side 1). Boxes without such
 * neighbours stay where they are, between the others. */
static void order_column(wk_layout *layout, int32_t r, int side) {
    const int32_t begin = layout->first_slot[r], end = layout->first_slot[r + 1];
    const int32_t neighbours = layout->first_slot[r + side], joint = side < 0 ? r - 1 : r;
    const double size = end - begin, neighbour_size = layout->first_slot[r + side + 1] - neighbours;

    for (int32_t i = begin; i < end; i++) layout->slots[i].key = 0;
    for (int32_t i = layout->first_wire[joint]; i < layout->first_wire[joint + 1]; i++) {
        const wk_wire *wire = &layout->wires[i];
        const wk_box *here = &layout->boxes[side < 0 ? wire->to : wire->from];
        const wk_box *there = &layout->boxes[side < 0 ? wire->from : wire->to];
        const int32_t count = side < 0 ? here->ins : here->outs;
        layout->slots[here->order].key += (there->order - neighbours + 0.5) / neighbour_size / count;
    }
    for (int32_t i = begin; i < end; i++) {
        const wk_box *box = &layout->boxes[layout->slots[i].box];
        if ((side < 0 ? box->ins : box->outs) == 0) layout->slots[i].key = (i - begin + 0.5) / size;
    }
    sort_slots(layout, begin, end);
}

static void order_columns(wk_layout *layout) {
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int32_t r = 1; r < layout->rank_count; r++) order_column(layout, r, -1);
        for (int32_t r = layout->rank_count - 2; r >= 0; r--) order_column(layout, r, 1);
    }
}

/* ---------------------------------------------------------------------------------------------------- all three --- */

static bool make_room(wk_layout *layout, int32_t box_count, int32_t wire_count, int32_t rank_count) {
    const size_t ranks = (size_t)rank_count + 1; /* one more: where the last column ends */
    layout->boxes = calloc((size_t)box_count + 1, sizeof *layout->boxes);
    layout->wires = calloc((size_t)wire_count + 1, sizeof *layout->wires);
    layout->slots = calloc((size_t)box_count + 1, sizeof *layout->slots);
    layout->first_slot = calloc(ranks, sizeof *layout->first_slot);
    layout->first_wire = calloc(ranks, sizeof *layout->first_wire);
    layout->gutters = calloc(ranks, sizeof *layout->gutters);
    layout->column_x = calloc(ranks, sizeof *layout->column_x);
    return layout->boxes && layout->wires && layout->slots && layout->first_slot && layout->first_wire &&
           layout->gutters && layout->column_x;
}

bool wk__layout_begin(wk_layout *layout, wk_box *boxes, int32_t box_count, const wk_wire *wires, int32_t wire_count,
                      double gap, double pitch) {
    const int32_t rank_count = rank_boxes(boxes, box_count, wires, wire_count);
    rank_late_boxes(boxes, wires, wire_count, rank_count);
    const int32_t bends = count_bends(boxes, wires, wire_count);
    *layout = (wk_layout){.rank_count = rank_count, .gap = gap, .pitch = pitch};
    if (!make_room(layout, box_count + bends, wire_count + bends, rank_count)) return false;

    if (box_count > 0) memcpy(layout->boxes, boxes, (size_t)box_count * sizeof *boxes);
    layout->box_count = box_count;
    for (int32_t i = 0; i < wire_count; i++) add_wire(layout, wires[i].from, wires[i].to);
    fill_columns(layout);
    order_columns(layout);
    return true;
}
