/* Are two indexes the same? For core_check: the one that lived through all changes and the one made
 * from rows. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/index.h"

static enum err_code differ(struct err *err, const struct index_job *job, const char *what)
{
    struct row_key key = job_row_key((struct job_key){job->time_ns, job->seq});
    char hex[2 * JOB_KEY_SIZE + 1];

    for (uint32_t i = 0; i < JOB_KEY_SIZE; i++) {
        hex[2 * i] = "0123456789abcdef"[key.bytes[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[key.bytes[i] & 15];
    }
    hex[2 * JOB_KEY_SIZE] = '\0';
    return err_set(err, ERR_CORRUPT, "index of job_%s: %s differs from the row", hex, what);
}

static enum err_code compare_job(const struct index *index, const struct index_job *want,
                                 struct err *err)
{
    const struct index_job *have = index_find(index, (struct job_key){want->time_ns, want->seq});

    if (!have) {
        return differ(err, want, "presence");
    }
    if (have->state != want->state) {
        return differ(err, want, "state");
    }
    if (have->queue != want->queue || have->priority != want->priority) {
        return differ(err, want, "queue or priority");
    }
    if (have->move_seq != want->move_seq) {
        return differ(err, want, "move_seq");
    }
    if (have->due_ns != want->due_ns) {
        return differ(err, want, "due instant");
    }
    return ERR_NONE;
}

/* The job of `slot` must be where its heap place says. */
static enum err_code check_heap_place(const struct index *index, const struct index_slot *slot,
                                      struct err *err)
{
    const struct heap_entry *entry;

    if (slot->heap_place == 0) {
        return slot->job.due_ns ? differ(err, &slot->job, "heap membership") : ERR_NONE;
    }
    if (slot->heap_place > index->due.count) {
        return differ(err, &slot->job, "heap place");
    }
    entry = &index->due.entries[slot->heap_place - 1];
    if (slab_at(&index->slots, entry->id) != slot || entry->due_ns != slot->job.due_ns) {
        return differ(err, &slot->job, "heap entry");
    }
    return ERR_NONE;
}

static enum err_code compare_heaps(const struct index *index, const struct index *other,
                                   struct err *err)
{
    if (index->due.count != other->due.count) {
        return err_set(err, ERR_CORRUPT, "%u jobs are due some time, not %u", index->due.count,
                       other->due.count);
    }
    if (!heap_is_ordered(&index->due) || !heap_is_ordered(&index->due_queues)) {
        return err_set(err, ERR_CORRUPT, "the heap of due instants is out of order");
    }
    for (uint32_t i = 0; i < index->due.count; i++) {
        const struct index_slot *slot = slab_at(&index->slots, index->due.entries[i].id);

        if (check_heap_place(index, slot, err) != ERR_NONE) {
            return err->code;
        }
    }
    return ERR_NONE;
}

static enum err_code compare_lists(const struct index *index, const struct index *other,
                                   const struct slot_list *have, const struct slot_list *want,
                                   struct err *err)
{
    uint32_t a = have->head;
    uint32_t b = want->head;
    uint32_t last = 0;

    while (a && b) {
        const struct index_slot *left = slab_at(&index->slots, a);
        const struct index_slot *right = slab_at(&other->slots, b);

        if (left->job.seq != right->job.seq || left->previous != last) {
            return differ(err, &right->job, "place in its list");
        }
        last = a;
        a = left->next;
        b = right->next;
    }
    if (a || b || have->tail != last) {
        return err_set(err, ERR_CORRUPT, "a list of jobs has another length than its rows");
    }
    return ERR_NONE;
}

/* Written down, the rows are the same. */
static bool same_row(const struct queue_row *a, const struct queue_row *b)
{
    struct buf left;
    struct buf right;
    bool same;

    buf_init(&left, MIB);
    buf_init(&right, MIB);
    protobuf_write(&queue_row_message, a, &left);
    protobuf_write(&queue_row_message, b, &right);
    same = !left.failed && !right.failed && slice_equal(buf_slice(&left), buf_slice(&right));
    buf_done(&left);
    buf_done(&right);
    return same;
}

/* A queue that is due must be where its place says, and at the instant that follows from its row.
 */
static bool queue_is_placed(const struct index *index, const struct queue *queue)
{
    const struct heap_entry *entry;

    if (queue->due_place == 0) {
        return queue_due_ns(queue) == 0;
    }
    if (queue->due_place > index->due_queues.count) {
        return false;
    }
    entry = &index->due_queues.entries[queue->due_place - 1];
    return entry->id == queue->number && entry->due_ns == queue_due_ns(queue);
}

static bool same_window(const struct window *a, const struct window *b)
{
    if (a->count != b->count || a->total != b->total) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        struct window_item left = window_at(a, i);
        struct window_item right = window_at(b, i);

        if (left.at_ns != right.at_ns || left.count != right.count) {
            return false;
        }
    }
    return true;
}

static enum err_code compare_queue(const struct index *index, const struct index *other,
                                   const struct queue *want, struct err *err)
{
    const struct queue *have = index_queue_find(index, want->row.name);

    if (!have || have->number != want->number || !same_row(&have->row, &want->row)) {
        return err_set(err, ERR_CORRUPT, "queue %u differs from its row", want->number);
    }
    if (!same_window(&have->window, &want->window) || have->claimed != 0) {
        return err_set(err, ERR_CORRUPT, "the claims of queue %u differ from its rows",
                       want->number);
    }
    if (!queue_is_placed(index, have) || queue_due_ns(have) != queue_due_ns(want)) {
        return err_set(err, ERR_CORRUPT, "queue %u is due at another instant than its rows say",
                       want->number);
    }
    for (uint32_t i = 0; i < JOB_STATE_COUNT; i++) {
        if (have->jobs.counts[i] != want->jobs.counts[i]) {
            return err_set(err, ERR_CORRUPT, "queue %u counts %llu jobs %s, its rows %llu",
                           want->number, (unsigned long long)have->jobs.counts[i],
                           job_state_name((enum job_state)i),
                           (unsigned long long)want->jobs.counts[i]);
        }
    }
    for (uint32_t i = 0; i < LIST_COUNT; i++) {
        if (compare_lists(index, other, &have->jobs.lists[i], &want->jobs.lists[i], err) ||
            compare_lists(index, other, &have->jobs.gone[i], &want->jobs.gone[i], err)) {
            return err->code;
        }
    }
    return ERR_NONE;
}

enum err_code index_compare(const struct index *index, const struct index *other, struct err *err)
{
    if (index->live_count != other->live_count || index->jobs.count != other->jobs.count ||
        index->queue_count != other->queue_count) {
        return err_set(err, ERR_CORRUPT, "%llu jobs in %u queues are indexed, rows are %llu in %u",
                       (unsigned long long)index->live_count, index->queue_count,
                       (unsigned long long)other->live_count, other->queue_count);
    }
    for (uint32_t id = 1; id <= other->slots.used; id++) {
        const struct index_slot *slot = slab_at(&other->slots, id);

        if (compare_job(index, &slot->job, err) != ERR_NONE) {
            return err->code;
        }
    }
    for (uint32_t i = 1; i <= other->queue_count; i++) {
        if (compare_queue(index, other, index_queue(other, i), err) != ERR_NONE) {
            return err->code;
        }
    }
    return compare_heaps(index, other, err);
}
