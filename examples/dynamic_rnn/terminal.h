/* terminal.h -- what standard output can show, and moving about on it. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

typedef struct terminal {
    bool moves;        /* the cursor can be moved: a terminal, and not a dumb one */
    bool utf8;
    int colors;        /* 0, 16 or 256 */
    int columns, rows; /* that may be filled without a line break */
} terminal;

/* Honours TERM, COLORTERM, NO_COLOR (https://no-color.org) and COLUMNS. */
terminal terminal_ask(void);

/* Asks for the size again: windows are pulled about. */
void terminal_ask_size(terminal *t);

/* Hides the cursor while something is redrawn, and shows it again, also when the program is interrupted. */
void terminal_hide_cursor(void);
void terminal_show_cursor(void);

/* What is printed in its own colour. The colours of 10, 20 and 30 time steps follow one another. */
typedef enum ink { INK_PLAIN, INK_TARGET, INK_PREDICTION, INK_STEPS, INK_STEPS_2, INK_STEPS_3, INK_COUNT } ink;

/* Changes the colour of what is printed next; INK_PLAIN ends it. Prints nothing without colours. */
void terminal_color(const terminal *t, ink which);

#endif
