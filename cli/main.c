/* main.c -- the program `wick`: what is in the library, for people and for scripts. */
#include <stdio.h>
#include <string.h>
#include <wick.h>

#include "commands.h"

static const struct {
    const char *name, *form, *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"ops", "ops [--json] [NAME ...]", "the operations, their formulas, inputs and attributes", command_ops},
    {"info", "info", "version, kernels in use, element types, environment", command_info},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(void) {
    printf("usage: wick COMMAND\n\nWhat the library holds that this program runs with (wick %s).\n\n", wk_version());
    for (int i = 0; i < COMMAND_COUNT; i++) printf("  wick %-26s %s\n", commands[i].form, commands[i].help);
    printf("  wick --help, --version\n\nExit codes: 0 done, 1 failed (the reason is on stderr), 2 misused.\n");
}

int misused(const char *command, const char *what, const char *argument) {
    fprintf(stderr, "wick%s%s: %s %s. `wick --help` lists what there is.\n", command[0] != '\0' ? " " : "", command,
            what, argument);
    return MISUSED;
}

/* Output that could not be written, to a full disk, is a failure. */
static int flushed(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("wick: stdout");
    return FAILED;
}

int main(int argc, char **argv) {
    if (argc < 2) return print_help(), MISUSED;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return print_help(), flushed(DONE);
    if (strcmp(argv[1], "--version") == 0) return printf("wick %s\n", wk_version()), flushed(DONE);
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return flushed(commands[i].run(argc - 2, argv + 2));
    return misused("", "there is no command", argv[1]);
}
