/* The server's options: one table of rows feeds the command line, the environment, the file,
 * `config check|dump`, reload, --help, the manual page and the reference page.
 *
 * To add an option: a field in struct server_options and a row in options.c. Nothing else. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "base/common.h"
#include "base/err.h"

#include <stdio.h>

struct server_options {
    const char *config;
    const char *bind;
    const char *data_dir;
    const char *node_id;
    const char *raft_bind;
    const char *raft_store;
    const char *log_level;
    const char *log_format;
    const char *tls_cert;
    const char *tls_key;
    const char *tls_client_ca;
    const char *tls_min_version;
    bool bootstrap;
    bool durable;
    bool lifecycle_events;
    bool docs_enabled;
    bool view;
    bool require_lease_token;
    bool compression;
    uint64_t events_max;
    uint64_t retention_ms;
    uint64_t idempotency_ttl_ms;
    uint64_t idempotency_min_ttl_ms;
    uint64_t idempotency_max;
    uint64_t metrics_max_queues;
    uint64_t shutdown_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t write_timeout_ms;
    uint64_t handshake_timeout_ms;
    uint64_t query_timeout_ms;
    uint64_t max_payload_size;
    uint64_t max_body_size;
    uint64_t max_connections;
    uint64_t max_http_memory;
    uint64_t raft_max_pending;
    uint64_t raft_max_fetch_inflight;
};

enum option_kind { OPTION_TEXT, OPTION_BOOL, OPTION_COUNT, OPTION_SIZE, OPTION_DURATION };

/* Headings of help and documents, in their order. */
enum option_group {
    GROUP_NODE,
    GROUP_NETWORK,
    GROUP_STORAGE,
    GROUP_LIMITS,
    GROUP_LOG,
    GROUP_AUTH,
    GROUP_CLUSTER,
    GROUP_VIEW,
    GROUP_STREAMS,
    GROUP_TELEMETRY,
    GROUP_COUNT
};

enum option_flag {
    OPTION_RELOADS = 1u << 0, /* SIGHUP takes a new value over; all others wait for a restart. */
    OPTION_SECRET = 1u << 1,  /* Its value is never shown. */
    OPTION_NO_FILE = 1u << 2, /* Not a key of the configuration file. */
    /* What it is about is not built yet ... */
    OPTION_UNBUILT = 1u << 3, /* ... and a user may rely on it: only the default is possible. */
    OPTION_IDLE = 1u << 4,    /* ... and any value is harmless: it is accepted and does nothing. */
};

#define OPTION_NOWHERE                                                                             \
    UINT32_MAX /* An offset: the value is checked and shown, but has no field.                     \
                */

struct option {
    const char *name; /* Without dashes; lower case and '-'. */
    enum option_group group;
    enum option_kind kind;
    uint32_t offset; /* In struct server_options, or OPTION_NOWHERE. TEXT: const char *, BOOL: bool,
                        else uint64_t (bytes, milliseconds). */
    const char *fallback;     /* The default, as one would type it; "" = may be empty. */
    uint64_t min, max;        /* Of numbers; durations in milliseconds. */
    const char *const *words; /* TEXT: what it may be, ends with NULL; NULL = anything. */
    uint32_t flags;           /* enum option_flag. */
    const char *help;         /* One line, lower case, without a full stop. */
};

/* The table, at most OPTION_ROWS_MAX rows, and the heading of a group. Any thread. */
const struct option *server_option_rows(uint32_t *ret_count);
const char *option_group_title(enum option_group group);

/* The row's position by its name, and by a part of a text; -1 when there is none. Any thread. */
int server_option_find(const char *name, size_t size);

/* The name that was probably meant; NULL when none is near. Any thread. */
const char *server_option_suggest(const char *name);

#define OPTION_ENVIRONMENT_MAX 80

/* Writes the option's name in the environment: CORVO_DATA_DIR. Any thread. */
void option_environment(const struct option *row, char ret_name[static OPTION_ENVIRONMENT_MAX]);

/* Writes the options that have an effect for people at a terminal, and how many have none. Any
 * thread. */
void server_options_help(FILE *file);

#endif
