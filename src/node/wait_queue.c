/* Queues that are waited for: see wait_queue.h. */
#include "node/wait_queue.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

static bool grow_buckets(struct waiters *waiters)
{
    uint32_t count = waiters->bucket_count ? waiters->bucket_count * 2 : BUCKETS_MIN;
    struct wait_queue **buckets = calloc(count, sizeof(struct wait_queue *));

    if (!buckets) {
        return waiters->bucket_count > 0;
    }
    for (uint32_t i = 0; i < waiters->bucket_count; i++) {
        while (waiters->buckets[i]) {
            struct wait_queue *queue = waiters->buckets[i];

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

struct wait_queue *wait_queue_find(const struct waiters *waiters, struct slice name)
{
    uint64_t hash = hash_bytes(name);
    struct wait_queue *queue;

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

struct wait_queue *wait_queue_need(struct waiters *waiters, struct slice name)
{
    struct wait_queue *queue = wait_queue_find(waiters, name);
    struct wait_queue **bucket;

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

void wait_queue_forget_if_idle(struct waiters *waiters, struct wait_queue *queue)
{
    struct wait_queue **link;

    if (queue->places > 0 || queue->claims > 0 || queue->refused) {
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

/* The place that this one comes before; NULL = it is the last. Who comes back stood far in front.
 */
static struct place *place_behind(const struct place *place)
{
    struct place *other = place->queue->first;

    if (!other || place->queue->last->ticket <= place->ticket) {
        return NULL;
    }
    while (other->ticket <= place->ticket) {
        other = other->next;
    }
    return other;
}

void place_link(struct place *place)
{
    struct wait_queue *queue = place->queue;

    place->next = place_behind(place);
    place->previous = place->next ? place->next->previous : queue->last;
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

void place_unlink(struct place *place)
{
    struct wait_queue *queue = place->queue;

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
