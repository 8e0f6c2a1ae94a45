/* Many jobs: lines or copies go in batches, each of which is in whole or not at all. */
#include "base/env.h"
#include "cli/commands/enqueue.h"
#include "cli/interrupt.h"
#include "cli/plain.h"
#include "wire/json.h"
#include "wire/json_look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define RETRY_MS_DEFAULT 50
#define KEY_MAX 192

struct loader {
    struct session *session;
    const char *queue;
    struct slice payload; /* Of all copies. */
    FILE *file;           /* NULL: copies. */
    struct buf options;   /* The members that all jobs share, each with a comma before it. */
    char *line;           /* Of getline. */
    size_t line_capacity;
    uint64_t line_number;
    uint64_t wanted; /* Copies; 0 with lines: not known. */
    uint64_t taken;  /* Jobs that were read. */
    uint64_t done;   /* Jobs that the server has. */
    uint64_t batch;  /* Jobs in the body. */
    uint64_t batch_number;
    uint64_t began_ns;
};

static void begin_body(struct loader *loader)
{
    buf_clear(&loader->session->body);
    (void)buf_add_text(&loader->session->body, "{\"jobs\":[");
    loader->batch = 0;
}

static void add_job(struct loader *loader, struct slice payload)
{
    struct buf *body = &loader->session->body;

    (void)buf_add_text(body, loader->batch ? ",{\"queue\":" : "{\"queue\":");
    json_write_text(body, slice_text(loader->queue));
    if (payload.size > 0) {
        (void)buf_add_text(body, ",\"payload\":");
        json_write_compact(body, payload);
    }
    (void)buf_add_slice(body, buf_slice(&loader->options));
    (void)buf_add_byte(body, '}');
    loader->batch++;
    loader->taken++;
}

static void print_ids(struct loader *loader, struct slice json)
{
    struct json_walk walk = json_walk_of(json_member(json, "job_ids"));
    struct slice name, value, id;

    while (json_walk_next(&walk, &name, &value)) {
        if (json_string_of(value, &loader->session->arena, &id)) {
            plain_add(&loader->session->out, id);
            (void)buf_add_byte(&loader->session->out, '\n');
        }
    }
    (void)session_flush(loader->session);
}

static void show_progress(struct loader *loader)
{
    uint64_t ns = env_system()->monotonic_ns(NULL) - loader->began_ns;
    uint64_t rate = ns > 0 ? loader->done * 1000 / (ns / NS_PER_MS + 1) : 0;

    if (loader->wanted) {
        screen_progress(&loader->session->screen,
                        "enqueued %" PRIu64 " of %" PRIu64 " (%" PRIu64 "/s)", loader->done,
                        loader->wanted, rate);
    } else {
        screen_progress(&loader->session->screen, "enqueued %" PRIu64 " (%" PRIu64 "/s)",
                        loader->done, rate);
    }
}

/* Sends the body, again and again while the server has too much to do: a refused batch has left
 * nothing behind. */
static struct answer send_patiently(struct loader *loader)
{
    struct session *session = loader->session;
    const char *key = args_text(session->args, "idempotency_key");
    struct request request = {.route = 2, .body = buf_slice(&session->body)};
    uint64_t left_ms = session->client.options.timeout_ms;
    char batch_key[KEY_MAX + 24];

    if (key) {
        (void)snprintf(batch_key, sizeof(batch_key), "%.*s-%" PRIu64, KEY_MAX, key,
                       loader->batch_number);
        request.idempotency_key = batch_key;
    }
    for (;;) {
        struct answer answer = session_ask(session, &request);
        uint64_t pause_ms = session_number(answer.json, "retry_after_ms");

        pause_ms = pause_ms ? pause_ms : RETRY_MS_DEFAULT;
        if (answer.exit != EXIT_LATER || answer.status != 429 || pause_ms > left_ms ||
            !interrupt_sleep(pause_ms)) {
            return answer;
        }
        left_ms -= pause_ms;
    }
}

/* Returns the exit status; what was in the body is with the server, or nothing of it is. */
static int send_batch(struct loader *loader)
{
    struct session *session = loader->session;
    struct answer answer;

    if (loader->batch == 0) {
        return EXIT_DONE;
    }
    (void)buf_add_text(&session->body, "]}");
    loader->batch_number++;
    answer = send_patiently(loader);
    if (answer.exit != EXIT_DONE) {
        return session_report(session, &answer, NULL);
    }
    loader->done += loader->batch;
    if (session->json) {
        (void)session_print_json(session, &answer);
    } else {
        print_ids(loader, answer.json);
    }
    show_progress(loader);
    arena_clear(&session->arena);
    begin_body(loader);
    return EXIT_DONE;
}

static bool is_full(const struct loader *loader, size_t more)
{
    return loader->batch == CLI_BATCH_JOBS ||
           (loader->batch > 0 && loader->session->body.size + more > CLI_BATCH_SIZE);
}

/* Room for one more job, sending what is there when there is none. */
static int make_room(struct loader *loader, size_t payload_size)
{
    size_t size = payload_size + loader->options.size + strlen(loader->queue) * 6 + 64;

    return is_full(loader, size) ? send_batch(loader) : EXIT_DONE;
}

static int load_copies(struct loader *loader)
{
    int code = EXIT_DONE;

    while (code == EXIT_DONE && loader->taken < loader->wanted) {
        code = make_room(loader, loader->payload.size);
        if (code == EXIT_DONE) {
            add_job(loader, loader->payload);
        }
    }
    return code;
}

static int load_line(struct loader *loader, struct slice line)
{
    struct slice value;
    struct err err;
    int code;

    loader->line_number++;
    while (line.size > 0 && strchr(" \t\r\n", line.data[line.size - 1])) {
        line.size--;
    }
    if (line.size == 0) {
        return EXIT_DONE;
    }
    if (json_look(line, &value, &err)) {
        return session_misuse(loader->session, "line %" PRIu64 " is %s", loader->line_number,
                              err.text);
    }
    code = make_room(loader, value.size);
    if (code == EXIT_DONE) {
        add_job(loader, value);
    }
    return code;
}

static int load_lines(struct loader *loader)
{
    int code = EXIT_DONE;

    while (code == EXIT_DONE) {
        ssize_t size = getline(&loader->line, &loader->line_capacity, loader->file);

        if (size < 0) {
            break;
        }
        code = load_line(loader, slice_of(loader->line, (size_t)size));
    }
    if (code == EXIT_DONE && ferror(loader->file) && !interrupt_seen()) {
        code = session_misuse(loader->session, "reading lines: %s", strerror(errno));
    }
    return code;
}

/* A load that stopped on its way is done in part, whatever stopped it. */
static int finish(struct loader *loader, int code)
{
    struct screen *screen = &loader->session->screen;

    screen_progress_end(screen);
    if (code != EXIT_DONE && loader->done > 0) {
        screen_say(screen, "corvo: %" PRIu64 " jobs were enqueued before that, %s", loader->done,
                   loader->file ? "those of the first lines" : "the others were not");
        return code == EXIT_INTERRUPTED ? code : EXIT_PARTLY;
    }
    if (code == EXIT_DONE && screen->err_terminal && !screen->quiet) {
        screen_say(screen, "%" PRIu64 " jobs enqueued", loader->done);
    }
    return code;
}

int enqueue_many(struct session *session, const char *queue, FILE *file, struct slice payload)
{
    struct loader loader = {
        .session = session,
        .queue = queue,
        .payload = payload,
        .file = file,
        .wanted = args_number(session->args, "count"),
        .began_ns = env_system()->monotonic_ns(NULL),
    };
    bool comma = true;
    int code;

    if (!file && (loader.wanted == 0 || loader.wanted > CLI_ENQUEUE_COUNT_MAX)) {
        return session_misuse(session, "--count is 1 to %d", CLI_ENQUEUE_COUNT_MAX);
    }
    if (file && args_text(session->args, "count")) {
        return session_misuse(session, "--count and --ndjson do not go together");
    }
    buf_init(&loader.options, BODY_MAX_DEFAULT);
    args_write_members(session->args, session->now_ns, &comma, &loader.options);
    begin_body(&loader);
    code = file ? load_lines(&loader) : load_copies(&loader);
    if (code == EXIT_DONE) {
        code = send_batch(&loader);
    }
    buf_done(&loader.options);
    free(loader.line);
    return finish(&loader, code);
}
