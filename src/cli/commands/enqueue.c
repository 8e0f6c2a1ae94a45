/* corvo enqueue: one job from arguments, or many from lines. */
#include "cli/commands/enqueue.h"

#include "cli/commands.h"
#include "cli/page.h"
#include "cli/plain.h"
#include "cli/wait.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define READ_SIZE (64 * KIB)
#define READ_MAX (4 * BODY_MAX_DEFAULT) /* The server's bound is an option. */

static const struct flag flags[] = {
    {.name = "tag",
     .alias = "tags",
     .member = "tags",
     .kind = FLAG_PAIRS,
     .place = FLAG_BODY,
     .help = "a tag to find it by; or all of them as one JSON object"},
    {.name = "ndjson",
     .kind = FLAG_SWITCH,
     .help = "each line of the payload (- or @FILE) is the payload of a job of its own"},
    {.name = "count", .kind = FLAG_NUMBER, .help = "enqueue the same payload that many times"},
    {.name = "wait", .kind = FLAG_SWITCH, .help = "wait until the job has ended"},
    {.name = "wait_timeout",
     .kind = FLAG_DURATION,
     .needs = "wait",
     .help = "give up waiting after that time (status 7); the job goes on"},
    {.name = "max_retries",
     .kind = FLAG_NUMBER,
     .place = FLAG_BODY,
     .unset = "-1",
     .help = "attempts in all; default 3, and -1 means the default"},
    {.name = "idempotency_key",
     .kind = FLAG_TEXT,
     .value = "KEY",
     .help = "a repetition with the same key enqueues nothing and answers as the first did"},
};

/* --- The payload ---------------------------------------------------------------------------------
 */

static int read_all(struct session *session, FILE *file, const char *name, struct buf *bytes)
{
    size_t got;

    do {
        if (!buf_reserve(bytes, READ_SIZE)) {
            return session_misuse(session, "%.60s is larger than any payload may be", name);
        }
        got = fread(bytes->data + bytes->size, 1, READ_SIZE, file);
        bytes->size += got;
    } while (got > 0);
    if (ferror(file)) {
        return session_misuse(session, "%.60s: %s", name, strerror(errno));
    }
    return EXIT_DONE;
}

/* What the payload argument means: "-" and "@FILE" are read. *ret_file is set when there is a file;
 * the caller closes it unless it is stdin. */
static int open_payload(struct session *session, const char *word, FILE **ret_file)
{
    *ret_file = NULL;
    if (word && strcmp(word, "-") == 0) {
        *ret_file = session->screen.in;
    } else if (word && *word == '@') {
        *ret_file = fopen(word + 1, "r");
        if (!*ret_file) {
            return session_misuse(session, "%.80s: %s", word + 1, strerror(errno));
        }
    }
    return EXIT_DONE;
}

static int check_payload(struct session *session, struct slice payload)
{
    struct slice value;
    struct err err;

    if (!json_look(payload, &value, &err)) {
        return EXIT_DONE;
    }
    if (payload.size > 0 && payload.size < 60 && isalpha(payload.data[0])) {
        return session_misuse(session, "'%.*s' is not JSON; as a text it is '\"%.*s\"'",
                              (int)payload.size, (const char *)payload.data, (int)payload.size,
                              (const char *)payload.data);
    }
    return session_misuse(session, "the payload is %s", err.text);
}

/* --- One job -------------------------------------------------------------------------------------
 */

static void print_one(struct session *session, const struct answer *answer)
{
    struct slice id = session_text(session, answer->json, "job_id");
    struct slice status = session_text(session, answer->json, "status");

    plain_add(&session->out, id);
    if (!session->screen.quiet) {
        struct slice state = session_text(session, answer->json, "state");

        (void)buf_add_byte(&session->out, ' ');
        session_paint(session, paint_of(status), status);
        if (state.size > 0) {
            (void)buf_add_text(&session->out, " (");
            plain_add(&session->out, state);
            (void)buf_add_byte(&session->out, ')');
        }
    }
    (void)buf_add_byte(&session->out, '\n');
    (void)session_flush(session);
    (void)fflush(session->screen.out);
}

static int enqueue_one(struct session *session, const char *queue, struct slice payload)
{
    struct request request = {.idempotency_key = args_text(session->args, "idempotency_key")};
    bool comma = true;
    struct answer answer;
    char id[JOB_ID_MAX + 1];
    struct slice text;

    (void)buf_add_text(&session->body, "{\"queue\":");
    json_write_text(&session->body, slice_text(queue));
    if (payload.size > 0) {
        (void)buf_add_text(&session->body, ",\"payload\":");
        json_write_compact(&session->body, payload);
    }
    args_write_members(session->args, session->now_ns, &comma, &session->body);
    (void)buf_add_byte(&session->body, '}');
    request.body = buf_slice(&session->body);
    answer = session_ask(session, &request);
    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, NULL);
    }
    text = session_text(session, answer.json, "job_id");
    (void)snprintf(id, sizeof(id), "%.*s", (int)text.size, (const char *)text.data);
    if (args_switch(session->args, "wait")) {
        if (!session->json) {
            print_one(session, &answer);
        }
        return enqueue_wait(session, id);
    }
    if (session->json) {
        return session_print_json(session, &answer);
    }
    print_one(session, &answer);
    return EXIT_DONE;
}

/* --- Waiting -------------------------------------------------------------------------------------
 */

static int print_end(struct session *session, const struct answer *answer)
{
    struct slice state = session_text(session, answer->json, "state");
    struct slice result = json_member(answer->json, "result");
    struct slice errors = json_member(answer->json, "errors");
    struct json_walk walk = json_walk_of(errors);
    struct slice name, last = {0}, value;

    if (session->json) {
        (void)session_print_json(session, answer);
    } else if (!session->screen.quiet) {
        plain_add(&session->out, session_text(session, answer->json, "id"));
        (void)buf_add_byte(&session->out, ' ');
        session_paint(session, paint_of(state), state);
        (void)buf_add_byte(&session->out, '\n');
        if (result.size > 0) {
            page_json(session, result);
        }
        while (json_walk_next(&walk, &name, &value)) {
            last = value;
        }
        if (!slice_is(state, "completed")) {
            page_lines(session, PAINT_RED, session_text(session, last, "error"), 20);
        }
    }
    return slice_is(state, "completed") ? EXIT_DONE : EXIT_PARTLY;
}

static bool has_ended(struct slice state)
{
    return slice_is(state, "completed") || slice_is(state, "dead") || slice_is(state, "cancelled");
}

static int gone(struct session *session, const char *job_id)
{
    if (!session->json) {
        screen_say(&session->screen, "corvo: job %s was deleted while waiting for it", job_id);
    }
    return EXIT_PARTLY;
}

int enqueue_wait(struct session *session, const char *job_id)
{
    const struct request request = {.route = 1, .params = {job_id}};
    struct wait wait = wait_begin(session);
    int code = EXIT_DONE;

    while (code == EXIT_DONE) {
        struct answer answer = session_ask(session, &request);
        struct slice state = session_text(session, answer.json, "state");

        if (answer.exit == EXIT_NOT_FOUND) {
            return gone(session, job_id);
        }
        if (answer.exit != EXIT_DONE) {
            return session_report(session, &answer, job_id);
        }
        if (has_ended(state)) {
            return print_end(session, &answer);
        }
        code = wait_pause(session, &wait, "%s is %.*s", job_id, (int)state.size,
                          (const char *)state.data);
    }
    return code;
}

/* --- The command ---------------------------------------------------------------------------------
 */

/* One payload, for one job or for copies of it. */
static int enqueue_value(struct session *session, struct slice payload, bool many)
{
    const char *queue = session->args->words[0];
    int code = payload.data ? check_payload(session, payload) : EXIT_DONE;

    if (code != EXIT_DONE) {
        return code;
    }
    return many ? enqueue_many(session, queue, NULL, payload)
                : enqueue_one(session, queue, payload);
}

/* What the argument says, as one value or line by line. */
static int enqueue_from(struct session *session, const char *word, FILE *file, bool many)
{
    struct buf bytes;
    int code;

    if (args_switch(session->args, "ndjson")) {
        return file ? enqueue_many(session, session->args->words[0], file, slice_of(NULL, 0))
                    : session_misuse(session, "--ndjson reads its lines from - or @FILE");
    }
    if (!file) {
        return enqueue_value(session, slice_text(word), many);
    }
    buf_init(&bytes, READ_MAX);
    code = read_all(session, file, word, &bytes);
    if (code == EXIT_DONE) {
        code = enqueue_value(session, buf_slice(&bytes), many);
    }
    buf_done(&bytes);
    return code;
}

static int run(struct session *session)
{
    const struct args *args = session->args;
    const char *word = args->word_count > 1 ? args->words[1] : NULL;
    bool many = args_switch(args, "ndjson") || args_text(args, "count");
    FILE *file = NULL;
    int code;

    if (many && args_switch(args, "wait")) {
        return session_misuse(session, "--wait is for one job");
    }
    code = open_payload(session, word, &file);
    if (code != EXIT_DONE) {
        return code;
    }
    code = enqueue_from(session, word, file, many);
    if (file && file != session->screen.in) {
        (void)fclose(file);
    }
    return code;
}

const struct command command_enqueue = {
    .name = "enqueue",
    .arguments = "QUEUE [PAYLOAD|-|@FILE]",
    .group = "Jobs",
    .summary = "put a job, or many, into a queue",
    .help = "The payload is JSON: an argument, the standard input (-) or a file (@FILE).\n"
            "Without one it is {}. Prints the id of the new job and its state; the job is\n"
            "safe on the server's disk by then. With --ndjson or --count many jobs go in\n"
            "batches of a thousand, and their ids are printed one a line.\n"
            "\n"
            "With --wait the status is 0 when the job completed and 9 when it ended\n"
            "otherwise. Interrupting the wait does not touch the job.\n",
    .examples = "# a job, with a payload\n"
                "corvo enqueue mail '{\"to\":\"ada@example.org\"}'\n"
                "# in twelve hours, ahead of others, five attempts at most\n"
                "corvo enqueue reports --delay 12h --priority high --max-retries 5\n"
                "# run it and use its result\n"
                "corvo enqueue resize @picture.json --wait -o json | jq .result\n"
                "# many, one a line\n"
                "jq -c '.users[]' users.json | corvo enqueue welcome - --ndjson\n",
    .routes = {"POST /api/v1/enqueue", "GET /api/v1/jobs/{job_id}", "POST /api/v1/enqueue/batch"},
    .words_min = 1,
    .words_max = 2,
    .also = "add push submit create new run",
    .op = "enqueue",
    .flags = flags,
    .flag_count = ARRAY_COUNT(flags),
    .run = run,
};
