/* Queues in a transaction: making, changing, clearing, destroying them, and writing them back. */
#include "base/limits.h"
#include "core/queue.h"
#include "core/tx_internal.h"

void tx_queue_edit(struct tx *tx, struct queue *queue)
{
    struct queue_row *row;
    struct undo *undo;

    if (tx_failed(tx)) {
        return;
    }
    row = tx_array(tx, 1, sizeof(*row));
    undo = row ? tx_push_undo(tx, UNDO_QUEUE) : NULL;
    if (!undo) {
        return;
    }
    *row = queue->row;
    undo->of.queue = (struct undo_queue){.queue = queue, .row = row, .dirty = queue->dirty};
    index_touch(tx->index, queue);
    queue->dirty = true;
}

/* The index follows the boundaries, which are in the row already. */
static void doom(struct tx *tx, struct queue *queue, bool all)
{
    struct queue_jobs *before = tx_array(tx, 1, sizeof(*before));
    struct undo *undo = before ? tx_push_undo(tx, UNDO_DOOM) : NULL;

    if (!undo || tx_failed(tx)) {
        return;
    }
    *before = queue->jobs;
    undo->of.queue = (struct undo_queue){.queue = queue, .jobs = before};
    index_doom(tx->index, queue, all);
}

/* Every state change up to now lies below it. 0 would be no boundary: data from before changes had
 * numbers may have none. */
static uint64_t boundary_now(struct tx *tx)
{
    tx->meta->move_seq += tx->meta->move_seq == 0;
    return tx->meta->move_seq;
}

void tx_queue_clear(struct tx *tx, struct queue *queue)
{
    tx_queue_edit(tx, queue);
    queue->row.cleared_below = boundary_now(tx);
    doom(tx, queue, false);
}

void tx_queue_destroy(struct tx *tx, struct queue *queue)
{
    struct queue_row *row = &queue->row;

    tx_queue_edit(tx, queue);
    tx->meta->gone_count += row->completed + row->dead + row->cancelled;
    *row = (struct queue_row){
        .name = row->name,
        .created_at = row->created_at,
        .cleared_below = boundary_now(tx),
        .destroyed_below = boundary_now(tx),
        .destroyed = true,
        .rate_window_ms = row->rate_window_ms,
    };
    doom(tx, queue, true);
}

void tx_queue_limit(struct tx *tx, struct queue *queue, uint32_t rate, uint64_t window_ms)
{
    tx_queue_edit(tx, queue);
    queue->row.rate_limit = rate;
    if (rate > 0) {
        queue->row.rate_window_ms = window_ms;
        index_limit_changed(tx->index, queue);
    }
}

void tx_queue_claim(struct tx *tx, struct queue *queue)
{
    struct undo *undo = tx_failed(tx) ? NULL : tx_push_undo(tx, UNDO_CLAIM);

    if (!undo) {
        return;
    }
    undo->of.queue = (struct undo_queue){.queue = queue, .claimed = queue->claimed};
    index_touch(tx->index, queue);
    queue->claimed++;
}

static struct slice encode_claims(struct tx *tx, uint64_t count)
{
    struct window_row row = {.count = (uint32_t)count};

    return tx_encode(tx, &window_row_message, &row);
}

uint32_t tx_queue_trim(struct tx *tx, struct queue *queue, uint32_t count_max)
{
    uint32_t count = 0;

    while (queue->window.past > 0 && count < count_max && !tx_failed(tx)) {
        struct window_item oldest = window_at(&queue->window, 0);
        struct row_key key = pair_row_key(queue->number, oldest.at_ns);
        struct slice value = encode_claims(tx, oldest.count);

        tx_forget(tx, TABLE_WINDOW, &key, row_hash(TABLE_WINDOW, row_key_slice(&key), value));
        window_pop(&queue->window);
        count++;
    }
    return count;
}

/* The claims of this entry join those of earlier entries of the same instant. */
static void write_claims(struct tx *tx, struct queue *queue)
{
    struct row_key key = pair_row_key(queue->number, tx->now_ns);
    uint32_t last = queue->window.count;
    uint64_t count = queue->claimed;
    uint64_t hash = 0;

    if (count == 0) {
        return;
    }
    if (last && window_at(&queue->window, last - 1).at_ns == tx->now_ns) {
        uint64_t before = window_at(&queue->window, last - 1).count;

        hash = row_hash(TABLE_WINDOW, row_key_slice(&key), encode_claims(tx, before));
        count += before;
    }
    if (!window_add(&queue->window, tx->now_ns, queue->claimed)) {
        (void)tx_fail(tx, ERR_NOMEM, "no memory for the claims of queues");
    }
    (void)tx_write_back(tx, TABLE_WINDOW, &key, encode_claims(tx, count), hash);
    queue->claimed = 0;
    (void)tx_queue_trim(tx, queue, WINDOW_TRIM_MAX);
}

static struct queue *add_queue(struct tx *tx, struct slice name)
{
    struct queue *queue = index_queue_add(tx->index, name);
    struct undo *undo;

    if (!queue) {
        (void)tx_fail(tx, ERR_NOMEM, "no memory for a queue");
        return NULL;
    }
    undo = tx_push_undo(tx, UNDO_QUEUE_NEW);
    if (!undo) {
        return NULL;
    }
    undo->of.queue.queue = queue;
    index_touch(tx->index, queue);
    queue->row.created_at = tx->now_ns;
    queue->dirty = true;
    tx->meta->queue_count = queue->number;
    return queue;
}

struct queue *tx_queue(struct tx *tx, struct slice name)
{
    struct queue *queue = index_queue_find(tx->index, name);

    if (tx_failed(tx)) {
        return NULL;
    }
    if (!queue) {
        return add_queue(tx, name);
    }
    if (queue->row.destroyed) {
        tx_queue_edit(tx, queue);
        queue->row.destroyed = false;
        queue->row.created_at = tx->now_ns;
    }
    return queue;
}

enum err_code tx_queue_open(struct tx *tx, struct slice name, struct queue **ret_queue,
                            struct err *err)
{
    struct queue *queue;

    if (queue_name_check(name, err) != ERR_NONE) {
        return err->code;
    }
    queue = tx_queue(tx, name);
    if (!queue) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    *ret_queue = queue;
    return ERR_NONE;
}

void tx_queue_event(struct tx *tx, const struct queue *queue, enum event_type type,
                    struct slice data)
{
    struct event event = {.type = type, .queue = queue->number, .data = data};

    tx_event(tx, &event);
}

void tx_queue_undo(struct tx *tx, const struct undo *undo)
{
    struct queue *queue = undo->of.queue.queue;

    if (undo->kind == UNDO_QUEUE) {
        bool limited = queue->row.rate_window_ms != undo->of.queue.row->rate_window_ms;

        queue->row = *undo->of.queue.row;
        queue->dirty = undo->of.queue.dirty;
        if (limited) {
            index_limit_changed(tx->index, queue);
        }
    } else if (undo->kind == UNDO_CLAIM) {
        queue->claimed = undo->of.queue.claimed;
    } else if (undo->kind == UNDO_DOOM) {
        index_undoom(tx->index, queue, undo->of.queue.jobs);
    } else {
        assert(undo->kind == UNDO_QUEUE_NEW);
        index_queue_remove(tx->index, queue);
    }
}

/* A queue that drains is drained once nothing of it is active; whatever ended it need not look. */
static void note_drained(struct tx *tx, struct queue *queue)
{
    bool drained = queue->row.draining_at != 0 && queue->jobs.counts[JOB_ACTIVE] == 0;

    if (drained == queue->row.drained) {
        return;
    }
    queue->row.drained = drained;
    queue->dirty = true;
    if (drained) {
        tx_queue_event(tx, queue, EVENT_QUEUE_DRAINED, slice_of(NULL, 0));
    }
}

static void write_queue(struct tx *tx, struct queue *queue)
{
    struct row_key key = number_row_key(queue->number);

    if (queue->dirty) {
        queue->stored_hash =
            tx_write_back(tx, TABLE_QUEUE, &key, tx_encode(tx, &queue_row_message, &queue->row),
                          queue->stored_hash);
        queue->dirty = false;
    }
}

void tx_queues_commit(struct tx *tx)
{
    tx->in_unit = false; /* Nothing is undone any more. */
    for (struct queue *queue = tx->index->touched; queue; queue = queue->touched_next) {
        note_drained(tx, queue);
        write_claims(tx, queue);
        write_queue(tx, queue);
        if (!index_queue_refresh(tx->index, queue)) {
            (void)tx_fail(tx, ERR_NOMEM, "no memory for the queues that are due");
        }
    }
}
