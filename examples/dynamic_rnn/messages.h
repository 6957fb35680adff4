/* messages.h -- the language that the program speaks, and text in columns.
 *
 * Chinese when LC_ALL, LC_MESSAGES or LANG (the first that is set) begins with "zh", whether or not the system has that
 * locale installed. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdbool.h>
#include <stdio.h>

typedef enum message {
#define MESSAGE(NAME, english, chinese) MESSAGE_##NAME,
#include "messages.def"
#undef MESSAGE
    MESSAGE_COUNT
} message;

/* Takes language and character set from the environment. Numbers keep their decimal points. */
void messages_begin(void);

/* The text of a message, which may be a format for printf. */
const char *say(message which);

/* Whether the environment's character set is UTF-8. */
bool speaks_utf8(void);

/* How many columns a UTF-8 text takes on a terminal: Chinese characters take two. */
int columns_of(const char *text);

/* Prints a text and spaces, after it or before it, so that they fill so many columns. */
void print_left(FILE *file, const char *text, int columns);
void print_right(FILE *file, const char *text, int columns);

#endif
