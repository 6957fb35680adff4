/* wick/viz.h -- pictures: a small SVG writer, and drawings of graphs, to be viewed in any browser.
 *
 * These calls report failures by their status and do not stick: a picture that cannot be written must not spoil a
 * training. Files are written beside their final place and renamed, so a reader never sees half a picture. */
#ifndef WICK_VIZ_H
#define WICK_VIZ_H

#include "wick/grad.h"

WK_BEGIN_DECLS

/* An SVG picture in memory, measured in pixels, with y pointing down. Colours are CSS colours ("#2a9d8f", "none"). All
 * drawing functions accept NULL and then do nothing; running out of memory is remembered and reported by
 * wk_svg_save. */
typedef struct wk_svg wk_svg;

/* title names the picture to a screen reader and in the browser's tab. NULL when memory is out. The caller frees it. */
WK_API wk_svg *wk_svg_new(double width, double height, const char *background, const char *title);
WK_API void wk_svg_free(wk_svg *svg);
WK_API void wk_svg_rect(wk_svg *svg, double x, double y, double width, double height, double radius, const char *fill,
                        const char *stroke);
WK_API void wk_svg_circle(wk_svg *svg, double x, double y, double radius, const char *fill, const char *stroke);
WK_API void wk_svg_line(wk_svg *svg, double x0, double y0, double x1, double y1, const char *stroke, double width);
/* A line through count points (x,y pairs). */
WK_API void wk_svg_polyline(wk_svg *svg, const double *xy, int64_t count, const char *stroke, double width,
                            double opacity);
/* A smooth edge between two points that leaves and arrives horizontally; with `arrow`, it has a head. */
WK_API void wk_svg_edge(wk_svg *svg, double x0, double y0, double x1, double y1, const char *stroke, double width,
                        bool arrow);
/* Text at (x,y), y being the base line. anchor says which part of the text lies at x: 's'tart, 'm'iddle or 'e'nd. Any
 * characters are allowed. */
WK_API void wk_svg_text(wk_svg *svg, double x, double y, double size, char anchor, const char *fill, const char *text);
/* An upper bound for the width of a text, for keeping other things clear of it. The width depends on the reader's
 * fonts; this is the width in DejaVu Sans, which is wider than most fonts on screens. */
WK_API double wk_svg_text_width(double size, const char *text);
/* Starts and ends a group that shows `title` when the pointer is on it. */
WK_API void wk_svg_group(wk_svg *svg, const char *title);
WK_API void wk_svg_group_end(wk_svg *svg);
/* Writes the picture. Errors: EIO (names the path and what the system says), ENOMEM, EINVAL (no path). error may be
 * NULL. */
WK_API wk_status wk_svg_save(const wk_svg *svg, const char *path, wk_error *error);

/* Draws a graph with its operations, shapes and leaves, in layers from left to right, and saves it. title may be NULL.
 * A fused sequence operation shows its cells; a leaf that many operations read is drawn once, at the top, with a line
 * down to all of them. Errors: EIO, ENOMEM, EINVAL (no graph, no path). error may be NULL. */
WK_API wk_status wk_graph_save_svg(const wk_graph *graph, const char *title, const char *path, wk_error *error);

/* The colour in which operations of this name are drawn, as "#2f7fc1": one colour for all products, one for all losses
 * and so on; dark grey for a name that is not in ops.def. */
WK_API const char *wk_viz_color(const char *op);

WK_END_DECLS

#endif
