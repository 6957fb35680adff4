/* buffer.h -- writing XML: no locale changes its numbers, no string breaks its markup. */
#ifndef WK_VIZ_BUFFER_H
#define WK_VIZ_BUFFER_H

#include "io/text.h"

/* Adds `format` with %n replaced by a double (at most two decimals, always with a point) and %s by a string that is
 * escaped for text and for attributes in single quotes. */
void wk__buffer_format(wk_buffer *buffer, const char *format, ...);

#endif
