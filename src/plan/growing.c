/* growing.c -- see growing.h. */
#include "plan/growing.h"

#include <stdlib.h>
#include <string.h>

void *wk__growing_move(wk_growing *g, int64_t more, size_t nbytes) {
    const int64_t wanted = 2 * g->capacity + more + 16; /* room for nothing is an address, too */
    void *items = realloc(g->items, (size_t)wanted * nbytes);
    if (items == NULL) return NULL;
    *g = (wk_growing){items, g->count, wanted};
    return wk__growing_add(g, more, nbytes);
}

bool wk__growing_reserve(wk_growing *g, int64_t count, size_t nbytes) {
    const int64_t before = g->count;
    const bool fine = g->count + count <= g->capacity || wk__growing_add(g, count, nbytes) != NULL;
    g->count = before;
    return fine;
}

bool wk__growing_copy(wk_growing *copy, const wk_growing *g, size_t nbytes) {
    void *items = malloc(((size_t)g->count + 1) * nbytes);
    if (items == NULL) return false;
    if (g->count > 0) memcpy(items, g->items, (size_t)g->count * nbytes);
    *copy = (wk_growing){items, g->count, g->count + 1};
    return true;
}

void wk__growing_trim(wk_growing *g, size_t nbytes) {
    void *items = g->items != NULL ? realloc(g->items, ((size_t)g->count + 1) * nbytes) : NULL;
    if (items != NULL) *g = (wk_growing){items, g->count, g->count + 1};
}

void wk__growing_free(wk_growing *g) {
    free(g->items);
    *g = (wk_growing){0};
}
