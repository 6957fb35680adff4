/* attribute.c -- the numbers that a row is called with, as text. */
#include <inttypes.h>
#include <string.h>

#include "grad/op.h"

bool wk__is_whole(char kind) {
    return kind == WK_ATTR_INT || kind == WK_ATTR_BOOL || kind == WK_ATTR_DTYPE || kind == WK_ATTR_REDUCTION;
}

/* What a whole number stands for; NULL: itself. */
static const char *word_for(char kind, int64_t value) {
    static const char *const reductions[] = {
        [WK_REDUCTION_NONE] = "none", [WK_REDUCTION_MEAN] = "mean", [WK_REDUCTION_SUM] = "sum"};
    if (kind == WK_ATTR_BOOL) return value != 0 ? "true" : "false";
    if (kind == WK_ATTR_DTYPE) return wk_dtype_name((wk_dtype)value);
    return kind == WK_ATTR_REDUCTION ? reductions[value] : NULL;
}

void wk__write_attr(wk_writer *w, const wk_attr_field *field, const void *attrs) {
    const char *at = (const char *)attrs + field->offset;
    double real;
    int64_t whole;
    if (wk__is_whole(field->kind)) {
        memcpy(&whole, at, sizeof whole);
        const char *word = word_for(field->kind, whole);
        if (word != NULL)
            wk__write(w, "%s", word);
        else
            wk__write(w, "%" PRId64, whole);
    } else if (field->kind == WK_ATTR_FLOAT) {
        memcpy(&real, at, sizeof real);
        wk__write(w, "%g", real);
    }
}
