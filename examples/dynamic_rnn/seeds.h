/* seeds.h -- training many seeds: some learn, some do not. */
#ifndef SEEDS_H
#define SEEDS_H

#include "options.h"

/* Trains seeds o->seed to o->seed + o->seeds - 1 and prints a table. Returns the program's exit status. */
int train_seeds(const options *o);

#endif
