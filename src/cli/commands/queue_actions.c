/* Commands that do one thing to a queue: pause, resume, drain, clear, destroy. */
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/plain.h"
#include "cli/session.h"
#include "cli/wait.h"
#include "wire/json_look.h"

#include <inttypes.h>

static void print_done(struct session *session, const struct answer *answer)
{
    struct slice status = session_text(session, answer->json, "status");

    if (session->json) {
        (void)session_print_json(session, answer);
        return;
    }
    if (session->screen.quiet) {
        return;
    }
    plain_add(&session->out, slice_text(session->args->words[0]));
    (void)buf_add_byte(&session->out, ' ');
    plain_add(&session->out, status);
    for (const char *const *name = (const char *const[]){"cleared", "deleted", NULL}; *name;
         name++) {
        if (json_member(answer->json, *name).size > 0) {
            (void)buf_printf(&session->out, ", %" PRIu64 " jobs",
                             session_number(answer->json, *name));
        }
    }
    (void)buf_add_byte(&session->out, '\n');
    (void)session_flush(session);
}

static int act(struct session *session)
{
    const struct request request = {.params = {session->args->words[0]}};
    struct answer answer = session_ask(session, &request);

    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, NULL);
    }
    print_done(session, &answer);
    return EXIT_DONE;
}

/* --- What can not be undone ----------------------------------------------------------------------
 */

struct harm {
    const char *const *members; /* Counters of the jobs that go; ends with NULL. */
    const char *what;
};

static const char *const clear_members[] = {"pending", "scheduled", "retrying", NULL};
static const char *const destroy_members[] = {
    "pending", "scheduled", "retrying", "active", "held", "completed", "dead", "cancelled", NULL};
static const struct harm clear_harm = {clear_members, "that wait"};
static const struct harm destroy_harm = {destroy_members, "in every state, and the queue"};

/* Asks, with the number of jobs that are at stake. EXIT_DONE: go on. */
static int confirm(struct session *session, const struct harm *harm)
{
    const struct request request = {.route = 1, .params = {session->args->words[0]}};
    struct answer answer;
    uint64_t jobs = 0;

    if (args_switch(session->args, "yes")) {
        return EXIT_DONE;
    }
    if (!session->screen.in_terminal) {
        return session_misuse(session, "this can not be undone: say --yes");
    }
    answer = session_ask(session, &request);
    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, NULL);
    }
    for (const char *const *member = harm->members; *member; member++) {
        jobs += session_number(answer.json, *member);
    }
    buf_clear(&session->lines);
    plain_add(&session->lines, slice_text(session->args->words[0]));
    if (screen_confirm(&session->screen, "Delete %" PRIu64 " jobs of '%.*s' %s?", jobs,
                       (int)session->lines.size, (const char *)session->lines.data, harm->what)) {
        return EXIT_DONE;
    }
    screen_say(&session->screen, "Nothing was deleted.");
    return interrupt_seen() ? EXIT_INTERRUPTED : EXIT_REFUSED;
}

static int run_clear(struct session *session)
{
    int code = confirm(session, &clear_harm);

    return code == EXIT_DONE ? act(session) : code;
}

static int run_destroy(struct session *session)
{
    int code = confirm(session, &destroy_harm);

    return code == EXIT_DONE ? act(session) : code;
}

/* --- Draining ------------------------------------------------------------------------------------
 */

static int print_drained(struct session *session, const struct answer *answer)
{
    screen_progress_end(&session->screen);
    if (session->json) {
        return session_print_json(session, answer);
    }
    if (!session->screen.quiet) {
        plain_add(&session->out, slice_text(session->args->words[0]));
        (void)buf_add_text(&session->out, " drained\n");
    }
    return session_flush(session);
}

static int wait_drained(struct session *session)
{
    const struct request request = {.route = 1, .params = {session->args->words[0]}};
    struct wait wait = wait_begin(session);
    int code = EXIT_DONE;

    while (code == EXIT_DONE) {
        struct answer answer = session_ask(session, &request);
        uint64_t active = session_number(answer.json, "active");

        if (answer.exit != EXIT_DONE) {
            return session_report(session, &answer, NULL);
        }
        if (active == 0) {
            return print_drained(session, &answer);
        }
        code = wait_pause(session, &wait, "%s has %" PRIu64 " active %s", session->args->words[0],
                          active, active == 1 ? "job" : "jobs");
    }
    return code;
}

static int run_drain(struct session *session)
{
    bool wait = args_switch(session->args, "wait");
    const struct request request = {.params = {session->args->words[0]}};
    struct answer answer;

    if (!wait) {
        return act(session);
    }
    answer = session_ask(session, &request);
    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, NULL);
    }
    if (!session->json) {
        print_done(session, &answer);
    }
    return wait_drained(session);
}

/* --- Rows ----------------------------------------------------------------------------------------
 */

#define QUEUE_PATH "/api/v1/queues/{queue}"
#define ONE_QUEUE .arguments = "QUEUE", .group = "Queues", .words_min = 1, .words_max = 1

static const struct flag harm_flags[] = {
    {.name = "yes",
     .letter = 'y',
     .alias = "confirm",
     .kind = FLAG_SWITCH,
     .help = "do not ask; needed where there is no terminal"},
};

static const struct flag drain_flags[] = {
    {.name = "wait", .kind = FLAG_SWITCH, .help = "wait until no job of it is active any more"},
    {.name = "wait_timeout",
     .kind = FLAG_DURATION,
     .needs = "wait",
     .help = "give up waiting after that time (status 7)"},
};

const struct command command_pause = {
    .name = "pause",
    ONE_QUEUE,
    .summary = "hand out no more jobs of a queue",
    .help = "Jobs that are active go on; new ones are accepted and wait.\n",
    .examples = "# stop handing out\n"
                "corvo pause mail\n",
    .routes = {"POST " QUEUE_PATH "/pause"},
    .run = act,
};

const struct command command_resume = {
    .name = "resume",
    ONE_QUEUE,
    .summary = "hand out jobs of a queue again, after pause or drain",
    .help = "",
    .examples = "# go on\n"
                "corvo resume mail\n",
    .routes = {"POST " QUEUE_PATH "/resume"},
    .also = "unpause continue",
    .run = act,
};

const struct command command_drain = {
    .name = "drain",
    ONE_QUEUE,
    .summary = "hand out no more jobs and let the active ones end",
    .help = "Jobs that wait stay where they are. 'corvo resume' ends it.\n",
    .examples = "# before an upgrade of the workers\n"
                "corvo drain mail --wait --wait-timeout 10m\n",
    .routes = {"POST " QUEUE_PATH "/drain", "GET " QUEUE_PATH},
    .flags = drain_flags,
    .flag_count = ARRAY_COUNT(drain_flags),
    .run = run_drain,
};

const struct command command_clear = {
    .name = "clear",
    ONE_QUEUE,
    .summary = "delete the jobs of a queue that wait (pending, scheduled, retrying)",
    .help = "Active, held and finished jobs stay. It can not be undone, so it asks first.\n",
    .examples = "# ask, then delete\n"
                "corvo clear mail\n"
                "# in a script\n"
                "corvo clear mail --yes\n",
    .routes = {"POST " QUEUE_PATH "/clear", "GET " QUEUE_PATH},
    .also = "empty flush truncate",
    .flags = harm_flags,
    .flag_count = ARRAY_COUNT(harm_flags),
    .run = run_clear,
};

const struct command command_destroy = {
    .name = "destroy",
    ONE_QUEUE,
    .summary = "delete a queue with all its jobs and settings",
    .help = "It can not be undone, so it asks first.\n",
    .examples = "# ask, then delete\n"
                "corvo destroy mail.old\n"
                "# in a script\n"
                "corvo destroy mail.old --yes\n",
    .routes = {"DELETE " QUEUE_PATH, "GET " QUEUE_PATH},
    .also = "drop",
    .flags = harm_flags,
    .flag_count = ARRAY_COUNT(harm_flags),
    .run = run_destroy,
};

#undef QUEUE_PATH
#undef ONE_QUEUE
