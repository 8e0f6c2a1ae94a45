/* A node on a loop of its own, for tests: state in a temporary directory, the log on a disk in
 * memory whose syncs can be held up, a wall clock that can be set. The loop is run until a fact
 * holds. */
#ifndef TESTS_UNIT_NODE_FIXTURE_H
#define TESTS_UNIT_NODE_FIXTURE_H

#include "node/node_internal.h"
#include "tests/unit/mem_disk.h"

#include <pthread.h>

#define FIXTURE_OUTCOMES_MAX 20000

/* What a call was answered. */
struct outcome {
    struct node_fixture *fixture;
    uint32_t answers; /* How often. */
    uint64_t order;   /* The how-manieth answer it was. */
    enum err_code code;
    enum err_code result; /* Of the first operation. */
    uint32_t count;
    uint64_t index;
    uint32_t jobs; /* That a fetch got. */
    char job_id[64];
    char queue[64];
    /* What else the callback does; may be NULL. */
    void (*then)(struct outcome *outcome, void *context);
    void *context;
};

/* The log's disk, as the log thread sees it. */
struct fixture_disk {
    struct disk disk; /* Of all calls; one at a time. */
    struct mem_disk *mem;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t syncs_allowed; /* UINT64_MAX = not held up. */
    uint64_t syncs_waiting;
};

struct node_fixture {
    uv_loop_t loop;
    char dir[64];
    struct fixture_disk disk;
    struct env env;
    int64_t wall_offset_ns;
    struct node_options options;
    struct node *node;
    uint64_t answers; /* Of all outcomes. */
    struct outcome *outcomes;
    uint32_t outcome_count;
    struct err err;
};

/* A node that is not open yet: its options may be changed. */
struct node_fixture *node_fixture_create(void);

/* cmocka's setup and teardown: an open node that is ready. */
int node_fixture_setup(void **state);
int node_fixture_teardown(void **state);

/* Opens and closes the node; the directory and the disk stay. */
enum err_code node_fixture_open(struct node_fixture *fixture);
void node_fixture_must_open(struct node_fixture *fixture);
void node_fixture_close(struct node_fixture *fixture);

/* Closes it and opens it again. */
void node_fixture_reopen(struct node_fixture *fixture);

/* Turns the loop until the fact holds; the test fails when it does not within a minute. */
void node_fixture_run(struct node_fixture *fixture, bool (*fact)(void *context), void *context);

/* Until the outcome was answered; until all outcomes were. */
void node_fixture_wait(struct node_fixture *fixture, const struct outcome *outcome);
void node_fixture_wait_all(struct node_fixture *fixture);

/* Turns the loop without waiting until a turn does nothing more by itself. */
void node_fixture_turn(struct node_fixture *fixture, uint32_t turns);

/* A new outcome; it lives as long as the fixture. */
struct outcome *node_fixture_outcome(struct node_fixture *fixture);

/* The node_done of outcomes. */
void outcome_done(void *context, const struct node_reply *reply);

/* Submits one operation; its outcome. On refusal outcome->code says why and answers is 0. */
struct outcome *node_fixture_enqueue(struct node_fixture *fixture, const char *queue);
struct outcome *node_fixture_enqueue_at(struct node_fixture *fixture, const char *queue,
                                        uint64_t scheduled_at_ns);
struct outcome *node_fixture_enqueue_sized(struct node_fixture *fixture, const char *queue,
                                           size_t payload_size);
struct outcome *node_fixture_cancel(struct node_fixture *fixture, const char *job_id);
void node_fixture_submit(struct node_fixture *fixture, const char *op, const void *request,
                         struct outcome *outcome);

/* A fetch whose request lives as long as itself. */
struct fetching {
    struct outcome *outcome;
    struct waiter *waiter;
    struct slice names[8];
    struct op_fetch fetch;
    struct op_head head;
};

/* Fetches from queues, comma-separated and in static memory. */
void node_fixture_fetch(struct node_fixture *fixture, struct fetching *fetching, const char *queues,
                        uint64_t wait_ms);

/* Syncs of the log wait until so many more are allowed; UINT64_MAX = all. */
void node_fixture_allow_syncs(struct node_fixture *fixture, uint64_t count);

/* The disk in memory may be changed between these two. */
struct mem_disk *node_fixture_lock_disk(struct node_fixture *fixture);
void node_fixture_unlock_disk(struct node_fixture *fixture);

/* Log entries that are committed. */
uint64_t node_fixture_index(const struct node_fixture *fixture);

#endif
