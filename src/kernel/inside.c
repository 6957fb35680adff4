/* inside.c -- are indices in range? Without a branch for each: what is too small or too large makes a difference
 * negative. */
#include "kernel/kernel.h"

bool wk__all_inside(int64_t n, const int64_t *index, int64_t lowest, int64_t size) {
    uint64_t above = 0, below = 0;
    for (int64_t i = 0; i < n; i++) {
        above |= (uint64_t)index[i] - (uint64_t)lowest;
        below |= (uint64_t)size - 1 - (uint64_t)index[i];
    }
    return (above | below) >> 63 == 0;
}
