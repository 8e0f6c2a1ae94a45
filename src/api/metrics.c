/* GET /metrics: figures for Prometheus (reference 3.14, A20).
 *
 * One table of families; label sets are closed: routes by their templates, queues up to a bound,
 * behind which all others are one. */
#include "api/metrics.h"

#include "base/version.h"
#include "core/job.h"
#include "core/queue.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#define OTHERS "__other__"

/* Of corvo_http_request_duration_seconds, in microseconds. */
static const uint64_t bounds_us[HTTP_BUCKETS] = {
    1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

/* What single figures are read from. */
struct figures {
    uint64_t view_index, view_lag_us, view_lag, view_rows, view_rebuilds, view_dropped;
    uint64_t queries, queries_incomplete;
    uint64_t is_leader, raft_state, applied_index, commit_index, apply_pending, apply_pending_max;
    uint64_t overloads, applied, log_entries, log_bytes, log_failed, log_syncs;
    uint64_t flushed_index, overlay_bytes, keys_written, bytes_written;
    uint64_t kept, kept_again, kept_mismatches, kept_evicted;
    uint64_t waiters, waiting_reads, queues, workers, workers_active;
    uint64_t enqueued, completed, failed;
    uint64_t rss_bytes, open_fds, cpu_us, started_us;
};

struct writer {
    struct buf *buf;
    struct api *api;
    struct figures figures;
    const struct queue_object *queues; /* With labels of their own. */
    uint32_t queue_count;
    struct queue_object others; /* The sum of all others. */
    struct pace_waits other_waits;
    bool has_others;
};

/* --- Writing samples ---------------------------------------------------------------------------
 */

/* A label's value: backslash, quote and line feed are escaped. */
static void add_label(struct buf *buf, const char *before, struct slice value)
{
    (void)buf_add_text(buf, before);
    (void)buf_add_text(buf, "=\"");
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\n') {
            (void)buf_add_text(buf, "\\n");
            continue;
        }
        if (value.data[i] == '\\' || value.data[i] == '"') {
            (void)buf_add_byte(buf, '\\');
        }
        (void)buf_add_byte(buf, value.data[i]);
    }
    (void)buf_add_byte(buf, '"');
}

static void write_scalar(struct writer *writer, const struct metric_family *family)
{
    uint64_t value;

    memcpy(&value, (const uint8_t *)&writer->figures + family->offset, sizeof(value));
    if (family->micro) {
        (void)buf_printf(writer->buf, "%s %" PRIu64 ".%06" PRIu64 "\n", family->name,
                         value / 1000000, value % 1000000);
    } else {
        (void)buf_printf(writer->buf, "%s %" PRIu64 "\n", family->name, value);
    }
}

static void write_build(struct writer *writer, const struct metric_family *family)
{
    (void)buf_printf(writer->buf, "%s{version=\"%s\",commit=\"%s\"} 1\n", family->name,
                     VERSION_TEXT, VERSION_COMMIT);
}

/* --- Queues --------------------------------------------------------------------------------------
 */

static const struct queue_object *queue_at(const struct writer *writer, uint32_t i)
{
    if (i < writer->queue_count) {
        return &writer->queues[i];
    }
    return i == writer->queue_count && writer->has_others ? &writer->others : NULL;
}

static const struct {
    const char *state;
    uint32_t offset;
} states[] = {
    {"pending", offsetof(struct queue_object, pending)},
    {"active", offsetof(struct queue_object, active)},
    {"held", offsetof(struct queue_object, held)},
    {"completed", offsetof(struct queue_object, completed)},
    {"dead", offsetof(struct queue_object, dead)},
    {"scheduled", offsetof(struct queue_object, scheduled)},
    {"retrying", offsetof(struct queue_object, retrying)},
    {"cancelled", offsetof(struct queue_object, cancelled)},
};

static uint64_t count_in(const struct queue_object *queue, uint32_t offset)
{
    uint64_t count;

    memcpy(&count, (const uint8_t *)queue + offset, sizeof(count));
    return count;
}

static void write_queue_jobs(struct writer *writer, const struct metric_family *family)
{
    const struct queue_object *queue;

    for (uint32_t i = 0; (queue = queue_at(writer, i)); i++) {
        for (uint32_t j = 0; j < ARRAY_COUNT(states); j++) {
            (void)buf_printf(writer->buf, "%s{", family->name);
            add_label(writer->buf, "queue", queue->name);
            (void)buf_printf(writer->buf, ",state=\"%s\"} %" PRIu64 "\n", states[j].state,
                             count_in(queue, states[j].offset));
        }
    }
}

static void write_jobs(struct writer *writer, const struct metric_family *family)
{
    for (uint32_t j = 0; j < ARRAY_COUNT(states); j++) {
        const struct queue_object *queue;
        uint64_t sum = 0;

        for (uint32_t i = 0; (queue = queue_at(writer, i)); i++) {
            sum += count_in(queue, states[j].offset);
        }
        (void)buf_printf(writer->buf, "%s{state=\"%s\"} %" PRIu64 "\n", family->name,
                         states[j].state, sum);
    }
}

static void write_queue_figure(struct writer *writer, const struct metric_family *family)
{
    const struct queue_object *queue;

    for (uint32_t i = 0; (queue = queue_at(writer, i)); i++) {
        (void)buf_printf(writer->buf, "%s{", family->name);
        add_label(writer->buf, "queue", queue->name);
        (void)buf_printf(writer->buf, "} %" PRIu64 "\n", count_in(queue, family->offset));
    }
}

static void write_oldest(struct writer *writer, const struct metric_family *family)
{
    const struct queue_object *queue;

    for (uint32_t i = 0; (queue = queue_at(writer, i)); i++) {
        (void)buf_printf(writer->buf, "%s{", family->name);
        add_label(writer->buf, "queue", queue->name);
        (void)buf_printf(writer->buf, "} %" PRIu64 ".%03" PRIu64 "\n",
                         queue->oldest_ready_age_ms / 1000, queue->oldest_ready_age_ms % 1000);
    }
}

static void write_paused(struct writer *writer, const struct metric_family *family)
{
    const struct queue_object *queue;

    for (uint32_t i = 0; (queue = queue_at(writer, i)); i++) {
        (void)buf_printf(writer->buf, "%s{", family->name);
        add_label(writer->buf, "queue", queue->name);
        (void)buf_printf(writer->buf, "} %d\n", queue->paused);
    }
}

static void write_waits_of(struct writer *writer, const struct metric_family *family,
                           struct slice queue, const struct pace_waits *waits)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < PACE_BOUNDS; i++) {
        sum += waits->counts[i];
        (void)buf_printf(writer->buf, "%s_bucket{", family->name);
        add_label(writer->buf, "queue", queue);
        (void)buf_printf(writer->buf, ",le=\"%g\"} %" PRIu64 "\n", (double)pace_bounds_ms[i] / 1000,
                         sum);
    }
    (void)buf_printf(writer->buf, "%s_bucket{", family->name);
    add_label(writer->buf, "queue", queue);
    (void)buf_printf(writer->buf, ",le=\"+Inf\"} %" PRIu64 "\n%s_sum{", waits->count, family->name);
    add_label(writer->buf, "queue", queue);
    (void)buf_printf(writer->buf, "} %" PRIu64 ".%03" PRIu64 "\n%s_count{", waits->sum_ms / 1000,
                     waits->sum_ms % 1000, family->name);
    add_label(writer->buf, "queue", queue);
    (void)buf_printf(writer->buf, "} %" PRIu64 "\n", waits->count);
}

/* Of queues whose jobs were never started there is nothing to tell. */
static void write_waits(struct writer *writer, const struct metric_family *family)
{
    const struct queue_object *queue;

    for (uint32_t i = 0; (queue = queue_at(writer, i)); i++) {
        struct pace_waits waits = {0};

        if (queue == &writer->others) {
            waits = writer->other_waits;
        } else {
            node_add_waits(writer->api->options.node, queue->name, &waits);
        }
        if (waits.count > 0) {
            write_waits_of(writer, family, queue->name, &waits);
        }
    }
}

static void add_to_others(struct queue_object *others, const struct queue_object *queue)
{
    for (uint32_t j = 0; j < ARRAY_COUNT(states); j++) {
        uint64_t sum = count_in(others, states[j].offset) + count_in(queue, states[j].offset);

        memcpy((uint8_t *)others + states[j].offset, &sum, sizeof(sum));
    }
    others->enqueued_total += queue->enqueued_total;
    others->completed_total += queue->completed_total;
    others->failed_total += queue->failed_total;
    others->paused = others->paused || queue->paused;
    if (queue->oldest_ready_age_ms > others->oldest_ready_age_ms) {
        others->oldest_ready_age_ms = queue->oldest_ready_age_ms;
    }
}

/* --- Routes --------------------------------------------------------------------------------------
 */

void metrics_count(struct call *call, uint16_t status)
{
    struct route_count *count;
    uint64_t took_us;
    uint32_t bucket = 0;

    if (!call->route || !call->api->route_counts) {
        return;
    }
    count = &call->api->route_counts[route_number(call->route)];
    took_us = (uv_hrtime() - call->input->started_ns) / 1000;
    while (bucket < HTTP_BUCKETS && took_us > bounds_us[bucket]) {
        bucket++;
    }
    count->requests++;
    count->errors += status >= 400;
    count->buckets[bucket]++;
    count->sum_us += took_us;
}

static void add_route(struct writer *writer, const char *name, const struct route *route)
{
    (void)buf_printf(writer->buf, "%s{method=\"%s\",route=\"%s\"", name, method_name(route->method),
                     route->path);
}

static void write_route_count(struct writer *writer, const struct metric_family *family)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t value;

        memcpy(&value, (const uint8_t *)&writer->api->route_counts[i] + family->offset,
               sizeof(value));
        if (writer->api->route_counts[i].requests > 0) {
            add_route(writer, family->name, &rows[i]);
            (void)buf_printf(writer->buf, "} %" PRIu64 "\n", value);
        }
    }
}

static void write_route_times(struct writer *writer, const struct metric_family *family,
                              const struct route *route, const struct route_count *count)
{
    uint64_t sum = 0;
    char name[80];

    (void)snprintf(name, sizeof(name), "%s_bucket", family->name);
    for (uint32_t i = 0; i < HTTP_BUCKETS; i++) {
        sum += count->buckets[i];
        add_route(writer, name, route);
        (void)buf_printf(writer->buf, ",le=\"%g\"} %" PRIu64 "\n", (double)bounds_us[i] / 1e6, sum);
    }
    add_route(writer, name, route);
    (void)buf_printf(writer->buf, ",le=\"+Inf\"} %" PRIu64 "\n", count->requests);
    (void)snprintf(name, sizeof(name), "%s_sum", family->name);
    add_route(writer, name, route);
    (void)buf_printf(writer->buf, "} %" PRIu64 ".%06" PRIu64 "\n", count->sum_us / 1000000,
                     count->sum_us % 1000000);
    (void)snprintf(name, sizeof(name), "%s_count", family->name);
    add_route(writer, name, route);
    (void)buf_printf(writer->buf, "} %" PRIu64 "\n", count->requests);
}

static void write_durations(struct writer *writer, const struct metric_family *family)
{
    uint32_t count;
    const struct route *rows = route_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        if (writer->api->route_counts[i].requests > 0) {
            write_route_times(writer, family, &rows[i], &writer->api->route_counts[i]);
        }
    }
}

/* --- The table -----------------------------------------------------------------------------------
 */

#define FIGURE(name_, type_, member_, help_)                                                       \
    {.name = name_,                                                                                \
     .type = type_,                                                                                \
     .write = write_scalar,                                                                        \
     .offset = offsetof(struct figures, member_),                                                  \
     .help = help_}
#define SECONDS(name_, type_, member_, help_)                                                      \
    {.name = name_,                                                                                \
     .type = type_,                                                                                \
     .write = write_scalar,                                                                        \
     .micro = true,                                                                                \
     .offset = offsetof(struct figures, member_),                                                  \
     .help = help_}
#define QUEUE(name_, member_, help_)                                                               \
    {.name = name_,                                                                                \
     .type = "counter",                                                                            \
     .write = write_queue_figure,                                                                  \
     .offset = offsetof(struct queue_object, member_),                                             \
     .help = help_}
#define ROUTE(name_, member_, help_)                                                               \
    {.name = name_,                                                                                \
     .type = "counter",                                                                            \
     .write = write_route_count,                                                                   \
     .offset = offsetof(struct route_count, member_),                                              \
     .help = help_}

static const struct metric_family families[] = {
    {.name = "corvo_build_info",
     .type = "gauge",
     .write = write_build,
     .help = "what runs; always 1"},
    FIGURE("corvo_cluster_is_leader", "gauge", is_leader, "1 on the leader"),
    FIGURE("corvo_raft_state", "gauge", raft_state, "0 follower, 2 leader"),
    FIGURE("corvo_raft_applied_index", "gauge", applied_index, "last entry that is applied"),
    FIGURE("corvo_raft_commit_index", "gauge", commit_index, "last entry that is committed"),
    FIGURE("corvo_raft_apply_pending", "gauge", apply_pending,
           "operations accepted and not yet applied"),
    FIGURE("corvo_raft_apply_max_pending", "gauge", apply_pending_max,
           "how many of those there may be"),
    FIGURE("corvo_raft_apply_overload_total", "counter", overloads,
           "requests refused with OVERLOADED"),
    FIGURE("corvo_raft_applied_total", "counter", applied, "operations applied since the start"),
    FIGURE("corvo_log_entries", "gauge", log_entries, "entries that the log holds"),
    FIGURE("corvo_log_bytes", "gauge", log_bytes, "bytes that the log holds"),
    FIGURE("corvo_log_failed", "gauge", log_failed,
           "1 when a failed write or sync stopped the node"),
    FIGURE("corvo_log_syncs_total", "counter", log_syncs, "syncs of the log since the start"),
    FIGURE("corvo_store_flushed_index", "gauge", flushed_index,
           "last entry that the store holds durably"),
    FIGURE("corvo_store_overlay_bytes", "gauge", overlay_bytes, "rows not yet written"),
    FIGURE("corvo_store_keys_written_total", "counter", keys_written,
           "rows written since the start"),
    FIGURE("corvo_store_bytes_written_total", "counter", bytes_written,
           "bytes of rows written since the start"),
    FIGURE("corvo_view_index", "gauge", view_index, "last entry that searches see"),
    SECONDS("corvo_view_lag_seconds", "gauge", view_lag_us,
            "since when an entry is applied that searches do not see"),
    FIGURE("corvo_view_rows_total", "counter", view_rows,
           "jobs written and taken out of the view since the start"),
    FIGURE("corvo_view_rebuilds_total", "counter", view_rebuilds,
           "how often the view was made anew since the start"),
    FIGURE("corvo_view_queries", "gauge", queries, "searches and the like that are under way"),
    FIGURE("corvo_view_queries_incomplete_total", "counter", queries_incomplete,
           "of those, answered before everything was looked at"),
    FIGURE("corvo_sqlite_mirror_lag_updates", "gauge", view_lag,
           "entries that searches do not see yet"),
    FIGURE("corvo_sqlite_mirror_dropped_total", "counter", view_dropped, "always 0"),
    FIGURE("corvo_idempotency_records", "gauge", kept, "outcomes of keyed requests that are kept"),
    FIGURE("corvo_idempotency_replays_total", "counter", kept_again,
           "requests answered with a kept outcome"),
    FIGURE("corvo_idempotency_mismatches_total", "counter", kept_mismatches,
           "keys that were used for another request"),
    FIGURE("corvo_idempotency_evicted_early_total", "counter", kept_evicted,
           "outcomes let go before their time"),
    FIGURE("corvo_waiters", "gauge", waiters, "fetches that wait for a job"),
    FIGURE("corvo_waiting_reads", "gauge", waiting_reads, "reads that wait for an index"),
    FIGURE("corvo_workers_registered", "gauge", workers, "workers that are known"),
    FIGURE("corvo_workers_active", "gauge", workers_active, "workers that are not lost"),
    FIGURE("corvo_throughput_enqueued_total", "counter", enqueued, "jobs enqueued since the start"),
    FIGURE("corvo_throughput_completed_total", "counter", completed,
           "jobs completed since the start"),
    FIGURE("corvo_throughput_failed_total", "counter", failed, "attempts failed since the start"),
    FIGURE("corvo_queues_total", "gauge", queues, "queues"),
    {.name = "corvo_queue_jobs",
     .type = "gauge",
     .write = write_queue_jobs,
     .help = "jobs of a queue by state"},
    {.name = "corvo_jobs", .type = "gauge", .write = write_jobs, .help = "jobs by state"},
    QUEUE("corvo_jobs_enqueued_total", enqueued_total, "jobs enqueued ever"),
    QUEUE("corvo_jobs_completed_total", completed_total, "jobs completed ever"),
    QUEUE("corvo_jobs_failed_total", failed_total, "attempts failed ever"),
    {.name = "corvo_job_wait_seconds",
     .type = "histogram",
     .write = write_waits,
     .help = "how long jobs had been ready when they were started"},
    {.name = "corvo_queue_oldest_ready_seconds",
     .type = "gauge",
     .write = write_oldest,
     .help = "how long the oldest ready job waits"},
    {.name = "corvo_queue_paused",
     .type = "gauge",
     .write = write_paused,
     .help = "1 while the queue hands out nothing"},
    ROUTE("corvo_http_requests_total", requests, "requests answered"),
    ROUTE("corvo_http_request_errors_total", errors, "of those with a status of 400 or more"),
    {.name = "corvo_http_request_duration_seconds",
     .type = "histogram",
     .write = write_durations,
     .help = "from the first byte of a request to its answer"},
    FIGURE("process_resident_memory_bytes", "gauge", rss_bytes, "memory in use"),
    FIGURE("process_open_fds", "gauge", open_fds, "open file descriptors"),
    SECONDS("process_cpu_seconds_total", "counter", cpu_us, "CPU time used"),
    SECONDS("process_start_time_seconds", "gauge", started_us, "when the process started"),
};

#undef FIGURE
#undef SECONDS
#undef QUEUE
#undef ROUTE

const struct metric_family *metric_families(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(families);
    return families;
}

/* --- The reply -----------------------------------------------------------------------------------
 */

static uint64_t count_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;

    while (dir && readdir(dir)) {
        count++;
    }
    if (dir) {
        (void)closedir(dir);
    }
    return count > 3 ? count - 3 : 0; /* Not itself, '.' and '..'. */
}

static void fill_process(const struct api *api, struct figures *figures)
{
    uv_rusage_t usage = {0};
    size_t rss = 0;

    (void)uv_resident_set_memory(&rss);
    (void)uv_getrusage(&usage);
    figures->rss_bytes = rss;
    figures->open_fds = count_open_files();
    figures->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    figures->started_us = api->started_us;
}

static void fill_figures(struct writer *writer)
{
    struct node_status status = node_status(writer->api->options.node);
    struct node_soft soft = node_soft(writer->api->options.node);
    struct node_view_figures view = node_view_figures(writer->api->options.node);

    writer->figures = (struct figures){
        .is_leader = status.leader,
        .raft_state = status.leader ? 2 : 0,
        .view_index = view.status.index,
        .view_lag_us = view.lag_ms * 1000,
        .view_lag = view.on && status.applied_index > view.status.index
                        ? status.applied_index - view.status.index
                        : 0,
        .view_rows = view.status.rows_total,
        .queries = writer->api->queries,
        .queries_incomplete = writer->api->queries_incomplete,
        .view_rebuilds = view.status.rebuilds_total,
        .applied_index = status.applied_index,
        .commit_index = status.commit_index,
        .apply_pending = status.pending_ops,
        .apply_pending_max = soft.pending_max,
        .overloads = status.overload_total,
        .applied = status.applied_ops_total,
        .log_entries = status.commit_index + 1 - status.first_index,
        .log_bytes = status.log_bytes,
        .log_failed = status.health == NODE_STORAGE_FAILED,
        .log_syncs = status.log_syncs,
        .flushed_index = status.persisted_index,
        .overlay_bytes = status.store.overlay_bytes,
        .keys_written = status.store.keys_written,
        .bytes_written = status.store.bytes_written,
        .kept = status.kept.records,
        .kept_again = status.keyed_again_total,
        .kept_mismatches = status.keyed_mismatch_total,
        .kept_evicted = status.kept.evicted,
        .waiters = status.waiters,
        .waiting_reads = status.waiting_reads,
        .workers = soft.workers,
        .workers_active = soft.workers_heard,
        .enqueued = soft.enqueued_total,
        .completed = soft.completed_total,
        .failed = soft.failed_total,
    };
    fill_process(writer->api, &writer->figures);
}

/* The first queues by name have labels, so that these do not change from scrape to scrape. */
static enum err_code fill_queues(struct writer *writer, struct arena *arena, struct err *err)
{
    struct node *node = writer->api->options.node;
    uint32_t max = (uint32_t)writer->api->options.metrics_queues_max;
    struct list queues;

    if (core_queues_get(node_core(node), node_now_ns(node), arena, &queues, err)) {
        return err->code;
    }
    writer->figures.queues = queues.count;
    writer->queues = queues.items;
    writer->queue_count = queues.count < max ? queues.count : max;
    writer->others.name = slice_text(OTHERS);
    writer->has_others = queues.count > writer->queue_count;
    for (uint32_t i = writer->queue_count; i < queues.count; i++) {
        add_to_others(&writer->others, &writer->queues[i]);
        node_add_waits(node, writer->queues[i].name, &writer->other_waits);
    }
    return ERR_NONE;
}

void handle_metrics_get(struct call *call)
{
    struct writer writer = {.buf = &call->api->body, .api = call->api};
    struct err err;

    fill_figures(&writer);
    if (fill_queues(&writer, call->input->arena, &err)) {
        reply_error(call, &err);
        return;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(families); i++) {
        (void)buf_printf(writer.buf, "# HELP %s %s\n# TYPE %s %s\n", families[i].name,
                         families[i].help, families[i].name, families[i].type);
        families[i].write(&writer, &families[i]);
    }
    reply_text(call, "text/plain; version=0.0.4; charset=utf-8");
}

void api_write_metrics(struct buf *buf)
{
    (void)buf_add_text(buf, "# Metrics\n\nDerived from the rows of `src/api/metrics.c` by `make "
                            "gen`. `GET /api/v1/metrics`, Prometheus text format.\n\n"
                            "| metric | type | |\n| --- | --- | --- |\n");
    for (uint32_t i = 0; i < ARRAY_COUNT(families); i++) {
        (void)buf_printf(buf, "| `%s` | %s | %s |\n", families[i].name, families[i].type,
                         families[i].help);
    }
}
