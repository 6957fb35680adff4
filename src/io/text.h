/* text.h -- text that grows, and characters of text. */
#ifndef WK_IO_TEXT_H
#define WK_IO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty buffer. Once memory has run out it stays as it was and `failed` is true. */
typedef struct wk_buffer {
    char *text;
    size_t length, capacity;
    bool failed;
} wk_buffer;

void wk__buffer_add(wk_buffer *buffer, const char *bytes, size_t nbytes);
void wk__buffer_free(wk_buffer *buffer);

/* Reads one character of a UTF-8 text and steps over it; U+FFFD for bytes that are none, 0 at the end. */
uint32_t wk__utf8_next(const char **text);

#endif
