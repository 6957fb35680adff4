/* wave.h -- the data: a wave that goes on from one iteration to the next. */
#ifndef WAVE_H
#define WAVE_H

#include <stdint.h>

/* Writes T time steps of x = sin and y = cos, 10 to half a period, from *phase half periods on, and moves *phase to
 * their end. The angles are those of numpy.linspace(start, end, T): in double, then rounded to float, as in the
 * tutorial. */
void draw_wave(double *phase, int64_t T, float *x, float *y);

#endif
