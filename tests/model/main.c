/* Random operations, drawn from few names so that they collide, given to core and to the model:
 * every reply must agree, and now and then every job, every queue, the indexes, the state hash and
 * a restart.
 *
 *   run                   20,000 operations of one new seed
 *   run --seed N          the same run again
 *   run --ops N           that many operations */
#include "base/env.h"
#include "base/limits.h"
#include "base/reply.h"
#include "core/queue.h"
#include "core/tables.h"
#include "store/kv_mem.h"
#include "tests/model/kept.h"
#include "tests/model/settings.h"
#include "tests/model/unique.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

#define OPS_DEFAULT 20000
#define ENTRY_OPS 12
#define RECENT 24
#define OP_CODES 64 /* More than the greatest code. */

struct planned {
    const struct op_spec *spec;
    void *request;
    uint32_t unit;
    uint32_t call; /* Of a keyed request; 0 = it has no key. */
    bool list;
    bool single; /* Each operation of the group is a keyed request of its own. */
    const char *key;
    const char *fingerprint;
};

struct run {
    uint64_t random;
    uint64_t seed;
    uint64_t op;
    struct model *model;
    struct model *saved; /* At the start of a unit. */
    struct kv_mem *mem;
    struct core *core;
    struct arena requests;
    struct arena replies;
    struct planned planned[ENTRY_OPS];
    uint32_t planned_count;
    struct core_applied applied;
    uint64_t index;
    uint64_t clock_ns;
    struct model_kept kept;
    struct arena keys; /* Of the whole run. */
    uint64_t fates[MODEL_FULL + 1];
    uint64_t duplicates;
    uint64_t agreed[OP_CODES];
    uint64_t refused[OP_CODES];
};

static uint32_t draw(struct run *run, uint32_t bound)
{
    run->random = run->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(run->random >> 33) % bound;
}

static void complain(const struct run *run, const char *what)
{
    (void)printf("model: seed %llu, operation %llu: %s\nreplay: tests/run model with --seed %llu\n"
                 "0 passed, 1 failed\n",
                 (unsigned long long)run->seed, (unsigned long long)run->op, what,
                 (unsigned long long)run->seed);
    exit(1);
}

static struct slice pick(struct run *run, const char *const *words, uint32_t count)
{
    return slice_text(words[draw(run, count)]);
}

static struct slice draw_queue(struct run *run)
{
    static const char *const names[] = {"a", "b", "c", "a/b", "d"};

    return draw(run, 200) ? pick(run, names, ARRAY_COUNT(names)) : slice_of(NULL, 0);
}

static struct slice draw_json(struct run *run)
{
    static const char *const values[] = {"", "", "1", "{\"a\":[1,2]}", "null", "\"x\"", "{}"};

    return pick(run, values, ARRAY_COUNT(values));
}

/* How far back the first job in that state behind some recent place is. */
static uint32_t draw_in_state(struct run *run, enum job_state state)
{
    uint32_t count = run->model->job_count;
    uint32_t start = draw(run, 4 * RECENT);

    for (uint32_t back = start; back < count && back < start + 1000; back++) {
        if (run->model->jobs[count - 1 - back].state == state) {
            return back;
        }
    }
    return start;
}

/* A job id, mostly of a job in that state or a recent one; now and then none. */
static struct slice draw_job_in(struct run *run, enum job_state state,
                                const struct model_job **ret_job)
{
    uint32_t count = run->model->job_count;
    uint32_t back = draw(run, 3)    ? draw_in_state(run, state)
                    : draw(run, 10) ? draw(run, RECENT)
                                    : draw(run, count + 1);

    *ret_job = NULL;
    if (count == 0 || back >= count || draw(run, 60) == 0) {
        return slice_text(draw(run, 2) ? "job_x" : "job_0000000000000001000000000f");
    }
    *ret_job = &run->model->jobs[count - 1 - back];
    return slice_text(arena_printf(&run->requests, "%s", (*ret_job)->id.text));
}

static struct slice draw_job(struct run *run, const struct model_job **ret_job)
{
    return draw_job_in(run, JOB_ACTIVE, ret_job);
}

/* No token, the current one, an older or later one, another job's, or rubbish. */
static struct slice draw_token(struct run *run, const struct model_job *job)
{
    uint32_t kind = draw(run, 12);
    uint32_t epoch;

    if (!job || kind < 4) {
        return slice_of(NULL, 0);
    }
    if (kind == 4) {
        return slice_text(draw(run, 2) ? "rubbish" : "job_1.1");
    }
    if (kind == 5) {
        job = &run->model->jobs[draw(run, run->model->job_count)];
    }
    epoch = job->epoch + (kind == 6 ? 1 : 0);
    if (kind <= 8 && epoch > 1) {
        epoch -= 1;
    }
    return epoch == 0 ? slice_of(NULL, 0)
                      : slice_text(arena_printf(&run->requests, "%s.%u", job->id.text + 4, epoch));
}

/* Few keys, so that most of them are held; now and then a mode without one. */
static void draw_unique(struct run *run, struct op_enqueue *op)
{
    static const char *const keys[] = {"k1", "k2", "k3"};

    if (draw(run, 3) == 0) {
        op->unique_key = pick(run, keys, ARRAY_COUNT(keys));
    }
    op->unique_period = draw(run, 3) ? 0 : 1 + draw(run, 30000);
    if (draw(run, op->unique_key.size ? 2 : 100) == 0) {
        op->has |= 1u << (OP_ENQUEUE_HAS_UNIQUE_UNTIL - 1);
        op->unique_until = UNIQUE_STARTED + draw(run, UNIQUE_COUNT - UNIQUE_STARTED);
    }
}

static void draw_enqueue(struct run *run, struct op_enqueue *op)
{
    op->queue = draw_queue(run);
    op->payload = draw_json(run);
    op->tags = draw_json(run);
    op->checkpoint = draw_json(run);
    op->has = draw(run, 32);
    op->priority = draw(run, 4);
    op->max_retries = (int32_t)draw(run, 6) - 1;
    op->retry_backoff = draw(run, JOB_BACKOFF_COUNT);
    op->retry_base_delay = draw(run, 4) * 700;
    op->retry_max_delay = draw(run, 3) * 2000;
    op->expire_after = draw(run, 4) ? 0 : 1 + draw(run, 20000);
    draw_unique(run, op);
    op->has |= draw(run, 6) ? 0 : 1u << (OP_ENQUEUE_HAS_RETENTION - 1);
    op->retention = draw(run, 4) * 40000;
    if (draw(run, 5) == 0) {
        op->has |= 1u << (OP_ENQUEUE_HAS_DELAY - 1);
        op->delay = draw(run, 8000);
    }
    if (draw(run, 12) == 0) {
        op->has |= 1u << (OP_ENQUEUE_HAS_SCHEDULED_AT - 1);
        op->scheduled_at = run->model->now_ns - 5 * NS_PER_SECOND + draw(run, 10) * NS_PER_SECOND;
    }
}

static void draw_fetch(struct run *run, struct op_fetch *op)
{
    static const char *const workers[] = {"", "w1", "w2"};
    uint32_t count = 1 + draw(run, 4);
    struct slice *queues = arena_array(&run->requests, count, sizeof(*queues));

    for (uint32_t i = 0; i < count; i++) {
        queues[i] = draw_queue(run);
        if (queues[i].size == 0) {
            queues[i] = slice_text("nowhere");
        }
    }
    op->queues = (struct list){.items = queues, .count = count};
    op->worker_id = pick(run, workers, ARRAY_COUNT(workers));
    op->hostname = pick(run, workers, ARRAY_COUNT(workers));
    op->timeout = (int32_t)draw(run, 8) - 1;
    op->lease_duration = draw(run, 3) ? 0 : (int32_t)draw(run, 10) - 1;
    op->count = (int32_t)draw(run, 6) - 1;
}

static bool is_in(const struct op_heartbeat_item *items, uint32_t count, struct slice key)
{
    for (uint32_t i = 0; i < count; i++) {
        if (slice_equal(items[i].key, key)) {
            return true;
        }
    }
    return false;
}

/* Keys of a map are unique: the codec keeps the last of equal ones. */
static void draw_heartbeat(struct run *run, struct op_heartbeat *op)
{
    uint32_t drawn = draw(run, 5);
    uint32_t count = 0;
    struct op_heartbeat_item *items = arena_array(&run->requests, drawn, sizeof(*items));

    while (drawn-- > 0) {
        struct op_heartbeat_item *item = &items[count];
        const struct model_job *job;

        item->key = draw_job(run, &job);
        item->job.lease_token = draw_token(run, job);
        item->job.progress = draw_json(run);
        item->job.checkpoint = draw_json(run);
        count += is_in(items, count, item->key) ? 0 : 1;
    }
    op->jobs = (struct list){.items = items, .count = count};
}

static void draw_hold(struct run *run, struct op_hold *op)
{
    static const char *const words[] = {"", "why", "so"};
    const struct model_job *job;

    op->job_id = draw_job_in(run, draw(run, 2) ? JOB_PENDING : JOB_RETRYING, &job);
    op->reason = pick(run, words, ARRAY_COUNT(words));
    op->by = pick(run, words, ARRAY_COUNT(words));
}

static void draw_reject(struct run *run, struct op_reject *op)
{
    static const char *const patches[] = {"", "{\"p\":1}", "7"};
    const struct model_job *job;

    op->job_id = draw_job_in(run, JOB_HELD, &job);
    op->revise = draw(run, 2) != 0;
    op->reason = slice_text(draw(run, 2) ? "no" : "");
    op->feedback = slice_text(op->revise != (draw(run, 20) == 0) ? "f" : "");
    if (op->revise && draw(run, 2)) {
        op->payload_patch = pick(run, patches, ARRAY_COUNT(patches));
    } else if (op->revise) {
        op->payload = draw_json(run);
    }
}

/* The operations on one job, which is mostly in a state that they take. */
static void draw_job_op(struct run *run, uint32_t code, void *request)
{
    static const enum job_state retried[] = {JOB_DEAD, JOB_COMPLETED, JOB_CANCELLED, JOB_SCHEDULED};
    const struct model_job *job;
    struct op_move *move = request;
    struct op_priority *priority = request;

    switch (code) {
    case OP_RETRY:
        ((struct op_job *)request)->job_id =
            draw_job_in(run, retried[draw(run, ARRAY_COUNT(retried))], &job);
        break;
    case OP_MOVE:
        move->job_id = draw_job_in(run, draw(run, JOB_STATE_COUNT), &job);
        move->queue = draw_queue(run);
        break;
    case OP_HOLD:
        draw_hold(run, request);
        break;
    case OP_APPROVE:
        ((struct op_approve *)request)->job_id = draw_job_in(run, JOB_HELD, &job);
        break;
    case OP_REJECT:
        draw_reject(run, request);
        break;
    case OP_PRIORITY:
        priority->has = 1;
        priority->job_id = draw_job_in(run, JOB_PENDING, &job);
        priority->priority = draw(run, 4);
        break;
    default:
        ((struct op_job *)request)->job_id = draw_job(run, &job);
    }
}

/* One width, as a wider window can not bring back claims that a narrower one has let go. */
static void draw_throttle(struct run *run, struct op_throttle *op)
{
    op->queue = draw_queue(run);
    op->rate = draw(run, MODEL_RATE_MAX + 1);
    op->window_ms = draw(run, 12) ? 1500 : 0;
}

static void draw_retention(struct run *run, struct op_queue_retention *op)
{
    op->queue = draw_queue(run);
    op->has = draw(run, RETENTION_BITS + 1);
    op->keep.completed_ms = op->has & 1 ? draw(run, 4) * 30000 : 0;
    op->keep.dead_ms = op->has & 2 ? draw(run, 4) * 30000 : 0;
    op->keep.cancelled_ms = op->has & 4 ? draw(run, 4) * 30000 : 0;
}

static void draw_lease(struct run *run, struct op_queue_lease *op)
{
    op->queue = draw_queue(run);
    op->require_token = draw(run, 3) == 0;
    op->has = draw(run, 2);
    op->default_lease = op->has * (1 + draw(run, 4)) * 1000;
}

static void draw_request(struct run *run, uint32_t code, void *request)
{
    const struct model_job *job;
    struct op_ack *ack = request;
    struct op_fail *fail = request;

    switch (code) {
    case OP_ENQUEUE:
        draw_enqueue(run, request);
        break;
    case OP_FETCH:
        draw_fetch(run, request);
        break;
    case OP_ACK:
        ack->job_id = draw_job(run, &job);
        ack->lease_token = draw_token(run, job);
        ack->result = draw_json(run);
        ack->checkpoint = draw(run, 3) ? slice_of(NULL, 0) : draw_json(run);
        break;
    case OP_FAIL:
        fail->job_id = draw_job(run, &job);
        fail->lease_token = draw_token(run, job);
        fail->error = draw_json(run);
        fail->no_retry = draw(run, 8) == 0;
        break;
    case OP_HEARTBEAT:
        draw_heartbeat(run, request);
        break;
    case OP_TICK:
        core_tick(run->core, request);
        break;
    case OP_THROTTLE:
        draw_throttle(run, request);
        break;
    case OP_QUEUE_RETENTION:
        draw_retention(run, request);
        break;
    case OP_QUEUE_LEASE:
        draw_lease(run, request);
        break;
    case OP_CONCURRENCY:
        ((struct op_concurrency *)request)->queue = draw_queue(run);
        ((struct op_concurrency *)request)->max = (int64_t)draw(run, 12) - 2;
        break;
    case OP_UNTHROTTLE:
    case OP_PAUSE:
    case OP_RESUME:
    case OP_DRAIN:
    case OP_CLEAR:
    case OP_DESTROY:
        ((struct op_queue *)request)->queue = draw_queue(run);
        break;
    default:
        draw_job_op(run, code, request);
    }
}

static uint32_t draw_code(struct run *run, bool in_unit)
{
    static const uint8_t codes[] = {
        OP_ENQUEUE, OP_ENQUEUE,  OP_ENQUEUE, OP_ENQUEUE, OP_FETCH,     OP_FETCH,  OP_FETCH,
        OP_ACK,     OP_ACK,      OP_FAIL,    OP_FAIL,    OP_HEARTBEAT, OP_CANCEL, OP_TICK,
        OP_TICK,    OP_RETRY,    OP_DELETE,  OP_MOVE,    OP_HOLD,      OP_HOLD,   OP_APPROVE,
        OP_REJECT,  OP_PRIORITY, OP_FETCH,   OP_ACK,     OP_ACK};
    static const uint8_t queue_codes[] = {
        OP_RESUME,      OP_RESUME,          OP_RESUME,     OP_PAUSE,    OP_DRAIN,
        OP_CLEAR,       OP_DESTROY,         OP_THROTTLE,   OP_THROTTLE, OP_UNTHROTTLE,
        OP_CONCURRENCY, OP_QUEUE_RETENTION, OP_QUEUE_LEASE};
    uint32_t code = draw(run, 25) ? codes[draw(run, ARRAY_COUNT(codes))]
                                  : queue_codes[draw(run, ARRAY_COUNT(queue_codes))];

    return in_unit && code == OP_TICK ? OP_FETCH : code;
}

/* What may be kept: claims and heartbeats take no key, and their answers are long. */
static uint32_t draw_keyed_code(struct run *run)
{
    uint32_t code = draw_code(run, true);

    return code == OP_FETCH ? OP_ENQUEUE : code == OP_HEARTBEAT ? OP_CANCEL : code;
}

/* Units, lists with a key, and single operations with one. A key goes with a kind of request, so
 * that most of those that meet again are the same. */
static void draw_group(struct run *run, uint32_t number, struct planned *group)
{
    static const char *const unit_keys[] = {"u1", "u2", "u3"};
    static const char *const list_keys[] = {"l1", "l2"};
    bool keyed = draw(run, 4) == 0;

    *group = (struct planned){0};
    if (draw(run, 6) == 0) {
        group->unit = number;
    } else if (draw(run, 20) == 0) {
        group->list = keyed = true;
    } else if (keyed) {
        group->single = true;
    }
    if (keyed && !group->single) {
        group->key = group->unit ? unit_keys[draw(run, 3)] : list_keys[draw(run, 2)];
        group->call = number;
    }
    group->fingerprint = draw(run, 5) ? "f" : "g";
}

static void draw_op(struct run *run, const struct planned *group, uint32_t number,
                    struct planned *ret_planned)
{
    static const char *const keys[] = {"1", "2", "3"};
    uint32_t code =
        group->call || group->single ? draw_keyed_code(run) : draw_code(run, group->unit != 0);

    *ret_planned = *group;
    ret_planned->spec = op_find(code);
    if (group->single) {
        ret_planned->call = number;
        ret_planned->key = arena_printf(&run->keys, "%s%s", ret_planned->spec->name,
                                        keys[draw(run, ARRAY_COUNT(keys))]);
    }
    ret_planned->request = arena_alloc(&run->requests, ret_planned->spec->request->size);
    draw_request(run, code, ret_planned->request);
}

/* An entry of some operations, some of them in units. Requests are drawn before the model moves on.
 */
static void plan(struct run *run, struct buf *buf)
{
    uint32_t count = 1 + draw(run, ENTRY_OPS);
    struct planned group;
    bool ticked = false;

    run->planned_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct planned *planned = &run->planned[run->planned_count++];
        struct op_head head = {0};

        if (i == 0 || group.single || draw(run, 4) == 0) {
            draw_group(run, i + 1, &group);
        }
        do { /* What goes behind a tick would count as purged by it. */
            draw_op(run, &group, i + 1, planned);
        } while (ticked && (planned->spec == &op_destroy_spec || planned->spec == &op_delete_spec));
        ticked = ticked || planned->spec == &op_tick_spec;
        head.unit = planned->unit;
        head.call = planned->call;
        head.list = planned->list;
        head.idempotency = slice_text(planned->key);
        head.fingerprint = slice_text(planned->fingerprint);
        if (!entry_add(buf, planned->spec, &head, planned->request)) {
            complain(run, "the entry is full");
        }
    }
}

static struct buf printed(const struct op_spec *spec, uint16_t code, const void *reply)
{
    struct buf text;

    buf_init(&text, 4 * MIB);
    if (code) {
        (void)buf_add_text(&text, reply_row((enum reply_code)code)->name);
    } else {
        json_write(spec->reply, JSON_REST, reply, &text);
    }
    (void)buf_add_byte(&text, '\0');
    return text;
}

static void compare_text(struct run *run, const struct planned *planned,
                         const struct op_result *result, uint16_t code, const char *want)
{
    uint16_t core_code =
        result->err.code == ERR_NONE ? REPLY_NONE : (uint16_t)reply_for_err(&result->err);
    struct buf have = printed(planned->spec, core_code, result->reply);

    if (strcmp((char *)have.data, want) != 0) {
        (void)printf("%s\n core:  %s\n model: %s\n", planned->spec->name, (char *)have.data, want);
        complain(run, "the replies differ");
    }
    buf_done(&have);
    run->agreed[planned->spec->code]++;
    run->refused[planned->spec->code] += code ? 1 : 0;
}

/* The model's reply. An enqueue is told the id that core made; the purge is core's own affair. */
static uint16_t ask_model(struct run *run, const struct planned *planned,
                          const struct op_result *result, void *reply)
{
    if (planned->spec->code == OP_ENQUEUE) {
        const struct op_enqueue_reply *made = result->reply;

        ((struct op_enqueue_reply *)reply)->job_id = made ? made->job_id : slice_text("none");
        run->duplicates += made && made->unique_existing ? 1 : 0;
    }
    return model_apply(run->model, planned->spec->code, planned->request, reply);
}

/* Jobs that the purge removed: each must have been terminal for the retention, and their number is
 * the reply's. Called for the one tick of an entry that purges, when the model has come to it. */
static void follow_purge(struct run *run, struct op_tick_reply *reply)
{
    struct model *model = run->model;
    uint32_t gone = 0;

    for (uint32_t i = 0; reply->purged && i < model->job_count; i++) {
        struct model_job *job = &model->jobs[i];
        struct job_object *object;
        struct err err;

        if (!job->gone && job_state_is_terminal(job->state) && !model_is_holder(model, job) &&
            job->ended_at + model_retention_ns(model, job) <= model->now_ns &&
            core_job_get(run->core, slice_text(job->id.text), &run->replies, &object, &err) ==
                ERR_NOT_FOUND) {
            job->gone = true;
            gone++;
        }
    }
    if (gone != reply->purged) {
        complain(run, "the purge removed other jobs than old ones");
    }
    if (!model_kept_sweep(&run->kept, model->now_ns, reply->kept_cut)) {
        complain(run, "outcomes were let go before their time");
    }
    reply->kept_cut = 0;
    reply->purged = 0;
    reply->swept = 0;
    reply->events_cut = 0;
}

/* The operations from `first` on that are one unit or one keyed request. */
static uint32_t group_size(const struct run *run, uint32_t first)
{
    const struct planned *planned = &run->planned[first];
    uint32_t count = 1;

    while ((planned->unit || planned->call) && first + count < run->planned_count &&
           planned[count].unit == planned->unit && planned[count].call == planned->call) {
        count++;
    }
    return count;
}

/* Has the model do the group; what it answers is printed into *ret_request. */
static void do_group(struct run *run, uint32_t first, uint32_t count,
                     struct model_request *ret_request)
{
    const struct planned *planned = &run->planned[first];
    uint16_t code = REPLY_NONE;

    memcpy(run->saved, run->model, planned->unit ? sizeof(*run->model) : 0);
    for (uint32_t i = 0; i < count; i++) {
        struct model_outcome *outcome = &ret_request->outcomes[i];
        void *reply = arena_alloc(&run->replies, planned[i].spec->reply->size);

        if (!code || !planned->unit) {
            code = ask_model(run, &planned[i], &run->applied.results[first + i], reply);
            ret_request->failed = code && planned->unit ? i + 1 : 0;
        }
        outcome->op = planned[i].spec->code;
        outcome->code = code;
        outcome->owned_text = (char *)printed(planned[i].spec, code, code ? NULL : reply).data;
    }
    for (uint32_t i = 0; code && planned->unit && i < count; i++) {
        struct model_outcome *outcome = &ret_request->outcomes[i];

        free(outcome->owned_text);
        outcome->code = code;
        outcome->owned_text = (char *)printed(planned[i].spec, code, NULL).data;
    }
    if (code && planned->unit) {
        memcpy(run->model, run->saved, sizeof(*run->model));
    }
    ret_request->count = count;
}

/* What a request itself has wrong, and what may be different at once, is not kept. */
static bool is_kept(const struct planned *planned, const struct model_request *request)
{
    uint16_t code =
        request->failed ? request->outcomes[request->failed - 1].code : request->outcomes[0].code;

    return planned->list || !code ||
           (code != REPLY_VALIDATION_ERROR && code != REPLY_UNSUPPORTED &&
            code != REPLY_OVERLOADED);
}

static void compare_new(struct run *run, uint32_t first, uint32_t count)
{
    const struct planned *planned = &run->planned[first];
    struct model_request request = {
        .key = planned->key, .fingerprint = planned->fingerprint, .at_ns = run->model->now_ns};

    do_group(run, first, count, &request);
    if (planned->spec->code == OP_TICK && run->applied.results[first].reply) {
        follow_purge(run, (struct op_tick_reply *)(uintptr_t)run->applied.results[first].reply);
    }
    for (uint32_t i = 0; i < count; i++) {
        compare_text(run, &planned[i], &run->applied.results[first + i], request.outcomes[i].code,
                     request.outcomes[i].owned_text);
    }
    if (planned->call && is_kept(planned, &request)) {
        model_kept_add(&run->kept, &request);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        free(request.outcomes[i].owned_text);
    }
}

/* True if the operations are those that are kept; of a unit that failed only the one that did. */
static bool is_same(const struct planned *planned, uint32_t count,
                    const struct model_request *request)
{
    bool same = count == request->count;

    for (uint32_t i = 0; same && i < count; i++) {
        same = planned[i].spec->code == request->outcomes[i].op ||
               (request->failed && request->failed != i + 1);
    }
    return same;
}

/* Compares one unit, one keyed request, or one operation that stands alone; returns how many
 * operations that were. */
static uint32_t compare_group(struct run *run, uint32_t first)
{
    const struct planned *planned = &run->planned[first];
    uint32_t count = group_size(run, first);
    struct model_request *request = NULL;
    enum model_fate fate = MODEL_NEW;

    if (planned->call) {
        fate = model_kept_begin(&run->kept, run->model->now_ns, planned->key, planned->fingerprint,
                                &request);
    }
    if (fate == MODEL_AGAIN && !is_same(planned, count, request)) {
        fate = MODEL_MISMATCH;
    }
    run->fates[fate]++;
    run->op += count;
    if (fate == MODEL_NEW) {
        compare_new(run, first, count);
        return count;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct op_result *result = &run->applied.results[first + i];

        if (result->again != (fate == MODEL_AGAIN)) {
            complain(run, "a repetition is one for one side only");
        }
        compare_text(run, &planned[i], result, (uint16_t)result->err.reply,
                     fate == MODEL_AGAIN      ? request->outcomes[i].owned_text
                     : fate == MODEL_MISMATCH ? "IDEMPOTENCY_MISMATCH"
                                              : "OVERLOADED");
    }
    return count;
}

static void expect_text(struct run *run, const char *what, struct slice have,
                        const struct model_text *want)
{
    if (!slice_is(have, want->text)) {
        complain(run, what);
    }
}

static void compare_job(struct run *run, const struct model_job *want)
{
    struct job_object *have = NULL;
    struct err err;
    enum err_code code =
        core_job_get(run->core, slice_text(want->id.text), &run->replies, &have, &err);

    if (want->gone || code != ERR_NONE) {
        if (!want->gone || code != ERR_NOT_FOUND) {
            complain(run, "a job is there for one side only");
        }
        return;
    }
    expect_text(run, "payload", have->payload, &want->payload);
    expect_text(run, "tags", have->tags, &want->tags);
    expect_text(run, "checkpoint", have->checkpoint, &want->checkpoint);
    expect_text(run, "progress", have->progress, &want->progress);
    expect_text(run, "result", have->result, &want->result);
    expect_text(run, "worker_id", have->worker_id, &want->worker);
    expect_text(run, "hostname", have->hostname, &want->host);
    expect_text(run, "hold_reason", have->hold_reason, &want->reason);
    expect_text(run, "feedback", have->feedback ? have->feedback->text : slice_of(NULL, 0),
                &want->feedback);
    expect_text(run, "unique_key", have->unique_key, &want->unique_key);
    if (have->unique_until != want->unique_until) {
        complain(run, "when a job lets go of its unique key");
    }
    if ((have->hold != NULL) != (want->state == JOB_HELD) || have->revision != want->revision) {
        complain(run, "hold or revision of a job");
    }
    expect_text(run, "queue", have->queue, &run->model->queues[want->queue].name);
    if (have->state != want->state || have->priority != want->priority ||
        have->attempt != want->attempt || have->max_retries != want->max_retries) {
        complain(run, "state, priority or attempts of a job");
    }
    if (have->scheduled_at != want->run_at || have->expire_at != want->expire_at ||
        have->created_at != want->created_at || have->started_at != want->started_at ||
        have->completed_at != want->completed_at || have->failed_at != want->failed_at ||
        have->lease_expires_at != want->lease_end) {
        complain(run, "a time of a job");
    }
    if (have->errors.count != model_errors(want)) {
        complain(run, "the number of error records");
    }
    if (have->errors.count) {
        const struct job_error *errors = have->errors.items;

        expect_text(run, "the last error", errors[have->errors.count - 1].error, &want->last_error);
    }
}

static uint64_t oldest_pending(const struct model *model, uint32_t queue)
{
    uint64_t oldest = 0;

    for (uint32_t i = 0; i < model->job_count; i++) {
        const struct model_job *job = &model->jobs[i];

        if (!job->gone && job->queue == queue && job->state == JOB_PENDING &&
            (oldest == 0 || job->ready_at < oldest)) {
            oldest = job->ready_at;
        }
    }
    return oldest;
}

static void compare_queue(struct run *run, const struct queue_object *have)
{
    const struct model *model = run->model;
    uint32_t at = 0;

    while (at < model->queue_count && !slice_is(have->name, model->queues[at].name.text)) {
        at++;
    }
    if (at == model->queue_count || have->paused != model->queues[at].paused ||
        have->draining != model->queues[at].draining ||
        have->drained != (have->draining && have->active == 0) ||
        have->max_concurrency != model->queues[at].max_concurrency ||
        have->rate_limit != model->queues[at].rate_limit ||
        have->require_lease_token != model->queues[at].needs_token ||
        have->created_at != model->queues[at].created_at ||
        have->enqueued_total != model->queues[at].enqueued ||
        have->completed_total != model->queues[at].completed ||
        have->failed_total != model->queues[at].failed) {
        complain(run, "a queue or its totals");
    }
    if (have->pending != model_count(model, at, JOB_PENDING) ||
        have->active != model_count(model, at, JOB_ACTIVE) ||
        have->scheduled != model_count(model, at, JOB_SCHEDULED) ||
        have->retrying != model_count(model, at, JOB_RETRYING) ||
        have->held != model_count(model, at, JOB_HELD) ||
        have->completed != model_count(model, at, JOB_COMPLETED) ||
        have->dead != model_count(model, at, JOB_DEAD) ||
        have->cancelled != model_count(model, at, JOB_CANCELLED) ||
        have->oldest_pending_at != oldest_pending(model, at)) {
        complain(run, "a counter of a queue");
    }
}

static void compare_all(struct run *run)
{
    uint32_t queue_count = 0;
    struct list queues;
    struct err err;
    uint64_t hash = 0;

    for (uint32_t i = 0; i < run->model->job_count; i++) {
        compare_job(run, &run->model->jobs[i]);
    }
    for (uint32_t i = 0; i < run->model->queue_count; i++) {
        queue_count += run->model->queues[i].exists;
    }
    if (core_queues_get(run->core, run->model->now_ns, &run->replies, &queues, &err) != ERR_NONE ||
        queues.count != queue_count) {
        complain(run, "the list of queues");
    }
    for (uint32_t i = 0; i < queues.count; i++) {
        compare_queue(run, &((const struct queue_object *)queues.items)[i]);
    }
    if (core_kept_stats(run->core).records != run->kept.count) {
        complain(run, "the number of kept outcomes");
    }
    if (core_check(run->core, &err) != ERR_NONE) {
        complain(run, err.text);
    }
    if (core_hash_scan(run->core, &hash, &err) != ERR_NONE ||
        hash != core_mark(run->core).state_hash) {
        complain(run, "the state hash is not the rows'");
    }
}

static void open_core(struct run *run)
{
    struct core_options options = {
        .retention_ms = MODEL_RETENTION_MS,
        .events_max = 3000,
        .kept = {MODEL_KEPT_TTL_MS, MODEL_KEPT_MIN_TTL_MS, MODEL_KEPT_MAX},
    };
    struct kv_mark mark = kv_mem_committed(run->mem);
    struct err err;

    core_close(run->core);
    run->core = NULL;
    if (core_open(kv_mem_kv(run->mem), &mark, &options, &run->core, &err) != ERR_NONE) {
        complain(run, err.text);
    }
}

static void move_clock(struct run *run)
{
    if (draw(run, 3) == 0) {
        run->clock_ns += draw(run, 2500) * NS_PER_MS;
    }
    if (draw(run, 300) == 0) {
        run->clock_ns += draw(run, 100) * NS_PER_SECOND;
    }
    if (draw(run, 100) == 0) {
        run->clock_ns -= draw(run, 5000) * NS_PER_MS;
    }
}

static void step(struct run *run)
{
    struct buf buf;
    struct err err;

    arena_clear(&run->requests);
    arena_clear(&run->replies);
    run->model->arena = &run->replies;
    move_clock(run);
    if (run->clock_ns > run->model->now_ns) {
        run->model->now_ns = run->clock_ns;
    }
    buf_init(&buf, ENTRY_SIZE_MAX);
    plan(run, &buf);
    if (!entry_seal(&buf, run->clock_ns, run->seed) ||
        core_apply(run->core, ++run->index, 1, buf_slice(&buf), &run->replies, &run->applied,
                   &err) != ERR_NONE) {
        complain(run, err.text);
    }
    for (uint32_t i = 0; i < run->planned_count;) {
        i += compare_group(run, i);
    }
    buf_done(&buf);
    if (draw(run, 150) == 0) {
        compare_all(run);
    }
    if (draw(run, 200) == 0) {
        open_core(run);
    }
}

/* A tick that the model does not follow. */
static void tick_alone(struct run *run)
{
    struct op_tick tick;
    struct buf buf;
    struct err err;

    buf_init(&buf, ENTRY_SIZE_MAX);
    core_tick(run->core, &tick);
    if (!entry_add(&buf, &op_tick_spec, NULL, &tick) ||
        !entry_seal(&buf, run->clock_ns, run->seed) ||
        core_apply(run->core, ++run->index, 1, buf_slice(&buf), &run->replies, &run->applied,
                   &err) != ERR_NONE) {
        complain(run, err.text);
    }
    buf_done(&buf);
    arena_clear(&run->replies);
}

/* Ticks until nothing is due, long after everything was over: all jobs must be gone, or still wait
 * for a worker. */
static void finish(struct run *run)
{
    struct err err;

    compare_all(run);
    for (uint32_t i = 0; i < 25; i++) {
        run->clock_ns += 200 * NS_PER_SECOND;
        tick_alone(run);
    }
    for (uint32_t i = 0; i < run->model->job_count; i++) {
        const struct model_job *job = &run->model->jobs[i];
        struct job_object *object;

        if (job_state_is_terminal(job->state) &&
            core_job_get(run->core, slice_text(job->id.text), &run->replies, &object, &err) !=
                ERR_NOT_FOUND) {
            complain(run, "an old job was never purged");
        }
    }
    if (core_check(run->core, &err) != ERR_NONE) {
        complain(run, err.text);
    }
}

static void start(struct run *run)
{
    struct err err;

    run->random = run->seed;
    run->clock_ns = UINT64_C(1767225600) * NS_PER_SECOND;
    run->model = calloc(1, sizeof(*run->model));
    run->saved = calloc(1, sizeof(*run->saved));
    if (!run->model || !run->saved || kv_mem_create(TABLE_COUNT, &run->mem, &err) != ERR_NONE) {
        complain(run, "no memory");
    }
    arena_init(&run->requests, ENTRY_ARENA_MAX);
    arena_init(&run->keys, ENTRY_ARENA_MAX);
    arena_init(&run->replies, ENTRY_ARENA_MAX);
    open_core(run);
    tick_alone(run); /* The bounds are set by it. */
}

int main(int argc, char **argv)
{
    static struct run run;
    uint64_t ops = OPS_DEFAULT;

    env_system()->random(env_system()->self, &run.seed, sizeof(run.seed));
    run.seed >>= 32;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--seed") == 0) {
            run.seed = number;
        } else if (strcmp(argv[i], "--ops") == 0) {
            ops = number;
        }
    }
    start(&run);
    while (run.op < ops && run.model->job_count + ENTRY_OPS < MODEL_JOBS_MAX) {
        step(&run);
    }
    finish(&run);
    (void)printf("model: seed %llu, %llu operations, %u jobs\n", (unsigned long long)run.seed,
                 (unsigned long long)run.op, run.model->job_count);
    for (uint32_t i = 0; i < OP_CODES; i++) {
        if (op_find(i)) {
            (void)printf("  %-15s %6llu agreed, %llu of them refused\n", op_find(i)->name,
                         (unsigned long long)run.agreed[i], (unsigned long long)run.refused[i]);
        }
    }
    (void)printf("  enqueues with a key that was held: %llu\n", (unsigned long long)run.duplicates);
    (void)printf("  keyed requests: %llu again, %llu mismatches, %llu refused for room\n",
                 (unsigned long long)run.fates[MODEL_AGAIN],
                 (unsigned long long)run.fates[MODEL_MISMATCH],
                 (unsigned long long)run.fates[MODEL_FULL]);
    (void)printf("1 passed, 0 failed\n");
    model_kept_done(&run.kept);
    arena_done(&run.keys);
    core_close(run.core);
    kv_mem_destroy(run.mem);
    arena_done(&run.requests);
    arena_done(&run.replies);
    free(run.model);
    free(run.saved);
    return 0;
}
