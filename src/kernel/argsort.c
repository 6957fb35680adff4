/* argsort.c -- see argsort.h. Behind the key of an element stands its index, so that no two words are equal, and equal
 * elements stay in their order, however the words are moved:
 *
 *     | key                  | index                |     32 bits each: one number
 *     | key                                         |     64 bits each, where either does not fit into 32
 *     | index                                       |
 *
 * Whole numbers of 64 bits mostly lie within 2^32 of one another, and then are narrow too.
 *
 * Where only the first `count` are wanted, words gather in a room for some more than twice as many; when it is full,
 * the first `count` of them are selected, and what comes after the last of these is passed over from then on. */
#include "kernel/argsort.h"

enum { BLOCK = 64 }; /* elements whose keys are made at a time */

/* What is to be sorted, and where to. */
typedef struct sorting {
    int64_t n, count;
    const char *x;
    int64_t x_step; /* bytes from one element to the next */
    int64_t sx;
    wk_keys_function *keys_of;
    uint64_t lowest, flip; /* a word has (key - lowest) ^ flip, which falls where the order is descending */
    int64_t *index;
    int64_t si;
    void *work; /* room for twice as many words as are held */
} sorting;

/* The keys of elements i .. i + BLOCK, as far as there are so many. Returns how many. */
static int64_t keys_from(const sorting *s, int64_t i, uint64_t keys[BLOCK]) {
    const int64_t count = s->n - i < BLOCK ? s->n - i : BLOCK;
    s->keys_of(count, s->x + i * s->x_step, s->sx, keys);
    return count;
}

#define word uint64_t
#define WORD(key, index) ((key) << 32 | (uint64_t)(index))
#define INDEX(w) (int64_t)((w)&UINT32_MAX)
#define BEFORE(a, b) ((a) < (b))
#define BEHIND_ALL UINT64_MAX
#define KERNEL(k) k##_narrow
#include "kernel/argsort.inc"
#undef KERNEL
#undef BEHIND_ALL
#undef BEFORE
#undef INDEX
#undef WORD
#undef word

typedef struct wide_word {
    uint64_t key;
    int64_t index;
} wide_word;

#define word wide_word
#define WORD(k, i) ((wide_word){k, i})
#define INDEX(w) (w).index
#define BEFORE(a, b) (((a).key < (b).key) | (((a).key == (b).key) & ((a).index < (b).index)))
#define BEHIND_ALL ((wide_word){UINT64_MAX, INT64_MAX})
#define KERNEL(k) k##_wide
#include "kernel/argsort.inc"

/* Do all keys lie within 32 bits? Then lowest is set. */
static bool keys_are_near(sorting *s) {
    uint64_t keys[BLOCK], low = UINT64_MAX, high = 0;
    bool near = true;
    for (int64_t i = 0, count; i < s->n && near; i += count) {
        count = keys_from(s, i, keys);
        for (int64_t k = 0; k < count; k++) {
            low = keys[k] < low ? keys[k] : low;
            high = keys[k] > high ? keys[k] : high;
        }
        near = high - low <= UINT32_MAX;
    }
    if (near) s->lowest = low;
    return near;
}

void wk__argsort(int64_t n, int64_t count, int64_t *index, int64_t si, const void *x, int64_t sx, bool descending,
                 void *work, wk_keys_function *keys_of, int64_t nbytes) {
    if (count == 0) return;
    sorting s = {.n = n,
                 .count = count,
                 .x = x,
                 .x_step = sx * nbytes,
                 .sx = sx,
                 .keys_of = keys_of,
                 .index = index,
                 .si = si,
                 .work = work};
    const bool narrow = n <= UINT32_MAX && (nbytes < 8 || keys_are_near(&s));
    s.flip = descending ? narrow ? UINT32_MAX : UINT64_MAX : 0;
    (narrow ? argsort_narrow : argsort_wide)(&s);
}
