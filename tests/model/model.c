/* The plain queue: see model.h. */
#include "tests/model/model.h"

#include "base/limits.h"
#include "base/reply.h"
#include "tests/model/settings.h"
#include "tests/model/unique.h"

#include <stdio.h>
#include <stdlib.h>

static void set_text(struct model_text *text, struct slice slice)
{
    assert(slice.size < MODEL_TEXT_MAX);
    (void)snprintf(text->text, sizeof(text->text), "%.*s", (int)slice.size,
                   slice.size ? (const char *)slice.data : "");
}

static struct slice get_text(const struct model_text *text)
{
    return slice_text(text->text);
}

/* A copy that lives as long as the reply: the model itself goes on. */
static struct slice copy(struct model *model, const char *text)
{
    struct slice result = {0};
    bool done = arena_copy(model->arena, slice_text(text), &result);

    assert(done);
    return result;
}

struct model_job *model_find(struct model *model, const char *id)
{
    for (uint32_t i = 0; i < model->job_count; i++) {
        if (!model->jobs[i].gone && strcmp(model->jobs[i].id.text, id) == 0) {
            return &model->jobs[i];
        }
    }
    return NULL;
}

static struct model_job *find_slice(struct model *model, struct slice id)
{
    char text[80];

    (void)snprintf(text, sizeof(text), "%.*s", (int)id.size, id.size ? (const char *)id.data : "");
    return model_find(model, text);
}

static uint32_t find_queue(struct model *model, struct slice name)
{
    for (uint32_t i = 0; i < model->queue_count; i++) {
        if (slice_is(name, model->queues[i].name.text)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Claims of the past count for a limit that is set later. */
static void start_queue(const struct model *model, struct model_queue *queue)
{
    struct model_queue old = *queue;

    *queue = (struct model_queue){.exists = true, .created_at = model->now_ns};
    memcpy(queue->claims, old.claims, sizeof(queue->claims));
}

static uint32_t make_queue(struct model *model, struct slice name)
{
    uint32_t at = find_queue(model, name);

    if (at != UINT32_MAX && model->queues[at].exists) {
        return at;
    }
    if (at == UINT32_MAX) {
        at = model->queue_count++;
    }
    assert(at < MODEL_QUEUES_MAX);
    start_queue(model, &model->queues[at]);
    set_text(&model->queues[at].name, name);
    return at;
}

uint64_t model_count(const struct model *model, uint32_t queue, enum job_state state)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < model->job_count; i++) {
        const struct model_job *job = &model->jobs[i];

        count += !job->gone && job->queue == queue && job->state == state ? 1 : 0;
    }
    return count;
}

uint64_t model_retention_ns(const struct model *model, const struct model_job *job)
{
    return job->own_retention ? job->retention_ms * NS_PER_MS
                              : model_keep_ns(&model->queues[job->queue], job->state);
}

static void become_pending(struct model *model, struct model_job *job)
{
    job->state = JOB_PENDING;
    job->run_at = 0;
    job->ready_at = model->now_ns;
    job->ready_order = ++model->ready_order;
}

static void end(struct model *model, struct model_job *job, enum job_state state)
{
    job->state = state;
    job->reason.text[0] = '\0';
    job->by.text[0] = '\0';
    job->run_at = 0;
    job->ended_at = model->now_ns;
    if (state != JOB_COMPLETED || job->unique_until != UNIQUE_PERIOD) {
        job->unique_ends_at = 0;
    }
    if (state == JOB_DEAD) {
        job->failed_at = model->now_ns;
    }
    job->gone = model_retention_ns(model, job) == 0 && !model_is_holder(model, job);
}

static void stop_running(struct model_job *job)
{
    job->lease_end = 0;
    job->worker.text[0] = '\0';
    job->host.text[0] = '\0';
}

static void add_record(struct model_job *job, bool is_error)
{
    job->is_error[job->records++ % MODEL_RECORDS_MAX] = is_error;
}

static void add_error(struct model_job *job, struct slice text)
{
    add_record(job, true);
    set_text(&job->last_error, text);
}

uint32_t model_errors(const struct model_job *job)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < MODEL_RECORDS_MAX && i < job->records; i++) {
        count += job->is_error[i] ? 1 : 0;
    }
    return count;
}

static void answer_duplicate(struct model *model, const struct model_job *holder,
                             struct op_enqueue_reply *reply)
{
    *reply = (struct op_enqueue_reply){
        .job_id = copy(model, holder->id.text),
        .status = ENQUEUE_DUPLICATE,
        .unique_existing = true,
        .state = holder->state,
        .completed_at = holder->completed_at,
    };
    if (holder->state == JOB_COMPLETED) {
        reply->result = copy(model, holder->result.text);
    }
}

static void set_unique(struct model *model, const struct op_enqueue *op, struct model_job *job)
{
    set_text(&job->unique_key, op->unique_key);
    if (op->unique_key.size == 0) {
        return;
    }
    job->unique_period_ms = op->unique_period;
    job->unique_until = op->unique_period ? UNIQUE_PERIOD : UNIQUE_COMPLETED;
    if ((op->has >> (OP_ENQUEUE_HAS_UNIQUE_UNTIL - 1)) & 1) {
        job->unique_until = op->unique_until;
    }
    if (job->unique_until == UNIQUE_PERIOD && op->unique_period == 0) {
        job->unique_period_ms = UINT64_C(3600) * 1000;
    }
    model_take_key(model, job);
}

/* The job of the request's queue that holds the request's key; NULL when none does. */
static struct model_job *find_duplicate(struct model *model, const struct op_enqueue *op)
{
    struct model_text key;

    set_text(&key, op->unique_key);
    return key.text[0] ? model_holder(model, find_queue(model, op->queue), key.text) : NULL;
}

static uint16_t enqueue(struct model *model, const struct op_enqueue *op,
                        struct op_enqueue_reply *reply)
{
    bool until = (op->has >> (OP_ENQUEUE_HAS_UNIQUE_UNTIL - 1)) & 1;
    bool at = (op->has >> (OP_ENQUEUE_HAS_SCHEDULED_AT - 1)) & 1;
    bool delay = (op->has >> (OP_ENQUEUE_HAS_DELAY - 1)) & 1;
    struct model_job *job = &model->jobs[model->job_count];

    if (op->queue.size == 0 || (at && delay) || (until && op->unique_key.size == 0)) {
        return REPLY_VALIDATION_ERROR;
    }
    if (find_duplicate(model, op)) {
        answer_duplicate(model, find_duplicate(model, op), reply);
        return REPLY_NONE;
    }
    assert(model->job_count < MODEL_JOBS_MAX);
    *job = (struct model_job){.queue = make_queue(model, op->queue), .created_at = model->now_ns};
    job->priority = (op->has & 1) ? op->priority : 2;
    job->max_retries = (op->has & 2) ? op->max_retries : 3;
    job->backoff = (op->has & 4) ? op->retry_backoff : (uint32_t)JOB_BACKOFF_EXPONENTIAL;
    job->base_ms = (op->has & 8) ? op->retry_base_delay : 5000;
    job->max_ms = (op->has & 16) ? op->retry_max_delay : 600000;
    job->expire_at = op->expire_after ? model->now_ns + op->expire_after * NS_PER_MS : 0;
    set_text(&job->payload, op->payload.size ? op->payload : slice_text("{}"));
    set_text(&job->tags, op->tags);
    set_text(&job->checkpoint, op->checkpoint);
    set_unique(model, op, job);
    job->own_retention = (op->has >> (OP_ENQUEUE_HAS_RETENTION - 1)) & 1;
    job->retention_ms = op->retention;
    if (at || delay) {
        job->state = JOB_SCHEDULED;
        job->run_at = at ? op->scheduled_at : model->now_ns + op->delay * NS_PER_MS;
    } else {
        become_pending(model, job);
    }
    model->queues[job->queue].enqueued++;
    model->job_count++;
    set_text(&job->id, reply->job_id);
    reply->status = job->state;
    return REPLY_NONE;
}

/* The pending job of a queue that goes first. */
static struct model_job *next_ready(struct model *model, uint32_t queue)
{
    struct model_job *best = NULL;

    for (uint32_t i = 0; i < model->job_count; i++) {
        struct model_job *job = &model->jobs[i];

        if (job->gone || job->queue != queue || job->state != JOB_PENDING) {
            continue;
        }
        if (!best || job->priority < best->priority ||
            (job->priority == best->priority && job->ready_order < best->ready_order)) {
            best = job;
        }
    }
    return best;
}

static void token_of(const struct model_job *job, char text[MODEL_TEXT_MAX])
{
    (void)snprintf(text, MODEL_TEXT_MAX, "%s.%u", job->id.text + 4, job->epoch);
}

static void claim(struct model *model, const struct op_fetch *op, struct model_job *job,
                  struct op_fetch_job *ret)
{
    int32_t seconds = model_lease(&model->queues[job->queue], op);
    char token[MODEL_TEXT_MAX];

    job->state = JOB_ACTIVE;
    job->unique_ends_at = job->unique_until == UNIQUE_STARTED ? 0 : job->unique_ends_at;
    job->attempt++;
    job->epoch++;
    job->started_at = model->now_ns;
    job->lease_ms = (uint64_t)seconds * 1000;
    job->lease_end = model->now_ns + job->lease_ms * NS_PER_MS;
    set_text(&job->worker, op->worker_id);
    set_text(&job->host, op->hostname);
    token_of(job, token);
    *ret = (struct op_fetch_job){
        .job_id = copy(model, job->id.text),
        .queue = get_text(&model->queues[job->queue].name),
        .payload = copy(model, job->payload.text),
        .attempt = (uint32_t)job->attempt,
        .max_retries = (int32_t)job->max_retries,
        .lease_duration = (uint32_t)seconds,
        .checkpoint = copy(model, job->checkpoint.text),
        .tags = copy(model, job->tags.text),
        .lease_token = copy(model, token),
        .lease_expires_at = job->lease_end,
        .revision = job->revision,
    };
    if (job->revision) {
        struct job_feedback *feedback = arena_array(model->arena, 1, sizeof(*feedback));

        assert(feedback);
        *feedback = (struct job_feedback){.text = copy(model, job->feedback.text),
                                          .at = job->feedback_at,
                                          .revision = job->revision};
        ret->feedback = feedback;
    }
}

/* May one more job be handed out? */
static bool is_open(const struct model *model, uint32_t queue)
{
    const struct model_queue *at = &model->queues[queue];
    uint32_t used = 0;

    if (at->paused ||
        (at->max_concurrency && model_count(model, queue, JOB_ACTIVE) >= at->max_concurrency)) {
        return false;
    }
    while (used < at->rate_limit && at->claims[used] + at->window_ns > model->now_ns) {
        used++;
    }
    return at->rate_limit == 0 || used < at->rate_limit;
}

static void note_claim(struct model *model, uint32_t queue)
{
    struct model_queue *at = &model->queues[queue];

    if (at->rate_limit) {
        memmove(at->claims + 1, at->claims, sizeof(at->claims) - sizeof(at->claims[0]));
        at->claims[0] = model->now_ns;
    }
}

static uint16_t fetch(struct model *model, const struct op_fetch *op, struct op_fetch_reply *reply)
{
    uint32_t wanted = op->count < 1 ? 1 : op->count > 512 ? 512 : (uint32_t)op->count;
    struct op_fetch_job *jobs = arena_array(model->arena, wanted, sizeof(*jobs));
    uint32_t expired = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < op->queues.count; i++) {
        uint32_t queue = find_queue(model, ((const struct slice *)op->queues.items)[i]);

        while (queue != UINT32_MAX && is_open(model, queue) && count < wanted) {
            struct model_job *job = next_ready(model, queue);
            bool is_expired = job && job->expire_at && job->expire_at <= model->now_ns;

            if (!job || (is_expired && expired == 64)) {
                break;
            }
            if (is_expired) {
                add_error(job, slice_text("job expired"));
                end(model, job, JOB_DEAD);
                expired++;
            } else {
                note_claim(model, queue);
                claim(model, op, job, &jobs[count++]);
            }
        }
    }
    reply->jobs = (struct list){.items = jobs, .count = count};
    return REPLY_NONE;
}

static bool token_is(struct slice token, const struct model_job *job, uint32_t epoch)
{
    char text[MODEL_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s.%u", job->id.text + 4, epoch);
    return slice_is(token, text);
}

static bool token_makes_sense(struct slice token)
{
    return token.size > 27 && token.data[26] == '.';
}

/* REPLY_NONE: the job may be ended now, or was by the same verb (*repeated). */
static uint16_t may_end(const struct model *model, struct model_job *job, struct slice token,
                        char verb, uint16_t refuse, bool *repeated)
{
    *repeated = false;
    if (token.size && !token_makes_sense(token)) {
        return REPLY_VALIDATION_ERROR;
    }
    if (!job) {
        return refuse;
    }
    if (token.size == 0) {
        return job->state == JOB_ACTIVE && !model->queues[job->queue].needs_token ? REPLY_NONE
                                                                                  : refuse;
    }
    if (job->state == JOB_ACTIVE && token_is(token, job, job->epoch)) {
        return REPLY_NONE;
    }
    if (job->last_verb == verb && token_is(token, job, job->last_epoch)) {
        *repeated = true;
        return REPLY_NONE;
    }
    return REPLY_LEASE_LOST;
}

static void note_end(struct model_job *job, char verb)
{
    job->last_epoch = job->epoch;
    job->last_verb = verb;
    job->last_state = job->state;
    job->last_next_at = 0;
    job->last_remaining = 0;
}

static uint16_t ack(struct model *model, const struct op_ack *op, struct op_ack_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);
    bool repeated;
    uint16_t refused = may_end(model, job, op->lease_token, 'a', REPLY_ACK_ERROR, &repeated);

    if (refused) {
        return refused;
    }
    if (!repeated) {
        stop_running(job);
        if (op->result.size) {
            set_text(&job->result, op->result);
        }
        if (op->checkpoint.size) {
            set_text(&job->checkpoint, op->checkpoint);
        }
        end(model, job, JOB_COMPLETED);
        job->completed_at = model->now_ns;
        model->queues[job->queue].completed++;
        note_end(job, 'a');
    }
    reply->status = slice_text("ok");
    return REPLY_NONE;
}

static uint64_t delay_ms(const struct model_job *job)
{
    uint64_t delay = job->backoff == JOB_BACKOFF_NONE ? 0 : job->base_ms;

    for (int64_t i = 1; i < job->attempt && delay < DURATION_MS_MAX; i++) {
        if (job->backoff == JOB_BACKOFF_LINEAR) {
            delay += job->base_ms;
        } else if (job->backoff == JOB_BACKOFF_EXPONENTIAL) {
            delay *= 2;
        }
    }
    if (job->max_ms && delay > job->max_ms) {
        delay = job->max_ms;
    }
    return delay > DURATION_MS_MAX ? DURATION_MS_MAX : delay;
}

static uint16_t fail(struct model *model, const struct op_fail *op, struct op_fail_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);
    bool repeated;
    uint16_t refused = may_end(model, job, op->lease_token, 'f', REPLY_FAIL_ERROR, &repeated);

    if (refused) {
        return refused;
    }
    if (!repeated) {
        int64_t left = op->no_retry ? 0 : job->max_retries - job->attempt;

        stop_running(job);
        add_error(job, op->error);
        model->queues[job->queue].failed++;
        job->failed_at = model->now_ns;
        if (left > 0) {
            job->state = JOB_RETRYING;
            job->run_at = model->now_ns + delay_ms(job) * NS_PER_MS;
        } else {
            end(model, job, JOB_DEAD);
        }
        note_end(job, 'f');
        job->last_next_at = job->run_at;
        job->last_remaining = left > 0 ? (uint32_t)left : 0;
    }
    reply->status = job->last_state;
    reply->next_attempt_at = job->last_next_at;
    reply->attempts_remaining = job->last_remaining;
    return REPLY_NONE;
}

static const char *why_cancel(const struct model_job *job)
{
    if (!job) {
        return "unknown";
    }
    if (job->state == JOB_ACTIVE) {
        return "lease_lost";
    }
    if (job->state == JOB_SCHEDULED || job->state == JOB_RETRYING) {
        return "pending";
    }
    return job_state_name(job->state);
}

static void add_id(struct list *list, struct slice id)
{
    ((struct slice *)list->items)[list->count++] = id;
}

static void beat(struct model *model, const struct op_heartbeat_item *item,
                 struct op_heartbeat_reply *reply)
{
    struct op_heartbeat_reply_item *answers = reply->jobs.items;
    struct op_heartbeat_job_reply *answer = &answers[reply->jobs.count].job;
    struct model_job *job = find_slice(model, item->key);
    struct slice token = item->job.lease_token;

    answers[reply->jobs.count++].key = item->key;
    if (!job || job->state != JOB_ACTIVE ||
        (token.size ? !token_is(token, job, job->epoch) : model->queues[job->queue].needs_token)) {
        answer->status = slice_text("cancel");
        answer->reason = slice_text(why_cancel(job));
        add_id(job ? &reply->canceled : &reply->unknown, item->key);
        return;
    }
    job->lease_end = model->now_ns + job->lease_ms * NS_PER_MS;
    if (item->job.progress.size) {
        set_text(&job->progress, item->job.progress);
    }
    if (item->job.checkpoint.size) {
        set_text(&job->checkpoint, item->job.checkpoint);
    }
    answer->status = slice_text("ok");
    answer->lease_expires_at = job->lease_end;
    add_id(&reply->acked, item->key);
}

static uint16_t heartbeat(struct model *model, const struct op_heartbeat *op,
                          struct op_heartbeat_reply *reply)
{
    const struct op_heartbeat_item *items = op->jobs.items;
    uint32_t count = op->jobs.count;

    for (uint32_t i = 0; i < count; i++) {
        if (items[i].job.lease_token.size && !token_makes_sense(items[i].job.lease_token)) {
            return REPLY_VALIDATION_ERROR;
        }
    }
    reply->jobs.items = arena_array(model->arena, count, sizeof(struct op_heartbeat_reply_item));
    reply->acked.items = arena_array(model->arena, count, sizeof(struct slice));
    reply->unknown.items = arena_array(model->arena, count, sizeof(struct slice));
    reply->canceled.items = arena_array(model->arena, count, sizeof(struct slice));
    for (uint32_t i = 0; i < count; i++) {
        beat(model, &items[i], reply);
    }
    return REPLY_NONE;
}

static uint16_t cancel(struct model *model, const struct op_job *op, struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);
    bool active = job && job->state == JOB_ACTIVE;

    if (!job || job_state_is_terminal(job->state)) {
        return REPLY_CANCEL_ERROR;
    }
    end(model, job, JOB_CANCELLED);
    if (active) {
        note_end(job, 'c');
    }
    reply->status = slice_text(active ? "cancelling" : "cancelled");
    return REPLY_NONE;
}

static uint16_t retry(struct model *model, const struct op_job *op, struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);

    if (!job || (job->state != JOB_SCHEDULED && !job_state_is_terminal(job->state))) {
        return REPLY_RETRY_ERROR;
    }
    if (job->unique_until && model_is_key_taken(model, job, job->queue)) {
        return REPLY_RETRY_ERROR;
    }
    if (job->state == JOB_COMPLETED || (job->state == JOB_CANCELLED && job->lease_end)) {
        add_record(job, false);
    }
    if (job->expire_at && job->expire_at <= model->now_ns) {
        job->expire_at = 0;
    }
    if (job->state != JOB_SCHEDULED) {
        model_take_key(model, job);
        job->completed_at = 0;
        job->failed_at = 0;
    }
    stop_running(job);
    job->attempt = 0;
    become_pending(model, job);
    reply->status = slice_text("retried");
    return REPLY_NONE;
}

static uint16_t delete(struct model *model, const struct op_job *op, struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);

    if (!job) {
        return REPLY_NOT_FOUND;
    }
    job->gone = true;
    reply->status = slice_text("deleted");
    return REPLY_NONE;
}

static uint16_t move(struct model *model, const struct op_move *op, struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);
    uint32_t queue;

    if (op->queue.size == 0) {
        return REPLY_VALIDATION_ERROR;
    }
    if (!job) {
        return REPLY_MOVE_ERROR;
    }
    if (find_queue(model, op->queue) != job->queue && model_is_holder(model, job) &&
        model_is_key_taken(model, job, find_queue(model, op->queue))) {
        return REPLY_MOVE_ERROR;
    }
    queue = make_queue(model, op->queue);
    if (queue != job->queue) {
        job->queue = queue;
        job->ready_order = ++model->ready_order;
        job->ready_at = job->state == JOB_PENDING ? model->now_ns : job->ready_at;
    }
    reply->status = slice_text("moved");
    return REPLY_NONE;
}

static uint16_t set_priority(struct model *model, const struct op_priority *op,
                             struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);

    if (!job || job_state_is_terminal(job->state)) {
        return REPLY_PRIORITY_ERROR;
    }
    if (job->priority != op->priority && job->state == JOB_PENDING) {
        become_pending(model, job);
    }
    job->priority = op->priority;
    reply->status = slice_text("ok");
    return REPLY_NONE;
}

static uint16_t hold(struct model *model, const struct op_hold *op, struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);

    if (!job || job->state == JOB_HELD || job_state_is_terminal(job->state)) {
        return REPLY_HOLD_ERROR;
    }
    job->held_from = job->state;
    job->state = JOB_HELD;
    set_text(&job->reason, op->reason);
    set_text(&job->by, op->by);
    if (job->held_from == JOB_ACTIVE) {
        add_record(job, false);
        stop_running(job);
        note_end(job, 'h');
    }
    reply->status = slice_text("held");
    return REPLY_NONE;
}

/* Held no more. */
static void let_go(struct model *model, struct model_job *job)
{
    job->reason.text[0] = '\0';
    job->by.text[0] = '\0';
    become_pending(model, job);
}

static uint16_t approve(struct model *model, const struct op_approve *op,
                        struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);
    uint64_t run_at;

    if (!job || job->state != JOB_HELD) {
        return REPLY_APPROVE_ERROR;
    }
    run_at = job->run_at;
    let_go(model, job);
    if (run_at > model->now_ns) {
        job->run_at = run_at;
        job->state = job->held_from;
        reply->state = job->state;
    }
    reply->status = slice_text("pending");
    return REPLY_NONE;
}

/* The text with {"name":value} merged into it, by looking at it as the few shapes that are drawn.
 */
static void merge(struct model_text *text, const char *member, bool only_objects)
{
    size_t size = strlen(text->text);
    char inside[MODEL_TEXT_MAX] = "";

    if (only_objects && size > 0 && text->text[0] != '{') {
        return;
    }
    if (size > 0 && text->text[0] == '{') {
        (void)snprintf(inside, sizeof(inside), "%.*s", (int)size - 2, text->text + 1);
    }
    if (!strstr(inside, member)) {
        int length = snprintf(text->text, sizeof(text->text), "{%s%s%s}", inside,
                              inside[0] ? "," : "", member);

        assert(length < (int)sizeof(text->text));
    }
}

static void revise(struct model *model, const struct op_reject *op, struct model_job *job)
{
    if (op->payload.size) {
        set_text(&job->payload, op->payload);
    } else if (slice_is(op->payload_patch, "{\"p\":1}")) {
        merge(&job->payload, "\"p\":1", false);
    } else if (op->payload_patch.size) {
        set_text(&job->payload, op->payload_patch);
    }
    merge(&job->checkpoint, "\"feedback\":\"f\"", true);
    set_text(&job->feedback, op->feedback);
    job->feedback_at = model->now_ns;
    job->revision++;
    job->attempt = 0;
    let_go(model, job);
}

static uint16_t reject(struct model *model, const struct op_reject *op, struct op_job_reply *reply)
{
    struct model_job *job = find_slice(model, op->job_id);
    char text[MODEL_TEXT_MAX];

    if (op->revise ? op->feedback.size == 0 || (op->payload.size && op->payload_patch.size)
                   : op->feedback.size || op->payload.size || op->payload_patch.size) {
        return REPLY_VALIDATION_ERROR;
    }
    if (!job || job->state != JOB_HELD) {
        return REPLY_REJECT_ERROR;
    }
    if (op->revise) {
        revise(model, op, job);
    } else {
        (void)snprintf(text, sizeof(text), "rejected%s%.*s", op->reason.size ? ": " : "",
                       (int)op->reason.size, op->reason.size ? (const char *)op->reason.data : "");
        add_error(job, slice_text(text));
        end(model, job, JOB_DEAD);
    }
    reply->status = slice_text(op->revise ? "pending" : "dead");
    return REPLY_NONE;
}

static uint64_t due_of(const struct model_job *job)
{
    uint64_t never = UINT64_MAX;
    uint64_t expire = job->expire_at ? job->expire_at : never;

    if (job->gone || job_state_is_terminal(job->state)) {
        return never;
    }
    if (job->state == JOB_ACTIVE) {
        return job->lease_end;
    }
    return job->state != JOB_HELD && job->run_at && job->run_at < expire ? job->run_at : expire;
}

static struct model_job *first_due(struct model *model)
{
    struct model_job *best = NULL;

    for (uint32_t i = 0; i < model->job_count; i++) {
        if (due_of(&model->jobs[i]) <= model->now_ns &&
            (!best || due_of(&model->jobs[i]) < due_of(best))) {
            best = &model->jobs[i];
        }
    }
    return best;
}

static void reclaim(struct model *model, struct model_job *job)
{
    add_error(job, slice_text("lease expired"));
    stop_running(job);
    if (job->attempt >= (job->max_retries > 1 ? job->max_retries : 1)) {
        end(model, job, JOB_DEAD);
    } else {
        become_pending(model, job);
    }
    note_end(job, 'r');
}

static uint16_t tick(struct model *model, struct op_tick_reply *reply)
{
    struct model_job *job;

    for (uint32_t i = 0; i < 1024 && (job = first_due(model)) != NULL; i++) {
        if (job->state == JOB_ACTIVE) {
            reclaim(model, job);
            reply->reclaimed++;
        } else if (job->expire_at && job->expire_at <= model->now_ns) {
            add_error(job, slice_text("job expired"));
            end(model, job, JOB_DEAD);
            reply->expired++;
        } else {
            become_pending(model, job);
            reply->promoted++;
        }
    }
    return REPLY_NONE;
}

static void set_paused(struct model *model, uint32_t queue, uint32_t code,
                       struct op_queue_reply *reply)
{
    struct model_queue *at = &model->queues[queue];

    at->paused = code != OP_RESUME;
    at->draining = code == OP_DRAIN || (at->draining && code == OP_PAUSE);
    reply->status = slice_text(code == OP_PAUSE   ? "paused"
                               : code == OP_DRAIN ? "draining"
                                                  : "resumed");
}

/* Takes the queue's jobs away that are in one of the states (all bits: any). */
static uint64_t strike(struct model *model, uint32_t queue, uint32_t states)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < model->job_count; i++) {
        struct model_job *job = &model->jobs[i];

        if (!job->gone && job->queue == queue && (states >> job->state & 1)) {
            job->gone = true;
            count++;
        }
    }
    return count;
}

static uint16_t destroy(struct model *model, const struct op_queue *op,
                        struct op_destroy_reply *reply)
{
    uint32_t queue = find_queue(model, op->queue);

    if (op->queue.size == 0) {
        return REPLY_VALIDATION_ERROR;
    }
    reply->status = slice_text("deleted");
    if (queue != UINT32_MAX) {
        reply->deleted = strike(model, queue, UINT32_MAX);
        model->queues[queue].exists = false;
    }
    return REPLY_NONE;
}

static uint16_t limit(struct model *model, uint32_t code, const void *request,
                      struct op_queue_reply *reply)
{
    const struct op_throttle *throttle = request;
    const struct op_concurrency *concurrency = request;
    struct slice name = ((const struct op_queue *)request)->queue;
    bool bad = code == OP_THROTTLE && (throttle->rate <= 0 || throttle->window_ms <= 0);
    struct model_queue *queue;

    if (name.size == 0 || bad) {
        return REPLY_VALIDATION_ERROR;
    }
    reply->status = slice_text("ok");
    if (code == OP_UNTHROTTLE) {
        if (find_queue(model, name) != UINT32_MAX) {
            model->queues[find_queue(model, name)].rate_limit = 0;
        }
        return REPLY_NONE;
    }
    queue = &model->queues[make_queue(model, name)];
    if (code == OP_THROTTLE) {
        queue->rate_limit = (uint32_t)throttle->rate;
        queue->window_ns = (uint64_t)throttle->window_ms * NS_PER_MS;
    } else {
        queue->max_concurrency = concurrency->max > 0 ? (uint32_t)concurrency->max : 0;
    }
    return REPLY_NONE;
}

static uint16_t change_queue(struct model *model, uint32_t code, const struct op_queue *op,
                             void *ret_reply)
{
    struct op_clear_reply *cleared = ret_reply;
    uint32_t queue;

    if (op->queue.size == 0) {
        return REPLY_VALIDATION_ERROR;
    }
    queue = make_queue(model, op->queue);
    if (code == OP_CLEAR) {
        cleared->status = slice_text("cleared");
        cleared->cleared =
            strike(model, queue, 1u << JOB_PENDING | 1u << JOB_SCHEDULED | 1u << JOB_RETRYING);
    } else {
        set_paused(model, queue, code, ret_reply);
    }
    return REPLY_NONE;
}

static uint16_t set(struct model *model, uint32_t code, const void *request, void *reply)
{
    struct slice name = code == OP_QUEUE_LEASE
                            ? ((const struct op_queue_lease *)request)->queue
                            : ((const struct op_queue_retention *)request)->queue;

    return name.size ? model_set(&model->queues[make_queue(model, name)], code, request, reply)
                     : REPLY_VALIDATION_ERROR;
}

uint16_t model_apply(struct model *model, uint32_t code, const void *request, void *reply)
{
    switch (code) {
    case OP_ENQUEUE:
        return enqueue(model, request, reply);
    case OP_FETCH:
        return fetch(model, request, reply);
    case OP_ACK:
        return ack(model, request, reply);
    case OP_FAIL:
        return fail(model, request, reply);
    case OP_HEARTBEAT:
        return heartbeat(model, request, reply);
    case OP_CANCEL:
        return cancel(model, request, reply);
    case OP_TICK:
        return tick(model, reply);
    case OP_THROTTLE:
    case OP_UNTHROTTLE:
    case OP_CONCURRENCY:
        return limit(model, code, request, reply);
    case OP_DESTROY:
        return destroy(model, request, reply);
    case OP_QUEUE_RETENTION:
    case OP_QUEUE_LEASE:
        return set(model, code, request, reply);
    case OP_PAUSE:
    case OP_RESUME:
    case OP_DRAIN:
    case OP_CLEAR:
        return change_queue(model, code, request, reply);
    case OP_RETRY:
        return retry(model, request, reply);
    case OP_DELETE:
        return delete (model, request, reply);
    case OP_MOVE:
        return move(model, request, reply);
    case OP_HOLD:
        return hold(model, request, reply);
    case OP_APPROVE:
        return approve(model, request, reply);
    case OP_REJECT:
        return reject(model, request, reply);
    case OP_PRIORITY:
        return set_priority(model, request, reply);
    default:
        abort();
    }
}
