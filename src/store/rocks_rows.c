/* Rows and change records in RocksDB: reads, the batch of an epoch, cursors.
 *
 * A row's key is one byte of table and the key; its column family follows from the table's class. A
 * change record is keyed by the index of its epoch's mark, 8 bytes big-endian, in the default
 * family; its value is a run of
 *
 *     1  size of the key (0 to 255)
 *     1  table
 *     n  key
 *
 * for each row that the epoch touched, those that came and went within it too: the view may have
 * seen them live. */
#include "store/epoch.h"
#include "store/rocks.h"
#include "store/rocks_internal.h"

#include <stdlib.h>

struct rocks_cursor {
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *iterator;
    char end; /* The next table's byte; RocksDB points to it. */
};

enum err_code rocks_get(struct rocks *rocks, const struct rocks_snapshot *snapshot, uint8_t table,
                        struct slice key, struct arena *arena, struct slice *ret_value,
                        struct err *err)
{
    uint8_t bytes[1 + KV_KEY_MAX];
    rocksdb_pinnableslice_t *pin;
    const char *found;
    char *text = NULL;
    size_t size = 0;
    bool copied;

    assert(key.size <= KV_KEY_MAX);
    bytes[0] = table;
    if (key.size) {
        memcpy(bytes + 1, key.data, key.size);
    }
    pin =
        rocksdb_get_pinned_cf(rocks->db, rocks_read_options(rocks, snapshot),
                              rocks_family(rocks, table), (const char *)bytes, key.size + 1, &text);
    if (text) {
        return rocks_fail(err, text, "read a row");
    }
    if (!pin) {
        *ret_value = slice_of(NULL, 0);
        return ERR_NONE;
    }
    found = rocksdb_pinnableslice_value(pin, &size);
    copied = arena_copy(arena, slice_of(found, size), ret_value);
    rocksdb_pinnableslice_destroy(pin);
    return copied ? ERR_NONE : err_set(err, ERR_NOMEM, "no room for a value of %zu bytes", size);
}

static void add_rows(const struct rocks *rocks, const struct epoch *epoch,
                     rocksdb_writebatch_t *batch)
{
    uint32_t count = epoch_row_count(epoch);

    for (uint32_t i = 0; i < count; i++) {
        const struct row *row = epoch_row(epoch, i);
        rocksdb_column_family_handle_t *family = rocks_family(rocks, row->key[0]);
        const char *key = (const char *)row->key;

        if (row->state == ROW_LIVE) {
            rocksdb_writebatch_put_cf(batch, family, key, row->key_size, (const char *)row->value,
                                      row->value_size);
        } else if (row->state == ROW_REMOVED) {
            rocksdb_writebatch_delete_cf(batch, family, key, row->key_size);
        }
    }
}

static enum err_code add_changes(const struct rocks *rocks, const struct epoch *epoch,
                                 rocksdb_writebatch_t *batch, struct err *err)
{
    uint32_t count = epoch_row_count(epoch);
    uint8_t index[ROCKS_INDEX_SIZE];
    size_t size = 0;
    uint8_t *bytes;
    uint8_t *at;

    if (!count) {
        return ERR_NONE;
    }
    for (uint32_t i = 0; i < count; i++) {
        size += epoch_row(epoch, i)->key_size + 1u;
    }
    bytes = malloc(size);
    if (!bytes) {
        return err_set(err, ERR_NOMEM, "no memory for a change record of %zu bytes", size);
    }
    at = bytes;
    for (uint32_t i = 0; i < count; i++) {
        const struct row *row = epoch_row(epoch, i);

        *at++ = (uint8_t)(row->key_size - 1);
        memcpy(at, row->key, row->key_size);
        at += row->key_size;
    }
    rocks_index_encode(epoch_mark(epoch)->index, index);
    rocksdb_writebatch_put_cf(batch, rocks->families[ROCKS_CHANGES], (const char *)index,
                              sizeof(index), (const char *)bytes, size);
    free(bytes);
    return ERR_NONE;
}

/* Forgets the records up to `up_to`, one by one: a delete of a range an epoch would slow down every
 * later walk. */
static enum err_code cut_changes(const struct rocks *rocks, uint64_t up_to,
                                 rocksdb_writebatch_t *batch, struct err *err)
{
    rocksdb_iterator_t *iterator;
    uint8_t index[ROCKS_INDEX_SIZE];
    char *text = NULL;

    if (up_to <= rocks->changes_cut) {
        return ERR_NONE;
    }
    iterator = rocksdb_create_iterator_cf(rocks->db, rocks->read, rocks->families[ROCKS_CHANGES]);
    rocks_index_encode(rocks->changes_cut + 1, index);
    rocksdb_iter_seek(iterator, (const char *)index, sizeof(index));
    for (; rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t size;
        const char *key = rocksdb_iter_key(iterator, &size);

        if (size == sizeof(index) && rocks_index_decode((const uint8_t *)key) > up_to) {
            break;
        }
        rocksdb_writebatch_delete_cf(batch, rocks->families[ROCKS_CHANGES], key, size);
    }
    rocksdb_iter_get_error(iterator, &text);
    rocksdb_iter_destroy(iterator);
    if (text) {
        return rocks_fail(err, text, "cut the change records");
    }
    rocks_index_encode(up_to, index);
    rocksdb_writebatch_put_cf(batch, rocks->families[ROCKS_META_FAMILY], ROCKS_META_CUT,
                              strlen(ROCKS_META_CUT), (const char *)index, sizeof(index));
    return ERR_NONE;
}

static void add_mark(const struct rocks *rocks, const struct kv_mark *mark,
                     rocksdb_writebatch_t *batch)
{
    uint8_t bytes[ROCKS_MARK_SIZE];

    rocks_mark_encode(mark, bytes);
    rocksdb_writebatch_put_cf(batch, rocks->families[ROCKS_META_FAMILY], ROCKS_META_MARK,
                              strlen(ROCKS_META_MARK), (const char *)bytes, sizeof(bytes));
}

enum err_code rocks_write(struct rocks *rocks, const struct epoch *epoch, uint64_t changes_cut,
                          struct rocks_written *ret_written, struct err *err)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    struct rocks_written written;
    enum err_code code;
    char *text = NULL;
    size_t size = 0;

    add_rows(rocks, epoch, batch);
    written.keys = (uint64_t)rocksdb_writebatch_count(batch);
    code = cut_changes(rocks, changes_cut, batch, err);
    if (!code) {
        code = add_changes(rocks, epoch, batch, err);
    }
    if (code) {
        goto out;
    }
    add_mark(rocks, epoch_mark(epoch), batch);
    (void)rocksdb_writebatch_data(batch, &size);
    written.bytes = size;
    rocksdb_write(rocks->db, rocks->no_log, batch, &text);
    if (text) {
        code = rocks_fail(err, text, "write to the store");
        goto out;
    }
    if (changes_cut > rocks->changes_cut) {
        rocks->changes_cut = changes_cut;
    }
    *ret_written = written;
out:
    rocksdb_writebatch_destroy(batch);
    return code;
}

static enum err_code cursor_check(const struct rocks_cursor *cursor, struct err *err)
{
    char *text = NULL;

    if (rocksdb_iter_valid(cursor->iterator)) {
        return ERR_NONE;
    }
    rocksdb_iter_get_error(cursor->iterator, &text);
    return text ? rocks_fail(err, text, "scan the store") : ERR_NONE;
}

enum err_code rocks_cursor_open(struct rocks *rocks, const struct rocks_snapshot *snapshot,
                                uint8_t table, struct slice from, struct rocks_cursor **ret_cursor,
                                struct err *err)
{
    struct rocks_cursor *cursor = calloc(1, sizeof(*cursor));
    uint8_t bytes[1 + KV_KEY_MAX];
    enum err_code code;

    assert(from.size <= KV_KEY_MAX);
    if (!cursor) {
        return err_set(err, ERR_NOMEM, "no memory for a cursor");
    }
    bytes[0] = table;
    if (from.size) {
        memcpy(bytes + 1, from.data, from.size);
    }
    cursor->end = (char)(table + 1);
    cursor->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(cursor->read, snapshot ? snapshot->snapshot : NULL);
    rocksdb_readoptions_set_fill_cache(cursor->read, 0);
    rocksdb_readoptions_set_iterate_upper_bound(cursor->read, &cursor->end, 1);
    cursor->iterator =
        rocksdb_create_iterator_cf(rocks->db, cursor->read, rocks_family(rocks, table));
    rocksdb_iter_seek(cursor->iterator, (const char *)bytes, from.size + 1);
    code = cursor_check(cursor, err);
    if (code) {
        rocks_cursor_close(cursor);
        return code;
    }
    *ret_cursor = cursor;
    return ERR_NONE;
}

bool rocks_cursor_row(const struct rocks_cursor *cursor, struct slice *ret_key,
                      struct slice *ret_value)
{
    const char *bytes;
    size_t size;

    if (!rocksdb_iter_valid(cursor->iterator)) {
        return false;
    }
    bytes = rocksdb_iter_key(cursor->iterator, &size);
    assert(size >= 1);
    *ret_key = slice_of(bytes + 1, size - 1);
    bytes = rocksdb_iter_value(cursor->iterator, &size);
    *ret_value = slice_of(bytes, size);
    return true;
}

enum err_code rocks_cursor_next(struct rocks_cursor *cursor, struct err *err)
{
    rocksdb_iter_next(cursor->iterator);
    return cursor_check(cursor, err);
}

void rocks_cursor_close(struct rocks_cursor *cursor)
{
    if (!cursor) {
        return;
    }
    rocksdb_iter_destroy(cursor->iterator);
    rocksdb_readoptions_destroy(cursor->read);
    free(cursor);
}

static enum err_code read_record(uint64_t index, struct slice bytes, kv_change_fn change,
                                 void *context, struct err *err)
{
    size_t at = 0;

    while (at < bytes.size) {
        size_t key_size = bytes.data[at];
        enum err_code code;

        if (bytes.size - at < 2 + key_size) {
            return err_set(err, ERR_CORRUPT, "the change record of %llu ends within a key",
                           (unsigned long long)index);
        }
        code = change(context, index, bytes.data[at + 1], slice_of(bytes.data + at + 2, key_size),
                      err);
        if (code) {
            return code;
        }
        at += 2 + key_size;
    }
    return ERR_NONE;
}

enum err_code rocks_changes(struct rocks *rocks, const struct rocks_snapshot *snapshot,
                            uint64_t after, kv_change_fn change, void *context, struct err *err)
{
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(
        rocks->db, rocks_read_options(rocks, snapshot), rocks->families[ROCKS_CHANGES]);
    enum err_code code = ERR_NONE;
    uint8_t from[ROCKS_INDEX_SIZE];
    char *text = NULL;

    rocks_index_encode(after + 1, from);
    rocksdb_iter_seek(iterator, (const char *)from, sizeof(from));
    for (; !code && rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t key_size;
        size_t size;
        const char *key = rocksdb_iter_key(iterator, &key_size);
        const char *value = rocksdb_iter_value(iterator, &size);

        if (key_size != ROCKS_INDEX_SIZE) {
            code = err_set(err, ERR_CORRUPT, "a change record's key has %zu bytes", key_size);
            break;
        }
        code = read_record(rocks_index_decode((const uint8_t *)key), slice_of(value, size), change,
                           context, err);
    }
    rocksdb_iter_get_error(iterator, &text);
    rocksdb_iter_destroy(iterator);
    return text ? rocks_fail(err, text, "read the change records") : code;
}
