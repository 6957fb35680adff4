/* known.h -- a hash table from words to numbers, which are not below 0 but for those named here: which storages are
 * known, and as what; which numbers of trips. */
#ifndef WK_PLAN_KNOWN_H
#define WK_PLAN_KNOWN_H

#include "plan/growing.h"

enum { WK__KNOWN_LOCAL = -1, WK__KNOWN_NOT = -2, WK__KNOWN_INPUT = -3 };

/* The word is not 0. False: out of memory. */
bool wk__known_add(wk_growing *known, uint64_t word, int64_t number);
/* WK__KNOWN_NOT where it is not there. */
int64_t wk__known_find(const wk_growing *known, uint64_t word);
int64_t wk__known_nbytes(const wk_growing *known);

static inline uint64_t wk__word_of_address(const void *address) { return (uint64_t)(uintptr_t)address; }

#endif
