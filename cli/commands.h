/* commands.h -- what the program `wick` can do: one function a command, given what follows its name. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* Exit codes. */
enum { DONE = 0, FAILED = 1, MISUSED = 2 };

int command_ops(int argc, char **argv);
int command_info(int argc, char **argv);

/* Says "wick COMMAND: what" with what to do next, on stderr; returns MISUSED. */
int misused(const char *command, const char *what, const char *argument);

#endif
