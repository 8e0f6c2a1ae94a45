/* Queues of the index: their names, what they can hand out, when they are due. See index.h. */
#include "core/index_queue.h"

#include <stdlib.h>
#include <xxhash.h>

static uint64_t queue_hash(const void *item)
{
    const struct queue *queue = item;

    return XXH3_64bits(queue->row.name.data, queue->row.name.size);
}

static uint32_t *queue_link(void *item)
{
    return &((struct queue *)item)->map_link;
}

static const struct map_item queue_item = {queue_hash, queue_link};

static void queue_moved(void *context, uint32_t id, uint32_t place)
{
    index_queue(context, id)->due_place = place;
}

void index_queues_init(struct index *index)
{
    slab_init(&index->queues, sizeof(struct queue));
    map_init(&index->queue_names, &index->queues, &queue_item);
    heap_init(&index->due_queues, queue_moved, index);
}

void index_queues_done(struct index *index)
{
    for (uint32_t i = 1; i <= index->queue_count; i++) {
        window_done(&index_queue(index, i)->window);
        free(index_queue(index, i)->owned_name);
    }
    map_done(&index->queue_names);
    heap_done(&index->due_queues);
    slab_done(&index->queues);
}

struct queue *index_queue(const struct index *index, uint32_t number)
{
    assert(number >= 1 && number <= index->queue_count);
    return slab_at(&index->queues, number);
}

struct queue *index_queue_find(const struct index *index, struct slice name)
{
    uint32_t id = map_first(&index->queue_names, XXH3_64bits(name.data, name.size));

    while (id && !slice_equal(index_queue(index, id)->row.name, name)) {
        id = map_next(&index->queue_names, id);
    }
    return id ? index_queue(index, id) : NULL;
}

struct queue *index_queue_add(struct index *index, struct slice name)
{
    uint8_t *copy = malloc(name.size + 1);
    uint32_t number = copy ? slab_take(&index->queues) : 0;
    struct queue *queue;

    if (!number) {
        goto out;
    }
    memcpy(copy, name.data, name.size);
    queue = slab_at(&index->queues, number);
    queue->owned_name = copy;
    queue->row.name = slice_of(copy, name.size);
    queue->number = number;
    if (!map_add(&index->queue_names, number)) {
        slab_give(&index->queues, number);
        goto out;
    }
    assert(number == index->queue_count + 1);
    index->queue_count = number;
    return queue;
out:
    free(copy);
    return NULL;
}

void index_queue_remove(struct index *index, struct queue *queue)
{
    struct queue **place = &index->touched;

    assert(queue->number == index->queue_count);
    while (*place && *place != queue) {
        place = &(*place)->touched_next;
    }
    if (*place) {
        *place = queue->touched_next;
    }
    assert(queue->due_place == 0);
    map_remove(&index->queue_names, queue->number);
    free(queue->owned_name);
    index->queue_count--;
    slab_give(&index->queues, queue->number);
}

uint64_t queue_count(const struct queue *queue)
{
    uint64_t all = queue->row.completed + queue->row.dead + queue->row.cancelled;

    for (uint32_t i = 0; i < JOB_STATE_COUNT; i++) {
        all += queue->jobs.counts[i];
    }
    return all;
}

static uint64_t room_under(uint64_t limit, uint64_t used)
{
    return used < limit ? limit - used : 0;
}

static uint64_t width_ns(const struct queue *queue)
{
    return queue->row.rate_window_ms * NS_PER_MS;
}

uint64_t queue_room(const struct queue *queue)
{
    const struct window *window = &queue->window;
    const struct queue_row *row = &queue->row;
    uint64_t room = UINT64_MAX;

    if (row->paused) {
        return 0;
    }
    if (row->max_concurrency) {
        room = room_under(row->max_concurrency, queue->jobs.counts[JOB_ACTIVE]);
    }
    if (row->rate_limit) {
        uint64_t used = window->total - window->past_total + queue->claimed;
        uint64_t claims = room_under(row->rate_limit, used);

        room = claims < room ? claims : room;
    }
    return room;
}

uint64_t queue_ready(const struct queue *queue)
{
    uint64_t pending = queue->jobs.counts[JOB_PENDING];
    uint64_t room = queue_room(queue);

    return pending < room ? pending : room;
}

static void look_at_window(const struct index *index, struct queue *queue)
{
    if (queue->window.count > 0) {
        (void)window_used(&queue->window, width_ns(queue), index->now_ns);
    }
}

void index_touch(struct index *index, struct queue *queue)
{
    if (queue->touched) {
        return;
    }
    queue->touched = true;
    queue->ready_before = queue_ready(queue);
    queue->totals_before = (struct queue_totals){
        queue->row.enqueued_total, queue->row.completed_total, queue->row.failed_total};
    queue->touched_next = index->touched;
    index->touched = queue;
    look_at_window(index, queue);
}

void index_limit_changed(struct index *index, struct queue *queue)
{
    window_rewind(&queue->window);
    look_at_window(index, queue);
}

static bool has_gone(const struct queue *queue)
{
    for (uint32_t i = 0; i < LIST_COUNT; i++) {
        if (queue->jobs.gone[i].head) {
            return true;
        }
    }
    return false;
}

uint64_t queue_due_ns(const struct queue *queue)
{
    const struct queue_row *row = &queue->row;
    uint64_t opens_ns = 0;

    if (has_gone(queue)) {
        return 1;
    }
    if (!row->paused && queue->jobs.counts[JOB_PENDING] > 0 && row->rate_limit) {
        opens_ns = window_opens_ns(&queue->window, width_ns(queue), row->rate_limit);
    }
    return opens_ns ? opens_ns : window_empty_ns(&queue->window, width_ns(queue));
}

struct queue *index_first_due_queue(const struct index *index)
{
    const struct heap_entry *top = heap_top(&index->due_queues);

    return top ? index_queue(index, top->id) : NULL;
}

bool index_queue_refresh(struct index *index, struct queue *queue)
{
    uint64_t due_ns = queue_due_ns(queue);
    uint32_t place = queue->due_place;

    if (place && index->due_queues.entries[place - 1].due_ns == due_ns) {
        return true;
    }
    if (place) {
        heap_remove(&index->due_queues, place);
    }
    return due_ns == 0 ||
           heap_add(&index->due_queues, (struct heap_entry){due_ns, queue->number, queue->number});
}
