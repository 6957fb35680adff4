/* json.c -- see json.h. */
#include "io/json.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------------ reading --- */

bool wk__json_refuse(wk_json *j, const char *problem) {
    if (j->problem == NULL) j->problem = problem;
    return false;
}

static void skip_blanks(wk_json *j) {
    while (j->at < j->nbytes && j->text[j->at] != '\0' && strchr(" \t\n\r", j->text[j->at]) != NULL) j->at++;
}

bool wk__json_take(wk_json *j, char c) {
    if (j->problem != NULL) return false;
    skip_blanks(j);
    if (j->at == j->nbytes || j->text[j->at] != c) return false;
    j->at++;
    return true;
}

bool wk__json_expect(wk_json *j, char c) {
    static const char *const problems[] = {"{ expected", "} expected", "[ expected", "] expected",
                                           ": expected", ", expected", "a string expected"};
    if (wk__json_take(j, c)) return true;
    return wk__json_refuse(j, problems[strchr("{}[]:,\"", c) - "{}[]:,\""]);
}

bool wk__json_end(wk_json *j) {
    if (j->problem != NULL) return false;
    skip_blanks(j);
    return j->at == j->nbytes || wk__json_refuse(j, "text after the end");
}

bool wk__json_integer(wk_json *j, int64_t *value) {
    if (j->problem != NULL) return false;
    skip_blanks(j);
    const size_t begin = j->at;
    for (*value = 0; j->at < j->nbytes && j->text[j->at] >= '0' && j->text[j->at] <= '9'; j->at++)
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, j->text[j->at] - '0', value))
            return wk__json_refuse(j, "a number too large");
    if (j->at == begin) return wk__json_refuse(j, "a whole number expected");
    if (j->text[begin] == '0' && j->at > begin + 1) return wk__json_refuse(j, "a number with a leading zero");
    return true;
}

/* Four hexadecimal digits; -1 if they are none. */
static int32_t hex4(const wk_json *j, size_t at) {
    int32_t value = 0;
    for (size_t i = at; i < at + 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = i < j->nbytes && j->text[i] != '\0' ? strchr(digits, j->text[i]) : NULL;
        if (digit == NULL) return -1;
        value = value << 4 | (int32_t)((digit - digits) & 15);
    }
    return value;
}

/* The character after "\u", which may take two escapes; -1 if there is none. */
static int32_t unicode_escape(wk_json *j) {
    const int32_t first = hex4(j, j->at);
    j->at += 4;
    if (first < 0xd800 || first > 0xdfff) return first;
    if (first > 0xdbff || j->at + 6 > j->nbytes || memcmp(j->text + j->at, "\\u", 2) != 0) return -1;
    const int32_t second = hex4(j, j->at + 2);
    if (second < 0xdc00 || second > 0xdfff) return -1;
    j->at += 6;
    return 0x10000 + ((first - 0xd800) << 10 | (second - 0xdc00));
}

/* Returns where the character ends. */
static char *put_utf8(char *out, int32_t c) {
    const int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const int32_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = length - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(marks[length] | c);
    return out + length;
}

/* What stands for the escape at j->at, which is stepped over; 0 if it is none. */
static int32_t escape(wk_json *j) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char letter = j->at < j->nbytes ? j->text[j->at++] : '\0';
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;
    if (found != NULL) return meanings[found - letters];
    const int32_t c = letter == 'u' ? unicode_escape(j) : -1;
    return c > 0 ? c : 0;
}

/* The length of the UTF-8 character at `at`, or 0 where there is none. */
static size_t character(const char *at) {
    const char *next = at;
    const uint32_t c = wk__utf8_next(&next);
    if (c < 0x20 || (c == 0xfffd && strncmp(at, "\xef\xbf\xbd", 3) != 0)) return 0;
    return (size_t)(next - at);
}

/* What is decoded is never longer than what it is made from, so it fits where that stood. */
char *wk__json_string(wk_json *j) {
    if (!wk__json_expect(j, '"')) return NULL;
    char *const begin = j->text + j->at, *out = begin;
    while (j->at < j->nbytes && j->text[j->at] != '"') {
        if (j->text[j->at] == '\\') {
            j->at++;
            const int32_t c = escape(j);
            if (c == 0) return wk__json_refuse(j, "an escape that is none, or that of the character 0"), NULL;
            out = put_utf8(out, c);
            continue;
        }
        const size_t length = character(j->text + j->at);
        if (length == 0) return wk__json_refuse(j, "a byte that no string may hold"), NULL;
        memmove(out, j->text + j->at, length);
        out += length;
        j->at += length;
    }
    if (j->at >= j->nbytes) return wk__json_refuse(j, "a string without an end"), NULL;
    j->at++;
    *out = '\0';
    return begin;
}

/* ------------------------------------------------------------------------------------------------------ writing --- */

bool wk__json_put_string(wk_buffer *buffer, const char *text) {
    static const char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    wk__buffer_add(buffer, "\"", 1);
    while (*text != '\0') {
        char escaped[8];
        const char *found = strchr(meanings, *text);
        const bool control = (unsigned char)*text < 0x20;
        const size_t length = found != NULL || control ? 1 : character(text);
        if (length == 0) return false;
        if (found != NULL) snprintf(escaped, sizeof escaped, "\\%c", letters[found - meanings]);
        else snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)(unsigned char)*text);
        if (found != NULL || control) wk__buffer_add(buffer, escaped, strlen(escaped));
        else wk__buffer_add(buffer, text, length);
        text += length;
    }
    wk__buffer_add(buffer, "\"", 1);
    return true;
}
