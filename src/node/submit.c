/* From calls to log entries: operations are gathered into the open group, one group is one entry.
 *
 * The batch window is what arrives during one turn of the loop, or while LOG_WRITES_IN_FLIGHT
 * writes are in flight: it is never slept. Callbacks run only from pipeline_answer_first,
 * pipeline_flush and pipeline_fail, on groups that are in no list any more: they may submit. */
#include "base/reply.h"
#include "node/node_internal.h"

#include <stdlib.h>

static struct group *group_create(struct node *node)
{
    struct group *group = node->pipeline.spare;

    node->pipeline.spare = NULL;
    if (!group) {
        group = malloc(sizeof(*group));
    }
    if (group) {
        *group = (struct group){0};
        buf_init(&group->bytes, ENTRY_SIZE_MAX - ENTRY_TRAILER_SIZE);
    }
    return group;
}

static void group_destroy(struct node *node, struct group *group)
{
    while (group->calls) {
        struct call *next = group->calls->next;

        free(group->calls);
        group->calls = next;
    }
    buf_done(&group->bytes);
    node->pipeline.pending_size -= group->size;
    if (node->pipeline.spare) {
        free(group);
    } else {
        node->pipeline.spare = group;
    }
}

static void append(struct group **first, struct group **last, struct group *group)
{
    group->next = NULL;
    if (*last) {
        (*last)->next = group;
    } else {
        *first = group;
    }
    *last = group;
}

static struct group *take_first(struct group **first, struct group **last)
{
    struct group *group = *first;

    *first = group->next;
    if (!*first) {
        *last = NULL;
    }
    return group;
}

/* --- What may be submitted -----------------------------------------------------------------------
 */

enum err_code node_refusal(const struct node *node, struct err *err)
{
    struct replica_status status;

    if (node->failure.code) {
        *err = node->failure;
        return err->code;
    }
    if (node->draining || node->closing) {
        return err_set(err, ERR_CLOSED, "the server is shutting down");
    }
    if (!node->recovered) {
        return err_reply(err, REPLY_LEADER_UNAVAILABLE, "the node is still recovering its log");
    }
    if (node->store_trouble.code) {
        *err = node->store_trouble;
        return err->code;
    }
    status = replica_status(node->replica);
    if (status.failure.code) {
        *err = status.failure;
        return err->code;
    }
    return ERR_NONE;
}

static enum err_code check_room(const struct node *node, uint32_t count, struct err *err)
{
    const struct pipeline *pipeline = &node->pipeline;

    if (pipeline->pending_ops > 0 && pipeline->pending_ops + count > node->options.pending_max) {
        return err_set(err, ERR_BUSY, "%u operations are waiting to be written",
                       pipeline->pending_ops);
    }
    if (pipeline->pending_size >= PENDING_SIZE_MAX) {
        return err_set(err, ERR_BUSY, "%zu bytes are waiting to be written",
                       pipeline->pending_size);
    }
    return ERR_NONE;
}

static enum err_code refusal(const struct node *node, uint32_t count, bool urgent, struct err *err)
{
    if (node_refusal(node, err) || (!urgent && check_room(node, count, err))) {
        return err->code;
    }
    if (store_pressure(node->store)) {
        return err_set(err, ERR_BUSY, "the store is behind: too much is waiting to be written");
    }
    return ERR_NONE;
}

enum err_code pipeline_refusal(const struct node *node, uint32_t count, struct err *err)
{
    return refusal(node, count, false, err);
}

/* --- Gathering -----------------------------------------------------------------------------------
 */

/* Adds the operations to the group, or leaves it as it was. What makes a request keyed is said
 * once, with its first operation. */
static bool group_add(struct group *group, const struct submission *submission)
{
    size_t size = group->bytes.size;
    struct op_head own = *submission->head;
    bool keyed = own.idempotency.size > 0;

    own.unit = submission->unit ? group->call_count + 1 : 0;
    own.call = keyed ? group->call_count + 1 : 0;
    for (uint32_t i = 0; i < submission->count; i++) {
        if (!entry_add(&group->bytes, submission->ops[i].spec, &own, submission->ops[i].request)) {
            group->bytes.size = size;
            return false;
        }
        own.idempotency = own.fingerprint = slice_of(NULL, 0);
        own.list = false;
    }
    group->call_count += keyed || submission->unit;
    return true;
}

/* An entry does a bounded amount of work, unless one call alone asks for more. */
static bool group_takes(const struct group *group, uint32_t work)
{
    return group->op_count == 0 || group->work + work <= ENTRY_OPS_MAX;
}

/* The group that took the operations, or NULL with *err set. */
static struct group *find_room(struct node *node, const struct submission *submission,
                               struct err *err)
{
    struct group *group = node->pipeline.open_last;

    if (group && group_takes(group, submission->work) && group_add(group, submission)) {
        return group;
    }
    group = group_create(node);
    if (!group) {
        (void)err_set(err, ERR_NOMEM, "no memory for a log entry");
        return NULL;
    }
    if (!group_add(group, submission)) {
        group_destroy(node, group);
        (void)err_set(err, ERR_TOO_LARGE, "the request does not fit a log entry of %zu bytes",
                      ENTRY_SIZE_MAX);
        return NULL;
    }
    append(&node->pipeline.open, &node->pipeline.open_last, group);
    node->pipeline.groups_opened++;
    return group;
}

static void add_call(struct node *node, struct group *group, struct call *call, uint32_t work)
{
    if (group->calls_last) {
        group->calls_last->next = call;
    } else {
        group->calls = call;
    }
    group->calls_last = call;
    group->op_count += call->count;
    group->work += work;
    node->pipeline.pending_ops += call->count;
    node->pipeline.pending_size += group->bytes.size - group->size;
    group->size = group->bytes.size;
}

enum err_code pipeline_submit(struct node *node, const struct submission *submission,
                              struct err *err)
{
    struct call *call;
    struct group *group;

    assert(submission->count > 0 && submission->done);
    if (refusal(node, submission->count, submission->urgent, err)) {
        return err->code;
    }
    call = malloc(sizeof(*call));
    if (!call) {
        return err_set(err, ERR_NOMEM, "no memory for a call");
    }
    group = find_room(node, submission, err);
    if (!group) {
        free(call);
        return err->code;
    }
    *call = (struct call){.done = submission->done,
                          .context = submission->context,
                          .first = group->op_count,
                          .count = submission->count};
    add_call(node, group, call, submission->work);
    return ERR_NONE;
}

/* How many jobs an operation names: the items of its lists and maps. */
static uint32_t work_of(const struct node_op *op)
{
    const struct message *request = op->spec->request;
    uint32_t work = 0;

    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct field *field = &request->fields[i];

        if ((field->flags & FIELD_LIST) || field->kind == FIELD_MAP) {
            work += ((const struct list *)((const uint8_t *)op->request + field->offset))->count;
        }
    }
    return work > 1 ? work : 1;
}

enum err_code node_submit(struct node *node, const struct op_head *head, const struct node_op *ops,
                          uint32_t count, bool unit, node_done done, void *context, struct err *err)
{
    struct submission submission = {
        .head = head, .ops = ops, .count = count, .unit = unit, .done = done, .context = context};
    enum err_code code;

    for (uint32_t i = 0; i < count; i++) {
        submission.work += work_of(&ops[i]);
    }
    code = pipeline_submit(node, &submission, err);
    node->overload_total += code == ERR_BUSY;
    return code;
}

/* --- Answering -----------------------------------------------------------------------------------
 */

/* It is no longer pending when its callback runs: what that submits finds the room. */
static void answer_call(struct node *node, const struct call *call, const struct node_reply *reply)
{
    node->pipeline.pending_ops -= call->count;
    call->done(call->context, reply);
}

static void answer_error(struct node *node, struct group *group, const struct err *err)
{
    for (const struct call *call = group->calls; call; call = call->next) {
        struct node_reply reply = {.err = *err, .count = call->count};

        answer_call(node, call, &reply);
    }
    node->pipeline.groups_answered++;
    group_destroy(node, group);
}

/* Answers a list of groups with the error; what the callbacks submit goes to another list. */
static void fail_list(struct node *node, struct group **first, struct group **last,
                      const struct err *err)
{
    struct group *group = *first;

    *first = NULL;
    *last = NULL;
    while (group) {
        struct group *next = group->next;

        answer_error(node, group, err);
        group = next;
    }
}

struct group *pipeline_first(const struct node *node, uint64_t index)
{
    struct group *first = node->pipeline.submitted;

    return first && first->index == index ? first : NULL;
}

/* A keyed request may be answered by what it did before, or be refused as a whole. */
static void note_keyed(struct node *node, struct node_reply *reply)
{
    const struct op_result *first = &reply->results[0];

    reply->again = first->again;
    node->keyed_again_total += first->again;
    if (!first->of_call) {
        return;
    }
    reply->err = first->err;
    reply->results = NULL;
    node->keyed_mismatch_total += first->err.reply == REPLY_IDEMPOTENCY_MISMATCH;
    node->overload_total += first->err.code == ERR_BUSY;
}

void pipeline_answer_first(struct node *node, const struct core_applied *applied, uint64_t term)
{
    struct pipeline *pipeline = &node->pipeline;
    struct group *group = take_first(&pipeline->submitted, &pipeline->submitted_last);

    assert(applied->count == group->op_count);
    pipeline->groups_answered++;
    for (const struct call *call = group->calls; call; call = call->next) {
        struct node_reply reply = {
            .results = applied->results + call->first,
            .count = call->count,
            .index = group->index,
            .term = term,
        };

        note_keyed(node, &reply);
        answer_call(node, call, &reply);
    }
    group_destroy(node, group);
}

void pipeline_fail(struct node *node, const struct err *err)
{
    struct pipeline *pipeline = &node->pipeline;

    fail_list(node, &pipeline->submitted, &pipeline->submitted_last, err);
    fail_list(node, &pipeline->open, &pipeline->open_last, err);
}

/* --- Writing -------------------------------------------------------------------------------------
 */

/* A generator step for the entry's seed (splitmix64). */
static uint64_t next_seed(struct node *node)
{
    uint64_t mixed;

    node->seed += UINT64_C(0x9e3779b97f4a7c15);
    mixed = node->seed;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static enum err_code submit_group(struct node *node, struct group *group, struct err *err)
{
    group->bytes.size_max = ENTRY_SIZE_MAX;
    if (!entry_seal(&group->bytes, node_clock_now(&node->clock), next_seed(node))) {
        return err_set(err, ERR_NOMEM, "no memory for the end of a log entry");
    }
    if (replica_submit(node->replica, group->bytes.data, group->bytes.size, &group->index, err)) {
        return err->code;
    }
    group->bytes.data = NULL;
    buf_done(&group->bytes);
    return ERR_NONE;
}

/* Submits the oldest open group. It is listed as submitted before, because the log may commit
 * inside. */
static enum err_code submit_first(struct node *node, struct err *err)
{
    struct pipeline *pipeline = &node->pipeline;
    struct group *group = take_first(&pipeline->open, &pipeline->open_last);
    struct group *last = pipeline->submitted_last;

    append(&pipeline->submitted, &pipeline->submitted_last, group);
    if (submit_group(node, group, err) == ERR_NONE || node->failure.code) {
        return node->failure.code; /* After a failure all are answered at the end of the turn. */
    }
    if (last) {
        last->next = NULL;
    } else {
        pipeline->submitted = NULL;
    }
    pipeline->submitted_last = last;
    answer_error(node, group, err);
    return err->code;
}

void pipeline_flush(struct node *node)
{
    struct pipeline *pipeline = &node->pipeline;
    struct err err = {0};

    while (pipeline->open && replica_writable(node->replica)) {
        if (submit_first(node, &err)) {
            break; /* What callbacks submit in its place must not keep this turn from ending. */
        }
    }
    if (!pipeline->open || node->failure.code) {
        return;
    }
    err = replica_status(node->replica).failure;
    if (err.code == ERR_NO_SPACE) {
        /* None of them was written, and there is no telling when they could be. */
        fail_list(node, &pipeline->open, &pipeline->open_last, &err);
    }
}

void pipeline_free(struct node *node)
{
    free(node->pipeline.spare);
    node->pipeline.spare = NULL;
}
