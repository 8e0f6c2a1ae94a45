/* The effective configuration: every option's value and where it came from.
 *
 * Lowest to highest: the default, the file (--config or CORVO_CONFIG), the environment (CORVO_ and
 * the name in upper case, '-' as '_'), the argument (--name value, --name=value, --flag). Each
 * layer is checked in full, also where a higher one overrides it, and every problem is told, not
 * only the first. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "base/arena.h"
#include "base/limits.h"
#include "server/options.h"

enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_ARGUMENT };

struct setting {
    const char *text; /* As typed. */
    enum origin origin;
    uint32_t line; /* ORIGIN_FILE: where in the file. */
};

struct config {
    struct server_options options;
    struct setting settings[OPTION_ROWS_MAX];  /* By the row's position. */
    const char *path;                          /* Of the file; "" = none. */
    const char *problems[CONFIG_PROBLEMS_MAX]; /* "corvo.conf:3: unknown option ...". */
    uint32_t problem_count;                    /* What is over CONFIG_PROBLEMS_MAX is left out. */
    bool help;                                 /* --help was there. */
    struct arena arena;
};

/* Reads all layers into *config, which must be zero or done. Problems are in it; then it is
 * complete but for what they are about. argv and the environment must outlive it. False: there are
 * problems. Loop thread. */
bool config_read(struct config *config, int argc, char **argv);

/* Frees; takes a zeroed one. Loop thread. */
void config_done(struct config *config);

/* Writes the problems, one a line, each behind `prefix`. Any thread. */
void config_print_problems(const struct config *config, const char *prefix, FILE *file);

/* Where the row's value came from, for people: "default", "corvo.conf:3", "CORVO_BIND",
 * "--bind". Any thread. */
#define CONFIG_ORIGIN_TEXT_MAX 256
void config_origin(const struct config *config, uint32_t row,
                   char ret_text[static CONFIG_ORIGIN_TEXT_MAX]);

#endif
