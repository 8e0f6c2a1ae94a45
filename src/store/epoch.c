/* Epochs: see epoch.h. All memory comes from the kernel in chunks and goes back to it, so that a
 * burst leaves no trace in the heap.
 *
 * The hash is open addressing over (hash, row number) pairs, at most half full. When it is, a table
 * of twice the size takes the new rows, and each of them moves a few old slots; until all have
 * moved, both tables are asked. Nothing is ever taken out of a table: a removed row stays and says
 * that it is removed. */
#include "store/epoch.h"

#include "base/env.h"
#include "base/limits.h"

#include <stdlib.h>
#include <sys/mman.h>

#define CHUNK_SIZE (1 * MIB)
#define CHUNK_SHARE_MAX (CHUNK_SIZE / 4) /* A larger wish gets a mapping of its own. */
#define BLOCK_ROWS 2048u
#define BLOCKS_MIN 16u
#define SLOTS_MIN 1024u
#define MOVES_A_ROW 8u /* 2 would do to finish before the next growth. */

struct chunk {
    struct chunk *next;
    size_t size; /* Of the mapping, with this header. */
    size_t used;
};

struct slot {
    uint32_t hash;
    uint32_t number_plus_one; /* 0 = empty. */
};

struct slots {
    struct slot *slots;
    uint32_t capacity; /* A power of two, or 0. */
};

struct epoch {
    struct chunk *chunks;
    struct row **blocks; /* BLOCK_ROWS rows each, in the chunks. */
    uint32_t block_room;
    uint32_t row_count;
    struct slots slots;
    struct slots old; /* Still to be moved from old_next on; capacity 0 when done. */
    uint32_t old_next;
    uint64_t hash_seed; /* So that clients can not choose keys that collide. */
    size_t used;
    struct kv_mark mark;
};

/* Zeroed pages, or NULL. */
static void *map_pages(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

static void unmap_pages(void *pages, size_t size)
{
    int result = munmap(pages, size);

    assert(result == 0);
}

static struct chunk *add_chunk(struct epoch *epoch, size_t size)
{
    bool shared = size <= CHUNK_SHARE_MAX;
    size_t mapping = shared ? CHUNK_SIZE : sizeof(struct chunk) + size;
    struct chunk *chunk = map_pages(mapping);

    if (!chunk) {
        return NULL;
    }
    chunk->size = mapping;
    chunk->used = sizeof(*chunk);
    if (shared || !epoch->chunks) {
        chunk->next = epoch->chunks;
        epoch->chunks = chunk;
    } else {
        chunk->next = epoch->chunks->next; /* The first one goes on being filled. */
        epoch->chunks->next = chunk;
    }
    return chunk;
}

static void *take(struct epoch *epoch, size_t size, size_t align)
{
    struct chunk *chunk = epoch->chunks;
    size_t start = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;

    if (!chunk || start > chunk->size || size > chunk->size - start) {
        chunk = add_chunk(epoch, size);
        if (!chunk) {
            return NULL;
        }
        start = (chunk->used + align - 1) & ~(align - 1);
    }
    chunk->used = start + size;
    epoch->used += size;
    return (uint8_t *)chunk + start;
}

static bool slots_create(struct epoch *epoch, uint32_t capacity, struct slots *ret_slots)
{
    struct slot *slots = map_pages(capacity * sizeof(*slots));

    if (!slots) {
        return false;
    }
    epoch->used += capacity * sizeof(*slots);
    *ret_slots = (struct slots){.slots = slots, .capacity = capacity};
    return true;
}

static void slots_destroy(struct epoch *epoch, struct slots *slots)
{
    if (slots->capacity) {
        unmap_pages(slots->slots, slots->capacity * sizeof(*slots->slots));
        epoch->used -= slots->capacity * sizeof(*slots->slots);
    }
    *slots = (struct slots){0};
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ (hash >> 32);
}

static uint32_t hash_key(const struct epoch *epoch, uint8_t table, struct slice key)
{
    uint64_t hash = mix(epoch->hash_seed, ((uint64_t)table << 32) | key.size);
    uint64_t word;
    size_t at = 0;

    for (; key.size - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, key.data + at, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    if (at < key.size) {
        memcpy(&word, key.data + at, key.size - at);
    }
    return (uint32_t)mix(hash, word);
}

static struct row *row_at(const struct epoch *epoch, uint32_t number)
{
    assert(number < epoch->row_count);
    return &epoch->blocks[number / BLOCK_ROWS][number % BLOCK_ROWS];
}

static bool row_is(const struct row *row, uint8_t table, struct slice key)
{
    return row->key[0] == table && slice_equal(row_key(row), key);
}

static struct row *find_in(const struct epoch *epoch, const struct slots *table_slots,
                           uint32_t hash, uint8_t table, struct slice key)
{
    uint32_t mask = table_slots->capacity - 1;

    if (!table_slots->capacity) {
        return NULL;
    }
    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        const struct slot *slot = &table_slots->slots[at];
        struct row *row;

        if (!slot->number_plus_one) {
            return NULL;
        }
        if (slot->hash != hash) {
            continue;
        }
        row = row_at(epoch, slot->number_plus_one - 1);
        if (row_is(row, table, key)) {
            return row;
        }
    }
}

static struct row *find_hashed(const struct epoch *epoch, uint32_t hash, uint8_t table,
                               struct slice key)
{
    struct row *row = find_in(epoch, &epoch->slots, hash, table, key);

    return row ? row : find_in(epoch, &epoch->old, hash, table, key);
}

const struct row *epoch_find(const struct epoch *epoch, uint8_t table, struct slice key)
{
    if (!epoch->row_count) {
        return NULL;
    }
    return find_hashed(epoch, hash_key(epoch, table, key), table, key);
}

static void slots_add(struct slots *slots, struct slot added)
{
    uint32_t mask = slots->capacity - 1;
    uint32_t at = added.hash & mask;

    while (slots->slots[at].number_plus_one) {
        at = (at + 1) & mask;
    }
    slots->slots[at] = added;
}

static void move_some(struct epoch *epoch)
{
    for (uint32_t i = 0; i < MOVES_A_ROW && epoch->old_next < epoch->old.capacity; i++) {
        struct slot slot = epoch->old.slots[epoch->old_next++];

        if (slot.number_plus_one) {
            slots_add(&epoch->slots, slot);
        }
    }
    if (epoch->old.capacity && epoch->old_next == epoch->old.capacity) {
        slots_destroy(epoch, &epoch->old);
    }
}

static bool slots_make_room(struct epoch *epoch)
{
    uint32_t capacity = epoch->slots.capacity;
    struct slots larger;

    if (epoch->row_count < capacity / 2) {
        return true;
    }
    assert(!epoch->old.capacity);
    if (!slots_create(epoch, capacity ? capacity * 2 : SLOTS_MIN, &larger)) {
        return false;
    }
    epoch->old = epoch->slots;
    epoch->old_next = 0;
    epoch->slots = larger;
    return true;
}

static bool rows_make_room(struct epoch *epoch)
{
    uint32_t block = epoch->row_count / BLOCK_ROWS;

    if (epoch->row_count % BLOCK_ROWS) {
        return true;
    }
    if (block == epoch->block_room) {
        uint32_t room = block ? block * 2 : BLOCKS_MIN;
        struct row **blocks = realloc(epoch->blocks, room * sizeof(struct row *));

        if (!blocks) {
            return false;
        }
        epoch->blocks = blocks;
        epoch->block_room = room;
    }
    epoch->blocks[block] = take(epoch, BLOCK_ROWS * sizeof(struct row), _Alignof(struct row));
    return epoch->blocks[block] != NULL;
}

/* A new row without a value; NULL when there is no memory, and then nothing has changed. */
static struct row *add_row(struct epoch *epoch, uint32_t hash, uint8_t table, struct slice key)
{
    uint32_t number;
    uint8_t *bytes;
    struct row *row;

    if (!slots_make_room(epoch) || !rows_make_room(epoch)) {
        return NULL;
    }
    bytes = take(epoch, key.size + 1, 1);
    if (!bytes) {
        return NULL;
    }
    bytes[0] = table;
    if (key.size) {
        memcpy(bytes + 1, key.data, key.size);
    }
    number = epoch->row_count++;
    row = row_at(epoch, number);
    *row = (struct row){.key = bytes, .key_size = (uint16_t)(key.size + 1)};
    slots_add(&epoch->slots, (struct slot){.hash = hash, .number_plus_one = number + 1});
    move_some(epoch);
    return row;
}

/* Memory for the value: the row's own when it fits. */
static uint8_t *value_room(struct epoch *epoch, const struct row *row, size_t size)
{
    return row && row->value && size <= row->value_room ? row->value : take(epoch, size, 1);
}

enum err_code epoch_put(struct epoch *epoch, uint8_t table, struct slice key, struct slice value,
                        uint32_t flags, struct err *err)
{
    uint32_t hash = hash_key(epoch, table, key);
    struct row *row = find_hashed(epoch, hash, table, key);
    bool fresh = (flags & KV_FRESH) != 0;
    uint8_t *bytes;

    assert(key.size <= KV_KEY_MAX);
    assert(value.data);
    assert(value.size <= UINT32_MAX);
    assert(!fresh || !row || row->state != ROW_LIVE);
    bytes = value_room(epoch, row, value.size);
    if (bytes && !row) {
        row = add_row(epoch, hash, table, key);
        if (row) {
            row->below = !fresh;
        }
    }
    if (!bytes || !row) {
        return err_set(err, ERR_NOMEM, "no memory for a value of %zu bytes", value.size);
    }
    memcpy(bytes, value.data, value.size);
    if (bytes != row->value) {
        row->value = bytes;
        row->value_room = (uint32_t)value.size;
    }
    row->value_size = (uint32_t)value.size;
    row->state = ROW_LIVE;
    return ERR_NONE;
}

enum err_code epoch_remove(struct epoch *epoch, uint8_t table, struct slice key, struct err *err)
{
    uint32_t hash = hash_key(epoch, table, key);
    struct row *row = find_hashed(epoch, hash, table, key);

    assert(key.size <= KV_KEY_MAX);
    if (!row) {
        row = add_row(epoch, hash, table, key);
        if (!row) {
            return err_set(err, ERR_NOMEM, "no memory to remove a key of %zu bytes", key.size);
        }
        row->below = true;
    }
    row->state = row->below ? ROW_REMOVED : ROW_VANISHED;
    row->value_size = 0;
    return ERR_NONE;
}

const struct row *epoch_row(const struct epoch *epoch, uint32_t number)
{
    return row_at(epoch, number);
}

static int compare_rows(const void *a, const void *b)
{
    return slice_compare(row_key(*(const struct row *const *)a),
                         row_key(*(const struct row *const *)b));
}

enum err_code epoch_sorted(const struct epoch *epoch, uint8_t table, struct slice from,
                           const struct row ***ret_rows, uint32_t *ret_count, struct err *err)
{
    const struct row **rows;
    uint32_t count = 0;

    for (uint32_t i = 0; i < epoch->row_count; i++) {
        const struct row *row = epoch_row(epoch, i);

        count += row->key[0] == table && slice_compare(row_key(row), from) >= 0;
    }
    rows = malloc(((size_t)count + 1) * sizeof(*rows));
    if (!rows) {
        return err_set(err, ERR_NOMEM, "no memory to sort %u rows", count);
    }
    count = 0;
    for (uint32_t i = 0; i < epoch->row_count; i++) {
        const struct row *row = epoch_row(epoch, i);

        if (row->key[0] == table && slice_compare(row_key(row), from) >= 0) {
            rows[count++] = row;
        }
    }
    qsort(rows, count, sizeof(*rows), compare_rows);
    *ret_rows = rows;
    *ret_count = count;
    return ERR_NONE;
}

uint32_t epoch_row_count(const struct epoch *epoch)
{
    return epoch->row_count;
}

size_t epoch_bytes(const struct epoch *epoch)
{
    return epoch->used;
}

const struct kv_mark *epoch_mark(const struct epoch *epoch)
{
    return &epoch->mark;
}

void epoch_set_mark(struct epoch *epoch, const struct kv_mark *mark)
{
    assert(mark->index >= epoch->mark.index);
    epoch->mark = *mark;
}

enum err_code epoch_create(struct epoch **ret_epoch, struct err *err)
{
    const struct env *env = env_system();
    struct epoch *epoch = calloc(1, sizeof(*epoch));

    if (!epoch) {
        return err_set(err, ERR_NOMEM, "no memory for an epoch");
    }
    env->random(env->self, &epoch->hash_seed, sizeof(epoch->hash_seed));
    *ret_epoch = epoch;
    return ERR_NONE;
}

void epoch_destroy(struct epoch *epoch)
{
    struct chunk *chunk = epoch ? epoch->chunks : NULL;

    if (!epoch) {
        return;
    }
    while (chunk) {
        struct chunk *next = chunk->next;

        unmap_pages(chunk, chunk->size);
        chunk = next;
    }
    slots_destroy(epoch, &epoch->slots);
    slots_destroy(epoch, &epoch->old);
    free(epoch->blocks);
    free(epoch);
}
