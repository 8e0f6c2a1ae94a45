/* What the two files of rocks share. Not for others. */
#ifndef STORE_ROCKS_INTERNAL_H
#define STORE_ROCKS_INTERNAL_H

#include "store/rocks.h"

#include <rocksdb/c.h>

/* The column families: change records, then one for each kv_class. */
enum { ROCKS_CHANGES, ROCKS_TABLES, ROCKS_COUNT = ROCKS_TABLES + KV_CLASS_COUNT };

struct rocks {
    char *dir;       /* The store's directory; the files are in its db/. */
    char *flush_dir; /* Where a flush leaves its checkpoint for a moment. */
    const struct kv_table *tables;
    uint32_t table_count;
    rocksdb_t *db;
    rocksdb_options_t *options[ROCKS_COUNT];
    rocksdb_cache_t *cache;
    rocksdb_column_family_handle_t *families[ROCKS_COUNT];
    rocksdb_writeoptions_t *no_log;
    rocksdb_readoptions_t *read;
    rocksdb_readoptions_t *read_persisted;
    rocksdb_checkpoint_t *checkpoint;
    uint64_t changes_cut; /* Change records up to here are gone. Of the thread that writes. */
};

struct rocks_snapshot {
    struct rocks *rocks;
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *read;
    struct kv_mark mark;
    uint64_t changes_cut;
};

/* The options to read with: of the snapshot, or of what is written by now when it is NULL. */
const rocksdb_readoptions_t *rocks_read_options(const struct rocks *rocks,
                                                const struct rocks_snapshot *snapshot);

/* Reads a row of the store itself; `bytes` gets at most `room`, and the slice is over it. data
 * NULL: there is none. ERR_CORRUPT when it is larger. */
enum err_code rocks_read_meta(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                              const rocksdb_readoptions_t *read, const char *key, uint8_t *bytes,
                              size_t room, struct slice *ret_value, struct err *err) MUST_USE;

/* Reads the mark, and up to where change records were cut. */
enum err_code rocks_read_mark(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                              const rocksdb_readoptions_t *read, struct kv_mark *ret_mark,
                              struct err *err) MUST_USE;
enum err_code rocks_read_cut(const struct rocks *rocks, const rocksdb_readoptions_t *read,
                             uint64_t *ret_cut, struct err *err) MUST_USE;

/* Translates RocksDB's text, which it frees. */
enum err_code rocks_fail(struct err *err, char *owned_text, const char *what);

/* The family of a table. */
rocksdb_column_family_handle_t *rocks_family(const struct rocks *rocks, uint8_t table);

/* Keys of the store itself start with a table number that no table has. */
#define ROCKS_META_TABLE 0xff
#define ROCKS_META_MARK "\xffmark"
#define ROCKS_META_TABLES "\xfftables"
#define ROCKS_META_CUT                                                                             \
    "\xff"                                                                                         \
    "cut"
#define ROCKS_META_FAMILY (ROCKS_TABLES + KV_HOT)

/* The mark's value: version 1, then index, term and state hash, big-endian. */
#define ROCKS_MARK_SIZE 25
#define ROCKS_MARK_VERSION 1
void rocks_mark_encode(const struct kv_mark *mark, uint8_t ret_bytes[ROCKS_MARK_SIZE]);

/* An index as it is stored: big-endian. */
#define ROCKS_INDEX_SIZE 8
void rocks_index_encode(uint64_t index, uint8_t ret_bytes[ROCKS_INDEX_SIZE]);
uint64_t rocks_index_decode(const uint8_t bytes[ROCKS_INDEX_SIZE]);

#endif
