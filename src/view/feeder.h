/* The view from within: what the loop and the feeder's thread share. Not for others. */
#ifndef VIEW_FEEDER_H
#define VIEW_FEEDER_H

#include "view/view.h"

#include <pthread.h>
#include <stdatomic.h>

struct view_feed;
struct view_file;
struct view_pool;

struct view_rebuilds {
    struct view_rebuild *head, *tail;
    uint32_t count;
};

struct view {
    struct view_options options;
    char *dir, *path, *new_path;
    struct view_pool *pool;
    pthread_t thread;
    bool started;
    atomic_bool ending;

    pthread_mutex_t lock;
    pthread_cond_t wanted;
    /* Under the lock: */
    uint64_t written;
    bool hurry;
    bool damaged; /* A query says so. */
    struct view_rebuilds asked, finished;
    struct view_status status;

    /* The feeder's: */
    struct view_feed *feed;
    struct view_file *file; /* NULL: none is open. */
    bool must_build;        /* What lies at `path` is of no use. */
    uint32_t builds_failed; /* In a row. */
    bool gate_open;
    uint64_t next_at_ns;   /* Nothing is done before, monotonic. */
    uint64_t damage_at_ns; /* Damage is not looked at before. */
    uint64_t synced_at_ns;
    uint64_t synced_index; /* The file's index when it was last synced. */
    uint64_t rows_before;  /* Of files that are closed. */
};

/* Appends; with the lock. */
void view_rebuilds_add(struct view_rebuilds *list, struct view_rebuild *rebuild);

/* The feeder's thread: argument is the view. Ends soon after `ending` is set. */
void *view_feeder_main(void *argument);

#endif
