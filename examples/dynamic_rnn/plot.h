/* plot.h -- two curves in three rows of text.
 *
 * A braille character is a grid of two dots by four, so three rows of them are twelve dots high; each time step gets a
 * column of dots. Without UTF-8 a time step gets a character, and there are three heights. */
#ifndef PLOT_H
#define PLOT_H

#include "history.h"
#include "terminal.h"

enum { PLOT_ROWS = 3 };

/* Prints row number `row` of the last time steps, as many as fit so many columns. */
void plot_row(const terminal *t, const history *h, int row, int columns);

#endif
