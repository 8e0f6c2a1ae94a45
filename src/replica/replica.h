/* Consensus and the durable log: turns submitted bytes into an ordered sequence of committed
 * entries.
 *
 * An entry is bytes here. libraft's step core decides; driver.c feeds it events and carries out its
 * updates through `struct replica_io`, so that the same code runs in the server and in the
 * simulator. One server is a cluster of one. All calls on the loop thread; the callbacks too. */
#ifndef REPLICA_REPLICA_H
#define REPLICA_REPLICA_H

#include "base/common.h"
#include "base/disk.h"
#include "base/env.h"
#include "base/err.h"
#include "base/slice.h"

struct replica;

/* A piece of blocking disk work: `work` runs off the loop, then `done` on it, in the order of
 * submission. */
struct replica_job {
    void (*work)(struct replica_job *job);
    void (*done)(struct replica_job *job);
    struct replica_job *next; /* For the queue's use. */
};

struct replica_io {
    const struct env *env;
    struct disk *disk; /* Rooted at the log's directory. */
    void *self;
    /* Takes the job until its done(), which is called later, never from inside run. */
    void (*run)(void *self, struct replica_job *job);
    /* Calls replica_timeout at env->monotonic_ns() >= at_ns; replaces an earlier request. */
    void (*set_timer)(void *self, uint64_t at_ns);
};

enum replica_state {
    REPLICA_STARTING, /* Not yet elected or replaying. */
    REPLICA_FOLLOWER,
    REPLICA_CANDIDATE,
    REPLICA_LEADER,
    REPLICA_FAILED, /* A write or sync failed or a checksum did not match: see replica_status. */
};

struct replica_events {
    void *self;
    /* An entry is committed and durable: apply it. In index order, each once, from `applied` + 1
     * on. The bytes are borrowed. */
    void (*commit)(void *self, uint64_t index, uint64_t term, struct slice bytes);
    /* The state changed, e.g. to leader (after its barrier committed: it may answer now) or failed.
     */
    void (*state)(void *self, enum replica_state state);
};

struct replica_options {
    uint64_t node_id;      /* > 0. */
    const char *address;   /* Of this node, for the configuration. */
    bool bootstrap;        /* Form a cluster of one when the log is empty. */
    bool durable;          /* false skips only the sync. */
    uint64_t applied;      /* What the state machine already holds: replay starts behind it. */
    uint64_t segment_size; /* 0 = 64 MiB. */
    uint32_t election_timeout_ms; /* 0 = 300. */
    uint32_t heartbeat_ms;        /* 0 = 75. */
};

struct replica_status {
    enum replica_state state;
    uint64_t term, commit_index, last_index, first_index;
    uint64_t log_bytes; /* From first to last. */
    uint32_t writes_in_flight;
    uint64_t syncs;
    uint64_t sync_ns_last;
    uint64_t cluster_id;
    struct err failure; /* Why it failed; code ERR_NONE while well. ERR_NO_SPACE: refused for space,
                           clears by itself. */
};

/* Opens the log, verifies it and starts. Replays committed entries (all of them, in a cluster of
 * one) through events->commit from options->applied + 1, possibly before it returns and further in
 * loop turns. Options, io and events are copied.
 *
 * ERR_CORRUPT: a record before the tail is damaged, a segment is missing, the log starts after
 * applied + 1, or belongs to another cluster; the text names file and offset. ERR_IO, ERR_NO_SPACE,
 * ERR_STATE (not bootstrapped). */
enum err_code replica_open(const struct replica_options *options, const struct replica_io *io,
                           const struct replica_events *events, struct replica **ret_replica,
                           struct err *err) MUST_USE;

/* Waits for nothing: work in flight must be done (replica_idle) or the io stopped. Takes NULL. */
void replica_close(struct replica *replica);

/* True when no disk work is in flight. */
bool replica_idle(const struct replica *replica);

/* Submits one entry; its index is returned at once, its fate comes as commit (or never, when
 * leadership is lost: then the state event says so). The bytes are taken over (malloc'ed; freed by
 * the replica; on failure they stay the caller's).
 *
 * ERR_NOT_LEADER, ERR_BUSY (replica_writable is false), ERR_NO_SPACE, ERR_IO (failed). */
enum err_code replica_submit(struct replica *replica, uint8_t *owned_bytes, size_t size,
                             uint64_t *ret_index, struct err *err) MUST_USE;

/* True if a submit now would be written at once: fewer than LOG_WRITES_IN_FLIGHT writes are in
 * flight. */
bool replica_writable(const struct replica *replica);

/* The timer asked for by io.set_timer is due. */
void replica_timeout(struct replica *replica);

/* Entries up to index are safe elsewhere: whole segments up to it may be removed. */
void replica_cut(struct replica *replica, uint64_t index);

/* Bytes of log above index. */
uint64_t replica_bytes_after(const struct replica *replica, uint64_t index);

/* How it stands, by value; failure.text is empty while well. */
struct replica_status replica_status(const struct replica *replica);

/* What opening found and mended, to be logged: a torn tail that was cut, a damaged copy of meta.
 * Empty when nothing; lives as long as the replica. */
const char *replica_note(const struct replica *replica);

#endif
