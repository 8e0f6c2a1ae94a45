/* Opening, turning and closing a node. */
#include "base/log.h"
#include "node/node_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SWEEP_MS 250
#define APPLY_SLICE_NS (2 * NS_PER_MS)

static struct node *node_of(const void *handle_data)
{
    union {
        const void *from;
        struct node *to;
    } cast = {.from = handle_data};

    return cast.to;
}

/* --- The loop's turn ------------------------------------------------------------------------- */

static void take_store_trouble(struct node *node)
{
    const struct env *env = node->options.env;
    uint64_t persisted = store_persisted(node->store);
    struct err err = {0};

    if (!store_poll(node->store, env->monotonic_ns(env->self),
                    replica_bytes_after(node->replica, persisted), &err)) {
        node->store_trouble.code = ERR_NONE;
        return;
    }
    if (err.code == ERR_NO_SPACE) {
        node->store_trouble = err;
        return;
    }
    node_stop(node, &err);
}

/* Log and store may lack room, and find it again by themselves: each change is told once. */
static void tell_space(struct node *node)
{
    struct err log_trouble = replica_status(node->replica).failure;
    const struct err *trouble = node->store_trouble.code ? &node->store_trouble : &log_trouble;
    bool full = trouble->code == ERR_NO_SPACE;

    if (full == node->told_full) {
        return;
    }
    node->told_full = full;
    if (full) {
        log_write(LOG_ERROR, "writes are refused until there is room: %s", trouble->text);
    } else {
        log_write(LOG_INFO, "there is room again: writes are accepted");
    }
}

static void check_drained(struct node *node)
{
    if (node->draining && node->drained && node->pipeline.pending_ops == 0 &&
        node->waiters.count == 0) {
        void (*drained)(void *context) = node->drained;

        node->drained = NULL;
        drained(node->drained_context);
    }
}

static void end_turn(struct node *node)
{
    if (node->recovered && !node->failure.code) {
        take_store_trouble(node);
        timers_arm(node);
        waiters_retry(node);
        node_view_turn(node);
        reads_wake(node);
        pipeline_flush(node);
        tell_space(node);
    }
    if (node->failure.code) {
        pipeline_fail(node, &node->failure);
        waiters_fail(node, &node->failure);
        reads_fail(node, &node->failure);
    }
    check_drained(node);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    int code = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);

    assert(code == 0);
    return (uint64_t)used.tv_sec * NS_PER_SECOND + (uint64_t)used.tv_nsec;
}

static void raise_to(uint64_t *most, uint64_t value)
{
    *most = value > *most ? value : *most;
}

/* A turn is from one prepare to the next, less the time in which the loop had nothing to do. */
static void measure_turn(struct node *node)
{
    uint64_t now_ns = uv_hrtime();
    uint64_t idle_ns = uv_metrics_idle_time(node->loop);
    uint64_t cpu_ns = thread_cpu_ns();

    if (node->recovered && node->turn_started_ns) {
        uint64_t turn_ns = now_ns - node->turn_started_ns;
        uint64_t waited_ns = idle_ns - node->turn_idle_ns;

        raise_to(&node->turn_ns_max, turn_ns > waited_ns ? turn_ns - waited_ns : 0);
        raise_to(&node->turn_cpu_ns_max, cpu_ns - node->turn_cpu_ns);
    }
    node->turn_started_ns = now_ns;
    node->turn_idle_ns = idle_ns;
    node->turn_cpu_ns = cpu_ns;
}

static void on_prepare(uv_prepare_t *handle)
{
    struct node *node = node_of(handle->data);

    /* What timers submitted must not wait for the poll. */
    end_turn(node);
    measure_turn(node);
}

static void on_check(uv_check_t *handle)
{
    end_turn(node_of(handle->data));
}

/* Entries that became durable together are applied in one turn as far as its slice goes. */
static void on_wake_log(uv_async_t *handle)
{
    struct node *node = node_of(handle->data);
    uint64_t until_ns = uv_hrtime() + APPLY_SLICE_NS;

    while (log_thread_poll_one(node->log_thread)) {
        if (uv_hrtime() >= until_ns) {
            (void)uv_async_send(handle);
            return;
        }
    }
}

/* end_turn polls the store. */
static void on_wake_store(uv_async_t *handle)
{
    node_view_written(node_of(handle->data));
}

static void on_wake_view(uv_async_t *handle)
{
    node_view_take(node_of(handle->data)); /* end_turn wakes the reads that waited for it. */
}

static void wake_log(void *context)
{
    (void)uv_async_send(&node_of(context)->wake_log);
}

static void wake_store(void *context)
{
    (void)uv_async_send(&node_of(context)->wake_store);
}

/* --- What the replica needs and says -----------------------------------------------------------
 */

static void on_raft_timer(uv_timer_t *timer)
{
    replica_timeout(node_of(timer->data)->replica);
}

static void set_raft_timer(void *self, uint64_t at_ns)
{
    struct node *node = self;
    uint64_t now_ns = node->options.env->monotonic_ns(node->options.env->self);
    uint64_t wait_ms = at_ns > now_ns ? (at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;

    uv_update_time(node->loop);
    (void)uv_timer_start(&node->raft_timer, on_raft_timer, wait_ms, 0);
}

static void run_job(void *self, struct replica_job *job)
{
    struct node *node = self;

    log_thread_run(node->log_thread, job);
}

static void on_replica_state(void *self, enum replica_state state)
{
    struct node *node = self;
    struct err err;

    if (state == REPLICA_LEADER) {
        node_clock_init(&node->clock, node->options.env, core_now_ns(node->core));
        node->ready_at_ns = node_clock_now(&node->clock);
        node->pace.since_ns = node->ready_at_ns;
        core_want_replies(node->core, true);
        node->recovered = true;
        node->kept_evicted_told = core_kept_stats(node->core).evicted;
        core_want_replies(node->core, true);
        node_view_open(node);
        return;
    }
    if (state == REPLICA_FAILED) {
        err = node->replica ? replica_status(node->replica).failure : (struct err){0};
        if (!err.code) {
            (void)err_set(&err, ERR_IO, "the log failed");
        }
        node_stop(node, &err);
    }
}

/* --- Open ----------------------------------------------------------------------------------------
 */

static void apply_defaults(struct node *node)
{
    if (!node->options.pending_max) {
        node->options.pending_max = PENDING_OPS_MAX;
    }
    if (!node->options.claims_max) {
        node->options.claims_max = CLAIMS_IN_FLIGHT_MAX;
    }
    node->options.env->random(node->options.env->self, &node->seed, sizeof(node->seed));
    arena_init(&node->apply_arena, ENTRY_ARENA_MAX);
    pace_init(&node->pace, 0);
    presence_init(&node->presence);
}

static enum err_code open_handles(struct node *node, struct err *err)
{
    (void)uv_loop_configure(node->loop, UV_METRICS_IDLE_TIME);
    (void)uv_prepare_init(node->loop, &node->prepare);
    (void)uv_check_init(node->loop, &node->check);
    (void)uv_timer_init(node->loop, &node->raft_timer);
    (void)uv_timer_init(node->loop, &node->due_timer);
    (void)uv_timer_init(node->loop, &node->sweep_timer);
    (void)uv_timer_init(node->loop, &node->hurry_timer);
    node->hurry_timer.data = node->wake_view.data = node;
    node->prepare.data = node->check.data = node;
    node->raft_timer.data = node->due_timer.data = node->sweep_timer.data = node;
    node->wake_log.data = node->wake_store.data = node;
    node->open_handles = 6;
    if (uv_async_init(node->loop, &node->wake_log, on_wake_log)) {
        return err_set(err, ERR_IO, "no wake-up handle for the log thread");
    }
    node->open_handles = 7;
    if (uv_async_init(node->loop, &node->wake_store, on_wake_store)) {
        return err_set(err, ERR_IO, "no wake-up handle for the store thread");
    }
    node->open_handles = 8;
    if (uv_async_init(node->loop, &node->wake_view, on_wake_view)) {
        return err_set(err, ERR_IO, "no wake-up handle for the view");
    }
    node->open_handles = 9;
    (void)uv_prepare_start(&node->prepare, on_prepare);
    (void)uv_check_start(&node->check, on_check);
    return ERR_NONE;
}

static enum err_code open_state(struct node *node, struct err *err)
{
    struct store_options options = {
        .files_max = node->options.store_files_max,
        .wake = wake_store,
        .wake_context = node,
    };
    struct kv_mark mark;
    char dir[4096];

    if ((size_t)snprintf(dir, sizeof(dir), "%s/state", node->data_dir) >= sizeof(dir)) {
        return err_set(err, ERR_INVALID, "the data directory's name is too long");
    }
    options.dir = dir;
    options.tables = core_tables(&options.table_count);
    if (store_open(&options, &node->store, err)) {
        return err->code;
    }
    mark = store_opened_at(node->store);
    if (core_open(store_kv(node->store), &mark, &node->options.core, &node->core, err)) {
        return err->code;
    }
    /* Until the log is replayed nobody reads the replies. */
    core_want_replies(node->core, false);
    return ERR_NONE;
}

static enum err_code open_log(struct node *node, struct err *err)
{
    struct replica_options options = {
        .node_id = node->options.node_id,
        .address = node->address,
        .bootstrap = true,
        .durable = node->options.durable,
        .applied = core_mark(node->core).index,
        .segment_size = node->options.segment_size,
    };
    struct replica_io io = {.env = node->options.env,
                            .disk = node->options.log_disk,
                            .self = node,
                            .run = run_job,
                            .set_timer = set_raft_timer};
    struct replica_events events = {.self = node, .commit = node_commit, .state = on_replica_state};
    char dir[4096];

    if ((size_t)snprintf(dir, sizeof(dir), "%s/log", node->data_dir) >= sizeof(dir)) {
        return err_set(err, ERR_INVALID, "the data directory's name is too long");
    }
    if (!io.disk) {
        if (disk_open(dir, &node->owned_disk, err)) {
            return err->code;
        }
        io.disk = node->owned_disk;
    }
    core_want_replies(node->core, false); /* Until it leads. */
    if (log_thread_create(wake_log, node, &node->log_thread, err) ||
        replica_open(&options, &io, &events, &node->replica, err)) {
        return err->code;
    }
    if (node->failure.code) {
        *err = node->failure; /* In replay. */
        return err->code;
    }
    if (*replica_note(node->replica)) {
        log_write(LOG_WARN, "the log was mended: %s", replica_note(node->replica));
    }
    return ERR_NONE;
}

enum err_code node_open(uv_loop_t *loop, const struct node_options *options, struct node **ret_node,
                        struct err *err)
{
    struct node *node = calloc(1, sizeof(*node));

    if (!node) {
        return err_set(err, ERR_NOMEM, "no memory for the node");
    }
    node->loop = loop;
    node->options = *options;
    node->data_dir = strdup(options->data_dir);
    node->address = strdup(options->address);
    if (!node->data_dir || !node->address) {
        (void)err_set(err, ERR_NOMEM, "no memory for the node");
        goto out;
    }
    apply_defaults(node);
    node_clock_init(&node->clock, options->env, 0);
    if (open_handles(node, err) || open_state(node, err) || open_log(node, err)) {
        goto out;
    }
    (void)uv_timer_start(&node->sweep_timer, timers_sweep, SWEEP_MS, SWEEP_MS);
    *ret_node = node;
    return ERR_NONE;
out:
    node_close(node);
    return err->code;
}

/* --- Close ---------------------------------------------------------------------------------------
 */

void node_drain(struct node *node, void (*drained)(void *context), void *context)
{
    struct err why;

    node->draining = true;
    node->drained = drained;
    node->drained_context = context;
    waiters_release(node);
    (void)err_set(&why, ERR_CLOSED, "the server is shutting down");
    reads_fail(node, &why);
    check_drained(node);
}

static void on_handle_closed(uv_handle_t *handle)
{
    node_of(handle->data)->open_handles--;
}

static void close_handles(struct node *node)
{
    uv_handle_t *handles[] = {
        (uv_handle_t *)&node->prepare,     (uv_handle_t *)&node->check,
        (uv_handle_t *)&node->raft_timer,  (uv_handle_t *)&node->due_timer,
        (uv_handle_t *)&node->sweep_timer, (uv_handle_t *)&node->hurry_timer,
        (uv_handle_t *)&node->wake_log,    (uv_handle_t *)&node->wake_store,
        (uv_handle_t *)&node->wake_view,
    };
    uint32_t count = node->open_handles;

    for (uint32_t i = 0; i < count; i++) {
        uv_close(handles[i], on_handle_closed);
    }
    while (node->open_handles > 0) {
        (void)uv_run(node->loop, UV_RUN_ONCE);
    }
}

void node_close(struct node *node)
{
    struct err why;

    if (!node) {
        return;
    }
    node->closing = true;
    while (node->replica && node->log_thread && !replica_idle(node->replica)) {
        (void)uv_run(node->loop, UV_RUN_ONCE);
    }
    (void)err_set(&why, ERR_CLOSED, "the server is shutting down");
    why = node->failure.code ? node->failure : why;
    pipeline_fail(node, &why);
    waiters_fail(node, &why);
    reads_fail(node, &why);
    node_view_close(node); /* Its readers before what they read; who it answers may ask the node. */
    log_thread_destroy(node->log_thread);
    replica_close(node->replica);
    disk_close(node->owned_disk);
    core_close(node->core);
    store_close(node->store, !node->failure.code);
    close_handles(node);
    pipeline_free(node);
    waiters_free(node);
    arena_done(&node->apply_arena);
    pace_done(&node->pace);
    presence_done(&node->presence);
    free(node->data_dir);
    free(node->address);
    free(node);
}

/* --- What others may ask -------------------------------------------------------------------------
 */

const char *node_health_word(enum node_health health)
{
    static const char *const words[] = {
        [NODE_READY] = "ready",
        [NODE_STARTING] = "starting",
        [NODE_DRAINING] = "draining",
        [NODE_DISK_FULL] = "disk_full",
        [NODE_STORAGE_FAILED] = "storage_failed",
    };

    return words[health];
}

uv_loop_t *node_loop(struct node *node)
{
    return node->loop;
}

struct core *node_core(struct node *node)
{
    return node->core;
}

void node_set_core_options(struct node *node, const struct core_options *options)
{
    core_set_options(node->core, options);
}

uint64_t node_now_ns(struct node *node)
{
    return node_clock_now(&node->clock);
}

uint32_t node_retry_after_ms(struct node *node)
{
    uint64_t rate = node->rate_ops_s > 1000 ? node->rate_ops_s : 1000;
    uint64_t wait_ms = (uint64_t)node->pipeline.pending_ops * 1000 / rate;
    uint64_t jitter;

    if (wait_ms < REFUSAL_RETRY_MS_MIN) {
        wait_ms = REFUSAL_RETRY_MS_MIN;
    }
    node->options.env->random(node->options.env->self, &jitter, sizeof(jitter));
    wait_ms += jitter % (wait_ms + 1);
    return (uint32_t)(wait_ms < REFUSAL_RETRY_MS_MAX ? wait_ms : REFUSAL_RETRY_MS_MAX);
}

struct pace_figures node_pace(struct node *node, struct slice queue)
{
    return pace_of(&node->pace, node_clock_now(&node->clock), core_queue_number(node->core, queue));
}

void node_add_waits(struct node *node, struct slice queue, struct pace_waits *waits)
{
    pace_add_waits(&node->pace, core_queue_number(node->core, queue), waits);
}

void node_minutes(struct node *node, struct pace_minute ret_minutes[PACE_MINUTES])
{
    pace_minutes(&node->pace, node_clock_now(&node->clock), ret_minutes);
}

enum err_code node_workers(struct node *node, struct arena *arena, struct list *ret_workers,
                           struct err *err)
{
    return presence_list(&node->presence, node->core, node_clock_now(&node->clock), arena,
                         ret_workers, err);
}

struct node_soft node_soft(struct node *node)
{
    return (struct node_soft){
        .enqueued_total = node->pace.total.enqueued,
        .completed_total = node->pace.total.completed,
        .failed_total = node->pace.total.failed,
        .workers = node->presence.count,
        .workers_heard = presence_heard(&node->presence, node_clock_now(&node->clock)),
        .pending_max = node->options.pending_max,
    };
}

struct node_attendance node_attendance(struct node *node, struct slice queue)
{
    uint64_t now_ns = node_clock_now(&node->clock);

    return (struct node_attendance){
        .present = waiters_wait_for(node, queue) || core_active_count(node->core, queue) > 0,
        .unknown = now_ns < node->ready_at_ns + WORKERS_UNKNOWN_MS * NS_PER_MS,
        .asked_at_ns = node_pace(node, queue).asked_at_ns,
    };
}

static enum node_health health_of(const struct node *node, const struct replica_status *status)
{
    if (node->failure.code) {
        return NODE_STORAGE_FAILED;
    }
    if (node->draining || node->closing) {
        return NODE_DRAINING;
    }
    if (!node->recovered) {
        return NODE_STARTING;
    }
    if (node->store_trouble.code || status->failure.code == ERR_NO_SPACE) {
        return NODE_DISK_FULL;
    }
    return NODE_READY;
}

struct node_status node_status(struct node *node)
{
    struct replica_status replica = replica_status(node->replica);
    struct kv_mark mark = core_mark(node->core);

    return (struct node_status){
        .health = health_of(node, &replica),
        .leader = replica.state == REPLICA_LEADER,
        .durable = node->options.durable,
        .node_id = node->options.node_id,
        .cluster_id = replica.cluster_id,
        .term = replica.term,
        .applied_index = mark.index,
        .commit_index = replica.commit_index,
        .persisted_index = store_persisted(node->store),
        .first_index = replica.first_index,
        .log_bytes = replica.log_bytes,
        .log_syncs = replica.syncs,
        .state_hash = mark.state_hash,
        .pending_ops = node->pipeline.pending_ops,
        .waiters = node->waiters.count,
        .waiting_reads = node->reads.count,
        .overload_total = node->overload_total,
        .applied_ops_total = node->applied_ops_total,
        .kept = core_kept_stats(node->core),
        .keyed_again_total = node->keyed_again_total,
        .keyed_mismatch_total = node->keyed_mismatch_total,
        .turn_ns_max = node->turn_ns_max,
        .turn_cpu_ns_max = node->turn_cpu_ns_max,
        .tick_late_ns_max = node->tick_late_ns_max,
        .store = store_stats(node->store),
        .failure = node->failure.code     ? node->failure
                   : replica.failure.code ? replica.failure
                                          : node->store_trouble,
    };
}

bool node_is_durable(const struct node *node)
{
    return node->options.durable;
}
