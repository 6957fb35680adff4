/* measure.h -- how the bench programs measure: blocks of equal work, the median block, and CPU time beside wall. */
#ifndef MEASURE_H
#define MEASURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCKS = 41 };

static inline double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct measurement {
    double median, low, high; /* seconds per unit of work; low and high hold the middle half of the blocks */
    double load;              /* CPU seconds per wall second of this process: above 1.05 more than one thread worked */
} measurement;

/* One block of work; returns the seconds that count, per unit of work. */
typedef double block_function(void *user);

/* Of `count` blocks, BLOCKS at most. */
static inline measurement measure_blocks(block_function *block, void *user, int count) {
    double times[BLOCKS];
    block(user); /* warm */
    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) times[i] = block(user);
    const double load = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (seconds(CLOCK_MONOTONIC) - wall);
    qsort(times, (size_t)count, sizeof *times, by_size);
    return (measurement){times[count / 2], times[count / 4], times[3 * count / 4], load};
}

static inline measurement measure(block_function *block, void *user) { return measure_blocks(block, user, BLOCKS); }

/* What was measured as a rate: so much work per second. */
static inline measurement measured_rate(measurement m, double work) {
    return (measurement){work / m.median, work / m.high, work / m.low, m.load};
}

/* Prints a row and appends it to the CSV file: name,value,unit, none of which has a comma. A row of more than one
 * thread is void. */
static inline void report(FILE *csv, const char *name, measurement m, double scale, const char *unit,
                          const char *goal) {
    const int is_void = m.load > 1.05;
    printf("  %-34s %9.2f %-3s  %7.2f .. %-7.2f  cpu/wall %.2f  %s%s\n", name, m.median * scale, unit, m.low * scale,
           m.high * scale, m.load, goal, is_void ? "  VOID: more than one thread" : "");
    if (csv != NULL && !is_void) fprintf(csv, "%s,%.6g,%s\n", name, m.median * scale, unit);
}

#endif
