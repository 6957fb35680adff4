/* svg.c -- the SVG writer of viz.h: each drawing call adds one element to the text of the picture. */
#include "wick/viz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "viz/buffer.h"
#include "viz/save.h"

struct wk_svg {
    wk_buffer text; /* everything but the closing tag */
};

/* Screens take the first they have; the last ones are for Chinese text. */
static const char fonts[] = "Inter, \"Helvetica Neue\", Arial, \"DejaVu Sans\", \"PingFang SC\", \"Microsoft YaHei\", "
                            "\"Noto Sans CJK SC\", sans-serif";

wk_svg *wk_svg_new(double width, double height, const char *background, const char *title) {
    wk_svg *svg = calloc(1, sizeof *svg);
    if (svg == NULL) return NULL;
    wk__buffer_format(&svg->text,
                      "<svg xmlns='http://www.w3.org/2000/svg' width='%n' height='%n' viewBox='0 0 %n %n' role='img' "
                      "font-family='%s' style='color-scheme:light'>\n<title>%s</title>\n",
                      width, height, width, height, fonts, title);
    wk_svg_rect(svg, 0, 0, width, height, 0, background, "none");
    return svg;
}

void wk_svg_free(wk_svg *svg) {
    if (svg == NULL) return;
    wk__buffer_free(&svg->text);
    free(svg);
}

/* ------------------------------------------------------------------------------------------------------- shapes --- */

void wk_svg_rect(wk_svg *svg, double x, double y, double width, double height, double radius, const char *fill,
                 const char *stroke) {
    if (svg == NULL) return;
    wk__buffer_format(&svg->text, "<rect x='%n' y='%n' width='%n' height='%n' rx='%n' fill='%s' stroke='%s'/>\n", x, y,
                      width, height, radius, fill, stroke);
}

void wk_svg_circle(wk_svg *svg, double x, double y, double radius, const char *fill, const char *stroke) {
    if (svg == NULL) return;
    wk__buffer_format(&svg->text, "<circle cx='%n' cy='%n' r='%n' fill='%s' stroke='%s'/>\n", x, y, radius, fill,
                      stroke);
}

void wk_svg_line(wk_svg *svg, double x0, double y0, double x1, double y1, const char *stroke, double width) {
    if (svg == NULL) return;
    wk__buffer_format(&svg->text,
                      "<line x1='%n' y1='%n' x2='%n' y2='%n' stroke='%s' stroke-width='%n' stroke-linecap='round'/>\n",
                      x0, y0, x1, y1, stroke, width);
}

void wk_svg_polyline(wk_svg *svg, const double *xy, int64_t count, const char *stroke, double width, double opacity) {
    if (svg == NULL) return;
    wk__buffer_format(&svg->text,
                      "<polyline fill='none' stroke='%s' stroke-width='%n' stroke-opacity='%n' stroke-linejoin='round' "
                      "stroke-linecap='round' points='",
                      stroke, width, opacity);
    for (int64_t i = 0; i < count; i++) wk__buffer_format(&svg->text, "%n,%n ", xy[2 * i], xy[2 * i + 1]);
    wk__buffer_format(&svg->text, "'/>\n");
}

void wk_svg_edge(wk_svg *svg, double x0, double y0, double x1, double y1, const char *stroke, double width,
                 bool arrow) {
    if (svg == NULL) return;
    const double side = x1 < x0 ? -1 : 1;
    const double head = arrow ? 3 + 2.5 * width : 0; /* the line ends at the head's back: its tip stays sharp */
    const double end = x1 - side * head;
    const double bend = (end - x0) / 2;
    wk__buffer_format(&svg->text, "<path d='M%n,%n C%n,%n %n,%n %n,%n' fill='none' stroke='%s' stroke-width='%n'/>\n",
                      x0, y0, x0 + bend, y0, end - bend, y1, end, y1, stroke, width);
    if (!arrow) return;
    wk__buffer_format(&svg->text, "<path d='M%n,%n L%n,%n L%n,%n Z' fill='%s'/>\n", x1, y1, end - side, y1 - head / 2,
                      end - side, y1 + head / 2, stroke);
}

/* ---------------------------------------------------------------------------------------------- text and groups --- */

void wk_svg_text(wk_svg *svg, double x, double y, double size, char anchor, const char *fill, const char *text) {
    if (svg == NULL) return;
    const char *side = anchor == 'm' ? "middle" : anchor == 'e' ? "end" : "start";
    wk__buffer_format(&svg->text, "<text x='%n' y='%n' font-size='%n' text-anchor='%s' fill='%s'>%s</text>\n", x, y,
                      size, side, fill, text);
}

/* Width of one character in units of the font's size. */
static double advance(uint32_t c) {
    if (c >= 0x2e80) return 1; /* Chinese and other square characters */
    if (c >= 0x80) return 0.84;
    if (strchr(" ijlI.,:;'|!", (int)c)) return 0.34;
    if (strchr("()[]-frt/\"", (int)c)) return 0.42;
    if (strchr("mwMW%@+=<>_", (int)c)) return c == '_' ? 0.5 : 0.98;
    return c >= 'A' && c <= 'Z' ? 0.72 : 0.636;
}

double wk_svg_text_width(double size, const char *text) {
    double width = 0;
    for (uint32_t c; text && (c = wk__utf8_next(&text));) width += advance(c);
    return width * size;
}

void wk_svg_group(wk_svg *svg, const char *title) {
    if (svg == NULL) return;
    wk__buffer_format(&svg->text, "<g><title>%s</title>\n", title);
}

void wk_svg_group_end(wk_svg *svg) {
    if (svg) wk__buffer_format(&svg->text, "</g>\n");
}

/* ------------------------------------------------------------------------------------------------------- saving --- */

wk_status wk_svg_save(const wk_svg *svg, const char *path, wk_error *error) {
    if (path == NULL) return wk__viz_fail(error, WK_EINVAL, "svg_save", "", "no path was given");
    if (svg == NULL || svg->text.failed)
        return wk__viz_fail(error, WK_ENOMEM, "svg_save", path, wk_status_meaning(WK_ENOMEM));
    wk_buffer file = {0};
    wk__buffer_add(&file, svg->text.text, svg->text.length);
    wk__buffer_format(&file, "</svg>\n");
    const wk_status status = file.failed
                                 ? wk__viz_fail(error, WK_ENOMEM, "svg_save", path, wk_status_meaning(WK_ENOMEM))
                                 : wk__save_file(path, file.text, file.length, "svg_save", error);
    wk__buffer_free(&file);
    return status;
}
