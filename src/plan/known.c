/* known.c -- see known.h: open addressing over a power of two, at most half full. `count` counts what is there. */
#include "plan/known.h"

#include <stdlib.h>

typedef struct entry {
    const void *address; /* NULL: free */
    int64_t number;
} entry;

static int64_t home_of(const void *address, int64_t capacity) {
    const uint64_t hash = ((uint64_t)(uintptr_t)address >> 6) * UINT64_C(0x9e3779b97f4a7c15);
    return (int64_t)(hash >> 32) & (capacity - 1);
}

/* The entry of an address, or the free one where it would go. */
static entry *place_of(const wk_growing *known, const void *address) {
    entry *entries = known->items;
    int64_t at = home_of(address, known->capacity);
    while (entries[at].address != NULL && entries[at].address != address) at = (at + 1) & (known->capacity - 1);
    return &entries[at];
}

static bool grow(wk_growing *known) {
    const int64_t capacity = known->capacity > 0 ? 2 * known->capacity : 256;
    wk_growing larger = {calloc((size_t)capacity, sizeof(entry)), known->count, capacity};
    if (larger.items == NULL) return false;
    const entry *entries = known->items;
    for (int64_t i = 0; i < known->capacity; i++)
        if (entries[i].address != NULL) *place_of(&larger, entries[i].address) = entries[i];
    free(known->items);
    *known = larger;
    return true;
}

bool wk__known_add(wk_growing *known, const void *address, int64_t number) {
    if (2 * known->count >= known->capacity && !grow(known)) return false;
    entry *e = place_of(known, address);
    known->count += e->address == NULL;
    *e = (entry){address, number};
    return true;
}

int64_t wk__known_find(const wk_growing *known, const void *address) {
    const entry *e = known->capacity > 0 ? place_of(known, address) : NULL;
    return e != NULL && e->address != NULL ? e->number : WK__KNOWN_NOT;
}
