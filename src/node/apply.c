/* Committed entries into core, answers out: the only caller of core_apply. */
#include "base/log.h"
#include "node/node_internal.h"

#define RATE_WINDOW_NS NS_PER_SECOND

/* While replaying there are no loop turns between entries, so the store is fed here. */
static enum err_code feed_store_in_replay(struct node *node, struct err *err)
{
    const struct env *env = node->options.env;

    if (node->recovered) {
        return ERR_NONE;
    }
    if (store_pressure(node->store)) {
        return store_drain(node->store, false, err);
    }
    return store_poll(node->store, env->monotonic_ns(env->self), 0, err);
}

static void count_rate(struct node *node, uint32_t ops)
{
    uint64_t now_ns = node->options.env->monotonic_ns(node->options.env->self);

    node->applied_ops_total += ops;
    node->rate_window_ops += ops;
    if (now_ns - node->rate_window_ns >= RATE_WINDOW_NS) {
        node->rate_ops_s = node->rate_window_ops * NS_PER_SECOND / (now_ns - node->rate_window_ns);
        node->rate_window_ns = now_ns;
        node->rate_window_ops = 0;
    }
}

void node_stop(struct node *node, const struct err *err)
{
    if (node->failure.code) {
        return;
    }
    node->failure = *err;
    log_write(LOG_ERROR, "the node stops acknowledging until it is restarted: %s", err->text);
    pipeline_fail(node, err);
    waiters_fail(node, err);
}

void node_commit(void *self, uint64_t index, uint64_t term, struct slice bytes)
{
    struct node *node = self;
    struct group *group = pipeline_take(node, index);
    struct core_applied applied;
    struct err err;

    if (node->failure.code) {
        assert(!group);
        return;
    }
    if (core_apply(node->core, index, term, bytes, &node->apply_arena, &applied, &err) ||
        feed_store_in_replay(node, &err)) {
        (void)err_prefix(&err, "entry %llu", (unsigned long long)index);
        if (group) {
            struct group *rest = node->pipeline.submitted;

            /* Its fate is unknown to the callers, as that of the ones behind it. */
            group->next = rest;
            node->pipeline.submitted = group;
            if (!rest) {
                node->pipeline.submitted_last = group;
            }
        }
        node_stop(node, &err);
        return;
    }
    count_rate(node, applied.count);
    if (group) {
        group_answer(node, group, &applied, index, term);
        waiters_wake(node, applied.woken, applied.woken_count);
    }
    arena_clear(&node->apply_arena);
}
