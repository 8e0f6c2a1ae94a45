/* RocksDB behind the store: the only files that know it. Four column families in one atomic-flush
 * group, no write-ahead log: the Raft log is the log.
 *
 * Everything may be called on any thread, but a cursor stays with the one that opened it. */
#ifndef STORE_ROCKS_H
#define STORE_ROCKS_H

#include "core/kv.h"
#include "store/store.h"

struct epoch;
struct rocks;
struct rocks_cursor;
struct rocks_snapshot;

/* Opens or creates the files in options->dir, whose tables must outlive it; of the rest only
 * files_max is read. ERR_STATE: locked; ERR_CORRUPT: also when it has other tables;
 * ERR_UNSUPPORTED: it has more; ERR_NO_SPACE, ERR_IO, ERR_NOMEM. */
enum err_code rocks_open(const struct store_options *options, struct rocks **ret_rocks,
                         struct err *err) MUST_USE;

/* Closes; what was not flushed is lost, as in a power cut. Takes NULL and half-built ones. */
void rocks_close(struct rocks *rocks);

/* The state as it is now. Mark and cut belong to it. ERR_IO, ERR_CORRUPT, ERR_NOMEM. */
enum err_code rocks_snapshot_open(struct rocks *rocks, struct rocks_snapshot **ret_snapshot,
                                  struct err *err) MUST_USE;
void rocks_snapshot_close(struct rocks_snapshot *snapshot);

/* What the snapshot's state is, and up to where its change records were cut. */
struct kv_mark rocks_snapshot_mark(const struct rocks_snapshot *snapshot);
uint64_t rocks_snapshot_cut(const struct rocks_snapshot *snapshot);

/* The functions below that take a snapshot read its state, or what is written by now when it is
 * NULL. */

/* Finds a row; ret_value->data is NULL when there is none. The value is a copy in the arena. */
enum err_code rocks_get(struct rocks *rocks, const struct rocks_snapshot *snapshot, uint8_t table,
                        struct slice key, struct arena *arena, struct slice *ret_value,
                        struct err *err) MUST_USE;

struct rocks_written {
    uint64_t keys;  /* Puts and deletes of rows. */
    uint64_t bytes; /* Of the whole batch. */
};

/* Writes a whole epoch as one batch: its rows, one change record, the mark. Change records up to
 * changes_cut go.
 *
 * All of it or nothing; not durable before a flush. One thread at a time. ERR_NO_SPACE: the same
 * again may do. */
enum err_code rocks_write(struct rocks *rocks, const struct epoch *epoch, uint64_t changes_cut,
                          struct rocks_written *ret_written, struct err *err) MUST_USE;

/* ERR_NO_SPACE when the disk has less left than a flush of what is in memory and `more` bytes would
 * take; ERR_IO. To be asked before writes and flushes: RocksDB mostly, but not always, recovers
 * from a disk that it finds full. */
enum err_code rocks_room(const struct rocks *rocks, uint64_t more, struct err *err) MUST_USE;

/* Makes everything written durable, all column families at once. One thread at a time.
 * ERR_NO_SPACE, ERR_IO. */
enum err_code rocks_flush(struct rocks *rocks, struct err *err) MUST_USE;

/* The mark as written, or as a power cut would leave it (`persisted`); index 0 when there is none.
 */
enum err_code rocks_mark(struct rocks *rocks, bool persisted, struct kv_mark *ret_mark,
                         struct err *err) MUST_USE;

/* A copy by hard links in `dir`, which must not exist; the mark comes from inside the copy. */
enum err_code rocks_checkpoint(struct rocks *rocks, const char *dir, struct kv_mark *ret_mark,
                               struct err *err) MUST_USE;

/* Walks a table's rows with key >= from. The first row is current at once; rocks_cursor_row is
 * false at the end. Slices live until the cursor moves. */
enum err_code rocks_cursor_open(struct rocks *rocks, const struct rocks_snapshot *snapshot,
                                uint8_t table, struct slice from, struct rocks_cursor **ret_cursor,
                                struct err *err) MUST_USE;
bool rocks_cursor_row(const struct rocks_cursor *cursor, struct slice *ret_key,
                      struct slice *ret_value);
enum err_code rocks_cursor_next(struct rocks_cursor *cursor, struct err *err) MUST_USE;
void rocks_cursor_close(struct rocks_cursor *cursor);

/* Calls `change` for all rows of the change records above `after`, oldest first. */
enum err_code rocks_changes(struct rocks *rocks, const struct rocks_snapshot *snapshot,
                            uint64_t after, kv_change_fn change, void *context,
                            struct err *err) MUST_USE;

#endif
