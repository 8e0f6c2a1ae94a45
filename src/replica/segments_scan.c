/* Opening the log: reads and verifies every byte, and tells a torn tail, which is cut, from damage,
 * which is refused.
 *
 * Nothing is changed on disk before all of it has been judged. The rules are at the head of
 * segments.c. */
#include "replica/segments_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LIST_ARENA_MAX (4 * MIB)

/* What a segment's successor page says. */
enum successor_state {
    SUCCESSOR_NONE,
    SUCCESSOR_NAMED,
    SUCCESSOR_DAMAGED, /* Or torn. In any case there was to be a name, so there is a file. */
};

struct scan {
    struct segments *segments;
    segments_visit visit;
    void *visit_self;
    struct segments_found *found;
    struct segments_reader reader;
    char name[SEGMENT_NAME_SIZE]; /* Of the file being read. */
    uint64_t sequence;
    uint64_t file_size;
    uint64_t offset;     /* In that file. */
    uint64_t *sequences; /* Of the files there are, ascending. */
    uint32_t sequence_count;
    /* The newest segment needs to be made durable from mending.doubtful on. The batch boundary
     * behind it takes its place once a record says that all before it is durable. */
    struct segments_mending mending;
    uint64_t next_doubtful;
    uint64_t next_doubtful_index;
    enum successor_state successor_state; /* Of the newest segment. */
    struct segment_successor successor;   /* When it is named. */
};

static int compare_sequences(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

/* The number in "segment-0000000007"; 0 when it is another file. */
static uint64_t sequence_of(const char *name)
{
    char expected[SEGMENT_NAME_SIZE];
    uint64_t sequence = 0;

    if (strncmp(name, "segment-", 8) != 0 || strlen(name) != 18) {
        return 0;
    }
    for (const char *digit = name + 8; *digit; digit++) {
        if (*digit < '0' || *digit > '9') {
            return 0;
        }
        sequence = sequence * 10 + (uint64_t)(*digit - '0');
    }
    segments_name(sequence, expected);
    return strcmp(name, expected) == 0 ? sequence : 0;
}

static enum err_code list_sequences(struct scan *scan, struct err *err)
{
    struct disk *disk = scan->segments->options.disk;
    struct arena arena;
    const char **names;
    uint32_t count;
    enum err_code code;

    arena_init(&arena, LIST_ARENA_MAX);
    code = disk->list(disk->self, &arena, &names, &count, err);
    if (code != ERR_NONE) {
        goto out;
    }
    scan->sequences = calloc((size_t)count + 1, sizeof *scan->sequences);
    if (!scan->sequences) {
        code = err_set(err, ERR_NOMEM, "no memory to list %u files", count);
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sequence = sequence_of(names[i]);

        if (sequence > 0) {
            scan->sequences[scan->sequence_count++] = sequence;
        }
    }
    qsort(scan->sequences, scan->sequence_count, sizeof *scan->sequences, compare_sequences);
out:
    arena_done(&arena);
    return code;
}

static enum err_code check_sequences(const struct scan *scan, struct err *err)
{
    char name[SEGMENT_NAME_SIZE];

    for (uint32_t i = 1; i < scan->sequence_count; i++) {
        if (scan->sequences[i] != scan->sequences[i - 1] + 1) {
            segments_name(scan->sequences[i - 1] + 1, name);
            return err_set(err, ERR_CORRUPT, "%s is missing (offset 0)", name);
        }
    }
    return ERR_NONE;
}

/* Refuses when bytes in [from, end) show that entry last + 1, which is not at `from` as it should
 * be, had been synced. */
static enum err_code check_unsynced(struct scan *scan, uint64_t from, uint64_t end, struct err *err)
{
    uint64_t expected = scan->segments->last_index + 1;

    if (scan->segments->options.durable_index >= expected) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": damaged: entry %" PRIu64 " had been synced",
                       scan->name, from, expected);
    }
    for (uint64_t at = from; at + RECORD_HEADER_SIZE <= end; at += 8) {
        struct record record;
        struct slice bytes;
        bool found = false;
        enum err_code code;

        code = segments_reader_at(&scan->reader, at, RECORD_HEADER_SIZE, &bytes, err);
        if (code == ERR_NONE && !segments_is_zero(bytes)) {
            code = segments_reader_record(&scan->reader, at, &record, &found, err);
        }
        if (code != ERR_NONE) {
            return code;
        }
        if (found && record.durable_index >= expected) {
            return err_set(err, ERR_CORRUPT,
                           "%s: offset %" PRIu64 ": damaged: entry %" PRIu64
                           " had been synced, says entry %" PRIu64 " at offset %" PRIu64,
                           scan->name, from, expected, record.index, at);
        }
    }
    return ERR_NONE;
}

static enum err_code check_header(struct scan *scan, const struct segment_header *header,
                                  struct err *err)
{
    const struct segments *segments = scan->segments;
    bool first = segments->count == 0;

    if (header->cluster_id != segments->options.cluster_id) {
        return err_set(err, ERR_CORRUPT, "%s: offset 24: belongs to another cluster", scan->name);
    }
    if (header->sequence != scan->sequence) {
        return err_set(err, ERR_CORRUPT, "%s: offset 32: is segment %" PRIu64 " by its header",
                       scan->name, header->sequence);
    }
    if (header->file_size != scan->file_size) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": the file ends, but it should have %" PRIu64
                       " bytes",
                       scan->name, scan->file_size, header->file_size);
    }
    if (!first && header->first_index != segments->last_index + 1) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset 40: starts with entry %" PRIu64 ", entry %" PRIu64
                       " is missing at offset %" PRIu64 " of the segment before",
                       scan->name, header->first_index, segments->last_index + 1,
                       segments->items[segments->count - 1].end);
    }
    if (!first && header->previous_term != segments->last_term) {
        return err_set(err, ERR_CORRUPT, "%s: offset 48: the term before it was %" PRIu64,
                       scan->name, segments->last_term);
    }
    return ERR_NONE;
}

/* The segment before this one, which has a header, must have named it before it was begun. */
static enum err_code check_named(struct scan *scan, struct err *err)
{
    if (scan->segments->count == 0 || scan->successor_state == SUCCESSOR_NAMED) {
        return ERR_NONE;
    }
    segments_name(scan->sequence - 1, scan->name);
    return err_set(err, ERR_CORRUPT,
                   "%s: offset %zu: damaged: it does not name segment %" PRIu64 ", which was begun",
                   scan->name, SEGMENT_HEADER_SIZE, scan->sequence);
}

/* Takes note of what the segment says of the next one. */
static enum err_code take_successor(struct scan *scan, struct slice page, struct err *err)
{
    struct segment_successor *successor = &scan->successor;

    if (segments_is_zero(page)) {
        scan->successor_state = SUCCESSOR_NONE;
        return ERR_NONE;
    }
    if (!segment_successor_decode(page, successor)) {
        scan->successor_state = SUCCESSOR_DAMAGED;
        return ERR_NONE;
    }
    if (successor->cluster_id != scan->segments->options.cluster_id ||
        successor->sequence != scan->sequence + 1) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %zu: names segment %" PRIu64 " of cluster %" PRIx64, scan->name,
                       SEGMENT_HEADER_SIZE, successor->sequence, successor->cluster_id);
    }
    scan->successor_state = SUCCESSOR_NAMED;
    return ERR_NONE;
}

static enum err_code begin_segment(struct scan *scan, const struct segment_header *header,
                                   struct err *err)
{
    struct segments *segments = scan->segments;
    const struct segment *last = segments->count > 0 ? &segments->items[segments->count - 1] : NULL;
    enum err_code code = segments_reserve(segments, header->file_size, err);

    if (code != ERR_NONE) {
        return code;
    }
    last = segments->count > 0 ? &segments->items[segments->count - 1] : NULL;
    if (!last) {
        segments->last_index = header->first_index - 1;
        segments->last_term = header->previous_term;
        scan->found->first_index = header->first_index;
        scan->found->configuration_index = header->configuration_index;
        scan->found->configuration_size = header->configuration.size;
        memcpy(scan->found->configuration, header->configuration.data, header->configuration.size);
    }
    segments->items[segments->count] = (struct segment){
        .sequence = header->sequence,
        .first_index = header->first_index,
        .previous_term = header->previous_term,
        .file_size = header->file_size,
        .end = SEGMENT_RECORDS_OFFSET,
        .position = last ? last->position + last->end - SEGMENT_RECORDS_OFFSET : 0,
    };
    segments->count++;
    return ERR_NONE;
}

static enum err_code check_record(const struct scan *scan, const struct record *record,
                                  struct err *err)
{
    const struct segments *segments = scan->segments;

    if (record->cluster_id != segments->options.cluster_id) {
        return err_set(err, ERR_CORRUPT, "%s: offset %" PRIu64 ": belongs to another cluster",
                       scan->name, scan->offset);
    }
    if (record->index != segments->last_index + 1) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": entry %" PRIu64 " where %" PRIu64 " should be",
                       scan->name, scan->offset, record->index, segments->last_index + 1);
    }
    if (record->term < segments->last_term) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": term %" PRIu64 " after term %" PRIu64, scan->name,
                       scan->offset, record->term, segments->last_term);
    }
    return ERR_NONE;
}

/* Moves the doubt past what this record, the newest, says is durable. */
static void narrow_doubt(struct scan *scan, const struct record *record)
{
    uint64_t durable_index = scan->segments->options.durable_index;

    if (record->durable_index > durable_index) {
        durable_index = record->durable_index;
    }
    if (durable_index + 1 >= scan->next_doubtful_index) {
        scan->mending.doubtful = scan->next_doubtful;
        /* The header was one write with the first record. */
        scan->next_doubtful = scan->offset == SEGMENT_RECORDS_OFFSET ? 0 : scan->offset;
        scan->next_doubtful_index = record->index;
    }
}

static enum err_code scan_records(struct scan *scan, struct err *err)
{
    for (;;) {
        struct record record;
        bool found;
        enum err_code code =
            segments_reader_record(&scan->reader, scan->offset, &record, &found, err);

        if (code != ERR_NONE || !found) {
            return code;
        }
        code = check_record(scan, &record, err);
        if (code == ERR_NONE) {
            code = scan->visit(scan->visit_self, &record, err);
        }
        if (code != ERR_NONE) {
            return code;
        }
        narrow_doubt(scan, &record);
        segments_account(scan->segments, record.index, record.term,
                         record_size(record.payload.size));
        scan->offset += record_size(record.payload.size);
    }
}

/* A last file without a valid header. */
static enum err_code scan_unbegun(struct scan *scan, const struct err *why, struct err *err)
{
    struct segments *segments = scan->segments;
    enum err_code code;
    uint64_t end;

    if (scan->sequence != scan->sequences[scan->sequence_count - 1] ||
        (segments->count == 0 && scan->sequence != 1)) {
        return err_set(err, ERR_CORRUPT, "%s: %s", scan->name, why->text);
    }
    if (segments->count > 0 && scan->successor_state == SUCCESSOR_NAMED &&
        scan->file_size != scan->successor.file_size) {
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": the file ends, but it was made with %" PRIu64
                       " bytes",
                       scan->name, scan->file_size, scan->successor.file_size);
    }
    code = segments_reader_end(&scan->reader, 0, &end, err);
    if (code == ERR_NONE && (end > 0 || scan->file_size < SEGMENT_RECORDS_OFFSET)) {
        code = check_unsynced(scan, 0, end, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    if (end > 0) {
        (void)snprintf(scan->found->note, sizeof scan->found->note,
                       "%s: removed, its first batch was torn", scan->name);
    }
    scan->mending.unbegun = scan->sequence;
    return ERR_NONE;
}

/* The records of a segment whose header was good, and what is behind them. */
static enum err_code scan_begun(struct scan *scan, uint64_t first_index, struct err *err)
{
    struct segments_mending *mending = &scan->mending;
    struct slice page;
    enum err_code code =
        segments_reader_at(&scan->reader, SEGMENT_HEADER_SIZE, SEGMENT_SUCCESSOR_SIZE, &page, err);

    if (code == ERR_NONE) {
        code = take_successor(scan, page, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    scan->offset = SEGMENT_RECORDS_OFFSET;
    mending->doubtful = scan->next_doubtful = 0;
    scan->next_doubtful_index = first_index;
    code = scan_records(scan, err);
    if (code == ERR_NONE) {
        code = segments_reader_end(&scan->reader, scan->offset, &mending->torn_end, err);
    }
    if (code == ERR_NONE && mending->torn_end > scan->offset) {
        mending->torn = true;
        code = check_unsynced(scan, scan->offset, mending->torn_end, err);
    }
    return code;
}

static enum err_code scan_file(struct scan *scan, struct err *err)
{
    struct segment_header header;
    struct err why = {0};
    struct slice bytes;
    enum err_code code;

    code = segments_reader_at(&scan->reader, 0, SEGMENT_HEADER_SIZE, &bytes, err);
    if (code != ERR_NONE) {
        return code;
    }
    code = segment_header_decode(bytes, &header, &why);
    if (code == ERR_CORRUPT) {
        return scan_unbegun(scan, &why, err);
    }
    if (code != ERR_NONE) {
        return err_set(err, code, "%s: %s", scan->name, why.text);
    }
    if (scan->mending.torn) {
        segments_name(scan->sequence - 1, scan->name);
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": damaged: it is not the last segment", scan->name,
                       scan->segments->items[scan->segments->count - 1].end);
    }
    code = check_header(scan, &header, err);
    if (code == ERR_NONE) {
        code = check_named(scan, err);
    }
    if (code == ERR_NONE) {
        code = begin_segment(scan, &header, err);
    }
    return code ? code : scan_begun(scan, header.first_index, err);
}

/* Reads one file; that of the newest segment stays open for the worker. */
static enum err_code scan_sequence(struct scan *scan, uint64_t sequence, struct err *err)
{
    struct segments_worker *worker = &scan->segments->worker;
    struct disk *disk = scan->segments->options.disk;
    uint32_t count = scan->segments->count;
    enum err_code code;
    int file;

    scan->sequence = sequence;
    segments_name(sequence, scan->name);
    code = disk->open(disk->self, scan->name, false, 0, &file, err);
    if (code != ERR_NONE) {
        return err_prefix(err, "%s", scan->name);
    }
    scan->reader.disk = disk;
    scan->reader.file = file;
    scan->reader.start = 0;
    scan->reader.size = 0;
    code = disk->size(disk->self, file, &scan->file_size, err);
    if (code == ERR_NONE) {
        code = scan_file(scan, err);
    }
    if (code != ERR_NONE || scan->segments->count == count) {
        disk->close(disk->self, file);
        return code;
    }
    if (worker->file >= 0) {
        disk->close(disk->self, worker->file);
    }
    worker->file = file;
    worker->sequence = sequence;
    worker->file_size = scan->file_size;
    worker->written = scan->offset;
    return ERR_NONE;
}

/* A log that starts too late has lost its first segments; they can not be told by their numbers,
 * since the first ones are removed in time. */
static enum err_code check_start(struct scan *scan, struct err *err)
{
    const struct segments *segments = scan->segments;
    uint64_t needed_index = segments->options.needed_index;

    if (segments->count == 0 || !needed_index || segments->items[0].first_index <= needed_index) {
        return ERR_NONE;
    }
    segments_name(segments->items[0].sequence, scan->name);
    return err_set(err, ERR_CORRUPT,
                   "%s: offset 40: it is the oldest segment and starts with entry %" PRIu64
                   ", but entry %" PRIu64 " is needed: older segments are missing",
                   scan->name, segments->items[0].first_index, needed_index);
}

/* The newest segment may not speak of a file that is gone: what was acknowledged last may have been
 * in it. */
static enum err_code check_end(struct scan *scan, struct err *err)
{
    uint64_t newest = scan->segments->worker.sequence;
    char missing[SEGMENT_NAME_SIZE];

    if (scan->segments->count == 0 || scan->successor_state == SUCCESSOR_NONE) {
        return ERR_NONE;
    }
    segments_name(newest, scan->name);
    if (scan->mending.unbegun == 0) {
        segments_name(newest + 1, missing);
        return err_set(err, ERR_CORRUPT, "%s is missing: %s: offset %zu: says that it %s", missing,
                       scan->name, SEGMENT_HEADER_SIZE,
                       scan->successor_state == SUCCESSOR_NAMED ? "was made"
                                                                : "was made, or is damaged");
    }
    if (scan->successor_state == SUCCESSOR_DAMAGED && !scan->found->note[0]) {
        (void)snprintf(scan->found->note, sizeof scan->found->note,
                       "%s: offset %zu: the successor's name was torn or damaged, and is cleared",
                       scan->name, SEGMENT_HEADER_SIZE);
    }
    return ERR_NONE;
}

static enum err_code scan_all(struct scan *scan, struct err *err)
{
    const struct segments *segments = scan->segments;
    enum err_code code = list_sequences(scan, err);

    if (code == ERR_NONE) {
        code = check_sequences(scan, err);
    }
    for (uint32_t i = 0; i < scan->sequence_count && code == ERR_NONE; i++) {
        code = scan_sequence(scan, scan->sequences[i], err);
    }
    if (code == ERR_NONE) {
        code = check_end(scan, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    if (segments->count == 0 && segments->options.durable_index > 0) {
        return err_set(err, ERR_CORRUPT,
                       "segment-*: offset 0: there is no log, but entry %" PRIu64
                       " had been synced",
                       segments->options.durable_index);
    }
    if (segments->options.durable_index > segments->last_index) {
        segments_name(segments->worker.sequence, scan->name);
        return err_set(err, ERR_CORRUPT,
                       "%s: offset %" PRIu64 ": the log ends with entry %" PRIu64
                       ", but entry %" PRIu64 " had been synced",
                       scan->name, segments->worker.written, segments->last_index,
                       segments->options.durable_index);
    }
    code = check_start(scan, err);
    return code ? code : segments_mend(scan->segments, &scan->mending, scan->found, err);
}

enum err_code segments_exist(struct disk *disk, bool *ret_exist, struct err *err)
{
    struct arena arena;
    const char **names;
    uint32_t count;
    enum err_code code;

    arena_init(&arena, LIST_ARENA_MAX);
    code = disk->list(disk->self, &arena, &names, &count, err);
    if (code == ERR_NONE) {
        *ret_exist = false;
        for (uint32_t i = 0; i < count; i++) {
            *ret_exist = *ret_exist || sequence_of(names[i]) > 0;
        }
    }
    arena_done(&arena);
    return code;
}

enum err_code segments_open(const struct segments_options *options, segments_visit visit,
                            void *self, struct segments **ret_segments,
                            struct segments_found *ret_found, struct err *err)
{
    struct scan scan = {.visit = visit, .visit_self = self, .found = ret_found};
    struct segments *segments = calloc(1, sizeof *segments);
    enum err_code code;

    assert(options->segment_size >= SEGMENT_SIZE_MIN);
    assert(options->first_size >= SEGMENT_SIZE_MIN);
    if (!segments) {
        return err_set(err, ERR_NOMEM, "no memory for the log");
    }
    *ret_found = (struct segments_found){.first_index = 1};
    segments->options = *options;
    segments->worker.file = -1;
    segments->worker.spare_file = -1;
    scan.segments = segments;
    code = scan_all(&scan, err);
    segments_reader_done(&scan.reader);
    free(scan.sequences);
    if (code != ERR_NONE) {
        segments_close(segments);
        return code;
    }
    /* What was read is synced now. */
    segments->worker.durable_index = segments->last_index;
    ret_found->empty = segments->last_index == 0;
    ret_found->last_index = segments->last_index;
    *ret_segments = segments;
    return ERR_NONE;
}
