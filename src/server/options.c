/* The server's options: see options.h. */
#include "server/options.h"

#include "base/limits.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const store_words[] = {"segments", "badger", "bolt", "pebble", NULL};

#define AT(field) offsetof(struct server_options, field)

static const struct option rows[] = {
    {"bind", OPTION_TEXT, AT(bind), ":8080", 0, 0, NULL,
     "HTTP address, host:port; port 0 takes any"},
    {"data-dir", OPTION_TEXT, AT(data_dir), "data", 0, 0, NULL, "where the log and the state live"},
    {"node-id", OPTION_TEXT, AT(node_id), "node-1", 0, 0, NULL, "unique name of this node"},
    {"durable", OPTION_BOOL, AT(durable), "true", 0, 0, NULL,
     "sync the log before each reply; false can lose acknowledged work in a power cut"},
    {"raft-bind", OPTION_TEXT, AT(raft_bind), ":9000", 0, 0, NULL,
     "this node's address in the cluster's configuration"},
    {"raft-store", OPTION_TEXT, AT(raft_store), "segments", 0, 0, store_words,
     "log engine; badger means segments (bolt and pebble are not built yet)"},
    {"raft-max-pending", OPTION_COUNT, AT(raft_max_pending), "16384", 1, 1000000, NULL,
     "operations accepted and not yet applied; above: 429 OVERLOADED"},
    {"raft-max-fetch-inflight", OPTION_COUNT, AT(raft_max_fetch_inflight), "64", 1, 100000, NULL,
     "claims of one queue in the log at a time; more wait"},
    {"retention", OPTION_DURATION, AT(retention_ms), "168h", 0, DURATION_MS_MAX, NULL,
     "how long finished jobs are kept; 0 = for ever"},
    {"lifecycle-events", OPTION_BOOL, AT(lifecycle_events), "true", 0, 0, NULL,
     "store an event for each change of a job"},
    {"events-max", OPTION_COUNT, AT(events_max), "10000000", 1, UINT64_C(1) << 40, NULL,
     "events kept; the oldest go"},
    {"max-payload-size", OPTION_SIZE, AT(max_payload_size), "256KiB", 0, BODY_MAX_DEFAULT, NULL,
     "largest job payload; 0 = as large as a body"},
    {"max-body-size", OPTION_SIZE, AT(max_body_size), "16MiB", 1024, 64 * MIB, NULL,
     "largest request body"},
    {"max-connections", OPTION_COUNT, AT(max_connections), "20000", 1, 1000000, NULL,
     "open HTTP connections; one more is answered 503"},
    {"idle-timeout", OPTION_DURATION, AT(idle_timeout_ms), "120s", 1, DURATION_MS_MAX, NULL,
     "how long a connection may be silent between requests"},
    {"request-timeout", OPTION_DURATION, AT(request_timeout_ms), "30s", 1, DURATION_MS_MAX, NULL,
     "how long a request may take to arrive"},
    {"shutdown-timeout", OPTION_DURATION, AT(shutdown_timeout_ms), "30s", 0, DURATION_MS_MAX, NULL,
     "how long SIGTERM waits for requests in flight"},
    {"docs-enabled", OPTION_BOOL, AT(docs_enabled), "true", 0, 0, NULL, "serve /openapi.json"},
    {"log-level", OPTION_TEXT, AT(log_level), "info", 0, 0, level_words,
     "debug, info, warn or error"},
    {"log-format", OPTION_TEXT, AT(log_format), "text", 0, 0, format_words, "text or json"},
};

#undef AT

const struct option *server_option_rows(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(rows);
    return rows;
}

/* --- Values --------------------------------------------------------------------------------------
 */

static bool parse_count(const char *text, uint64_t *ret_value, const char **ret_rest)
{
    uint64_t value = 0;

    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    for (; isdigit((unsigned char)*text); text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    *ret_rest = text;
    return true;
}

static bool parse_size(const char *text, uint64_t *ret_value)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {
        {"", 1},        {"B", 1},         {"KiB", 1 << 10}, {"K", 1 << 10}, {"MiB", 1 << 20},
        {"M", 1 << 20}, {"GiB", 1 << 30}, {"G", 1 << 30},   {"KB", 1000},   {"MB", 1000000},
    };
    const char *rest;

    if (!parse_count(text, ret_value, &rest)) {
        return false;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strcmp(rest, units[i].unit) == 0) {
            return !__builtin_mul_overflow(*ret_value, units[i].factor, ret_value);
        }
    }
    return false;
}

static bool parse_bool(const char *text, bool *ret_value)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0) {
        *ret_value = true;
        return true;
    }
    *ret_value = false;
    return strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static bool parse_number(const struct option *row, const char *text, uint64_t *ret_value)
{
    struct err ignored;
    const char *rest;

    switch (row->kind) {
    case OPTION_SIZE:
        return parse_size(text, ret_value);
    case OPTION_DURATION:
        return !json_parse_duration(slice_text(text), ret_value, &ignored);
    default:
        return parse_count(text, ret_value, &rest) && !*rest;
    }
}

static bool word_allowed(const struct option *row, const char *text)
{
    for (uint32_t i = 0; row->words && row->words[i]; i++) {
        if (strcmp(row->words[i], text) == 0) {
            return true;
        }
    }
    return !row->words && *text;
}

static enum err_code set_value(const struct option *row, const char *text,
                               struct server_options *options, struct err *err)
{
    void *at = (uint8_t *)options + row->offset;
    uint64_t number;
    bool truth;

    if (row->kind == OPTION_TEXT) {
        if (!word_allowed(row, text)) {
            return err_set(err, ERR_INVALID, "--%s: '%.40s' is not possible: %s", row->name, text,
                           row->help);
        }
        memcpy(at, &text, sizeof(text));
        return ERR_NONE;
    }
    if (row->kind == OPTION_BOOL) {
        if (!parse_bool(text, &truth)) {
            return err_set(err, ERR_INVALID, "--%s: '%.40s' is neither true nor false", row->name,
                           text);
        }
        memcpy(at, &truth, sizeof(truth));
        return ERR_NONE;
    }
    if (!parse_number(row, text, &number)) {
        return err_set(err, ERR_INVALID, "--%s: '%.40s' is not a %s (default %s)", row->name, text,
                       row->kind == OPTION_DURATION ? "duration like 30s" : "number",
                       row->fallback);
    }
    if (number < row->min || number > row->max) {
        return err_set(err, ERR_INVALID, "--%s: '%.40s' is out of range", row->name, text);
    }
    memcpy(at, &number, sizeof(number));
    return ERR_NONE;
}

/* --- Names ---------------------------------------------------------------------------------------
 */

/* Levenshtein distance, both at most 39 characters; more is "far". */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[40];
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);

    if (a_size >= ARRAY_COUNT(row) || b_size >= ARRAY_COUNT(row)) {
        return UINT32_MAX;
    }
    for (uint32_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= a_size; i++) {
        uint32_t diagonal = row[0];

        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t change = diagonal + (a[i - 1] != b[j - 1]);
            uint32_t least = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;

            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[b_size];
}

static enum err_code unknown_option(const char *name, struct err *err)
{
    const struct option *best = &rows[0];

    for (uint32_t i = 1; i < ARRAY_COUNT(rows); i++) {
        if (distance(name, rows[i].name) < distance(name, best->name)) {
            best = &rows[i];
        }
    }
    if (distance(name, best->name) <= 3) {
        return err_set(err, ERR_INVALID, "unknown option --%.60s: did you mean --%s?", name,
                       best->name);
    }
    return err_set(err, ERR_INVALID, "unknown option --%.60s: see corvo server --help", name);
}

static const struct option *find_row(const char *name, size_t size)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strlen(rows[i].name) == size && memcmp(rows[i].name, name, size) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static enum err_code read_environment(struct server_options *options, struct err *err)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char name[64] = "CORVO_";
        size_t size = strlen(name);
        const char *value;

        for (const char *from = rows[i].name; *from && size + 1 < sizeof(name); from++) {
            name[size++] = *from == '-' ? '_' : (char)toupper((unsigned char)*from);
        }
        value = getenv(name);
        if (value && set_value(&rows[i], value, options, err)) {
            return err_prefix(err, "%s", name);
        }
    }
    return ERR_NONE;
}

/* Takes one option; *at is moved over a value of its own. */
static enum err_code read_argument(int argc, char **argv, int *at, struct server_options *options,
                                   struct err *err)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    const struct option *row = find_row(name, equals ? (size_t)(equals - name) : strlen(name));

    if (!row) {
        return unknown_option(name, err);
    }
    if (equals) {
        return set_value(row, equals + 1, options, err);
    }
    if (row->kind == OPTION_BOOL) {
        return set_value(row, "true", options, err);
    }
    if (*at + 1 >= argc) {
        return err_set(err, ERR_INVALID, "--%s needs a value: %s", row->name, row->help);
    }
    (*at)++;
    return set_value(row, argv[*at], options, err);
}

enum err_code server_options_read(int argc, char **argv, struct server_options *ret_options,
                                  bool *ret_help, struct err *err)
{
    *ret_help = false;
    *ret_options = (struct server_options){0};
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (set_value(&rows[i], rows[i].fallback, ret_options, err)) {
            return err->code;
        }
    }
    if (read_environment(ret_options, err)) {
        return err->code;
    }
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *ret_help = true;
        } else if (strncmp(argv[i], "--", 2) != 0) {
            return err_set(err, ERR_INVALID, "unexpected argument '%.60s'", argv[i]);
        } else if (read_argument(argc, argv, &i, ret_options, err)) {
            return err->code;
        }
    }
    return ERR_NONE;
}

void server_options_help(FILE *file)
{
    (void)fprintf(file, "Usage: corvo server [options]\n\n"
                        "Runs the job server. Each option can also be set in the environment:\n"
                        "--data-dir is CORVO_DATA_DIR. Options win.\n\n");
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)fprintf(file, "  --%-24s %s (default %s)\n", rows[i].name, rows[i].help,
                      rows[i].fallback);
    }
}
