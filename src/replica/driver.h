/* Inside the replica: shared by driver.c (running) and driver_start.c (opening). */
#ifndef REPLICA_DRIVER_H
#define REPLICA_DRIVER_H

#include "replica/meta.h"
#include "replica/replica.h"
#include "replica/segments.h"

#include <raft.h>

/* How long to wait before trying again for disk space. */
#define DRIVER_RETRY_NS NS_PER_SECOND

/* A batch in flight, or held because there was no space for it. */
struct driver_write {
    struct replica_job job; /* First, so that a job is its write. */
    struct driver_write *next;
    struct replica *replica;
    bool running;
    struct segments_write plan;
};

struct driver_prepare {
    struct replica_job job;
    struct replica *replica;
    bool running;
    struct segments_prepare plan;
};

struct driver_cut {
    struct replica_job job;
    struct replica *replica;
    bool running;
    uint64_t wanted; /* The highest index asked for. */
    struct segments_cut plan;
};

/* A membership as the log states it. */
struct driver_configuration {
    uint64_t index;
    size_t size;
    uint8_t *bytes; /* Owned. */
};

struct replica {
    struct replica_options options; /* `address` is our copy. */
    struct replica_io io;
    struct replica_events events;
    struct raft raft;
    bool raft_ready; /* raft_init succeeded. */
    struct meta meta;
    struct segments *segments;
    char *address;

    enum replica_state state;
    struct err failure;  /* Set once, when failed. */
    struct err no_space; /* Set while writes are held or were refused for space. */
    bool opening;        /* Inside replica_open: errors are returned, not told as events. */
    bool applying;

    struct log_entry *head, *tail;             /* Entries not yet applied. */
    struct driver_write *writes, *writes_tail; /* In log order. */
    uint32_t write_count;
    struct driver_prepare prepare;
    struct driver_cut cut;
    struct segments_cursor *cursor; /* Replay, while it goes on. */

    uint64_t stored;        /* Entries up to it are durable here. */
    uint64_t applied;       /* Entries up to it were given to events->commit. */
    uint64_t barrier_index; /* Of this leadership's barrier; 0 = none. */
    bool barrier_wanted;

    struct driver_configuration
        *configurations; /* Those in the log and the one before it, ascending. */
    uint32_t configuration_count;

    uint64_t retry_at_ns; /* 0 = no retry for space. */
    uint64_t timer_at_ns; /* What was asked of io.set_timer; 0 = nothing. */
    uint64_t syncs, sync_ns_last;

    /* For driver_step to pass a submitted entry to the update that follows. */
    struct log_entry *staged_entry;
    struct driver_write *staged_write;
    char note[ERR_TEXT_MAX];
};

/* Ends all acknowledgement: the state becomes REPLICA_FAILED for good. Keeps the first reason. */
void driver_fail(struct replica *replica, const struct err *why);

/* Gives libraft one event and carries out its update. ERR_NOMEM, ERR_NOT_LEADER, ERR_STATE. */
enum err_code driver_step(struct replica *replica, struct raft_event *event,
                          struct err *err) MUST_USE;

/* True when a write failed for space and waits to be tried again. */
bool driver_is_held(const struct replica *replica);

/* Starts making the next segment when it is wanted. */
void driver_prepare_segment(struct replica *replica);

/* Does what became possible: applies, submits a barrier, prepares a segment, arms the timer. */
void driver_settle(struct replica *replica);

/* Adds the configuration that entry `index` states. Copies the bytes. ERR_NOMEM. */
enum err_code driver_add_configuration(struct replica *replica, uint64_t index, struct slice bytes,
                                       struct err *err) MUST_USE;

/* The newest configuration at or before index; NULL when there is none. */
const struct driver_configuration *driver_configuration_at(const struct replica *replica,
                                                           uint64_t index);

/* Decodes a stored configuration. ERR_CORRUPT, ERR_NOMEM. Close with raft_configuration_close. */
enum err_code driver_decode_configuration(const struct driver_configuration *stored,
                                          struct raft_configuration *ret_configuration,
                                          struct err *err) MUST_USE;

/* Tells libraft that the configuration of entry `index` is committed. */
enum err_code driver_commit_configuration(struct replica *replica, uint64_t index,
                                          struct err *err) MUST_USE;

/* libraft's codes as ours. */
enum err_code driver_raft_error(struct replica *replica, int code, struct err *err);

#endif
