/* known.c -- see known.h: open addressing over a power of two, at most half full. `count` counts what is there. */
#include "plan/known.h"

#include <stdlib.h>

typedef struct entry {
    uint64_t word; /* 0: free */
    int64_t number;
} entry;

enum { AT_FIRST = 32 };

static int64_t home_of(uint64_t word, int64_t capacity) {
    const uint64_t hash = word * UINT64_C(0x9e3779b97f4a7c15);
    return (int64_t)(hash >> 32) & (capacity - 1);
}

/* The entry of a word, or the free one where it would go. */
static entry *place_of(const wk_growing *known, uint64_t word) {
    entry *entries = known->items;
    int64_t at = home_of(word, known->capacity);
    while (entries[at].word != 0 && entries[at].word != word) at = (at + 1) & (known->capacity - 1);
    return &entries[at];
}

static bool grow(wk_growing *known) {
    const int64_t capacity = known->capacity > 0 ? 2 * known->capacity : AT_FIRST;
    wk_growing larger = {calloc((size_t)capacity, sizeof(entry)), known->count, capacity};
    if (larger.items == NULL) return false;
    const entry *entries = known->items;
    for (int64_t i = 0; i < known->capacity; i++)
        if (entries[i].word != 0) *place_of(&larger, entries[i].word) = entries[i];
    free(known->items);
    *known = larger;
    return true;
}

bool wk__known_add(wk_growing *known, uint64_t word, int64_t number) {
    if (2 * known->count >= known->capacity && !grow(known)) return false;
    entry *e = place_of(known, word);
    known->count += e->word == 0;
    *e = (entry){word, number};
    return true;
}

int64_t wk__known_find(const wk_growing *known, uint64_t word) {
    const entry *e = known->capacity > 0 ? place_of(known, word) : NULL;
    return e != NULL && e->word != 0 ? e->number : WK__KNOWN_NOT;
}

int64_t wk__known_nbytes(const wk_growing *known) { return known->capacity * (int64_t)sizeof(entry); }
