/* A client of one connection and one request. */
#include "bench/call.h"

#include "bench/clock.h"
#include "bench/request.h"
#include "bench/scan.h"

#define INFO_NS (5 * NS_PER_SECOND)
#define READY_PAUSE_NS (1000 * 1000)

static void on_reply(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct call *call = context;

    (void)connection;
    call->done = true;
    call->status = reply->status;
    call->received_ns = reply->received_ns;
    (void)buf_add_slice(&call->body, reply->body);
}

static enum err_code wait_for(struct client *client, struct call *call, struct err *err)
{
    uint64_t until_ns = clock_mono_ns() + call->limit_ns;
    enum err_code code = ERR_NONE;

    while (code == ERR_NONE && !call->done) {
        if (run_interrupted() || clock_mono_ns() >= until_ns) {
            return err_set(err, ERR_TIMEOUT, "no answer in time");
        }
        code = client_turn(client, until_ns, err);
    }
    if (code == ERR_NONE && call->status == STATUS_LOST) {
        code = err_set(err, ERR_CLOSED, "the connection was lost");
    }
    return code;
}

enum err_code call_server(const struct bench *bench, const struct buf *request, struct call *call,
                          struct err *err)
{
    const struct client_options options = {
        .address = &bench->address,
        .connection_count = 1,
        .on_reply = on_reply,
        .context = call,
    };
    struct client *client = NULL;
    enum err_code code;

    buf_init(&call->body, REQUEST_SIZE_MAX);
    if (request->failed) {
        return err_set(err, ERR_NOMEM, "no memory for a request");
    }
    code = client_create(&options, &client, err);
    if (code == ERR_NONE) {
        client_send(client, 0, buf_slice(request));
        code = wait_for(client, call, err);
    }
    client_destroy(client);
    if (code == ERR_NONE && call->body.failed) {
        code = err_set(err, ERR_NOMEM, "no memory for a reply");
    }
    return code;
}

void call_done(struct call *call)
{
    buf_done(&call->body);
}

enum err_code call_info(const struct bench *bench, pid_t *ret_pid, struct err *err)
{
    struct call call = {.limit_ns = INFO_NS};
    struct buf request;
    uint64_t pid;
    enum err_code code;

    buf_init(&request, REQUEST_SIZE_MAX);
    request_build(&request, bench, "/api/v1/info", slice_of(NULL, 0));
    code = call_server(bench, &request, &call, err);
    buf_done(&request);
    if (code == ERR_NONE && scan_number(buf_slice(&call.body), "\"pid\":", &pid)) {
        *ret_pid = (pid_t)pid;
    }
    call_done(&call);
    return code;
}

static enum err_code ask_ready(const struct bench *bench, bool *ret_ready, struct err *err)
{
    struct call call = {.limit_ns = INFO_NS};
    struct buf request;
    enum err_code code;

    buf_init(&request, REQUEST_SIZE_MAX);
    request_build(&request, bench, "/readyz", slice_of(NULL, 0));
    code = call_server(bench, &request, &call, err);
    buf_done(&request);
    call_done(&call);
    if (code == ERR_NONE) {
        *ret_ready = call.status == 200;
    }
    return code;
}

enum err_code call_until_ready(const struct bench *bench, uint64_t until_ns, struct err *err)
{
    const struct timespec pause = {.tv_nsec = READY_PAUSE_NS};
    bool ready = false;
    enum err_code code = ask_ready(bench, &ready, err);

    while (code == ERR_NONE && !ready) {
        if (run_interrupted() || clock_mono_ns() >= until_ns) {
            return err_set(err, ERR_TIMEOUT, "the server does not become ready");
        }
        (void)nanosleep(&pause, NULL);
        code = ask_ready(bench, &ready, err);
    }
    return code;
}
