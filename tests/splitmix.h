/* splitmix.h -- random words for tests (splitmix64; Steele, Lea & Flood 2014): a seed is a program. */
#ifndef WK_TESTS_SPLITMIX_H
#define WK_TESTS_SPLITMIX_H

#include <stdint.h>

static inline uint64_t next_word(uint64_t *at) {
    uint64_t z = *at += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
