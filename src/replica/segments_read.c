/* Reading segments: a window that slides over a file, and a cursor over the log for replay.
 *
 * Memory is bounded by the window: 256 KiB, or one record when that is larger. */
#include "replica/segments_internal.h"

#include <inttypes.h>
#include <stdlib.h>

struct segments_cursor {
    const struct segments *segments;
    struct segments_reader reader;
    uint64_t sequence;
    uint64_t offset;
    uint64_t index; /* Wanted next. */
    bool opened;    /* The reader's file is that of `sequence`. */
};

static enum err_code reader_grow(struct segments_reader *reader, size_t size, struct err *err)
{
    size_t capacity = size > SEGMENTS_READ_CHUNK ? size : SEGMENTS_READ_CHUNK;
    uint8_t *bytes;

    if (reader->capacity >= capacity) {
        return ERR_NONE;
    }
    bytes = realloc(reader->bytes, capacity);
    if (!bytes) {
        return err_set(err, ERR_NOMEM, "no %zu bytes to read the log", capacity);
    }
    reader->bytes = bytes;
    reader->capacity = capacity;
    return ERR_NONE;
}

enum err_code segments_reader_at(struct segments_reader *reader, uint64_t offset, size_t size,
                                 struct slice *ret_bytes, struct err *err)
{
    uint64_t end = reader->start + reader->size;
    enum err_code code;
    size_t kept = 0;
    size_t more;

    if (offset >= reader->start && offset + size <= end) {
        *ret_bytes = slice_of(reader->bytes + (offset - reader->start), size);
        return ERR_NONE;
    }
    code = reader_grow(reader, size, err);
    if (code != ERR_NONE) {
        return code;
    }
    if (offset >= reader->start && offset < end) {
        kept = (size_t)(end - offset);
        memmove(reader->bytes, reader->bytes + (offset - reader->start), kept);
    }
    reader->start = offset;
    reader->size = kept;
    code = reader->disk->read(reader->disk->self, reader->file, offset + kept, reader->bytes + kept,
                              reader->capacity - kept, &more, err);
    if (code != ERR_NONE) {
        return code;
    }
    reader->size += more;
    *ret_bytes = slice_of(reader->bytes, size < reader->size ? size : reader->size);
    return ERR_NONE;
}

enum err_code segments_reader_record(struct segments_reader *reader, uint64_t offset,
                                     struct record *ret_record, bool *ret_found, struct err *err)
{
    struct slice bytes;
    enum err_code code;
    size_t size;

    *ret_found = false;
    code = segments_reader_at(reader, offset, RECORD_HEADER_SIZE, &bytes, err);
    if (code != ERR_NONE || bytes.size < RECORD_HEADER_SIZE) {
        return code;
    }
    size = record_peek_size(bytes.data);
    if (size == 0) {
        return ERR_NONE;
    }
    code = segments_reader_at(reader, offset, size, &bytes, err);
    if (code != ERR_NONE) {
        return code;
    }
    *ret_found = record_decode(bytes, ret_record);
    return ERR_NONE;
}

bool segments_is_zero(struct slice bytes)
{
    return bytes.size == 0 ||
           (bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

enum err_code segments_reader_end(struct segments_reader *reader, uint64_t from, uint64_t *ret_end,
                                  struct err *err)
{
    uint64_t end = from;

    for (uint64_t at = from;;) {
        struct slice bytes;
        enum err_code code = segments_reader_at(reader, at, SEGMENTS_READ_CHUNK, &bytes, err);
        size_t size;

        if (code != ERR_NONE) {
            return code;
        }
        if (bytes.size == 0) {
            break;
        }
        if (!segments_is_zero(bytes)) {
            for (size = bytes.size; bytes.data[size - 1] == 0; size--) {
            }
            end = at + size;
        }
        at += bytes.size;
    }
    *ret_end = end;
    return ERR_NONE;
}

void segments_reader_done(struct segments_reader *reader)
{
    free(reader->bytes);
    reader->bytes = NULL;
    reader->capacity = 0;
    reader->size = 0;
}

enum err_code segments_cursor_open(const struct segments *segments, uint64_t index,
                                   struct segments_cursor **ret_cursor, struct err *err)
{
    struct segments_cursor *cursor = calloc(1, sizeof *cursor);
    uint32_t at = segments->count;

    assert(index >= segments->items[0].first_index && index <= segments->last_index);
    if (!cursor) {
        return err_set(err, ERR_NOMEM, "no memory to read the log");
    }
    while (at > 1 && segments->items[at - 1].first_index > index) {
        at--;
    }
    cursor->segments = segments;
    cursor->reader.disk = segments->options.disk;
    cursor->sequence = segments->items[at - 1].sequence;
    cursor->index = index;
    *ret_cursor = cursor;
    return ERR_NONE;
}

static void cursor_leave(struct segments_cursor *cursor)
{
    struct disk *disk = cursor->reader.disk;

    if (cursor->opened) {
        disk->close(disk->self, cursor->reader.file);
        cursor->opened = false;
    }
}

static enum err_code cursor_enter(struct segments_cursor *cursor, struct err *err)
{
    struct disk *disk = cursor->reader.disk;
    char name[SEGMENT_NAME_SIZE];
    enum err_code code;

    segments_name(cursor->sequence, name);
    code = disk->open(disk->self, name, false, 0, &cursor->reader.file, err);
    if (code != ERR_NONE) {
        return err_prefix(err, "%s", name);
    }
    cursor->opened = true;
    cursor->reader.start = 0;
    cursor->reader.size = 0;
    cursor->offset = SEGMENT_RECORDS_OFFSET;
    return ERR_NONE;
}

/* The record at the cursor, or none when this segment is read to its end. */
static enum err_code cursor_read(struct segments_cursor *cursor, struct record *ret_record,
                                 bool *ret_found, struct err *err)
{
    char name[SEGMENT_NAME_SIZE];
    enum err_code code;

    segments_name(cursor->sequence, name);
    code = segments_reader_record(&cursor->reader, cursor->offset, ret_record, ret_found, err);
    if (code != ERR_NONE) {
        return err_prefix(err, "%s", name);
    }
    if (!*ret_found &&
        cursor->sequence >= cursor->segments->items[cursor->segments->count - 1].sequence) {
        return err_set(err, ERR_CORRUPT, "%s: no valid record at offset %" PRIu64, name,
                       cursor->offset);
    }
    return ERR_NONE;
}

enum err_code segments_cursor_next(struct segments_cursor *cursor, struct record *ret_record,
                                   struct err *err)
{
    struct record record;

    for (;;) {
        enum err_code code = cursor->opened ? ERR_NONE : cursor_enter(cursor, err);
        bool found;

        if (code == ERR_NONE) {
            code = cursor_read(cursor, &record, &found, err);
        }
        if (code != ERR_NONE) {
            return code;
        }
        if (!found) {
            cursor_leave(cursor);
            cursor->sequence++;
            continue;
        }
        cursor->offset += record_size(record.payload.size);
        if (record.index < cursor->index) {
            continue;
        }
        if (record.index > cursor->index) {
            return err_set(err, ERR_CORRUPT, "entry %" PRIu64 " is missing before entry %" PRIu64,
                           cursor->index, record.index);
        }
        cursor->index++;
        *ret_record = record;
        return ERR_NONE;
    }
}

void segments_cursor_close(struct segments_cursor *cursor)
{
    if (!cursor) {
        return;
    }
    cursor_leave(cursor);
    segments_reader_done(&cursor->reader);
    free(cursor);
}
