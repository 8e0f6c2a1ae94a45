/* Due work: one timer for core's next due instant, and a sweep that is the safety net.
 *
 * A tick is an ordinary operation. It is submitted only when something is due, so an idle node
 * writes nothing. */
#include "base/log.h"
#include "node/node_internal.h"

#include <inttypes.h>

#define EVICTED_TOLD_NS (60 * NS_PER_SECOND)

static void tick_done(void *context, const struct node_reply *reply)
{
    struct node *node = context;

    node->tick_in_flight = false;
    if (!reply->err.code) {
        timers_arm(node); /* More may be due. After an error the turn's end tries again. */
    }
}

static void submit_tick(struct node *node)
{
    static const struct op_head head;
    struct op_tick tick;
    struct node_op op = {.spec = op_find_name("tick"), .request = &tick};
    struct submission submission = {
        .head = &head,
        .ops = &op,
        .count = 1,
        .urgent = true, /* A flood of calls must not hold up what is due; there is one at most. */
        .work = 1,
        .done = tick_done,
        .context = node,
    };
    struct err err;

    core_tick(node->core, &tick);
    /* When it is refused (disk full), the end of a later turn tries again. */
    node->tick_in_flight = !pipeline_submit(node, &submission, &err);
}

static void note_lateness(struct node *node, uint64_t due_ns, uint64_t now_ns)
{
    uint64_t since_ns = due_ns > node->ready_at_ns ? due_ns : node->ready_at_ns;

    if (now_ns > since_ns && now_ns - since_ns > node->tick_late_ns_max) {
        node->tick_late_ns_max = now_ns - since_ns;
    }
}

/* How long to sleep. While the node's clock catches up with the wall clock, it runs at up to twice
 * real speed. */
static uint64_t sleep_ms(const struct node *node, uint64_t wait_ns)
{
    bool catching_up = node_clock_offset(&node->clock) > (int64_t)NS_PER_MS;

    return (catching_up ? wait_ns / 2 : wait_ns) / NS_PER_MS + 1;
}

static void on_due(uv_timer_t *timer)
{
    struct node *node = timer->data;

    node->armed_due_ns = 0;
    timers_arm(node);
}

void timers_arm(struct node *node)
{
    uint64_t due_ns = core_next_due_ns(node->core);
    uint64_t now_ns;

    if (due_ns == UINT64_MAX || node->tick_in_flight || !node->recovered || node->failure.code ||
        node->closing) {
        (void)uv_timer_stop(&node->due_timer);
        node->armed_due_ns = 0;
        return;
    }
    if (node->armed_due_ns && due_ns == node->armed_due_ns) {
        return;
    }
    now_ns = node_clock_now(&node->clock);
    if (due_ns <= now_ns) {
        note_lateness(node, due_ns, now_ns);
        submit_tick(node);
        return;
    }
    node->armed_due_ns = due_ns;
    uv_update_time(node->loop);
    (void)uv_timer_start(&node->due_timer, on_due, sleep_ms(node, due_ns - now_ns), 0);
}

/* Outcomes of keyed requests that go before their time weaken a promise: told once a minute. */
static void tell_evicted(struct node *node)
{
    uint64_t evicted = core_kept_stats(node->core).evicted;
    uint64_t now_ns = node->options.env->monotonic_ns(node->options.env->self);

    if (evicted == node->kept_evicted_told ||
        (node->kept_told_at_ns && now_ns - node->kept_told_at_ns < EVICTED_TOLD_NS)) {
        return;
    }
    log_write(LOG_WARN,
              "%" PRIu64 " outcomes of keyed requests were let go before their time: "
              "idempotency-max is too small",
              evicted - node->kept_evicted_told);
    node->kept_evicted_told = evicted;
    node->kept_told_at_ns = now_ns;
}

void timers_sweep(uv_timer_t *timer)
{
    struct node *node = timer->data;
    uint64_t persisted = store_persisted(node->store);

    if (!node->recovered || node->failure.code) {
        return;
    }
    node->armed_due_ns = 0; /* The clock's speed may have changed since. */
    timers_arm(node);
    tell_evicted(node);
    node_view_cut(node);
    if (persisted > node->log_cut_at) {
        replica_cut(node->replica, persisted);
        node->log_cut_at = persisted;
    }
}
