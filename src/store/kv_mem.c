/* The kv interface over memory: one skip list a table, three versions a row.
 *
 * A row holds its current, its last committed and its last flushed value, so that a commit, a flush
 * and a crash touch only the rows that changed since the last one, and memory stays bounded however
 * long nobody flushes. This is no store: it does not persist, has no threads and no limits. */
#include "store/kv_mem.h"

#include <stdlib.h>

#define KEY_SIZE_MAX 255
#define LEVEL_MAX 12 /* With one in four going up, enough for 4^12 rows. */

struct value {
    size_t size;
    uint8_t bytes[];
};

enum version { VERSION_CURRENT, VERSION_COMMITTED, VERSION_FLUSHED, VERSION_COUNT };

struct node {
    struct value *versions[VERSION_COUNT]; /* NULL: not there. Neighbours may share one value. */
    struct node *uncommitted_next;
    struct node *unflushed_next;
    struct node *unflushed_previous;
    bool uncommitted; /* Member of mem->uncommitted. */
    bool unflushed;   /* Member of mem->unflushed. */
    uint8_t table;
    uint8_t key_size;
    uint8_t level_count;
    uint8_t *key;        /* Behind the tower. */
    struct node *next[]; /* level_count of them. */
};

struct list_head {
    struct node *next[LEVEL_MAX];
};

struct kv_mem {
    struct kv kv;
    uint32_t table_count;
    struct list_head *tables;
    struct node *uncommitted;
    struct node *unflushed;
    struct kv_mark committed;
    struct kv_mark flushed;
    uint64_t write_count;
    uint64_t level_bits; /* A fixed sequence: two runs build the same lists. */
};

static struct slice node_key(const struct node *node)
{
    return slice_of(node->key, node->key_size);
}

/* Sets one version and frees what no version holds any more. */
static void set_version(struct node *node, enum version version, struct value *value)
{
    struct value *old = node->versions[version];

    node->versions[version] = value;
    for (int i = 0; i < VERSION_COUNT; i++) {
        if (node->versions[i] == old) {
            return;
        }
    }
    free(old);
}

static bool node_is_dead(const struct node *node)
{
    return !node->versions[VERSION_CURRENT] && !node->versions[VERSION_COMMITTED] &&
           !node->versions[VERSION_FLUSHED];
}

/* The first node with a key >= `key`; ret_links, unless NULL, gets the links that lead to it, level
 * by level. */
static struct node *find(struct list_head *list, struct slice key,
                         struct node **ret_links[LEVEL_MAX])
{
    struct node **links = list->next;

    for (int level = LEVEL_MAX - 1; level >= 0; level--) {
        while (links[level] && slice_compare(node_key(links[level]), key) < 0) {
            links = links[level]->next;
        }
        if (ret_links) {
            ret_links[level] = &links[level];
        }
    }
    return links[0];
}

static struct node *find_exact(struct kv_mem *mem, uint8_t table, struct slice key)
{
    struct node *node = find(&mem->tables[table], key, NULL);

    return node && slice_equal(node_key(node), key) ? node : NULL;
}

static uint8_t next_level_count(struct kv_mem *mem)
{
    uint8_t count = 1;
    uint64_t bits;

    mem->level_bits ^= mem->level_bits << 13;
    mem->level_bits ^= mem->level_bits >> 7;
    mem->level_bits ^= mem->level_bits << 17;
    bits = mem->level_bits;
    while (count < LEVEL_MAX && (bits & 3) == 0) {
        count++;
        bits >>= 2;
    }
    return count;
}

static struct node *insert(struct kv_mem *mem, uint8_t table, struct slice key)
{
    uint8_t level_count = next_level_count(mem);
    size_t tower_size = level_count * sizeof(struct node *);
    struct node *node = calloc(1, sizeof(*node) + tower_size + key.size);
    struct node **links[LEVEL_MAX];

    if (!node) {
        return NULL;
    }
    node->table = table;
    node->key_size = (uint8_t)key.size;
    node->level_count = level_count;
    node->key = (uint8_t *)node->next + tower_size;
    if (key.size) {
        memcpy(node->key, key.data, key.size);
    }
    (void)find(&mem->tables[table], key, links);
    for (int level = 0; level < level_count; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
    return node;
}

static void free_node(struct node *node)
{
    for (int i = 0; i < VERSION_COUNT; i++) {
        set_version(node, (enum version)i, NULL);
    }
    free(node);
}

static void unlink_unflushed(struct kv_mem *mem, struct node *node)
{
    if (node->unflushed_previous) {
        node->unflushed_previous->unflushed_next = node->unflushed_next;
    } else {
        mem->unflushed = node->unflushed_next;
    }
    if (node->unflushed_next) {
        node->unflushed_next->unflushed_previous = node->unflushed_previous;
    }
    node->unflushed_next = NULL;
    node->unflushed_previous = NULL;
    node->unflushed = false;
}

static void link_unflushed(struct kv_mem *mem, struct node *node)
{
    if (node->unflushed) {
        return;
    }
    node->unflushed = true;
    node->unflushed_next = mem->unflushed;
    if (mem->unflushed) {
        mem->unflushed->unflushed_previous = node;
    }
    mem->unflushed = node;
}

/* Takes a node out of everything and frees it when no version is left. */
static void reap(struct kv_mem *mem, struct node *node)
{
    struct node **links[LEVEL_MAX];

    if (!node_is_dead(node) || node->uncommitted) {
        return;
    }
    if (node->unflushed) {
        unlink_unflushed(mem, node);
    }
    (void)find(&mem->tables[node->table], node_key(node), links);
    for (int level = 0; level < node->level_count; level++) {
        assert(*links[level] == node);
        *links[level] = node->next[level];
    }
    free_node(node);
}

static void change(struct kv_mem *mem, struct node *node, struct value *value)
{
    set_version(node, VERSION_CURRENT, value);
    mem->write_count++;
    if (!node->uncommitted) {
        node->uncommitted = true;
        node->uncommitted_next = mem->uncommitted;
        mem->uncommitted = node;
    }
}

static enum err_code mem_get(void *self, uint8_t table, struct slice key, struct arena *arena,
                             struct slice *ret_value, struct err *err)
{
    struct kv_mem *mem = self;
    const struct value *value;
    const struct node *node;

    assert(table < mem->table_count);
    node = find_exact(mem, table, key);
    value = node ? node->versions[VERSION_CURRENT] : NULL;
    if (!value) {
        *ret_value = slice_of(NULL, 0);
        return ERR_NONE;
    }
    if (!arena_copy(arena, slice_of(value->bytes, value->size), ret_value)) {
        return err_set(err, ERR_NOMEM, "no room for a value of %zu bytes", value->size);
    }
    return ERR_NONE;
}

static enum err_code mem_put(void *self, uint8_t table, struct slice key, struct slice bytes,
                             uint32_t flags, struct err *err)
{
    struct kv_mem *mem = self;
    struct value *value;
    struct node *node;

    assert(table < mem->table_count);
    assert(key.size <= KEY_SIZE_MAX);
    assert(bytes.data);
    node = find_exact(mem, table, key);
    assert(!(flags & KV_FRESH) || !node || !node->versions[VERSION_CURRENT]);
    value = malloc(sizeof(*value) + bytes.size);
    if (!value) {
        return err_set(err, ERR_NOMEM, "no memory for a value of %zu bytes", bytes.size);
    }
    value->size = bytes.size;
    memcpy(value->bytes, bytes.data, bytes.size);
    if (!node) {
        node = insert(mem, table, key);
    }
    if (!node) {
        free(value);
        return err_set(err, ERR_NOMEM, "no memory for a key of %zu bytes", key.size);
    }
    change(mem, node, value);
    return ERR_NONE;
}

static enum err_code mem_remove(void *self, uint8_t table, struct slice key, struct err *err)
{
    struct kv_mem *mem = self;
    struct node *node;

    (void)err;
    assert(table < mem->table_count);
    node = find_exact(mem, table, key);
    if (node && node->versions[VERSION_CURRENT]) {
        change(mem, node, NULL);
    }
    return ERR_NONE;
}

static enum err_code mem_scan(void *self, uint8_t table, struct slice from, kv_row_fn row,
                              void *context, struct err *err)
{
    struct kv_mem *mem = self;
    const struct node *node;
    enum err_code code;

    assert(table < mem->table_count);
    for (node = find(&mem->tables[table], from, NULL); node; node = node->next[0]) {
        const struct value *value = node->versions[VERSION_CURRENT];

        if (!value) {
            continue;
        }
        code = row(context, node_key(node), slice_of(value->bytes, value->size), err);
        if (code) {
            return code;
        }
    }
    return ERR_NONE;
}

static enum err_code mem_commit(void *self, const struct kv_mark *mark, struct err *err)
{
    struct kv_mem *mem = self;
    struct node *node = mem->uncommitted;

    (void)err;
    assert(mark->index >= mem->committed.index);
    mem->uncommitted = NULL;
    while (node) {
        struct node *next = node->uncommitted_next;

        node->uncommitted = false;
        node->uncommitted_next = NULL;
        set_version(node, VERSION_COMMITTED, node->versions[VERSION_CURRENT]);
        link_unflushed(mem, node);
        reap(mem, node);
        node = next;
    }
    mem->committed = *mark;
    return ERR_NONE;
}

void kv_mem_flush(struct kv_mem *mem)
{
    struct node *node;

    while ((node = mem->unflushed)) {
        unlink_unflushed(mem, node);
        set_version(node, VERSION_FLUSHED, node->versions[VERSION_COMMITTED]);
        reap(mem, node);
    }
    mem->flushed = mem->committed;
}

void kv_mem_crash(struct kv_mem *mem)
{
    struct node *node;

    while ((node = mem->uncommitted)) {
        mem->uncommitted = node->uncommitted_next;
        node->uncommitted = false;
        node->uncommitted_next = NULL;
        set_version(node, VERSION_CURRENT, node->versions[VERSION_COMMITTED]);
        reap(mem, node);
    }
    while ((node = mem->unflushed)) {
        unlink_unflushed(mem, node);
        set_version(node, VERSION_COMMITTED, node->versions[VERSION_FLUSHED]);
        set_version(node, VERSION_CURRENT, node->versions[VERSION_FLUSHED]);
        reap(mem, node);
    }
    mem->committed = mem->flushed;
}

enum err_code kv_mem_create(uint32_t table_count, struct kv_mem **ret_mem, struct err *err)
{
    struct kv_mem *mem = calloc(1, sizeof(*mem));

    assert(table_count > 0 && table_count <= UINT8_MAX + 1);
    if (mem) {
        mem->tables = calloc(table_count, sizeof(*mem->tables));
    }
    if (!mem || !mem->tables) {
        free(mem);
        return err_set(err, ERR_NOMEM, "no memory for %u tables", table_count);
    }
    mem->table_count = table_count;
    mem->level_bits = UINT64_C(0x9e3779b97f4a7c15);
    mem->kv = (struct kv){
        .self = mem,
        .get = mem_get,
        .put = mem_put,
        .remove = mem_remove,
        .scan = mem_scan,
        .commit = mem_commit,
    };
    *ret_mem = mem;
    return ERR_NONE;
}

void kv_mem_destroy(struct kv_mem *mem)
{
    if (!mem) {
        return;
    }
    for (uint32_t table = 0; table < mem->table_count; table++) {
        struct node *node = mem->tables[table].next[0];

        while (node) {
            struct node *next = node->next[0];

            free_node(node);
            node = next;
        }
    }
    free(mem->tables);
    free(mem);
}

struct kv *kv_mem_kv(struct kv_mem *mem)
{
    return &mem->kv;
}

struct kv_mark kv_mem_committed(const struct kv_mem *mem)
{
    return mem->committed;
}

struct kv_mark kv_mem_flushed(const struct kv_mem *mem)
{
    return mem->flushed;
}

uint64_t kv_mem_writes(const struct kv_mem *mem)
{
    return mem->write_count;
}
