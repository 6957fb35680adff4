/* clock.h -- seconds, from a beginning that means nothing. */
#ifndef CLOCK_H
#define CLOCK_H

double seconds_now(void);
void sleep_until(double time);

#endif
