/* half.h -- f16 (IEEE 754 binary16) and bf16 (the upper half of an f32), 16 bits each, to f32 and back. Each half is an
 * f32, so that way is exact; the other rounds to nearest, ties to even. A NaN keeps its sign and the upper bits of its
 * payload and becomes quiet.
 *
 *            sign  exponent  fraction
 *     f32     1       8         23
 *     bf16    1       8          7
 *     f16     1       5         10      bias 15 instead of 127 */
#ifndef WK_KERNEL_HALF_H
#define WK_KERNEL_HALF_H

#include <stdint.h>
#include <string.h>

static inline float wk__float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t wk__bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float wk__bf16_value(uint16_t h) { return wk__float_of_bits((uint32_t)h << 16); }

static inline uint16_t wk__bf16_of(float value) {
    const uint32_t bits = wk__bits_of_float(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40); /* NaN, made quiet */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Exponent and fraction, moved to where f32 has them, are the number divided by 2^112; subnormals too. */
static inline float wk__f16_value(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = (uint32_t)(h & 0x7fff) << 13;
    const uint32_t quiet = rest > 0x0f800000 ? 0x400000 : 0; /* of NaN */
    if (rest >= 0x0f800000) return wk__float_of_bits(sign | 0x7f800000 | rest | quiet);
    return wk__float_of_bits(sign | wk__bits_of_float(wk__float_of_bits(rest) * 0x1p112f));
}

static inline uint16_t wk__f16_of(float value) {
    const uint32_t bits = wk__bits_of_float(value), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to infinity */
    if (rest >= 0x38800000) return (uint16_t)(sign | (rest + 0xfff + (rest >> 13 & 1) - (112u << 23)) >> 13);
    /* Below 2^-14 a unit in the last place is 2^-24, which is that of 0.5 in f32: the addition rounds. */
    return (uint16_t)(sign | (wk__bits_of_float(wk__float_of_bits(rest) + 0.5f) - 0x3f000000));
}

#endif
