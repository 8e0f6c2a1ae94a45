/* Asking and reporting: see session.h. */
#include "cli/session.h"

#include "base/env.h"
#include "cli/plain.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <stdarg.h>

#define ARENA_MAX (256 * MIB)
#define TEXT_MAX (512 * MIB)
#define ERROR_SHOWN 300 /* Bytes of an answer that is not JSON. */

struct hint_row {
    const char *code;
    const char *text;
};

/* What a person can do about a refusal, where its text does not say it. */
static const struct hint_row hints[] = {
    {"UNAUTHORIZED", "Give a key with --api-key or CORVO_API_KEY."},
    {"FORBIDDEN", "The key's role does not allow it; another key may."},
    {"OVERLOADED", "The server has more work than it takes on: try again."},
    {"RATE_LIMITED", "Try again in a second."},
    {"LEADER_UNAVAILABLE", "The cluster is electing a leader, or has lost its majority: try again, "
                           "and see 'corvo status'."},
    {"DISK_FULL", "The server's disk is full. It takes writes again when there is space."},
    {"STORAGE_FAILED", "The server's disk failed, and it stopped acknowledging: see its log, then "
                       "restart it."},
    {"SHUTTING_DOWN", "The server is stopping: try again."},
};

void session_init(struct session *session, const struct args *args)
{
    *session = (struct session){.args = args, .now_ns = env_system()->wall_ns(NULL)};
    screen_init(&session->screen);
    arena_init(&session->arena, ARENA_MAX);
    buf_init(&session->out, TEXT_MAX);
    buf_init(&session->body, TEXT_MAX);
    buf_init(&session->path, 64 * KIB);
    buf_init(&session->lines, TEXT_MAX);
    if (args_switch(args, "no_color")) {
        session->screen.colour = false;
        session->screen.err_colour = false;
    }
    session->screen.quiet = args_switch(args, "quiet");
    session->json =
        strcmp(args_text(args, "output"), "json") == 0 || args_switch(args, "output_json");
}

void session_done(struct session *session)
{
    client_done(&session->client);
    arena_done(&session->arena);
    buf_done(&session->out);
    buf_done(&session->body);
    buf_done(&session->path);
    buf_done(&session->lines);
}

/* --- Asking --------------------------------------------------------------------------------------
 */

/* "/jobs/{job_id}" with its parameters, encoded, and the query behind. */
static void write_path(struct session *session, const struct request *request)
{
    const char *at = strchr(session->args->command->routes[request->route], ' ') + 1;
    uint32_t param = 0;

    buf_clear(&session->path);
    while (*at) {
        size_t size = strcspn(at, "{");

        (void)buf_add(&session->path, at, size);
        at += size;
        if (*at) {
            assert(param < ARRAY_COUNT(request->params) && request->params[param]);
            args_write_encoded(slice_text(request->params[param++]), &session->path);
            at = strchr(at, '}') + 1;
        }
    }
    (void)buf_add_slice(&session->path, request->query);
}

/* The server does not have the route: it is another version, or it was switched off. */
static bool is_route_missing(struct session *session, const struct answer *answer)
{
    struct slice text = session_text(session, answer->json, "error");
    static const char no_path[] = "no such path";

    return answer->status == 405 ||
           (answer->status == 404 &&
            (answer->json.size == 0 ||
             (text.size > strlen(no_path) && memcmp(text.data, no_path, strlen(no_path)) == 0)));
}

struct answer session_ask(struct session *session, const struct request *request)
{
    const char *route = session->args->command->routes[request->route];
    struct answer answer = {.exit = EXIT_NO_SERVER};
    struct client_request call = {.body = request->body,
                                  .idempotency_key = request->idempotency_key};
    struct client_reply reply;
    char method[8];

    assert(route && !request->params[0] == !strchr(route, '{'));
    if (session->body.failed) {
        /* Half of a request is none. */
        (void)err_set(&answer.err, ERR_NOMEM, "no memory for the request");
        session->client.failure = CLIENT_OTHER;
        answer.exit = EXIT_REFUSED;
        return answer;
    }
    (void)snprintf(method, sizeof(method), "%.*s", (int)strcspn(route, " "), route);
    write_path(session, request);
    call.method = method;
    call.path = buf_slice(&session->path);
    if (client_call(&session->client, &call, &reply, &answer.err)) {
        if (session->client.failure == CLIENT_INTERRUPTED) {
            answer.exit = EXIT_INTERRUPTED;
        }
        return answer;
    }
    answer.status = reply.status;
    answer.body = reply.body;
    if (json_look(reply.body, &answer.json, NULL)) {
        answer.json = slice_of(NULL, 0);
    }
    answer.exit = exit_for_reply(reply.status, session_text(session, answer.json, "code"));
    if (is_route_missing(session, &answer)) {
        answer.exit = EXIT_REFUSED; /* Nothing that was asked for is missing, but the question. */
    }
    return answer;
}

/* --- Reporting -----------------------------------------------------------------------------------
 */

static void add_error_text(struct session *session, const struct answer *answer, struct buf *out)
{
    struct slice text = session_text(session, answer->json, "error");

    if (!answer->status) {
        plain_add(out, slice_text(answer->err.text));
    } else if (is_route_missing(session, answer)) {
        (void)buf_printf(out, "the server at %s does not offer '%s'", session->client.server,
                         session->args->command->name);
    } else if (text.size > 0) {
        plain_add(out, text);
    } else {
        (void)buf_printf(out, "%s answered %u: ", session->client.server, answer->status);
        plain_add(out, slice_of(answer->body.data,
                                answer->body.size < ERROR_SHOWN ? answer->body.size : ERROR_SHOWN));
    }
}

static const char *hint_of(struct session *session, const struct answer *answer)
{
    struct slice code = session_text(session, answer->json, "code");

    if (!answer->status) {
        return client_hint(session->client.failure);
    }
    if (is_route_missing(session, answer)) {
        return "It may be no Corvo, or an older one: 'corvo version' tells both versions.";
    }
    for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
        if (slice_is(code, hints[i].code)) {
            return hints[i].text;
        }
    }
    return "";
}

/* An error of our own in the form of the server's. */
static void report_json(struct session *session, const struct answer *answer)
{
    struct buf *out = &session->lines;

    if (answer->status && answer->json.size > 0) {
        screen_write_json(&session->screen, session->screen.err, answer->body);
        return;
    }
    buf_clear(out);
    (void)buf_add_text(out, "{\"error\":");
    if (answer->status) {
        struct buf text;

        buf_init(&text, SIZE_MAX / 2);
        add_error_text(session, answer, &text);
        json_write_text(out, buf_slice(&text));
        buf_done(&text);
    } else {
        json_write_text(out, slice_text(answer->err.text));
    }
    (void)buf_printf(out, ",\"code\":\"%s\"}", answer->status ? "HTTP_ERROR" : "NO_SERVER");
    screen_write_json(&session->screen, session->screen.err, buf_slice(out));
}

/* The server's text says already what it is about. */
static bool is_named(struct session *session, const struct answer *answer, const char *about)
{
    struct slice text = session_text(session, answer->json, "error");

    return text.size > 0 && memmem(text.data, text.size, about, strlen(about));
}

int session_report(struct session *session, const struct answer *answer, const char *about)
{
    struct buf *out = &session->lines;
    const char *hint = hint_of(session, answer);

    screen_progress_end(&session->screen);
    (void)session_flush(session);
    if (session->json) {
        report_json(session, answer);
        return (int)answer->exit;
    }
    buf_clear(out);
    paint_add(out, session->screen.err_colour, PAINT_RED, slice_text("corvo:"));
    (void)buf_add_byte(out, ' ');
    if (about && !is_named(session, answer, about)) {
        plain_add(out, slice_text(about));
        (void)buf_add_text(out, ": ");
    }
    add_error_text(session, answer, out);
    screen_say(&session->screen, "%.*s%s%s", (int)out->size, (const char *)out->data,
               *hint ? "\n" : "", hint);
    return (int)answer->exit;
}

bool session_get(struct session *session, uint32_t route, const char *param,
                 struct answer *ret_answer)
{
    struct request request = {.route = route, .params = {param}};

    *ret_answer = session_ask(session, &request);
    if (ret_answer->exit == EXIT_DONE && ret_answer->json.size == 0) {
        ret_answer->exit = EXIT_REFUSED; /* 200, but from something that is no Corvo. */
    }
    if (ret_answer->exit != EXIT_DONE) {
        (void)session_report(session, ret_answer, param);
    }
    return ret_answer->exit == EXIT_DONE;
}

int session_misuse(struct session *session, const char *format, ...)
{
    const char *name = session->args->command->name;
    char text[ERR_TEXT_MAX], hint[64] = "help";
    va_list args;

    if (strcmp(name, hint) != 0) {
        (void)snprintf(hint, sizeof(hint), "%s --help", name);
    }

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_clear(&session->lines);
    plain_add(&session->lines, slice_text(text));
    screen_say(&session->screen, "corvo %s: %.*s\nSee 'corvo %s'.", name, (int)session->lines.size,
               (const char *)session->lines.data, hint);
    return EXIT_USAGE;
}

int session_print_json(struct session *session, const struct answer *answer)
{
    screen_progress_end(&session->screen);
    screen_write_json(&session->screen, session->screen.out, answer->body);
    return EXIT_DONE;
}

void session_paint(struct session *session, enum paint paint, struct slice text)
{
    paint_plain_add(&session->out, session->screen.colour, paint, text);
}

int session_flush(struct session *session)
{
    screen_write(&session->screen, &session->out);
    return EXIT_DONE;
}

/* --- Members -------------------------------------------------------------------------------------
 */

struct slice session_text(struct session *session, struct slice object, const char *name)
{
    struct slice text;

    return json_string_of(json_member(object, name), &session->arena, &text) ? text
                                                                             : slice_of(NULL, 0);
}

uint64_t session_time(struct session *session, struct slice object, const char *name)
{
    uint64_t time_ns = 0;

    (void)json_parse_time(session_text(session, object, name), &time_ns);
    return time_ns;
}

uint64_t session_number(struct slice object, const char *name)
{
    uint64_t number = 0;

    (void)json_whole_of(json_member(object, name), &number);
    return number;
}
