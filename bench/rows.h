/* rows.h -- how a program that measures wick begins and ends: PROGRAM [CSV] adds its rows to that file. */
#ifndef ROWS_H
#define ROWS_H

#include <wick.h>

#include "measure.h"

/* The file of the rows, or NULL. */
static inline FILE *rows_begin(int argc, char **argv) { return argc > 1 ? fopen(argv[1], "a") : NULL; }

/* What main returns: a failure of wick's makes all that was measured worthless. */
static inline int rows_end(FILE *csv) {
    if (csv != NULL) fclose(csv);
    wk_error error;
    if (wk_check(&error) == WK_OK) return 0;
    fprintf(stderr, "%s\n", error.message);
    return 1;
}

#endif
