/* options.h -- the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct options {
    int64_t seed;        /* -1: not given */
    int64_t seeds;       /* 0: train one seed and show it */
    int64_t iterations;
    int64_t fixed_steps; /* 0: 10, 20 or 30, drawn */
    const char *out;
    bool fast, help;
} options;

/* Reads the command line; says what is wrong with it and returns false. */
bool options_read(options *o, int argc, char **argv);

void options_print_help(void);

#endif
