/* The queues that somebody waits for, by name, and the order of those who wait. Loop thread. */
#ifndef NODE_WAIT_QUEUE_H
#define NODE_WAIT_QUEUE_H

#include "node/node_internal.h"

/* A waiter's place in the FIFO of one queue. */
struct place {
    struct place *next, *previous;
    uint64_t ticket; /* Its waiter's. */
    struct wait_queue *queue;
    struct waiter *waiter;
};

/* Exists while somebody waits for the queue, a claim of it is in flight, or one was refused. */
struct wait_queue {
    struct wait_queue *next; /* In the bucket. */
    struct place *first, *last;
    uint64_t hash;
    uint32_t places;
    uint32_t claims; /* Submitted and not yet applied. */
    uint32_t jobs;   /* That these claims ask for. */
    struct wait_queue *next_refused;
    bool refused; /* In the list of those. */
    uint32_t name_size;
    uint8_t name[];
};

/* The queue of that name, or NULL. */
struct wait_queue *wait_queue_find(const struct waiters *waiters, struct slice name);

/* The same, made when it is missing; NULL: no memory. */
struct wait_queue *wait_queue_need(struct waiters *waiters, struct slice name);

/* Frees the queue when nothing needs it any more. */
void wait_queue_forget_if_idle(struct waiters *waiters, struct wait_queue *queue);

/* Puts the place into its queue's list, behind all with smaller tickets, and takes it out. */
void place_link(struct place *place);
void place_unlink(struct place *place);

#endif
