/* writer.c -- see writer.h. */
#include "base/writer.h"

#include <stdio.h>
#include <string.h>

wk_writer wk__writer(char *text, size_t nbytes) {
    if (text != NULL && nbytes > 0) text[0] = '\0';
    return (wk_writer){.text = text, .nbytes = text != NULL ? nbytes : 0};
}

void wk__end_whole(char *text) {
    size_t begin = strlen(text), length = 0;
    while (begin > 0 && length < 3 && ((unsigned char)text[begin - 1] & 0xc0) == 0x80) begin--, length++;
    const unsigned char first = begin > 0 ? (unsigned char)text[begin - 1] : 0;
    const size_t needed = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    if (length < needed) text[begin - 1] = '\0';
}

void wk__write_list(wk_writer *writer, const char *format, va_list arguments) {
    const size_t left = writer->used < writer->nbytes ? writer->nbytes - writer->used : 0;
    const int length = vsnprintf(left > 0 ? writer->text + writer->used : NULL, left, format, arguments);
    if (length < 0) return;
    if (left > 0 && (size_t)length >= left) wk__end_whole(writer->text);
    writer->used += (size_t)length;
}

void wk__write(wk_writer *writer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    wk__write_list(writer, format, arguments);
    va_end(arguments);
}
