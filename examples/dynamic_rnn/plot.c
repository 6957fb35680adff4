/* plot.c -- see plot.h. */
#include "plot.h"

#include <math.h>
#include <stdio.h>

static const double highest = 1.2; /* what fits: predictions overshoot the curve's 1 at times */

/* The dot, counted from the top of `height` dots, at which a value lies. */
static int dot_of(double value, int height) {
    const double clipped = fmax(-highest, fmin(highest, value));
    return (int)lround((highest - clipped) / (2 * highest) * (height - 1));
}

/* The dots of one braille character that lie in dot rows `from` to `to` of its left (0) or right (1) half. */
static unsigned braille_dots(int from, int to, int half) {
    /* The bit of each dot in Unicode's block at U+2800: three rows were numbered first, the fourth was added later. */
    static const unsigned char bits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};
    unsigned dots = 0;
    for (int dot = from < 0 ? 0 : from; dot <= to && dot < 4; dot++) dots |= bits[half][dot];
    return dots;
}

/* Prints U+2800 + dots, or a space: some fonts draw the empty braille character as eight small rings. */
static void print_braille(unsigned dots) {
    if (dots == 0) {
        putchar(' ');
        return;
    }
    printf("\xe2%c%c", 0xa0 + (int)(dots >> 6), 0x80 + (int)(dots & 0x3f));
}

/* The target is a row of dots; the prediction is a line: each time step fills the way from the one before. */
static void add_step(const history *h, int64_t step, int row, int half, unsigned *target, unsigned *prediction) {
    const int height = 4 * PLOT_ROWS, above = 4 * row;
    const int y = dot_of(h->y[step], height) - above, p = dot_of(h->prediction[step], height) - above;
    const int before = step > 0 ? dot_of(h->prediction[step - 1], height) - above : p;
    *target |= braille_dots(y, y, half);
    *prediction |= braille_dots(p < before ? p : before + (p > before), p > before ? p : before - (p < before), half);
}

static void braille_row(const terminal *t, const history *h, int row, int64_t first, int columns) {
    ink now = INK_PLAIN;
    for (int64_t c = 0; c < columns && first + 2 * c < h->step_count; c++) {
        unsigned target = 0, prediction = 0;
        for (int half = 0; half < 2 && first + 2 * c + half < h->step_count; half++) {
            add_step(h, first + 2 * c + half, row, half, &target, &prediction);
        }
        const ink wanted = prediction ? INK_PREDICTION : target ? INK_TARGET : now;
        if (wanted != now) terminal_color(t, now = wanted);
        print_braille(target | prediction);
    }
    terminal_color(t, INK_PLAIN);
}

static void ascii_row(const terminal *t, const history *h, int row, int64_t first) {
    for (int64_t step = first; step < h->step_count; step++) {
        const bool target = dot_of(h->y[step], PLOT_ROWS) == row;
        const bool prediction = dot_of(h->prediction[step], PLOT_ROWS) == row;
        if (target || prediction) terminal_color(t, prediction ? INK_PREDICTION : INK_TARGET);
        putchar(target && prediction ? '#' : prediction ? '*' : target ? '.' : ' ');
        if (target || prediction) terminal_color(t, INK_PLAIN);
    }
}

void plot_row(const terminal *t, const history *h, int row, int columns) {
    const int64_t capacity = t->utf8 ? 2 * (int64_t)columns : columns;
    int64_t first = h->step_count > capacity ? h->step_count - capacity : 0;
    first += first % 2; /* a dot keeps its half of a character while it moves to the left */
    if (t->utf8) {
        braille_row(t, h, row, first, columns);
    } else {
        ascii_row(t, h, row, first);
    }
}
