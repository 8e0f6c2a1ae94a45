/* The end of opening the log: when all of it has been read and judged, its end is mended, so that
 * what was found is durable and whole. */
#include "replica/segments_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static enum err_code write_zeros(struct segments *segments, uint64_t from, uint64_t end,
                                 struct err *err)
{
    struct disk *disk = segments->options.disk;
    uint8_t *zeros = calloc(1, SEGMENTS_READ_CHUNK);
    enum err_code code = ERR_NONE;

    if (!zeros) {
        return err_set(err, ERR_NOMEM, "no memory to mend the log's end");
    }
    while (from < end && code == ERR_NONE) {
        size_t size = end - from < SEGMENTS_READ_CHUNK ? (size_t)(end - from) : SEGMENTS_READ_CHUNK;

        code = disk->write(disk->self, segments->worker.file, from, zeros, size, err);
        from += size;
    }
    free(zeros);
    return code;
}

/* Writes the doubtful bytes again, so that the sync behind it really writes them.
 *
 * They may have been read from the page cache of a process whose sync failed: Linux calls such
 * pages clean, and another sync says that all is well without writing them. */
static enum err_code write_doubtful_again(struct segments *segments, uint64_t from, uint64_t end,
                                          struct err *err)
{
    struct disk *disk = segments->options.disk;
    int file = segments->worker.file;
    uint8_t *bytes = malloc(SEGMENTS_READ_CHUNK);
    enum err_code code = ERR_NONE;

    if (!bytes) {
        return err_set(err, ERR_NOMEM, "no memory to mend the log's end");
    }
    while (from < end && code == ERR_NONE) {
        size_t size = end - from < SEGMENTS_READ_CHUNK ? (size_t)(end - from) : SEGMENTS_READ_CHUNK;
        size_t got = 0;

        code = disk->read(disk->self, file, from, bytes, size, &got, err);
        if (code == ERR_NONE && got != size) {
            code = err_set(err, ERR_IO, "offset %" PRIu64 ": the file got shorter", from);
        }
        if (code == ERR_NONE) {
            code = disk->write(disk->self, file, from, bytes, size, err);
        }
        from += size;
    }
    free(bytes);
    return code;
}

/* The successor's name is cleared in any case, before the file itself goes: the page as read may
 * come from a page cache that is not what the disk holds. */
static enum err_code mend_newest(struct segments *segments, const struct segments_mending *mending,
                                 struct err *err)
{
    const struct segment *last = &segments->items[segments->count - 1];
    struct disk *disk = segments->options.disk;
    enum err_code code = ERR_NONE;

    if (mending->torn) {
        code = write_zeros(segments, last->end, mending->torn_end, err);
    }
    if (code == ERR_NONE) {
        code = write_doubtful_again(segments, mending->doubtful, last->end, err);
    }
    if (code == ERR_NONE) {
        code = write_zeros(segments, SEGMENT_HEADER_SIZE, SEGMENT_RECORDS_OFFSET, err);
    }
    if (code == ERR_NONE) {
        code = disk->sync(disk->self, segments->worker.file, err);
    }
    return code;
}

enum err_code segments_mend(struct segments *segments, const struct segments_mending *mending,
                            struct segments_found *found, struct err *err)
{
    struct disk *disk = segments->options.disk;
    char name[SEGMENT_NAME_SIZE];
    enum err_code code = ERR_NONE;

    if (segments->count > 0) {
        segments_name(segments->worker.sequence, name);
        if (mending->torn) {
            uint64_t end = segments->items[segments->count - 1].end;

            (void)snprintf(found->note, sizeof found->note,
                           "%s: cut a torn tail of %" PRIu64 " bytes at offset %" PRIu64
                           ", behind entry %" PRIu64,
                           name, mending->torn_end - end, end, segments->last_index);
        }
        code = mend_newest(segments, mending, err);
        if (code != ERR_NONE) {
            return err_prefix(err, "%s", name);
        }
    }
    if (mending->unbegun > 0) {
        segments_name(mending->unbegun, name);
        code = disk->remove(disk->self, name, err);
    }
    return code ? code : disk->sync_dir(disk->self, err);
}
