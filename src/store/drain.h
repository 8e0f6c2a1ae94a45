/* The store thread: writes frozen epochs and flushes, one at a time, in order.
 *
 * One frozen epoch at most is in its hands. It only reads it, so apply may read it too; apply takes
 * it back when it is written and gives it up for disposal when it no longer reads from it. A full
 * disk is tried again; any other failure is final: nothing more is written. */
#ifndef STORE_DRAIN_H
#define STORE_DRAIN_H

#include "store/store.h"
#include "store/store_internal.h"

struct drain;
struct epoch;
struct rocks;

struct drain_options {
    struct rocks *rocks;         /* Borrowed until drain_destroy. */
    struct kv_mark written;      /* What the files hold already. */
    void (*wake)(void *context); /* Something ended or failed; may be NULL. Store thread. */
    void *wake_context;
};

/* Starts the thread. ERR_NOMEM, ERR_IO. */
enum err_code drain_create(const struct drain_options *options, struct drain **ret_drain,
                           struct err *err) MUST_USE;

/* Stops the thread after the call it is in, writing nothing more. Takes NULL. */
void drain_destroy(struct drain *drain);

/* For tests, before the first epoch is handed over. Apply thread. */
void drain_set_hooks(struct drain *drain, const struct store_hooks *hooks);

/* The functions below: apply thread. */

/* Hands over a frozen epoch: apply may read it, and must keep it until drain_state says that it is
 * written. */
void drain_write(struct drain *drain, struct epoch *epoch, uint64_t changes_cut);

/* Asks for a flush of what is written by then. */
void drain_flush(struct drain *drain);

/* Has the thread free an epoch, because giving back much memory takes time. */
void drain_dispose(struct drain *drain, struct epoch *owned_epoch);

struct drain_state {
    bool writing;           /* The epoch handed over last is not written yet. */
    bool flushing;          /* A flush was asked for and is not done yet. */
    struct kv_mark written; /* Of the last epoch written. */
    uint64_t unflushed;     /* Bytes of batches since the last flush. */
    uint64_t keys_written;
    uint64_t bytes_written;
    uint64_t epochs_written;
    uint64_t flushes;
    struct err failure; /* Why a write or a flush does not get on; code ERR_NONE while well. */
};

/* What the thread has done and is at, all of one moment. */
struct drain_state drain_state(struct drain *drain);

/* Waits until nothing is left to write and flush. Tries at once what had to wait; returns the
 * failure if that failed too. */
enum err_code drain_wait(struct drain *drain, struct err *err) MUST_USE;

/* The index up to which the state survives a power cut. Any thread. */
uint64_t drain_persisted(const struct drain *drain);

#endif
