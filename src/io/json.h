/* json.h -- as much of JSON as headers of files need: a cursor over text, strings, and whole numbers that are not
 * negative. (RFC 8259, strictly: UTF-8, no bare control characters, no leading zeros.) The caller knows the grammar and
 * asks for what must come next, so nothing here recurses. */
#ifndef WK_IO_JSON_H
#define WK_IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/text.h"

typedef struct wk_json {
    char *text; /* ends in a 0 behind its nbytes; strings are decoded in place */
    size_t nbytes, at;
    const char *problem; /* the first one, at byte `at`, or NULL; nothing is read after it */
} wk_json;

/* Steps over this character, if it comes next after blanks. */
bool wk__json_take(wk_json *j, char c);

/* The same where it must come; else that is the problem. */
bool wk__json_expect(wk_json *j, char c);

/* Records a problem unless there is one. Returns false. */
bool wk__json_refuse(wk_json *j, const char *problem);

/* The next string, decoded, in j->text; NULL on a problem. A string that holds the character 0 is one. */
char *wk__json_string(wk_json *j);

/* The next number, from 0 to 2^63 - 1. */
bool wk__json_integer(wk_json *j, int64_t *value);

/* Is nothing left but blanks? */
bool wk__json_end(wk_json *j);

/* Writes a string with its quotes. False when it is not UTF-8. */
bool wk__json_put_string(wk_buffer *buffer, const char *text);

#endif
