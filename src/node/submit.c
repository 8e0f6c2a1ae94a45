/* From calls to log entries: operations are gathered into the open group, one group is one entry.
 *
 * The batch window is what arrives during one turn of the loop, or while LOG_WRITES_IN_FLIGHT
 * writes are in flight: it is never slept. */
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
        buf_init(&group->bytes, ENTRY_SIZE_MAX);
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
    node->pipeline.pending_ops -= group->op_count;
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

/* Adds the operations to the group, or leaves it as it was. */
static bool group_add(struct group *group, const struct op_head *head, const struct node_op *ops,
                      uint32_t count, bool unit)
{
    size_t size = group->bytes.size;
    struct op_head own = *head;

    own.unit = unit ? group->unit_count + 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!entry_add(&group->bytes, ops[i].spec, &own, ops[i].request)) {
            group->bytes.size = size;
            group->bytes.failed = false;
            return false;
        }
    }
    group->unit_count += unit;
    return true;
}

static bool group_takes(const struct group *group, uint32_t count)
{
    return group->op_count == 0 || group->op_count + count <= ENTRY_OPS_MAX;
}

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

static enum err_code check_room(struct node *node, uint32_t count, struct err *err)
{
    if (node->pipeline.pending_ops > 0 &&
        node->pipeline.pending_ops + count > node->options.pending_max) {
        node->overload_total++;
        return err_set(err, ERR_BUSY, "%u operations are waiting to be written",
                       node->pipeline.pending_ops);
    }
    if (store_pressure(node->store)) {
        node->overload_total++;
        return err_set(err, ERR_BUSY, "the store is behind: too much is waiting to be written");
    }
    return ERR_NONE;
}

/* The group that took the operations, or NULL with *err set. */
static struct group *find_room(struct node *node, const struct op_head *head,
                               const struct node_op *ops, uint32_t count, bool unit,
                               struct err *err)
{
    struct group *group = node->pipeline.open_last;

    if (group && group_takes(group, count) && group_add(group, head, ops, count, unit)) {
        return group;
    }
    group = group_create(node);
    if (!group) {
        (void)err_set(err, ERR_NOMEM, "no memory for a log entry");
        return NULL;
    }
    if (!group_add(group, head, ops, count, unit)) {
        group_destroy(node, group);
        (void)err_set(err, ERR_TOO_LARGE, "the request does not fit a log entry of %zu bytes",
                      ENTRY_SIZE_MAX);
        return NULL;
    }
    append(&node->pipeline.open, &node->pipeline.open_last, group);
    return group;
}

enum err_code node_submit(struct node *node, const struct op_head *head, const struct node_op *ops,
                          uint32_t count, bool unit, node_done done, void *context, struct err *err)
{
    struct call *call;
    struct group *group;

    assert(count > 0 && done);
    if (node_refusal(node, err) || check_room(node, count, err)) {
        return err->code;
    }
    call = malloc(sizeof(*call));
    if (!call) {
        return err_set(err, ERR_NOMEM, "no memory for a call");
    }
    group = find_room(node, head, ops, count, unit, err);
    if (!group) {
        free(call);
        return err->code;
    }
    *call =
        (struct call){.done = done, .context = context, .first = group->op_count, .count = count};
    if (group->calls_last) {
        group->calls_last->next = call;
    } else {
        group->calls = call;
    }
    group->calls_last = call;
    group->op_count += count;
    node->pipeline.pending_ops += count;
    return ERR_NONE;
}

static void answer_error(struct node *node, struct group *group, const struct err *err)
{
    for (struct call *call = group->calls; call; call = call->next) {
        struct node_reply reply = {.err = *err, .count = call->count};

        call->done(call->context, &reply);
    }
    group_destroy(node, group);
}

void group_answer(struct node *node, struct group *group, const struct core_applied *applied,
                  uint64_t index, uint64_t term)
{
    assert(applied->count == group->op_count);
    for (struct call *call = group->calls; call; call = call->next) {
        struct node_reply reply = {
            .results = applied->results + call->first,
            .count = call->count,
            .index = index,
            .term = term,
        };

        call->done(call->context, &reply);
    }
    group_destroy(node, group);
}

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
    if (!entry_seal(&group->bytes, node_clock_now(&node->clock), next_seed(node))) {
        return err_set(err, ERR_TOO_LARGE, "the log entry has no room for its time");
    }
    if (replica_submit(node->replica, group->bytes.data, group->bytes.size, &group->index, err)) {
        return err->code;
    }
    group->bytes.data = NULL;
    buf_done(&group->bytes);
    return ERR_NONE;
}

void pipeline_flush(struct node *node)
{
    struct pipeline *pipeline = &node->pipeline;

    while (pipeline->open && replica_writable(node->replica)) {
        struct group *group = take_first(&pipeline->open, &pipeline->open_last);
        struct err err;

        append(&pipeline->submitted, &pipeline->submitted_last, group);
        if (submit_group(node, group, &err)) {
            /* It is the last one: nothing was submitted behind it. */
            struct group **link = &pipeline->submitted;
            struct group *previous = NULL;

            while (*link != group) {
                previous = *link;
                link = &(*link)->next;
            }
            *link = NULL;
            pipeline->submitted_last = previous;
            answer_error(node, group, &err);
        }
    }
}

struct group *pipeline_take(struct node *node, uint64_t index)
{
    struct pipeline *pipeline = &node->pipeline;

    if (!pipeline->submitted || pipeline->submitted->index != index) {
        return NULL;
    }
    return take_first(&pipeline->submitted, &pipeline->submitted_last);
}

void pipeline_fail(struct node *node, const struct err *err)
{
    struct pipeline *pipeline = &node->pipeline;

    while (pipeline->submitted) {
        answer_error(node, take_first(&pipeline->submitted, &pipeline->submitted_last), err);
    }
    while (pipeline->open) {
        answer_error(node, take_first(&pipeline->open, &pipeline->open_last), err);
    }
}

void pipeline_free(struct node *node)
{
    free(node->pipeline.spare);
    node->pipeline.spare = NULL;
}
