/* Readers of what is written: the kv_reader interface over a snapshot of RocksDB. */
#include "store/rocks.h"
#include "store/store_internal.h"

#include <stdlib.h>

struct reader {
    struct kv_reader kv; /* First: a reader is given out as this. */
    struct rocks *rocks;
    struct rocks_snapshot *snapshot;
};

static enum err_code reader_get(void *self, uint8_t table, struct slice key, struct arena *arena,
                                struct slice *ret_value, struct err *err)
{
    struct reader *reader = self;

    return rocks_get(reader->rocks, reader->snapshot, table, key, arena, ret_value, err);
}

static enum err_code reader_scan(void *self, uint8_t table, struct slice from, kv_row_fn row,
                                 void *context, struct err *err)
{
    struct reader *reader = self;
    struct rocks_cursor *cursor = NULL;
    struct slice key;
    struct slice value;
    enum err_code code =
        rocks_cursor_open(reader->rocks, reader->snapshot, table, from, &cursor, err);

    while (!code && rocks_cursor_row(cursor, &key, &value)) {
        code = row(context, key, value, err);
        if (!code) {
            code = rocks_cursor_next(cursor, err);
        }
    }
    rocks_cursor_close(cursor);
    return code;
}

static enum err_code reader_changes(void *self, uint64_t after, kv_change_fn change, void *context,
                                    struct err *err)
{
    struct reader *reader = self;

    return rocks_changes(reader->rocks, reader->snapshot, after, change, context, err);
}

enum err_code store_reader_open(struct store *store, struct kv_reader **ret_reader, struct err *err)
{
    struct reader *reader = calloc(1, sizeof(*reader));

    if (!reader) {
        return err_set(err, ERR_NOMEM, "no memory for a reader");
    }
    reader->rocks = store_rocks(store);
    if (rocks_snapshot_open(reader->rocks, &reader->snapshot, err)) {
        free(reader);
        return err->code;
    }
    reader->kv = (struct kv_reader){
        .self = reader,
        .mark = rocks_snapshot_mark(reader->snapshot),
        .changes_cut = rocks_snapshot_cut(reader->snapshot),
        .get = reader_get,
        .scan = reader_scan,
        .changes = reader_changes,
    };
    *ret_reader = &reader->kv;
    return ERR_NONE;
}

void store_reader_close(struct kv_reader *reader)
{
    struct reader *own;

    if (reader) {
        own = reader->self;
        rocks_snapshot_close(own->snapshot);
        free(own);
    }
}
