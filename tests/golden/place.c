/* Memory and stores for transcripts: see place.h. */
#include "tests/golden/place.h"

#include "base/limits.h"
#include "core/tables.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Every so many turns all is written, so that rows are read from each of the three layers. */
#define DRAIN_TURNS 4

const char *place_name(enum place_kind kind)
{
    static const char *const names[PLACE_COUNT] = {"memory", "rocks", "crash"};

    assert(kind < PLACE_COUNT);
    return names[kind];
}

static enum err_code open_store(struct place *place, struct err *err)
{
    uint32_t table_count;
    struct store_options options = {.dir = place->dir, .tables = core_tables(&table_count)};

    options.table_count = table_count;
    return store_open(&options, &place->store, err);
}

void place_init(struct place *place, enum place_kind kind)
{
    struct err err = {0};
    enum err_code code;

    *place = (struct place){.kind = kind, .now_ns = 1};
    if (kind == PLACE_MEMORY) {
        code = kv_mem_create(TABLE_COUNT, &place->mem, &err);
    } else {
        (void)snprintf(place->dir, sizeof(place->dir), "/tmp/corvo-golden-XXXXXX");
        code = mkdtemp(place->dir) ? open_store(place, &err)
                                   : err_set(&err, ERR_IO, "no directory like %s", place->dir);
    }
    if (code) {
        (void)fprintf(stderr, "%s: %s\n", place_name(kind), err.text);
        abort();
    }
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *where)
{
    (void)stat;
    (void)type;
    (void)where;
    return remove(path);
}

static void close_store(struct place *place, bool flush)
{
    if (place->store) {
        place->epochs_written += store_stats(place->store).epochs_written;
        store_close(place->store, flush);
        place->store = NULL;
    }
}

void place_done(struct place *place)
{
    kv_mem_destroy(place->mem);
    close_store(place, false);
    if (place->dir[0]) {
        (void)nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    for (uint32_t i = 0; i < place->entry_count; i++) {
        free((void *)(uintptr_t)place->entries[i].bytes.data);
    }
    free(place->entries);
}

struct kv *place_kv(struct place *place)
{
    return place->mem ? kv_mem_kv(place->mem) : store_kv(place->store);
}

void place_note(struct place *place, uint64_t index, struct slice bytes)
{
    struct place_entry *entry;
    uint8_t *copy;

    if (place->kind != PLACE_CRASH) {
        return;
    }
    if (place->entry_count == place->entry_room) {
        place->entry_room = place->entry_room ? place->entry_room * 2 : 64;
        place->entries = realloc(place->entries, place->entry_room * sizeof(*place->entries));
        assert(place->entries);
    }
    copy = malloc(bytes.size + 1);
    assert(copy);
    if (bytes.size) {
        memcpy(copy, bytes.data, bytes.size);
    }
    entry = &place->entries[place->entry_count++];
    *entry = (struct place_entry){index, slice_of(copy, bytes.size)};
}

bool place_turn(struct place *place, struct err *err)
{
    if (!place->store) {
        return true;
    }
    /* The first call notes that there is something to write, the second finds it old enough. */
    for (uint32_t i = 0; i < 2; i++) {
        place->now_ns += NS_PER_SECOND;
        if (store_poll(place->store, place->now_ns, 0, err)) {
            return false;
        }
    }
    return ++place->turns % DRAIN_TURNS != 0 || store_drain(place->store, false, err) == ERR_NONE;
}

bool place_flush(struct place *place, struct err *err)
{
    return !place->store || store_drain(place->store, true, err) == ERR_NONE;
}

/* Applies the entries above the mark again, which moves on. */
static enum err_code replay(struct place *place, const struct core_options *options,
                            struct kv_mark *mark, struct err *err)
{
    struct core *core = NULL;
    struct core_applied applied;
    struct arena arena;
    enum err_code code = core_open(place_kv(place), mark, options, &core, err);

    arena_init(&arena, ENTRY_ARENA_MAX);
    for (uint32_t i = 0; i < place->entry_count && !code; i++) {
        const struct place_entry *entry = &place->entries[i];

        if (entry->index > mark->index) {
            code = core_apply(core, entry->index, 1, entry->bytes, &arena, &applied, err);
            arena_clear(&arena);
        }
    }
    if (!code) {
        *mark = core_mark(core);
    }
    core_close(core);
    arena_done(&arena);
    return code;
}

bool place_reopen(struct place *place, const struct core_options *options, struct kv_mark *ret_mark,
                  struct err *err)
{
    enum err_code code;

    if (place->mem) {
        *ret_mark = kv_mem_committed(place->mem);
        return true;
    }
    close_store(place, place->kind == PLACE_ROCKS);
    code = open_store(place, err);
    if (code) {
        return false;
    }
    *ret_mark = store_opened_at(place->store);
    return place->kind == PLACE_ROCKS || !replay(place, options, ret_mark, err);
}

uint64_t place_epochs(const struct place *place)
{
    return place->epochs_written + (place->store ? store_stats(place->store).epochs_written : 0);
}
