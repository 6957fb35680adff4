/* growing.h -- arrays that grow at their end, of items of one size. */
#ifndef WK_PLAN_GROWING_H
#define WK_PLAN_GROWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wk_growing {
    void *items;
    int64_t count, capacity;
} wk_growing;

/* Room for `more` further items of nbytes each; where it begins, or NULL when memory is out. */
void *wk__growing_move(wk_growing *g, int64_t more, size_t nbytes);
static inline void *wk__growing_add(wk_growing *g, int64_t more, size_t nbytes) {
    if (g->items == NULL || g->count + more > g->capacity) return wk__growing_move(g, more, nbytes);
    void *room = (char *)g->items + (size_t)g->count * nbytes;
    g->count += more;
    return room;
}
/* Room for so many items, so that none of them moves as they are added. */
bool wk__growing_reserve(wk_growing *g, int64_t count, size_t nbytes);

/* The same items, in a list of their own. */
bool wk__growing_copy(wk_growing *copy, const wk_growing *g, size_t nbytes);

/* Gives back the room for more; the items may move. */
void wk__growing_trim(wk_growing *g, size_t nbytes);
void wk__growing_free(wk_growing *g);

/* The items of a growing array, as an array of their type. */
#define WK_ITEMS(type, g) ((type *)(g).items)

/* One further item. */
#define WK_PUSH(type, g) ((type *)wk__growing_add(&(g), 1, sizeof(type)))

#endif
