/* `corvo config check` and `corvo config dump`: the configuration without a server. */
#ifndef SERVER_CONFIG_VERBS_H
#define SERVER_CONFIG_VERBS_H

#include "server/config.h"

struct buf;

/* Runs `corvo config ...`; argv starts behind "config". Returns the exit code: 0, or 2 when
 * something is wrong, which standard error tells line by line. Main thread. */
int config_main(int argc, char **argv);

/* Writes the effective configuration as a file with the origin of each value as a comment, or as
 * JSON. Secrets are masked: in the file they are comments. Any thread. */
void config_dump(const struct config *config, struct buf *buf);
void config_dump_json(const struct config *config, struct buf *buf);

#endif
