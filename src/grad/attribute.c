/* attribute.c -- the numbers that a row is called with, as text. */
#include <inttypes.h>
#include <string.h>

#include "grad/op.h"

bool wk__is_whole(char kind) { return kind == 'i' || kind == 'b' || kind == 't' || kind == 'r'; }

/* What a whole number stands for; NULL: itself. */
static const char *word_for(char kind, int64_t value) {
    static const char *const reductions[] = {"none", "mean", "sum"}; /* by WK_REDUCTION_ */
    if (kind == 'b') return value != 0 ? "true" : "false";
    if (kind == 't') return wk_dtype_name((wk_dtype)value);
    return kind == 'r' ? reductions[value] : NULL;
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
    } else if (field->kind == 'f') {
        memcpy(&real, at, sizeof real);
        wk__write(w, "%g", real);
    }
}
