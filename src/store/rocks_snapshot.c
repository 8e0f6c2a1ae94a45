/* Snapshots of RocksDB: one state to read while later ones are written. */
#include "store/rocks.h"
#include "store/rocks_internal.h"

#include <stdlib.h>

const rocksdb_readoptions_t *rocks_read_options(const struct rocks *rocks,
                                                const struct rocks_snapshot *snapshot)
{
    return snapshot ? snapshot->read : rocks->read;
}

enum err_code rocks_snapshot_open(struct rocks *rocks, struct rocks_snapshot **ret_snapshot,
                                  struct err *err)
{
    struct rocks_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    enum err_code code;

    if (!snapshot) {
        return err_set(err, ERR_NOMEM, "no memory for a snapshot");
    }
    snapshot->rocks = rocks;
    snapshot->snapshot = rocksdb_create_snapshot(rocks->db);
    snapshot->read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_snapshot(snapshot->read, snapshot->snapshot);
    code = rocks_read_mark(rocks->db, rocks->families[ROCKS_META_FAMILY], snapshot->read,
                           &snapshot->mark, err);
    if (!code) {
        code = rocks_read_cut(rocks, snapshot->read, &snapshot->changes_cut, err);
    }
    if (code) {
        rocks_snapshot_close(snapshot);
        return code;
    }
    *ret_snapshot = snapshot;
    return ERR_NONE;
}

void rocks_snapshot_close(struct rocks_snapshot *snapshot)
{
    if (snapshot) {
        rocksdb_readoptions_destroy(snapshot->read);
        rocksdb_release_snapshot(snapshot->rocks->db, snapshot->snapshot);
        free(snapshot);
    }
}

struct kv_mark rocks_snapshot_mark(const struct rocks_snapshot *snapshot)
{
    return snapshot->mark;
}

uint64_t rocks_snapshot_cut(const struct rocks_snapshot *snapshot)
{
    return snapshot->changes_cut;
}
