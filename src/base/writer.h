/* writer.h -- text into a buffer of the caller's: written as far as there is room, and counted on, as by snprintf;
 * cut off behind a whole character of UTF-8. */
#ifndef WK_BASE_WRITER_H
#define WK_BASE_WRITER_H

#include "base/compiler.h"

#include <stdarg.h>
#include <stddef.h>

typedef struct wk_writer {
    char *text;
    size_t nbytes, used; /* room, and what the whole text needs without its closing 0 */
} wk_writer;

/* An empty text in the given room, which may be NULL. */
wk_writer wk__writer(char *text, size_t nbytes);
void wk__write(wk_writer *writer, const char *format, ...) WK_PRINTF(2, 3);
void wk__write_list(wk_writer *writer, const char *format, va_list arguments) WK_PRINTF(2, 0);

/* Takes a character of UTF-8 off the end of a text that was cut if the rest of it is missing. */
void wk__end_whole(char *text);

#endif
