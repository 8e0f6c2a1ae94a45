/* The server process: see server.h. */
#include "server/server.h"

#include "api/api.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/http.h"
#include "node/node.h"
#include "server/announce.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/files.h"
#include "server/listener.h"
#include "server/notify.h"
#include "server/reload.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define HOUSEKEEPING_MS 5000

struct server {
    struct config config;           /* As at the start: what others borrowed stays valid. */
    struct reload reload;           /* What SIGHUP changed of it. */
    struct server_options *options; /* In force. */
    uv_loop_t *loop;
    struct data_dir data_dir;
    struct node *node;
    struct api *api;
    struct http_server *http;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t deadline, housekeeping, watchdog;
    struct notify notify;
    enum node_health told_health; /* To the service manager. */
    bool started, reload_wanted, stopping, http_closed, node_drained;
};

static void on_http_closed(void *context)
{
    struct server *server = context;

    server->http_closed = true;
    uv_stop(server->loop);
}

static void on_http_drained(void *context)
{
    struct server *server = context;

    http_server_close(server->http, on_http_closed, server);
}

static void on_node_drained(void *context)
{
    ((struct server *)context)->node_drained = true;
}

static void on_deadline(uv_timer_t *timer)
{
    struct server *server = timer->data;

    log_write(LOG_WARN, "shutdown-timeout is over: closing what is left");
    http_server_close(server->http, on_http_closed, server);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;

    if (server->stopping) {
        log_write(LOG_WARN, "second signal: closing at once");
        http_server_close(server->http, on_http_closed, server);
        return;
    }
    server->stopping = true;
    notify_send(&server->notify, "STOPPING=1\nSTATUS=finishing requests in flight");
    log_write(LOG_INFO, "stopping on %s: requests in flight are finished first",
              number == SIGTERM ? "SIGTERM" : "SIGINT");
    (void)uv_timer_start(&server->deadline, on_deadline, server->options->shutdown_timeout_ms, 0);
    node_drain(server->node, on_node_drained, server);
    http_server_drain(server->http, on_http_drained, server);
}

/* The consensus id of a node is the hash of its name, so that names need no registry. */
static uint64_t node_number(const char *name)
{
    uint64_t hash = hash_bytes(slice_text(name));

    return hash ? hash : 1;
}

static struct core_options core_options(const struct server_options *options)
{
    return (struct core_options){
        .retention_ms = options->retention_ms,
        .events_max = options->lifecycle_events ? options->events_max : 0,
        .kept = {.ttl_ms = options->idempotency_ttl_ms,
                 .min_ttl_ms = options->idempotency_min_ttl_ms,
                 .max = options->idempotency_max},
    };
}

/* What is in force goes to those who keep a copy of it. */
static void on_hangup(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    struct core_options core;

    (void)number;
    if (server->stopping || !server->started) {
        server->reload_wanted = true;
        return;
    }
    notify_reloading(&server->notify);
    listener_reload(server->http);
    if (reload_config(&server->reload, &server->config)) {
        server->options = &server->reload.config->options;
        core = core_options(server->options);
        announce_setup_log(server->options);
        node_set_core_options(server->node, &core);
        log_write(LOG_INFO, "the configuration was reloaded: %u options changed",
                  server->reload.changed_count);
    }
    notify_send(&server->notify, "READY=1");
}

static bool open_node(struct server *server, uint64_t files_max, struct refusal *refusal)
{
    const struct server_options *options = server->options;
    struct node_options node = {
        .data_dir = options->data_dir,
        .node_id = node_number(options->node_id),
        .address = options->raft_bind,
        .durable = options->durable,
        .pending_max = (uint32_t)options->raft_max_pending,
        .claims_max = (uint32_t)options->raft_max_fetch_inflight,
        .store_files_max = files_for_store(files_max),
        .view = options->view,
        .core = core_options(options),
        .env = env_system(),
    };
    struct err err;

    if (strcmp(options->raft_store, "bolt") == 0 || strcmp(options->raft_store, "pebble") == 0) {
        return refuse(refusal, REFUSAL_UNSUPPORTED, "--raft-store %s is not built yet",
                      options->raft_store);
    }
    if (!data_dir_open(options->data_dir, options->node_id, options->bootstrap, &server->data_dir,
                       refusal)) {
        return false;
    }
    if (node_open(server->loop, &node, &server->node, &err)) {
        return refuse_err(refusal, &err, REFUSAL_LOCKED, REFUSAL_OTHER);
    }
    return data_dir_is_of(&server->data_dir, node_status(server->node).cluster_id, refusal);
}

static bool open_http(struct server *server, struct refusal *refusal)
{
    const struct server_options *options = server->options;
    struct api_options api = {
        .node = server->node,
        .node_name = options->node_id,
        .max_payload_size = options->max_payload_size,
        .query_timeout_ms = options->query_timeout_ms,
        .metrics_queues_max = options->metrics_max_queues,
        .docs_enabled = options->docs_enabled,
        .require_lease_token = options->require_lease_token,
    };
    struct err err;

    if (api_create(&api, &server->api, &err)) {
        return refuse_err(refusal, &err, REFUSAL_OTHER, REFUSAL_OTHER);
    }
    return listener_open(server->loop, options, server->api, &server->http, refusal);
}

/* What `systemctl status` shows, when it is another than before. */
static void tell_health(struct server *server)
{
    struct node_status status;

    /* The loop still turns while the node closes, and then it must not be asked any more. */
    if (server->stopping) {
        return;
    }
    status = node_status(server->node);
    if (status.health == server->told_health) {
        return;
    }
    server->told_health = status.health;
    if (status.health == NODE_READY) {
        notify_send(&server->notify, "STATUS=serving on %s", server->options->bind);
    } else {
        notify_send(&server->notify, "STATUS=%s: %s", node_health_word(status.health),
                    status.failure.text);
    }
}

static void on_housekeeping(uv_timer_t *timer)
{
    struct server *server = timer->data;

    log_flush(false);
    if (server->started) {
        tell_health(server);
    }
}

/* Fed by the loop itself: when it does not turn, the service manager notices. */
static void on_watchdog(uv_timer_t *timer)
{
    notify_send(&((struct server *)timer->data)->notify, "WATCHDOG=1");
}

static void watch_signals(struct server *server)
{
    (void)uv_signal_init(server->loop, &server->on_term);
    (void)uv_signal_init(server->loop, &server->on_int);
    (void)uv_signal_init(server->loop, &server->on_hup);
    (void)uv_timer_init(server->loop, &server->deadline);
    server->on_term.data = server->on_int.data = server->deadline.data = server;
    server->on_hup.data = server;
    (void)uv_timer_init(server->loop, &server->housekeeping);
    server->housekeeping.data = server;
    (void)uv_timer_start(&server->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    (void)uv_timer_init(server->loop, &server->watchdog);
    server->watchdog.data = server;
    if (server->notify.watchdog_ms) {
        (void)uv_timer_start(&server->watchdog, on_watchdog, 0, server->notify.watchdog_ms / 3 + 1);
    }
    (void)uv_signal_start(&server->on_term, on_signal, SIGTERM);
    (void)uv_signal_start(&server->on_int, on_signal, SIGINT);
    (void)uv_signal_start(&server->on_hup, on_hangup, SIGHUP);
}

static void close_all(struct server *server)
{
    node_close(server->node);
    data_dir_close(&server->data_dir);
    api_destroy(server->api);
    uv_close((uv_handle_t *)&server->on_term, NULL);
    uv_close((uv_handle_t *)&server->on_int, NULL);
    uv_close((uv_handle_t *)&server->on_hup, NULL);
    uv_close((uv_handle_t *)&server->deadline, NULL);
    uv_close((uv_handle_t *)&server->housekeeping, NULL);
    uv_close((uv_handle_t *)&server->watchdog, NULL);
    (void)uv_run(server->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(server->loop);
}

static void announce(const struct server *server)
{
    uint16_t port = http_server_port(server->http);

    (void)printf("listening on %s://127.0.0.1:%u\n", listener_scheme(server->http), port);
    (void)fflush(stdout);
    announce_started(server->options, port, node_status(server->node).applied_index);
    notify_send(&server->notify, "READY=1\nSTATUS=serving on %s, port %u", server->options->bind,
                port);
}

static int run(struct server *server)
{
    struct refusal refusal;
    uint64_t files_max;

    if (!files_prepare(&server->config, &refusal, &files_max) ||
        !open_node(server, files_max, &refusal) || !open_http(server, &refusal)) {
        refusal_tell(&refusal, announce_log_form(server->options));
        if (server->http) {
            http_server_close(server->http, NULL, NULL);
        }
        close_all(server);
        return 1;
    }
    /* Probes are answered meanwhile: /readyz says "starting". */
    while (node_status(server->node).health == NODE_STARTING && !server->stopping) {
        (void)uv_run(server->loop, UV_RUN_ONCE);
    }
    server->started = true;
    announce(server);
    if (server->reload_wanted) {
        on_hangup(&server->on_hup, SIGHUP);
    }
    while (!server->http_closed) {
        (void)uv_run(server->loop, UV_RUN_DEFAULT);
    }
    close_all(server);
    log_write(LOG_INFO, "stopped");
    log_flush(true);
    return 0;
}

int server_main(int argc, char **argv)
{
    static struct server server = {.data_dir = {.lock = -1}};
    static uv_loop_t loop;
    int code = 1;

    if (!config_read(&server.config, argc, argv)) {
        config_print_problems(&server.config, "corvo server: ", stderr);
        config_done(&server.config);
        return 2;
    }
    if (server.config.help) {
        server_options_help(stdout);
        config_done(&server.config);
        return 0;
    }
    server.options = &server.config.options;
    reload_init(&server.reload, argc, argv);
    announce_setup_log(server.options);
    announce_warnings(server.options);
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop)) {
        (void)fprintf(stderr, "corvo server: no event loop\n");
    } else {
        server.loop = &loop;
        notify_open(&server.notify);
        notify_send(&server.notify, "STATUS=reading the log");
        watch_signals(&server);
        code = run(&server);
        notify_close(&server.notify);
    }
    reload_done(&server.reload);
    config_done(&server.config);
    return code;
}
