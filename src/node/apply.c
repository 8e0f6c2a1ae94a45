/* Committed entries into core, answers out: the only caller of core_apply. */
#include "base/log.h"
#include "node/node_internal.h"

#define RATE_WINDOW_NS NS_PER_SECOND

/* While replaying there are no loop turns between entries, so the store is fed here. When it has no
 * room, then what it can not write stays in memory: that is no more than the log had above the
 * store's files. */
static enum err_code feed_store_in_replay(struct node *node, struct err *err)
{
    const struct env *env = node->options.env;
    enum err_code code;

    if (node->recovered) {
        return ERR_NONE;
    }
    if (store_pressure(node->store)) {
        code = store_drain(node->store, false, err);
    } else {
        code = store_poll(node->store, env->monotonic_ns(env->self), 0, err);
    }
    return code == ERR_NO_SPACE ? ERR_NONE : code;
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

/* Who was heard of by a heartbeat. */
static void note_beats(struct node *node, const struct op_heartbeat_reply *reply, uint64_t now_ns)
{
    const struct op_heartbeat_reply_item *items = reply->jobs.items;

    for (uint32_t i = 0; i < reply->jobs.count; i++) {
        struct job_key key;

        if (items[i].job.worker_id.size && job_id_parse(items[i].key, &key)) {
            presence_beats(&node->presence, now_ns, items[i].job.worker_id, items[i].job.hostname,
                           key);
        }
    }
}

/* What is only remembered: it begins anew with the process. */
static void note_applied(struct node *node, const struct core_applied *applied)
{
    uint64_t now_ns = core_now_ns(node->core);

    if (!node->recovered) {
        return;
    }
    pace_grown(&node->pace, now_ns, applied->grown, applied->grown_count);
    for (uint32_t i = 0; i < applied->count; i++) {
        if (applied->results[i].spec == &op_heartbeat_spec && applied->results[i].reply) {
            note_beats(node, applied->results[i].reply, now_ns);
        }
    }
}

/* The callers are answered at the end of the turn: this may be called in the middle of a submit. */
void node_stop(struct node *node, const struct err *err)
{
    if (node->failure.code) {
        return;
    }
    node->failure = *err;
    log_write(LOG_ERROR, "the node stops acknowledging until it is restarted: %s", err->text);
}

void node_commit(void *self, uint64_t index, uint64_t term, struct slice bytes)
{
    struct node *node = self;
    struct core_applied applied;
    struct err err;

    if (node->failure.code) {
        return;
    }
    if (core_apply(node->core, index, term, bytes, &node->apply_arena, &applied, &err) ||
        feed_store_in_replay(node, &err)) {
        (void)err_prefix(&err, "entry %llu", (unsigned long long)index);
        node_stop(node, &err);
        return;
    }
    count_rate(node, applied.count);
    note_applied(node, &applied);
    if (pipeline_first(node, index)) {
        pipeline_answer_first(node, &applied, term);
        waiters_wake(node, applied.woken, applied.woken_count);
    }
    arena_clear(&node->apply_arena);
}
