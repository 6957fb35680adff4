/* messages.c -- see messages.h. */
#define _XOPEN_SOURCE 700
#include "messages.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static enum { ENGLISH, CHINESE, LANGUAGE_COUNT } language;
static bool utf8;

const char *say(message which) {
    static const char *const texts[MESSAGE_COUNT][LANGUAGE_COUNT] = {
#define MESSAGE(NAME, english, chinese) [MESSAGE_##NAME] = {english, chinese},
#include "messages.def"
#undef MESSAGE
    };
    return texts[which][language];
}

/* ---- the environment ---- */

/* What the environment says of a part of the locale: LC_ALL, else the part's own variable, else LANG. */
static const char *locale_name(const char *part) {
    const char *const variables[] = {"LC_ALL", part, "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value) return value;
    }
    return "C";
}

static bool names_utf8(const char *text) {
    return strstr(text, "UTF-8") || strstr(text, "utf8") || strstr(text, "utf-8") || strstr(text, "UTF8");
}

void messages_begin(void) {
    /* LC_NUMERIC is left alone: a loss of 0,53 could not be read by the next program. */
    const bool installed = setlocale(LC_CTYPE, "") && setlocale(LC_MESSAGES, "");
    utf8 = names_utf8(installed ? nl_langinfo(CODESET) : locale_name("LC_CTYPE"));

    const char *name = locale_name("LC_MESSAGES");
    const bool other_charset = strchr(name, '.') && !names_utf8(name); /* zh_CN.GBK could not show our UTF-8 */
    language = strncmp(name, "zh", 2) == 0 && !other_charset ? CHINESE : ENGLISH;
}

bool speaks_utf8(void) {
    return utf8;
}

/* ---- columns ---- */

/* Whether the character that begins here is one of those that take two columns. */
static bool is_wide(const unsigned char *c) {
    const unsigned code = (c[0] & 0x0fu) << 12 | (c[1] & 0x3fu) << 6 | (c[1] ? c[2] & 0x3fu : 0);
    static const unsigned wide[][2] = {
        {0x2e80, 0xa4cf}, /* Chinese, Japanese, their punctuation */
        {0xac00, 0xd7a3}, /* Korean */
        {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, /* compatible and full-width forms */
    };
    if (c[0] >= 0xf0) return true; /* more Chinese, and small pictures */
    for (size_t i = 0; c[0] >= 0xe0 && i < sizeof wide / sizeof *wide; i++) {
        if (code >= wide[i][0] && code <= wide[i][1]) return true;
    }
    return false;
}

int columns_of(const char *text) {
    int columns = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if ((*c & 0xc0) != 0x80) columns += is_wide(c) ? 2 : 1; /* the other bytes of a character count nothing */
    }
    return columns;
}

void print_left(FILE *file, const char *text, int columns) {
    const int missing = columns - columns_of(text);
    fprintf(file, "%s%*s", text, missing > 0 ? missing : 0, "");
}

void print_right(FILE *file, const char *text, int columns) {
    const int missing = columns - columns_of(text);
    fprintf(file, "%*s%s", missing > 0 ? missing : 0, "", text);
}
