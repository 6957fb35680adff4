/* text.c -- see text.h. */
#include "io/text.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(wk_buffer *buffer, size_t nbytes) {
    if (buffer->failed) return false;
    if (nbytes <= buffer->capacity - buffer->length) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 4096;
    while (capacity - buffer->length < nbytes) capacity *= 2;
    char *text = realloc(buffer->text, capacity);
    if (text == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->text = text;
    buffer->capacity = capacity;
    return true;
}

void wk__buffer_add(wk_buffer *buffer, const char *bytes, size_t nbytes) {
    if (nbytes == 0 || !make_room(buffer, nbytes)) return;
    memcpy(buffer->text + buffer->length, bytes, nbytes);
    buffer->length += nbytes;
}

void wk__buffer_free(wk_buffer *buffer) {
    free(buffer->text);
    *buffer = (wk_buffer){0};
}

/* How many bytes a character has by its first one; 0: no character begins so. */
static int utf8_length(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2) return 0;
    if (first < 0xe0) return 2;
    if (first < 0xf0) return 3;
    return first < 0xf5 ? 4 : 0;
}

uint32_t wk__utf8_next(const char **text) {
    const unsigned char *p = (const unsigned char *)*text;
    if (*p == 0) return 0;
    const int length = utf8_length(*p);
    uint32_t c = length == 1 ? *p : *p & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) { /* the end of the string among them */
            *text += i;
            return 0xfffd;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    *text += length ? length : 1;
    const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
    const bool surrogate = c >= 0xd800 && c < 0xe000;
    return length == 0 || overlong || surrogate || c > 0x10ffff ? 0xfffd : c;
}
