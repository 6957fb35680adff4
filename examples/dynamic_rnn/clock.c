/* clock.c -- see clock.h. */
#define _POSIX_C_SOURCE 200809L
#include "clock.h"

#include <time.h>

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void sleep_until(double time) {
    const double left = time - seconds_now();
    if (left <= 0) return;
    const time_t whole = (time_t)left;
    nanosleep(&(struct timespec){.tv_sec = whole, .tv_nsec = (long)((left - (double)whole) * 1e9)}, NULL);
}
