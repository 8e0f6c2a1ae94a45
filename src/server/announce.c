/* Warnings and facts of a start: see announce.h. */
#include "server/announce.h"

#include "base/version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* JOURNAL_STREAM is "device:inode" of the stream that the journal reads. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat stat;
    char mine[64];

    if (!stream || fstat(STDERR_FILENO, &stat) != 0) {
        return false;
    }
    (void)snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)stat.st_dev,
                   (unsigned long long)stat.st_ino);
    return strcmp(stream, mine) == 0;
}

enum log_form announce_log_form(const struct server_options *options)
{
    if (strcmp(options->log_format, "json") == 0) {
        return LOG_JSON;
    }
    return is_journal() ? LOG_JOURNAL : LOG_TEXT;
}

void announce_setup_log(const struct server_options *options)
{
    enum log_level level = LOG_INFO;

    (void)log_level_parse(options->log_level, &level);
    log_setup(level, announce_log_form(options));
}

/* --- Warnings ----------------------------------------------------------------------------------
 */

static bool is_unsynced(const struct server_options *options)
{
    return !options->durable;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* By its spelling: whatever is not plainly this machine's own is open. */
static bool is_open(const struct server_options *options)
{
    const char *bind = options->bind;

    return !starts_with(bind, "127.") && !starts_with(bind, "localhost:") &&
           !starts_with(bind, "[::1]:");
}

static bool is_badger(const struct server_options *options)
{
    return strcmp(options->raft_store, "badger") == 0;
}

static const struct warning {
    bool (*applies)(const struct server_options *options);
    const char *text;
} warnings[] = {
    {is_unsynced, "replies do not wait for the disk (durable = false): a power cut can lose "
                  "acknowledged work"},
    {is_open, "whoever reaches this address may do everything, there is no authentication: bind to "
              "127.0.0.1, or let only trusted machines through"},
    {is_badger, "raft-store badger means segments here: write segments"},
};

/* CORVO_DATA_DRI is nobody's, and somebody's mistake. */
static void warn_of_variable(const char *variable)
{
    size_t size = strcspn(variable, "=");
    char name[OPTION_ENVIRONMENT_MAX];
    const char *near;

    if (size >= sizeof(name)) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        name[i] = variable[i] == '_' ? '-' : (char)tolower((unsigned char)variable[i]);
    }
    name[size] = '\0';
    near = server_option_find(name, size) < 0 ? server_option_suggest(name) : NULL;
    if (near) {
        log_write(LOG_WARN, "the variable CORVO_%.*s is not used: was it for the option %s?",
                  (int)size, variable, near);
    }
}

void announce_warnings(const struct server_options *options)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(warnings); i++) {
        if (warnings[i].applies(options)) {
            log_write(LOG_WARN, "%s", warnings[i].text);
        }
    }
    for (char **variable = environ; *variable; variable++) {
        if (starts_with(*variable, "CORVO_")) {
            warn_of_variable(*variable + strlen("CORVO_"));
        }
    }
}

/* --- The line of facts -------------------------------------------------------------------------
 */

void announce_started(const struct server_options *options, uint16_t port, uint64_t applied_index)
{
    const struct log_field fields[] = {
        {"version", VERSION_TEXT, 0},
        {"commit", VERSION_COMMIT, 0},
        {"node", options->node_id, 0},
        {"data_dir", options->data_dir, 0},
        {"durable", options->durable ? "true" : "false", 0},
        {"bind", options->bind, 0},
        {"port", NULL, port},
        {"applied_index", NULL, applied_index},
        {"config", *options->config ? options->config : "none", 0},
        {"pid", NULL, (uint64_t)getpid()},
    };

    log_event(LOG_INFO, "corvo started", fields, ARRAY_COUNT(fields));
}
