/* options.c -- see options.h. The table below is the one list of options: reading, checking and --help come from it. */
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "messages.h"

typedef enum option_kind { SWITCH, NUMBER, TEXT } option_kind;

typedef struct option_row {
    const char *name, *value; /* value: what --help calls it, "" for a switch */
    option_kind kind;
    size_t offset; /* in struct options */
    int64_t least, most;
    message help;
} option_row;

static const option_row table[] = {
    {"--help", "", SWITCH, offsetof(options, help), 0, 0, MESSAGE_HELP_HELP},
    {"--seed", "N", NUMBER, offsetof(options, seed), 0, 4294967295, MESSAGE_HELP_SEED},
    {"--seeds", "N", NUMBER, offsetof(options, seeds), 1, 100000, MESSAGE_HELP_SEEDS},
    {"--iterations", "N", NUMBER, offsetof(options, iterations), 1, 10000, MESSAGE_HELP_ITERATIONS},
    {"--fixed-steps", "N", NUMBER, offsetof(options, fixed_steps), 1, 1000, MESSAGE_HELP_FIXED_STEPS},
    {"--fast", "", SWITCH, offsetof(options, fast), 0, 0, MESSAGE_HELP_FAST},
    {"--out", "DIR", TEXT, offsetof(options, out), 0, 0, MESSAGE_HELP_OUT},
};
enum { OPTION_COUNT = sizeof table / sizeof *table };

/* ---- help ---- */

void options_print_help(void) {
    printf("%s\n\n%s\n\n", say(MESSAGE_HELP_USAGE), say(MESSAGE_HELP_ABOUT));
    for (int i = 0; i < OPTION_COUNT; i++) {
        char form[40];
        snprintf(form, sizeof form, "  %s %s", table[i].name, table[i].value);
        print_left(stdout, form, 20);
        printf("%s", say(table[i].help));
        if (table[i].kind == NUMBER) printf(" [%lld-%lld]", (long long)table[i].least, (long long)table[i].most);
        printf("\n");
    }
    printf("\n%s\n", say(MESSAGE_HELP_SEED_NOTE));
}

/* ---- reading ---- */

/* Each of these says what is wrong, after the name of the program, and returns false. */
#define COMPLAIN(...) (fprintf(stderr, "dynamic_rnn: "), fprintf(stderr, __VA_ARGS__), fprintf(stderr, "\n"), false)

static bool complain_of_word(const char *word) {
    if (strncmp(word, "-", 1) != 0) return COMPLAIN(say(MESSAGE_BAD_WORD), word);
    fprintf(stderr, "dynamic_rnn: ");
    fprintf(stderr, say(MESSAGE_BAD_OPTION), word);
    for (int i = 0; i < OPTION_COUNT; i++) fprintf(stderr, " %s", table[i].name);
    fprintf(stderr, "\n");
    return false;
}

static bool set_number(options *o, const option_row *option, const char *text) {
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    const bool is_number = *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
    if (!is_number || number < option->least || number > option->most) {
        return COMPLAIN(say(MESSAGE_BAD_NUMBER), option->name, text, (long long)option->least, (long long)option->most);
    }
    *(int64_t *)((char *)o + option->offset) = number;
    return true;
}

static bool set_text(options *o, const option_row *option, const char *text) {
    if (!*text) return COMPLAIN(say(MESSAGE_BAD_EMPTY), option->name);
    *(const char **)((char *)o + option->offset) = text;
    return true;
}

/* The option that a word names, up to its end or to a "=". */
static const option_row *find(const char *word) {
    const size_t length = strcspn(word, "=");
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (strlen(table[i].name) == length && strncmp(table[i].name, word, length) == 0) return &table[i];
    }
    return NULL;
}

/* Takes the option at argv[*i], and its value from the same word or the next one. */
static bool take(options *o, int argc, char **argv, int *i) {
    const char *word = strcmp(argv[*i], "-h") == 0 ? "--help" : argv[*i];
    const option_row *option = find(word);
    if (!option) return complain_of_word(word);

    const char *equals = strchr(word, '=');
    if (option->kind == SWITCH) {
        if (equals) return COMPLAIN(say(MESSAGE_BAD_EXTRA), option->name, equals + 1);
        *(bool *)((char *)o + option->offset) = true;
        return true;
    }
    const bool follows = *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0;
    const char *value = equals ? equals + 1 : follows ? argv[++*i] : NULL;
    if (!value) return COMPLAIN(say(MESSAGE_BAD_MISSING), option->name, option->name, option->value);
    return option->kind == NUMBER ? set_number(o, option, value) : set_text(o, option, value);
}

bool options_read(options *o, int argc, char **argv) {
    *o = (options){.seed = -1, .iterations = 60, .out = "out"};
    for (int i = 1; i < argc; i++) {
        if (take(o, argc, argv, &i)) continue;
        fprintf(stderr, "%s\n", say(MESSAGE_SEE_HELP));
        return false;
    }
    return true;
}
