/* Routes about the node itself: versions, health, status, documents. */
#include "api/metrics.h"
#include "base/version.h"
#include "wire/json.h"

#include <inttypes.h>

void handle_info(struct call *call)
{
    struct buf *body = &call->api->body;
    struct node_status status = node_status(call->api->options.node);

    (void)buf_printf(body,
                     "{\"server_version\":\"%s\",\"api_version\":\"%s\",\"node_id\":", VERSION_TEXT,
                     VERSION_TEXT);
    json_write_text(body, slice_text(call->api->options.node_name));
    (void)buf_printf(body,
                     ",\"cluster_id\":\"%016" PRIx64 "\",\"commit\":\"%s\",\"features\":"
                     "[\"lease_tokens\",\"receipts\"]}",
                     status.cluster_id, VERSION_COMMIT);
    reply_read(call, 200);
}

/* loop, log, store, view and its readers: see ARCHITECTURE.md. */
#define SERVER_THREADS (4 + VIEW_READERS)

static uint64_t rusage_ns(const uv_timeval_t *used)
{
    return (uint64_t)used->tv_sec * NS_PER_SECOND + (uint64_t)used->tv_usec * 1000;
}

void handle_healthz(struct call *call)
{
    struct node_status status = node_status(call->api->options.node);

    (void)buf_printf(&call->api->body, "{\"status\":\"ok\",\"raft_state\":\"%s\",\"leader\":%s}",
                     status.leader ? "Leader" : "Follower", status.leader ? "true" : "false");
    reply_read(call, 200);
}

void handle_readyz(struct call *call)
{
    struct buf *body = &call->api->body;
    struct node_status status = node_status(call->api->options.node);

    if (status.health == NODE_READY) {
        (void)buf_printf(body,
                         "{\"status\":\"ready\",\"role\":\"leader\",\"applied_index\":%" PRIu64
                         ",\"lag\":%" PRIu64 "}",
                         status.applied_index, status.commit_index - status.applied_index);
        reply_read(call, 200);
        return;
    }
    (void)buf_printf(body, "{\"status\":\"not_ready\",\"reason\":\"%s\"",
                     node_health_word(status.health));
    if (status.failure.code) {
        (void)buf_add_text(body, ",\"error\":");
        json_write_text(body, slice_text(status.failure.text));
    }
    (void)buf_add_byte(body, '}');
    reply_read(call, 503);
}

static void write_log(struct buf *body, const struct node_status *status)
{
    (void)buf_printf(body,
                     ",\"log\":{\"entries\":%" PRIu64 ",\"bytes\":%" PRIu64
                     ",\"first_index\":%" PRIu64 ",\"flushed_index\":%" PRIu64 ",\"syncs\":%" PRIu64
                     "}",
                     status->commit_index + 1 - status->first_index, status->log_bytes,
                     status->first_index, status->persisted_index, status->log_syncs);
    (void)buf_printf(
        body,
        ",\"store\":{\"keys_written\":%" PRIu64 ",\"bytes_written\":%" PRIu64
        ",\"epochs_written\":%" PRIu64 ",\"flushes\":%" PRIu64 ",\"overlay_bytes\":%zu}",
        status->store.keys_written, status->store.bytes_written, status->store.epochs_written,
        status->store.flushes, status->store.overlay_bytes);
}

/* What the contract calls the mirror is the view. Nothing is ever dropped or queued: what is not
 * taken over yet is in change records. */
static void write_view(struct buf *body, const struct node_view_figures *figures,
                       uint64_t applied_index)
{
    const struct view_status *view = &figures->status;
    uint64_t lag = applied_index > view->index ? applied_index - view->index : 0;

    if (!figures->on) {
        (void)buf_add_text(body, ",\"view\":{\"state\":\"off\"}");
        return;
    }
    (void)buf_printf(body,
                     ",\"view_index\":%" PRIu64 ",\"view_lag_ms\":%" PRIu64
                     ",\"view\":{\"state\":\"%s\",\"incomplete\":%s,\"file_size\":%" PRIu64
                     ",\"rows_total\":%" PRIu64 ",\"rebuilds_total\":%" PRIu64,
                     view->index, figures->lag_ms, view_state_word(view->state),
                     view->incomplete ? "true" : "false", view->file_size, view->rows_total,
                     view->rebuilds_total);
    if (view->trouble.code) {
        (void)buf_add_text(body, ",\"error\":");
        json_write_text(body, slice_text(view->trouble.text));
    }
    (void)buf_printf(body,
                     "},\"sqlite_mirror\":{\"async\":true,\"dropped\":0,\"queued\":%" PRIu64
                     ",\"applied\":%" PRIu64 ",\"lag\":%" PRIu64
                     ",\"queue_depth\":0,\"queue_capacity\":0}",
                     applied_index, view->index, lag);
}

static void write_rebuild(struct buf *body, const struct view_status *view)
{
    if (view->rebuild_started_ms == 0) {
        (void)buf_add_text(body, ",\"sqlite_rebuild\":{\"ran\":false}");
        return;
    }
    (void)buf_add_text(body, ",\"sqlite_rebuild\":{\"ran\":true,\"last_started_at\":");
    json_write_time(body, view->rebuild_started_ms * NS_PER_MS);
    (void)buf_printf(body, ",\"last_duration_ms\":%" PRIu64 ",\"last_success\":%s",
                     view->rebuild_duration_ms, view->rebuild_err.code ? "false" : "true");
    if (view->rebuild_err.code) {
        (void)buf_add_text(body, ",\"last_error\":");
        json_write_text(body, slice_text(view->rebuild_err.text));
    }
    (void)buf_add_byte(body, '}');
}

/* The hash over all rows by a scan, beside the one kept up to date: they must be equal. */
static bool write_verified(struct call *call)
{
    struct core *core = node_core(call->api->options.node);
    uint64_t hash;
    struct err err;

    if (core_hash_scan(core, &hash, &err) || core_check(core, &err)) {
        reply_error(call, &err);
        return false;
    }
    (void)buf_printf(&call->api->body, ",\"scanned_hash\":\"%016" PRIx64 "\"", hash);
    return true;
}

void handle_status(struct call *call)
{
    struct buf *body = &call->api->body;
    struct node_status status = node_status(call->api->options.node);
    struct node_view_figures view = node_view_figures(call->api->options.node);
    struct slice verify = http_query_find(call->input, "verify");

    (void)buf_printf(body, "{\"mode\":\"cluster\",\"state\":\"%s\",\"status\":\"%s\",\"node_id\":",
                     status.leader ? "Leader" : "Follower",
                     status.health == NODE_READY ? "healthy" : "degraded");
    json_write_text(body, slice_text(call->api->options.node_name));
    (void)buf_printf(body,
                     ",\"applied_index\":\"%" PRIu64 "\",\"commit_index\":\"%" PRIu64
                     "\",\"term\":%" PRIu64 ",\"cluster_id\":\"%016" PRIx64
                     "\",\"durable\":%s,\"version\":\"%s\",\"raft_store\":\"segments\"",
                     status.applied_index, status.commit_index, status.term, status.cluster_id,
                     status.durable ? "true" : "false", VERSION_TEXT);
    (void)buf_printf(
        body,
        ",\"apply_pending_now\":%u,\"overload_total\":%" PRIu64 ",\"applied_total\":%" PRIu64
        ",\"waiters\":%u,\"waiting_reads\":%u,\"loop_turn_max_ms\":%.3f"
        ",\"loop_turn_cpu_max_ms\":%.3f,\"timer_late_max_ms\":%.3f,\"state_hash\":\"%016" PRIx64
        "\"",
        status.pending_ops, status.overload_total, status.applied_ops_total, status.waiters,
        status.waiting_reads, (double)status.turn_ns_max / 1e6,
        (double)status.turn_cpu_ns_max / 1e6, (double)status.tick_late_ns_max / 1e6,
        status.state_hash);
    (void)buf_printf(body,
                     ",\"idempotency\":{\"records\":%" PRIu64 ",\"replays_total\":%" PRIu64
                     ",\"mismatches_total\":%" PRIu64 ",\"evicted_early_total\":%" PRIu64 "}",
                     status.kept.records, status.keyed_again_total, status.keyed_mismatch_total,
                     status.kept.evicted);
    write_log(body, &status);
    write_view(body, &view, status.applied_index);
    write_rebuild(body, &view.status);
    if (slice_is(verify, "true") && !write_verified(call)) {
        return;
    }
    (void)buf_add_byte(body, '}');
    reply_read(call, 200);
}

/* What the bench tool of the contract reads (3.13); a server without a garbage collector has no
 * pauses, and its threads stand for goroutines. */
void handle_runtime(struct call *call)
{
    uv_rusage_t usage = {0};
    size_t rss = 0;

    (void)uv_resident_set_memory(&rss);
    (void)uv_getrusage(&usage);
    (void)buf_printf(&call->api->body,
                     "{\"goroutines\":%u,\"gomaxprocs\":%u,\"heap_inuse_bytes\":%zu,"
                     "\"stack_inuse_bytes\":0,\"gc_pause_p99_ns\":0,\"cpu_user_ns\":%" PRIu64
                     ",\"cpu_sys_ns\":%" PRIu64 "}",
                     SERVER_THREADS, uv_available_parallelism(), rss, rusage_ns(&usage.ru_utime),
                     rusage_ns(&usage.ru_stime));
    reply_read(call, 200);
}

void handle_openapi(struct call *call)
{
    struct api *api = call->api;
    struct http_output output = {
        .status = 200, .content_type = "application/json", .headers = slice_text(api->headers)};

    if (!api->openapi.size) {
        api_write_openapi(&api->openapi);
    }
    output.body = buf_slice(&api->openapi);
    metrics_count(call, 200);
    http_reply(call->request, &output);
}
