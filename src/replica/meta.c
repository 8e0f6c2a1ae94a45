/* The meta file pair: meta-0 and meta-1. The slot's bytes are described at the head of segments.c.
 */
#include "replica/meta.h"

static const char *const meta_names[2] = {"meta-0", "meta-1"};

static enum err_code meta_read(struct meta *meta, uint32_t at, struct meta_slot *ret_slot,
                               bool *ret_good, struct err *err)
{
    struct disk *disk = meta->disk;
    uint8_t bytes[META_SLOT_SIZE];
    struct err why = {0};
    size_t size;

    if (disk->open(disk->self, meta_names[at], false, 0, &meta->files[at], &why) != ERR_NONE) {
        if (why.code == ERR_NOT_FOUND) {
            *ret_good = false;
            return ERR_NONE;
        }
        return err_set(err, why.code, "%s: %s", meta_names[at], why.text);
    }
    meta->existed = true;
    if (disk->read(disk->self, meta->files[at], 0, bytes, sizeof bytes, &size, err) != ERR_NONE) {
        return err_prefix(err, "%s", meta_names[at]);
    }
    switch (meta_slot_decode(slice_of(bytes, size), ret_slot, &why)) {
    case ERR_NONE:
        *ret_good = true;
        return ERR_NONE;
    case ERR_CORRUPT:
        *ret_good = false;
        return ERR_NONE;
    default:
        return err_set(err, why.code, "%s: %s", meta_names[at], why.text);
    }
}

enum err_code meta_open(struct meta *meta, struct disk *disk, struct err *err)
{
    struct meta_slot slots[2];
    bool good[2] = {false, false};

    *meta = (struct meta){.disk = disk, .files = {-1, -1}};
    for (uint32_t i = 0; i < 2; i++) {
        enum err_code code = meta_read(meta, i, &slots[i], &good[i], err);

        if (code != ERR_NONE) {
            return code;
        }
    }
    if (good[0] && good[1] && slots[0].cluster_id != slots[1].cluster_id) {
        return err_set(err, ERR_CORRUPT, "%s and %s belong to different clusters", meta_names[0],
                       meta_names[1]);
    }
    meta->found = good[0] || good[1];
    meta->damaged = meta->existed && !(good[0] && good[1]);
    if (meta->found) {
        meta->newer = good[1] && (!good[0] || slots[1].sequence > slots[0].sequence);
        meta->slot = slots[meta->newer];
    }
    return ERR_NONE;
}

static enum err_code meta_write(struct meta *meta, uint32_t at, const uint8_t *bytes,
                                struct err *err)
{
    struct disk *disk = meta->disk;
    bool create = meta->files[at] < 0;
    enum err_code code = ERR_NONE;

    if (create) {
        code = disk->open(disk->self, meta_names[at], true, META_SLOT_SIZE, &meta->files[at], err);
    }
    if (code == ERR_NONE) {
        code = disk->write(disk->self, meta->files[at], 0, bytes, META_SLOT_SIZE, err);
    }
    if (code == ERR_NONE) {
        code = disk->sync(disk->self, meta->files[at], err);
    }
    if (code == ERR_NONE && create) {
        code = disk->sync_dir(disk->self, err);
    }
    return code == ERR_NONE ? code : err_prefix(err, "%s", meta_names[at]);
}

enum err_code meta_store(struct meta *meta, struct err *err)
{
    uint8_t bytes[META_SLOT_SIZE];
    uint32_t older = 1 - meta->newer;
    enum err_code code;

    meta->slot.sequence++;
    meta_slot_encode(&meta->slot, bytes);
    code = meta_write(meta, older, bytes, err);
    if (code != ERR_NONE) {
        return code;
    }
    /* From here on the other copy is the older one, also when writing it fails. */
    meta->newer = older;
    code = meta_write(meta, 1 - older, bytes, err);
    if (code != ERR_NONE) {
        return code;
    }
    meta->found = true;
    meta->damaged = false;
    return ERR_NONE;
}

void meta_done(struct meta *meta)
{
    for (uint32_t i = 0; meta->disk && i < 2; i++) {
        if (meta->files[i] >= 0) {
            meta->disk->close(meta->disk->self, meta->files[i]);
            meta->files[i] = -1;
        }
    }
    meta->disk = NULL;
}
