/* The log store: entries in preallocated files, appended in batches of one write and one sync.
 *
 * Two sides. The *loop* side plans: it knows which entry goes where and which segments may go. The
 * *log* side carries plans out inside replica jobs, in the order in which they were planned. Each
 * field belongs to one side; they meet only in the plans. */
#ifndef REPLICA_SEGMENTS_H
#define REPLICA_SEGMENTS_H

#include "base/disk.h"
#include "base/env.h"
#include "replica/segments_format.h"

struct segments;

/* An entry in memory. `next` is the log's order; a plan borrows its entries until it is done. */
struct log_entry {
    struct log_entry *next;
    uint64_t index, term;
    enum record_type type;
    size_t size;
    uint8_t *bytes; /* Owned by the entry. */
};

struct segments_options {
    const struct env *env;
    struct disk *disk;
    bool durable; /* false skips the sync of each batch, not those that keep the files in order. */
    uint64_t segment_size;  /* At least SEGMENT_SIZE_MIN, as the next. */
    uint64_t first_size;    /* Of the very first segment. */
    uint64_t cluster_id;    /* Known from meta; records of another one are refused. */
    uint64_t durable_index; /* Known from meta: entries up to it were synced, so they can not be a
                               torn tail. */
    uint64_t needed_index;  /* The first entry that is still needed: a log that starts behind it
                               lacks segments. 0: any start will do. */
};

/* Called for each record of the log in index order while it is opened. Not ERR_NONE: the opening
 * ends with it. */
typedef enum err_code (*segments_visit)(void *self, const struct record *record, struct err *err);

/* The configuration as of a point in the log, for the header of a new segment. Borrowed. */
struct segments_configuration {
    uint64_t index; /* 0 = none. */
    struct slice bytes;
};

/* A batch on its way to the disk. */
struct segments_write {
    const struct log_entry *first; /* Borrowed until segments_write_work has returned. */
    uint32_t count;
    uint64_t last_index, previous_term;
    uint64_t sequence, offset; /* Where: the segment and the place in it. */
    bool roll;                 /* It begins segment `sequence`. */
    bool resume; /* A second try after no-space: may pass although an earlier write did not. */
    uint64_t configuration_index;
    size_t configuration_size;
    uint8_t configuration[SEGMENT_CONFIGURATION_MAX]; /* As of the segment's start, when rolling. */
    struct err err;                                   /* Outcome. */
    uint64_t syncs, sync_ns; /* Outcome: how many, and how long the last took. */
};

/* Makes the file of the next segment ready ahead of time. */
struct segments_prepare {
    uint64_t sequence;
    struct err err; /* Outcome. */
};

/* Removes the oldest segments. */
struct segments_cut {
    uint64_t sequence; /* Of the first to remove. */
    uint32_t count;
    uint32_t removed; /* Outcome: durably gone. */
    struct err err;   /* Outcome. */
};

/* What was found when opening. */
struct segments_found {
    uint64_t first_index;         /* Of the log; entries from first_index to last_index exist. */
    uint64_t last_index;          /* first_index - 1 when empty. */
    uint64_t configuration_index; /* As of first_index - 1; 0 = none. */
    size_t configuration_size;
    uint8_t configuration[SEGMENT_CONFIGURATION_MAX];
    bool empty;              /* Not one entry was ever written: the first to plan is entry 1. */
    char note[ERR_TEXT_MAX]; /* What was mended: a torn tail that was cut. Empty when nothing. */
};

/* Whether there are segment files, of whatever content. ERR_IO, ERR_NOMEM. Blocks. */
enum err_code segments_exist(struct disk *disk, bool *ret_exist, struct err *err) MUST_USE;

/* Reads and verifies every byte of the log, mends a torn tail, makes what it found durable.
 *
 * ERR_CORRUPT naming file and offset: damage, a gap, a missing file, a foreign cluster.
 * ERR_UNSUPPORTED, ERR_IO, ERR_NO_SPACE, ERR_NOMEM. Blocks: before the loop runs. */
enum err_code segments_open(const struct segments_options *options, segments_visit visit,
                            void *self, struct segments **ret_segments,
                            struct segments_found *ret_found, struct err *err) MUST_USE;

/* Closes the files. No plan may be under way. Takes NULL. Loop thread. */
void segments_close(struct segments *segments);

/* Whether a batch of `size` bytes of records can be planned now; reserves the memory that
 * segments_plan needs.
 *
 * `urgent` may use the last kilobyte of a segment that has no successor: barriers, so that a node
 * with a full disk can still start. ERR_NO_SPACE: the next segment could not be made.
 * ERR_TOO_LARGE: more than a segment holds. ERR_NOMEM. Loop thread. */
enum err_code segments_room(struct segments *segments, size_t size, bool urgent,
                            struct err *err) MUST_USE;

/* Plans `count` entries from `first` on, the successors of the last one planned, into one segment:
 * segments_room must have agreed to their size. The configuration is copied when a segment begins.
 * Loop thread. */
void segments_plan(struct segments *segments, const struct log_entry *first, uint32_t count,
                   struct segments_configuration configuration, struct segments_write *ret_write);

/* Writes and syncs the batch: outcome in write->err. After a failure all later writes fail too,
 * untried, until one has `resume`; after a failure other than no-space for ever. Log thread. */
void segments_write_work(struct segments *segments, struct segments_write *write);

/* True when the last attempt to make the next segment failed for space. Loop thread. */
bool segments_lacks_space(const struct segments *segments);

/* True when the next segment is neither ready nor being made for the first time: plan a prepare,
 * one at a time. Loop thread. */
bool segments_wants_prepare(const struct segments *segments);
void segments_prepare_plan(struct segments *segments, struct segments_prepare *ret_prepare);

/* Creates, preallocates and syncs the next segment's file and its name; then the newest segment
 * says durably that it is there. Log thread. */
void segments_prepare_work(struct segments *segments, struct segments_prepare *prepare);

/* Takes note of the outcome. Loop thread. */
void segments_prepare_done(struct segments *segments, const struct segments_prepare *prepare);

/* Plans the removal of whole segments whose last index is <= index and whose successor holds an
 * entry <= stored_index. False: there are none. Loop thread. */
bool segments_cut_plan(struct segments *segments, uint64_t index, uint64_t stored_index,
                       struct segments_cut *ret_cut);

/* Removes them, oldest first, syncing the directory after each. Log thread. */
void segments_cut_work(struct segments *segments, struct segments_cut *cut);

/* Forgets the segments that were removed. The index and term of the last entry removed are
 * returned; false when none was. Loop thread. */
bool segments_cut_done(struct segments *segments, const struct segments_cut *cut,
                       uint64_t *ret_last_index, uint64_t *ret_last_term);

/* Index and term of the entry before the first; 0 when there was none. Loop thread. */
void segments_base(const struct segments *segments, uint64_t *ret_last_index,
                   uint64_t *ret_last_term);

/* Indexes and bytes as planned. Loop thread. */
uint64_t segments_first_index(const struct segments *segments);
uint64_t segments_last_index(const struct segments *segments);
uint64_t segments_last_term(const struct segments *segments);
uint64_t segments_bytes(const struct segments *segments);

/* Bytes of records above index, at most 64 KiB too many. Loop thread. */
uint64_t segments_bytes_after(const struct segments *segments, uint64_t index);

/* Syncs the newest segment, for a clean close of a log that is not durable. No plan may be under
 * way. Blocks. */
enum err_code segments_sync(struct segments *segments, struct err *err) MUST_USE;

/* Reads entries again, in order, in bounded memory. */
struct segments_cursor;

/* A cursor that will return entry `index` first, which must be in the log and durable. ERR_NOMEM.
 * Loop thread. */
enum err_code segments_cursor_open(const struct segments *segments, uint64_t index,
                                   struct segments_cursor **ret_cursor, struct err *err) MUST_USE;

/* The next entry, borrowed until the next call. ERR_CORRUPT, ERR_IO, ERR_NOMEM. Loop thread,
 * blocks. */
enum err_code segments_cursor_next(struct segments_cursor *cursor, struct record *ret_record,
                                   struct err *err) MUST_USE;

/* Takes NULL. Loop thread. */
void segments_cursor_close(struct segments_cursor *cursor);

#endif
