/* The server's options: one table feeds the parser, the environment, --help and the reference page.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "base/common.h"
#include "base/err.h"

#include <stdio.h>

struct server_options {
    const char *bind;
    const char *data_dir;
    const char *node_id;
    const char *raft_bind;
    const char *raft_store;
    const char *log_level;
    const char *log_format;
    bool durable;
    bool lifecycle_events;
    bool docs_enabled;
    uint64_t events_max;
    uint64_t retention_ms;
    uint64_t shutdown_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t max_payload_size;
    uint64_t max_body_size;
    uint64_t max_connections;
    uint64_t raft_max_pending;
    uint64_t raft_max_fetch_inflight;
};

enum option_kind { OPTION_TEXT, OPTION_BOOL, OPTION_COUNT, OPTION_SIZE, OPTION_DURATION };

struct option {
    const char *name; /* Without dashes. */
    enum option_kind kind;
    uint32_t offset;
    const char *fallback; /* The default, as one would type it. */
    uint64_t min, max;
    const char *const *words; /* OPTION_TEXT: what it may be, ends with NULL; NULL = anything. */
    const char *help;
};

/* The table. */
const struct option *server_option_rows(uint32_t *ret_count);

/* Fills *ret_options from defaults, then the environment (CORVO_ + upper case, '-' as '_'), then
 * arguments (--name value,
 * --name=value, --flag). ERR_INVALID names the option, says what it takes and suggests a near name.
 * *ret_help is set for --help. Texts point into argv, the environment or static memory. */
enum err_code server_options_read(int argc, char **argv, struct server_options *ret_options,
                                  bool *ret_help, struct err *err) MUST_USE;

/* Writes the table for people. */
void server_options_help(FILE *file);

#endif
