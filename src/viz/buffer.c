/* buffer.c -- see buffer.h. */
#include "viz/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------ numbers --- */

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

/* --------------------------------------------------------------------------------------------------- characters --- */

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
        if (c == 0) return;
        const char *replacement = entity(c);
        if (replacement)
            wk__buffer_add(buffer, replacement, strlen(replacement));
        else
            wk__buffer_add(buffer, text, (size_t)(next - text));
    }
}

void wk__buffer_format(wk_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    for (const char *mark; (mark = strchr(format, '%')); format = mark + 2) {
        wk__buffer_add(buffer, format, (size_t)(mark - format));
        if (mark[1] == 'n')
            add_number(buffer, va_arg(arguments, double));
        else
            add_escaped(buffer, va_arg(arguments, const char *));
    }
    va_end(arguments);
    wk__buffer_add(buffer, format, strlen(format));
}
