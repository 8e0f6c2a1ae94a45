/* corvo inspect: one job, for people a page with all that is known of it. */
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/page.h"
#include "cli/plain.h"
#include "wire/json_look.h"

#include <inttypes.h>

#define ERRORS_SHOWN 10
#define ERROR_LINES 5
#define BACKTRACE_LINES 12

/* --- The rows of the page ------------------------------------------------------------------------
 */

enum show { SHOW_TEXT, SHOW_TIME, SHOW_JSON, SHOW_LATER };

struct member_row {
    const char *name;
    const char *label;
    enum show show;
};

/* SHOW_LATER: has a place of its own on the page. What is in no row is shown as it is, so that what
 * a newer server tells is not kept from anybody. */
static const struct member_row members[] = {
    {"id", "", SHOW_LATER},
    {"state", "", SHOW_LATER},
    {"payload", "", SHOW_LATER},
    {"errors", "", SHOW_LATER},
    {"result", "", SHOW_LATER},
    {"checkpoint", "", SHOW_LATER},
    {"progress", "", SHOW_LATER},
    {"chain_config", "", SHOW_LATER},
    {"feedback", "", SHOW_LATER},
    {"hold", "", SHOW_LATER},
    {"attempt", "", SHOW_LATER},
    {"max_retries", "", SHOW_LATER},
    {"retry_backoff", "", SHOW_LATER},
    {"retry_base_delay_ms", "", SHOW_LATER},
    {"retry_max_delay_ms", "", SHOW_LATER},
    {"priority", "", SHOW_LATER},
    {"worker_id", "", SHOW_LATER},
    {"hostname", "", SHOW_LATER},
    {"tags", "", SHOW_LATER},
    {"queue", "", SHOW_LATER},
    {"hold_reason", "Held because", SHOW_TEXT},
    {"unique_key", "Unique key", SHOW_TEXT},
    {"batch_id", "Batch", SHOW_TEXT},
    {"parent_id", "Parent", SHOW_TEXT},
    {"chain_id", "Chain", SHOW_TEXT},
    {"chain_step", "Chain step", SHOW_JSON},
    {"schedule_id", "Schedule", SHOW_TEXT},
    {"scheduled_for", "Fired for", SHOW_TIME},
    {"traceparent", "Trace", SHOW_TEXT},
    {"agent", "Agent", SHOW_JSON},
    {"depends_on", "Depends on", SHOW_JSON},
    {"created_at", "Created", SHOW_TIME},
    {"scheduled_at", "Scheduled", SHOW_TIME},
    {"started_at", "Started", SHOW_TIME},
    {"lease_expires_at", "Lease until", SHOW_TIME},
    {"completed_at", "Completed", SHOW_TIME},
    {"failed_at", "Failed", SHOW_TIME},
    {"expire_at", "Expires", SHOW_TIME},
};

/* What to type next, by state. */
struct step {
    const char *state;
    const char *command;
    const char *what;
};

static const struct step steps[] = {
    {"pending", "why", "what it waits for"},
    {"pending", "cancel", "do not run it"},
    {"scheduled", "why", "what it waits for"},
    {"scheduled", "retry", "run it now"},
    {"scheduled", "cancel", "do not run it"},
    {"retrying", "why", "when it runs again"},
    {"retrying", "attempts", "how its attempts went"},
    {"active", "attempts", "who runs it since when"},
    {"active", "cancel", "stop it"},
    {"held", "approve", "let it go on"},
    {"held", "reject", "end it, or send it back with --revise"},
    {"dead", "attempts", "how its attempts went"},
    {"dead", "retry", "run it again"},
    {"cancelled", "retry", "run it after all"},
};

static const char *const priorities[] = {"critical", "high", "normal", "low"};

static void show_member(struct session *session, const struct member_row *row, struct slice job)
{
    struct slice value = json_member(job, row->name);

    if (row->show == SHOW_TEXT) {
        page_text(session, row->label, PAINT_NONE, session_text(session, job, row->name));
    } else if (row->show == SHOW_TIME) {
        page_time(session, row->label, job, row->name);
    } else if (row->show == SHOW_JSON) {
        page_text(session, row->label, PAINT_NONE, value);
    }
}

static bool is_known(struct slice name)
{
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        if (slice_is(name, members[i].name)) {
            return true;
        }
    }
    return false;
}

static void show_others(struct session *session, struct slice job)
{
    struct json_walk walk = json_walk_of(job);
    struct slice name, value;
    char label[64];

    while (json_walk_next(&walk, &name, &value)) {
        if (!is_known(name)) {
            (void)snprintf(label, sizeof(label), "%.*s", (int)name.size, (const char *)name.data);
            page_text(session, label, PAINT_NONE, value);
        }
    }
}

/* --- The head ------------------------------------------------------------------------------------
 */

static void show_state(struct session *session, struct slice job)
{
    struct slice state = session_text(session, job, "state");
    uint64_t due_ns = session_time(session, job, "scheduled_at");
    char age[HUMAN_TEXT_MAX];

    (void)buf_printf(&session->out, "  %-14s ", "State");
    session_paint(session, paint_of(state), state);
    if (due_ns && (slice_is(state, "retrying") || slice_is(state, "scheduled"))) {
        (void)buf_printf(&session->out, ", runs %s", human_age(due_ns, session->now_ns, age));
    }
    (void)buf_add_byte(&session->out, '\n');
}

static void show_attempts(struct session *session, struct slice job)
{
    struct slice backoff = session_text(session, job, "retry_backoff");
    char first[HUMAN_TEXT_MAX], most[HUMAN_TEXT_MAX];
    struct slice tries = json_member(job, "max_retries");
    uint64_t most_ms = session_number(job, "retry_max_delay_ms");
    uint64_t count = 1;

    (void)json_whole_of(tries, &count);
    (void)human_duration(session_number(job, "retry_base_delay_ms"), first);
    (void)human_duration(most_ms, most);
    page_printf(session, "Attempts", "%" PRIu64 " of %" PRIu64 "; %.*s backoff from %s%s%s",
                session_number(job, "attempt"), count > 0 ? count : 1, (int)backoff.size,
                (const char *)backoff.data, first, most_ms ? " up to " : "", most_ms ? most : "");
}

static void show_priority(struct session *session, struct slice job)
{
    uint64_t number = 0;

    if (!json_whole_of(json_member(job, "priority"), &number)) {
        return;
    }
    if (number < ARRAY_COUNT(priorities)) {
        page_printf(session, "Priority", "%s", priorities[number]);
    } else {
        page_printf(session, "Priority", "%" PRIu64, number);
    }
}

static void show_worker(struct session *session, struct slice job)
{
    struct slice worker = session_text(session, job, "worker_id");
    struct slice host = session_text(session, job, "hostname");

    if (worker.size > 0) {
        page_printf(session, "Worker", "%.*s%s%.*s", (int)worker.size, (const char *)worker.data,
                    host.size ? " on " : "", (int)host.size, (const char *)host.data);
    }
}

/* "team=mail urgent=true"; what is no object as it is. */
static void show_tags(struct session *session, struct slice job)
{
    struct slice tags = json_member(job, "tags");
    struct json_walk walk = json_walk_of(tags);
    struct slice name, value, text;
    struct buf line;

    if (!walk.members) {
        page_text(session, "Tags", PAINT_NONE, tags);
        return;
    }
    buf_init(&line, tags.size + 1);
    while (json_walk_next(&walk, &name, &value)) {
        (void)buf_add_text(&line, line.size ? " " : "");
        (void)buf_add_slice(&line, name);
        (void)buf_add_byte(&line, '=');
        (void)buf_add_slice(&line, json_string_of(value, &session->arena, &text) ? text : value);
    }
    page_text(session, "Tags", PAINT_CYAN, buf_slice(&line));
    buf_done(&line);
}

static void show_hold(struct session *session, struct slice job)
{
    struct slice hold = json_member(job, "hold");
    struct slice kind = session_text(session, hold, "kind");
    struct slice by = session_text(session, hold, "by");

    if (kind.size > 0) {
        page_printf(session, "Held by", "%.*s%s%.*s", (int)kind.size, (const char *)kind.data,
                    by.size ? ", " : "", (int)by.size, (const char *)by.data);
        page_time(session, "Held since", hold, "at");
    }
}

/* --- The blocks ----------------------------------------------------------------------------------
 */

static void show_block(struct session *session, const char *title, struct slice job,
                       const char *name)
{
    struct slice value = json_member(job, name);

    if (value.size > 0) {
        page_title(session, title);
        page_json(session, value);
    }
}

static void show_error(struct session *session, struct slice error)
{
    uint64_t at_ns = session_time(session, error, "created_at");
    char age[HUMAN_TEXT_MAX] = "";

    (void)buf_printf(&session->out, "  attempt %" PRIu64 "%s%s\n", session_number(error, "attempt"),
                     at_ns ? ", " : "", at_ns ? human_age(at_ns, session->now_ns, age) : "");
    page_lines(session, PAINT_RED, session_text(session, error, "error"), ERROR_LINES);
    page_lines(session, PAINT_DIM, session_text(session, error, "backtrace"), BACKTRACE_LINES);
}

static void show_errors(struct session *session, struct slice job)
{
    struct slice errors = json_member(job, "errors");
    struct json_walk walk = json_walk_of(errors);
    uint32_t count = json_walk_count(errors);
    uint32_t at = 0;
    struct slice name, error;

    if (count == 0) {
        return;
    }
    page_title(session, "Errors");
    if (count > ERRORS_SHOWN) {
        (void)buf_printf(&session->out, "  (%u earlier ones: --output json)\n",
                         count - ERRORS_SHOWN);
    }
    while (json_walk_next(&walk, &name, &error)) {
        if (at++ + ERRORS_SHOWN >= count) {
            show_error(session, error);
        }
    }
}

static size_t longest_step(struct slice state)
{
    size_t longest = 0;

    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        if (slice_is(state, steps[i].state) && strlen(steps[i].command) > longest) {
            longest = strlen(steps[i].command);
        }
    }
    return longest;
}

static void show_steps(struct session *session, struct slice job)
{
    struct slice state = session_text(session, job, "state");
    int width = (int)longest_step(state);

    if (width > 0) {
        page_title(session, "Next");
    }
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        if (slice_is(state, steps[i].state)) {
            (void)buf_printf(&session->out, "  corvo %s ", steps[i].command);
            plain_add(&session->out, session_text(session, job, "id"));
            (void)buf_printf(&session->out, "%*s   ", width - (int)strlen(steps[i].command), "");
            paint_add(&session->out, session->screen.colour, PAINT_DIM, slice_text(steps[i].what));
            (void)buf_add_byte(&session->out, '\n');
        }
    }
}

static void show_job(struct session *session, struct slice job)
{
    session_paint(session, PAINT_BOLD, session_text(session, job, "id"));
    (void)buf_add_byte(&session->out, '\n');
    show_state(session, job);
    page_text(session, "Queue", PAINT_NONE, session_text(session, job, "queue"));
    show_priority(session, job);
    show_attempts(session, job);
    show_worker(session, job);
    show_tags(session, job);
    show_hold(session, job);
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        show_member(session, &members[i], job);
    }
    show_others(session, job);
    show_block(session, "Payload", job, "payload");
    show_block(session, "Progress", job, "progress");
    show_block(session, "Checkpoint", job, "checkpoint");
    show_block(session, "Feedback", job, "feedback");
    show_block(session, "Chain", job, "chain_config");
    show_block(session, "Result", job, "result");
    show_errors(session, job);
    show_steps(session, job);
}

static int run(struct session *session)
{
    struct answer answer;

    if (!session_get(session, 0, session->args->words[0], &answer)) {
        return (int)answer.exit;
    }
    if (session->json) {
        page_write_json(answer.json, 0, session->screen.colour, session->screen.out_terminal,
                        &session->out);
    } else {
        show_job(session, answer.json);
    }
    return session_flush(session);
}

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "JOB",
    .group = "Jobs",
    .summary = "show one job whole",
    .help = "With --output json it is the server's object, indented.\n",
    .examples = "# for people\n"
                "corvo inspect job_18ab1c2d3e4f5a6b0000000001\n"
                "# for programs\n"
                "corvo inspect job_18ab1c2d3e4f5a6b0000000001 -o json | jq .result\n",
    .routes = {"GET /api/v1/jobs/{job_id}"},
    .words_min = 1,
    .words_max = 1,
    .also = "show get describe job cat view",
    .run = run,
};
