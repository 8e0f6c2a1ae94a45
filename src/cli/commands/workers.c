/* corvo workers and corvo errors: tables of what the server knows of either. */
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/plain.h"
#include "wire/json_look.h"

#include <inttypes.h>

static const struct table_column worker_columns[] = {
    {"WORKER", 0, 0, 0},
    {"STATE", 0, 0, 0},
    {"ACTIVE", TABLE_RIGHT, 0, 0},
    {"HOST", TABLE_SHRINKS, 2, 8},
    {"QUEUES", TABLE_SHRINKS, 1, 10},
    {"STARTED", TABLE_RIGHT, 3, 0},
    {"HEARD OF", TABLE_RIGHT, 0, 0},
    {"SDK", 0, 4, 0},
};

static const struct table_column error_columns[] = {
    {"COUNT", TABLE_RIGHT, 0, 0},    {"LAST", TABLE_RIGHT, 0, 0}, {"FIRST", TABLE_RIGHT, 3, 0},
    {"QUEUES", TABLE_SHRINKS, 2, 8}, {"FINGERPRINT", 0, 1, 0},    {"ERROR", TABLE_SHRINKS, 0, 16},
};

static const struct flag error_flags[] = {
    {.name = "queue", .kind = FLAG_TEXT, .place = FLAG_QUERY, .help = "of that queue"},
    {.name = "period",
     .kind = FLAG_DURATION,
     .place = FLAG_QUERY,
     .initial = "24h",
     .help = "seen in that time up to now"},
    {.name = "limit", .kind = FLAG_NUMBER, .place = FLAG_QUERY, .help = "groups at most"},
};

/* "mail, mail.slow" of an array of texts, which may also stand in a string (contract T13). */
static void add_list(struct session *session, struct slice list, struct table *table)
{
    struct slice text = list, name, value, inner;
    struct json_walk walk;
    struct buf line;

    if (json_string_of(list, &session->arena, &text) && json_look(text, &inner, NULL)) {
        table_cell(table, PAINT_NONE, text);
        return;
    }
    buf_init(&line, text.size + 1);
    walk = json_walk_of(text);
    while (json_walk_next(&walk, &name, &value)) {
        (void)buf_add_text(&line, line.size ? "," : "");
        (void)buf_add_slice(&line, json_string_of(value, &session->arena, &inner) ? inner : value);
    }
    table_cell(table, PAINT_NONE, buf_slice(&line));
    buf_done(&line);
}

static void add_worker(struct session *session, struct slice worker, struct table *table)
{
    struct slice state = session_text(session, worker, "state");

    table_cell(table, PAINT_NONE, session_text(session, worker, "id"));
    table_cell(table, paint_of(state), state.size ? state : slice_text("-"));
    table_cell_printf(table, PAINT_NONE, "%" PRIu64, session_number(worker, "active"));
    table_cell(table, PAINT_NONE, session_text(session, worker, "hostname"));
    add_list(session, json_member(worker, "queues"), table);
    list_add_age(session, worker, "started_at", table);
    list_add_age(session, worker, "last_heartbeat", table);
    table_cell(table, PAINT_NONE, session_text(session, worker, "sdk"));
}

static void add_group(struct session *session, struct slice group, struct table *table)
{
    struct slice sample = session_text(session, group, "sample");
    struct slice line = {0};

    table_cell_printf(table, PAINT_NONE, "%" PRIu64, session_number(group, "count"));
    list_add_age(session, group, "last_seen", table);
    list_add_age(session, group, "first_seen", table);
    add_list(session, json_member(group, "queues"), table);
    table_cell(table, PAINT_NONE, session_text(session, group, "fingerprint"));
    (void)plain_next_line(&sample, &line);
    table_cell(table, PAINT_RED, line);
}

static int run_workers(struct session *session)
{
    static const struct list_row row = {
        .columns = worker_columns,
        .column_count = ARRAY_COUNT(worker_columns),
        .id = "id",
        .nothing = "No worker was heard of in the last ten minutes.",
        .add = add_worker,
    };

    return list_run(session, &row);
}

static int run_errors(struct session *session)
{
    static const struct list_row row = {
        .columns = error_columns,
        .column_count = ARRAY_COUNT(error_columns),
        .member = "groups",
        .id = "fingerprint",
        .nothing = "No error was recorded in that time.",
        .add = add_group,
    };

    return list_run(session, &row);
}

const struct command command_workers = {
    .name = "workers",
    .arguments = "",
    .group = "Server",
    .summary = "list the workers that the server has heard of",
    .help = "A worker is lost after 90 seconds of silence and forgotten after ten minutes.\n",
    .examples = "# who is there, and what does it do?\n"
                "corvo workers\n",
    .routes = {"GET /api/v1/workers"},
    .run = run_workers,
};

const struct command command_errors = {
    .name = "errors",
    .arguments = "",
    .group = "Server",
    .summary = "list failures, those that are alike as one",
    .help = "Numbers, ids and quoted texts do not count when failures are compared.\n"
            "'corvo search --error-fingerprint F' finds the jobs of a line.\n",
    .examples = "# what goes wrong most?\n"
                "corvo errors\n"
                "# in one queue, in the last hour\n"
                "corvo errors --queue mail --period 1h\n",
    .routes = {"GET /api/v1/errors"},
    .also = "failures",
    .flags = error_flags,
    .flag_count = ARRAY_COUNT(error_flags),
    .run = run_errors,
};
