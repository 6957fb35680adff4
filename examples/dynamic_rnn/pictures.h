/* pictures.h -- the pictures of a run. */
#ifndef PICTURES_H
#define PICTURES_H

#include "history.h"

/* Draws dynamic_rnn.svg, graphs.svg and graph_t<T>.svg for the shortest and the longest sequence into a directory, made
 * if need be, and prints their names. Tries all; returns the status of the first failure, and fills *error. */
wk_status pictures_save(const history *h, const char *directory, wk_error *error);

/* dynamic_rnn.svg: prediction over target, a band for each iteration, and the loss. NULL when memory is out. */
wk_svg *picture_run(const history *h);

/* graphs.svg: the graphs of the run at one scale, the fused rnn as its cells. NULL when memory is out. */
wk_svg *picture_graphs(const history *h);

/* ---- what the pictures share ---- */

#define INK "#1f2933"
#define MUTED "#5f6c7b"
#define FAINT "#e4e7eb"
#define PAPER "#ffffff"

/* The colour of a number of time steps: teal, amber and brick for 10, 20 and 30. */
const char *steps_color(int64_t T);

/* Draws a format with its arguments, as printf; returns the width. */
double draw_textf(wk_svg *svg, double x, double y, double size, char anchor, const char *fill, const char *format, ...);

/* A loss with two significant digits: "0.53", "0.0050". */
typedef struct short_number {
    char text[32];
} short_number;
short_number shorten(double loss);

#endif
