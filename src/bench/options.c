/* Option rows and the generic code that reads them. */
#include "bench/options.h"

#include "base/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 64
#define COUNT_MAX UINT32_C(100000000)
#define MS_MAX (UINT64_C(24) * 3600 * 1000)

enum option_type {
    OPTION_TEXT,
    OPTION_COUNT,
    OPTION_COUNTS,
    OPTION_TIME,
    OPTION_FLAG,
    OPTION_PAIR
};

struct option_row {
    const char *name;
    enum option_type type;
    const char *initial; /* Parsed like a given value; NULL: unset. */
    size_t offset;
    uint32_t min; /* OPTION_COUNT only. */
    uint32_t max;
    const char *help;
};

#define AT(member) offsetof(struct bench_options, member)
static const struct option_row rows[] = {
    {"server", OPTION_TEXT, "http://127.0.0.1:8080", AT(server), 0, 0, "the server to measure"},
    {"start", OPTION_FLAG, NULL, AT(start), 0, 0,
     "start an own server for each workload and stop it behind"},
    {"workload", OPTION_TEXT, "b1,b2", AT(workloads), 0, 0,
     "what to run, with commas between, or all (see below)"},
    {"connections", OPTION_COUNTS, "1,10,64", AT(connections), 0, 0,
     "connections of b1, one run each; the others use the largest"},
    {"depth", OPTION_COUNT, "1", AT(depth), 1, 64, "requests in flight on a connection (b1, b4)"},
    {"duration", OPTION_TIME, "3s", AT(duration_ms), 0, 0, "measured time of a timed run"},
    {"warmup", OPTION_TIME, "500ms", AT(warmup_ms), 0, 0, "time before it that is not counted"},
    {"idle", OPTION_TIME, "30s", AT(idle_ms), 0, 0, "how long b10 watches the waiting workers"},
    {"settle", OPTION_TIME, "10s", AT(settle_ms), 0, 0,
     "pause of drain before memory is read (only when the server's pid is known)"},
    {"count", OPTION_COUNT, "0", AT(count), 0, COUNT_MAX,
     "jobs of drain, restart (0: 1,000,000) and due (0: 100,000)"},
    {"runs", OPTION_COUNT, "5", AT(runs), 1, 100, "rounds of yardsticks and workloads"},
    {"workers", OPTION_COUNT, "100", AT(workers), 1, 10000, "waiting workers of b10"},
    {"payload-size", OPTION_COUNT, "200", AT(payload_size), BENCH_PAYLOAD_MIN, 262144,
     "bytes of a job's payload"},
    {"rate", OPTION_COUNT, "0", AT(rate), 0, 1000000,
     "jobs a second offered by wake (0: half of what b2 reached)"},
    {"queue", OPTION_TEXT, "bench", AT(queue), 0, 0, "start of the names of the queues used"},
    {"no-yardsticks", OPTION_FLAG, NULL, AT(no_yardsticks), 0, 0, "leave out sync and h1"},
    {"no-sync", OPTION_FLAG, NULL, AT(no_sync), 0, 0,
     "with --start: the server does not sync (--durable=false)"},
    {"server-pid", OPTION_COUNT, "0", AT(server_pid), 0, COUNT_MAX,
     "process to read memory and CPU of (0: ask the server)"},
    {"data-dir", OPTION_TEXT, NULL, AT(data_dir), 0, 0,
     "the server's data; with --start its parent; sync writes beside it"},
    {"output", OPTION_TEXT, "table", AT(output), 0, 0,
     "table, or json: the rows, one a line, on standard output"},
    {"json", OPTION_TEXT, NULL, AT(json_path), 0, 0, "write the rows to this file, one a line"},
    {"save", OPTION_FLAG, NULL, AT(save), 0, 0, "write them to bench/<time>-<commit>.jsonl"},
    {"compare", OPTION_PAIR, NULL, AT(compare), 0, 0, "compare two such files: --compare OLD NEW"},
    {"gates", OPTION_FLAG, NULL, AT(gates), 0, 0, "exit with 1 when a gate fails"},
    {"help", OPTION_FLAG, NULL, AT(help), 0, 0, "print this"},
};
#undef AT

static void *value_at(struct bench_options *options, const struct option_row *row)
{
    return (char *)options + row->offset;
}

static enum err_code parse_count(const char *text, char **ret_end, uint32_t *ret_count,
                                 struct err *err)
{
    unsigned long count;

    errno = 0;
    if (*text < '0' || *text > '9') {
        return err_set(err, ERR_INVALID, "'%s' is not a number", text);
    }
    count = strtoul(text, ret_end, 10);
    if (errno != 0 || count > COUNT_MAX) {
        return err_set(err, ERR_INVALID, "'%s' is too large", text);
    }
    *ret_count = (uint32_t)count;
    return ERR_NONE;
}

static enum err_code set_count(const struct option_row *row, const char *text, uint32_t *ret_count,
                               struct err *err)
{
    uint32_t count;
    char *end = NULL;
    enum err_code code = parse_count(text, &end, &count, err);

    if (code != ERR_NONE) {
        return code;
    }
    if (*end != '\0') {
        return err_set(err, ERR_INVALID, "'%s' is not a number", text);
    }
    if (count < row->min || count > row->max) {
        return err_set(err, ERR_INVALID, "%u is not %u..%u", count, row->min, row->max);
    }
    *ret_count = count;
    return ERR_NONE;
}

static enum err_code set_counts(const char *text, struct bench_counts *ret_counts, struct err *err)
{
    struct bench_counts counts = {0};

    for (;;) {
        char *end = NULL;
        uint32_t count;
        enum err_code code = parse_count(text, &end, &count, err);

        if (code != ERR_NONE) {
            return code;
        }
        if (count == 0 || count > 10000 || counts.count == BENCH_CONNECTIONS_LIST_MAX) {
            return err_set(err, ERR_INVALID, "at most %d numbers of 1..10000",
                           BENCH_CONNECTIONS_LIST_MAX);
        }
        counts.values[counts.count++] = count;
        if (*end == '\0') {
            *ret_counts = counts;
            return ERR_NONE;
        }
        if (*end != ',') {
            return err_set(err, ERR_INVALID, "'%s' is not a list of numbers", text);
        }
        text = end + 1;
    }
}

static enum err_code set_time(const char *text, uint64_t *ret_ms, struct err *err)
{
    char *end = NULL;
    double value = strtod(text, &end);
    double unit_ms = 0;

    if (*end == '\0' || strcmp(end, "s") == 0) {
        unit_ms = 1e3;
    } else if (strcmp(end, "ms") == 0) {
        unit_ms = 1;
    } else if (strcmp(end, "m") == 0) {
        unit_ms = 60e3;
    }
    if (end == text || unit_ms == 0 || !(value >= 0) || value * unit_ms > (double)MS_MAX) {
        return err_set(err, ERR_INVALID, "'%s' is not a time like 500ms, 3s or 2m", text);
    }
    *ret_ms = (uint64_t)(value * unit_ms);
    return ERR_NONE;
}

static enum err_code set_value(struct bench_options *options, const struct option_row *row,
                               const char *text, struct err *err)
{
    void *value = value_at(options, row);

    switch (row->type) {
    case OPTION_TEXT:
        *(const char **)value = text;
        return ERR_NONE;
    case OPTION_COUNT:
        return set_count(row, text, value, err);
    case OPTION_COUNTS:
        return set_counts(text, value, err);
    case OPTION_TIME:
        return set_time(text, value, err);
    case OPTION_FLAG:
    case OPTION_PAIR:
        break;
    }
    return err_set(err, ERR_INVALID, "takes no value of this form");
}

static enum err_code unknown(const char *name, struct err *err)
{
    const char *names[ARRAY_COUNT(rows)];
    const char *nearest;

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        names[i] = rows[i].name;
    }
    nearest = suggest_name(name, names, ARRAY_COUNT(rows));
    if (nearest) {
        return err_set(err, ERR_INVALID, "unknown option --%s: did you mean --%s?", name, nearest);
    }
    return err_set(err, ERR_INVALID, "unknown option --%s", name);
}

static const struct option_row *row_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Takes the option's own arguments behind argv[*at] and moves *at to the last one used. */
static enum err_code take_option(struct bench_options *options, int argc, char **argv, int *at,
                                 struct err *err)
{
    char name[NAME_MAX_SIZE];
    const char *text = argv[*at] + 2;
    size_t size = strcspn(text, "=");
    const char *value = text[size] == '=' ? text + size + 1 : NULL;
    const struct option_row *row;
    int wanted;

    (void)snprintf(name, sizeof(name), "%.*s", (int)(size < NAME_MAX_SIZE ? size : NAME_MAX_SIZE),
                   text);
    row = row_find(name);
    if (!row) {
        return unknown(name, err);
    }
    if (row->type == OPTION_FLAG && !value) {
        *(bool *)value_at(options, row) = true;
        return ERR_NONE;
    }
    wanted = row->type == OPTION_PAIR ? 2 : !value;
    if (*at + wanted >= argc) {
        return err_set(err, ERR_INVALID, "--%s wants %s", name, wanted == 2 ? "two" : "a value");
    }
    *at += wanted;
    if (row->type == OPTION_PAIR) {
        const char **pair = value_at(options, row);

        pair[0] = argv[*at - 1];
        pair[1] = argv[*at];
        return ERR_NONE;
    }
    if (set_value(options, row, value ? value : argv[*at], err) != ERR_NONE) {
        return err_prefix(err, "--%s", name);
    }
    return ERR_NONE;
}

enum err_code bench_options_parse(int argc, char **argv, struct bench_options *ret_options,
                                  struct err *err)
{
    struct bench_options options = {0};

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].initial && set_value(&options, &rows[i], rows[i].initial, err) != ERR_NONE) {
            return err_prefix(err, "default of --%s", rows[i].name);
        }
    }
    for (int at = 1; at < argc; at++) {
        enum err_code code;

        if (strncmp(argv[at], "--", 2) != 0) {
            return err_set(err, ERR_INVALID, "'%s' is not an option", argv[at]);
        }
        code = take_option(&options, argc, argv, &at, err);
        if (code != ERR_NONE) {
            return code;
        }
    }
    if (strcmp(options.output, "table") != 0 && strcmp(options.output, "json") != 0) {
        return err_set(err, ERR_INVALID, "--output: '%.40s' is none of table|json", options.output);
    }
    *ret_options = options;
    return ERR_NONE;
}

void bench_options_help(FILE *file)
{
    static const char *const values[] = {
        [OPTION_TEXT] = " TEXT", [OPTION_COUNT] = " N", [OPTION_COUNTS] = " N,N",
        [OPTION_TIME] = " TIME", [OPTION_FLAG] = "",    [OPTION_PAIR] = " A B",
    };

    (void)fprintf(file, "Usage: corvo bench [options]\n\n");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct option_row *row = &rows[i];
        int width = (int)strlen(row->name) + (int)strlen(values[row->type]);

        (void)fprintf(file, "  --%s%s%*s%s", row->name, values[row->type],
                      width < 20 ? 20 - width : 1, "", row->help);
        if (row->initial && strcmp(row->initial, "0") != 0) {
            (void)fprintf(file, " [%s]", row->initial);
        }
        (void)fputc('\n', file);
    }
}

uint32_t bench_options_connections_max(const struct bench_options *options)
{
    uint32_t most = 1;

    for (uint32_t i = 0; i < options->connections.count; i++) {
        if (options->connections.values[i] > most) {
            most = options->connections.values[i];
        }
    }
    return most;
}
