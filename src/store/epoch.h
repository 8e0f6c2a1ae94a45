/* An epoch: the rows that changed since the one before it, in memory that is given back as a whole.
 *
 * A row is found through a hash of (table, key) and numbered in the order of its first change.
 * While it is open an epoch belongs to the apply thread; once frozen nobody changes it, so two
 * threads may read it without a lock. */
#ifndef STORE_EPOCH_H
#define STORE_EPOCH_H

#include "core/kv.h"

#define KV_KEY_MAX 255

enum row_state {
    ROW_LIVE,    /* Has the value. */
    ROW_REMOVED, /* Deleted, and something may lie below: the delete must be written. */
    ROW_VANISHED /* Put as fresh and removed in this epoch: as if it had never been. */
};

struct row {
    const uint8_t *key; /* One byte of table, then the key. */
    uint8_t *value;     /* With room for value_room bytes. */
    uint32_t value_size;
    uint32_t value_room;
    uint16_t key_size; /* With the table's byte. */
    uint8_t state;     /* enum row_state. */
    bool below;        /* Something may lie below: in an older epoch or in the files. */
};

struct epoch;

/* An empty epoch, which holds no memory to speak of. Apply thread. ERR_NOMEM. */
enum err_code epoch_create(struct epoch **ret_epoch, struct err *err) MUST_USE;

/* Gives all memory back to the kernel. Takes NULL. Whoever owns it. */
void epoch_destroy(struct epoch *epoch);

/* The row as this epoch knows it; NULL when it says nothing about the key. Never changes the epoch.
 */
const struct row *epoch_find(const struct epoch *epoch, uint8_t table, struct slice key);

/* Sets or removes a row, as in struct kv. Takes a few microseconds at most: the hash grows in
 * steps. Apply thread, open epochs only. ERR_NOMEM. */
enum err_code epoch_put(struct epoch *epoch, uint8_t table, struct slice key, struct slice value,
                        uint32_t flags, struct err *err) MUST_USE;
enum err_code epoch_remove(struct epoch *epoch, uint8_t table, struct slice key,
                           struct err *err) MUST_USE;

/* The number of rows, and each by its number, in order of first change. */
uint32_t epoch_row_count(const struct epoch *epoch);
const struct row *epoch_row(const struct epoch *epoch, uint32_t number);

/* The rows of a table with key >= from, in key order, removed ones too; an array for the caller to
 * free. ERR_NOMEM. */
enum err_code epoch_sorted(const struct epoch *epoch, uint8_t table, struct slice from,
                           const struct row ***ret_rows, uint32_t *ret_count,
                           struct err *err) MUST_USE;

/* Bytes of memory it holds, by use and not by mapping. */
size_t epoch_bytes(const struct epoch *epoch);

/* Where the state stands with this epoch, set at each commit; index 0 before the first. */
const struct kv_mark *epoch_mark(const struct epoch *epoch);
void epoch_set_mark(struct epoch *epoch, const struct kv_mark *mark);

/* The key without the table's byte. */
static inline struct slice row_key(const struct row *row)
{
    return slice_of(row->key + 1, row->key_size - 1u);
}

#endif
