/* The gates of a job: see why.h. */
#include "core/why.h"

#include "base/limits.h"
#include "core/core_state.h"
#include "core/job_read.h"
#include "core/unique.h"

static const char *const kind_names[WHY_KIND_COUNT] = {
    [WHY_NONE] = "none",
    [WHY_PAUSED] = "paused",
    [WHY_DRAINING] = "draining",
    [WHY_SCHEDULED] = "scheduled",
    [WHY_RETRY_BACKOFF] = "retry_backoff",
    [WHY_RATE_LIMIT] = "rate_limit",
    [WHY_CONCURRENCY] = "concurrency",
    [WHY_HELD] = "held",
    [WHY_ACTIVE] = "active",
    [WHY_NO_WORKER] = "no_worker",
    [WHY_EXPIRED] = "expired",
    [WHY_TERMINAL] = "terminal",
};

static const struct words kind_words = {.names = kind_names, .count = WHY_KIND_COUNT};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct why_gate, name_),        \
    .help = help_

static const struct field gate_fields[] = {
    {ROW(1, FIELD_ENUM, gate, "what holds it"), .flags = FIELD_ALWAYS, .words = &kind_words},
    {ROW(2, FIELD_TEXT, text, "the same for people"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_TEXT, queue, "whose gate it is")},
    {ROW(4, FIELD_TIME, since, "since when")},
    {ROW(5, FIELD_TIME, until, "until when")},
    {ROW(6, FIELD_BOOL, estimate, "until is a guess"), .bit = WHY_GATE_HAS_ESTIMATE},
    {ROW(7, FIELD_U32, attempt, "attempts so far"), .bit = WHY_GATE_HAS_ATTEMPT},
    {ROW(8, FIELD_TEXT, last_error, "of the last attempt")},
    {ROW(9, FIELD_TEXT, reason, "of the hold")},
    {ROW(10, FIELD_TEXT, kind, "of the hold")},
    {ROW(11, FIELD_TEXT, by, "who holds it")},
    {ROW(12, FIELD_TEXT, worker_id, "who runs it")},
    {ROW(13, FIELD_TIME, lease_expires_at, "when the worker must have been heard")},
    {ROW(14, FIELD_TIME, last_seen, "when a worker last asked for the queue")},
    {ROW(15, FIELD_BOOL, unknown, "the leader is too new to know its workers")},
    {ROW(16, FIELD_TIME, at, "when it ended")},
    {ROW(17, FIELD_TEXT, state, "as what it ended")},
    {ROW(18, FIELD_U64, limit, "claims in the window, or jobs active, at most")},
    {ROW(19, FIELD_U64, window_ms, "length of the window")},
    {ROW(20, FIELD_U64, used, "claims in the window now")},
    {ROW(21, FIELD_U64, active, "jobs active now")},
    {ROW(22, FIELD_TEXT, holders, "jobs active now, at most 20"), .flags = FIELD_LIST},
};

#undef ROW

static const struct message gate_message = {
    .name = "WhyGate",
    .fields = gate_fields,
    .field_count = ARRAY_COUNT(gate_fields),
    .size = sizeof(struct why_gate),
    .has_offset = offsetof(struct why_gate, has),
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct why, name_), .help = help_

static const struct field fields[] = {
    {ROW(1, FIELD_TEXT, job_id, "the job"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_ENUM, state, "its state"), .flags = FIELD_ALWAYS, .words = &job_state_words},
    {ROW(3, FIELD_BOOL, runnable, "a worker that asks now may get it"), .flags = FIELD_ALWAYS},
    {ROW(4, FIELD_U64, index, "the applied entry that this follows from"), .flags = FIELD_ALWAYS},
    {ROW(5, FIELD_TIME, at, "the time of this"), .flags = FIELD_ALWAYS},
    {ROW(6, FIELD_TEXT, summary, "why, in a line"), .flags = FIELD_ALWAYS},
    {ROW(7, FIELD_MESSAGE, gates, "all that hold, in order"), .flags = FIELD_LIST | FIELD_ALWAYS,
     .sub = &gate_message},
    {ROW(8, FIELD_U64, ahead, "jobs that go first in its queue"), .bit = WHY_HAS_AHEAD},
    {ROW(9, FIELD_U64, ahead_at_least, "the same when they are too many to count"),
     .bit = WHY_HAS_AHEAD_AT_LEAST},
    {ROW(10, FIELD_TIME, estimated_start, "when it may start")},
    {ROW(11, FIELD_BOOL, estimate, "that follows from the queue's pace"), .bit = WHY_HAS_ESTIMATE},
};

#undef ROW

const struct message why_message = {
    .name = "Why",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct why),
    .has_offset = offsetof(struct why, has),
};

/* What the gates look at. */
struct look {
    struct core *core;
    const struct job *job;
    const struct queue *queue;
    uint64_t now_ns;
    struct arena *arena;
    struct err *err;
};

typedef bool (*gate_fn)(const struct look *look, struct why_gate *gate);

/* The text between two others; empty when the arena is full. */
static struct slice between(const struct look *look, const char *before, struct slice text,
                            const char *after)
{
    return slice_text(arena_printf(look->arena, "%s%.*s%s", before, (int)text.size,
                                   (const char *)text.data, after));
}

/* --- The gates; each fills its members and says whether it holds --------------------------------
 */

/* True of a job that a queue which hands out nothing holds up: also of one that is not due yet or
 * is held, for what holds it now is not all that does. */
static bool waits_for_queue(const struct look *look)
{
    enum job_state state = (enum job_state)look->job->state;

    return state != JOB_ACTIVE && !job_state_is_terminal(state);
}

static bool is_paused(const struct look *look, struct why_gate *gate)
{
    const struct queue_row *queue = &look->queue->row;

    gate->queue = queue->name;
    gate->since = queue->paused_at;
    gate->text = between(look, "queue ", gate->queue, " is paused");
    return queue->paused && queue->draining_at == 0 && waits_for_queue(look);
}

static bool is_draining(const struct look *look, struct why_gate *gate)
{
    const struct queue_row *queue = &look->queue->row;

    gate->queue = queue->name;
    gate->since = queue->draining_at;
    gate->text = between(look, "queue ", gate->queue, " is draining");
    return queue->draining_at != 0 && waits_for_queue(look);
}

static bool is_scheduled(const struct look *look, struct why_gate *gate)
{
    gate->until = look->job->run_at;
    gate->has = 1u << (WHY_GATE_HAS_ESTIMATE - 1);
    gate->text = slice_text("scheduled for later");
    return look->job->state == JOB_SCHEDULED;
}

static bool waits_to_retry(const struct look *look, struct why_gate *gate)
{
    struct job_rows rows = {
        .self = look->core->kv->self, .get = look->core->kv->get, .arena = look->arena};
    struct error_row error = {0};

    if (look->job->state != JOB_RETRYING) {
        return false;
    }
    if (look->job->error_count > 0 &&
        job_read_error(&rows, look->job, look->job->error_count, &error, look->err) != ERR_NONE) {
        return false;
    }
    gate->until = look->job->run_at;
    gate->attempt = look->job->attempt;
    gate->last_error = error.error;
    gate->has = 1u << (WHY_GATE_HAS_ESTIMATE - 1) | 1u << (WHY_GATE_HAS_ATTEMPT - 1);
    gate->text = slice_text("waits for its next attempt");
    return true;
}

/* Claims in (now - window, now]. */
static uint64_t claims_used(const struct look *look)
{
    const struct window *window = &look->queue->window;
    uint64_t width_ns = look->queue->row.rate_window_ms * NS_PER_MS;
    uint64_t used = 0;

    for (uint32_t i = window->count; i > 0; i--) {
        struct window_item item = window_at(window, i - 1);

        if (item.at_ns + width_ns <= look->now_ns) {
            break;
        }
        used += item.count;
    }
    return used;
}

static bool is_over_rate(const struct look *look, struct why_gate *gate)
{
    const struct queue_row *queue = &look->queue->row;

    if (queue->rate_limit == 0 || look->job->state != JOB_PENDING) {
        return false;
    }
    gate->queue = queue->name;
    gate->limit = queue->rate_limit;
    gate->window_ms = queue->rate_window_ms;
    gate->used = claims_used(look);
    gate->until =
        window_opens_ns(&look->queue->window, queue->rate_window_ms * NS_PER_MS, queue->rate_limit);
    gate->has = 1u << (WHY_GATE_HAS_ESTIMATE - 1);
    gate->text =
        slice_text(arena_printf(look->arena, "rate limit of queue %.*s: %u per %llu ms",
                                (int)queue->name.size, (const char *)queue->name.data,
                                queue->rate_limit, (unsigned long long)queue->rate_window_ms));
    return gate->used >= queue->rate_limit;
}

/* Ids of the queue's active jobs, those longest active first. */
static struct list list_holders(const struct look *look)
{
    const struct index *index = &look->core->index;
    const struct index_job *job = index_first_of(index, look->queue, LIST_ACTIVE);
    struct slice *ids = arena_array(look->arena, WHY_HOLDERS_MAX, sizeof(*ids));
    uint32_t count = 0;

    for (; ids && job && count < WHY_HOLDERS_MAX; job = index_next_of(index, job)) {
        ids[count++] = job_id_text((struct job_key){job->time_ns, job->seq}, look->arena);
    }
    return (struct list){.items = ids, .count = count};
}

static bool is_over_concurrency(const struct look *look, struct why_gate *gate)
{
    const struct queue_row *queue = &look->queue->row;
    uint64_t active = look->queue->jobs.counts[JOB_ACTIVE];

    if (queue->max_concurrency == 0 || active < queue->max_concurrency ||
        look->job->state != JOB_PENDING) {
        return false;
    }
    gate->queue = queue->name;
    gate->limit = queue->max_concurrency;
    gate->active = active;
    gate->holders = list_holders(look);
    gate->text = slice_text(arena_printf(look->arena,
                                         "concurrency limit of queue %.*s: %llu active, at most %u",
                                         (int)queue->name.size, (const char *)queue->name.data,
                                         (unsigned long long)active, queue->max_concurrency));
    return true;
}

static bool is_held(const struct look *look, struct why_gate *gate)
{
    const struct job_hold *hold = &look->job->hold;

    if (look->job->state != JOB_HELD) {
        return false;
    }
    gate->reason = hold->reason;
    gate->kind =
        slice_text(hold->kind < hold_kind_words.count ? hold_kind_words.names[hold->kind] : NULL);
    gate->by = hold->by;
    gate->since = hold->at;
    gate->text = hold->reason.size ? between(look, "held: ", hold->reason, "") : slice_text("held");
    return true;
}

static bool is_active(const struct look *look, struct why_gate *gate)
{
    gate->worker_id = look->job->worker_id;
    gate->since = look->job->started_at;
    gate->lease_expires_at = look->job->lease_at;
    gate->text = gate->worker_id.size ? between(look, "worker ", gate->worker_id, " runs it")
                                      : slice_text("a worker runs it");
    return look->job->state == JOB_ACTIVE;
}

static bool is_expired(const struct look *look, struct why_gate *gate)
{
    enum job_state state = (enum job_state)look->job->state;

    gate->at = look->job->expire_at;
    gate->text = slice_text("expired: it is given up, not run");
    return job_is_expired(look->job, look->now_ns) && state != JOB_ACTIVE &&
           !job_state_is_terminal(state);
}

/* The id of another job that holds the job's unique key; empty when none does, or *look->err says
 * why there is no telling. */
static struct slice other_holder(const struct look *look)
{
    struct row_key lock = lock_row_key(look->job->queue, look->job->unique.key);
    struct kv *kv = look->core->kv;
    struct slice none = slice_of(NULL, 0);
    struct job_key named;
    struct slice value;
    struct slice id;
    struct job holder;

    if (kv->get(kv->self, TABLE_LOCK, row_key_slice(&lock), look->arena, &value, look->err) ||
        !value.data || !unique_lock_read(value, look->arena, &named)) {
        return none;
    }
    id = job_id_text(named, look->arena);
    if (core_job_find(look->core, id, look->arena, &holder, look->err) != ERR_NONE) {
        look->err->code = look->err->code == ERR_NOT_FOUND ? ERR_NONE : look->err->code;
        return none;
    }
    return holder.unique.ends_at > look->now_ns && holder.key.seq != look->job->key.seq ? id : none;
}

/* What a unique key has to do with it: why a new job is a duplicate, or a retry is refused. */
static struct slice terminal_text(const struct look *look, struct slice state)
{
    struct slice holder = slice_of(NULL, 0);

    if (look->job->unique.ends_at > look->now_ns) {
        return between(look, "it is ", state,
                       ", and holds its unique key: another one is a duplicate");
    }
    if (look->job->unique.key.size > 0) {
        holder = other_holder(look);
    }
    if (holder.size > 0) {
        return slice_text(arena_printf(look->arena, "it is %.*s, and %.*s holds its unique key",
                                       (int)state.size, (const char *)state.data, (int)holder.size,
                                       (const char *)holder.data));
    }
    return between(look, "it is ", state, "");
}

static bool is_terminal(const struct look *look, struct why_gate *gate)
{
    enum job_state state = (enum job_state)look->job->state;

    if (!job_state_is_terminal(state)) {
        return false;
    }
    gate->at = look->job->ended_at;
    gate->state = slice_text(job_state_name(state));
    gate->text = terminal_text(look, gate->state);
    return true;
}

static const gate_fn gates[WHY_KIND_COUNT] = {
    [WHY_PAUSED] = is_paused,
    [WHY_DRAINING] = is_draining,
    [WHY_SCHEDULED] = is_scheduled,
    [WHY_RETRY_BACKOFF] = waits_to_retry,
    [WHY_RATE_LIMIT] = is_over_rate,
    [WHY_CONCURRENCY] = is_over_concurrency,
    [WHY_HELD] = is_held,
    [WHY_ACTIVE] = is_active,
    [WHY_EXPIRED] = is_expired,
    [WHY_TERMINAL] = is_terminal,
};

/* --- The answer ----------------------------------------------------------------------------------
 */

void why_add_gate(struct why *why, const struct why_gate *gate)
{
    struct why_gate *items = why->gates.items;
    uint32_t at = why->gates.count++;

    assert(at < WHY_KIND_COUNT);
    for (; at > 0 && items[at - 1].gate > gate->gate; at--) {
        items[at] = items[at - 1];
    }
    items[at] = *gate;
}

static void add_gates(const struct look *look, struct why *why)
{
    for (uint32_t i = 0; i < WHY_KIND_COUNT; i++) {
        struct why_gate gate = {.gate = i};

        if (gates[i] && gates[i](look, &gate)) {
            why_add_gate(why, &gate);
        }
    }
    if (why->gates.count == 0) {
        struct why_gate none = {.gate = WHY_NONE, .text = slice_text("it is ready")};

        why->runnable = true;
        why_add_gate(why, &none);
    }
}

/* How many pending jobs go before it; counts to one more than WHY_AHEAD_MAX. */
static uint64_t find_ahead(const struct look *look)
{
    const struct index *index = &look->core->index;
    uint64_t count = 0;

    for (uint32_t list = LIST_READY; list < LIST_READY + JOB_PRIORITY_COUNT; list++) {
        const struct index_job *job = index_first_of(index, look->queue, (enum index_list)list);

        for (; job && count <= WHY_AHEAD_MAX; job = index_next_of(index, job)) {
            if (job->seq == look->job->key.seq) {
                return count;
            }
            count++;
        }
    }
    return count;
}

static void count_ahead(const struct look *look, struct why *why)
{
    uint64_t ahead;

    if (look->job->state != JOB_PENDING) {
        return;
    }
    ahead = find_ahead(look);
    if (ahead > WHY_AHEAD_MAX) {
        why->has |= 1u << (WHY_HAS_AHEAD_AT_LEAST - 1);
        why->ahead_at_least = WHY_AHEAD_MAX;
    } else {
        why->has |= 1u << (WHY_HAS_AHEAD - 1);
        why->ahead = ahead;
    }
}

enum err_code core_why(struct core *core, struct slice job_id, uint64_t now_ns, struct arena *arena,
                       struct why **ret_why, struct err *err)
{
    struct why *why = arena_alloc(arena, sizeof(*why));
    struct why_gate *room = arena_array(arena, WHY_KIND_COUNT, sizeof(*room));
    struct look look = {.core = core, .now_ns = now_ns, .arena = arena, .err = err};
    struct job job;

    if (!why || !room) {
        return err_set(err, ERR_NOMEM, "the answer needs more memory than a request may use");
    }
    if (core_job_find(core, job_id, arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    look.job = &job;
    look.queue = index_queue(&core->index, job.queue);
    *why = (struct why){
        .job_id = job_id,
        .state = job.state,
        .index = core->mark.index,
        .at = now_ns,
        .gates = {.items = room},
        .queue = look.queue->row.name,
    };
    err->code = ERR_NONE;
    add_gates(&look, why);
    count_ahead(&look, why);
    *ret_why = why;
    return err->code;
}

/* The last instant that a gate tells; false when one tells none. */
static bool find_until(const struct why *why, uint64_t *ret_until)
{
    const struct why_gate *items = why->gates.items;

    *ret_until = 0;
    for (uint32_t i = 0; i < why->gates.count; i++) {
        if (items[i].until == 0) {
            return false;
        }
        *ret_until = items[i].until > *ret_until ? items[i].until : *ret_until;
    }
    return true;
}

/* Under a rate limit those ahead go first, as many in each window as it lets through. */
static void wait_for_those_ahead(struct why *why)
{
    const struct why_gate *items = why->gates.items;

    for (uint32_t i = 0; i < why->gates.count; i++) {
        if (items[i].gate == WHY_RATE_LIMIT && why->ahead >= items[i].limit) {
            why->estimated_start += why->ahead / items[i].limit * items[i].window_ms * NS_PER_MS;
            why->has |= 1u << (WHY_HAS_ESTIMATE - 1);
            why->estimate = true;
        }
    }
}

void why_sum_up(struct why *why, uint64_t rate_per_1000s)
{
    const struct why_gate *items = why->gates.items;
    uint32_t last = why->gates.count - 1;

    /* That no worker asks says more than that it is ready. */
    why->summary = items[items[0].gate == WHY_NONE ? last : 0].text;
    if (find_until(why, &why->estimated_start)) {
        wait_for_those_ahead(why);
        return;
    }
    why->estimated_start = 0;
    if (rate_per_1000s > 0 && why->gates.count == 1 &&
        (items[0].gate == WHY_NONE || items[0].gate == WHY_CONCURRENCY) &&
        (why->has & (1u << (WHY_HAS_AHEAD - 1)))) {
        why->estimated_start = why->at + (why->ahead + 1) * 1000 * NS_PER_SECOND / rate_per_1000s;
        why->has |= 1u << (WHY_HAS_ESTIMATE - 1);
        why->estimate = true;
    }
}
