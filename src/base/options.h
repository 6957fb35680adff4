/* options.h -- structs that begin with their size, so that they can grow at their end. */
#ifndef WK_BASE_OPTIONS_H
#define WK_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* The options as this version knows them: `given` over `defaults`. False, recorded, when given is larger than this
 * version's struct and its unknown tail is not zero. */
bool wk__options(void *options, const void *defaults, const void *given, size_t nbytes, const char *function);

#endif
