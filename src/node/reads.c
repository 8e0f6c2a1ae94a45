/* Reads that wait until this node has applied enough (A2).
 *
 * There is one list of all of them and it is bounded, so it is looked through as a whole, and only
 * after something was applied. */
#include "base/reply.h"
#include "node/node_internal.h"

#include <stdlib.h>

#define HURRY_MS 10 /* As long as the store makes somebody wait who is in a hurry. */

struct waiting_read {
    struct node *node;
    struct waiting_read *next, *previous;
    struct read_list *list;
    uv_timer_t timer;
    struct read_bound bound;
    uint64_t groups; /* Linearizable: the groups opened before it, which must have been answered. */
    node_read_done done;
    void *context;
};

/* What was accepted before a linearizable read is applied by now; of the view, it wants that. */
static bool is_met(const struct node *node, struct read_bound *bound, uint64_t groups)
{
    uint64_t index = core_mark(node->core).index;

    if (bound->linearizable && (!node->recovered || node->pipeline.groups_answered < groups)) {
        return false;
    }
    if (!bound->view || !node->options.view) {
        return index >= bound->min_index;
    }
    if (bound->linearizable) {
        bound->linearizable = false;
        bound->min_index = index > bound->min_index ? index : bound->min_index;
    }
    return node->view.status.index >= bound->min_index;
}

static void append(struct read_list *list, struct waiting_read *read)
{
    read->list = list;
    read->next = NULL;
    read->previous = list->last;
    if (list->last) {
        list->last->next = read;
    } else {
        list->first = read;
    }
    list->last = read;
}

static void take_out(struct waiting_read *read)
{
    struct read_list *list = read->list;

    if (read->next) {
        read->next->previous = read->previous;
    } else {
        list->last = read->previous;
    }
    if (read->previous) {
        read->previous->next = read->next;
    } else {
        list->first = read->next;
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void read_destroy(struct waiting_read *read)
{
    take_out(read);
    read->node->reads.count--;
    read->node->reads.view_count -= read->bound.view;
    if (read->node->reads.view_count == 0) {
        (void)uv_timer_stop(&read->node->hurry_timer);
    }
    (void)uv_timer_stop(&read->timer);
    read->timer.data = read;
    uv_close((uv_handle_t *)&read->timer, on_timer_closed);
}

static void answer(struct waiting_read *read, const struct err *err)
{
    node_read_done done = read->done;
    void *context = read->context;

    read_destroy(read); /* Gone before the callback, which may read again. */
    done(context, err);
}

static enum err_code too_late(const struct node *node, const struct read_bound *bound,
                              struct err *err)
{
    return err_reply(err, REPLY_CONSISTENCY_TIMEOUT,
                     "entry %llu is applied; what was asked for is not after %llu ms",
                     (unsigned long long)core_mark(node->core).index,
                     (unsigned long long)bound->wait_ms);
}

static void on_waited_enough(uv_timer_t *timer)
{
    struct waiting_read *read = timer->data;
    struct err err = {0};

    if (!read->bound.soft) {
        (void)too_late(read->node, &read->bound, &err);
    }
    answer(read, &err);
}

/* The end of the turn does what there is to do. */
static void on_hurry(uv_timer_t *timer)
{
    (void)timer;
}

enum err_code node_read_begin(struct node *node, const struct read_bound *bound,
                              node_read_done done, void *context, struct waiting_read **ret_read,
                              struct err *err)
{
    uint64_t groups = node->pipeline.groups_opened; /* What was accepted so far is in these. */
    struct read_bound wanted = *bound;
    struct waiting_read *read;

    *ret_read = NULL;
    if (is_met(node, &wanted, groups)) {
        return ERR_NONE;
    }
    if (node->failure.code || node->draining || node->closing) {
        return node_refusal(node, err);
    }
    if (bound->wait_ms == 0) {
        return bound->soft ? ERR_NONE : too_late(node, bound, err);
    }
    if (node->reads.count >= READS_WAITING_MAX) {
        return err_set(err, ERR_BUSY, "%d reads are waiting", READS_WAITING_MAX);
    }
    read = calloc(1, sizeof(*read));
    if (!read) {
        return err_set(err, ERR_NOMEM, "no memory for a read that waits");
    }
    *read = (struct waiting_read){
        .node = node, .bound = wanted, .groups = groups, .done = done, .context = context};
    append(&node->reads.waiting, read);
    node->reads.count++;
    node->reads.view_count += wanted.view;
    if (wanted.view) {
        (void)uv_timer_start(&node->hurry_timer, on_hurry, HURRY_MS, HURRY_MS);
    }
    (void)uv_timer_init(node->loop, &read->timer);
    read->timer.data = read;
    uv_update_time(node->loop);
    (void)uv_timer_start(&read->timer, on_waited_enough, bound->wait_ms, 0);
    *ret_read = read;
    return ERR_NONE;
}

void node_read_cancel(struct node *node, struct waiting_read *read)
{
    assert(read->node == node);
    read_destroy(read);
}

/* True if something happened since the last time. */
static bool has_moved(struct node *node)
{
    struct reads *reads = &node->reads;
    uint64_t index = core_mark(node->core).index;
    uint64_t groups = node->pipeline.groups_answered;
    uint64_t view = node->view.status.index;
    bool moved = index != reads->seen_index || groups != reads->seen_groups ||
                 view != reads->seen_view || node->recovered != reads->seen_recovered;

    reads->seen_index = index;
    reads->seen_groups = groups;
    reads->seen_view = view;
    reads->seen_recovered = node->recovered;
    return moved;
}

/* A callback may begin and cancel others, so all that are met are taken out before the first. */
void reads_wake(struct node *node)
{
    struct reads *reads = &node->reads;
    static const struct err none;
    struct waiting_read *next;

    if (!has_moved(node)) {
        return;
    }
    for (struct waiting_read *read = reads->waiting.first; read; read = next) {
        next = read->next;
        if (is_met(node, &read->bound, read->groups)) {
            take_out(read);
            append(&reads->ready, read);
        }
    }
    while (reads->ready.first) {
        answer(reads->ready.first, &none);
    }
}

void reads_fail(struct node *node, const struct err *err)
{
    while (node->reads.waiting.first) {
        answer(node->reads.waiting.first, err);
    }
}
