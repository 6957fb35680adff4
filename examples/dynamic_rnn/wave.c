/* wave.c -- see wave.h. */
#include "wave.h"

#include <math.h>

static const double pi = 3.141592653589793;

void draw_wave(double *phase, int64_t T, float *x, float *y) {
    const double start = *phase * pi;
    *phase += (double)T / 10;
    const double end = *phase * pi;
    const double step = T > 1 ? (end - start) / (double)(T - 1) : 0;
    for (int64_t t = 0; t < T; t++) {
        const double so_far = (double)t * step; /* rounded by itself: numpy multiplies first and then adds */
        const double angle = (float)(t > 0 && t == T - 1 ? end : so_far + start);
        x[t] = (float)sin(angle);
        y[t] = (float)cos(angle);
    }
}
