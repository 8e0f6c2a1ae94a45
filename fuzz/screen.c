/* Fuzz target: what the command line makes of replies. The first byte chooses the command, the
 * second the HTTP status, the rest is the body of every reply. Whatever it is, nothing that a
 * terminal could obey is printed, and the exit status is one of the contract's. */
#include "base/common.h"
#include "base/utf8.h"
#include "cli/plain.h"
#include "cli/session.h"
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 8
#define LINE_SIZE_MAX 128
#define REQUESTS_MAX 100 /* More would be a command without an end. */

static const char *const lines[] = {
    "inspect J",
    "why J",
    "attempts J",
    "search",
    "search --all --ids",
    "held",
    "queues",
    "queues Q",
    "queues -q",
    "workers",
    "errors",
    "status",
    "version",
    "retry J",
    "hold J --reason no",
    "pause Q",
    "enqueue Q",
    "workers -q",
    "inspect J -o json",
    "search -o json",
    "status -o json",
    "enqueue Q --count 2",
    "clear Q --yes",
};

static const uint16_t statuses[] = {200, 201, 400, 401, 404, 405, 409, 429, 500, 501, 503};

struct server {
    uint32_t status;
    struct slice body;
    uint32_t requests;
};

static enum err_code answer(void *context, const struct client_request *request,
                            struct client_reply *ret_reply, struct err *err)
{
    struct server *server = context;

    (void)request;
    (void)err;
    fuzz_expect(server->requests++ < REQUESTS_MAX, "a command without an end");
    *ret_reply = (struct client_reply){.status = server->status, .body = server->body};
    return ERR_NONE;
}

static void check_output(const char *text, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)text;

    for (size_t i = 0; i < size;) {
        uint32_t point = 0;
        size_t step = utf8_get(bytes + i, size - i, &point);

        fuzz_expect(step > 0, "output that is not UTF-8");
        fuzz_expect(point == '\n' || plain_is_safe(point), "U+%04X is printed", point);
        i += step;
    }
}

/* Runs the command on a terminal without colours, which is what makes JSON harmless, too. */
static void run(const struct args *args, struct server *server)
{
    char *out = NULL, *err = NULL;
    size_t out_size = 0, err_size = 0;
    char nothing[] = "\n";
    struct session session;
    int code;

    session_init(&session, args);
    session.client.transport = answer;
    session.client.transport_context = server;
    session.screen = (struct screen){
        .in = fmemopen(nothing, 1, "r"),
        .out = open_memstream(&out, &out_size),
        .err = open_memstream(&err, &err_size),
        .out_terminal = true,
        .quiet = session.screen.quiet,
        .columns = 80,
    };
    code = args->command->run(&session);
    (void)session_flush(&session);
    fuzz_expect(!session.screen.failed, "output that failed");
    (void)fclose(session.screen.in);
    (void)fclose(session.screen.out);
    (void)fclose(session.screen.err);
    fuzz_expect(exit_meaning((enum exit_code)code) != NULL, "exit status %d", code);
    check_output(out, out_size);
    if (!session.json) {
        check_output(err, err_size);
    }
    free(out);
    free(err);
    session_done(&session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct args args;
    struct slice input = slice_of(data, size);
    const char *text = lines[fuzz_take_byte(&input) % ARRAY_COUNT(lines)];
    struct server server = {.status = statuses[fuzz_take_byte(&input) % ARRAY_COUNT(statuses)]};
    char line[LINE_SIZE_MAX];
    char *argv[WORDS_MAX];
    int argc = 1;
    struct err err;

    server.body = input;
    (void)snprintf(line, sizeof(line), "%s", text);
    argv[0] = line;
    for (char *at = line; at && argc < WORDS_MAX; argc++) {
        argv[argc] = strsep(&at, " ");
    }
    fuzz_expect(args_read(argc, argv, &args, &err) == ERR_NONE, "%s: %s", text, err.text);
    run(&args, &server);
    return 0;
}
