/* show.h -- the training on the terminal: a line for each iteration, and under those that are done the last stretch of
 * the curves, redrawn in its place. Where standard output is no terminal there are just the lines. */
#ifndef SHOW_H
#define SHOW_H

#include "options.h"
#include "terminal.h"
#include "history.h"

typedef struct show {
    terminal terminal;
    int64_t iterations, longest_T;
    int64_t line_count;           /* lines that are done */
    bool has_block;               /* the curves and the current line stand at the bottom */
    double began, ended, redrawn; /* when */
    double pause;                 /* seconds for each iteration of the animation; 0: there is none */
} show;

void show_begin(show *s, const options *o, int64_t longest_T);

/* After each iteration: shows it at once, or leaves it to the animation. */
void show_iteration(show *s, const history *h);

/* Plays the animation, if there is one, and leaves the terminal in order. */
void show_end(show *s, const history *h);

/* What it all came to. */
void show_summary(const show *s, const history *h);

#endif
