/* Transactions: see tx.h. */
#include "core/tx.h"

#include "base/limits.h"
#include "base/reply.h"
#include "core/tx_internal.h"

#include <stdlib.h>
#include <xxhash.h>

#define SCRATCH_MAX (64 * MIB)
#define SCRATCH_KEEP (1 * MIB)
#define PEEK_MAX (16 * MIB) /* More than any row has. */

uint64_t row_hash(enum table table, struct slice key, struct slice value)
{
    uint64_t seed = XXH3_64bits_withSeed(key.data, key.size, (uint64_t)table + 1);
    uint64_t hash = XXH3_64bits_withSeed(value.data, value.size, seed);

    return hash ? hash : 1;
}

struct row_key meta_row_key(void)
{
    return (struct row_key){.size = 4, .bytes = {'m', 'e', 't', 'a'}};
}

void tx_begin(struct tx *tx, struct arena *arena, uint64_t now_ns, uint64_t state_hash)
{
    tx->arena = arena;
    tx->head = NULL;
    tx->now_ns = now_ns;
    tx->index->now_ns = now_ns;
    tx->state_hash = state_hash;
    tx->read_left = TX_READ_MAX;
    tx->in_unit = false;
    tx->fatal = (struct err){0};
    tx->undo_count = 0;
    tx->event_count = 0;
    tx->scratch.size_max = SCRATCH_MAX;
    tx->peek.size_max = PEEK_MAX;
}

void tx_done(struct tx *tx)
{
    free(tx->undos);
    free(tx->events);
    buf_done(&tx->scratch);
    arena_done(&tx->peek);
}

enum err_code tx_fail(struct tx *tx, enum err_code code, const char *text)
{
    if (tx->fatal.code != ERR_NONE) {
        return tx->fatal.code;
    }
    return err_set(&tx->fatal, code, "%s", text);
}

bool tx_failed(const struct tx *tx)
{
    return tx->fatal.code != ERR_NONE;
}

bool tx_reserve(struct tx *tx, size_t size)
{
    if (size > tx->read_left) {
        return false;
    }
    tx->read_left -= size;
    return true;
}

enum err_code tx_busy(struct err *err)
{
    return err_reply(err, REPLY_OVERLOADED, "too much stored data is asked for at once");
}

void *tx_array(struct tx *tx, size_t count, size_t size)
{
    void *items = arena_array(tx->arena, count, size);

    if (!items) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
    }
    return items;
}

struct slice tx_job_id(struct tx *tx, struct job_key key)
{
    struct slice text = job_id_text(key, tx->arena);

    if (!text.data) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
    }
    return text;
}

struct slice tx_text(struct tx *tx, const char *text)
{
    if (!text) {
        (void)tx_fail(tx, ERR_NOMEM, "the entry needs more memory than an entry may use");
        return slice_of(NULL, 0);
    }
    return slice_text(text);
}

uint64_t tx_after(const struct tx *tx, uint64_t ms)
{
    uint64_t at;

    if (__builtin_mul_overflow(ms, NS_PER_MS, &at) || __builtin_add_overflow(at, tx->now_ns, &at)) {
        return UINT64_MAX - 1;
    }
    return at;
}

struct undo *tx_push_undo(struct tx *tx, enum undo_kind kind)
{
    struct undo *undo;

    if (tx->undo_count == tx->undo_room) {
        uint32_t room = tx->undo_room ? tx->undo_room * 2 : 256;
        struct undo *undos = realloc(tx->undos, room * sizeof(*undos));

        if (!undos) {
            (void)tx_fail(tx, ERR_NOMEM, "no memory to undo changes");
            return NULL;
        }
        tx->undos = undos;
        tx->undo_room = room;
    }
    undo = &tx->undos[tx->undo_count++];
    undo->kind = kind;
    return undo;
}

static struct slice get_into(struct tx *tx, enum table table, const struct row_key *key,
                             struct arena *arena)
{
    struct slice value = {0};
    struct err err;

    if (tx_failed(tx)) {
        return value;
    }
    if (tx->kv->get(tx->kv->self, (uint8_t)table, row_key_slice(key), arena, &value, &err) !=
        ERR_NONE) {
        (void)tx_fail(tx, err.code, err.text);
        return slice_of(NULL, 0);
    }
    return value;
}

struct slice tx_get(struct tx *tx, enum table table, const struct row_key *key)
{
    return get_into(tx, table, key, tx->arena);
}

struct slice tx_peek(struct tx *tx, enum table table, const struct row_key *key)
{
    arena_clear(&tx->peek);
    return get_into(tx, table, key, &tx->peek);
}

static void kv_put(struct tx *tx, enum table table, const struct row_key *key, struct slice value,
                   uint32_t flags)
{
    struct err err;

    if (tx->kv->put(tx->kv->self, (uint8_t)table, row_key_slice(key), value, flags, &err) !=
        ERR_NONE) {
        (void)tx_fail(tx, err.code, err.text);
    }
}

static void kv_remove(struct tx *tx, enum table table, const struct row_key *key)
{
    struct err err;

    if (tx->kv->remove(tx->kv->self, (uint8_t)table, row_key_slice(key), &err) != ERR_NONE) {
        (void)tx_fail(tx, err.code, err.text);
    }
}

static void push_row(struct tx *tx, enum table table, const struct row_key *key, struct slice old)
{
    struct undo *undo = tx_push_undo(tx, UNDO_ROW);

    if (undo) {
        undo->of.row = (struct undo_row){.table = table, .key = *key, .old = old};
    }
}

static uint64_t old_hash(enum table table, const struct row_key *key, struct slice old)
{
    return old.data ? row_hash(table, row_key_slice(key), old) : 0;
}

void tx_put(struct tx *tx, enum table table, const struct row_key *key, struct slice old,
            struct slice value, uint32_t flags)
{
    if (tx_failed(tx)) {
        return;
    }
    assert(value.data);
    assert(!(flags & KV_FRESH) || !old.data);
    push_row(tx, table, key, old);
    tx->state_hash += row_hash(table, row_key_slice(key), value) - old_hash(table, key, old);
    kv_put(tx, table, key, value, flags);
}

void tx_delete(struct tx *tx, enum table table, const struct row_key *key, struct slice old)
{
    if (tx_failed(tx)) {
        return;
    }
    assert(old.data);
    push_row(tx, table, key, old);
    tx->state_hash -= old_hash(table, key, old);
    kv_remove(tx, table, key);
}

void tx_forget(struct tx *tx, enum table table, const struct row_key *key, uint64_t hash)
{
    if (tx_failed(tx)) {
        return;
    }
    assert(!tx->in_unit);
    assert(hash != 0);
    tx->state_hash -= hash;
    kv_remove(tx, table, key);
}

void tx_drop(struct tx *tx, enum table table, const struct row_key *key, uint64_t hash)
{
    struct slice old;

    if (!tx->in_unit) {
        tx_forget(tx, table, key, hash);
        return;
    }
    old = tx_get(tx, table, key);
    if (!old.data) {
        (void)tx_fail(tx, ERR_CORRUPT, "a row that a job names is missing");
        return;
    }
    tx_delete(tx, table, key, old);
}

struct slice tx_encode(struct tx *tx, const struct message *message, const void *record)
{
    buf_clear(&tx->scratch);
    if (tx->scratch.capacity > SCRATCH_KEEP) {
        buf_done(&tx->scratch);
    }
    protobuf_write(message, record, &tx->scratch);
    if (tx->scratch.failed) {
        (void)tx_fail(tx, ERR_NOMEM, "no memory to encode a row");
        return slice_of(NULL, 0);
    }
    return buf_slice(&tx->scratch);
}

void tx_index(struct tx *tx, const struct index_job *old, const struct index_job *now)
{
    struct undo *undo;

    if (tx_failed(tx)) {
        return;
    }
    undo = tx_push_undo(tx, UNDO_INDEX);
    if (!undo) {
        return;
    }
    undo->of.index = (struct undo_index){.has_old = old != NULL, .has_now = now != NULL};
    if (old) {
        undo->of.index.old = *old;
    }
    if (now) {
        undo->of.index.now = *now;
    }
    if (!index_change(tx->index, old ? &undo->of.index.old : NULL, now)) {
        (void)tx_fail(tx, ERR_NOMEM, "no memory for the index of jobs");
    }
}

static bool grow_events(struct tx *tx)
{
    uint32_t room = tx->event_room ? tx->event_room * 2 : 64;
    struct event *events = realloc(tx->events, room * sizeof(*events));

    if (!events) {
        (void)tx_fail(tx, ERR_NOMEM, "no memory for events");
        return false;
    }
    tx->events = events;
    tx->event_room = room;
    return true;
}

void tx_event(struct tx *tx, const struct event *event)
{
    if (tx->meta->events_max == 0 || tx_failed(tx)) {
        return;
    }
    if (tx->event_count == tx->event_room && !grow_events(tx)) {
        return;
    }
    tx->events[tx->event_count++] = *event;
}

struct savepoint tx_savepoint(const struct tx *tx)
{
    return (struct savepoint){
        .undo_count = tx->undo_count,
        .event_count = tx->event_count,
        .state_hash = tx->state_hash,
        .meta = *tx->meta,
    };
}

static void undo_row(struct tx *tx, const struct undo_row *row)
{
    if (row->old.data) {
        kv_put(tx, row->table, &row->key, row->old, 0);
    } else {
        kv_remove(tx, row->table, &row->key);
    }
}

static void undo_one(struct tx *tx, const struct undo *undo)
{
    const struct undo_index *index = &undo->of.index;
    bool done;

    switch (undo->kind) {
    case UNDO_ROW:
        undo_row(tx, &undo->of.row);
        break;
    case UNDO_INDEX:
        done = index_change(tx->index, index->has_now ? &index->now : NULL,
                            index->has_old ? &index->old : NULL);
        assert(done);
        break;
    default:
        tx_queue_undo(tx, undo);
    }
}

void tx_rollback(struct tx *tx, const struct savepoint *savepoint)
{
    if (tx_failed(tx)) {
        return;
    }
    while (tx->undo_count > savepoint->undo_count) {
        undo_one(tx, &tx->undos[--tx->undo_count]);
    }
    tx->event_count = savepoint->event_count;
    tx->state_hash = savepoint->state_hash;
    *tx->meta = savepoint->meta;
}

uint64_t tx_write_back(struct tx *tx, enum table table, const struct row_key *key,
                       struct slice value, uint64_t stored_hash)
{
    uint64_t hash;

    if (!value.data || tx_failed(tx)) {
        return stored_hash;
    }
    hash = row_hash(table, row_key_slice(key), value);
    tx->state_hash += hash - stored_hash;
    kv_put(tx, table, key, value, 0);
    return hash;
}

static void write_events(struct tx *tx)
{
    struct event_pack pack = {
        .at_ns = tx->now_ns,
        .events = {.items = tx->events, .count = tx->event_count},
    };
    struct row_key key = number_row_key(tx->meta->event_seq + 1);

    if (tx->event_count == 0) {
        return;
    }
    (void)tx_write_back(tx, TABLE_EVENT, &key, tx_encode(tx, &event_pack_message, &pack), 0);
    tx->meta->event_seq += tx->event_count;
}

static void write_meta(struct tx *tx)
{
    struct row_key key = meta_row_key();

    tx->meta->now_ns = tx->now_ns;
    tx->meta_hash = tx_write_back(tx, TABLE_META, &key, tx_encode(tx, &meta_row_message, tx->meta),
                                  tx->meta_hash);
}

void tx_commit(struct tx *tx, uint64_t index, uint64_t term)
{
    struct kv_mark mark = {.index = index, .term = term};
    struct err err;

    tx_queues_commit(tx);
    write_events(tx);
    write_meta(tx);
    if (tx_failed(tx)) {
        return;
    }
    mark.state_hash = tx->state_hash;
    if (tx->kv->commit(tx->kv->self, &mark, &err) != ERR_NONE) {
        (void)tx_fail(tx, err.code, err.text);
    }
}
