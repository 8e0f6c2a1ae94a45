/* Opening a core and applying entries to it: see core.h. */
#include "base/limits.h"
#include "core/core_state.h"
#include "core/entry.h"
#include "core/keyed.h"
#include "core/ops.h"
#include "core/purge.h"
#include "core/purge_own.h"

#include <stdlib.h>

enum err_code core_open(struct kv *kv, const struct kv_mark *mark,
                        const struct core_options *options, struct core **ret_core, struct err *err)
{
    struct core *core = calloc(1, sizeof(*core));

    if (!core) {
        return err_set(err, ERR_NOMEM, "no memory for the core");
    }
    core->kv = kv;
    core->options = *options;
    core->mark = *mark;
    core->want_replies = true;
    index_init(&core->index);
    if (core_load(kv, &core->index, &core->meta, &core->meta_hash, err) != ERR_NONE) {
        core_close(core);
        return err->code;
    }
    core->tx.kv = kv;
    core->tx.index = &core->index;
    core->tx.meta = &core->meta;
    *ret_core = core;
    return ERR_NONE;
}

void core_close(struct core *core)
{
    if (!core) {
        return;
    }
    tx_done(&core->tx);
    index_done(&core->index);
    free(core->woken);
    free(core->grown);
    free(core);
}

void core_want_replies(struct core *core, bool wanted)
{
    core->want_replies = wanted;
}

/* One operation between two savepoints. Its error is its result; tx->fatal is not looked at here.
 */
static void apply_op(struct tx *tx, const struct op_head *head, const void *request,
                     struct op_result *result)
{
    struct savepoint savepoint = tx_savepoint(tx);
    void *reply = arena_alloc(tx->arena, result->spec->reply->size);

    if (!reply) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
        return;
    }
    tx->head = head;
    tx->in_unit = head->unit != 0 || head->call != 0;
    result->err = (struct err){0};
    if (result->spec->apply(tx, request, reply, &result->err) != ERR_NONE) {
        tx_rollback(tx, &savepoint);
        return;
    }
    result->err.code = ERR_NONE;
    result->reply = reply;
}

/* The operations of an entry with the same unit number, one behind the other. */
struct unit {
    uint32_t number;
    uint32_t first; /* Result of its first operation. */
    bool failed;
    struct savepoint savepoint;
};

/* Takes back what the unit did so far: all its operations answer as the one that failed. */
static void fail_unit(struct tx *tx, struct unit *unit, struct op_result *results, uint32_t failed)
{
    tx_rollback(tx, &unit->savepoint);
    unit->failed = true;
    for (uint32_t i = unit->first; i < failed; i++) {
        results[i].err = results[failed].err;
        results[i].reply = NULL;
        results[i].of_unit = true;
    }
}

static void apply_in_unit(struct tx *tx, struct unit *unit, const struct op_head *head,
                          const void *request, struct op_result *results, uint32_t at)
{
    if (head->unit != unit->number) {
        *unit = (struct unit){.number = head->unit, .first = at};
        unit->savepoint = tx_savepoint(tx);
    }
    if (unit->failed) {
        results[at].err = results[at - 1].err;
        results[at].of_unit = true;
        return;
    }
    apply_op(tx, head, request, &results[at]);
    if (head->unit != 0 && results[at].err.code != ERR_NONE) {
        fail_unit(tx, unit, results, at);
    }
}

static enum err_code apply_ops(struct core *core, struct entry *entry, struct op_result *results,
                               struct err *err)
{
    struct tx *tx = &core->tx;
    struct unit unit = {0};
    struct keyed keyed = {0};

    for (uint32_t i = 0; i < entry->count; i++) {
        struct op_head *head = arena_alloc(tx->arena, sizeof(*head));
        void *request = NULL;

        if (!head) {
            return err_set(err, ERR_NOMEM, "no memory for the entry");
        }
        if (entry_next(entry, tx->arena, &results[i].spec, head, &request, err) != ERR_NONE) {
            return err->code;
        }
        if (head->call != keyed.number) {
            keyed_end(tx, &keyed, results, i);
            keyed_begin(tx, head, i, &keyed);
        }
        if (keyed.number && keyed.fate != KEYED_NEW) {
            keyed_answer(tx, &keyed, results[i].spec, i, &results[i]);
        } else {
            apply_in_unit(tx, &unit, head, request, results, i);
        }
        if (tx_failed(tx)) {
            *err = tx->fatal;
            return err->code;
        }
    }
    keyed_end(tx, &keyed, results, entry->count);
    if (entry->rest.size > 0) {
        return err_set(err, ERR_CORRUPT, "an entry has bytes behind its operations");
    }
    return ERR_NONE;
}

/* Room for `count` items of a list that lives from entry to entry. */
static bool reserve(void **items, uint32_t *room, uint32_t count, size_t size)
{
    uint32_t wanted = *room ? *room : 16;
    void *grown;

    if (count <= *room) {
        return true;
    }
    while (wanted < count) {
        wanted *= 2;
    }
    grown = realloc(*items, wanted * size);
    if (!grown) {
        return false;
    }
    *items = grown;
    *room = wanted;
    return true;
}

/* Adds the queue when it delivers more than before. */
static bool note_woken(struct core *core, const struct queue *queue, uint32_t *count)
{
    uint64_t ready = queue_ready(queue);
    void *items = core->woken;

    if (ready == 0 || (ready <= queue->ready_before && !queue->cut)) {
        return true;
    }
    if (!reserve(&items, &core->woken_room, *count + 1, sizeof(*core->woken))) {
        return false;
    }
    core->woken = items;
    core->woken[(*count)++].queue = queue->row.name;
    return true;
}

/* A queue that was destroyed and named again counts anew. */
static uint64_t added(uint64_t total, uint64_t before)
{
    return total >= before ? total - before : total;
}

static bool note_grown(struct core *core, const struct queue *queue, uint32_t *count)
{
    const struct queue_totals *before = &queue->totals_before;
    struct core_grown grown = {
        .queue = queue->number,
        .enqueued = added(queue->row.enqueued_total, before->enqueued),
        .completed = added(queue->row.completed_total, before->completed),
        .failed = added(queue->row.failed_total, before->failed),
    };
    void *items = core->grown;

    if ((grown.enqueued | grown.completed | grown.failed) == 0) {
        return true;
    }
    if (!reserve(&items, &core->grown_room, *count + 1, sizeof(*core->grown))) {
        return false;
    }
    core->grown = items;
    core->grown[(*count)++] = grown;
    return true;
}

/* Lists what happened to the queues that the entry touched, and ends what was noted for it. */
static bool collect_touched(struct core *core, struct core_applied *applied)
{
    struct queue *queue = core->index.touched;
    bool done = true;

    while (queue) {
        struct queue *next = queue->touched_next;

        done = done && note_woken(core, queue, &applied->woken_count) &&
               note_grown(core, queue, &applied->grown_count);
        queue->touched = false;
        queue->cut = false;
        queue->touched_next = NULL;
        queue = next;
    }
    core->index.touched = NULL;
    applied->woken = core->woken;
    applied->grown = core->grown;
    return done;
}

/* A barrier: the mark moves, no row does. */
static enum err_code apply_barrier(struct core *core, const struct kv_mark *mark, struct err *err)
{
    if (core->kv->commit(core->kv->self, mark, err) != ERR_NONE) {
        return err->code;
    }
    core->mark = *mark;
    return ERR_NONE;
}

static enum err_code apply_entry(struct core *core, const struct kv_mark *mark, struct slice bytes,
                                 struct arena *arena, struct core_applied *applied, struct err *err)
{
    struct tx *tx = &core->tx;
    struct entry entry;

    if (entry_open(bytes, &entry, err) != ERR_NONE) {
        return err->code;
    }
    tx_begin(tx, arena, entry.now_ns > core->meta.now_ns ? entry.now_ns : core->meta.now_ns,
             core->mark.state_hash);
    tx->want_replies = core->want_replies;
    tx->meta_hash = core->meta_hash;
    applied->results = arena_array(arena, entry.count, sizeof(*applied->results));
    if (!applied->results) {
        return err_set(err, ERR_NOMEM, "no memory for the results of an entry");
    }
    applied->count = entry.count;
    if (apply_ops(core, &entry, applied->results, err) != ERR_NONE) {
        return err->code;
    }
    tx_commit(tx, mark->index, mark->term);
    if (tx_failed(tx)) {
        *err = tx->fatal;
        return err->code;
    }
    core->mark = *mark;
    core->mark.state_hash = tx->state_hash;
    core->meta_hash = tx->meta_hash;
    return ERR_NONE;
}

enum err_code core_apply(struct core *core, uint64_t index, uint64_t term, struct slice bytes,
                         struct arena *arena, struct core_applied *ret_applied, struct err *err)
{
    struct core_applied applied = {0};
    struct kv_mark mark = {index, term, core->mark.state_hash};

    if (index <= core->mark.index) {
        return err_set(err, ERR_CORRUPT, "entry %llu comes behind entry %llu",
                       (unsigned long long)index, (unsigned long long)core->mark.index);
    }
    if (bytes.size == 0) {
        *ret_applied = applied;
        return apply_barrier(core, &mark, err);
    }
    if (apply_entry(core, &mark, bytes, arena, &applied, err) != ERR_NONE) {
        return err->code;
    }
    if (!collect_touched(core, &applied)) {
        return err_set(err, ERR_NOMEM, "no memory for the queues to wake");
    }
    *ret_applied = applied;
    return ERR_NONE;
}

struct kv_mark core_mark(const struct core *core)
{
    return core->mark;
}

uint64_t core_now_ns(const struct core *core)
{
    return core->meta.now_ns;
}

void core_set_options(struct core *core, const struct core_options *options)
{
    core->options = *options;
}

/* The replicated settings follow the leader's options with the next tick. */
static bool options_differ(const struct core *core)
{
    return core->options.retention_ms != core->meta.retention_ms ||
           core->options.events_max != core->meta.events_max ||
           kept_limits_differ(&core->meta, &core->options.kept);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t core_next_due_ns(const struct core *core)
{
    const struct index_job *first = index_first_due(&core->index);
    const struct queue *queue = index_first_due_queue(&core->index);
    uint64_t due = first ? first->due_ns : UINT64_MAX;
    uint64_t sweep = queue ? queue_due_ns(queue) : UINT64_MAX;

    if (options_differ(core) || purge_events_due(&core->meta) || sweep < core->meta.now_ns) {
        return core->meta.now_ns;
    }
    due = earlier(earlier(due, sweep), purge_own_due_ns(&core->meta));
    return earlier(earlier(due, purge_due_ns(&core->meta)), kept_due_ns(&core->meta));
}

void core_tick(const struct core *core, struct op_tick *ret_tick)
{
    *ret_tick = (struct op_tick){0};
    if (options_differ(core)) {
        ret_tick->has = 1u << (OP_TICK_HAS_RETENTION - 1) | 1u << (OP_TICK_HAS_EVENTS_MAX - 1) |
                        1u << (OP_TICK_HAS_KEPT - 1);
        ret_tick->kept = core->options.kept;
        ret_tick->retention_ms = core->options.retention_ms;
        ret_tick->events_max = core->options.events_max;
    }
}

uint64_t core_ready_count(const struct core *core, struct slice name)
{
    const struct queue *queue = index_queue_find(&core->index, name);

    return queue ? queue_ready(queue) : 0;
}

uint32_t core_queue_number(const struct core *core, struct slice name)
{
    const struct queue *queue = index_queue_find(&core->index, name);

    return queue ? queue->number : 0;
}

uint64_t core_active_count(const struct core *core, struct slice name)
{
    const struct queue *queue = index_queue_find(&core->index, name);

    return queue ? queue->jobs.counts[JOB_ACTIVE] : 0;
}

bool core_is_active(const struct core *core, uint64_t time_ns, uint64_t seq)
{
    const struct index_job *job = index_find(&core->index, (struct job_key){time_ns, seq});

    return job && job->state == JOB_ACTIVE && !index_is_gone(&core->index, job);
}

uint64_t core_live_count(const struct core *core)
{
    return core->index.live_count;
}

struct core_kept_stats core_kept_stats(const struct core *core)
{
    return (struct core_kept_stats){core->meta.kept_count, core->meta.kept_evicted};
}
