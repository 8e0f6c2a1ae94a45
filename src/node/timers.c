/* Due work: one timer for core's next due instant, and a sweep that is the safety net.
 *
 * A tick is an ordinary operation. It is submitted only when something is due, so an idle node
 * writes nothing. */
#include "node/node_internal.h"

static void tick_done(void *context, const struct node_reply *reply)
{
    struct node *node = context;

    (void)reply;
    node->tick_in_flight = false;
    timers_arm(node);
}

static void submit_tick(struct node *node)
{
    static const struct op_head head;
    struct op_tick tick;
    struct node_op op = {.spec = op_find_name("tick"), .request = &tick};
    struct err err;

    if (node->tick_in_flight || !node->recovered) {
        return;
    }
    core_tick(node->core, &tick);
    /* When it is refused (busy, disk full), the sweep tries again. */
    node->tick_in_flight = !node_submit(node, &head, &op, 1, false, tick_done, node, &err);
}

static void check_due(struct node *node)
{
    uint64_t due_ns = core_next_due_ns(node->core);
    uint64_t now_ns = node_clock_now(&node->clock);

    if (!node->recovered || node->failure.code || due_ns > now_ns) {
        return;
    }
    if (now_ns - due_ns > node->tick_late_ns_max) {
        node->tick_late_ns_max = now_ns - due_ns;
    }
    submit_tick(node);
}

void timers_arm(struct node *node)
{
    uint64_t due_ns = core_next_due_ns(node->core);
    uint64_t now_ns;

    if (due_ns == UINT64_MAX || node->tick_in_flight || !node->recovered || node->closing) {
        (void)uv_timer_stop(&node->due_timer);
        node->armed_due_ns = 0;
        return;
    }
    if (due_ns == node->armed_due_ns) {
        return;
    }
    now_ns = node_clock_now(&node->clock);
    if (due_ns <= now_ns) {
        check_due(node);
        return;
    }
    node->armed_due_ns = due_ns;
    uv_update_time(node->loop);
    (void)uv_timer_start(&node->due_timer, timers_due, (due_ns - now_ns) / NS_PER_MS + 1, 0);
}

void timers_due(uv_timer_t *timer)
{
    struct node *node = timer->data;

    node->armed_due_ns = 0;
    check_due(node);
    timers_arm(node);
}

void timers_sweep(uv_timer_t *timer)
{
    struct node *node = timer->data;
    uint64_t persisted = store_persisted(node->store);

    check_due(node);
    waiters_sweep(node);
    if (node->recovered && persisted > node->log_cut_at) {
        replica_cut(node->replica, persisted);
        node->log_cut_at = persisted;
    }
}
