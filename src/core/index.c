/* The indexes over live jobs and queues: see index.h. */
#include "core/index.h"

#include "core/index_queue.h"

#include <stdlib.h>

static uint64_t slot_hash(const void *item)
{
    return map_mix(((const struct index_slot *)item)->job.seq);
}

static uint32_t *slot_link(void *item)
{
    return &((struct index_slot *)item)->map_link;
}

static const struct map_item slot_item = {slot_hash, slot_link};

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
    map_init(&index->jobs, &index->slots, &slot_item);
    heap_init(&index->due, heap_moved, index);
    index_queues_init(index);
}

void index_done(struct index *index)
{
    index_queues_done(index);
    map_done(&index->jobs);
    heap_done(&index->due);
    slab_done(&index->slots);
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
static uint32_t find_place(const struct index *index, const struct slot_list *list,
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

static void link_behind(struct index *index, struct slot_list *list, uint32_t id, uint32_t place)
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

static void unlink_slot(struct index *index, struct slot_list *list, uint32_t id)
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

/* The list that a job belongs in, by its state. */
static uint32_t list_number(const struct index_job *job)
{
    static const uint8_t lists[JOB_STATE_COUNT] = {
        [JOB_SCHEDULED] = LIST_SCHEDULED,
        [JOB_RETRYING] = LIST_RETRYING,
        [JOB_ACTIVE] = LIST_ACTIVE,
        [JOB_HELD] = LIST_HELD,
    };

    return job->state == JOB_PENDING ? LIST_READY + job->priority : lists[job->state];
}

bool index_is_gone(const struct index *index, const struct index_job *job)
{
    const struct queue *queue = index_queue(index, job->queue);

    return job_is_gone_at(&queue->row, (enum job_state)job->state, job->move_seq);
}

/* Counts the job among those of its queue and state, or takes it out of them (-1). */
static void count_job(struct index *index, struct queue *queue, const struct index_job *job,
                      int change)
{
    assert(change > 0 || queue->jobs.counts[job->state] > 0);
    queue->jobs.counts[job->state] += (uint64_t)(int64_t)change;
    index->live_count += (uint64_t)(int64_t)change;
}

static void detach(struct index *index, uint32_t id)
{
    struct index_slot *slot = slot_at(index, id);
    struct queue *queue = index_queue(index, slot->job.queue);
    uint32_t number = list_number(&slot->job);

    index_touch(index, queue);
    if (index_is_gone(index, &slot->job)) {
        unlink_slot(index, &queue->jobs.gone[number], id);
    } else {
        unlink_slot(index, &queue->jobs.lists[number], id);
        count_job(index, queue, &slot->job, -1);
    }
    if (slot->heap_place) {
        heap_remove(&index->due, slot->heap_place);
    }
}

static bool attach_due(struct index *index, uint32_t id)
{
    const struct index_job *job = &slot_at(index, id)->job;

    return job->due_ns == 0 ||
           heap_add(&index->due, (struct heap_entry){job->due_ns, job->seq, id});
}

static void attach(struct index *index, uint32_t id)
{
    const struct index_job *job = &slot_at(index, id)->job;
    struct queue *queue = index_queue(index, job->queue);
    bool gone = index_is_gone(index, job);
    struct slot_list *lists = gone ? queue->jobs.gone : queue->jobs.lists;
    struct slot_list *list = &lists[list_number(job)];

    index_touch(index, queue);
    if (!gone) {
        count_job(index, queue, job, 1);
    }
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
    return id;
}

static void remove_slot(struct index *index, uint32_t id)
{
    map_remove(&index->jobs, id);
    slab_give(&index->slots, id);
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
    if (!attach_due(index, id)) {
        return false;
    }
    attach(index, id);
    return true;
}

bool index_load(struct index *index, const struct index_job *job)
{
    uint32_t id = add_slot(index, job);

    return id && attach_due(index, id);
}

struct slot_item {
    uint64_t move_seq;
    uint32_t id;
};

static int compare_moves(const void *a, const void *b)
{
    uint64_t left = ((const struct slot_item *)a)->move_seq;
    uint64_t right = ((const struct slot_item *)b)->move_seq;

    return (left > right) - (left < right);
}

/* The slots of jobs that are pending, or of the others; numbers of slots run without gaps while
 * loading. */
static uint32_t collect(const struct index *index, bool pending, struct slot_item *items,
                        bool *ret_sorted)
{
    uint32_t count = 0;

    *ret_sorted = true;
    for (uint32_t id = 1; id <= index->slots.used; id++) {
        const struct index_job *job = &slot_at(index, id)->job;

        if ((job->state == JOB_PENDING) != pending) {
            continue;
        }
        if (count > 0 && items[count - 1].move_seq > job->move_seq) {
            *ret_sorted = false;
        }
        items[count++] = (struct slot_item){job->move_seq, id};
    }
    return count;
}

static void attach_all(struct index *index, bool pending, struct slot_item *items)
{
    bool sorted;
    uint32_t count = collect(index, pending, items, &sorted);

    if (!sorted) {
        qsort(items, count, sizeof(*items), compare_moves);
    }
    for (uint32_t i = 0; i < count; i++) {
        attach(index, items[i].id);
    }
}

/* Pending jobs apart: most often they are in order already, and there may be a million. */
bool index_load_end(struct index *index)
{
    struct slot_item *items;

    if (index->slots.used == 0) {
        return true;
    }
    items = malloc(index->slots.used * sizeof(*items));
    if (!items) {
        return false;
    }
    attach_all(index, true, items);
    attach_all(index, false, items);
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

static const struct index_job *job_or_null(const struct index *index, uint32_t id)
{
    return id ? &slot_at(index, id)->job : NULL;
}

const struct index_job *index_first_of(const struct index *index, const struct queue *queue,
                                       enum index_list list)
{
    return job_or_null(index, queue->jobs.lists[list].head);
}

const struct index_job *index_next_of(const struct index *index, const struct index_job *job)
{
    return job_or_null(index, slot_at(index, find_slot(index, job->seq))->next);
}

static const struct index_job *first_in(const struct index *index, const struct slot_list *lists,
                                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (lists[i].head) {
            return job_or_null(index, lists[i].head);
        }
    }
    return NULL;
}

const struct index_job *index_first_ready(const struct index *index, const struct queue *queue)
{
    return first_in(index, queue->jobs.lists, JOB_PRIORITY_COUNT);
}

const struct index_job *index_first_gone(const struct index *index, const struct queue *queue)
{
    return first_in(index, queue->jobs.gone, LIST_COUNT);
}

/* Puts all members of a list behind those of another one. */
static void append(struct index *index, struct slot_list *list, struct slot_list *taken)
{
    if (!taken->head) {
        return;
    }
    if (list->tail) {
        slot_at(index, list->tail)->next = taken->head;
        slot_at(index, taken->head)->previous = list->tail;
    } else {
        list->head = taken->head;
    }
    list->tail = taken->tail;
    *taken = (struct slot_list){0};
}

static void uncount(struct index *index, struct queue *queue, enum job_state state)
{
    index->live_count -= queue->jobs.counts[state];
    queue->jobs.counts[state] = 0;
}

void index_doom(struct index *index, struct queue *queue, bool all)
{
    struct queue_jobs *jobs = &queue->jobs;

    index_touch(index, queue);
    for (uint32_t i = 0; i < (all ? LIST_COUNT : LIST_CLEARED); i++) {
        append(index, &jobs->gone[i], &jobs->lists[i]);
    }
    uncount(index, queue, JOB_PENDING);
    uncount(index, queue, JOB_SCHEDULED);
    uncount(index, queue, JOB_RETRYING);
    if (all) {
        uncount(index, queue, JOB_ACTIVE);
        uncount(index, queue, JOB_HELD);
    }
}

void index_undoom(struct index *index, struct queue *queue, const struct queue_jobs *before)
{
    for (uint32_t i = 0; i < LIST_COUNT; i++) {
        if (before->lists[i].head) {
            slot_at(index, before->lists[i].head)->previous = 0;
        }
        if (before->gone[i].tail) {
            slot_at(index, before->gone[i].tail)->next = 0;
        }
    }
    for (uint32_t i = 0; i < JOB_STATE_COUNT; i++) {
        index->live_count += before->counts[i] - queue->jobs.counts[i];
    }
    queue->jobs = *before;
}
