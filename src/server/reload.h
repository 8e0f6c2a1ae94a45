/* SIGHUP: the configuration is read again, and what may change while the server runs is taken over.
 *
 * Which options these are is a column of their rows (OPTION_RELOADS). All others keep the value
 * they started with, and a change of them is told: it waits for a restart. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server/config.h"

struct reload {
    int argc;
    char **argv;
    struct config *config;  /* In force since the last reload; NULL before the first. */
    uint32_t changed_count; /* Options that it changed. */
};

/* argv is borrowed until reload_done. Loop thread, like all here. */
void reload_init(struct reload *reload, int argc, char **argv);
void reload_done(struct reload *reload);

/* Reads the configuration again. True: reload->config is in force now, and texts of the one before
 * are gone. False: it has problems, which are logged, and everything stays as it was. */
bool reload_config(struct reload *reload, const struct config *started);

#endif
