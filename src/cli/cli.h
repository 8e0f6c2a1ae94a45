/* The command line of the executable. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdint.h>

/* A command that another room runs: its row is in the table, its arguments are its own. */
struct cli_other {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name. */
};

/* Runs the command that argv names; returns the exit status (exit.h). */
int cli_main(int argc, char **argv, const struct cli_other *others, uint32_t other_count);

#endif
