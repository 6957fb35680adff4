/* terminal.c -- see terminal.h. Escape sequences: ECMA-48, chapter 8. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE /* struct winsize */
#include "terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "messages.h"

enum { ENDLESS = 10000 }; /* columns and rows of a file */

/* ---- what there is ---- */

static bool is_set(const char *variable) {
    const char *value = getenv(variable);
    return value && *value;
}

void terminal_ask_size(terminal *t) {
    struct winsize size = {0};
    const bool is_terminal = isatty(STDOUT_FILENO), known = is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    t->columns = known && size.ws_col > 0 ? size.ws_col : is_terminal ? 80 : ENDLESS;
    t->rows = known && size.ws_row > 0 ? size.ws_row : is_terminal ? 24 : ENDLESS;
    const int wished = is_set("COLUMNS") ? atoi(getenv("COLUMNS")) : 0;
    if (is_terminal && wished > 0 && wished < t->columns) t->columns = wished;
    t->columns--; /* some terminals break the line when the last column is filled */
}

terminal terminal_ask(void) {
    const char *term = is_set("TERM") ? getenv("TERM") : "dumb";
    terminal t = {.utf8 = speaks_utf8()};
    t.moves = isatty(STDOUT_FILENO) && strcmp(term, "dumb") != 0;
    if (t.moves && !is_set("NO_COLOR")) t.colors = strstr(term, "256color") || is_set("COLORTERM") ? 256 : 16;
    terminal_ask_size(&t);
    return t;
}

/* ---- cursor ---- */

static const char show_cursor[] = "\033[0m\033[?25h";

/* Gives the cursor back and lets the signal do what it does. */
static void on_signal(int signal_number) {
    const ssize_t written = write(STDOUT_FILENO, show_cursor, sizeof show_cursor - 1);
    (void)written; /* there is nobody left to tell */
    raise(signal_number);
}

void terminal_hide_cursor(void) {
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
    for (int i = 0; i < 4; i++) {
        struct sigaction before;
        sigaction(signals[i], NULL, &before);
        if (before.sa_handler == SIG_DFL) sigaction(signals[i], &action, NULL);
    }
    printf("\033[?25l");
}

void terminal_show_cursor(void) {
    fputs(show_cursor, stdout);
    fflush(stdout);
}

/* ---- colours ---- */

void terminal_color(const terminal *t, ink which) {
    /* Grey for the target, blue for the prediction; teal, amber and brick for the time steps, as in the pictures. */
    static const char *const colors_256[INK_COUNT] = {"0", "38;5;245", "38;5;39", "38;5;36", "38;5;178", "38;5;167"};
    static const char *const colors_16[INK_COUNT] = {"0", "90", "94", "36", "33", "31"};
    if (t->colors) printf("\033[%sm", t->colors == 256 ? colors_256[which] : colors_16[which]);
}
