/* writer.c -- see writer.h. */
#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>

wk_writer wk__writer(char *text, size_t nbytes) {
    if (text != NULL && nbytes > 0) text[0] = '\0';
    return (wk_writer){.text = text, .nbytes = text != NULL ? nbytes : 0};
}

void wk__write(wk_writer *writer, const char *format, ...) {
    const size_t left = writer->used < writer->nbytes ? writer->nbytes - writer->used : 0;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(left > 0 ? writer->text + writer->used : NULL, left, format, arguments);
    va_end(arguments);
    if (length > 0) writer->used += (size_t)length;
}
