/* known.h -- a hash table from addresses to numbers, for recordings: which storages are known, and as what. */
#ifndef WK_PLAN_KNOWN_H
#define WK_PLAN_KNOWN_H

#include "plan/growing.h"

enum { WK__KNOWN_LOCAL = -1, WK__KNOWN_NOT = -2 };

bool wk__known_add(wk_growing *known, const void *address, int64_t number); /* false: out of memory */
int64_t wk__known_find(const wk_growing *known, const void *address);       /* WK__KNOWN_NOT where it is not there */

#endif
