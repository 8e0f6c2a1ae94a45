/* Commands that do one thing to each of one or more jobs: retry, cancel, move, hold … All the same
 * but for their rows. */
#include "cli/commands.h"
#include "cli/plain.h"
#include "cli/session.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SHOWN 60

struct tally {
    uint64_t done;
    uint64_t failed;
    enum exit_code first_failure;
    bool stop; /* The next one would fail alike. */
};

static void write_body(struct session *session, const char *last_word)
{
    const char *member = session->args->command->last_word;
    struct buf *body = &session->body;
    bool comma = false;

    buf_clear(body);
    (void)buf_add_byte(body, '{');
    if (member) {
        json_write_text(body, slice_text(member));
        (void)buf_add_byte(body, ':');
        json_write_text(body, slice_text(last_word));
        comma = true;
    }
    args_write_members(session->args, session->now_ns, &comma, body);
    (void)buf_add_byte(body, '}');
}

/* Most refusals of an operation come as one status and code (contract T9), whether the job is in
 * another state or is not there at all. Scripts want to tell these two apart. */
static void tell_apart(struct session *session, const char *id, struct answer *answer)
{
    const struct request request = {.route = 1, .params = {id}};
    struct slice code = session_text(session, answer->json, "code");
    enum client_failure failure = session->client.failure;

    if (answer->exit == EXIT_STATE && session->args->command->routes[1] && code.size > 6 &&
        memcmp(code.data + code.size - 6, "_ERROR", 6) == 0) {
        struct slice copy;

        if (!arena_copy(&session->arena, answer->body, &copy) ||
            json_look(copy, &answer->json, NULL)) {
            return;
        }
        answer->body = copy; /* The next answer takes its place. */
        if (session_ask(session, &request).exit == EXIT_NOT_FOUND) {
            answer->exit = EXIT_NOT_FOUND;
        }
        session->client.failure = failure;
    }
}

static void print_done(struct session *session, const char *id, const struct answer *answer)
{
    struct slice status = session_text(session, answer->json, "status");

    if (session->json) {
        (void)session_print_json(session, answer);
    } else if (!session->screen.quiet) {
        plain_add(&session->out, slice_text(id));
        (void)buf_add_byte(&session->out, ' ');
        session_paint(session, paint_of(status), status.size ? status : slice_text("done"));
        (void)buf_add_byte(&session->out, '\n');
        (void)session_flush(session);
    }
}

static void act(struct session *session, const char *id, struct tally *tally)
{
    struct request request = {.params = {id}, .body = buf_slice(&session->body)};
    struct answer answer;

    if (strncmp(session->args->command->routes[0], "DELETE", 6) == 0 ||
        slice_is(request.body, "{}")) {
        request.body = slice_of(NULL, 0);
    }
    answer = session_ask(session, &request);
    if (answer.exit == EXIT_DONE) {
        print_done(session, id, &answer);
        tally->done++;
    } else {
        tell_apart(session, id, &answer);
        (void)session_report(session, &answer, id);
        if (tally->failed++ == 0) {
            tally->first_failure = answer.exit;
        }
        tally->stop = answer.exit == EXIT_NO_SERVER || answer.exit == EXIT_DENIED ||
                      answer.exit == EXIT_INTERRUPTED;
    }
    arena_clear(&session->arena);
}

/* Ids from the standard input, one a line; what is behind a blank is left out, so that lines of a
 * table do as well. */
static int act_on_lines(struct session *session, struct tally *tally)
{
    char *line = NULL;
    size_t capacity = 0;
    int code = EXIT_DONE;

    while (code == EXIT_DONE && !tally->stop && getline(&line, &capacity, session->screen.in) > 0) {
        char *id = line + strspn(line, " \t\r\n");

        id[strcspn(id, " \t\r\n")] = 0;
        if (strlen(id) > JOB_ID_MAX) {
            code = session_misuse(session, "'%.*s...' is longer than any id", LINE_MAX_SHOWN, id);
        } else if (*id) {
            act(session, id, tally);
        }
    }
    free(line);
    return code;
}

static int sum_up(struct session *session, const struct tally *tally, uint32_t asked)
{
    if (tally->failed == 0) {
        return EXIT_DONE;
    }
    if (asked != 1 && !session->json && !session->screen.quiet) {
        screen_say(&session->screen, "corvo: %" PRIu64 " done, %" PRIu64 " not%s", tally->done,
                   tally->failed, tally->stop ? ", the rest was not tried" : "");
    }
    return tally->done > 0 && tally->first_failure != EXIT_INTERRUPTED ? EXIT_PARTLY
                                                                       : (int)tally->first_failure;
}

static int run(struct session *session)
{
    const struct args *args = session->args;
    uint32_t ids = args->word_count - (args->command->last_word ? 1 : 0);
    struct tally tally = {0};
    uint32_t asked = ids;

    write_body(session, args->words[args->word_count - 1]);
    for (uint32_t i = 0; i < ids && !tally.stop; i++) {
        if (strcmp(args->words[i], "-") == 0) {
            int code = act_on_lines(session, &tally);

            asked = 0;
            if (code != EXIT_DONE) {
                return tally.done > 0 ? EXIT_PARTLY : code;
            }
        } else {
            act(session, args->words[i], &tally);
        }
    }
    return sum_up(session, &tally, asked);
}

/* --- Rows ----------------------------------------------------------------------------------------
 */

#define JOB_PATH "/api/v1/jobs/{job_id}"
#define IDS "JOB...|-"
#define ALL_ALIKE .group = "Jobs", .words_max = COMMAND_WORDS_ANY, .run = run
#define FROM_STDIN                                                                                 \
    "With - the ids come from the standard input, one a line. Each job is reported;\n"             \
    "the status is 9 when some were done and some were not.\n"
static const struct flag reject_flags[] = {
    {.name = "revise",
     .kind = FLAG_TEXT,
     .place = FLAG_BODY,
     .member = "feedback",
     .implies = "\"revise\":true",
     .help = "do not end the job: run it again with this text as feedback"},
    {.name = "payload",
     .kind = FLAG_JSON,
     .place = FLAG_BODY,
     .needs = "revise",
     .help = "another payload for the next run"},
    {.name = "payload_patch",
     .kind = FLAG_JSON,
     .place = FLAG_BODY,
     .needs = "revise",
     .help = "changes to the payload, as a JSON merge patch (RFC 7396)"},
};

const struct command command_retry = {
    .name = "retry",
    .arguments = IDS,
    ALL_ALIKE,
    .summary = "run jobs again that are dead, cancelled, completed or scheduled",
    .help = "The job becomes pending at once, with all its attempts before it.\n" FROM_STDIN,
    .examples = "# one job\n"
                "corvo retry job_18ab1c2d3e4f5a6b0000000001\n"
                "# all dead jobs of a queue\n"
                "corvo search --queue mail --state dead --all --ids | corvo retry -\n",
    .routes = {"POST " JOB_PATH "/retry", "GET " JOB_PATH},
    .words_min = 1,
    .also = "rerun restart requeue",
};

const struct command command_cancel = {
    .name = "cancel",
    .arguments = IDS,
    ALL_ALIKE,
    .summary = "cancel jobs that are not finished",
    .help = "An active job is told to stop at its worker's next heartbeat; the state is\n"
            "final all the same.\n" FROM_STDIN,
    .examples = "# one job\n"
                "corvo cancel job_18ab1c2d3e4f5a6b0000000001\n"
                "# all that are scheduled\n"
                "corvo search --state scheduled --all --ids | corvo cancel -\n",
    .routes = {"POST " JOB_PATH "/cancel", "GET " JOB_PATH},
    .words_min = 1,
    .also = "stop abort kill",
};

const struct command command_delete = {
    .name = "delete",
    .arguments = IDS,
    ALL_ALIKE,
    .summary = "delete jobs in whatever state, with all that is known of them",
    .help = FROM_STDIN,
    .examples =
        "# one job\n"
        "corvo delete job_18ab1c2d3e4f5a6b0000000001\n"
        "# what completed before a day, for good\n"
        "corvo search --state completed --completed-before 1d --all --ids | corvo delete -\n",
    .routes = {"DELETE " JOB_PATH},
    .words_min = 1,
    .also = "rm remove purge",
};

const struct command command_move = {
    .name = "move",
    .arguments = IDS " QUEUE",
    ALL_ALIKE,
    .summary = "move jobs to another queue, in their present state",
    .help = FROM_STDIN,
    .examples = "# one job\n"
                "corvo move job_18ab1c2d3e4f5a6b0000000001 mail.slow\n"
                "# all pending jobs of a queue\n"
                "corvo search --queue mail --state pending --all --ids | corvo move - mail.slow\n",
    .routes = {"POST " JOB_PATH "/move", "GET " JOB_PATH},
    .words_min = 2,
    .last_word = "queue",
    .also = "mv",
};

const struct command command_priority = {
    .name = "priority",
    .arguments = IDS " critical|high|normal|low",
    ALL_ALIKE,
    .summary = "change how urgent jobs are",
    .help = "Jobs that wait take their new place in the queue at once.\n" FROM_STDIN,
    .examples = "# this one next\n"
                "corvo priority job_18ab1c2d3e4f5a6b0000000001 critical\n",
    .routes = {"POST " JOB_PATH "/priority", "GET " JOB_PATH},
    .words_min = 2,
    .last_word = "priority",
};

const struct command command_hold = {
    .name = "hold",
    .arguments = IDS,
    ALL_ALIKE,
    .summary = "hold jobs back until somebody approves or rejects them",
    .help = FROM_STDIN,
    .examples = "# keep a job from running\n"
                "corvo hold job_18ab1c2d3e4f5a6b0000000001 --reason 'wrong customer?'\n",
    .routes = {"POST " JOB_PATH "/hold", "GET " JOB_PATH},
    .words_min = 1,
    .op = "hold",
};

const struct command command_approve = {
    .name = "approve",
    .arguments = IDS,
    ALL_ALIKE,
    .summary = "let held jobs go on",
    .help = FROM_STDIN,
    .examples = "# one job, with a word about it\n"
                "corvo approve job_18ab1c2d3e4f5a6b0000000001 --note 'checked with Ada'\n"
                "# all that are held in a queue\n"
                "corvo held --queue agents --quiet | corvo approve -\n",
    .routes = {"POST " JOB_PATH "/approve", "GET " JOB_PATH},
    .words_min = 1,
    .op = "approve",
};

const struct command command_reject = {
    .name = "reject",
    .arguments = IDS,
    ALL_ALIKE,
    .summary = "end held jobs, or send them back with feedback",
    .help = "A rejected job is dead, and its errors say by whom and why. With --revise it\n"
            "runs again instead, and its worker is given the text.\n" FROM_STDIN,
    .examples = "# for good\n"
                "corvo reject job_18ab1c2d3e4f5a6b0000000001 --reason 'not ours'\n"
                "# once more, with feedback and a changed payload\n"
                "corvo reject job_18ab1c2d3e4f5a6b0000000001 --revise 'shorter, please' \\\n"
                "    --payload-patch '{\"max_words\":100}'\n",
    .routes = {"POST " JOB_PATH "/reject", "GET " JOB_PATH},
    .words_min = 1,
    .op = "reject",
    .flags = reject_flags,
    .flag_count = ARRAY_COUNT(reject_flags),
};

#undef JOB_PATH
#undef IDS
#undef ALL_ALIKE
#undef FROM_STDIN
