/* picture_run.c -- dynamic_rnn.svg: what went in and came out, and how the loss fell.
 *
 *     1 |  ~~ target, prediction ~~      each iteration as wide as its T
 *    -1 |
 *       |##|####|##|######|####|         bands: teal 10, amber 20, brick 30 time steps
 *     1 |.   .
 *   0.1 |      .   .   .                 loss, log scale
 *       1          10         20         iteration */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "messages.h"
#include "pictures.h"

#define PREDICTION "#16324f"
#define TARGET "#c3cad2"

enum {
    WIDTH = 1400, HEIGHT = 640,
    MARGIN = 40, LEFT = 88, RIGHT = WIDTH - MARGIN,
    CURVE_TOP = 136, CURVE_BOTTOM = 350,
    BAND_TOP = 362, BAND_HEIGHT = 16,
    LOSS_TOP = 420, LOSS_BOTTOM = 584,
    SHOWN_ITERATIONS = 120, /* of a longer run, the last ones */
    LABEL_SIZE = 13,
};

/* How the run is mapped to the paper. */
typedef struct frame {
    const history *h;
    int64_t begin, end;              /* iterations */
    int64_t first_step, step_count;  /* their time steps */
    double highest;                  /* |value| at the upper and lower end of the curves */
    double top_decade, decade_count; /* of the loss */
} frame;

static double x_of(const frame *f, double step) {
    return LEFT + (step - (double)f->first_step) / (double)f->step_count * (RIGHT - LEFT);
}

static double x_of_iteration(const frame *f, int64_t i) {
    const iteration *it = &f->h->iterations[i];
    return x_of(f, (double)it->first + (double)it->T / 2);
}

static double y_of(const frame *f, double value) {
    const double clipped = fmax(-f->highest, fmin(f->highest, value));
    return (CURVE_TOP + CURVE_BOTTOM) / 2.0 - clipped / f->highest * (CURVE_BOTTOM - CURVE_TOP) / 2;
}

static double y_of_loss(const frame *f, double loss) {
    const double decades_down = f->top_decade - log10(loss);
    return LOSS_TOP + fmax(0, fmin(f->decade_count, decades_down)) / f->decade_count * (LOSS_BOTTOM - LOSS_TOP);
}

static frame make_frame(const history *h) {
    frame f = {.h = h, .end = h->iteration_count, .highest = 1.15};
    f.begin = f.end > SHOWN_ITERATIONS ? f.end - SHOWN_ITERATIONS : 0;
    f.first_step = h->iterations[f.begin].first;
    f.step_count = h->step_count - f.first_step;
    for (int64_t i = f.first_step; i < h->step_count; i++) {
        const double height = fabs(h->prediction[i]);
        if (height > f.highest) f.highest = height;
    }
    f.highest = fmin(2.5, f.highest);

    double least = INFINITY, most = 0;
    for (int64_t i = f.begin; i < f.end; i++) {
        const double loss = h->iterations[i].loss;
        if (loss > 0) least = fmin(least, loss);
        most = fmax(most, loss);
    }
    f.top_decade = isfinite(most) && most > 0 ? ceil(log10(most)) : 0;
    f.decade_count = isfinite(least) ? f.top_decade - floor(log10(least)) : 1;
    f.decade_count = fmax(1, fmin(8, f.decade_count));
    return f;
}

/* ---- curves and bands ---- */

static void draw_curve(wk_svg *svg, const frame *f, const float *values, const char *color, double width) {
    double *xy = malloc(2 * (size_t)f->step_count * sizeof *xy);
    if (!xy) return;
    for (int64_t i = 0; i < f->step_count; i++) {
        xy[2 * i] = x_of(f, (double)(f->first_step + i) + 0.5);
        xy[2 * i + 1] = y_of(f, values[f->first_step + i]);
    }
    wk_svg_polyline(svg, xy, f->step_count, color, width, 1);
    free(xy);
}

static void draw_curves(wk_svg *svg, const frame *f) {
    for (int value = -1; value <= 1; value++) {
        wk_svg_line(svg, LEFT, y_of(f, value), RIGHT, y_of(f, value), FAINT, 1);
        draw_textf(svg, LEFT - 10, y_of(f, value) + 4.5, LABEL_SIZE, 'e', MUTED, value < 0 ? "\xe2\x88\x92%d" : "%d",
                   abs(value)); /* a true minus sign */
    }
    draw_curve(svg, f, f->h->y, TARGET, 4);
    draw_curve(svg, f, f->h->prediction, PREDICTION, 1.6);
}

static void draw_bands(wk_svg *svg, const frame *f) {
    draw_textf(svg, LEFT - 10, BAND_TOP + 12.5, LABEL_SIZE, 'e', MUTED, "T");
    for (int64_t i = f->begin; i < f->end; i++) {
        const iteration *it = &f->h->iterations[i];
        const double x = x_of(f, (double)it->first), width = x_of(f, (double)(it->first + it->T)) - x;
        wk_svg_rect(svg, x, BAND_TOP, fmax(width - 1.5, width / 2), BAND_HEIGHT, 2, steps_color(it->T), "none");
    }
}

/* ---- loss ---- */

static void draw_loss_scale(wk_svg *svg, const frame *f) {
    for (int decade = 0; decade <= (int)f->decade_count; decade++) {
        const double loss = pow(10, f->top_decade - decade), y = y_of_loss(f, loss);
        wk_svg_line(svg, LEFT, y, RIGHT, y, FAINT, 1);
        draw_textf(svg, LEFT - 10, y + 4.5, LABEL_SIZE, 'e', MUTED, "%g", loss);
    }
    wk_svg_text(svg, LEFT, LOSS_TOP - 12, LABEL_SIZE, 's', MUTED, say(MESSAGE_PIC_LOSS));

    const bool shown = log10(LEARNED_LOSS) < f->top_decade && log10(LEARNED_LOSS) > f->top_decade - f->decade_count;
    if (!shown) return;
    const double y = y_of_loss(f, LEARNED_LOSS);
    for (double x = LEFT; x < RIGHT - 4; x += 10) wk_svg_line(svg, x, y, x + 4, y, "#8d99a6", 1);
    draw_textf(svg, RIGHT, y - 6, LABEL_SIZE - 1, 'e', MUTED, say(MESSAGE_PIC_LEARNED_BELOW), LEARNED_LOSS);
}

static void draw_loss(wk_svg *svg, const frame *f) {
    const int64_t count = f->end - f->begin;
    double *xy = malloc(2 * (size_t)count * sizeof *xy);
    if (!xy) return;
    for (int64_t i = 0; i < count; i++) {
        xy[2 * i] = x_of_iteration(f, f->begin + i);
        xy[2 * i + 1] = y_of_loss(f, f->h->iterations[f->begin + i].loss);
    }
    wk_svg_polyline(svg, xy, count, PREDICTION, 1.4, 0.55);
    for (int64_t i = 0; i < count; i++) {
        wk_svg_circle(svg, xy[2 * i], xy[2 * i + 1], 4.2, steps_color(f->h->iterations[f->begin + i].T), PAPER);
    }
    free(xy);
}

/* The numbers of the iterations 1, 10, 20 ... or fewer, as far as they do not touch. */
static void draw_iteration_axis(wk_svg *svg, const frame *f) {
    const double y = LOSS_BOTTOM + 24;
    double free_from = 0;
    wk_svg_text(svg, LEFT - 18, y, LABEL_SIZE, 'e', MUTED, say(MESSAGE_PIC_ITERATION));
    for (int64_t number = f->begin + 1; number <= f->end; number += number % 10 == 0 ? 10 : 10 - number % 10) {
        const double x = x_of_iteration(f, number - 1);
        if (x - 16 < free_from) continue;
        wk_svg_line(svg, x, LOSS_BOTTOM + 3, x, LOSS_BOTTOM + 8, MUTED, 1);
        draw_textf(svg, x, y, LABEL_SIZE, 'm', MUTED, "%lld", (long long)number);
        free_from = x + 16;
    }
}

/* ---- words ---- */

static void draw_title(wk_svg *svg, const frame *f) {
    const long long changes = history_changes(f->h);
    const short_number first = shorten(history_first_loss(f->h)), last = shorten(history_last_loss(f->h));
    const double x = MARGIN;
    if (changes == 0) {
        draw_textf(svg, x, 52, 27, 's', INK, say(MESSAGE_PIC_RUN_FIXED), first.text, last.text);
    } else {
        const message title = history_learned(f->h) ? MESSAGE_PIC_RUN_LEARNED : MESSAGE_PIC_RUN_NOT_LEARNED;
        draw_textf(svg, x, 52, 27, 's', INK, say(title), changes, first.text, last.text);
    }
    char part[128] = "";
    const long long shown = f->end - f->begin, all = f->h->iteration_count;
    if (shown < all) snprintf(part, sizeof part, say(MESSAGE_PIC_RUN_PART), shown, all);
    draw_textf(svg, x, 80, 15, 's', MUTED, "%s %s", say(MESSAGE_PIC_RUN_ABOUT), part);
}

static bool has_steps(const frame *f, int64_t T) {
    for (int64_t i = f->begin; i < f->end; i++) {
        if (f->h->iterations[i].T == T) return true;
    }
    return false;
}

static void draw_legend(wk_svg *svg, const frame *f) {
    const double y = 110, gap = 26;
    double x = MARGIN;
    wk_svg_line(svg, x, y - 5, x + 26, y - 5, TARGET, 4);
    x += 34 + draw_textf(svg, x + 34, y, LABEL_SIZE + 1, 's', INK, "%s (cos)", say(MESSAGE_TARGET)) + gap;
    wk_svg_line(svg, x, y - 5, x + 26, y - 5, PREDICTION, 1.6);
    x += 34 + draw_textf(svg, x + 34, y, LABEL_SIZE + 1, 's', INK, "%s", say(MESSAGE_PREDICTION)) + gap;
    for (int64_t T = 1; T <= 1000; T++) {
        if (!has_steps(f, T)) continue;
        wk_svg_rect(svg, x, y - 12, 22, 14, 2, steps_color(T), "none");
        x += 30 + draw_textf(svg, x + 30, y, LABEL_SIZE + 1, 's', INK, "T = %lld", (long long)T) + gap;
    }
}

wk_svg *picture_run(const history *h) {
    const frame f = make_frame(h);
    wk_svg *svg = wk_svg_new(WIDTH, HEIGHT, PAPER, "wick: dynamic_rnn");
    draw_title(svg, &f);
    draw_legend(svg, &f);
    draw_curves(svg, &f);
    draw_bands(svg, &f);
    draw_loss_scale(svg, &f);
    draw_loss(svg, &f);
    draw_iteration_axis(svg, &f);
    return svg;
}
