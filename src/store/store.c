/* The store: the kv interface over two epochs and RocksDB, and the hand-over to the store thread.
 *
 * Nothing here blocks on a disk but store_open, store_drain, store_checkpoint, store_close and a
 * read of a row that is not in memory. */
#include "store/store.h"

#include "base/limits.h"
#include "store/drain.h"
#include "store/epoch.h"
#include "store/rocks.h"
#include "store/store_internal.h"

#include <stdlib.h>

#define DRAIN_NS_DEFAULT (250 * NS_PER_MS)

struct store {
    struct kv kv;
    struct store_options options;
    struct rocks *rocks;
    struct drain *drain;
    struct epoch *open;   /* Takes the changes. */
    struct epoch *frozen; /* With the store thread, or NULL: never a second one. */
    struct kv_mark opened_at;
    struct kv_mark committed;
    bool in_entry;        /* Changes were made since the last commit. */
    bool has_commit;      /* The open epoch has entries to write. */
    uint64_t open_age_at; /* When store_poll first saw that, monotonic; 0 = not yet. */
    uint64_t changes_cut;
    bool hurry;         /* Someone waits for what is committed. */
    uint64_t frozen_at; /* When an epoch was last frozen, monotonic. */
};

static enum err_code read_epoch_row(const struct row *row, struct arena *arena,
                                    struct slice *ret_value, struct err *err)
{
    if (row->state != ROW_LIVE) {
        *ret_value = slice_of(NULL, 0);
        return ERR_NONE;
    }
    /* A copy, because the row may be written over in place. */
    if (!arena_copy(arena, slice_of(row->value, row->value_size), ret_value)) {
        return err_set(err, ERR_NOMEM, "no room for a value of %u bytes", row->value_size);
    }
    return ERR_NONE;
}

static enum err_code store_get(void *self, uint8_t table, struct slice key, struct arena *arena,
                               struct slice *ret_value, struct err *err)
{
    struct store *store = self;
    const struct row *row;

    assert(table < store->options.table_count);
    row = epoch_find(store->open, table, key);
    if (!row && store->frozen) {
        row = epoch_find(store->frozen, table, key);
    }
    if (row) {
        return read_epoch_row(row, arena, ret_value, err);
    }
    return rocks_get(store->rocks, NULL, table, key, arena, ret_value, err);
}

static enum err_code store_put(void *self, uint8_t table, struct slice key, struct slice value,
                               uint32_t flags, struct err *err)
{
    struct store *store = self;

    assert(table < store->options.table_count);
    store->in_entry = true;
    return epoch_put(store->open, table, key, value, flags, err);
}

static enum err_code store_remove(void *self, uint8_t table, struct slice key, struct err *err)
{
    struct store *store = self;

    assert(table < store->options.table_count);
    store->in_entry = true;
    return epoch_remove(store->open, table, key, err);
}

static enum err_code store_commit(void *self, const struct kv_mark *mark, struct err *err)
{
    struct store *store = self;

    (void)err;
    assert(mark->index >= store->committed.index);
    epoch_set_mark(store->open, mark);
    store->committed = *mark;
    store->has_commit = true;
    store->in_entry = false;
    return ERR_NONE;
}

/* The three layers of a scan, newest first: on equal keys the first one counts. */
enum { LAYER_OPEN, LAYER_FROZEN, LAYER_EPOCHS, LAYER_ROCKS = LAYER_EPOCHS, LAYER_COUNT };

struct merge {
    const struct row **rows[LAYER_EPOCHS];
    uint32_t count[LAYER_EPOCHS];
    uint32_t at[LAYER_EPOCHS];
    struct rocks_cursor *cursor;
};

struct merged {
    struct slice key;
    struct slice value;
    bool live;
    bool has[LAYER_COUNT]; /* Layers that stand at this key. */
};

static bool layer_row(const struct merge *merge, int layer, struct merged *ret_row)
{
    const struct row *row;

    if (layer == LAYER_ROCKS) {
        ret_row->live = true;
        return rocks_cursor_row(merge->cursor, &ret_row->key, &ret_row->value);
    }
    if (merge->at[layer] == merge->count[layer]) {
        return false;
    }
    row = merge->rows[layer][merge->at[layer]];
    ret_row->key = row_key(row);
    ret_row->value = slice_of(row->value, row->value_size);
    ret_row->live = row->state == ROW_LIVE;
    return true;
}

/* The smallest key of all layers; false at the end. */
static bool merge_row(const struct merge *merge, struct merged *ret_row)
{
    struct merged best = {0};
    bool found = false;

    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        struct merged row = {0};
        int order;

        if (!layer_row(merge, layer, &row)) {
            continue;
        }
        order = found ? slice_compare(row.key, best.key) : -1;
        if (order < 0) {
            best = row;
            found = true;
        }
        best.has[layer] = order <= 0;
    }
    *ret_row = best;
    return found;
}

static enum err_code merge_advance(struct merge *merge, const struct merged *row, struct err *err)
{
    for (int layer = 0; layer < LAYER_EPOCHS; layer++) {
        merge->at[layer] += row->has[layer];
    }
    return row->has[LAYER_ROCKS] ? rocks_cursor_next(merge->cursor, err) : ERR_NONE;
}

static enum err_code merge_open(struct store *store, uint8_t table, struct slice from,
                                struct merge *merge, struct err *err)
{
    const struct epoch *epochs[LAYER_EPOCHS] = {store->open, store->frozen};

    for (int layer = 0; layer < LAYER_EPOCHS; layer++) {
        enum err_code code = ERR_NONE;

        if (epochs[layer]) {
            code = epoch_sorted(epochs[layer], table, from, &merge->rows[layer],
                                &merge->count[layer], err);
        }
        if (code) {
            return code;
        }
    }
    return rocks_cursor_open(store->rocks, NULL, table, from, &merge->cursor, err);
}

static void merge_close(struct merge *merge)
{
    for (int layer = 0; layer < LAYER_EPOCHS; layer++) {
        free(merge->rows[layer]);
    }
    rocks_cursor_close(merge->cursor);
}

static enum err_code store_scan(void *self, uint8_t table, struct slice from, kv_row_fn row_fn,
                                void *context, struct err *err)
{
    struct store *store = self;
    struct merge merge = {0};
    struct merged row;
    enum err_code code;

    assert(table < store->options.table_count);
    code = merge_open(store, table, from, &merge, err);
    while (!code && merge_row(&merge, &row)) {
        if (row.live) {
            code = row_fn(context, row.key, row.value, err);
        }
        if (!code) {
            code = merge_advance(&merge, &row, err);
        }
    }
    merge_close(&merge);
    return code;
}

/* Hands the open epoch to the store thread and opens a new one. Between entries only. */
static enum err_code freeze(struct store *store, struct err *err)
{
    struct epoch *next = NULL;
    enum err_code code;

    assert(!store->frozen);
    assert(!store->in_entry);
    assert(store->has_commit);
    code = epoch_create(&next, err);
    if (code) {
        return code;
    }
    store->frozen = store->open;
    store->open = next;
    store->has_commit = false;
    store->open_age_at = 0;
    store->hurry = false;
    drain_write(store->drain, store->frozen, store->changes_cut);
    return ERR_NONE;
}

static void drop_written(struct store *store, const struct drain_state *state)
{
    if (store->frozen && !state->writing) {
        drain_dispose(store->drain, store->frozen);
        store->frozen = NULL;
    }
}

static bool is_ripe(struct store *store, uint64_t now_ns)
{
    if (!store->has_commit || store->in_entry) {
        return false;
    }
    if (!store->open_age_at) {
        store->open_age_at = now_ns;
    }
    return epoch_bytes(store->open) >= store->options.epoch_soft_max ||
           now_ns - store->open_age_at >= store->options.drain_ns ||
           (store->hurry && now_ns - store->frozen_at >= STORE_HURRY_NS);
}

enum err_code store_poll(struct store *store, uint64_t now_monotonic_ns,
                         uint64_t unflushed_log_bytes, struct err *err)
{
    struct drain_state state = drain_state(store->drain);
    enum err_code code = ERR_NONE;

    drop_written(store, &state);
    if (is_ripe(store, now_monotonic_ns) && !store->frozen && !state.failure.code) {
        code = freeze(store, err);
        store->frozen_at = now_monotonic_ns;
    }
    if (code) {
        return code;
    }
    if (unflushed_log_bytes > STORE_UNFLUSHED_LOG_MAX && !state.flushing &&
        state.written.index > drain_persisted(store->drain)) {
        drain_flush(store->drain);
    }
    return state.failure.code ? err_set(err, state.failure.code, "%s", state.failure.text)
                              : ERR_NONE;
}

enum err_code store_drain(struct store *store, bool durable, struct err *err)
{
    struct drain_state state;
    enum err_code code;

    if (store->in_entry) {
        return err_set(err, ERR_STATE, "the store is in the middle of an entry");
    }
    while (store->has_commit || store->frozen) {
        code = store->frozen ? drain_wait(store->drain, err) : freeze(store, err);
        if (code) {
            return code;
        }
        state = drain_state(store->drain);
        drop_written(store, &state);
    }
    if (durable && store->committed.index > drain_persisted(store->drain)) {
        drain_flush(store->drain);
    }
    return durable ? drain_wait(store->drain, err) : ERR_NONE;
}

bool store_pressure(const struct store *store)
{
    size_t bytes = epoch_bytes(store->open) + (store->frozen ? epoch_bytes(store->frozen) : 0);

    return bytes >= store->options.epoch_hard_max;
}

void store_changes_cut(struct store *store, uint64_t up_to)
{
    if (up_to > store->changes_cut) {
        store->changes_cut = up_to;
    }
}

uint64_t store_written_index(const struct store *store)
{
    return drain_state(store->drain).written.index;
}

void store_hurry(struct store *store)
{
    store->hurry = store->has_commit;
}

enum err_code store_checkpoint(struct store *store, const char *dir, struct kv_mark *ret_mark,
                               struct err *err)
{
    enum err_code code = store_drain(store, false, err);

    return code ? code : rocks_checkpoint(store->rocks, dir, ret_mark, err);
}

uint64_t store_persisted(const struct store *store)
{
    return drain_persisted(store->drain);
}

struct store_stats store_stats(const struct store *store)
{
    struct drain_state state = drain_state(store->drain);

    return (struct store_stats){
        .keys_written = state.keys_written,
        .bytes_written = state.bytes_written,
        .epochs_written = state.epochs_written,
        .flushes = state.flushes,
        .overlay_bytes =
            epoch_bytes(store->open) + (store->frozen ? epoch_bytes(store->frozen) : 0),
        .persisted_index = drain_persisted(store->drain),
    };
}

struct kv *store_kv(struct store *store)
{
    return &store->kv;
}

struct kv_mark store_opened_at(const struct store *store)
{
    return store->opened_at;
}

void store_set_hooks(struct store *store, const struct store_hooks *hooks)
{
    drain_set_hooks(store->drain, hooks);
}

struct rocks *store_rocks(struct store *store)
{
    return store->rocks;
}

static void set_options(struct store *store, const struct store_options *options)
{
    store->options = *options;
    store->options.dir = NULL; /* Borrowed for the open only. */
    if (!store->options.epoch_soft_max) {
        store->options.epoch_soft_max = STORE_EPOCH_SOFT_MAX;
    }
    if (!store->options.epoch_hard_max) {
        store->options.epoch_hard_max = STORE_EPOCH_HARD_MAX;
    }
    if (!store->options.drain_ns) {
        store->options.drain_ns = DRAIN_NS_DEFAULT;
    }
    store->kv = (struct kv){
        .self = store,
        .get = store_get,
        .put = store_put,
        .remove = store_remove,
        .scan = store_scan,
        .commit = store_commit,
    };
}

static enum err_code start_drain(struct store *store, struct err *err)
{
    struct drain_options options = {
        .rocks = store->rocks,
        .written = store->opened_at,
        .wake = store->options.wake,
        .wake_context = store->options.wake_context,
    };

    return drain_create(&options, &store->drain, err);
}

static void destroy(struct store *store)
{
    if (!store) {
        return;
    }
    drain_destroy(store->drain);
    epoch_destroy(store->open);
    epoch_destroy(store->frozen);
    rocks_close(store->rocks);
    free(store);
}

enum err_code store_open(const struct store_options *options, struct store **ret_store,
                         struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    enum err_code code;

    if (!store) {
        return err_set(err, ERR_NOMEM, "no memory for a store");
    }
    set_options(store, options);
    code = rocks_open(options, &store->rocks, err);
    if (code) {
        goto out;
    }
    code = rocks_mark(store->rocks, false, &store->opened_at, err);
    if (code) {
        goto out;
    }
    store->committed = store->opened_at;
    code = epoch_create(&store->open, err);
    if (code) {
        goto out;
    }
    code = start_drain(store, err);
    if (code) {
        goto out;
    }
    *ret_store = store;
    store = NULL;
out:
    destroy(store);
    return code;
}

void store_close(struct store *store, bool flush)
{
    enum err_code ignored = ERR_NONE; /* What could not be flushed is still in the log. */

    if (store && flush) {
        ignored = store_drain(store, true, NULL);
    }
    (void)ignored;
    destroy(store);
}
