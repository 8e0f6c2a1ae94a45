/* The state on disk: a write-back overlay in memory over RocksDB, drained by a thread of its own.
 *
 * The store knows tables, keys and bytes, not jobs. Epochs: the *open* epoch takes the changes of
 * apply; at an entry boundary it is frozen and the store thread writes it, whole, as one batch with
 * its mark and one change record; meanwhile a new epoch is open. Reads go open, frozen, RocksDB.
 * Nothing is durable before a RocksDB flush: store_persisted says up to where. See store/README.md
 * for the ordering rules. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/kv.h"

struct store;

struct store_options {
    const char *dir; /* Created when missing. */
    const struct kv_table
        *tables; /* Static memory; the position is the table's number, never reused. */
    uint32_t table_count;
    size_t epoch_soft_max; /* Bytes at which an epoch is frozen (0 = STORE_EPOCH_SOFT_MAX). */
    size_t epoch_hard_max; /* Bytes of overlay at which store_pressure says stop (0 =
                              STORE_EPOCH_HARD_MAX). */
    uint64_t drain_ns;     /* Age at which an epoch is frozen (0 = 250 ms). */
    uint32_t files_max;    /* Tables of RocksDB that are held open (0 = all). */
    void (*wake)(
        void *context); /* Called on the store thread when store_poll has something to do. */
    void *wake_context;
};

struct store_stats {
    uint64_t keys_written; /* Puts and deletes handed to RocksDB since the start, change records and
                              marks left out. */
    uint64_t bytes_written;
    uint64_t epochs_written;
    uint64_t flushes;
    size_t overlay_bytes; /* Both epochs. */
    uint64_t persisted_index;
};

/* Opens or creates the store. ERR_CORRUPT: RocksDB says so; ERR_STATE: locked by another process;
 * ERR_NO_SPACE, ERR_IO. */
enum err_code store_open(const struct store_options *options, struct store **ret_store,
                         struct err *err) MUST_USE;

/* Stops the thread and closes. With flush, everything committed is written and made durable first.
 * Takes NULL. */
void store_close(struct store *store, bool flush);

/* The interface for core. Owned by the store. Apply thread only. */
struct kv *store_kv(struct store *store);

/* What the files held at the open: the mark to recover from (index 0 = empty). */
struct kv_mark store_opened_at(const struct store *store);

/* Apply thread, once a loop turn between entries: freezes the open epoch when it is old or large
 * enough and the last one is written, drops a written one, asks for a flush when
 * `unflushed_log_bytes` passes the limit. ERR_IO, ERR_NO_SPACE: the store thread failed; the caller
 * must stop cutting the log and stop accepting writes (ERR_NO_SPACE clears by itself: the store
 * retries the same batch). */
enum err_code store_poll(struct store *store, uint64_t now_monotonic_ns,
                         uint64_t unflushed_log_bytes, struct err *err) MUST_USE;

/* True while the overlay is over its hard limit: refuse writes. Apply thread. */
bool store_pressure(const struct store *store);

/* The index up to which the state survives a power cut: log entries up to it may be cut. Read from
 * RocksDB's persisted tier, never guessed. Any thread. */
uint64_t store_persisted(const struct store *store);

/* Waits until everything committed so far is written, and durable if `durable`. For tests,
 * shutdown, checkpoints. */
enum err_code store_drain(struct store *store, bool durable, struct err *err) MUST_USE;

/* What is written, as it is now and stays for this reader: rows, mark, and the change records that
 * are kept. It holds up RocksDB's disposal of old versions, so do not keep one for long. Any
 * thread; all readers must be closed before the store. ERR_IO, ERR_CORRUPT, ERR_NOMEM. */
enum err_code store_reader_open(struct store *store, struct kv_reader **ret_reader,
                                struct err *err) MUST_USE;

/* Takes NULL. Any thread. */
void store_reader_close(struct kv_reader *reader);

/* Change records up to here are no longer needed: they go with the next epoch. Apply thread. */
void store_changes_cut(struct store *store, uint64_t up_to);

/* The index up to which readers see the state. Any thread. */
uint64_t store_written_index(const struct store *store);

/* Someone waits for what is committed: has the next store_poll freeze the open epoch though it is
 * young, but not sooner than STORE_HURRY_NS after the one before. Apply thread. */
void store_hurry(struct store *store);

/* Writes a consistent copy (hard links) of all that is committed into `dir` (must not exist);
 * returns its mark, read from inside the copy. Apply thread; blocks. */
enum err_code store_checkpoint(struct store *store, const char *dir, struct kv_mark *ret_mark,
                               struct err *err) MUST_USE;

/* Counters for metrics and test budgets. Apply thread. */
struct store_stats store_stats(const struct store *store);

#endif
