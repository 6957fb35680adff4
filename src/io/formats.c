/* formats.c -- the types of the safetensors format. A type of wick is the one with its name in WK_DTYPES. */
#include <string.h>

#include "io/safetensors.h"

/* In the format's own order, by which its files are sorted. */
const wk_format wk__formats[] = {
    {"BOOL", 8},        {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},
    {"F8_E5M2", 8},     {"F8_E4M3", 8},     {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},          {"F8_E5M2FNUZ", 8},
    {"I16", 16},        {"U16", 16},        {"F16", 16},    {"BF16", 16},   {"I32", 32}, {"U32", 32},
    {"F32", 32},        {"C64", 64},        {"F64", 64},    {"I64", 64},    {"U64", 64},
};
const int32_t wk__format_count = sizeof wk__formats / sizeof *wk__formats;

#define NAME_OF(with, NAME, name, type, category) #NAME,
static const char *const names[WK_DTYPE_COUNT] = {WK_DTYPES(NAME_OF, )};

int32_t wk__format_named(const char *name) {
    for (int32_t i = 0; i < wk__format_count; i++)
        if (strcmp(wk__formats[i].name, name) == 0) return i;
    return -1;
}

int32_t wk__format_of(wk_dtype dtype) { return wk__format_named(names[dtype]); }

wk_dtype wk__dtype_of_format(int32_t format) {
    for (wk_dtype dtype = 0; dtype < WK_DTYPE_COUNT; dtype++)
        if (strcmp(names[dtype], wk__formats[format].name) == 0) return dtype;
    return -1;
}
