/* layout.h -- places boxes joined by wires in columns from left to right, after Sugiyama, Tagawa and Toda 1981
 * (https://doi.org/10.1109/TSMC.1981.4308636):
 *
 *     1. rank       a box stands one column to the right of the last box it reads         (layout.c)
 *     2. bends      a wire over several columns gets a bend, a box of no height, in each column between
 *     3. order      in each column, boxes are sorted by the mean place of their neighbours, to and fro
 *     4. ports      the wires of a box leave and arrive one below another                  (layout_place.c)
 *     5. heights    each box moves towards its neighbours' ports as far as order and gaps allow
 *     6. columns    each is as wide as its widest box; steep wires get wider gutters
 *
 * The same graph always gives the same drawing. It knows nothing of graphs or SVG. */
#ifndef WK_VIZ_LAYOUT_H
#define WK_VIZ_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct wk_box {
    double width, height; /* given; in the end all boxes of a column are as wide as the widest */
    int32_t node;         /* given: what the caller means by it; a bend gets that of the box where its wire begins */
    bool late;            /* given: stands just before its first reader, not in the first column */
    bool bend;            /* made: not a box but the bend of a wire */
    int32_t rank;         /* made: the number of its column */
    int32_t order;        /* made: its place in the column, from the top */
    int32_t ins, outs;    /* made: how many wires arrive and leave */
    double x, y;          /* made: its left side, and the middle of its height */
} wk_box;

typedef struct wk_wire {
    int32_t from, to;       /* boxes; as given, from < to, and wires are sorted by `to` */
    int32_t rank;           /* made: the column it leaves from */
    int32_t above, below;   /* scratch: by what wires are sorted, first `above` */
    double from_y, to_y;    /* made: where it leaves and arrives */
} wk_wire;

/* The place of a box in its column, from the top; columns follow one another. */
typedef struct wk_slot {
    int32_t rank, box;
    double key; /* scratch: where the box would like to be */
} wk_slot;

/* Column r is slots[first_slot[r]] to slots[first_slot[r + 1] - 1]; the wires that leave it are wires[first_wire[r]] to
 * wires[first_wire[r + 1] - 1]. */
typedef struct wk_layout {
    wk_box *boxes; /* the given ones first, then bends */
    wk_wire *wires;
    wk_slot *slots;
    int32_t box_count, wire_count, rank_count;
    int32_t *first_slot, *first_wire;
    double *gutters;  /* room on the left of each column; the caller may add to it between the two calls */
    double *column_x; /* left side of each column */
    double gap;       /* given: between two boxes of a column */
    double pitch;     /* given: height of a small box and its gap */
    double width, height;
} wk_layout;

/* Steps 1 to 3. Boxes and wires are copied; the given boxes get their ranks too. False when memory is out. In any case
 * the caller calls wk__layout_free. */
bool wk__layout_begin(wk_layout *layout, wk_box *boxes, int32_t box_count, const wk_wire *wires, int32_t wire_count,
                      double gap, double pitch);

/* Steps 4 to 6. False when memory is out. */
bool wk__layout_place(wk_layout *layout);

void wk__layout_free(wk_layout *layout);

#endif
