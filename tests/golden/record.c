/* The recording kv: see record.h. */
#include "tests/golden/record.h"

#include <stdlib.h>

static struct change *find(struct changes *changes, uint8_t table, struct slice key)
{
    for (uint32_t i = 0; i < changes->count; i++) {
        struct change *change = &changes->items[i];

        if (change->table == table && slice_equal(row_key_slice(&change->key), key)) {
            return change;
        }
    }
    return NULL;
}

static bool exists_below(struct record *record, uint8_t table, struct slice key)
{
    struct slice value = {0};
    struct arena arena;
    struct err err;
    enum err_code code;

    arena_init(&arena, SIZE_MAX);
    code = record->below->get(record->below->self, table, key, &arena, &value, &err);
    assert(code == ERR_NONE);
    arena_done(&arena);
    return value.data != NULL;
}

static void note(struct changes *changes, uint8_t table, struct slice key, bool existed,
                 bool exists)
{
    struct change *change = find(changes, table, key);

    assert(key.size <= KEY_SIZE_MAX);
    if (!change) {
        if (changes->count == changes->room) {
            changes->room = changes->room ? changes->room * 2 : 64;
            changes->items = realloc(changes->items, changes->room * sizeof(*changes->items));
            assert(changes->items);
        }
        change = &changes->items[changes->count++];
        *change = (struct change){.table = table, .existed = existed};
        change->key.size = (uint8_t)key.size;
        memcpy(change->key.bytes, key.data, key.size);
    }
    change->exists = exists;
}

static void note_both(struct record *record, uint8_t table, struct slice key, bool exists)
{
    bool existed = exists_below(record, table, key);

    note(&record->entry, table, key, existed, exists);
    note(&record->epoch, table, key, existed, exists);
}

static enum err_code record_get(void *self, uint8_t table, struct slice key, struct arena *arena,
                                struct slice *ret_value, struct err *err)
{
    struct record *record = self;

    return record->below->get(record->below->self, table, key, arena, ret_value, err);
}

static enum err_code record_put(void *self, uint8_t table, struct slice key, struct slice value,
                                uint32_t flags, struct err *err)
{
    struct record *record = self;

    note_both(record, table, key, true);
    return record->below->put(record->below->self, table, key, value, flags, err);
}

static enum err_code record_remove(void *self, uint8_t table, struct slice key, struct err *err)
{
    struct record *record = self;

    note_both(record, table, key, false);
    return record->below->remove(record->below->self, table, key, err);
}

static enum err_code record_scan(void *self, uint8_t table, struct slice from, kv_row_fn row,
                                 void *context, struct err *err)
{
    struct record *record = self;

    return record->below->scan(record->below->self, table, from, row, context, err);
}

static enum err_code record_commit(void *self, const struct kv_mark *mark, struct err *err)
{
    struct record *record = self;

    return record->below->commit(record->below->self, mark, err);
}

void recorder_init(struct record *record, struct kv *below)
{
    *record = (struct record){.below = below};
    record->kv =
        (struct kv){record, record_get, record_put, record_remove, record_scan, record_commit};
}

void recorder_done(struct record *record)
{
    free(record->entry.items);
    free(record->epoch.items);
}

uint32_t changes_written(const struct changes *changes, uint8_t table)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];

        count += change->table == table && (change->existed || change->exists) ? 1 : 0;
    }
    return count;
}
