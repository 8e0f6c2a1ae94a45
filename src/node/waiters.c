/* Fetches that wait for a job: FIFO for each queue, woken by apply.
 *
 * A claim is submitted only when one of the waiter's queues has a job that no claim in flight will
 * take, so waiting costs no log entries and nobody polls. The per-queue semaphore counts claims
 * submitted and not yet applied; a waiter over it waits on. */
#include "base/hash.h"
#include "node/node_internal.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

/* A waiter's place in the FIFO of one queue. */
struct place {
    struct place *next, *previous;
    struct queue_wait *queue;
    struct waiter *waiter;
};

/* Exists while somebody waits for the queue or a claim of it is in flight. */
struct queue_wait {
    struct queue_wait *next; /* In the bucket. */
    struct place *first, *last;
    uint64_t hash;
    uint32_t places;
    uint32_t claims; /* Submitted and not yet applied. */
    uint32_t jobs;   /* That these claims ask for. */
    uint32_t name_size;
    uint8_t name[];
};

struct waiter {
    struct node *node;
    struct waiter *next, *previous; /* In waiters.all. */
    uv_timer_t timer;
    const struct op_head *head; /* Borrowed, as is fetch: the request's. */
    const struct op_fetch *fetch;
    struct queue_wait *charged; /* The queue that the claim in flight counts for. */
    node_done done;
    void *context;
    uint32_t job_count;    /* That a claim asks for. */
    uint32_t queue_count;  /* Places that hold a queue. */
    bool waiting;          /* In its queues' lists. */
    bool expired;          /* The time is over: the claim in flight is the last. */
    struct place places[]; /* One for each queue of the fetch, in its order. */
};

/* --- Queues by name ------------------------------------------------------------------------------
 */

static bool grow_buckets(struct waiters *waiters)
{
    uint32_t count = waiters->bucket_count ? waiters->bucket_count * 2 : BUCKETS_MIN;
    struct queue_wait **buckets = calloc(count, sizeof(struct queue_wait *));

    if (!buckets) {
        return waiters->bucket_count > 0;
    }
    for (uint32_t i = 0; i < waiters->bucket_count; i++) {
        while (waiters->buckets[i]) {
            struct queue_wait *queue = waiters->buckets[i];

            waiters->buckets[i] = queue->next;
            queue->next = buckets[queue->hash & (count - 1)];
            buckets[queue->hash & (count - 1)] = queue;
        }
    }
    free(waiters->buckets);
    waiters->buckets = buckets;
    waiters->bucket_count = count;
    return true;
}

static struct queue_wait *find_queue(const struct waiters *waiters, struct slice name)
{
    uint64_t hash = hash_bytes(name);
    struct queue_wait *queue;

    if (!waiters->bucket_count) {
        return NULL;
    }
    queue = waiters->buckets[hash & (waiters->bucket_count - 1)];
    while (queue &&
           !(queue->hash == hash && slice_equal(slice_of(queue->name, queue->name_size), name))) {
        queue = queue->next;
    }
    return queue;
}

static struct queue_wait *need_queue(struct waiters *waiters, struct slice name)
{
    struct queue_wait *queue = find_queue(waiters, name);
    struct queue_wait **bucket;

    if (queue) {
        return queue;
    }
    if (waiters->queue_count >= waiters->bucket_count && !grow_buckets(waiters)) {
        return NULL;
    }
    queue = calloc(1, sizeof(*queue) + name.size);
    if (!queue) {
        return NULL;
    }
    queue->hash = hash_bytes(name);
    queue->name_size = (uint32_t)name.size;
    memcpy(queue->name, name.data, name.size);
    bucket = &waiters->buckets[queue->hash & (waiters->bucket_count - 1)];
    queue->next = *bucket;
    *bucket = queue;
    waiters->queue_count++;
    return queue;
}

static void forget_queue_if_idle(struct waiters *waiters, struct queue_wait *queue)
{
    struct queue_wait **link;

    if (queue->places > 0 || queue->claims > 0) {
        return;
    }
    link = &waiters->buckets[queue->hash & (waiters->bucket_count - 1)];
    while (*link != queue) {
        link = &(*link)->next;
    }
    *link = queue->next;
    waiters->queue_count--;
    free(queue);
}

/* --- Places --------------------------------------------------------------------------------------
 */

static void place_link(struct place *place, bool first)
{
    struct queue_wait *queue = place->queue;

    place->next = first ? queue->first : NULL;
    place->previous = first ? NULL : queue->last;
    if (place->next) {
        place->next->previous = place;
    } else {
        queue->last = place;
    }
    if (place->previous) {
        place->previous->next = place;
    } else {
        queue->first = place;
    }
}

static void place_unlink(struct place *place)
{
    struct queue_wait *queue = place->queue;

    if (place->next) {
        place->next->previous = place->previous;
    } else {
        queue->last = place->previous;
    }
    if (place->previous) {
        place->previous->next = place->next;
    } else {
        queue->first = place->next;
    }
}

/* Puts the waiter into the lists of its queues; at the front when it already stood there once. */
static void start_waiting(struct waiter *waiter, bool first)
{
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        place_link(&waiter->places[i], first);
    }
    waiter->waiting = true;
    waiter->node->waiters.count++;
}

static void stop_waiting(struct waiter *waiter)
{
    if (!waiter->waiting) {
        return;
    }
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        place_unlink(&waiter->places[i]);
    }
    waiter->waiting = false;
    waiter->node->waiters.count--;
}

/* --- A waiter's life -----------------------------------------------------------------------------
 */

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void waiter_destroy(struct waiter *waiter)
{
    struct waiters *waiters = &waiter->node->waiters;

    stop_waiting(waiter);
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        struct queue_wait *queue = waiter->places[i].queue;

        queue->places--;
        forget_queue_if_idle(waiters, queue);
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    }
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        waiters->all = waiter->next;
    }
    (void)uv_timer_stop(&waiter->timer);
    waiter->timer.data = waiter;
    uv_close((uv_handle_t *)&waiter->timer, on_timer_closed);
}

static void answer(struct waiter *waiter, const struct node_reply *reply)
{
    node_done done = waiter->done;
    void *context = waiter->context;

    /* Gone before the callback, which may fetch again. */
    waiter_destroy(waiter);
    done(context, reply);
}

static void answer_empty(struct waiter *waiter)
{
    struct op_fetch_reply empty = {0};
    struct op_result result = {.spec = op_find_name("fetch"), .reply = &empty};
    struct node_reply reply = {.results = &result, .count = 1};

    answer(waiter, &reply);
}

static void answer_error(struct waiter *waiter, const struct err *err)
{
    struct node_reply reply = {.err = *err, .count = 1};

    answer(waiter, &reply);
}

/* --- Claims --------------------------------------------------------------------------------------
 */

static struct slice queue_at(const struct op_fetch *fetch, uint32_t i)
{
    return ((const struct slice *)fetch->queues.items)[i];
}

/* True if the queue has a job that no claim in flight will take. */
static bool has_unclaimed(const struct node *node, const struct queue_wait *queue)
{
    struct slice name = slice_of(queue->name, queue->name_size);

    return queue->claims < node->options.claims_max &&
           core_ready_count(node->core, name) > queue->jobs;
}

static struct queue_wait *queue_to_claim(const struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->queue_count; i++) {
        if (has_unclaimed(waiter->node, waiter->places[i].queue)) {
            return waiter->places[i].queue;
        }
    }
    return NULL;
}

static void wake_queue(struct node *node, struct queue_wait *queue);

static void discharge(struct waiter *waiter)
{
    struct queue_wait *queue = waiter->charged;

    queue->claims--;
    queue->jobs -= waiter->job_count;
    waiter->charged = NULL;
}

static void claim_done(void *context, const struct node_reply *reply)
{
    struct waiter *waiter = context;
    struct node *node = waiter->node;
    struct queue_wait *queue = waiter->charged;
    const struct op_fetch_reply *fetched = NULL;

    discharge(waiter);
    if (!reply->err.code && !reply->results[0].err.code) {
        fetched = reply->results[0].reply;
    }
    queue->claims++; /* Keeps the queue while it is used below. */
    if (fetched && fetched->jobs.count == 0 && !waiter->expired) {
        start_waiting(waiter, true);
    } else if (fetched && fetched->jobs.count == 0) {
        answer_empty(waiter);
    } else {
        answer(waiter, reply);
    }
    queue->claims--;
    /* What this claim asked for and did not take may serve the next. */
    wake_queue(node, queue);
    forget_queue_if_idle(&node->waiters, queue);
}

/* Submits a claim. The waiter must not be waiting. On failure it is as it was. */
static enum err_code claim(struct waiter *waiter, struct queue_wait *queue, struct err *err)
{
    struct node_op op = {.spec = op_find_name("fetch"), .request = waiter->fetch};

    if (node_submit(waiter->node, waiter->head, &op, 1, false, claim_done, waiter, err)) {
        return err->code;
    }
    waiter->charged = queue;
    queue->claims++;
    queue->jobs += waiter->job_count;
    return ERR_NONE;
}

static void wake_queue(struct node *node, struct queue_wait *queue)
{
    while (queue->first && has_unclaimed(node, queue)) {
        struct waiter *waiter = queue->first->waiter;
        struct err err;

        stop_waiting(waiter);
        if (claim(waiter, queue, &err)) {
            /* Overloaded or refused: it keeps its place until the next sweep. */
            start_waiting(waiter, true);
            node->waiters.refused = true;
            return;
        }
    }
}

void waiters_wake(struct node *node, const struct core_woken *woken, uint32_t count)
{
    for (uint32_t i = 0; i < count && node->waiters.count > 0; i++) {
        struct queue_wait *queue = find_queue(&node->waiters, woken[i].queue);

        if (queue) {
            wake_queue(node, queue);
        }
    }
}

void waiters_sweep(struct node *node)
{
    struct waiter *next;

    if (!node->waiters.refused) {
        return;
    }
    node->waiters.refused = false;
    for (struct waiter *waiter = node->waiters.all; waiter; waiter = next) {
        struct queue_wait *queue = waiter->waiting ? queue_to_claim(waiter) : NULL;

        next = waiter->next;
        if (queue) {
            wake_queue(node, queue);
        }
        if (node->waiters.refused) {
            return;
        }
    }
}

static void on_waited_enough(uv_timer_t *timer)
{
    struct waiter *waiter = timer->data;

    waiter->expired = true;
    if (waiter->waiting) {
        answer_empty(waiter);
    }
}

/* --- node_fetch ----------------------------------------------------------------------------------
 */

static bool find_places(struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->fetch->queues.count; i++) {
        struct queue_wait *queue = need_queue(&waiter->node->waiters, queue_at(waiter->fetch, i));

        if (!queue) {
            return false;
        }
        queue->places++;
        waiter->places[i] = (struct place){.queue = queue, .waiter = waiter};
        waiter->queue_count++;
    }
    return true;
}

static struct waiter *waiter_create(struct node *node, const struct op_head *head,
                                    const struct op_fetch *fetch)
{
    struct waiter *waiter =
        calloc(1, sizeof(*waiter) + fetch->queues.count * sizeof(waiter->places[0]));

    if (!waiter) {
        return NULL;
    }
    waiter->node = node;
    waiter->head = head;
    waiter->fetch = fetch;
    waiter->job_count = fetch->count > 0 ? (uint32_t)fetch->count : 1;
    (void)uv_timer_init(node->loop, &waiter->timer);
    waiter->timer.data = waiter;
    waiter->next = node->waiters.all;
    if (waiter->next) {
        waiter->next->previous = waiter;
    }
    node->waiters.all = waiter;
    if (!find_places(waiter)) {
        waiter_destroy(waiter);
        return NULL;
    }
    return waiter;
}

enum err_code node_fetch(struct node *node, const struct op_head *head,
                         const struct op_fetch *fetch, uint64_t wait_ms, node_done done,
                         void *context, struct waiter **ret_waiter, struct err *err)
{
    struct waiter *waiter;
    struct queue_wait *queue;

    if (node_refusal(node, err)) {
        return err->code;
    }
    waiter = waiter_create(node, head, fetch);
    if (!waiter) {
        return err_set(err, ERR_NOMEM, "no memory for a waiting fetch");
    }
    waiter->done = done;
    waiter->context = context;
    waiter->expired = wait_ms == 0;
    queue = queue_to_claim(waiter);
    *ret_waiter = NULL;
    if (!queue && waiter->expired) {
        answer_empty(waiter);
        return ERR_NONE;
    }
    if (queue && claim(waiter, queue, err)) {
        waiter_destroy(waiter);
        return err->code;
    }
    if (!queue) {
        start_waiting(waiter, false);
    }
    if (!waiter->expired) {
        uv_update_time(node->loop);
        (void)uv_timer_start(&waiter->timer, on_waited_enough, wait_ms, 0);
    }
    *ret_waiter = waiter;
    return ERR_NONE;
}

bool node_fetch_cancel(struct node *node, struct waiter *waiter)
{
    assert(waiter->node == node);
    waiter->expired = true;
    if (!waiter->waiting) {
        return false;
    }
    waiter_destroy(waiter);
    return true;
}

/* --- All of them ---------------------------------------------------------------------------------
 */

void waiters_fail(struct node *node, const struct err *err)
{
    struct waiter *next;

    for (struct waiter *waiter = node->waiters.all; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->waiting) {
            answer_error(waiter, err);
        }
    }
}

void waiters_release(struct node *node)
{
    struct waiter *next;

    for (struct waiter *waiter = node->waiters.all; waiter; waiter = next) {
        next = waiter->next;
        waiter->expired = true;
        if (waiter->waiting) {
            answer_empty(waiter);
        }
    }
}

void waiters_free(struct node *node)
{
    free(node->waiters.buckets);
    node->waiters.buckets = NULL;
}
