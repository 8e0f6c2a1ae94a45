/* Opening, closing and flushing RocksDB: options, errors, marks. Reads and writes are in
 * rocks_rows.c.
 *
 * Never call rocksdb_flush or rocksdb_flush_cf here: with several column families they flush only
 * the one that is named, even with atomic_flush, and then the mark becomes durable ahead of the
 * rows. A checkpoint flushes all of them. */
#include "store/rocks.h"

#include "base/disk.h"
#include "base/limits.h"
#include "store/rocks_internal.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096
#define WRITE_BUFFER_SIZE (64 * MIB)
#define WRITE_BUFFERS 4
#define FILE_SIZE (64 * MIB)
#define BASE_SIZE (256 * MIB)
#define BLOCK_SIZE (16 * KIB)
#define CACHE_SIZE (32 * MIB)
#define CACHE_SHARD_BITS 4 /* 2 MiB a shard: the largest block fits many times. */
#define BYTES_PER_SYNC (1 * MIB)
#define INFO_LOG_SIZE (1 * MIB)
#define INFO_LOGS 2
#define INFO_LOG_FATAL 4
#define MANIFEST_SIZE (4 * MIB) /* Each flush copies it. */
#define FILTER_BITS 10
#define OPEN_THREADS 2
#define PERSISTED_TIER 2
#define TABLES_TEXT_MAX (64 * KIB)
#define OPEN_ROOM (4 * MIB)

/* A memtable is made of blocks of this size. They must be mappings of their own: in malloc's heap
 * they stay there after the flush that freed them (seen: 190 MB for a million rows, 3 MB with
 * them). */
#define MEMTABLE_BLOCK_SIZE (1 * MIB)
#define MAPPED_SIZE_MIN (512 * KIB)

static const char *const family_names[ROCKS_COUNT] = {
    [ROCKS_CHANGES] = "default",
    [ROCKS_TABLES + KV_HOT] = "hot",
    [ROCKS_TABLES + KV_LARGE] = "large",
    [ROCKS_TABLES + KV_HISTORY] = "history",
};

enum err_code rocks_fail(struct err *err, char *owned_text, const char *what)
{
    enum err_code code = ERR_IO;

    if (strstr(owned_text, "No space left") || strstr(owned_text, "Disk quota exceeded")) {
        code = ERR_NO_SPACE;
    } else if (strncmp(owned_text, "Corruption", 10) == 0) {
        code = ERR_CORRUPT;
    }
    (void)err_set(err, code, "%s: %s", what, owned_text);
    rocksdb_free(owned_text);
    return code;
}

rocksdb_column_family_handle_t *rocks_family(const struct rocks *rocks, uint8_t table)
{
    assert(table < rocks->table_count);
    return rocks->families[ROCKS_TABLES + rocks->tables[table].class];
}

void rocks_index_encode(uint64_t index, uint8_t ret_bytes[ROCKS_INDEX_SIZE])
{
    index = htobe64(index);
    memcpy(ret_bytes, &index, sizeof(index));
}

uint64_t rocks_index_decode(const uint8_t bytes[ROCKS_INDEX_SIZE])
{
    uint64_t index;

    memcpy(&index, bytes, sizeof(index));
    return be64toh(index);
}

void rocks_mark_encode(const struct kv_mark *mark, uint8_t ret_bytes[ROCKS_MARK_SIZE])
{
    ret_bytes[0] = ROCKS_MARK_VERSION;
    rocks_index_encode(mark->index, ret_bytes + 1);
    rocks_index_encode(mark->term, ret_bytes + 9);
    rocks_index_encode(mark->state_hash, ret_bytes + 17);
}

static enum err_code mark_decode(struct slice bytes, struct kv_mark *ret_mark, struct err *err)
{
    if (!bytes.data) {
        *ret_mark = (struct kv_mark){0};
        return ERR_NONE;
    }
    if (bytes.size != ROCKS_MARK_SIZE || bytes.data[0] != ROCKS_MARK_VERSION) {
        return err_set(err, ERR_CORRUPT, "the store's mark of %zu bytes is not of version %d",
                       bytes.size, ROCKS_MARK_VERSION);
    }
    ret_mark->index = rocks_index_decode(bytes.data + 1);
    ret_mark->term = rocks_index_decode(bytes.data + 9);
    ret_mark->state_hash = rocks_index_decode(bytes.data + 17);
    return ERR_NONE;
}

enum err_code rocks_read_meta(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                              const rocksdb_readoptions_t *read, const char *key, uint8_t *bytes,
                              size_t room, struct slice *ret_value, struct err *err)
{
    rocksdb_pinnableslice_t *pin;
    const char *found;
    char *text = NULL;
    size_t size = 0;

    pin = rocksdb_get_pinned_cf(db, read, family, key, strlen(key), &text);
    if (text) {
        return rocks_fail(err, text, "read the store's mark");
    }
    *ret_value = slice_of(NULL, 0);
    if (!pin) {
        return ERR_NONE;
    }
    found = rocksdb_pinnableslice_value(pin, &size);
    if (size <= room) {
        memcpy(bytes, found, size);
        *ret_value = slice_of(bytes, size);
    }
    rocksdb_pinnableslice_destroy(pin);
    return size <= room ? ERR_NONE : err_set(err, ERR_CORRUPT, "%s has %zu bytes", key + 1, size);
}

enum err_code rocks_read_mark(rocksdb_t *db, rocksdb_column_family_handle_t *family,
                              const rocksdb_readoptions_t *read, struct kv_mark *ret_mark,
                              struct err *err)
{
    uint8_t bytes[ROCKS_MARK_SIZE];
    struct slice value;
    enum err_code code =
        rocks_read_meta(db, family, read, ROCKS_META_MARK, bytes, sizeof(bytes), &value, err);

    return code ? code : mark_decode(value, ret_mark, err);
}

enum err_code rocks_read_cut(const struct rocks *rocks, const rocksdb_readoptions_t *read,
                             uint64_t *ret_cut, struct err *err)
{
    uint8_t bytes[ROCKS_INDEX_SIZE];
    struct slice value;

    if (rocks_read_meta(rocks->db, rocks->families[ROCKS_META_FAMILY], read, ROCKS_META_CUT, bytes,
                        sizeof(bytes), &value, err)) {
        return err->code;
    }
    if (value.data && value.size != sizeof(bytes)) {
        return err_set(err, ERR_CORRUPT, "the cut of change records has %zu bytes", value.size);
    }
    *ret_cut = value.data ? rocks_index_decode(bytes) : 0;
    return ERR_NONE;
}

enum err_code rocks_mark(struct rocks *rocks, bool persisted, struct kv_mark *ret_mark,
                         struct err *err)
{
    return rocks_read_mark(rocks->db, rocks->families[ROCKS_META_FAMILY],
                           persisted ? rocks->read_persisted : rocks->read, ret_mark, err);
}

/* Options that the C interface has no function for. */
static rocksdb_options_t *base_options(struct err *err)
{
    rocksdb_options_t *defaults = rocksdb_options_create();
    rocksdb_options_t *options = rocksdb_options_create();
    char *text = NULL;

    rocksdb_get_options_from_string(defaults, "avoid_flush_during_shutdown=true", options, &text);
    rocksdb_options_destroy(defaults);
    if (text) {
        (void)rocks_fail(err, text, "set the store's options");
        rocksdb_options_destroy(options);
        return NULL;
    }
    return options;
}

static void set_block_options(rocksdb_options_t *options, rocksdb_cache_t *cache, bool filter)
{
    rocksdb_block_based_table_options_t *block = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_size(block, BLOCK_SIZE);
    rocksdb_block_based_options_set_block_cache(block, cache);
    /* In the cache, one filter block would evict all else. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(block, 0);
    if (filter) {
        rocksdb_block_based_options_set_filter_policy(
            block, rocksdb_filterpolicy_create_ribbon(FILTER_BITS));
    }
    rocksdb_options_set_block_based_table_factory(options, block);
    rocksdb_block_based_options_destroy(block);
}

/* What holds for the whole database; only the first options object's count. */
static void set_database_options(rocksdb_options_t *options, uint32_t files_max)
{
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_atomic_flush(options, 1);
    rocksdb_options_set_allow_concurrent_memtable_write(options, 0);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_bytes_per_sync(options, BYTES_PER_SYNC);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_SIZE);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOGS);
    rocksdb_options_set_info_log_level(options, INFO_LOG_FATAL);
    rocksdb_options_set_max_manifest_file_size(options, MANIFEST_SIZE);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(options, 1);
    rocksdb_options_set_max_file_opening_threads(options, OPEN_THREADS);
    rocksdb_options_set_max_open_files(options, files_max ? (int)files_max : -1);
}

static void set_family_options(rocksdb_options_t *options)
{
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_SIZE);
    rocksdb_options_set_max_write_buffer_number(options, WRITE_BUFFERS);
    rocksdb_options_set_arena_block_size(options, MEMTABLE_BLOCK_SIZE);
    rocksdb_options_set_compaction_style(options, rocksdb_level_compaction);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_level0_file_num_compaction_trigger(options, 4);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, 40);
    rocksdb_options_set_level0_stop_writes_trigger(options, 60);
    rocksdb_options_set_target_file_size_base(options, FILE_SIZE);
    rocksdb_options_set_max_bytes_for_level_base(options, BASE_SIZE);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
}

static enum err_code create_options(struct rocks *rocks, uint32_t files_max, struct err *err)
{
    rocksdb_lru_cache_options_t *cache = rocksdb_lru_cache_options_create();

    rocksdb_lru_cache_options_set_capacity(cache, CACHE_SIZE);
    rocksdb_lru_cache_options_set_num_shard_bits(cache, CACHE_SHARD_BITS);
    rocks->cache = rocksdb_cache_create_lru_opts(cache);
    rocksdb_lru_cache_options_destroy(cache);
    for (int i = 0; i < ROCKS_COUNT; i++) {
        bool filter = i == ROCKS_TABLES + KV_HOT || i == ROCKS_TABLES + KV_LARGE;

        rocks->options[i] = base_options(err);
        if (!rocks->options[i]) {
            return ERR_IO;
        }
        set_database_options(rocks->options[i], files_max);
        set_family_options(rocks->options[i]);
        set_block_options(rocks->options[i], rocks->cache, filter);
    }
    rocks->no_log = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->no_log, 1);
    rocks->read = rocksdb_readoptions_create();
    rocks->read_persisted = rocksdb_readoptions_create();
    rocksdb_readoptions_set_read_tier(rocks->read_persisted, PERSISTED_TIER);
    return ERR_NONE;
}

static char *join(const char *dir, const char *name)
{
    char *path = NULL;

    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Removes a directory of files, such as a checkpoint. One that is not there is fine, and one that
 * stays does no harm. */
static void remove_dir(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *found;

    if (!directory) {
        return;
    }
    while ((found = readdir(directory))) {
        (void)unlinkat(dirfd(directory), found->d_name, 0);
    }
    (void)closedir(directory);
    (void)rmdir(path);
}

static void remove_flush_dirs(const struct rocks *rocks)
{
    char *unfinished = join(rocks->dir, "flush.tmp");

    remove_dir(rocks->flush_dir);
    if (unfinished) {
        remove_dir(unfinished);
    }
    free(unfinished);
}

/* Creates the directories, syncing their names. */
static enum err_code create_dirs(const char *db_dir, struct err *err)
{
    struct disk *disk = NULL;
    enum err_code code = disk_open(db_dir, &disk, err);

    disk_close(disk);
    return code;
}

static enum err_code open_failed(const struct rocks *rocks, char *owned_text, struct err *err)
{
    if (strstr(owned_text, "lock file") || strstr(owned_text, "lock hold by")) {
        rocksdb_free(owned_text);
        return err_set(err, ERR_STATE, "%s is in use by another process", rocks->dir);
    }
    return rocks_fail(err, owned_text, "open the store");
}

/* Bytes of the memtables: a flush writes at most so much. */
static uint64_t memtable_bytes(const struct rocks *rocks)
{
    uint64_t total = 0;

    for (int i = 0; rocks->db && i < ROCKS_COUNT; i++) {
        uint64_t bytes = 0;
        int result = rocksdb_property_int_cf(rocks->db, rocks->families[i],
                                             "rocksdb.cur-size-all-mem-tables", &bytes);

        assert(result == 0);
        total += bytes;
    }
    return total;
}

enum err_code rocks_room(const struct rocks *rocks, uint64_t more, struct err *err)
{
    uint64_t bytes = memtable_bytes(rocks) + more;
    struct statvfs stat;
    uint64_t room;

    if (statvfs(rocks->dir, &stat) < 0) {
        return err_set(err, ERR_IO, "no free space known of %s: %s", rocks->dir,
                       strerrordesc_np(errno));
    }
    room = (uint64_t)stat.f_bavail * stat.f_frsize;
    if (room < bytes) {
        return err_set(err, ERR_NO_SPACE, "the disk has %llu MiB left and %llu are needed",
                       (unsigned long long)(room / MIB), (unsigned long long)(bytes / MIB));
    }
    return ERR_NONE;
}

static enum err_code open_db(struct rocks *rocks, struct err *err)
{
    char *db_dir = join(rocks->dir, "db");
    enum err_code code;
    char *text = NULL;

    if (!db_dir) {
        return err_set(err, ERR_NOMEM, "no memory for a path");
    }
    code = create_dirs(db_dir, err);
    if (!code) {
        code = rocks_room(rocks, OPEN_ROOM, err); /* Its log file dies of a full disk. */
    }
    if (!code) {
        rocks->db = rocksdb_open_column_families(
            rocks->options[0], db_dir, ROCKS_COUNT, family_names,
            (const rocksdb_options_t *const *)rocks->options, rocks->families, &text);
    }
    free(db_dir);
    if (code) {
        return code;
    }
    if (text) {
        rocks->db = NULL;
        return open_failed(rocks, text, err);
    }
    rocks->checkpoint = rocksdb_checkpoint_object_create(rocks->db, &text);
    return text ? rocks_fail(err, text, "prepare flushes") : ERR_NONE;
}

/* The tables as they are remembered: class, size of name, name, one after another. */
static size_t tables_encode(const struct rocks *rocks, uint8_t *bytes)
{
    size_t size = 0;

    for (uint32_t i = 0; i < rocks->table_count; i++) {
        size_t name_size = strlen(rocks->tables[i].name);

        assert(name_size <= UINT8_MAX);
        assert(size + 2 + name_size <= TABLES_TEXT_MAX);
        bytes[size++] = (uint8_t)rocks->tables[i].class;
        bytes[size++] = (uint8_t)name_size;
        memcpy(bytes + size, rocks->tables[i].name, name_size);
        size += name_size;
    }
    return size;
}

/* A table's number and class say where its rows lie: tables may be added at the end and nothing
 * else. */
static enum err_code check_tables(struct rocks *rocks, struct err *err)
{
    rocksdb_column_family_handle_t *family = rocks->families[ROCKS_META_FAMILY];
    uint8_t *now = malloc(2 * TABLES_TEXT_MAX);
    struct slice then = {0};
    enum err_code code;
    char *text = NULL;
    size_t size;

    if (!now) {
        return err_set(err, ERR_NOMEM, "no memory to check the tables");
    }
    size = tables_encode(rocks, now);
    code = rocks_read_meta(rocks->db, family, rocks->read, ROCKS_META_TABLES, now + TABLES_TEXT_MAX,
                           TABLES_TEXT_MAX, &then, err);
    if (code) {
        goto out;
    }
    if (then.size > size && memcmp(then.data, now, size) == 0) {
        code = err_set(err, ERR_UNSUPPORTED, "%s has tables of a later version", rocks->dir);
        goto out;
    }
    if (then.size > size || (then.size && memcmp(then.data, now, then.size) != 0)) {
        code = err_set(err, ERR_CORRUPT, "%s was written with other tables", rocks->dir);
        goto out;
    }
    if (then.size < size) {
        rocksdb_put_cf(rocks->db, rocks->no_log, family, ROCKS_META_TABLES,
                       strlen(ROCKS_META_TABLES), (const char *)now, size, &text);
        code = text ? rocks_fail(err, text, "write the tables") : ERR_NONE;
    }
out:
    free(now);
    return code;
}

/* The mapping threshold is the whole process's: the C interface has no allocator to set. */
enum err_code rocks_open(const struct store_options *options, struct rocks **ret_rocks,
                         struct err *err)
{
    struct rocks *rocks = calloc(1, sizeof(*rocks));
    enum err_code code;

    assert(options->table_count > 0 && options->table_count <= ROCKS_META_TABLE);
    if (!rocks) {
        return err_set(err, ERR_NOMEM, "no memory for a store");
    }
    (void)mallopt(M_MMAP_THRESHOLD, (int)MAPPED_SIZE_MIN);
    rocks->tables = options->tables;
    rocks->table_count = options->table_count;
    rocks->dir = strdup(options->dir);
    rocks->flush_dir = join(options->dir, "flush");
    if (!rocks->dir || !rocks->flush_dir) {
        code = err_set(err, ERR_NOMEM, "no memory for a path");
        goto out;
    }
    code = create_options(rocks, options->files_max, err);
    if (code) {
        goto out;
    }
    code = open_db(rocks, err);
    if (code) {
        goto out;
    }
    code = check_tables(rocks, err);
    if (code) {
        goto out;
    }
    code = rocks_read_cut(rocks, rocks->read, &rocks->changes_cut, err);
    if (code) {
        goto out;
    }
    remove_flush_dirs(rocks); /* Left by a crash; the lock is ours, so nobody uses them. */
    *ret_rocks = rocks;
    rocks = NULL;
out:
    rocks_close(rocks);
    return code;
}

static void close_db(struct rocks *rocks)
{
    if (rocks->checkpoint) {
        rocksdb_checkpoint_object_destroy(rocks->checkpoint);
    }
    for (int i = 0; rocks->db && i < ROCKS_COUNT; i++) {
        rocksdb_column_family_handle_destroy(rocks->families[i]);
    }
    if (rocks->db) {
        rocksdb_close(rocks->db);
    }
}

void rocks_close(struct rocks *rocks)
{
    if (!rocks) {
        return;
    }
    close_db(rocks);
    for (int i = 0; i < ROCKS_COUNT; i++) {
        if (rocks->options[i]) {
            rocksdb_options_destroy(rocks->options[i]);
        }
    }
    if (rocks->cache) {
        rocksdb_cache_destroy(rocks->cache);
    }
    if (rocks->no_log) {
        rocksdb_writeoptions_destroy(rocks->no_log);
        rocksdb_readoptions_destroy(rocks->read);
        rocksdb_readoptions_destroy(rocks->read_persisted);
    }
    free(rocks->flush_dir);
    free(rocks->dir);
    free(rocks);
}

enum err_code rocks_flush(struct rocks *rocks, struct err *err)
{
    char *text = NULL;

    remove_flush_dirs(rocks);
    rocksdb_checkpoint_create(rocks->checkpoint, rocks->flush_dir, 0, &text);
    remove_flush_dirs(rocks);
    return text ? rocks_fail(err, text, "flush the store") : ERR_NONE;
}

/* Opens a copy only to see where it stands. */
static enum err_code copy_mark(struct rocks *rocks, const char *dir, struct kv_mark *ret_mark,
                               struct err *err)
{
    rocksdb_column_family_handle_t *families[ROCKS_COUNT];
    enum err_code code;
    char *text = NULL;
    rocksdb_t *copy = rocksdb_open_for_read_only_column_families(
        rocks->options[0], dir, ROCKS_COUNT, family_names,
        (const rocksdb_options_t *const *)rocks->options, families, 0, &text);

    if (text) {
        return rocks_fail(err, text, "open the checkpoint");
    }
    code = rocks_read_mark(copy, families[ROCKS_META_FAMILY], rocks->read, ret_mark, err);
    for (int i = 0; i < ROCKS_COUNT; i++) {
        rocksdb_column_family_handle_destroy(families[i]);
    }
    rocksdb_close(copy);
    return code;
}

enum err_code rocks_checkpoint(struct rocks *rocks, const char *dir, struct kv_mark *ret_mark,
                               struct err *err)
{
    char *text = NULL;

    rocksdb_checkpoint_create(rocks->checkpoint, dir, 0, &text);
    return text ? rocks_fail(err, text, "copy the store") : copy_mark(rocks, dir, ret_mark, err);
}
