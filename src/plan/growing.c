/* growing.c -- see growing.h. */
#include "plan/growing.h"

#include <stdlib.h>

void *wk__growing_add(wk_growing *g, int64_t more, size_t nbytes) {
    if (g->items == NULL || g->count + more > g->capacity) { /* room for nothing is an address, too */
        const int64_t wanted = 2 * g->capacity + more + 16;
        void *items = realloc(g->items, (size_t)wanted * nbytes);
        if (items == NULL) return NULL;
        g->items = items;
        g->capacity = wanted;
    }
    void *room = (char *)g->items + (size_t)g->count * nbytes;
    g->count += more;
    return room;
}

bool wk__growing_reserve(wk_growing *g, int64_t count, size_t nbytes) {
    const int64_t before = g->count;
    const bool fine = g->count + count <= g->capacity || wk__growing_add(g, count, nbytes) != NULL;
    g->count = before;
    return fine;
}

void wk__growing_free(wk_growing *g) {
    free(g->items);
    *g = (wk_growing){0};
}
