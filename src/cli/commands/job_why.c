/* corvo why: what keeps a job from running, gate by gate. */
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/page.h"
#include "cli/plain.h"
#include "wire/json_look.h"

#include <inttypes.h>
#include <string.h>

#define GATE_WIDTH 14
#define ERROR_LINES 3

/* The ids of a gate: those it waits for, those that hold its places. */
static void show_ids(struct session *session, struct slice list)
{
    struct json_walk walk = json_walk_of(list);
    struct slice name, item, id;

    while (json_walk_next(&walk, &name, &item)) {
        if (!json_string_of(item, &session->arena, &id)) {
            id = session_text(session, item, "job_id");
        }
        (void)buf_printf(&session->out, "  %*s ", GATE_WIDTH, "");
        plain_add(&session->out, id);
        if (json_member(item, "state").size > 0) {
            (void)buf_add_text(&session->out, " is ");
            plain_add(&session->out, session_text(session, item, "state"));
        }
        (void)buf_add_byte(&session->out, '\n');
    }
}

/* Times of a gate, each with the word before it. */
struct time_row {
    const char *member;
    const char *word;
};

static const struct time_row times[] = {
    {"since", "since"},         {"at", "at"},
    {"last_seen", "last seen"}, {"lease_expires_at", "lease until"},
    {"until", "until"},
};

/* The text without "WORD: " before it, where that word is on the screen already. */
static struct slice without(struct slice text, struct slice word)
{
    bool said = text.size > word.size + 2 && memcmp(text.data, word.data, word.size) == 0 &&
                memcmp(text.data + word.size, ": ", 2) == 0;

    return said ? slice_of(text.data + word.size + 2, text.size - word.size - 2) : text;
}

static void show_gate(struct session *session, struct slice gate)
{
    struct slice name = session_text(session, gate, "gate");
    struct slice text = session_text(session, gate, "text");
    struct slice by = session_text(session, gate, "by");
    struct buf line;
    char when[HUMAN_TEXT_MAX];
    char label[32];

    buf_init(&line, gate.size * 6 + 512);
    (void)buf_add_slice(&line, text.size ? without(text, name) : gate);
    if (by.size > 0) {
        (void)buf_add_text(&line, ", by ");
        (void)buf_add_slice(&line, by);
    }
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        uint64_t time_ns = session_time(session, gate, times[i].member);

        if (time_ns) {
            (void)buf_printf(&line, ", %s %s", times[i].word,
                             human_when(time_ns, session->now_ns, when));
        }
    }
    (void)snprintf(label, sizeof(label), "%.*s", (int)name.size, (const char *)name.data);
    page_text(session, label, PAINT_NONE, buf_slice(&line));
    buf_done(&line);
    page_lines(session, PAINT_RED, session_text(session, gate, "last_error"), ERROR_LINES);
    show_ids(session, json_member(gate, "waiting_for"));
    show_ids(session, json_member(gate, "holders"));
}

static void show_head(struct session *session, struct slice why)
{
    struct slice state = session_text(session, why, "state");
    struct slice summary = session_text(session, why, "summary");
    bool runnable = json_true(json_member(why, "runnable"));

    plain_add(&session->out, session_text(session, why, "job_id"));
    (void)buf_add_text(&session->out, " is ");
    session_paint(session, paint_of(state), state);
    (void)buf_add_text(&session->out, runnable ? " and can run" : "");
    if (summary.size > 0) {
        (void)buf_add_text(&session->out, ": ");
        plain_add(&session->out, without(summary, state));
    }
    (void)buf_add_byte(&session->out, '\n');
}

static void show_place(struct session *session, struct slice why)
{
    bool at_least = json_member(why, "ahead_at_least").size > 0;
    uint64_t ahead = session_number(why, at_least ? "ahead_at_least" : "ahead");
    uint64_t start_ns = session_time(session, why, "estimated_start");
    char when[HUMAN_TEXT_MAX];

    if (json_member(why, "ahead").size > 0 && ahead == 0) {
        page_printf(session, "ahead", "none: it is the next one of its queue");
    } else if (ahead > 0) {
        page_printf(session, "ahead", "%s%" PRIu64 " %s in its queue", at_least ? "at least " : "",
                    ahead, ahead == 1 ? "job" : "jobs");
    }
    if (start_ns) {
        page_printf(session, "start", "%s%s", human_when(start_ns, session->now_ns, when),
                    json_true(json_member(why, "estimate")) ? ", an estimate" : "");
    }
}

static int run(struct session *session)
{
    struct answer answer;
    struct json_walk walk;
    struct slice name, gate;

    if (!session_get(session, 0, session->args->words[0], &answer)) {
        return (int)answer.exit;
    }
    if (session->json) {
        return session_print_json(session, &answer);
    }
    show_head(session, answer.json);
    walk = json_walk_of(json_member(answer.json, "gates"));
    while (json_walk_next(&walk, &name, &gate)) {
        if (!slice_is(session_text(session, gate, "gate"), "none")) { /* The head says so. */
            show_gate(session, gate);
        }
    }
    show_place(session, answer.json);
    return session_flush(session);
}

const struct command command_why = {
    .name = "why",
    .arguments = "JOB",
    .group = "Jobs",
    .summary = "say why a job is not running",
    .help = "Lists everything that keeps the job back now (a paused queue, a limit, a job it\n"
            "depends on, no worker ...), how many jobs are ahead of it, and when it is likely\n"
            "to start.\n",
    .examples = "# what does it wait for?\n"
                "corvo why job_18ab1c2d3e4f5a6b0000000001\n",
    .routes = {"GET /api/v1/jobs/{job_id}/why"},
    .words_min = 1,
    .words_max = 1,
    .also = "explain reason",
    .run = run,
};
