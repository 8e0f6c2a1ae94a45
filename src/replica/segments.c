/* The log on disk, and the loop side of the log store: what is where, what goes next.
 *
 * The directory holds `meta-0`, `meta-1` and `segment-NNNNNNNNNN` (ten digits, from 1, no holes).
 * All integers are little-endian. Every checksum is XXH3-64 with seed 0. Other names are left
 * alone.
 *
 * Segment: preallocated and zero-filled, synced together with its name before its first record.
 *   offset size
 *        0    8  "CORVOLOG"
 *        8    8  checksum of bytes 16..4095
 *       16    4  version, 2
 *       20    4  length of the configuration, at most 4024
 *       24    8  cluster id: random, the same in all files and records of a cluster
 *       32    8  sequence: the number in the file's name
 *       40    8  first index: of the first record
 *       48    8  term of entry first index - 1; 0 when there is none
 *       56    8  size of the file
 *       64    8  index of the configuration; 0 when there is none
 *       72       configuration as of first index - 1, in libraft's coding; zeros up to 4095
 *     4096       successor page: all zeros, or from when the next segment's file and name are
 * durable 4096    8    "CORVNEXT" 4104    8    checksum of bytes 4112..8191 4112    8    cluster id
 *     4120    8    sequence of the next segment: one more
 *     4128    8    size of its file
 *     4136         zeros up to 8191
 *     8192       records, back to back; then zeros to the end of the file
 *
 * Record: starts at a multiple of 8.
 *        0    8  checksum of all that follows, the padding included
 *        8    4  length of the payload, at most 8 MiB
 *       12    4  type: 1 command, 2 barrier, 3 configuration change
 *       16    8  index: one more than that of the record before
 *       24    8  term: not below that of the record before
 *       32    8  cluster id
 *       40    8  durable index: the entries up to it had been synced when this record was written
 *       48       payload; zeros up to a multiple of 8
 *
 * Meta slot (the whole of meta-0 or meta-1):
 *        0    8  "CORVOMET"
 *        8    8  checksum of bytes 16..63
 *       16    4  version, 1
 *       20    4  zero
 *       24    8  cluster id
 *       32    8  sequence: the higher one is the newer slot
 *       40    8  term
 *       48    8  vote: a node id; 0 when none
 *       56    8  durable index: the entries up to it had been synced
 *
 * A batch is one write and one sync, the next one begins when that sync has returned; so a crash
 * can spoil only the last batch. The first bad record is a *torn tail*, to be cut, when it is in
 * the last segment and nothing shows that it had been synced: neither a valid record behind it nor
 * meta has a durable index that covers it. In all other cases it is damage, to be refused. The
 * limit: damage to the very last batch looks like a torn tail until the next batch, the next start
 * or a clean close has recorded that it is durable.
 *
 * A record never crosses segments. A segment without a valid header is one that was prepared and
 * not yet begun: only the last file may be one, and it is removed at start, when the segment before
 * no longer names it.
 *
 * A segment is begun only after the one before has named it in its successor page, synced. So a
 * segment that is followed by another has a valid page, and when the newest one has any byte in its
 * page, the file it names must be there: else acknowledged entries may have gone with it. A page
 * that is damaged while the next segment is not yet begun may have been torn: written anew. */
#include "replica/segments.h"

#include "replica/segments_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Kept free for barriers in a segment that has no successor. */
#define SEGMENT_RESERVE ((size_t)1024)

void segments_name(uint64_t sequence, char ret_name[SEGMENT_NAME_SIZE])
{
    (void)snprintf(ret_name, SEGMENT_NAME_SIZE, "segment-%010" PRIu64, sequence);
}

static struct segment *newest(const struct segments *segments)
{
    return segments->count > 0 ? &segments->items[segments->count - 1] : NULL;
}

static uint64_t end_position(const struct segments *segments)
{
    const struct segment *last = newest(segments);

    return last ? last->position + (last->end - SEGMENT_RECORDS_OFFSET) : 0;
}

enum err_code segments_reserve(struct segments *segments, size_t size, struct err *err)
{
    size_t marks_max = segments->mark_count + size / SEGMENTS_MARK_EVERY + 2;

    if (segments->count == segments->capacity) {
        uint32_t capacity = segments->capacity * 2 + 8;
        struct segment *items = realloc(segments->items, capacity * sizeof *items);

        if (!items) {
            return err_set(err, ERR_NOMEM, "no memory for %u segments", capacity);
        }
        segments->items = items;
        segments->capacity = capacity;
    }
    if (segments->mark_capacity < marks_max) {
        size_t capacity = marks_max * 2 + 64;
        struct segments_mark *marks = realloc(segments->marks, capacity * sizeof *marks);

        if (!marks) {
            return err_set(err, ERR_NOMEM, "no memory for %zu log marks", capacity);
        }
        segments->marks = marks;
        segments->mark_capacity = capacity;
    }
    return ERR_NONE;
}

void segments_account(struct segments *segments, uint64_t index, uint64_t term, size_t size)
{
    uint64_t position = end_position(segments);
    size_t count = segments->mark_count;

    if (count == 0 || position - segments->marks[count - 1].position >= SEGMENTS_MARK_EVERY) {
        assert(count < segments->mark_capacity);
        segments->marks[count] = (struct segments_mark){.index = index, .position = position};
        segments->mark_count++;
    }
    newest(segments)->end += size;
    assert(newest(segments)->end <= newest(segments)->file_size);
    segments->last_index = index;
    segments->last_term = term;
}

static uint64_t size_of_next(const struct segments *segments)
{
    return segments->count == 0 ? segments->options.first_size : segments->options.segment_size;
}

static bool fits(const struct segments *segments, size_t size)
{
    const struct segment *last = newest(segments);

    return last && size <= last->file_size - last->end;
}

enum err_code segments_room(struct segments *segments, size_t size, bool urgent, struct err *err)
{
    bool alone = segments->spare == SPARE_FAILED && !urgent;

    if (size > size_of_next(segments) - SEGMENT_RECORDS_OFFSET) {
        return err_set(err, ERR_TOO_LARGE, "%zu bytes do not fit in a log segment of %" PRIu64,
                       size, size_of_next(segments));
    }
    if (alone && !fits(segments, size + SEGMENT_RESERVE)) {
        return err_set(err, ERR_NO_SPACE, "no space on disk for the next log segment");
    }
    return segments_reserve(segments, size, err);
}

static void begin_segment(struct segments *segments, uint64_t first_index)
{
    const struct segment *last = newest(segments);
    struct segment *next = &segments->items[segments->count];

    assert(segments->count < segments->capacity);
    *next = (struct segment){
        .sequence = last ? last->sequence + 1 : 1,
        .first_index = first_index,
        .previous_term = segments->last_term,
        .file_size = size_of_next(segments),
        .end = SEGMENT_RECORDS_OFFSET,
        .position = end_position(segments),
    };
    segments->count++;
    segments->spare = SPARE_NONE;
}

void segments_plan(struct segments *segments, const struct log_entry *first, uint32_t count,
                   struct segments_configuration configuration, struct segments_write *ret_write)
{
    struct segments_write *write = ret_write;
    const struct log_entry *entry = first;
    size_t size = 0;

    assert(count > 0 && first->index == segments->last_index + 1);
    assert(configuration.bytes.size <= SEGMENT_CONFIGURATION_MAX);
    for (uint32_t i = 0; i < count; i++, entry = i < count ? entry->next : entry) {
        size += record_size(entry->size);
    }
    write->first = first;
    write->count = count;
    write->previous_term = segments->last_term;
    write->roll = !fits(segments, size);
    write->resume = false;
    if (write->roll) {
        begin_segment(segments, first->index);
        write->configuration_index = configuration.index;
        write->configuration_size = configuration.bytes.size;
        if (configuration.bytes.size > 0) {
            memcpy(write->configuration, configuration.bytes.data, configuration.bytes.size);
        }
    }
    write->sequence = newest(segments)->sequence;
    write->offset = write->roll ? 0 : newest(segments)->end;
    entry = first;
    for (uint32_t i = 0; i < count; i++, entry = i < count ? entry->next : entry) {
        assert(entry->index == segments->last_index + 1 && entry->term >= segments->last_term);
        segments_account(segments, entry->index, entry->term, record_size(entry->size));
    }
    write->last_index = segments->last_index;
}

bool segments_wants_prepare(const struct segments *segments)
{
    return segments->count > 0 &&
           (segments->spare == SPARE_NONE || segments->spare == SPARE_FAILED);
}

void segments_prepare_plan(struct segments *segments, struct segments_prepare *ret_prepare)
{
    assert(segments_wants_prepare(segments));
    ret_prepare->sequence = newest(segments)->sequence + 1;
    ret_prepare->err = (struct err){0};
    /* After a failure there is no successor until one is there: submits stay refused while it is
     * tried again. */
    if (segments->spare == SPARE_NONE) {
        segments->spare = SPARE_PENDING;
    }
}

bool segments_lacks_space(const struct segments *segments)
{
    return segments->spare == SPARE_FAILED;
}

void segments_prepare_done(struct segments *segments, const struct segments_prepare *prepare)
{
    /* A write may have begun that segment meanwhile: then the next one is wanted. */
    if (prepare->sequence != newest(segments)->sequence + 1) {
        return;
    }
    segments->spare = prepare->err.code == ERR_NONE ? SPARE_READY : SPARE_FAILED;
}

bool segments_cut_plan(struct segments *segments, uint64_t index, uint64_t stored_index,
                       struct segments_cut *ret_cut)
{
    uint32_t count = 0;

    /* The successor must have begun on disk: until then its predecessor is the only segment there
     * is. */
    while (count + 1 < segments->count && segments->items[count + 1].first_index <= stored_index &&
           segments->items[count + 1].first_index - 1 <= index) {
        count++;
    }
    if (count == 0) {
        return false;
    }
    *ret_cut = (struct segments_cut){.sequence = segments->items[0].sequence, .count = count};
    return true;
}

static void drop_marks(struct segments *segments)
{
    uint64_t first_index = segments->items[0].first_index;
    size_t drop = 0;

    while (drop + 1 < segments->mark_count && segments->marks[drop + 1].index <= first_index) {
        drop++;
    }
    segments->mark_count -= drop;
    memmove(segments->marks, segments->marks + drop,
            segments->mark_count * sizeof *segments->marks);
}

bool segments_cut_done(struct segments *segments, const struct segments_cut *cut,
                       uint64_t *ret_last_index, uint64_t *ret_last_term)
{
    assert(cut->removed < segments->count);
    if (cut->removed == 0) {
        return false;
    }
    assert(segments->items[0].sequence == cut->sequence);
    segments->count -= cut->removed;
    memmove(segments->items, segments->items + cut->removed,
            segments->count * sizeof *segments->items);
    drop_marks(segments);
    segments_base(segments, ret_last_index, ret_last_term);
    return true;
}

void segments_base(const struct segments *segments, uint64_t *ret_last_index,
                   uint64_t *ret_last_term)
{
    *ret_last_index = segments->count > 0 ? segments->items[0].first_index - 1 : 0;
    *ret_last_term = segments->count > 0 ? segments->items[0].previous_term : 0;
}

uint64_t segments_first_index(const struct segments *segments)
{
    return segments->count > 0 ? segments->items[0].first_index : 1;
}

uint64_t segments_last_index(const struct segments *segments)
{
    return segments->last_index;
}

uint64_t segments_last_term(const struct segments *segments)
{
    return segments->last_term;
}

uint64_t segments_bytes(const struct segments *segments)
{
    return segments->count > 0 ? end_position(segments) - segments->items[0].position : 0;
}

uint64_t segments_bytes_after(const struct segments *segments, uint64_t index)
{
    size_t low = 0;
    size_t high = segments->mark_count;
    uint64_t position;

    if (index >= segments->last_index || high == 0) {
        return 0;
    }
    /* The last mark at or before the first entry above index. */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (segments->marks[middle].index <= index + 1) {
            low = middle;
        } else {
            high = middle;
        }
    }
    position = segments->marks[low].position;
    if (position < segments->items[0].position) {
        position = segments->items[0].position;
    }
    return end_position(segments) - position;
}

void segments_close(struct segments *segments)
{
    struct disk *disk;

    if (!segments) {
        return;
    }
    disk = segments->options.disk;
    if (segments->worker.file >= 0) {
        disk->close(disk->self, segments->worker.file);
    }
    if (segments->worker.spare_file >= 0) {
        disk->close(disk->self, segments->worker.spare_file);
    }
    free(segments->worker.bytes);
    free(segments->marks);
    free(segments->items);
    free(segments);
}
