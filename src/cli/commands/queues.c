/* corvo queues: all queues as a table, or one as a page. */
#include "cli/commands.h"
#include "cli/commands/queue_table.h"
#include "cli/human.h"
#include "cli/page.h"
#include "cli/plain.h"
#include "cli/table.h"
#include "wire/json_look.h"

#include <inttypes.h>

enum show { SHOW_NAME, SHOW_STATE, SHOW_COUNT, SHOW_RATE, SHOW_MS, SHOW_TEXT };

/* One row a column; `member` is where its number comes from. */
struct number_row {
    struct table_column column;
    const char *member;
    enum show show;
    enum paint paint; /* When it is not 0. */
};

#define COUNT(title_, rank_, member_, paint_)                                                      \
    {{title_, TABLE_RIGHT, rank_, 0}, member_, SHOW_COUNT, paint_}

static const struct number_row numbers[] = {
    {{"QUEUE", TABLE_SHRINKS, 0, 10}, "name", SHOW_NAME, PAINT_NONE},
    {{"STATE", 0, 0, 0}, "", SHOW_STATE, PAINT_YELLOW},
    COUNT("PENDING", 0, "pending", PAINT_NONE),
    COUNT("ACTIVE", 0, "active", PAINT_CYAN),
    COUNT("RETRYING", 3, "retrying", PAINT_YELLOW),
    COUNT("SCHEDULED", 4, "scheduled", PAINT_BLUE),
    COUNT("HELD", 1, "held", PAINT_MAGENTA),
    COUNT("DEAD", 1, "dead", PAINT_RED),
    COUNT("COMPLETED", 2, "completed", PAINT_NONE),
    COUNT("CANCELLED", 8, "cancelled", PAINT_NONE),
    COUNT("BLOCKED", 7, "blocked", PAINT_YELLOW),
    {{"PER MIN", TABLE_RIGHT, 5, 0}, "throughput_1m", SHOW_RATE, PAINT_NONE},
    {{"WAIT P50", TABLE_RIGHT, 9, 0}, "wait_p50_ms", SHOW_MS, PAINT_NONE},
    {{"WAIT P99", TABLE_RIGHT, 6, 0}, "wait_p99_ms", SHOW_MS, PAINT_NONE},
    {{"OLDEST", TABLE_RIGHT, 5, 0}, "oldest_ready_age_ms", SHOW_MS, PAINT_NONE},
};

#undef COUNT

const char *queue_state(struct slice queue)
{
    if (json_true(json_member(queue, "drained"))) {
        return "drained";
    }
    if (json_true(json_member(queue, "draining"))) {
        return "draining";
    }
    return json_true(json_member(queue, "paused")) ? "paused" : "";
}

static void add_number(struct slice queue, const struct number_row *row, struct table *table)
{
    struct slice value = json_member(queue, row->member);
    char text[HUMAN_TEXT_MAX];
    uint64_t number = 0;

    if (row->show == SHOW_MS && json_whole_of(value, &number)) {
        table_cell_printf(table, row->paint, "%s", human_duration(number, text));
    } else if (row->show == SHOW_COUNT && json_whole_of(value, &number)) {
        table_cell_printf(table, number ? row->paint : PAINT_DIM, "%" PRIu64, number);
    } else {
        table_cell(table, row->paint, value.size ? value : slice_text("-"));
    }
}

static void add_queue(struct session *session, struct slice queue, struct table *table)
{
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (numbers[i].show == SHOW_NAME) {
            table_cell(table, PAINT_NONE, session_text(session, queue, "name"));
        } else if (numbers[i].show == SHOW_STATE) {
            const char *state = queue_state(queue);

            table_cell(table, *state ? numbers[i].paint : PAINT_DIM,
                       slice_text(*state ? state : "-"));
        } else {
            add_number(queue, &numbers[i], table);
        }
    }
}

uint32_t queue_table_print(struct session *session, struct slice queues)
{
    struct table_column columns[ARRAY_COUNT(numbers)];
    struct json_walk walk = json_walk_of(queues);
    struct slice name, queue;
    struct table table;
    uint32_t count;

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        columns[i] = numbers[i].column;
    }
    table_init(&table, columns, ARRAY_COUNT(columns));
    while (json_walk_next(&walk, &name, &queue)) {
        add_queue(session, queue, &table);
    }
    count = table_row_count(&table);
    if (count > 0) {
        table_print(&table, session->screen.columns, session->screen.colour, &session->out);
    }
    table_done(&table);
    return count;
}

/* --- One queue -----------------------------------------------------------------------------------
 */

struct page_row {
    const char *member;
    const char *label;
    enum show show;
};

static const struct page_row page_rows[] = {
    {"pending", "Pending", SHOW_COUNT},
    {"ready", "  ready", SHOW_COUNT},
    {"blocked", "  blocked", SHOW_COUNT},
    {"active", "Active", SHOW_COUNT},
    {"retrying", "Retrying", SHOW_COUNT},
    {"scheduled", "Scheduled", SHOW_COUNT},
    {"held", "Held", SHOW_COUNT},
    {"dead", "Dead", SHOW_COUNT},
    {"completed", "Completed", SHOW_COUNT},
    {"cancelled", "Cancelled", SHOW_COUNT},
    {"oldest_ready_age_ms", "Oldest ready", SHOW_MS},
    {"wait_p50_ms", "Wait, median", SHOW_MS},
    {"wait_p99_ms", "Wait, p99", SHOW_MS},
    {"throughput_1m", "Done a minute", SHOW_RATE},
    {"enqueued_total", "Enqueued ever", SHOW_COUNT},
    {"completed_total", "Done ever", SHOW_COUNT},
    {"failed_total", "Failures ever", SHOW_COUNT},
    {"max_concurrency", "At once", SHOW_COUNT},
    {"default_lease", "Lease", SHOW_TEXT},
    {"require_lease_token", "Needs token", SHOW_RATE},
};

static void show_limit(struct session *session, struct slice queue)
{
    uint64_t rate = session_number(queue, "rate_limit");
    char window[HUMAN_TEXT_MAX];

    if (rate > 0) {
        page_printf(session, "Rate limit", "%" PRIu64 " in %s", rate,
                    human_duration(session_number(queue, "rate_window_ms"), window));
    }
}

static void show_retention(struct session *session, struct slice queue)
{
    static const char *const states[] = {"completed", "dead", "cancelled"};
    static const char *const labels[] = {"Keeps completed", "Keeps dead", "Keeps cancelled"};
    struct slice retention = json_member(queue, "retention");

    for (size_t i = 0; i < ARRAY_COUNT(states); i++) {
        page_text(session, labels[i], PAINT_NONE, session_text(session, retention, states[i]));
    }
}

static void show_queue(struct session *session, struct slice queue)
{
    const char *state = queue_state(queue);
    char text[HUMAN_TEXT_MAX];

    page_text(session, "Queue", PAINT_BOLD, session_text(session, queue, "name"));
    page_text(session, "State", *state ? PAINT_YELLOW : PAINT_NONE,
              slice_text(*state ? state : "handing out jobs"));
    page_time(session, "Created", queue, "created_at");
    for (size_t i = 0; i < ARRAY_COUNT(page_rows); i++) {
        struct slice value = json_member(queue, page_rows[i].member);
        uint64_t number = 0;

        if (page_rows[i].show == SHOW_MS && json_whole_of(value, &number)) {
            page_printf(session, page_rows[i].label, "%s", human_duration(number, text));
        } else if (page_rows[i].show == SHOW_TEXT) {
            page_text(session, page_rows[i].label, PAINT_NONE,
                      session_text(session, queue, page_rows[i].member));
        } else {
            page_text(session, page_rows[i].label, PAINT_NONE, value);
        }
    }
    show_limit(session, queue);
    show_retention(session, queue);
}

/* --- The command ---------------------------------------------------------------------------------
 */

static int run_one(struct session *session, const char *name)
{
    struct answer answer;

    if (!session_get(session, 1, name, &answer)) {
        return (int)answer.exit;
    }
    if (session->json) {
        return session_print_json(session, &answer);
    }
    show_queue(session, answer.json);
    return session_flush(session);
}

static void print_names(struct session *session, struct slice queues)
{
    struct json_walk walk = json_walk_of(queues);
    struct slice name, queue;

    while (json_walk_next(&walk, &name, &queue)) {
        plain_add(&session->out, session_text(session, queue, "name"));
        (void)buf_add_byte(&session->out, '\n');
    }
}

static int run(struct session *session)
{
    struct answer answer;

    if (session->args->word_count > 0) {
        return run_one(session, session->args->words[0]);
    }
    if (!session_get(session, 0, NULL, &answer)) {
        return (int)answer.exit;
    }
    if (session->json) {
        return session_print_json(session, &answer);
    }
    if (session->screen.quiet) {
        print_names(session, answer.json);
    } else if (queue_table_print(session, answer.json) == 0) {
        screen_say(&session->screen, "There is no queue yet. 'corvo enqueue NAME' makes one.");
    }
    return session_flush(session);
}

const struct command command_queues = {
    .name = "queues",
    .arguments = "[QUEUE]",
    .group = "Queues",
    .summary = "list queues with their numbers, or show one",
    .help = "A narrow terminal gets fewer columns; a pipe gets all of them. WAIT is how long\n"
            "jobs were ready before a worker took them, OLDEST how long the oldest one is.\n",
    .examples = "# all of them\n"
                "corvo queues\n"
                "# everything about one\n"
                "corvo queues mail\n"
                "# names alone\n"
                "corvo queues --quiet\n",
    .routes = {"GET /api/v1/queues", "GET /api/v1/queues/{queue}"},
    .words_max = 1,
    .also = "queue stats top depth",
    .run = run,
};
