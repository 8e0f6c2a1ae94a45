/* What a server says of itself when it starts: warnings about what is unsafe, and one line of
 * facts. */
#ifndef SERVER_ANNOUNCE_H
#define SERVER_ANNOUNCE_H

#include "base/log.h"
#include "server/options.h"

#include <stdint.h>

/* The form of the log: text becomes the journal's when standard error goes there (JOURNAL_STREAM,
 * see systemd.exec(5)). Loop thread, like all here. */
enum log_form announce_log_form(const struct server_options *options);

/* Sets the log's level and form. */
void announce_setup_log(const struct server_options *options);

/* Warns of what is allowed and unsafe, or not what it seems: no sync, an open address, an engine
 * that is another one, a variable that is nearly an option's. */
void announce_warnings(const struct server_options *options);

/* The line of facts, once it serves; `port` is the one it listens on. */
void announce_started(const struct server_options *options, uint16_t port, uint64_t applied_index);

#endif
