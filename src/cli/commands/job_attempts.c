/* corvo attempts: how often a job was tried, by whom, and how that went. */
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/list.h"
#include "cli/plain.h"
#include "wire/json_look.h"

#include <inttypes.h>

static const struct table_column columns[] = {
    {"ATTEMPT", TABLE_RIGHT, 0, 0},  {"STARTED", 0, 0, 0},
    {"TOOK", TABLE_RIGHT, 0, 0},     {"OUTCOME", 0, 0, 0},
    {"WORKER", TABLE_SHRINKS, 2, 8}, {"HOST", TABLE_SHRINKS, 3, 8},
    {"ERROR", TABLE_SHRINKS, 1, 12},
};

static uint64_t took_ms(struct session *session, struct slice attempt)
{
    uint64_t started_ns = session_time(session, attempt, "started_at");
    uint64_t ended_ns = session_time(session, attempt, "ended_at");

    if (json_member(attempt, "duration_ms").size > 0) {
        return session_number(attempt, "duration_ms");
    }
    ended_ns = ended_ns ? ended_ns : session->now_ns;
    return started_ns && ended_ns > started_ns ? (ended_ns - started_ns) / NS_PER_MS : 0;
}

static void add_row(struct session *session, struct slice attempt, struct table *table)
{
    struct slice outcome = session_text(session, attempt, "outcome");
    struct slice error = session_text(session, attempt, "error");
    struct slice line = {0};
    char text[HUMAN_TEXT_MAX];

    table_cell_printf(table, PAINT_NONE, "%" PRIu64, session_number(attempt, "attempt"));
    list_add_age(session, attempt, "started_at", table);
    table_cell_printf(table, PAINT_NONE, "%s", human_duration(took_ms(session, attempt), text));
    table_cell(table, paint_of(outcome), outcome);
    table_cell(table, PAINT_NONE, session_text(session, attempt, "worker_id"));
    table_cell(table, PAINT_NONE, session_text(session, attempt, "hostname"));
    (void)plain_next_line(&error, &line);
    table_cell(table, PAINT_NONE, line);
}

static int run(struct session *session)
{
    static const struct list_row row = {
        .columns = columns,
        .column_count = ARRAY_COUNT(columns),
        .member = "attempts",
        .id = "attempt",
        .nothing = "It was not tried yet.",
        .add = add_row,
    };

    return list_run(session, &row);
}

const struct command command_attempts = {
    .name = "attempts",
    .arguments = "JOB",
    .group = "Jobs",
    .summary = "list a job's attempts and how each of them ended",
    .help = "",
    .examples = "# who tried it, how long, and what went wrong?\n"
                "corvo attempts job_18ab1c2d3e4f5a6b0000000001\n",
    .routes = {"GET /api/v1/jobs/{job_id}/attempts"},
    .words_min = 1,
    .words_max = 1,
    .also = "history tries log logs",
    .run = run,
};
