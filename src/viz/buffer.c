/* buffer.c -- see buffer.h. */
#include "viz/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

static bool make_room(wk_buffer *buffer, size_t nbytes) {
    if (buffer->failed) return false;
    if (nbytes <= buffer->capacity - buffer->length) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 4096;
    while (capacity - buffer->length < nbytes) capacity *= 2;
    char *text = realloc(buffer->text, capacity);
    if (!text) {
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

/* ---- numbers ---- */

/* printf("%f") writes a comma under half of the world's locales, and an SVG with commas is no picture. */
static void add_number(wk_buffer *buffer, double value) {
    const double limit = 1e9; /* no picture is that large, and the hundredths fit an integer */
    if (!(value > -limit)) value = isnan(value) ? 0 : -limit;
    if (value > limit) value = limit;

    long long hundredths = llround(value * 100);
    const bool negative = hundredths < 0;
    if (negative) hundredths = -hundredths;

    char digits[24];
    char *const end = digits + sizeof digits;
    char *p = end;
    for (int i = 0; i < 2; i++, hundredths /= 10) {
        const char digit = (char)('0' + hundredths % 10);
        if (digit != '0' || p < end) *--p = digit; /* 1.50 is written 1.5 */
    }
    if (p < end) *--p = '.';
    do {
        *--p = (char)('0' + hundredths % 10);
    } while (hundredths /= 10);
    if (negative) *--p = '-';
    wk__buffer_add(buffer, p, (size_t)(end - p));
}

/* ---- characters ---- */

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
    if (!*p) return 0;
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

static const char *entity(uint32_t c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&#39;";
    case '"': return "&quot;";
    case 0xfffd: return "\xef\xbf\xbd"; /* also stands for bytes that are no UTF-8 */
    default: return c < 0x20 || c == 0x7f || c == 0xfffe || c == 0xffff ? " " : NULL; /* XML knows none of these */
    }
}

static void add_escaped(wk_buffer *buffer, const char *text) {
    for (const char *next = text ? text : "";; text = next) {
        const uint32_t c = wk__utf8_next(&next);
        if (!c) return;
        const char *replacement = entity(c);
        if (replacement) {
            wk__buffer_add(buffer, replacement, strlen(replacement));
        } else {
            wk__buffer_add(buffer, text, (size_t)(next - text));
        }
    }
}

void wk__buffer_format(wk_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    for (const char *mark; (mark = strchr(format, '%')); format = mark + 2) {
        wk__buffer_add(buffer, format, (size_t)(mark - format));
        if (mark[1] == 'n') {
            add_number(buffer, va_arg(arguments, double));
        } else {
            add_escaped(buffer, va_arg(arguments, const char *));
        }
    }
    va_end(arguments);
    wk__buffer_add(buffer, format, strlen(format));
}
