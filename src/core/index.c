/* The indexes over live jobs and queues: see index.h. */
#include "core/index.h"

#include <stdlib.h>
#include <xxhash.h>

static uint64_t slot_hash(const void *item)
{
    return map_mix(((const struct index_slot *)item)->job.seq);
}

static uint32_t *slot_link(void *item)
{
    return &((struct index_slot *)item)->map_link;
}

static uint64_t queue_hash(const void *item)
{
    const struct queue *queue = item;

    return XXH3_64bits(queue->row.name.data, queue->row.name.size);
}

static uint32_t *queue_link(void *item)
{
    return &((struct queue *)item)->map_link;
}

static const struct map_item slot_item = {slot_hash, slot_link};
static const struct map_item queue_item = {queue_hash, queue_link};

static struct index_slot *slot_at(const struct index *index, uint32_t id)
{
    return slab_at(&index->slots, id);
}

static void heap_moved(void *context, uint32_t id, uint32_t place)
{
    slot_at(context, id)->heap_place = place;
}

void index_init(struct index *index)
{
    *index = (struct index){0};
    slab_init(&index->slots, sizeof(struct index_slot));
    slab_init(&index->queues, sizeof(struct queue));
    map_init(&index->jobs, &index->slots, &slot_item);
    map_init(&index->queue_names, &index->queues, &queue_item);
    heap_init(&index->due, heap_moved, index);
}

void index_done(struct index *index)
{
    for (uint32_t i = 1; i <= index->queue_count; i++) {
        free(((struct queue *)slab_at(&index->queues, i))->owned_name);
    }
    map_done(&index->jobs);
    map_done(&index->queue_names);
    heap_done(&index->due);
    slab_done(&index->slots);
    slab_done(&index->queues);
}

struct index_job index_job_of(const struct job *job)
{
    assert(!job_state_is_terminal(job->state));
    return (struct index_job){
        .time_ns = job->key.time_ns,
        .seq = job->key.seq,
        .move_seq = job->move_seq,
        .due_ns = job_due_ns(job),
        .queue = job->queue,
        .state = (uint8_t)job->state,
        .priority = (uint8_t)job->priority,
    };
}

static uint32_t find_slot(const struct index *index, uint64_t seq)
{
    uint32_t id = map_first(&index->jobs, map_mix(seq));

    while (id && slot_at(index, id)->job.seq != seq) {
        id = map_next(&index->jobs, id);
    }
    return id;
}

/* The member that `move_seq` belongs behind; 0 = at the front. Searched from both ends at once:
 * jobs join at the back, and a roll-back puts them to the front. */
static uint32_t find_place(const struct index *index, const struct ready_list *list,
                           uint64_t move_seq)
{
    uint32_t back = list->tail;
    uint32_t front = list->head;

    while (back && slot_at(index, back)->job.move_seq > move_seq) {
        if (slot_at(index, front)->job.move_seq > move_seq) {
            return slot_at(index, front)->previous;
        }
        front = slot_at(index, front)->next;
        back = slot_at(index, back)->previous;
    }
    return back;
}

static void link_behind(struct index *index, struct ready_list *list, uint32_t id, uint32_t place)
{
    struct index_slot *slot = slot_at(index, id);

    slot->previous = place;
    slot->next = place ? slot_at(index, place)->next : list->head;
    if (place) {
        slot_at(index, place)->next = id;
    } else {
        list->head = id;
    }
    if (slot->next) {
        slot_at(index, slot->next)->previous = id;
    } else {
        list->tail = id;
    }
}

static void unlink_ready(struct index *index, struct ready_list *list, uint32_t id)
{
    struct index_slot *slot = slot_at(index, id);

    if (slot->previous) {
        slot_at(index, slot->previous)->next = slot->next;
    } else {
        assert(list->head == id);
        list->head = slot->next;
    }
    if (slot->next) {
        slot_at(index, slot->next)->previous = slot->previous;
    } else {
        assert(list->tail == id);
        list->tail = slot->previous;
    }
    slot->next = 0;
    slot->previous = 0;
}

static struct ready_list *ready_list_of(struct index *index, const struct index_job *job)
{
    return &index_queue(index, job->queue)->ready[job->priority];
}

static void detach(struct index *index, uint32_t id)
{
    struct index_slot *slot = slot_at(index, id);
    struct queue *queue = index_queue(index, slot->job.queue);

    index_touch(index, queue);
    assert(queue->counts[slot->job.state] > 0);
    queue->counts[slot->job.state]--;
    if (slot->job.state == JOB_PENDING) {
        unlink_ready(index, ready_list_of(index, &slot->job), id);
    }
    if (slot->heap_place) {
        heap_remove(&index->due, slot->heap_place);
    }
}

static bool attach(struct index *index, uint32_t id)
{
    struct index_slot *slot = slot_at(index, id);
    struct queue *queue = index_queue(index, slot->job.queue);

    index_touch(index, queue);
    queue->counts[slot->job.state]++;
    return slot->job.due_ns == 0 ||
           heap_add(&index->due, (struct heap_entry){slot->job.due_ns, slot->job.seq, id});
}

static void attach_ready(struct index *index, uint32_t id)
{
    const struct index_job *job = &slot_at(index, id)->job;
    struct ready_list *list = ready_list_of(index, job);

    link_behind(index, list, id, find_place(index, list, job->move_seq));
}

static uint32_t add_slot(struct index *index, const struct index_job *job)
{
    uint32_t id = slab_take(&index->slots);

    if (!id) {
        return 0;
    }
    slot_at(index, id)->job = *job;
    if (!map_add(&index->jobs, id)) {
        slab_give(&index->slots, id);
        return 0;
    }
    index->live_count++;
    return id;
}

static void remove_slot(struct index *index, uint32_t id)
{
    map_remove(&index->jobs, id);
    slab_give(&index->slots, id);
    index->live_count--;
}

bool index_change(struct index *index, const struct index_job *old, const struct index_job *now)
{
    uint32_t id = old ? find_slot(index, old->seq) : 0;

    assert(old || now);
    assert(!old || id);
    assert(!old || !now || (old->seq == now->seq && old->time_ns == now->time_ns));
    if (id) {
        detach(index, id);
    }
    if (!now) {
        remove_slot(index, id);
        return true;
    }
    if (!id) {
        assert(!find_slot(index, now->seq));
        id = add_slot(index, now);
    }
    if (!id) {
        return false;
    }
    slot_at(index, id)->job = *now;
    if (!attach(index, id)) {
        return false;
    }
    if (now->state == JOB_PENDING) {
        attach_ready(index, id);
    }
    return true;
}

bool index_load(struct index *index, const struct index_job *job)
{
    uint32_t id = add_slot(index, job);

    return id && attach(index, id);
}

struct ready_item {
    uint64_t move_seq;
    uint32_t id;
};

static int compare_ready(const void *a, const void *b)
{
    uint64_t left = ((const struct ready_item *)a)->move_seq;
    uint64_t right = ((const struct ready_item *)b)->move_seq;

    return (left > right) - (left < right);
}

/* All pending slots; numbers of slots run without gaps while loading. */
static uint32_t collect_ready(const struct index *index, struct ready_item *items, bool *ret_sorted)
{
    uint32_t count = 0;

    *ret_sorted = true;
    for (uint32_t id = 1; id <= index->slots.used; id++) {
        const struct index_job *job = &slot_at(index, id)->job;

        if (job->state != JOB_PENDING) {
            continue;
        }
        if (count > 0 && items[count - 1].move_seq > job->move_seq) {
            *ret_sorted = false;
        }
        items[count++] = (struct ready_item){job->move_seq, id};
    }
    return count;
}

bool index_load_end(struct index *index)
{
    struct ready_item *items;
    uint32_t count;
    bool sorted;

    if (index->slots.used == 0) {
        return true;
    }
    items = malloc(index->slots.used * sizeof(*items));
    if (!items) {
        return false;
    }
    count = collect_ready(index, items, &sorted);
    if (!sorted) {
        qsort(items, count, sizeof(*items), compare_ready);
    }
    for (uint32_t i = 0; i < count; i++) {
        attach_ready(index, items[i].id);
    }
    free(items);
    return true;
}

const struct index_job *index_find(const struct index *index, struct job_key key)
{
    uint32_t id = find_slot(index, key.seq);
    const struct index_job *job = id ? &slot_at(index, id)->job : NULL;

    return job && job->time_ns == key.time_ns ? job : NULL;
}

const struct index_job *index_first_due(const struct index *index)
{
    const struct heap_entry *top = heap_top(&index->due);

    return top ? &slot_at(index, top->id)->job : NULL;
}

const struct index_job *index_first_of(const struct index *index, const struct queue *queue,
                                       uint32_t priority)
{
    uint32_t id = queue->ready[priority].head;

    return id ? &slot_at(index, id)->job : NULL;
}

const struct index_job *index_first_ready(const struct index *index, const struct queue *queue)
{
    for (uint32_t i = 0; i < JOB_PRIORITY_COUNT; i++) {
        if (queue->ready[i].head) {
            return index_first_of(index, queue, i);
        }
    }
    return NULL;
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
    map_remove(&index->queue_names, queue->number);
    free(queue->owned_name);
    index->queue_count--;
    slab_give(&index->queues, queue->number);
}

uint64_t queue_ready(const struct queue *queue)
{
    return queue->row.paused ? 0 : queue->counts[JOB_PENDING];
}

void index_touch(struct index *index, struct queue *queue)
{
    if (queue->touched) {
        return;
    }
    queue->touched = true;
    queue->ready_before = queue_ready(queue);
    queue->touched_next = index->touched;
    index->touched = queue;
}
